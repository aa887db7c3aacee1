/* Growing byte buffers. They double, so that a buffer which is reused soon stops
 * allocating. */
#include "base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

enum { FIRST_BYTES = 256, DIGITS_MAX = 20 };

void text_grow(struct text *text, size_t more)
{
  if (more <= text->cap - text->len) return;
  size_t cap = text->cap ? text->cap : FIRST_BYTES;
  /* Where doubling would wrap, memory_resize refuses what is left to ask for. */
  while (cap - text->len < more) cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
  text->data = memory_resize(text->data, cap);
  text->cap = cap;
}

void text_append_number(struct text *text, uint64_t number)
{
  char digits[DIGITS_MAX];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  text_append(text, (struct slice){digits + at, sizeof digits - at});
}

void text_append_named_or_null(struct text *text, struct slice name, struct slice value)
{
  text_append(text, name);
  if (value.len) {
    text_append_json_string(text, value);
  } else {
    text_append(text, SLICE("null"));
  }
}

void text_append_format(struct text *text, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  int len = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  assert(len >= 0);
  text_grow(text, (size_t)len + 1);
  va_start(arguments, format);
  vsnprintf(text->data + text->len, (size_t)len + 1, format, arguments);
  va_end(arguments);
  text->len += (size_t)len;
}

/* RFC 8259, 7: quotation mark, reverse solidus and the control characters. */
static bool must_escape(unsigned char byte)
{
  return byte < 0x20 || byte == '"' || byte == '\\';
}

static void append_escape(struct text *text, unsigned char byte)
{
  static const char digits[] = "0123456789abcdef";
  static const char letters[] = {
      ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
      ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
  };
  if (letters[byte]) {
    text_append(text, (struct slice){(char[]){'\\', letters[byte]}, 2});
    return;
  }
  text_append(text, SLICE("\\u00"));
  text_append_char(text, digits[byte >> 4]);
  text_append_char(text, digits[byte & 15]);
}

void text_append_json_string(struct text *text, struct slice bytes)
{
  text_append_char(text, '"');
  size_t run = 0;
  for (size_t i = 0; i < bytes.len; i++) {
    unsigned char byte = (unsigned char)bytes.data[i];
    if (!must_escape(byte)) continue;
    text_append(text, (struct slice){bytes.data + run, i - run});
    append_escape(text, byte);
    run = i + 1;
  }
  text_append(text, slice_skip(bytes, run));
  text_append_char(text, '"');
}

static bool is_white(char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void text_append_json(struct text *text, struct slice json)
{
  bool in_string = false;
  size_t run = 0;
  for (size_t i = 0; i < json.len; i++) {
    char c = json.data[i];
    if (c == '"') {
      in_string = !in_string;
    } else if (c == '\\' && in_string) {
      i++; /* what is escaped ends no string */
    } else if (!in_string && is_white(c)) {
      text_append(text, (struct slice){json.data + run, i - run});
      run = i + 1;
    }
  }
  text_append(text, slice_skip(json, run));
}

/* The value of a hexadecimal digit, -1 for any other byte. */
static int hex_digit(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* The byte of the escape "%XX" at the start; -1 where it is none, or is NUL. */
static int percent_escape(struct slice bytes)
{
  if (bytes.len < 3) return -1;
  int high = hex_digit(bytes.data[1]), low = hex_digit(bytes.data[2]);
  if (high < 0 || low < 0) return -1;
  int byte = high * 16 + low;
  return byte ? byte : -1;
}

static bool append_decoded(struct text *text, struct slice bytes, bool plus_is_space)
{
  size_t before = text->len;
  for (size_t i = 0; i < bytes.len; i++) {
    char c = bytes.data[i];
    if (c == '%') {
      int byte = percent_escape(slice_skip(bytes, i));
      if (byte < 0) {
        text->len = before;
        return false;
      }
      c = (char)byte;
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    } else if (c == '\0') {
      text->len = before;
      return false;
    }
    text_append_char(text, c);
  }
  return true;
}

bool text_append_url_decoded(struct text *text, struct slice bytes)
{
  return append_decoded(text, bytes, true);
}

bool text_append_path_decoded(struct text *text, struct slice bytes)
{
  return append_decoded(text, bytes, false);
}

struct slice text_move(struct text *text, struct arena *arena)
{
  struct slice moved = arena_copy(arena, text_slice(text));
  text_free(text);
  return moved;
}

void text_free(struct text *text)
{
  free(text->data);
  *text = (struct text){0};
}
