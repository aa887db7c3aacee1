/* Log lines, as they leave: standard error is a pipe here, and each read is one write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"

static char line[16384];

/* Writes one line with these settings and fields into `line`. */
static void capture(enum log_form form, const char *node, const struct log_field *fields,
                    size_t count)
{
  int ends[2], saved = dup(STDERR_FILENO);
  assert_int_equal(pipe(ends), 0);
  dup2(ends[1], STDERR_FILENO);
  log_start(LOG_INFO, form, node);
  log_write(LOG_INFO, "session_open", fields, count);
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(ends[1]);
  ssize_t len = read(ends[0], line, sizeof line - 1);
  assert_true(len > 0);
  line[len] = '\0';
  assert_int_equal(line[len - 1], '\n');
  assert_ptr_equal(strchr(line, '\n'), line + len - 1); /* one line */
  close(ends[0]);
}

#define CAPTURE(form, node, ...)                                   \
  do {                                                             \
    const struct log_field fields[] = {__VA_ARGS__};               \
    capture(form, node, fields, sizeof fields / sizeof fields[0]); \
  } while (0)

/* What follows the time, which is at the front. */
static const char *behind_time(void)
{
  const char *level = strstr(line, "level");
  assert_non_null(level);
  return level;
}

static void key_and_value(void **state)
{
  (void)state;
  CAPTURE(LOG_KEY_VALUE, "gw-1.0", LOG_S("user", "alice"), LOG_N("port", 8080), LOG_N("n", -1));
  assert_int_equal(strncmp(line, "time=2", 6), 0);
  assert_string_equal(behind_time(),
                      "level=info node=gw-1.0 event=session_open user=alice port=8080 n=-1\n");
}

static void without_a_node_there_is_none(void **state)
{
  (void)state;
  CAPTURE(LOG_KEY_VALUE, NULL, LOG_S("user", "alice"));
  assert_string_equal(behind_time(), "level=info event=session_open user=alice\n");
}

/* A user may be called anything; no name forges a line or a key. */
static void what_could_mislead_is_quoted(void **state)
{
  (void)state;
  CAPTURE(LOG_KEY_VALUE, "n", LOG_S("a", "x y"), LOG_S("b", "x=y"), LOG_S("c", "\"q\""),
          LOG_S("d", "a\nlevel=error"), LOG_S("e", ""), LOG_S("f", "back\\slash"),
          LOG_S("g", "a\xc2\x85\xe2\x80\xa8z\xe2\x80\xa6"));
  assert_string_equal(behind_time(),
                      "level=info node=n event=session_open a=\"x y\" b=\"x=y\" c=\"\\\"q\\\"\" "
                      "d=\"a\\nlevel=error\" e=\"\" f=\"back\\\\slash\" "
                      "g=a??z\xe2\x80\xa6\n");
}

static void json_is_json_whatever_the_bytes(void **state)
{
  (void)state;
  CAPTURE(LOG_JSON, "n", LOG_S("user", "a\"\n\xff\xc3\xa9"), LOG_N("port", 1));
  assert_int_equal(json_check(slice_of(line)), ERR_OK);
  assert_true(slice_is(json_member(slice_of(line), SLICE("user")), "\"a\\\"\\n?\xc3\xa9\""));
  assert_true(slice_is(json_member(slice_of(line), SLICE("port")), "1"));
  assert_true(slice_is(json_member(slice_of(line), SLICE("event")), "\"session_open\""));
}

static void long_values_are_cut(void **state)
{
  (void)state;
  char name[4000];
  for (size_t i = 0; i + 1 < sizeof name; i += 2) memcpy(name + i, "\xc3\xa9", 2);
  name[sizeof name - 2] = '\0';
  CAPTURE(LOG_JSON, "n", LOG_S("user", name));
  assert_true(strlen(line) < 1000);
  assert_int_equal(json_check(slice_of(line)), ERR_OK);
}

static int asked;

static int count_asked(void)
{
  return ++asked;
}

static void what_is_below_the_level_costs_nothing(void **state)
{
  (void)state;
  log_start(LOG_WARNING, LOG_KEY_VALUE, "n");
  assert_true(log_enabled(LOG_ERROR));
  assert_true(log_enabled(LOG_WARNING));
  assert_false(log_enabled(LOG_INFO));
  log_event(LOG_INFO, "silent", LOG_N("n", count_asked()));
  assert_int_equal(asked, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(key_and_value),
      cmocka_unit_test(without_a_node_there_is_none),
      cmocka_unit_test(what_could_mislead_is_quoted),
      cmocka_unit_test(json_is_json_whatever_the_bytes),
      cmocka_unit_test(long_values_are_cut),
      cmocka_unit_test(what_is_below_the_level_costs_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
