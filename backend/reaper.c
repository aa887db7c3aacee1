/* The reaper: what a dead node's sessions leave behind is cleared away, by whichever
 * node holds the lock parley:node:{gw}:reaper, which runs out when its holder dies.
 *
 *   node_take ──► some sessions ──► each: out of the user's hash ──► events.reaped
 *       ▲                                                                 │
 *       └──(all of them)── out of the node's hash ◄── presence_reaped_finished
 *
 * Every step can be done twice, and a session stays in the node's hash until all are
 * done: so a successor begins anew with what is left there. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "clock.h"
#include "page.h"
#include "presence_private.h"
#include "store.h"

enum {
  LOCK_MS = 10000,
  /* So old an answer of node_take is not acted on any longer: this process was paused,
   * and somebody else may hold the lock. */
  TAKEN_MAX_MS = 5000,
  BATCH_SESSIONS = 256,
};

struct corpse {
  struct corpse *prev, *next;
  uint64_t heartbeat_ms; /* its last one */
  size_t len;
  char node[];
};

struct ticket {
  struct ticket *prev, *next;
  struct reaper *reaper;
  struct slice user, session, protocol; /* of `bytes` */
  char bytes[];
};

struct reaper {
  struct presence *presence;
  struct corpse *corpses; /* the first one is under way where `busy` */
  struct ticket *tickets;
  bool busy;
  uint64_t taken_ms;
  size_t sessions; /* of the first one, so far */
};

static struct slice node_of(const struct corpse *corpse)
{
  return (struct slice){corpse->node, corpse->len};
}

static void take(struct reaper *reaper);

static void next_corpse(struct reaper *reaper)
{
  struct corpse *corpse = reaper->corpses;
  DL_DELETE(reaper->corpses, corpse);
  free(corpse);
  reaper->busy = false;
  if (reaper->corpses) take(reaper);
}

/* ---- one session -------------------------------------------------------------------- */

static void ticket_free(struct ticket *ticket)
{
  DL_DELETE(ticket->reaper->tickets, ticket);
  free(ticket);
}

static void on_slot_gone(void *arg, enum err err, const struct redisReply *reply)
{
  (void)err; /* where it failed, it is still there for the next one who asks */
  (void)reply;
  struct ticket *ticket = arg;
  struct reaper *reaper = ticket->reaper;
  ticket_free(ticket);
  if (!reaper->tickets) take(reaper);
}

void presence_reaped_finished(struct backend *backend, void *finished)
{
  struct ticket *ticket = finished;
  store_begin_command(backend->store, "HDEL", 2);
  store_key(backend->store, OWNER_NODE, node_of(ticket->reaper->corpses), ":lost");
  store_arg(backend->store, ticket->session);
  store_send(backend->store, on_slot_gone, ticket);
}

static void on_user_left(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  struct ticket *ticket = arg;
  struct reaper *reaper = ticket->reaper;
  const struct presence_events *events = &reaper->presence->events;
  if (err != ERR_OK || clock_now_ms() - reaper->taken_ms > TAKEN_MAX_MS) {
    ticket_free(ticket);
    if (!reaper->tickets) next_corpse(reaper);
    return;
  }
  reaper->sessions++;
  events->reaped(events->arg, ticket->user, ticket->session, ticket->protocol, ticket);
}

/* `value` is "protocol user". */
static void reap_session(struct reaper *reaper, struct slice session, struct slice value)
{
  const char *space = value.len ? memchr(value.data, ' ', value.len) : NULL;
  size_t protocol_len = space ? (size_t)(space - value.data) : 0;
  struct ticket *ticket = memory_zalloc(sizeof *ticket + session.len + value.len);
  char *at = ticket->bytes;
  ticket->reaper = reaper;
  ticket->session = slice_put(&at, session);
  ticket->protocol = slice_put(&at, (struct slice){value.data, protocol_len});
  ticket->user = slice_put(&at, slice_skip(value, protocol_len + 1));
  DL_APPEND(reaper->tickets, ticket);
  struct store *store = reaper->presence->backend->store;
  presence_write_leave(store, ticket->user, session);
  store_send(store, on_user_left, ticket);
}

/* ---- one node ----------------------------------------------------------------------- */

static void on_buried(void *arg, enum err err, const struct redisReply *reply)
{
  (void)err;
  (void)reply;
  struct reaper *reaper = arg;
  struct presence *presence = reaper->presence;
  struct slice node = node_of(reaper->corpses);
  bool own = slice_is(node, presence->backend->options.node);
  log_event(LOG_INFO, "node_reaped", LOG_T("node", node), LOG_N("sessions", reaper->sessions));
  next_corpse(reaper);
  if (own && presence->lease == LEASE_ASKED) lease_beat(presence);
}

/* Nothing is left: off the list, then the lock (in this order: nobody else begins in between). */
static void bury(struct reaper *reaper)
{
  struct store *store = reaper->presence->backend->store;
  struct slice node = node_of(reaper->corpses);
  store_begin(store, SCRIPT_node_end, 1, 2);
  store_name(store, "nodes");
  store_arg(store, node);
  store_arg(store, SLICE("cleared"));
  store_send(store, NULL, NULL);
  store_behind(store);
  store_begin(store, SCRIPT_node_release, 2, 2);
  store_key(store, OWNER_NODE, node, ":reaper");
  store_key(store, OWNER_NODE, node, ":life");
  store_arg(store, slice_of(reaper->presence->backend->options.node));
  store_number(store, reaper->corpses->heartbeat_ms);
  store_send(store, on_buried, reaper);
}

static void on_taken(void *arg, enum err err, const struct redisReply *reply)
{
  struct reaper *reaper = arg;
  if (err != ERR_OK || reply->type != REDIS_REPLY_ARRAY) { /* BUSY: somebody else is at it */
    next_corpse(reaper);
    return;
  }
  if (reply->elements == 0) {
    bury(reaper);
    return;
  }
  reaper->taken_ms = clock_now_ms();
  for (size_t i = 0; i + 1 < reply->elements; i += 2)
    reap_session(reaper, reply_slice(reply->element[i]), reply_slice(reply->element[i + 1]));
}

static void take(struct reaper *reaper)
{
  struct backend *backend = reaper->presence->backend;
  struct slice node = node_of(reaper->corpses);
  if (!reaper->busy) reaper->sessions = 0;
  reaper->busy = true;
  store_begin(backend->store, SCRIPT_node_take, 4, 4);
  store_key(backend->store, OWNER_NODE, node, ":sessions");
  store_key(backend->store, OWNER_NODE, node, ":lost");
  store_key(backend->store, OWNER_NODE, node, ":reaper");
  store_key(backend->store, OWNER_NODE, node, ":life");
  store_arg(backend->store, slice_of(backend->options.node));
  store_number(backend->store, LOCK_MS);
  store_number(backend->store, BATCH_SESSIONS);
  store_number(backend->store, reaper->corpses->heartbeat_ms);
  store_send(backend->store, on_taken, reaper);
}

void reaper_reap(struct reaper *reaper, struct slice node, uint64_t heartbeat_ms)
{
  struct corpse *corpse;
  DL_FOREACH(reaper->corpses, corpse)
  {
    if (slice_equal(node_of(corpse), node)) return;
  }
  corpse = memory_zalloc(sizeof *corpse + node.len);
  memcpy(corpse->node, node.data, node.len);
  corpse->len = node.len;
  corpse->heartbeat_ms = heartbeat_ms;
  DL_APPEND(reaper->corpses, corpse);
  if (!reaper->busy) take(reaper);
}

/* ---- life --------------------------------------------------------------------------- */

struct reaper *reaper_new(struct presence *presence)
{
  struct reaper *reaper = memory_zalloc(sizeof *reaper);
  reaper->presence = presence;
  return reaper;
}

void reaper_free(struct reaper *reaper)
{
  while (reaper->tickets) ticket_free(reaper->tickets);
  while (reaper->corpses) {
    struct corpse *corpse = reaper->corpses;
    DL_DELETE(reaper->corpses, corpse);
    free(corpse);
  }
  free(reaper);
}
