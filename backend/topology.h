/* Which masters there are, in each of Redis' shapes: the one of the URL, or whichever the
 * sentinels name (sentinels.h). The store and the bus have a link to each of them.
 * Private to backend/. */
#ifndef PARLEY_BACKEND_TOPOLOGY_H
#define PARLEY_BACKEND_TOPOLOGY_H

#include <event2/event.h>

#include "link.h"
#include "redis_url.h"

struct topology;

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
 * callback of a link. */
struct topology_watcher {
  void (*changed)(void *arg);
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

const struct topology_master *topology_master(const struct topology *topology);

/* Where it is; NULL: not known yet. */
const struct redis_host *topology_host(const struct topology_master *master);

/* Why no master is known; NULL: one is. */
const char *topology_trouble(const struct topology *topology);

#endif
