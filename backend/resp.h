/* Commands as Redis reads them: an array of bulk strings (redis.io, protocol
 * specification), written into a text.
 *
 *   resp_begin(out, 2); resp_arg(out, SLICE("GET")); resp_arg(out, key);
 *   ->  *2\r\n$3\r\nGET\r\n$5\r\nlobby\r\n  */
#ifndef PARLEY_BACKEND_RESP_H
#define PARLEY_BACKEND_RESP_H

#include "base/text.h"

static inline void resp_end_line(struct text *out)
{
  text_append(out, SLICE("\r\n"));
}

/* Of `count` arguments, the command's name among them. */
static inline void resp_begin(struct text *out, size_t count)
{
  text_append_char(out, '*');
  text_append_number(out, count);
  resp_end_line(out);
}

/* An argument of that many bytes: the bytes and resp_end_line come behind it. */
static inline void resp_size(struct text *out, size_t bytes)
{
  text_append_char(out, '$');
  text_append_number(out, bytes);
  resp_end_line(out);
}

static inline void resp_arg(struct text *out, struct slice bytes)
{
  resp_size(out, bytes.len);
  text_append(out, bytes);
  resp_end_line(out);
}

static inline void resp_number(struct text *out, uint64_t number)
{
  size_t digits = 1;
  for (uint64_t rest = number; rest >= 10; rest /= 10) digits++;
  resp_size(out, digits);
  text_append_number(out, number);
  resp_end_line(out);
}

/* The NUL byte that hiredis reads behind a command; `out->len` does not count it. */
static inline void resp_finish(struct text *out)
{
  text_append_char(out, '\0');
  out->len--;
}

#endif
