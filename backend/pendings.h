/* A ring of what waits for its answer, in the order in which it was asked. */
#ifndef PARLEY_BACKEND_PENDINGS_H
#define PARLEY_BACKEND_PENDINGS_H

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "link.h"

enum { PENDINGS_FIRST = 64 };

struct pending {
  link_fn *done;
  void *arg;
  uint64_t since_ms;
  enum err err; /* of what was never sent */
};

/* `count` of them from `first` on. */
struct pendings {
  struct pending *slots;
  size_t first, count, cap; /* cap: a power of two */
};

static inline void pendings_push(struct pendings *pendings, struct pending entry)
{
  if (pendings->count == pendings->cap) {
    size_t cap = pendings->cap ? pendings->cap * 2 : PENDINGS_FIRST;
    struct pending *slots = memory_alloc(cap * sizeof *slots);
    for (size_t i = 0; i < pendings->count; i++)
      slots[i] = pendings->slots[(pendings->first + i) & (pendings->cap - 1)];
    free(pendings->slots);
    *pendings = (struct pendings){.slots = slots, .count = pendings->count, .cap = cap};
  }
  pendings->slots[(pendings->first + pendings->count) & (pendings->cap - 1)] = entry;
  pendings->count++;
}

static inline struct pending pendings_shift(struct pendings *pendings)
{
  assert(pendings->count > 0);
  struct pending entry = pendings->slots[pendings->first];
  pendings->first = (pendings->first + 1) & (pendings->cap - 1);
  pendings->count--;
  return entry;
}

/* Nothing comes any more. */
static inline void pendings_fail(struct pendings *pendings)
{
  while (pendings->count) {
    struct pending entry = pendings_shift(pendings);
    if (entry.done) entry.done(entry.arg, ERR_UNAVAILABLE, NULL);
  }
}

#endif
