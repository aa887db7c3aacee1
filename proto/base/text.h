/* A text is a growing byte buffer, reused from one use to the next, in which
 * envelopes, frames and Redis arguments are written. */
#ifndef PARLEY_BASE_TEXT_H
#define PARLEY_BASE_TEXT_H

#include <stdint.h>

#include "arena.h"
#include "slice.h"

struct text {
  char *data;
  size_t len, cap;
};

/* A text that is all zero bytes is empty and ready to use. */

/* Room for `more` bytes behind what is there. */
void text_grow(struct text *text, size_t more);

/* Here, so that a literal's few bytes are stored and not called for: envelopes and frames
 * are made of them. */
static inline void text_append(struct text *text, struct slice bytes)
{
  if (bytes.len == 0) return;
  if (bytes.len > text->cap - text->len) text_grow(text, bytes.len);
  memcpy(text->data + text->len, bytes.data, bytes.len);
  text->len += bytes.len;
}

static inline void text_append_char(struct text *text, char c)
{
  if (text->len == text->cap) text_grow(text, 1);
  text->data[text->len++] = c;
}

void text_append_number(struct text *text, uint64_t number);

/* printf's format, for what is off the message path. */
void text_append_format(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The bytes as a JSON string (RFC 8259, 7), quotes included. The bytes must be
 * valid UTF-8. */
void text_append_json_string(struct text *text, struct slice bytes);

/* What stands in front of a member's value, `{"id":` or `,"id":`, and the value behind it. */
static inline void text_append_named_number(struct text *text, struct slice name, uint64_t number)
{
  text_append(text, name);
  text_append_number(text, number);
}

static inline void text_append_named_string(struct text *text, struct slice name,
                                            struct slice value)
{
  text_append(text, name);
  text_append_json_string(text, value);
}

/* The same of true or false; of a string that is null where it is empty; of raw JSON, or
 * `otherwise` where it is empty. */
static inline void text_append_named_flag(struct text *text, struct slice name, bool value)
{
  text_append(text, name);
  text_append(text, value ? SLICE("true") : SLICE("false"));
}

static inline void text_append_named_raw(struct text *text, struct slice name, struct slice raw,
                                         struct slice otherwise)
{
  text_append(text, name);
  text_append(text, raw.len ? raw : otherwise);
}

void text_append_named_or_null(struct text *text, struct slice name, struct slice value);

/* JSON that is known to be valid, without the white space between its tokens,
 * so that an envelope stays one line. The bytes of every token stay as they are. */
void text_append_json(struct text *text, struct slice json);

/* The bytes, percent-decoded as in a query (RFC 3986, 2.1; '+' is a space).
 * False when an escape is broken or stands for a NUL byte; the text is then as
 * it was. */
bool text_append_url_decoded(struct text *text, struct slice bytes);

/* The same as in a path, where '+' is itself. */
bool text_append_path_decoded(struct text *text, struct slice bytes);

static inline struct slice text_slice(const struct text *text)
{
  return (struct slice){text->data, text->len};
}

/* What was written, as a copy in the arena; the text is freed, and empty again. */
struct slice text_move(struct text *text, struct arena *arena);

static inline void text_reset(struct text *text)
{
  text->len = 0;
}

void text_free(struct text *text);

#endif
