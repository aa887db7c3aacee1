/* Log lines: built in one buffer that is reused, written by one write(2), so that the
 * lines of several workers on one standard error never mix. What a peer chose (an id, a
 * path) is cut short, and quoted where it could be taken for something else. */
#include "base/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/utf8.h"

enum { VALUE_MAX_BYTES = 512, NODE_MAX_BYTES = 128 };

static struct {
  enum log_level level;
  enum log_form form;
  char node[NODE_MAX_BYTES + 1];
  struct text line, value;
} state = {.level = LOG_INFO};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_start(enum log_level level, enum log_form form, const char *node)
{
  state.level = level;
  state.form = form;
  snprintf(state.node, sizeof state.node, "%s", node ? node : "");
}

bool log_enabled(enum log_level level)
{
  return level <= state.level;
}

/* What Unicode ends lines with besides (NEL among the C1 controls, which terminals obey, and the
 * two separators): readers of logs disagree on them. */
__attribute__((nonnull)) static bool is_control(const char *sequence, size_t len)
{
  const unsigned char *c = (const unsigned char *)sequence;
  return (len == 2 && c[0] == 0xc2 && c[1] < 0xa0) ||
         (len == 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9));
}

/* The value, cut to its limit, with '?' for what is no UTF-8 and for such controls, so that the
 * line is one, and can be read as JSON, whatever a peer sent. Lives until the next call. */
static struct slice printable(struct slice value)
{
  if (value.len > VALUE_MAX_BYTES) value.len = VALUE_MAX_BYTES;
  text_reset(&state.value);
  while (value.len > 0) {
    size_t len = utf8_sequence(value);
    if (len && !is_control(value.data, len)) {
      text_append(&state.value, (struct slice){value.data, len});
    } else {
      text_append_char(&state.value, '?');
    }
    value = slice_skip(value, len ? len : 1);
  }
  return text_slice(&state.value);
}

/* In the form key=value: may the value stand without quotes? */
static bool is_plain(struct slice value)
{
  if (value.len == 0) return false;
  for (size_t i = 0; i < value.len; i++) {
    unsigned char c = (unsigned char)value.data[i];
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) return false;
  }
  return true;
}

static void append_key(const char *key)
{
  struct text *line = &state.line;
  if (state.form == LOG_JSON) {
    text_append_char(line, line->len ? ',' : '{');
    text_append_json_string(line, slice_of(key));
    text_append_char(line, ':');
    return;
  }
  if (line->len) text_append_char(line, ' ');
  text_append(line, slice_of(key));
  text_append_char(line, '=');
}

static void append_text(const char *key, struct slice value)
{
  append_key(key);
  value = printable(value);
  if (state.form == LOG_KEY_VALUE && is_plain(value)) {
    text_append(&state.line, value);
  } else {
    text_append_json_string(&state.line, value);
  }
}

static void append_number(const char *key, int64_t number)
{
  append_key(key);
  text_append_format(&state.line, "%lld", (long long)number);
}

/* RFC 3339, in UTC, to the millisecond. */
static void append_time(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct tm utc;
  gmtime_r(&now.tv_sec, &utc);
  char day[32], whole[48];
  strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(whole, sizeof whole, "%s.%03ldZ", day, now.tv_nsec / 1000000);
  append_text("time", slice_of(whole));
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
  text_reset(&state.line);
  append_time();
  append_text("level", slice_of(level_names[level]));
  if (state.node[0]) append_text("node", slice_of(state.node));
  append_text("event", slice_of(event));
  for (size_t i = 0; i < count; i++) {
    if (fields[i].type == LOG_NUMBER) {
      append_number(fields[i].key, fields[i].number);
    } else {
      append_text(fields[i].key, fields[i].text);
    }
  }
  text_append(&state.line, state.form == LOG_JSON ? SLICE("}\n") : SLICE("\n"));
  /* Where standard error is gone or full there is nobody to tell. */
  ssize_t written = write(STDERR_FILENO, state.line.data, state.line.len);
  (void)written;
}
