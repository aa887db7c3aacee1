/* See topology.h. */
#include "topology.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "sentinels.h"
#include "slots.h"

struct topology {
  struct topology_options options;
  struct topology_master master;
  struct sentinels *sentinels; /* NULL in other shapes */
  struct slots *slots;         /* NULL in other shapes */
  struct topology_watcher *watchers;
  struct event *tell;
};

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct topology *topology = arg;
  for (struct topology_watcher *each = topology->watchers; each; each = each->next)
    each->changed(each->arg);
}

static void on_changed(void *arg)
{
  struct topology *topology = arg;
  event_active(topology->tell, EV_TIMEOUT, 0);
}

static bool is_well(void *arg)
{
  struct topology *topology = arg;
  for (struct topology_watcher *each = topology->watchers; each; each = each->next)
    if (!each->is_well(each->arg)) return false;
  return true;
}

static void on_named(void *arg, const struct redis_host *host)
{
  struct topology *topology = arg;
  redis_host_set(&topology->master.host, host);
  topology->master.version++;
  on_changed(topology);
}

void topology_watch(struct topology *topology, struct topology_watcher *watcher)
{
  watcher->next = topology->watchers;
  topology->watchers = watcher;
}

struct link_options topology_link(const struct topology *topology)
{
  const struct topology_options *options = &topology->options;
  return (struct link_options){
      .base = options->base,
      .url = options->url,
      .tls = options->tls,
      .timeout_ms = options->timeout_ms,
      .must_be_master = options->url->shape == REDIS_SENTINEL,
  };
}

bool topology_is_cluster(const struct topology *topology)
{
  return topology->slots != NULL;
}

size_t topology_count(const struct topology *topology)
{
  return topology->slots ? slots_count(topology->slots) : 1;
}

const struct topology_master *topology_master(const struct topology *topology, size_t place)
{
  return topology->slots ? slots_master(topology->slots, place) : &topology->master;
}

size_t topology_owner(const struct topology *topology, unsigned slot)
{
  return topology->slots ? slots_owner(topology->slots, slot) : 0;
}

size_t topology_moved(struct topology *topology, unsigned slot, const struct redis_host *host)
{
  return topology->slots ? slots_moved(topology->slots, slot, host) : 0;
}

size_t topology_find(struct topology *topology, const struct redis_host *host)
{
  return topology->slots ? slots_find(topology->slots, host) : 0;
}

void topology_doubt(struct topology *topology)
{
  if (topology->slots) slots_doubt(topology->slots);
}

const struct redis_host *topology_host(const struct topology_master *master)
{
  return master->host.name || master->host.path ? &master->host : NULL;
}

const char *topology_trouble(const struct topology *topology)
{
  if (topology->slots && !slots_are_covered(topology->slots))
    return "not all slots of the Redis Cluster have a master";
  if (!topology->sentinels) return NULL;
  if (topology_host(&topology->master)) return NULL;
  return sentinels_answer(topology->sentinels) ? "the sentinels name no master"
                                               : "no sentinel answers";
}

struct topology *topology_new(const struct topology_options *options)
{
  struct topology *topology = memory_zalloc(sizeof *topology);
  topology->options = *options;
  topology->tell = event_new(options->base, -1, 0, on_tell, topology);
  assert(topology->tell);
  if (options->url->shape == REDIS_SENTINEL)
    topology->sentinels = sentinels_new(options, on_named, topology);
  else if (options->url->shape == REDIS_CLUSTER)
    topology->slots = slots_new(options, &(struct slots_events){on_changed, is_well, topology});
  else
    redis_host_set(&topology->master.host, &options->url->hosts[0]);
  return topology;
}

void topology_free(struct topology *topology)
{
  sentinels_free(topology->sentinels);
  slots_free(topology->slots);
  event_free(topology->tell);
  redis_host_free(&topology->master.host);
  free(topology);
}
