/* Which masters there are, in each of Redis' shapes: the one of the URL, or whichever the
 * sentinels name (sentinels.h), or those of a cluster (slots.h). The store and the bus have a
 * link to each of them.
 * Private to backend/. */
#ifndef PARLEY_BACKEND_TOPOLOGY_H
#define PARLEY_BACKEND_TOPOLOGY_H

#include <event2/event.h>

#include "link.h"
#include "redis_url.h"

struct topology;

/* Masters are known by their place, a number below topology_count. */
enum { TOPOLOGY_MASTERS_MAX = 1024 };
#define TOPOLOGY_NOWHERE SIZE_MAX

struct topology_options {
  struct event_base *base;
  const struct redis_url *url; /* outlives it */
  struct redis_tls *tls;       /* outlives it; NULL: none */
  const char *prefix, *node;   /* outlive it */
  unsigned timeout_ms;
};

struct topology_master {
  struct redis_host host; /* its name and path NULL: not known yet */
  unsigned version;       /* another one: the host is another one */
};

/* Whoever wants to know of changes; told in the next turn of the loop, never from inside a
 * callback of a link. `is_well`: are all their links up? */
struct topology_watcher {
  void (*changed)(void *arg);
  bool (*is_well)(void *arg);
  void *arg;
  struct topology_watcher *next;
};

struct topology *topology_new(const struct topology_options *options);
void topology_free(struct topology *topology); /* after the watchers' last look */

/* The watcher lives as long as the topology. */
void topology_watch(struct topology *topology, struct topology_watcher *watcher);

/* What links to a master have in common: as whom, how, and whether it must be one. `name` is
 * the link's, behind the prefix and the node's. */
struct link_options topology_link(const struct topology *topology);

/* Places in use are below; one has one master, that is there always, but in a cluster. */
size_t topology_count(const struct topology *topology);

/* NULL: nobody is in that place. The pointer stays good; `version` tells when it is another. */
const struct topology_master *topology_master(const struct topology *topology, size_t place);

/* In a cluster, keys have slots (key_slot). */
bool topology_is_cluster(const struct topology *topology);

/* Who has it; TOPOLOGY_NOWHERE: nobody does. */
size_t topology_owner(const struct topology *topology, unsigned slot);

/* MOVED says so. Gives its place. */
size_t topology_moved(struct topology *topology, unsigned slot, const struct redis_host *host);

/* The place of a host, which gets one. TOPOLOGY_NOWHERE: there is no room. */
size_t topology_find(struct topology *topology, const struct redis_host *host);

/* What is known may not be so any more. */
void topology_doubt(struct topology *topology);

/* Where it is; NULL: not known yet. */
const struct redis_host *topology_host(const struct topology_master *master);

/* Why no master is known; NULL: one is. */
const char *topology_trouble(const struct topology *topology);

#endif
