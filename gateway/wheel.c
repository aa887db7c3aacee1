#include "wheel.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

/* A slot is the head of a doubly linked ring; an empty one links to itself. */

static void ring_init(struct wheel_entry *head)
{
  head->next = head;
  head->previous = head;
}

static void ring_insert(struct wheel_entry *head, struct wheel_entry *entry)
{
  entry->next = head;
  entry->previous = head->previous;
  head->previous->next = entry;
  head->previous = entry;
}

static void ring_remove(struct wheel_entry *entry)
{
  assert(entry->previous && entry->next);
  entry->previous->next = entry->next;
  entry->next->previous = entry->previous;
  entry->next = NULL;
  entry->previous = NULL;
}

/* All entries of `from` to `to`, which is no ring yet. */
static void ring_move(struct wheel_entry *to, struct wheel_entry *from)
{
  if (from->next == from) {
    ring_init(to);
    return;
  }
  *to = *from;
  to->next->previous = to;
  to->previous->next = to;
  ring_init(from);
}

static struct wheel_entry *slot_of(struct wheel *wheel, uint64_t tick)
{
  return &wheel->slots[tick & (wheel->slot_count - 1)];
}

void wheel_init(struct wheel *wheel, uint32_t slot_count, uint32_t tick_ms, uint64_t now_ms)
{
  assert(slot_count > 0 && slot_count <= 1U << 24 && tick_ms > 0);
  uint32_t rounded = 1;
  while (rounded < slot_count) rounded *= 2;
  *wheel = (struct wheel){.slots = memory_alloc(rounded * sizeof *wheel->slots),
                          .slot_count = rounded,
                          .tick_ms = tick_ms,
                          .tick = now_ms / tick_ms};
  for (uint32_t i = 0; i < rounded; i++) ring_init(&wheel->slots[i]);
}

void wheel_free(struct wheel *wheel)
{
  for (uint32_t i = 0; i < wheel->slot_count; i++) {
    struct wheel_entry *head = &wheel->slots[i];
    while (head->next != head) ring_remove(head->next);
  }
  free(wheel->slots);
  *wheel = (struct wheel){0};
}

void wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t now_ms, uint64_t delay_ms)
{
  wheel_remove(wheel, entry);
  entry->due = (now_ms + delay_ms + wheel->tick_ms - 1) / wheel->tick_ms;
  /* A tick that has been called already would come round only with the whole wheel. */
  if (entry->due <= wheel->tick) entry->due = wheel->tick + 1;
  ring_insert(slot_of(wheel, entry->due), entry);
  wheel->count++;
}

void wheel_remove(struct wheel *wheel, struct wheel_entry *entry)
{
  if (!wheel_holds(entry)) return;
  ring_remove(entry);
  wheel->count--;
}

/* The slot's ring is taken off first, so that what a call adds is not met again;
 * entries stay linked to each other, so that a call may remove any of them. */
static void call_slot(struct wheel *wheel, struct wheel_entry *slot, wheel_fn *call, void *arg)
{
  struct wheel_entry taken;
  ring_move(&taken, slot);
  while (taken.next != &taken) {
    struct wheel_entry *entry = taken.next;
    ring_remove(entry);
    if (entry->due > wheel->tick) {
      ring_insert(slot, entry); /* another round */
      continue;
    }
    wheel->count--;
    call(arg, entry);
  }
}

void wheel_advance(struct wheel *wheel, uint64_t now_ms, wheel_fn *call, void *arg)
{
  uint64_t first = wheel->tick + 1;
  uint64_t last = now_ms / wheel->tick_ms;
  if (last < first) return;
  /* From here on what is added is due after `last`. */
  wheel->tick = last;
  /* After a long pause each slot is looked at once. */
  if (last - first >= wheel->slot_count) first = last - wheel->slot_count + 1;
  for (uint64_t tick = first; tick <= last; tick++)
    call_slot(wheel, slot_of(wheel, tick), call, arg);
}
