/* Redis Sentinel (redis.io, "Guidelines for Redis clients with support for Redis Sentinel"):
 * who is the master? Every sentinel of the URL is asked once a second, and all at once when
 * one of them says +switch-master. Of several answers the one with the newest configuration
 * epoch counts: a sentinel that was cut off knows only what was.
 *
 * Two links a sentinel: one that asks, one that listens. Private to topology. */
#ifndef PARLEY_BACKEND_SENTINELS_H
#define PARLEY_BACKEND_SENTINELS_H

#include "topology.h"

struct sentinels;

/* `named` is called with every master that is another one than before. */
struct sentinels *sentinels_new(const struct topology_options *options,
                                void (*named)(void *arg, const struct redis_host *master),
                                void *arg);
void sentinels_free(struct sentinels *sentinels);

/* Any of them can be asked at the moment. */
bool sentinels_answer(const struct sentinels *sentinels);

#endif
