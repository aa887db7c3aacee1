/* Arenas: a chain of blocks, allocation by moving a pointer. A frame that fits into
 * the first block costs no malloc; a larger one adds blocks, which the reset gives
 * back. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

/* Under the address sanitizer a reset keeps nothing, so that a slice which outlived
 * its frame is found. */
#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_A_BLOCK 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_A_BLOCK 0
#endif
#endif
#ifndef KEEPS_A_BLOCK
#define KEEPS_A_BLOCK 1
#endif

enum { FIRST_BLOCK_BYTES = 8192 };

struct arena_block {
  struct arena_block *older;
  size_t size;
  alignas(max_align_t) char bytes[];
};

static void add_block(struct arena *arena, size_t size)
{
  if (size < FIRST_BLOCK_BYTES) size = FIRST_BLOCK_BYTES;
  struct arena_block *block = memory_alloc(sizeof *block + size);
  block->older = arena->blocks;
  block->size = size;
  arena->blocks = block;
  arena->next = block->bytes;
  arena->left = size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
  const size_t mask = alignof(max_align_t) - 1;
  /* What no memory can hold becomes what memory_alloc refuses, without wrapping. */
  if (size > SIZE_MAX / 2) size = SIZE_MAX / 2;
  size = (size + mask) & ~mask;
  if (size > arena->left) add_block(arena, size);
  char *data = arena->next;
  arena->next += size;
  arena->left -= size;
  return data;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
  void *data = arena_alloc(arena, size);
  if (size) memset(data, 0, size);
  return data;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
  char *copy = arena_alloc(arena, bytes.len + 1);
  if (bytes.len) memcpy(copy, bytes.data, bytes.len);
  copy[bytes.len] = '\0';
  return (struct slice){copy, bytes.len};
}

/* Frees the blocks that are newer than `keep`. */
static void free_down_to(struct arena *arena, const struct arena_block *keep)
{
  while (arena->blocks != keep) {
    struct arena_block *block = arena->blocks;
    arena->blocks = block->older;
    free(block);
  }
}

void arena_reset(struct arena *arena)
{
  if (!KEEPS_A_BLOCK) {
    arena_free(arena);
    return;
  }
  if (!arena->blocks) return;
  struct arena_block *oldest = arena->blocks;
  while (oldest->older) oldest = oldest->older;
  /* One that began with a huge frame must not hold on to it. */
  if (oldest->size > FIRST_BLOCK_BYTES) oldest = NULL;
  free_down_to(arena, oldest);
  arena->next = oldest ? oldest->bytes : NULL;
  arena->left = oldest ? oldest->size : 0;
}

void arena_free(struct arena *arena)
{
  free_down_to(arena, NULL);
  arena->next = NULL;
  arena->left = 0;
}
