/* The map of a Redis Cluster: which master has which slot (redis.io, CLUSTER SLOTS). One link,
 * the scout's, asks one node after another of those that are known: every few seconds, and
 * many times a second while `is_well` says no, the next node each second then. What MOVED
 * says is taken at once. Private to topology. */
#ifndef PARLEY_BACKEND_SLOTS_H
#define PARLEY_BACKEND_SLOTS_H

#include "topology.h"

struct slots;

struct slots_events {
  /* The masters, their slots, or both are others than before. */
  void (*changed)(void *arg);
  /* All links to all masters are up. */
  bool (*is_well)(void *arg);
  void *arg;
};

struct slots *slots_new(const struct topology_options *options, const struct slots_events *events);
void slots_free(struct slots *slots);

size_t slots_count(const struct slots *slots);
const struct topology_master *slots_master(const struct slots *slots, size_t index);
size_t slots_owner(const struct slots *slots, unsigned slot);
size_t slots_moved(struct slots *slots, unsigned slot, const struct redis_host *host);
size_t slots_find(struct slots *slots, const struct redis_host *host);
void slots_doubt(struct slots *slots);

/* Every slot has a master. */
bool slots_are_covered(const struct slots *slots);

#endif
