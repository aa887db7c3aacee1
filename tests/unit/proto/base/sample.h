/* Bytes to test with. */
#ifndef PARLEY_TESTS_SAMPLE_H
#define PARLEY_TESTS_SAMPLE_H

#include <stdlib.h>

#include "base/slice.h"
#include "base/text.h"

/* A copy in a buffer of exactly its size, so that the address sanitizer sees a step too
 * far; its data is to be freed. */
static inline struct slice sample_exact(struct slice bytes)
{
  char *copy = malloc(bytes.len ? bytes.len : 1);
  if (bytes.len) memcpy(copy, bytes.data, bytes.len);
  return (struct slice){copy, bytes.len};
}

/* Appends an object with containers in it, `depth` in all, around `core`: of depth 3
 * {"a":[[1]]}, or {"a":{"a":{"a":1}}}. */
static inline void sample_nested(struct text *out, unsigned depth, bool objects, const char *core)
{
  text_append(out, SLICE("{\"a\":"));
  for (unsigned i = 1; i < depth; i++) text_append(out, objects ? SLICE("{\"a\":") : SLICE("["));
  text_append(out, slice_of(core));
  for (unsigned i = 1; i < depth; i++) text_append_char(out, objects ? '}' : ']');
  text_append_char(out, '}');
}

#endif
