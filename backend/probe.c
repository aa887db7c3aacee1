/* The probe. It is an envelope like any other:
 *   {"v":1,"id":0,"seq":0,"kind":"probe","ts":1700000000123} */
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

enum { INTERVAL_MS = 1000, PROVEN_MS = 3000 };

#define PROBE_PREFIX SLICE("{\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"probe\",\"ts\":")

struct probe {
  struct backend *backend;
  struct event *tick;
  struct text channel, line;
  uint64_t heard_ms;   /* when the last one came back; 0: none yet */
  uint64_t missing_ms; /* since when what was published does not come back; 0: it does */
};

static void on_published(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  struct probe *probe = arg;
  if (err != ERR_OK || !bus_is_up(probe->backend->bus))
    probe->missing_ms = 0; /* says nothing about the bus */
  else if (!probe->missing_ms)
    probe->missing_ms = clock_now_ms();
}

void probe_now(struct probe *probe)
{
  struct store *store = probe->backend->store;
  if (!store_is_up(store)) return;
  text_reset(&probe->line);
  text_append(&probe->line, PROBE_PREFIX);
  text_append_number(&probe->line, clock_wall_ms());
  text_append_char(&probe->line, '}');
  store_begin_command(store, "PUBLISH", 2);
  store_arg(store, text_slice(&probe->channel));
  store_arg(store, text_slice(&probe->line));
  store_send(store, on_published, probe);
}

void probe_bus_changed(struct probe *probe)
{
  probe->missing_ms = 0;
}

bool probe_heard(struct probe *probe, struct slice channel, struct slice payload)
{
  if (!slice_equal(channel, text_slice(&probe->channel))) return false;
  if (!slice_starts_with(payload, PROBE_PREFIX)) return false;
  probe->heard_ms = clock_now_ms();
  probe->missing_ms = 0;
  return true;
}

bool probe_proven(const struct probe *probe)
{
  return probe->heard_ms && clock_now_ms() - probe->heard_ms <= PROVEN_MS;
}

struct slice probe_channel(const struct probe *probe)
{
  return text_slice(&probe->channel);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct probe *probe = arg;
  if (probe->missing_ms && clock_now_ms() - probe->missing_ms > PROVEN_MS) {
    log_event(LOG_ERROR, "bus_deaf", LOG_S("node", probe->backend->options.node),
              LOG_N("silent_ms", clock_now_ms() - probe->missing_ms));
    bus_restart(probe->backend->bus, "it is up, and delivers nothing");
  }
  probe_now(probe);
}

struct probe *probe_new(struct backend *backend)
{
  struct probe *probe = memory_zalloc(sizeof *probe);
  struct timeval interval = clock_timeval(INTERVAL_MS);
  probe->backend = backend;
  key_write(&probe->channel, backend->options.prefix, OWNER_NODE, slice_of(backend->options.node),
            "");
  probe->tick = event_new(backend->options.base, -1, EV_PERSIST, on_tick, probe);
  assert(probe->tick);
  event_add(probe->tick, &interval);
  return probe;
}

void probe_free(struct probe *probe)
{
  event_free(probe->tick);
  text_free(&probe->channel);
  text_free(&probe->line);
  free(probe);
}
