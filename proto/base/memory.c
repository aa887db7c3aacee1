/* Allocation that does not fail. The last words go to standard error by a plain
 * write(2): nothing here may allocate. */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
  static const char words[] = "level=error event=out_of_memory\n";
  ssize_t written = write(STDERR_FILENO, words, sizeof words - 1);
  (void)written;
  abort();
}

/* malloc(0) may answer NULL, which would look like a failure. */
static size_t at_least_one(size_t size)
{
  return size ? size : 1;
}

void *memory_alloc(size_t size)
{
  void *data = malloc(at_least_one(size));
  if (!data) out_of_memory();
  return data;
}

void *memory_zalloc(size_t size)
{
  void *data = calloc(1, at_least_one(size));
  if (!data) out_of_memory();
  return data;
}

void *memory_resize(void *old, size_t size)
{
  void *data = realloc(old, at_least_one(size));
  if (!data) out_of_memory();
  return data;
}

char *memory_copy(const char *data, size_t len)
{
  if (len == SIZE_MAX) out_of_memory();
  char *copy = memory_alloc(len + 1);
  if (len) memcpy(copy, data, len);
  copy[len] = '\0';
  return copy;
}
