/* The bus. A channel's place in Redis follows what is wanted of it one step at a time,
 * for hiredis keeps one callback a channel and asserts where a SUBSCRIBE and an
 * UNSUBSCRIBE of the same one overlap:
 *
 *   ABSENT ──► WANTED ──► ASKED ──(confirmed)──► PRESENT ──► LEAVING ──► ABSENT
 *
 * WANTED ones wait for the end of this turn of the loop, LEAVING ones for Redis. When
 * the link comes back all that have references are WANTED.
 *
 * An ear is a link that listens to one master. In a Redis Cluster there are several, and a
 * channel is at its slot's: there are two ways for it to go elsewhere. Redis says sunsubscribe
 * by itself, or it answers MOVED, and either way the channel is WANTED again. */
#include "bus_private.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <uthash.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "clock.h"
#include "keys.h"
#include "link.h"
#include "page.h"
#include "resp.h"
#include "store.h"
#include "topology.h"

enum { BATCH_CHANNELS = 256, REFUSED_MS = 500 };

enum place { ABSENT, WANTED, ASKED, PRESENT, LEAVING };

struct channel {
  UT_hash_handle hh;
  struct channel *prev, *next;
  struct channel **list; /* of an ear, or the bus' `homeless`; NULL: in none */
  struct ear *ear;       /* where it is, or is to be; NULL: its slot is nobody's */
  unsigned references;
  unsigned slot; /* in a cluster */
  enum place place;
  size_t len;
  char name[];
};

struct ear {
  struct bus *bus;
  size_t place; /* its master's */
  unsigned version;
  struct link *link;
  struct channel *wanted, *asked; /* WANTED, ASKED */
  struct channel *leaving, *left; /* LEAVING: to be sent, and sent */
  struct event *flush;
};

struct bus {
  struct bus_options options;
  bool sharded;
  struct ear **ears; /* by their masters' places; NULL: nobody is there */
  size_t count;
  struct channel *table, *homeless;
  struct topology_watcher watcher;
  struct link_counts gone; /* of ears that are no more */
  struct text command;
};

static struct channel *find(const struct bus *bus, struct slice name)
{
  struct channel *channel;
  HASH_FIND(hh, bus->table, name.data, name.len, channel);
  return channel;
}

static struct slice name_of(const struct channel *channel)
{
  return (struct slice){channel->name, channel->len};
}

static void put(struct channel *channel, struct channel **list)
{
  if (channel->list) DL_DELETE(*channel->list, channel);
  channel->list = list;
  if (list) DL_APPEND(*list, channel);
}

/* ---- sending ------------------------------------------------------------------------ */

static void schedule(struct ear *ear)
{
  event_active(ear->flush, EV_TIMEOUT, 0);
}

/* Channels of several slots do not go into one SSUBSCRIBE. */
static void write_names(struct bus *bus, const char *command, struct channel *first, size_t count)
{
  size_t each = bus->sharded ? 1 : count;
  text_reset(&bus->command);
  for (size_t i = 0; i < count; i++, first = first->next) {
    if (i % each == 0) {
      resp_begin(&bus->command, 1 + each);
      resp_arg(&bus->command, slice_of(command));
    }
    resp_arg(&bus->command, name_of(first));
  }
  resp_finish(&bus->command);
}

static size_t batch_size(struct channel *list)
{
  size_t count = 0;
  for (; list && count < BATCH_CHANNELS; list = list->next) count++;
  return count;
}

/* Sends it for the first ones of `from`, and puts these into `to`. */
static bool send_batch(struct ear *ear, const char *command, struct channel **from,
                       struct channel **to, enum place place)
{
  struct bus *bus = ear->bus;
  size_t count = batch_size(*from);
  write_names(bus, command, *from, count);
  if (!link_subscribe(ear->link, bus->command.data, bus->command.len)) return false;
  while (count--) {
    struct channel *channel = *from;
    put(channel, to);
    channel->place = place;
  }
  return true;
}

/* One batch of SUBSCRIBE at a time: what thousands of channels cost Redis after a
 * reconnect is spread, and other nodes' batches go in between. */
static void on_flush(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct ear *ear = arg;
  bool sharded = ear->bus->sharded;
  if (!link_is_up(ear->link)) return;
  while (ear->leaving)
    if (!send_batch(ear, sharded ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", &ear->leaving, &ear->left,
                    LEAVING))
      return;
  if (ear->wanted && !ear->asked)
    send_batch(ear, sharded ? "SSUBSCRIBE" : "SUBSCRIBE", &ear->wanted, &ear->asked, ASKED);
}

/* ---- places ------------------------------------------------------------------------- */

static struct ear *ear_at(const struct bus *bus, size_t place)
{
  return place < bus->count ? bus->ears[place] : NULL;
}

static void want(struct bus *bus, struct channel *channel)
{
  channel->place = WANTED;
  channel->ear = ear_at(bus, topology_owner(bus->options.topology, channel->slot));
  put(channel, channel->ear ? &channel->ear->wanted : &bus->homeless);
  if (channel->ear) schedule(channel->ear);
}

static void leave(struct channel *channel)
{
  channel->place = LEAVING;
  put(channel, &channel->ear->leaving);
  schedule(channel->ear);
}

static void forget(struct bus *bus, struct channel *channel)
{
  put(channel, NULL);
  HASH_DELETE(hh, bus->table, channel); /* NOLINT(clang-analyzer-core.NullDereference) uthash */
  free(channel);
}

/* It is not subscribed any longer. */
static void settle(struct bus *bus, struct channel *channel)
{
  channel->place = ABSENT;
  put(channel, NULL);
  if (channel->references)
    want(bus, channel);
  else
    forget(bus, channel);
}

/* And nobody asked for that. */
static void lose(struct bus *bus, struct channel *channel)
{
  bool heard = channel->place == PRESENT;
  if (heard && bus->sharded) bus->options.lost(bus->options.arg, name_of(channel));
  settle(bus, channel);
}

static struct channel *channel_new(struct bus *bus, struct slice name)
{
  struct channel *channel = memory_zalloc(sizeof *channel + name.len);
  memcpy(channel->name, name.data, name.len);
  channel->len = name.len;
  if (bus->sharded) channel->slot = key_slot(name);
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
  if (entry->place == LEAVING && entry->list == &entry->ear->leaving) { /* not sent yet: it stays */
    put(entry, NULL);
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
  if (entry->place == PRESENT)
    leave(entry);
  else if (entry->place == WANTED || entry->place == ABSENT)
    forget(bus, entry);
  /* ASKED, LEAVING: its answer is awaited */
}

size_t bus_channel_count(const struct backend *backend)
{
  return HASH_COUNT(backend->bus->table);
}

void bus_publish(struct backend *backend, struct slice channel, struct slice payload)
{
  store_begin_publish(backend->store, channel, payload);
  store_send(backend->store, NULL, NULL);
}

/* ---- what Redis says ---------------------------------------------------------------- */

static void on_confirmed(struct ear *ear, struct channel *channel)
{
  struct bus *bus = ear->bus;
  if (!channel || channel->ear != ear) return;
  if (channel->place != ASKED && channel->place != WANTED) return;
  put(channel, NULL);
  channel->place = PRESENT;
  if (!ear->asked) schedule(ear); /* the next batch */
  if (channel->references)
    bus->options.subscribed(bus->options.arg, name_of(channel));
  else
    leave(channel);
}

static void on_left(struct ear *ear, struct channel *channel)
{
  if (!channel || channel->ear != ear) return;
  if (channel->place == LEAVING)
    settle(ear->bus, channel);
  else if (channel->place == PRESENT || channel->place == ASKED)
    lose(ear->bus, channel); /* its slot has moved */
  if (!ear->asked) schedule(ear);
}

/* "MOVED slot host:port": whatever is asked here of that slot is to be asked there. */
static bool on_moved(struct ear *ear, const char *text)
{
  struct redis_host host = {0};
  struct channel *channel, *next;
  char *end;
  if (strncmp(text, "MOVED ", 6) != 0) return false;
  unsigned slot = (unsigned)strtoul(text + 6, &end, 10);
  const char *colon = strrchr(text, ':');
  if (*end != ' ' || !colon || slot >= KEY_SLOTS || !atoi(colon + 1)) return false;
  host.name = memory_copy(end + 1, (size_t)(colon - end - 1));
  host.port = atoi(colon + 1);
  if (*host.name) topology_moved(ear->bus->options.topology, slot, &host);
  redis_host_free(&host);
  DL_FOREACH_SAFE(ear->left, channel, next)
  if (channel->slot == slot) settle(ear->bus, channel);
  DL_FOREACH_SAFE(ear->asked, channel, next)
  if (channel->slot == slot) settle(ear->bus, channel);
  if (!ear->asked) schedule(ear);
  return true;
}

/* CLUSTERDOWN and the like: all that was asked is asked again, after a while. */
static void on_error(struct ear *ear, struct slice text)
{
  struct channel *channel, *next;
  struct timeval delay = clock_timeval(REFUSED_MS);
  if (on_moved(ear, text.data)) return;
  log_event(LOG_WARNING, "bus_refused", LOG_T("reply", text));
  topology_doubt(ear->bus->options.topology);
  DL_FOREACH_SAFE(ear->asked, channel, next)
  {
    channel->place = WANTED;
    put(channel, &ear->wanted);
  }
  event_add(ear->flush, &delay);
}

static void on_message(void *arg, const struct redisReply *reply)
{
  struct ear *ear = arg;
  struct bus *bus = ear->bus;
  if ((reply->type != REDIS_REPLY_ARRAY && reply->type != REDIS_REPLY_PUSH) || reply->elements < 2)
    return;
  struct slice kind = reply_slice(reply->element[0]);
  struct slice name = reply_slice(reply->element[1]);
  if (bus->sharded && slice_starts_with(kind, SLICE("s"))) kind = slice_skip(kind, 1);
  if (slice_is(kind, "message") && reply->elements > 2)
    bus->options.message(bus->options.arg, name, reply_slice(reply->element[2]));
  else if (slice_is(kind, "subscribe"))
    on_confirmed(ear, find(bus, name));
  else if (slice_is(kind, "unsubscribe"))
    on_left(ear, find(bus, name));
  else if (slice_is(kind, "error"))
    on_error(ear, name);
}

static void on_up(void *arg)
{
  struct ear *ear = arg;
  ear->bus->options.up(ear->bus->options.arg, ear->place);
  schedule(ear);
}

/* Nothing is subscribed any longer, and nothing awaited. */
static void lose_all(struct ear *ear)
{
  struct channel *channel, *next;
  HASH_ITER(hh, ear->bus->table, channel, next)
  if (channel->ear == ear) lose(ear->bus, channel);
}

static void on_down(void *arg)
{
  struct ear *ear = arg;
  lose_all(ear);
  topology_doubt(ear->bus->options.topology);
  ear->bus->options.down(ear->bus->options.arg, ear->place);
}

/* ---- ears --------------------------------------------------------------------------- */

static const struct redis_host *locate(void *arg, unsigned tries)
{
  (void)tries;
  struct ear *ear = arg;
  const struct topology_master *master = topology_master(ear->bus->options.topology, ear->place);
  return master ? topology_host(master) : NULL;
}

static struct ear *ear_new(struct bus *bus, size_t place, unsigned version)
{
  const struct bus_options *options = &bus->options;
  struct ear *ear = memory_zalloc(sizeof *ear);
  struct text name = {0};
  *ear = (struct ear){.bus = bus, .place = place, .version = version};
  ear->flush = event_new(options->base, -1, 0, on_flush, ear);
  assert(ear->flush);
  text_append_format(&name, "%s%s:bus", options->prefix, options->node);
  resp_finish(&name);
  struct link_options link = topology_link(options->topology);
  link.sharded = bus->sharded;
  link.locate = locate;
  link.name = name.data;
  link.up = on_up;
  link.down = on_down;
  link.message = on_message;
  link.arg = ear;
  ear->link = link_new(&link);
  text_free(&name);
  return ear;
}

static void ear_free(struct ear *ear)
{
  struct link_counts counts = link_counts(ear->link);
  ear->bus->gone.ups += counts.ups;
  link_free(ear->link);
  event_free(ear->flush);
  free(ear);
}

static void follow(struct bus *bus, size_t place)
{
  const struct topology_master *master = topology_master(bus->options.topology, place);
  struct ear *ear = bus->ears[place];
  if (!master && ear) {
    bus->ears[place] = NULL;
    lose_all(ear);
    ear_free(ear);
  } else if (master && !ear) {
    bus->ears[place] = ear_new(bus, place, master->version);
  } else if (master && ear->version != master->version) {
    ear->version = master->version;
    link_move(ear->link);
  }
}

/* Those that wait for their slot's ear may have another one now. */
static void on_topology(void *arg)
{
  struct bus *bus = arg;
  struct channel *channel, *next;
  size_t count = topology_count(bus->options.topology);
  if (count > bus->count) {
    bus->ears = memory_resize(bus->ears, count * sizeof *bus->ears);
    while (bus->count < count) bus->ears[bus->count++] = NULL;
  }
  for (size_t i = 0; i < bus->count; i++) follow(bus, i);
  if (!bus->sharded) return;
  HASH_ITER(hh, bus->table, channel, next)
  if (channel->place == WANTED) want(bus, channel);
}

/* ---- life --------------------------------------------------------------------------- */

static bool is_well(void *arg)
{
  return bus_is_whole(arg);
}

struct bus *bus_new(const struct bus_options *options)
{
  struct bus *bus = memory_zalloc(sizeof *bus);
  bus->options = *options;
  bus->sharded = topology_is_cluster(options->topology);
  bus->watcher = (struct topology_watcher){on_topology, is_well, bus, NULL};
  topology_watch(options->topology, &bus->watcher);
  on_topology(bus);
  return bus;
}

void bus_free(struct bus *bus)
{
  struct channel *channel, *next;
  for (size_t i = 0; i < bus->count; i++)
    if (bus->ears[i]) ear_free(bus->ears[i]);
  HASH_ITER(hh, bus->table, channel, next)
  {
    HASH_DELETE(hh, bus->table, channel); /* NOLINT(clang-analyzer-core.NullDereference) uthash */
    free(channel);
  }
  free(bus->ears);
  text_free(&bus->command);
  free(bus);
}

struct link_counts bus_link_counts(const struct bus *bus)
{
  struct link_counts all = bus->gone;
  for (size_t i = 0; i < bus->count; i++)
    if (bus->ears[i]) all.ups += link_counts(bus->ears[i]->link).ups;
  return all;
}

bool bus_is_up(const struct bus *bus, size_t place)
{
  struct ear *ear = ear_at(bus, place);
  return ear && link_is_up(ear->link);
}

bool bus_is_whole(const struct bus *bus)
{
  size_t ears = 0;
  for (size_t i = 0; i < bus->count; i++) {
    if (!bus->ears[i]) continue;
    ears++;
    if (!link_is_up(bus->ears[i]->link)) return false;
  }
  return ears > 0;
}

void bus_restart(struct bus *bus, size_t place, const char *reason)
{
  struct ear *ear = ear_at(bus, place);
  if (ear) link_restart(ear->link, reason);
}
