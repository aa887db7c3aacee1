/* A growing run of bytes with a read end: what waits to be written to a socket, or
 * the beginning of something that has not arrived whole. All zero bytes is empty. */
#ifndef PARLEY_BENCH_BYTES_H
#define PARLEY_BENCH_BYTES_H

#include <stdlib.h>
#include <string.h>

#include "die.h"

struct bytes {
  char *data;
  size_t len, cap;
};

/* Room for `more` bytes at the end, which the caller then fills and counts. */
static inline char *bytes_reserve(struct bytes *bytes, size_t more)
{
  if (bytes->len + more > bytes->cap) {
    size_t cap = bytes->cap ? bytes->cap : 256;
    while (cap < bytes->len + more) cap *= 2;
    bytes->data = realloc(bytes->data, cap);
    if (!bytes->data) die("out of memory: %zu bytes", cap);
    bytes->cap = cap;
  }
  return bytes->data + bytes->len;
}

static inline void bytes_append(struct bytes *bytes, const void *data, size_t len)
{
  if (len == 0) return;
  memcpy(bytes_reserve(bytes, len), data, len);
  bytes->len += len;
}

/* Forgets the first `count` bytes. */
static inline void bytes_drop(struct bytes *bytes, size_t count)
{
  bytes->len -= count;
  if (bytes->len) memmove(bytes->data, bytes->data + count, bytes->len);
}

static inline void bytes_free(struct bytes *bytes)
{
  free(bytes->data);
  *bytes = (struct bytes){0};
}

#endif
