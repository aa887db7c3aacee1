/* The sweep: the hash of the node's own sessions is held against those that it has, a part in
 * each turn, so that what Redis forgot (a failover) or was told too late (a network that hung)
 * is found and mended.
 *
 *   life, HSCAN ──► events.muster: which are ours? ──► the others are cleared away (clearing.h)
 *        ▲                                                   │
 *        └──(a heartbeat in five; at once after a link came up, until all are looked at)──┘
 *
 * A session is written to its node's hash before it is anywhere else, and removed from it last:
 * so whoever stands anywhere in vain stands here too, unless masters of a Redis Cluster have
 * forgotten independently of one another (departed.c). */
#include <event2/util.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "clearing.h"
#include "page.h"
#include "store.h"

enum {
  BATCH_SESSIONS = 256,
  REST_BEATS = 4, /* between two turns, and up to REST_MORE beats more */
  REST_MORE = 2,
};

struct sweep {
  struct presence *presence;
  bool busy;          /* a turn is under way */
  bool hurried;       /* turn follows turn until the whole hash was looked at */
  bool again;         /* from the beginning */
  bool taken;         /* the name is another process's now */
  unsigned rest;      /* heartbeats until the next turn */
  uint64_t at, after; /* HSCAN's cursor: of this turn, of the next one */
  struct clearing clearing;
};

static void turn(struct sweep *sweep);

static unsigned some_beats(void)
{
  uint32_t random;
  evutil_secure_rng_get_bytes(&random, sizeof random);
  return REST_BEATS + random % (REST_MORE + 1);
}

static bool may_turn(const struct sweep *sweep)
{
  return sweep->presence->lease == LEASE_HELD && sweep->presence->events.muster;
}

static void on_turned(void *arg, bool all)
{
  struct sweep *sweep = arg;
  sweep->busy = false;
  sweep->rest = some_beats();
  if (sweep->clearing.told)
    log_event(LOG_WARNING, "ghosts_cleared", LOG_N("sessions", sweep->clearing.told));
  sweep->at = all ? sweep->after : 0;
  if (sweep->again)
    sweep->at = 0;
  else if (!all || !sweep->at)
    sweep->hurried = false;
  sweep->again = false;
  if (sweep->hurried && may_turn(sweep)) turn(sweep);
}

/* A node's life is written when it takes its name, and is nobody else's until another process
 * takes the same name: whose sessions those are that we do not know is not for us to say then. */
static void on_life(void *arg, enum err err, const struct redisReply *reply)
{
  struct sweep *sweep = arg;
  struct presence *presence = sweep->presence;
  uint64_t life_ms = 0;
  if (err != ERR_OK) return;
  bool there = reply_number(reply, &life_ms);
  sweep->taken = there && life_ms > presence->life_ms;
  if (!sweep->taken && life_ms != presence->life_ms) presence->life_written = false; /* forgotten */
  if (sweep->taken)
    log_event(LOG_ERROR, "node_name_taken", LOG_S("node", presence->backend->options.node));
}

static int compare_slots(const void *a, const void *b)
{
  return slice_compare(((const struct presence_slot *)a)->session,
                       ((const struct presence_slot *)b)->session);
}

/* HSCAN may tell of one twice. */
static size_t read_slots(const struct redisReply *fields, struct presence_slot *slots)
{
  size_t count = 0, unique = 0;
  for (size_t i = 0; i + 1 < fields->elements; i += 2)
    slots[count++] = (struct presence_slot){.session = reply_slice(fields->element[i]),
                                            .value = reply_slice(fields->element[i + 1])};
  qsort(slots, count, sizeof *slots, compare_slots);
  for (size_t i = 0; i < count; i++)
    if (!unique || compare_slots(&slots[unique - 1], &slots[i])) slots[unique++] = slots[i];
  return unique;
}

static void look_at(struct sweep *sweep, const struct redisReply *fields)
{
  const struct presence_events *events = &sweep->presence->events;
  struct presence_slot *slots = memory_alloc((fields->elements / 2 + 1) * sizeof *slots);
  struct presence_part part = {.slots = slots,
                               .count = read_slots(fields, slots),
                               .first = !sweep->at,
                               .last = !sweep->after};
  events->muster(events->arg, &part);
  for (size_t i = 0; i < part.count; i++)
    if (!slots[i].ours) clearing_add(&sweep->clearing, slots[i].session, slots[i].value);
  free(slots);
}

/* The next cursor; session, "protocol user", ... */
static void on_scan(void *arg, enum err err, const struct redisReply *reply)
{
  struct sweep *sweep = arg;
  bool read = err == ERR_OK && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
              reply_number(reply->element[0], &sweep->after) &&
              reply->element[1]->type == REDIS_REPLY_ARRAY;
  bool looked = read && !sweep->taken && !sweep->again && may_turn(sweep);
  if (looked) look_at(sweep, reply->element[1]);
  if (!sweep->clearing.tickets) on_turned(sweep, looked);
}

static void turn(struct sweep *sweep)
{
  struct store *store = sweep->presence->backend->store;
  sweep->busy = true;
  sweep->clearing.told = 0;
  store_begin_command(store, "GET", 1);
  store_key(store, OWNER_NODE, sweep->clearing.node, ":life");
  store_send(store, on_life, sweep);
  store_begin_command(store, "HSCAN", 4);
  store_key(store, OWNER_NODE, sweep->clearing.node, ":sessions");
  store_number(store, sweep->at);
  store_arg(store, SLICE("COUNT"));
  store_number(store, BATCH_SESSIONS);
  store_send(store, on_scan, sweep);
}

void sweep_beat(struct sweep *sweep)
{
  if (sweep->busy || !may_turn(sweep)) return;
  if (!sweep->hurried && sweep->rest && sweep->rest--) return;
  sweep->again = false;
  turn(sweep);
}

void sweep_hurry(struct sweep *sweep)
{
  sweep->hurried = true;
  sweep->again = true;
  if (!sweep->busy) sweep->at = 0;
}

struct sweep *sweep_new(struct presence *presence)
{
  struct sweep *sweep = memory_zalloc(sizeof *sweep);
  sweep->presence = presence;
  sweep->clearing = (struct clearing){.presence = presence,
                                      .node = slice_of(presence->backend->options.node),
                                      .hash = ":sessions",
                                      .done = on_turned,
                                      .arg = sweep};
  return sweep;
}

void sweep_free(struct sweep *sweep)
{
  clearing_free(&sweep->clearing);
  free(sweep);
}
