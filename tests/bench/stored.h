/* What Redis holds: the proof that what was called stored is. */
#ifndef PARLEY_BENCH_STORED_H
#define PARLEY_BENCH_STORED_H

#include "load.h"

/* Redis's used_memory. */
uint64_t stored_memory_bytes(const char *redis);

/* Waits until the unread lists of all receivers hold `wanted` entries together; dies
 * when they do not within some seconds. */
void stored_check(const struct load *load, uint64_t wanted);

#endif
