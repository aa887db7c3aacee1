/* An arena is memory that is given back all at once: one per inbound frame,
 * reset after dispatch. It keeps its first block, so that a frame of usual size
 * costs no malloc. Running out of memory aborts the process (base/memory.h);
 * the supervisor starts the worker again. */
#ifndef PARLEY_BASE_ARENA_H
#define PARLEY_BASE_ARENA_H

#include <stddef.h>

#include "slice.h"

struct arena_block;

struct arena {
  struct arena_block *blocks; /* newest first */
  char *next;                 /* free bytes in the newest block */
  size_t left;
};

/* An arena that is all zero bytes is empty and ready to use. */

/* `size` bytes, aligned for any type, not zeroed; valid until the reset. */
void *arena_alloc(struct arena *arena, size_t size);

/* The same, zeroed. */
void *arena_zalloc(struct arena *arena, size_t size);

/* A copy of the slice, followed by a NUL byte that its length does not count. */
struct slice arena_copy(struct arena *arena, struct slice bytes);

/* Gives back everything but one block. */
void arena_reset(struct arena *arena);

/* Gives back everything. */
void arena_free(struct arena *arena);

#endif
