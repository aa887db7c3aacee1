/* The node's lease: its heartbeat in parley:nodes, by Redis' clock.
 *
 *   ASKED ──(HELD)──► HELD ──(LOST: reaped, or Redis lost its data)──► ASKED
 *     ▲ │ BUSY: what this name left behind is being cleared away first
 *     └─┘
 *
 * A lease that ran out is lost when a reaper has marked it (node_dead.lua), not
 * before: so whoever was paused learns of it before anything else is decided about
 * its sessions, and asks for a new one only after the reaper has done with them. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "clock.h"
#include "page.h"
#include "presence_private.h"
#include "store.h"

enum {
  BEATS_A_LEASE = 5,
  COARSE_MS = 20 /* clock_now_ms is no finer, by far */
};

/* Who is dead, and those already marked, which somebody may have begun with. */
static void on_dead(void *arg, enum err err, const struct redisReply *reply)
{
  struct presence *presence = arg;
  if (err != ERR_OK || reply->type != REDIS_REPLY_ARRAY) return;
  for (size_t i = 0; i + 1 < reply->elements; i += 2) {
    uint64_t heartbeat_ms;
    if (reply_number(reply->element[i + 1], &heartbeat_ms))
      reaper_reap(presence->reaper, reply_slice(reply->element[i]), heartbeat_ms);
  }
}

static void look_for_dead(struct presence *presence)
{
  struct store *store = presence->backend->store;
  bool may_mark = presence->beat_ms >= presence->reap_from_ms;
  store_begin(store, SCRIPT_node_dead, 1, 1);
  store_name(store, "nodes");
  store_number(store, may_mark ? presence->backend->options.limits.lease_ms : 0);
  store_send(store, on_dead, presence);
}

/* A gap between two heartbeats says that Redis, this node or the way between was away:
 * others may be on their way back (after at most 5 s, link.c) and are not dead. */
static void note_gap(struct presence *presence, uint64_t now_ms)
{
  unsigned lease_ms = presence->backend->options.limits.lease_ms;
  if (now_ms > presence->beat_ms + lease_ms / 2)
    presence->reap_from_ms = now_ms + lease_ms + lease_ms / BEATS_A_LEASE;
  presence->beat_ms = now_ms;
}

static void on_life_written(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  struct presence *presence = arg;
  if (err == ERR_OK) presence->life_written = true;
}

/* When this life of the node began: a reaper of the one before, who comes late, keeps off
 * (node_take.lua). In front of every session's joining. */
static void write_life(struct presence *presence)
{
  struct backend *backend = presence->backend;
  store_begin_command(backend->store, "SET", 2);
  store_key(backend->store, OWNER_NODE, slice_of(backend->options.node), ":life");
  store_number(backend->store, presence->life_ms);
  store_send(backend->store, on_life_written, presence);
}

static void on_held(struct presence *presence)
{
  bool was_held = presence->lease == LEASE_HELD;
  bool lost = presence->lost;
  presence->lease = LEASE_HELD;
  presence->lost = false;
  if (!was_held) {
    presence->life_ms = presence->beat_ms;
    presence->life_written = false;
    sweep_hurry(presence->sweep);
    log_event(LOG_INFO, "lease_held", LOG_S("node", presence->backend->options.node));
  }
  if (!presence->life_written) write_life(presence);
  if (lost) presence->events.lost(presence->events.arg);
  presence_leave_again(presence);
  look_for_dead(presence);
  sweep_beat(presence->sweep);
  departed_beat(presence->departed);
}

static void on_beat(void *arg, enum err err, const struct redisReply *reply)
{
  struct presence *presence = arg;
  uint64_t now_ms;
  presence->beating = false;
  if (presence->lease == LEASE_ENDED) return;
  if (err != ERR_OK || reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) return;
  struct slice word = reply_slice(reply->element[0]);
  if (!reply_number(reply->element[1], &now_ms)) return;
  note_gap(presence, now_ms);
  presence->sent_ms = presence->asked_ms;
  presence->heard_ms = clock_now_ms();
  if (slice_is(word, "HELD")) {
    on_held(presence);
  } else if (slice_is(word, "LOST")) {
    log_event(LOG_WARNING, "lease_lost", LOG_S("node", presence->backend->options.node));
    presence->lease = LEASE_ASKED;
    presence->lost = true;
    /* Redis may have been emptied: what a link learns and makes when it comes up is not there any
     * more (its epoch, the lobby). The lease is asked for then, too. */
    store_restart(presence->backend->store, "the lease is lost");
  } else {
    /* The reaper calls lease_beat when it is done; somebody else's is waited for. */
    uint64_t heartbeat_ms;
    if (reply->elements == 3 && reply_number(reply->element[2], &heartbeat_ms))
      reaper_reap(presence->reaper, slice_of(presence->backend->options.node), heartbeat_ms);
  }
}

void lease_beat(struct presence *presence)
{
  struct store *store = presence->backend->store;
  if (presence->beating || presence->lease == LEASE_ENDED || !store_is_up(store)) return;
  presence->beating = true;
  presence->asked_ms = clock_now_ms();
  store_begin(store, SCRIPT_node_beat, 1, 2);
  store_name(store, "nodes");
  store_arg(store, slice_of(presence->backend->options.node));
  store_arg(store, presence->lease == LEASE_HELD ? SLICE("beat")
                   : presence->lost              ? SLICE("again")
                                                 : SLICE("begin"));
  store_send(store, on_beat, presence);
}

struct redis_time lease_time(const struct presence *presence)
{
  if (!presence->heard_ms) return (struct redis_time){0};
  uint64_t now_ms = clock_now_ms();
  return (struct redis_time){presence->beat_ms + now_ms - presence->heard_ms,
                             presence->beat_ms + now_ms - presence->sent_ms + COARSE_MS};
}

uint64_t lease_until_ms(const struct backend *backend)
{
  if (store_is_cluster(backend->store)) return 0;
  uint64_t latest_ms = lease_time(backend->presence).latest_ms;
  return latest_ms ? latest_ms + backend->options.limits.command_timeout_ms : 0;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  lease_beat(arg);
}

void presence_start(struct backend *backend, const struct presence_events *events)
{
  struct presence *presence = backend->presence;
  struct timeval interval = clock_timeval(backend->options.limits.lease_ms / BEATS_A_LEASE);
  presence->events = *events;
  presence->lease = LEASE_ASKED;
  presence->tick = event_new(backend->options.base, -1, EV_PERSIST, on_tick, presence);
  event_add(presence->tick, &interval);
  lease_beat(presence);
}

/* ---- a clean end -------------------------------------------------------------------- */

struct stopping {
  struct presence *presence;
  err_fn *done;
  void *arg;
};

/* With sessions left (they could not be said to have gone) it is dead rather than gone. */
static void on_counted(void *arg, enum err err, const struct redisReply *reply)
{
  struct stopping stopping = *(struct stopping *)arg;
  struct backend *backend = stopping.presence->backend;
  free(arg);
  uint64_t count = 0;
  if (err == ERR_OK && !reply_number(reply, &count)) err = ERR_INTERNAL;
  if (err != ERR_OK) {
    if (stopping.done) stopping.done(stopping.arg, err);
    return;
  }
  if (!count) {
    store_begin_command(backend->store, "DEL", 1);
    store_key(backend->store, OWNER_NODE, slice_of(backend->options.node), ":life");
    store_send(backend->store, NULL, NULL);
  }
  store_begin(backend->store, SCRIPT_node_end, 1, 2);
  store_name(backend->store, "nodes");
  store_arg(backend->store, slice_of(backend->options.node));
  store_arg(backend->store, count ? SLICE("left") : SLICE("clean"));
  plain_send(backend, stopping.done, stopping.arg);
}

void presence_stop(struct backend *backend, err_fn *done, void *arg)
{
  struct presence *presence = backend->presence;
  struct stopping *stopping = memory_alloc(sizeof *stopping);
  *stopping = (struct stopping){.presence = presence, .done = done, .arg = arg};
  if (presence->tick) event_del(presence->tick);
  presence->lease = LEASE_ENDED;
  store_begin_command(backend->store, "HLEN", 1);
  store_key(backend->store, OWNER_NODE, slice_of(backend->options.node), ":sessions");
  store_send(backend->store, on_counted, stopping);
}
