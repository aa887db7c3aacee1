/* The meaning of raw values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "sample.h"

static void the_last_of_two_members_counts(void **state)
{
  (void)state;
  const struct slice text = SLICE("{\"a\":\"first\",\"\\u0061\":\"last\"}");
  assert_true(slice_is(json_member(text, SLICE("a")), "\"last\""));
}

static void types_by_the_first_byte(void **state)
{
  (void)state;
  assert_true(json_is_string(SLICE("\"a\"")));
  assert_true(json_is_number(SLICE("-1")) && json_is_number(SLICE("0")));
  assert_true(json_is_object(SLICE("{}")) && json_is_array(SLICE("[]")));
  assert_true(json_is_null(SLICE("null")));
  const struct slice empty = {NULL, 0};
  assert_false(json_is_string(empty) || json_is_number(empty) || json_is_object(empty) ||
               json_is_array(empty) || json_is_null(empty));
  assert_false(json_is_number(SLICE("\"1\"")) || json_is_string(SLICE("1")));
}

static void assert_string(const char *raw, struct slice expected)
{
  struct arena arena = {0};
  struct slice exact = sample_exact(slice_of(raw));
  struct slice value = json_string(&arena, exact);
  assert_int_equal(value.len, expected.len);
  if (value.len) assert_memory_equal(value.data, expected.data, value.len);
  free((char *)exact.data);
  arena_free(&arena);
}

static void strings(void **state)
{
  (void)state;
  assert_string("\"\"", SLICE(""));
  assert_string("\"abc\"", SLICE("abc"));
  assert_string("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", SLICE("a\"\\/\b\f\n\r\tz"));
  assert_string("\"\\u0041\\u00E9\\u20ac\"", SLICE("Aé€"));
  assert_string("\"\\ud83d\\ude02\"", SLICE("😂"));
  assert_string("\"\\u0000\"", SLICE("\0"));
}

static void lone_surrogates_become_replacement_characters(void **state)
{
  (void)state;
  assert_string("\"\\ud800\"", SLICE("\ufffd"));
  assert_string("\"\\udc00x\"", SLICE("\ufffdx"));
  assert_string("\"\\ud800\\ud83d\\ude02\"", SLICE("\ufffd😂"));
  assert_string("\"\\ud83dx\\ude02\"", SLICE("\ufffdx\ufffd"));
  assert_string("\"\\ud83d\\n\"", SLICE("\ufffd\n"));
}

static void broken_strings_are_safe(void **state)
{
  (void)state;
  static const char *const raws[] = {
      "",
      "\"",
      "\"\\",
      "\"\\\"",
      "\"\\u",
      "\"\\u\"",
      "\"\\u1",
      "\"\\u12\"",
      "\"\\u123g\"",
      "\"\\ud83d\\",
      "\"\\ud83d\\u\"",
      "\"\\u\\u\\u\\u\"",
      "\"\\ud83d\\ude\"",
      "x",
      "1",
  };
  struct arena arena = {0};
  for (size_t i = 0; i < sizeof raws / sizeof raws[0]; i++) {
    struct slice exact = sample_exact(slice_of(raws[i]));
    json_string(&arena, exact);
    json_key_is(exact, SLICE("\xef\xbf\xbd"));
    free((char *)exact.data);
  }
  assert_int_equal(json_string(&arena, SLICE("17")).len, 0);
  arena_free(&arena);
}

static void a_string_without_escapes_is_not_copied(void **state)
{
  (void)state;
  struct arena arena = {0};
  const struct slice raw = SLICE("\"plain\"");
  assert_ptr_equal(json_string(&arena, raw).data, raw.data + 1);
  assert_null(arena.blocks);
}

static void keys(void **state)
{
  (void)state;
  assert_true(json_key_is(SLICE("\"id\""), SLICE("id")));
  assert_true(json_key_is(SLICE("\"\\u0069d\""), SLICE("id")));
  assert_true(json_key_is(SLICE("\"\\u0069\\u0064\""), SLICE("id")));
  assert_true(json_key_is(SLICE("\"a\\/\\u00e9\""), SLICE("a/é")));
  assert_true(json_key_is(SLICE("\"\""), SLICE("")));
  assert_false(json_key_is(SLICE("\"ID\""), SLICE("id")));
  assert_false(json_key_is(SLICE("\"idx\""), SLICE("id")));
  assert_false(json_key_is(SLICE("\"\\u0069dx\""), SLICE("id")));
  assert_false(json_key_is(SLICE("\"\\u0069\""), SLICE("id")));
  assert_false(json_key_is(SLICE("\"\\u0000\""), SLICE("")));
  assert_false(json_key_is(SLICE("id"), SLICE("id")));
  assert_false(json_key_is((struct slice){NULL, 0}, SLICE("")));
}

static void whole_numbers(void **state)
{
  (void)state;
  static const struct {
    const char *raw;
    uint64_t number;
  } good[] = {
      {"0", 0},
      {"7", 7},
      {"\"7\"", 7},
      {"\"0\"", 0},
      {"65537", 65537},
      {"9007199254740991", UINT64_C(9007199254740991)},
      {"\"9007199254740991\"", UINT64_C(9007199254740991)},
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    uint64_t number = 1234;
    assert_true(json_whole_number(slice_of(good[i].raw), &number));
    assert_int_equal(number, good[i].number);
  }
  static const char *const bad[] = {
      "",
      "-1",
      "\"-1\"",
      "1.0",
      "1e3",
      "\"\"",
      "\" 1\"",
      "\"1 \"",
      "\"01\"",
      "01",
      "null",
      "true",
      "{}",
      "\"abc\"",
      "\"\\u0031\"",
      "1x",
      "9007199254740992",
      "\"9007199254740992\"",
      "18446744073709551617",
      "99999999999999999999999",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    uint64_t number = 1234;
    assert_false(json_whole_number(slice_of(bad[i]), &number));
    assert_int_equal(number, 1234);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_last_of_two_members_counts),
      cmocka_unit_test(types_by_the_first_byte),
      cmocka_unit_test(strings),
      cmocka_unit_test(lone_surrogates_become_replacement_characters),
      cmocka_unit_test(broken_strings_are_safe),
      cmocka_unit_test(a_string_without_escapes_is_not_copied),
      cmocka_unit_test(keys),
      cmocka_unit_test(whole_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
