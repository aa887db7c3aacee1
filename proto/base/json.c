/* The meaning of raw values. json_scan.c holds the grammar, json_walk.c the walk. */
#include "base/json.h"

#include "base/utf8.h"

static bool begins_with(struct slice raw, char c)
{
  return raw.len > 0 && raw.data[0] == c;
}

bool json_is_string(struct slice raw)
{
  return begins_with(raw, '"');
}

bool json_is_number(struct slice raw)
{
  return raw.len > 0 && (raw.data[0] == '-' || (raw.data[0] >= '0' && raw.data[0] <= '9'));
}

bool json_is_object(struct slice raw)
{
  return begins_with(raw, '{');
}

bool json_is_array(struct slice raw)
{
  return begins_with(raw, '[');
}

bool json_is_null(struct slice raw)
{
  return begins_with(raw, 'n');
}

bool json_is_given(struct slice raw)
{
  return raw.len > 0 && !json_is_null(raw);
}

bool json_is_id(struct slice raw)
{
  return json_is_string(raw) || json_is_number(raw);
}

/* What stands between the quotes; empty for what is no string. */
static struct slice unquote(struct slice raw)
{
  if (!json_is_string(raw)) return (struct slice){NULL, 0};
  raw = slice_skip(raw, 1);
  if (raw.len > 0 && raw.data[raw.len - 1] == '"') raw.len--;
  return raw;
}

/* The value of the four hexadecimal digits of "\uXXXX" at the start; -1 where there is
 * no such escape. */
static int32_t code_unit(struct slice text)
{
  if (text.len < 6 || text.data[0] != '\\' || text.data[1] != 'u') return -1;
  int32_t unit = 0;
  for (int i = 2; i < 6; i++) {
    char c = text.data[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

/* Reads a "\uXXXX" escape, or two that are a surrogate pair (RFC 8259, 7); returns the
 * bytes read. What is no code point becomes U+FFFD. */
static size_t read_code_point(struct slice text, uint32_t *code_point)
{
  *code_point = 0xfffd;
  int32_t high = code_unit(text);
  if (high < 0) return text.len < 6 ? text.len : 6;
  if (high < 0xd800 || high > 0xdfff) {
    *code_point = (uint32_t)high;
    return 6;
  }
  int32_t low = high < 0xdc00 ? code_unit(slice_skip(text, 6)) : -1;
  if (low < 0xdc00 || low > 0xdfff) return 6;
  *code_point = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
  return 12;
}

/* One step through the inside of a string: writes the 1 to 4 bytes that its next byte or
 * escape stands for, takes it from the front, returns how many were written. */
static size_t unescape_step(struct slice *inside, char out[4])
{
  char c = inside->data[0];
  if (c != '\\' || inside->len < 2) {
    out[0] = c;
    *inside = slice_skip(*inside, 1);
    return 1;
  }
  if (inside->data[1] == 'u') {
    uint32_t code_point;
    *inside = slice_skip(*inside, read_code_point(*inside, &code_point));
    return utf8_encode(code_point, out);
  }
  static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
  c = inside->data[1];
  const char *letter = c ? strchr(letters, c) : NULL;
  out[0] = letter ? meanings[letter - letters] : c;
  *inside = slice_skip(*inside, 2);
  return 1;
}

struct slice json_string(struct arena *arena, struct slice raw)
{
  struct slice inside = unquote(raw);
  if (inside.len == 0 || !memchr(inside.data, '\\', inside.len)) return inside;
  /* No escape is shorter than what it stands for, but for one that is cut off at the
   * end, in text that was never checked: three bytes for U+FFFD. */
  char *out = arena_alloc(arena, inside.len + 4);
  size_t len = 0;
  while (inside.len > 0) {
    char step[4];
    size_t count = unescape_step(&inside, step);
    memcpy(out + len, step, count);
    len += count;
  }
  return (struct slice){out, len};
}

bool json_key_is(struct slice raw_key, struct slice name)
{
  struct slice inside = unquote(raw_key);
  if (!json_is_string(raw_key)) return false;
  /* An escape is longer than what it stands for; most keys are decided here. */
  if (inside.len < name.len) return false;
  if (inside.len == 0 || !memchr(inside.data, '\\', inside.len)) return slice_equal(inside, name);
  while (inside.len > 0) {
    char step[4];
    struct slice bytes = {step, unescape_step(&inside, step)};
    if (!slice_starts_with(name, bytes)) return false;
    name = slice_skip(name, bytes.len);
  }
  return name.len == 0;
}

bool json_whole_number(struct slice raw, uint64_t *number)
{
  struct slice digits = json_is_string(raw) ? unquote(raw) : raw;
  if (digits.len == 0 || digits.len > 16) return false;
  if (digits.data[0] == '0' && digits.len > 1) return false;
  uint64_t sum = 0;
  for (size_t i = 0; i < digits.len; i++) {
    if (digits.data[i] < '0' || digits.data[i] > '9') return false;
    sum = sum * 10 + (uint64_t)(digits.data[i] - '0');
  }
  if (sum >= JSON_NUMBER_END) return false;
  *number = sum;
  return true;
}
