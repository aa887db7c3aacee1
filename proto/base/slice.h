/* A slice is a borrowed run of bytes: pointer and length, no terminator, no
 * ownership. Whoever hands one out says how long it lives. */
#ifndef PARLEY_BASE_SLICE_H
#define PARLEY_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
  const char *data;
  size_t len;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

/* For printf's "%.*s". */
#define SLICE_ARG(s) (int)(s).len, (s).data

/* A slice of a NUL-terminated string; NULL gives the empty slice. */
static inline struct slice slice_of(const char *text)
{
  return (struct slice){text, text ? strlen(text) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
  return slice_equal(a, slice_of(text));
}

/* memcmp order, the shorter first among equals. */
static inline int slice_compare(struct slice a, struct slice b)
{
  size_t shorter = a.len < b.len ? a.len : b.len;
  int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
  return order ? order : (a.len > b.len) - (a.len < b.len);
}

static inline bool slice_starts_with(struct slice a, struct slice prefix)
{
  return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.data, prefix.data, prefix.len) == 0);
}

/* What follows the first `count` bytes (at most all of them). */
static inline struct slice slice_skip(struct slice a, size_t count)
{
  if (count > a.len) count = a.len;
  return (struct slice){a.data ? a.data + count : NULL, a.len - count};
}

/* A copy of the bytes at `*next`, which moves behind it: for structs that carry their
 * strings with them. */
static inline struct slice slice_put(char **next, struct slice bytes)
{
  struct slice copy = {*next, bytes.len};
  if (bytes.len) memcpy(*next, bytes.data, bytes.len);
  *next += bytes.len;
  return copy;
}

/* Without the blanks and tabs around it. */
static inline struct slice slice_trim(struct slice a)
{
  while (a.len > 0 && (a.data[0] == ' ' || a.data[0] == '\t')) a = slice_skip(a, 1);
  while (a.len > 0 && (a.data[a.len - 1] == ' ' || a.data[a.len - 1] == '\t')) a.len--;
  return a;
}

/* Takes what stands in front of the first `separator`, or everything, off `rest`,
 * and the separator with it. */
static inline struct slice slice_cut(struct slice *rest, char separator)
{
  const char *end = rest->len > 0 ? (const char *)memchr(rest->data, separator, rest->len) : NULL;
  struct slice piece = {rest->data, end ? (size_t)(end - rest->data) : rest->len};
  *rest = slice_skip(*rest, piece.len + (end ? 1 : 0));
  return piece;
}

#endif
