/* The bus. A channel's place in Redis follows what is wanted of it one step at a time,
 * for hiredis keeps one callback a channel and asserts where a SUBSCRIBE and an
 * UNSUBSCRIBE of the same one overlap:
 *
 *   ABSENT ──► WANTED ──► ASKED ──(confirmed)──► PRESENT ──► LEAVING ──► ABSENT
 *
 * WANTED ones wait for the end of this turn of the loop, LEAVING ones for Redis. When
 * the link comes back all that have references are WANTED. */
#include "bus_private.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <uthash.h>
#include <utlist.h>

#include "base/memory.h"
#include "link.h"
#include "page.h"
#include "resp.h"
#include "store.h"
#include "topology.h"

enum { BATCH_CHANNELS = 256 };

enum place { ABSENT, WANTED, ASKED, PRESENT, LEAVING };

struct channel {
  UT_hash_handle hh;
  struct channel *prev, *next; /* in `wanted`, or in `leaving` until it is sent */
  unsigned references;
  enum place place;
  bool queued; /* in `leaving` */
  size_t len;
  char name[];
};

struct bus {
  struct bus_options options;
  struct link *link;
  struct topology_watcher watcher;
  unsigned version; /* of the master */
  struct channel *table, *wanted, *leaving;
  size_t unconfirmed; /* ASKED, and not answered */
  struct event *flush;
  struct text command;
};

static struct channel *find(const struct bus *bus, struct slice name)
{
  struct channel *channel;
  HASH_FIND(hh, bus->table, name.data, name.len, channel);
  return channel;
}

/* ---- sending ------------------------------------------------------------------------ */

static void schedule(struct bus *bus)
{
  event_active(bus->flush, EV_TIMEOUT, 0);
}

static void write_names(struct bus *bus, const char *command, struct channel *first, size_t count)
{
  text_reset(&bus->command);
  resp_begin(&bus->command, 1 + count);
  resp_arg(&bus->command, slice_of(command));
  for (size_t i = 0; i < count; i++, first = first->next)
    resp_arg(&bus->command, (struct slice){first->name, first->len});
  resp_finish(&bus->command);
}

static size_t batch_size(struct channel *list)
{
  size_t count = 0;
  for (; list && count < BATCH_CHANNELS; list = list->next) count++;
  return count;
}

/* One batch of SUBSCRIBE at a time: what thousands of channels cost Redis after a
 * reconnect is spread, and other nodes' batches go in between. */
static void subscribe_batch(struct bus *bus)
{
  size_t count = batch_size(bus->wanted);
  if (!count || bus->unconfirmed) return;
  write_names(bus, "SUBSCRIBE", bus->wanted, count);
  if (!link_subscribe(bus->link, bus->command.data, bus->command.len)) return;
  bus->unconfirmed = count;
  while (count--) {
    struct channel *channel = bus->wanted;
    DL_DELETE(bus->wanted, channel);
    channel->place = ASKED;
  }
}

static void unsubscribe_batches(struct bus *bus)
{
  while (bus->leaving) {
    size_t count = batch_size(bus->leaving);
    write_names(bus, "UNSUBSCRIBE", bus->leaving, count);
    if (!link_subscribe(bus->link, bus->command.data, bus->command.len)) return;
    while (count--) {
      struct channel *channel = bus->leaving;
      DL_DELETE(bus->leaving, channel);
      channel->queued = false;
    }
  }
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct bus *bus = arg;
  if (!link_is_up(bus->link)) return;
  unsubscribe_batches(bus);
  subscribe_batch(bus);
}

/* ---- places ------------------------------------------------------------------------- */

static void want(struct bus *bus, struct channel *channel)
{
  channel->place = WANTED;
  DL_APPEND(bus->wanted, channel);
  schedule(bus);
}

static void leave(struct bus *bus, struct channel *channel)
{
  channel->place = LEAVING;
  channel->queued = true;
  DL_APPEND(bus->leaving, channel);
  schedule(bus);
}

static void forget(struct bus *bus, struct channel *channel)
{
  HASH_DELETE(hh, bus->table, channel);
  free(channel);
}

static struct channel *channel_new(struct bus *bus, struct slice name)
{
  struct channel *channel = memory_zalloc(sizeof *channel + name.len);
  memcpy(channel->name, name.data, name.len);
  channel->len = name.len;
  HASH_ADD_KEYPTR(hh, bus->table, channel->name, channel->len, channel);
  return channel;
}

bool bus_subscribe(struct backend *backend, struct slice channel)
{
  struct bus *bus = backend->bus;
  struct channel *entry = find(bus, channel);
  if (!entry) entry = channel_new(bus, channel);
  entry->references++;
  if (entry->place == ABSENT) want(bus, entry);
  if (entry->place == LEAVING && entry->queued) { /* not sent yet: it stays */
    DL_DELETE(bus->leaving, entry);
    entry->queued = false;
    entry->place = PRESENT;
  }
  return entry->place == PRESENT;
}

void bus_unsubscribe(struct backend *backend, struct slice channel)
{
  struct bus *bus = backend->bus;
  struct channel *entry = find(bus, channel);
  assert(entry && entry->references > 0);
  if (--entry->references) return;
  if (entry->place == PRESENT) {
    leave(bus, entry);
  } else if (entry->place == WANTED) {
    DL_DELETE(bus->wanted, entry);
    forget(bus, entry);
  } else if (entry->place == ABSENT) {
    forget(bus, entry);
  } /* ASKED, LEAVING: its answer is awaited */
}

size_t bus_channel_count(const struct backend *backend)
{
  return HASH_COUNT(backend->bus->table);
}

void bus_publish(struct backend *backend, struct slice channel, struct slice payload)
{
  store_begin_command(backend->store, "PUBLISH", 2);
  store_arg(backend->store, channel);
  store_arg(backend->store, payload);
  store_send(backend->store, NULL, NULL);
}

/* ---- what Redis says ---------------------------------------------------------------- */

static void on_confirmed(struct bus *bus, struct channel *channel)
{
  if (bus->unconfirmed && --bus->unconfirmed == 0) schedule(bus); /* the next batch */
  if (!channel || channel->place != ASKED) return;
  channel->place = PRESENT;
  if (channel->references)
    bus->options.subscribed(bus->options.arg, (struct slice){channel->name, channel->len});
  else
    leave(bus, channel);
}

static void on_left(struct bus *bus, struct channel *channel)
{
  if (!channel || channel->place != LEAVING) return;
  channel->place = ABSENT;
  if (channel->references)
    want(bus, channel);
  else
    forget(bus, channel);
}

static void on_message(void *arg, const struct redisReply *reply)
{
  struct bus *bus = arg;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3) return;
  struct slice kind = reply_slice(reply->element[0]);
  struct slice name = reply_slice(reply->element[1]);
  if (slice_is(kind, "message"))
    bus->options.message(bus->options.arg, name, reply_slice(reply->element[2]));
  else if (slice_is(kind, "subscribe"))
    on_confirmed(bus, find(bus, name));
  else if (slice_is(kind, "unsubscribe"))
    on_left(bus, find(bus, name));
}

static void on_up(void *arg)
{
  struct bus *bus = arg;
  bus->options.up(bus->options.arg);
  schedule(bus);
}

/* Nothing is subscribed any longer, and nothing awaited. */
static void on_down(void *arg)
{
  struct bus *bus = arg;
  struct channel *channel, *next;
  bus->wanted = NULL;
  bus->leaving = NULL;
  bus->unconfirmed = 0;
  HASH_ITER(hh, bus->table, channel, next)
  {
    channel->queued = false;
    if (channel->references)
      want(bus, channel);
    else
      forget(bus, channel);
  }
  bus->options.down(bus->options.arg);
}

/* ---- life --------------------------------------------------------------------------- */

static const struct redis_host *locate(void *arg, unsigned tries)
{
  (void)tries;
  return topology_host(topology_master(((struct bus *)arg)->options.topology));
}

static void on_topology(void *arg)
{
  struct bus *bus = arg;
  unsigned version = topology_master(bus->options.topology)->version;
  if (bus->version == version) return;
  bus->version = version;
  link_move(bus->link);
}

struct bus *bus_new(const struct bus_options *options)
{
  struct bus *bus = memory_zalloc(sizeof *bus);
  bus->options = *options;
  bus->flush = event_new(options->base, -1, 0, on_flush, bus);
  assert(bus->flush);
  struct text name = {0};
  text_append_format(&name, "%s%s:bus", options->prefix, options->node);
  resp_finish(&name);
  struct link_options link = topology_link(options->topology);
  link.locate = locate;
  link.name = name.data;
  link.up = on_up;
  link.down = on_down;
  link.message = on_message;
  link.arg = bus;
  bus->link = link_new(&link);
  bus->version = topology_master(options->topology)->version;
  bus->watcher = (struct topology_watcher){.changed = on_topology, .arg = bus};
  topology_watch(options->topology, &bus->watcher);
  text_free(&name);
  return bus;
}

void bus_free(struct bus *bus)
{
  struct channel *channel, *next;
  link_free(bus->link);
  event_free(bus->flush);
  HASH_ITER(hh, bus->table, channel, next) forget(bus, channel);
  text_free(&bus->command);
  free(bus);
}

struct link_counts bus_link_counts(const struct bus *bus)
{
  return link_counts(bus->link);
}

bool bus_is_up(const struct bus *bus)
{
  return link_is_up(bus->link);
}

void bus_restart(struct bus *bus, const char *reason)
{
  link_restart(bus->link, reason);
}
