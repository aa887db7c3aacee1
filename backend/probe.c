/* The probe. It is an envelope like any other:
 *   {"v":1,"id":0,"seq":0,"kind":"probe","ts":1700000000123}
 * In a cluster its channel is parley:probe:{gw-1.0/7}, where 7 is the first number that makes a
 * slot of that master's. */
#include "probe.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "bus_private.h"
#include "clock.h"
#include "keys.h"
#include "store.h"
#include "topology.h"

enum { INTERVAL_MS = 1000, PROVEN_MS = 3000, NUMBERS_MAX = 1000000 };

#define PROBE_PREFIX SLICE("{\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"probe\",\"ts\":")

/* One master and the links to it. */
struct sounding {
  struct probe *probe;
  size_t place;
  struct text channel; /* empty: nobody is there, or nobody with a slot */
  uint64_t heard_ms;   /* when the last one came back; 0: none yet */
  uint64_t missing_ms; /* since when what was published does not come back; 0: it does */
  uint64_t sent_us;    /* when the oldest one that has not come back was sent; 0: all have */
  uint64_t lag_us;     /* what the last one took that came back */
};

struct probe {
  struct backend *backend;
  struct topology *topology;
  struct event *tick;
  struct text line;
  struct sounding **soundings; /* by their masters' places */
  size_t count;
};

/* ---- channels ----------------------------------------------------------------------- */

static void write_channel(const struct probe *probe, struct text *out, unsigned number)
{
  const struct backend_options *options = &probe->backend->options;
  text_reset(out);
  if (!topology_is_cluster(probe->topology))
    key_write(out, options->prefix, OWNER_NODE, slice_of(options->node), "");
  else
    text_append_format(out, "%sprobe:{%s/%u}", options->prefix, options->node, number);
}

static bool is_there(const struct sounding *sounding, struct slice channel)
{
  const struct topology *topology = sounding->probe->topology;
  if (!topology_is_cluster(topology)) return true;
  return topology_owner(topology, key_slot(channel)) == sounding->place;
}

static bool has_slots(const struct topology *topology, size_t place)
{
  if (!topology_is_cluster(topology)) return true;
  for (unsigned slot = 0; slot < KEY_SLOTS; slot++)
    if (topology_owner(topology, slot) == place) return true;
  return false;
}

/* Its channel may be another master's by now. */
static void follow(struct sounding *sounding)
{
  struct probe *probe = sounding->probe;
  struct text *channel = &sounding->channel;
  if (channel->len && is_there(sounding, text_slice(channel))) return;
  if (channel->len) bus_unsubscribe(probe->backend, text_slice(channel));
  text_reset(channel);
  sounding->missing_ms = 0;
  if (!has_slots(probe->topology, sounding->place)) {
    sounding->heard_ms = sounding->sent_us = sounding->lag_us = 0;
    return;
  }
  for (unsigned number = 0; number < NUMBERS_MAX; number++) {
    write_channel(probe, channel, number);
    if (is_there(sounding, text_slice(channel))) break;
  }
  (void)bus_subscribe(probe->backend, text_slice(channel));
}

static void follow_all(struct probe *probe)
{
  size_t count = topology_count(probe->topology);
  if (count > probe->count) {
    probe->soundings = memory_resize(probe->soundings, count * sizeof *probe->soundings);
    for (; probe->count < count; probe->count++) {
      struct sounding *sounding = memory_zalloc(sizeof *sounding);
      *sounding = (struct sounding){.probe = probe, .place = probe->count};
      probe->soundings[probe->count] = sounding;
    }
  }
  for (size_t i = 0; i < probe->count; i++) follow(probe->soundings[i]);
}

/* ---- sending and hearing ------------------------------------------------------------ */

static void on_published(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  struct sounding *sounding = arg;
  if (err != ERR_OK || !bus_is_up(sounding->probe->backend->bus, sounding->place))
    sounding->missing_ms = 0; /* says nothing about the bus */
  else if (!sounding->missing_ms)
    sounding->missing_ms = clock_now_ms();
}

static void sound(struct sounding *sounding)
{
  struct probe *probe = sounding->probe;
  struct store *store = probe->backend->store;
  if (!store_is_up(store) || !sounding->channel.len) return;
  text_reset(&probe->line);
  text_append(&probe->line, PROBE_PREFIX);
  text_append_number(&probe->line, clock_wall_ms());
  text_append_char(&probe->line, '}');
  if (!sounding->sent_us) sounding->sent_us = clock_now_us();
  store_begin_publish(store, text_slice(&sounding->channel), text_slice(&probe->line));
  store_send(store, on_published, sounding);
}

void probe_now(struct probe *probe)
{
  for (size_t i = 0; i < probe->count; i++) sound(probe->soundings[i]);
}

static struct sounding *find(const struct probe *probe, struct slice channel)
{
  for (size_t i = 0; i < probe->count; i++)
    if (slice_equal(channel, text_slice(&probe->soundings[i]->channel))) return probe->soundings[i];
  return NULL;
}

void probe_subscribed(struct probe *probe, struct slice channel)
{
  struct sounding *sounding = find(probe, channel);
  if (sounding) sound(sounding);
}

void probe_bus_changed(struct probe *probe, size_t place)
{
  if (place < probe->count) probe->soundings[place]->missing_ms = 0;
}

bool probe_heard(struct probe *probe, struct slice channel, struct slice payload)
{
  if (!slice_starts_with(payload, PROBE_PREFIX)) return false;
  struct sounding *sounding = find(probe, channel);
  if (!sounding) return topology_is_cluster(probe->topology); /* of a channel of before */
  sounding->heard_ms = clock_now_ms();
  sounding->missing_ms = 0;
  if (sounding->sent_us) sounding->lag_us = clock_now_us() - sounding->sent_us;
  sounding->sent_us = 0;
  return true;
}

uint64_t probe_lag_us(const struct probe *probe)
{
  uint64_t worst_us = 0, now_us = clock_now_us();
  for (size_t i = 0; i < probe->count; i++) {
    const struct sounding *sounding = probe->soundings[i];
    uint64_t waited_us = sounding->sent_us ? now_us - sounding->sent_us : 0;
    uint64_t lag_us = waited_us > sounding->lag_us ? waited_us : sounding->lag_us;
    if (lag_us > worst_us) worst_us = lag_us;
  }
  return worst_us;
}

static bool is_proven(const struct sounding *sounding)
{
  return !sounding->channel.len ||
         (sounding->heard_ms && clock_now_ms() - sounding->heard_ms <= PROVEN_MS);
}

bool probe_proven(const struct probe *probe)
{
  for (size_t i = 0; i < probe->count; i++)
    if (!is_proven(probe->soundings[i])) return false;
  return probe->count > 0;
}

static void restart_deaf(struct sounding *sounding)
{
  struct backend *backend = sounding->probe->backend;
  if (!sounding->missing_ms || clock_now_ms() - sounding->missing_ms <= PROVEN_MS) return;
  log_event(LOG_ERROR, "bus_deaf", LOG_S("node", backend->options.node),
            LOG_N("silent_ms", clock_now_ms() - sounding->missing_ms));
  bus_restart(backend->bus, sounding->place, "it is up, and delivers nothing");
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct probe *probe = arg;
  follow_all(probe);
  for (size_t i = 0; i < probe->count; i++) restart_deaf(probe->soundings[i]);
  probe_now(probe);
}

/* ---- life --------------------------------------------------------------------------- */

struct probe *probe_new(struct backend *backend, struct topology *topology)
{
  struct probe *probe = memory_zalloc(sizeof *probe);
  probe->backend = backend;
  probe->topology = topology;
  return probe;
}

void probe_start(struct probe *probe)
{
  struct timeval interval = clock_timeval(INTERVAL_MS);
  probe->tick = event_new(probe->backend->options.base, -1, EV_PERSIST, on_tick, probe);
  assert(probe->tick);
  event_add(probe->tick, &interval);
  follow_all(probe);
}

void probe_changed(struct probe *probe)
{
  follow_all(probe);
  probe_now(probe);
}

void probe_free(struct probe *probe)
{
  event_free(probe->tick);
  for (size_t i = 0; i < probe->count; i++) {
    text_free(&probe->soundings[i]->channel);
    free(probe->soundings[i]);
  }
  free(probe->soundings);
  text_free(&probe->line);
  free(probe);
}
