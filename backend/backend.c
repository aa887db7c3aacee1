/* A node's hold on Redis, put together: two links, for an ordinary command on a
 * subscribed connection kills it; what is done when they come and go; readiness. */
#include <assert.h>
#include <hiredis/hiredis.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "bus_private.h"
#include "directory_private.h"
#include "password.h"
#include "presence_private.h"
#include "probe.h"
#include "push.h"
#include "redis_tls.h"
#include "redis_url.h"
#include "rooms_private.h"
#include "secret.h"
#include "store.h"
#include "topology.h"

/* `backend` first: the rest is nobody else's. */
struct whole {
  struct backend backend;
  struct backend_events events;
  struct redis_url url;
  struct redis_tls *tls; /* NULL: none */
  struct topology *topology;
  struct topology_watcher watcher;
  bool has_lobby;
  struct event *again; /* what must be there is made once more */
};

/* ---- the lobby ---------------------------------------------------------------------- */

/* Redis may be there and refuse: it is full, or still loading. */
static void on_made(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  const struct timeval later = {1, 0};
  if (err != ERR_OK) event_add(((struct whole *)arg)->again, &later);
}

static void on_lobby(void *arg, enum err err, const struct redisReply *reply)
{
  struct whole *whole = arg;
  if (err == ERR_OK) whole->has_lobby = true;
  on_made(whole, err, reply);
}

static void set_if_missing(struct store *store, struct slice value)
{
  store_arg(store, value);
  store_arg(store, SLICE("NX"));
  store_send(store, NULL, NULL);
}

/* The room that always exists (protocols.md, conversations), with the first number. */
static void make_lobby(struct whole *whole)
{
  static const char *const record[] = {"name", "lobby", "open", "1", "public", "1", "keep", "log"};
  struct store *store = whole->backend.store;
  char uuid[UUID_TEXT_BYTES + 1];
  uuid_of("room", room_lobby, uuid);
  store_begin_command(store, "SET", 3);
  store_name(store, "numbers:conversations");
  set_if_missing(store, SLICE("1"));
  store_begin_command(store, "SET", 3);
  store_key(store, OWNER_NUMBER, SLICE("c1"), "");
  set_if_missing(store, SLICE("room:lobby"));
  store_begin_command(store, "SET", 3);
  store_key(store, OWNER_UUID, slice_of(uuid), "");
  set_if_missing(store, SLICE("room:lobby"));
  store_behind(store);
  store_begin(store, SCRIPT_record_make, 1, 3 + sizeof record / sizeof record[0]);
  store_key(store, OWNER_ROOM, room_lobby, ":record");
  store_number(store, 1);
  store_arg(store, SLICE("uuid"));
  store_arg(store, slice_of(uuid));
  for (size_t i = 0; i < sizeof record / sizeof record[0]; i++)
    store_arg(store, slice_of(record[i]));
  store_send(store, on_lobby, whole);
  room_send_listed(store, room_lobby, 1, NULL);
  room_send_public(store, room_lobby, true, NULL);
}

/* The author of notices: no user can be of this id, but it is read like one. In no number
 * and no UUID it is found. */
static void make_server(struct whole *whole)
{
  struct store *store = whole->backend.store;
  store_begin(store, SCRIPT_record_make, 1, 3);
  store_key(store, OWNER_USER, SLICE("server"), ":profile");
  store_number(store, 0);
  store_arg(store, SLICE("uuid"));
  store_arg(store, SLICE("00000000-0000-0000-0000-000000000000"));
  store_send(store, on_made, whole);
}

static void make_all(struct whole *whole)
{
  make_server(whole);
  make_lobby(whole);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct whole *whole = arg;
  if (store_is_up(whole->backend.store)) make_all(whole); /* else its coming back does */
}

/* ---- links -------------------------------------------------------------------------- */

static void on_store_up(void *arg)
{
  struct whole *whole = arg;
  make_all(whole);
  presence_link_up(whole->backend.presence);
  probe_now(whole->backend.probe);
}

static void on_store_down(void *arg)
{
  struct whole *whole = arg;
  whole->has_lobby = false;
}

static void on_bus_up(void *arg, size_t place)
{
  struct whole *whole = arg;
  probe_bus_changed(whole->backend.probe, place);
}

/* In a cluster each channel is told by itself: others are still heard. */
static void on_bus_down(void *arg, size_t place)
{
  struct whole *whole = arg;
  probe_bus_changed(whole->backend.probe, place);
  if (!topology_is_cluster(whole->topology)) whole->events.bus_lost(whole->events.arg);
}

static void on_lost(void *arg, struct slice channel)
{
  struct whole *whole = arg;
  whole->events.lost(whole->events.arg, channel);
}

static void on_topology(void *arg)
{
  struct whole *whole = arg;
  probe_changed(whole->backend.probe);
}

static bool is_well(void *arg)
{
  (void)arg;
  return true; /* the links' owners know */
}

static void on_message(void *arg, struct slice channel, struct slice payload)
{
  struct whole *whole = arg;
  if (!probe_heard(whole->backend.probe, channel, payload))
    whole->events.message(whole->events.arg, channel, payload);
}

static void on_subscribed(void *arg, struct slice channel)
{
  struct whole *whole = arg;
  probe_subscribed(whole->backend.probe, channel);
  whole->events.subscribed(whole->events.arg, channel);
}

/* ---- readiness ---------------------------------------------------------------------- */

static const char *trouble(const struct whole *whole)
{
  const struct backend *backend = &whole->backend;
  const char *reason = topology_trouble(whole->topology);
  if (reason) return reason;
  if (!store_is_whole(backend->store)) return "the command link to Redis is down";
  if (!bus_is_whole(backend->bus)) return "the bus link to Redis is down";
  if (!whole->has_lobby) return "Redis has not answered yet";
  if (!presence_has_lease(backend->presence)) return "the node's lease is not held yet";
  if (!probe_proven(backend->probe)) return "what is published does not come back";
  return NULL;
}

bool backend_ready(const struct backend *backend, const char **why)
{
  const char *reason = trouble((const struct whole *)backend);
  if (why && reason) *why = reason;
  return !reason;
}

/* ---- life --------------------------------------------------------------------------- */

/* Its own channel; where there is a cluster, for others to talk to it (otherwise the probe is
 * on it as well). */
static void hear_own(struct backend *backend)
{
  struct text channel = {0};
  key_write(&channel, backend->options.prefix, OWNER_NODE, slice_of(backend->options.node), "");
  (void)bus_subscribe(backend, text_slice(&channel));
  text_free(&channel);
}

static void open_links(struct whole *whole)
{
  struct backend *backend = &whole->backend;
  const struct backend_options *options = &backend->options;
  whole->topology = topology_new(&(struct topology_options){
      .base = options->base,
      .url = &whole->url,
      .tls = whole->tls,
      .prefix = options->prefix,
      .node = options->node,
      .timeout_ms = options->limits.command_timeout_ms,
  });
  backend->store = store_new(&(struct store_options){
      .base = options->base,
      .topology = whole->topology,
      .prefix = options->prefix,
      .node = options->node,
      .timeout_ms = options->limits.command_timeout_ms,
      .wait = options->redis_wait,
      .up = on_store_up,
      .down = on_store_down,
      .arg = whole,
  });
  backend->bus = bus_new(&(struct bus_options){
      .base = options->base,
      .topology = whole->topology,
      .prefix = options->prefix,
      .node = options->node,
      .up = on_bus_up,
      .down = on_bus_down,
      .message = on_message,
      .subscribed = on_subscribed,
      .lost = on_lost,
      .arg = whole,
  });
  whole->watcher = (struct topology_watcher){on_topology, is_well, whole, NULL};
  topology_watch(whole->topology, &whole->watcher);
}

static char *copy(const char *text)
{
  return memory_copy(text, strlen(text));
}

static bool read_redis(struct whole *whole, const struct backend_options *options)
{
  char error[256];
  if (redis_url_parse(&whole->url, options->redis, error, sizeof error)) {
    if (!whole->url.tls) return true;
    whole->tls = redis_tls_new(&options->redis_tls, error, sizeof error);
    if (whole->tls) return true;
    redis_url_free(&whole->url);
  }
  log_event(LOG_ERROR, "redis_url", LOG_S("error", error));
  return false;
}

struct backend *backend_new(const struct backend_options *options,
                            const struct backend_events *events)
{
  struct whole *whole = memory_zalloc(sizeof *whole);
  struct backend *backend = &whole->backend;
  if (!read_redis(whole, options)) {
    free(whole);
    return NULL;
  }
  whole->events = *events;
  backend->options = *options;
  backend->options.redis_tls = (struct redis_tls_options){0}; /* files, read by now */
  backend->options.redis = copy(options->redis);
  backend->options.prefix = copy(options->prefix);
  backend->options.node = copy(options->node);
  backend->options.token_secret = NULL; /* `secret` has them */
  backend->options.token_secret_also = NULL;
  int random_numbers = sodium_init();
  assert(random_numbers >= 0);
  (void)random_numbers;
  backend->passwords = passwords_new(options->base);
  backend->secret = secret_new(options->token_secret, options->token_secret_also);
  backend->directory = directory_new(options->limits.directory_entries);
  backend->pushes = pushes_new(backend);
  backend->presence = presence_new(backend);
  whole->again = event_new(options->base, -1, 0, on_again, whole);
  assert(whole->again);
  open_links(whole);
  backend->probe = probe_new(backend, whole->topology);
  probe_start(backend->probe);
  if (topology_is_cluster(whole->topology)) hear_own(backend);
  return backend;
}

void backend_free(struct backend *backend)
{
  struct whole *whole = (struct whole *)backend;
  passwords_free(backend->passwords); /* while those who wait for it can be answered */
  bus_free(backend->bus);
  store_free(backend->store);
  event_free(whole->again); /* behind the store, whose end refuses what is under way */
  topology_free(whole->topology);
  probe_free(backend->probe);
  presence_free(backend->presence);
  pushes_free(backend->pushes);
  directory_free(backend->directory);
  secret_free(backend->secret);
  free((char *)backend->options.redis);
  free((char *)backend->options.prefix);
  free((char *)backend->options.node);
  redis_tls_free(whole->tls);
  redis_url_free(&whole->url);
  free(whole);
}

struct backend_counts backend_counts(const struct backend *backend)
{
  struct link_counts commands = store_link_counts(backend->store);
  struct link_counts bus = bus_link_counts(backend->bus);
  return (struct backend_counts){
      .commands = commands.commands,
      .failures = commands.failures,
      .command_ups = commands.ups,
      .bus_ups = bus.ups,
      .command_up = store_is_whole(backend->store),
      .bus_up = bus_is_whole(backend->bus),
      .lag_us = probe_lag_us(backend->probe),
  };
}
