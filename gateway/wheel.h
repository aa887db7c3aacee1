/* A timer wheel for many coarse timers (pings, idle sessions): slots of one tick
 * each, in a ring; an entry hangs in the slot of its tick and waits there for as
 * many rounds as it needs. Adding and removing are a few pointers, nothing is
 * allocated per entry, and a tick costs what is in its slot. An entry is never
 * early and at most one tick late. */
#ifndef PARLEY_GATEWAY_WHEEL_H
#define PARLEY_GATEWAY_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Part of what is timed. All zero bytes: not in a wheel. */
struct wheel_entry {
  struct wheel_entry *next, *previous; /* NULL where it is not in a wheel */
  uint64_t due;                        /* the tick */
};

struct wheel {
  struct wheel_entry *slots; /* heads of rings */
  uint32_t slot_count;       /* a power of two */
  uint32_t tick_ms;
  uint64_t tick;  /* everything up to this one has been called */
  uint64_t count; /* entries */
};

/* `now_ms` is of a monotonic clock, as in wheel_advance. `slot_count` is rounded up
 * to a power of two; best is the usual delay in ticks. */
void wheel_init(struct wheel *wheel, uint32_t slot_count, uint32_t tick_ms, uint64_t now_ms);

/* Forgets all entries, without calling anybody. */
void wheel_free(struct wheel *wheel);

/* The entry is called once, `delay_ms` from `now_ms` on. One that is in the wheel is
 * moved. */
void wheel_add(struct wheel *wheel, struct wheel_entry *entry, uint64_t now_ms, uint64_t delay_ms);

/* One that is not in the wheel is left alone. */
void wheel_remove(struct wheel *wheel, struct wheel_entry *entry);

static inline bool wheel_holds(const struct wheel_entry *entry)
{
  return entry->next != NULL;
}

typedef void wheel_fn(void *arg, struct wheel_entry *entry);

/* Calls every entry that is due by `now_ms`, each taken out before its call. A call
 * may add and remove any entry, its own and those that are due as well; it must not
 * advance the wheel. A clock that stood still or jumped ahead is fine. */
void wheel_advance(struct wheel *wheel, uint64_t now_ms, wheel_fn *call, void *arg);

#endif
