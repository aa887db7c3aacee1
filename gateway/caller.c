/* See caller.h. A handle is generation << 32 | index + 1. */
#include "caller.h"

#include <stdlib.h>

#include "base/memory.h"

struct place {
  struct caller *caller;
  uint32_t generation;
  uint32_t next_free;
};

struct callers {
  struct place *places;
  uint32_t place_count, first_free;
};

enum { NO_PLACE = UINT32_MAX, FIRST_PLACES = 64 };

struct callers *callers_new(void)
{
  struct callers *callers = memory_zalloc(sizeof *callers);
  callers->first_free = NO_PLACE;
  return callers;
}

void callers_free(struct callers *callers)
{
  free(callers->places);
  free(callers);
}

static void grow(struct callers *callers)
{
  uint32_t old = callers->place_count;
  callers->place_count = old ? old * 2 : FIRST_PLACES;
  callers->places = memory_resize(callers->places, callers->place_count * sizeof *callers->places);
  for (uint32_t i = callers->place_count; i > old; i--) {
    callers->places[i - 1] = (struct place){.generation = 1, .next_free = callers->first_free};
    callers->first_free = i - 1;
  }
}

void caller_add(struct caller *caller)
{
  struct callers *callers = caller->node->callers;
  if (callers->first_free == NO_PLACE) grow(callers);
  uint32_t index = callers->first_free;
  struct place *place = &callers->places[index];
  callers->first_free = place->next_free;
  place->caller = caller;
  caller->handle = (uint64_t)place->generation << 32 | (index + 1);
}

void caller_remove(struct caller *caller)
{
  struct callers *callers = caller->node->callers;
  uint32_t index = (uint32_t)caller->handle - 1;
  struct place *place = &callers->places[index];
  place->caller = NULL;
  place->generation++;
  place->next_free = callers->first_free;
  callers->first_free = index;
}

struct caller *caller_find(struct node *node, uint64_t handle)
{
  uint32_t index = (uint32_t)handle - 1;
  if (!handle || index >= node->callers->place_count) return NULL;
  const struct place *place = &node->callers->places[index];
  return place->generation == handle >> 32 ? place->caller : NULL;
}

void callers_each(struct node *node, void (*call)(struct caller *caller, void *arg), void *arg)
{
  for (uint32_t i = 0; i < node->callers->place_count; i++)
    if (node->callers->places[i].caller) call(node->callers->places[i].caller, arg);
}
