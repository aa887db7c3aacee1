/* The term of a master: since when it has been one, without a restart or a failover in between.
 * Redis names it (INFO replication, master_replid: another one after each start and each
 * promotion); when a node first met it, by the master's own clock, is its epoch.
 *
 * What a master had not passed on, or written, is gone with it, while the nodes and their
 * sessions live on and have seen it. So what must never be given twice (seq, ids, blocks,
 * numbers) goes on far above where it stood, once in each term (parts/allocate.lua,
 * counter_next.lua): they compare this with the epoch of last time. The first term of a Redis has
 * the epoch 0: nothing was before.
 *
 * It is asked for in a link's greeting, and goes into each call that wants it when that is sent
 * (store_epoch). Private to the store. */
#ifndef PARLEY_BACKEND_EPOCH_H
#define PARLEY_BACKEND_EPOCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct redisReply;
struct text;
struct topology;

/* Milliseconds since 1970 with zeros in front, so that they compare as text: until 2286. */
enum { EPOCH_DIGITS = 13 };
#define EPOCH_NONE "0000000000000"

struct epoch {
  char digits[EPOCH_DIGITS + 1];
  char term[41]; /* its name; empty: none was met yet */
};

void epoch_init(struct epoch *epoch);

/* Writes the call of the master in that place. `script`: epoch_learn.lua. False: there is
 * none, for in a cluster it has no slot to keep the answer in. */
bool epoch_write_call(const struct epoch *epoch, struct text *out, struct slice script,
                      const char *prefix, const struct topology *topology, size_t place);

/* Takes the answer. What is not understood (an error; NULL: nobody was asked) makes the node's own clock
 * do: the worst that comes of it is that what could have gone on goes on above. */
void epoch_take(struct epoch *epoch, const struct redisReply *reply);

#endif
