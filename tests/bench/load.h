/* The load generator: its options, and the scenarios that it can drive. Each drives
 * one way through the server until its time is over, checks everything that it
 * receives, prints one line of JSON, and returns. */
#ifndef PARLEY_BENCH_LOAD_H
#define PARLEY_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "measure.h"

struct load {
  unsigned port;
  unsigned count;       /* receivers, pairs or connections */
  unsigned outstanding; /* messages of one sender that are not done yet; connections in flight */
  double seconds;       /* measured */
  double warmup_s;      /* before that */
  double rate;          /* messages a second of all pairs together; 0: as fast as they are done */
  bool replies;         /* the server answers its senders; false: a bare one, which does not */
  bool reads;           /* receivers mark messages as read */
  const char *tag;      /* makes names unique to this run */
  const char *redis;    /* a Unix socket; NULL: none is asked */
  const char *script;   /* of `redis` alone: a file of Lua */
  struct process_tree trees[TREES];
  unsigned tree_count;
};

void fanout_run(const struct load *load);
void direct_run(const struct load *load);
void room_run(const struct load *load);
void connect_run(const struct load *load);
void idle_run(const struct load *load);
void redis_run(const struct load *load);

#endif
