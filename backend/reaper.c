/* The reaper: what a dead node's sessions leave behind is cleared away, by whichever
 * node holds the lock parley:node:{gw}:reaper, which runs out when its holder dies.
 *
 *   node_take ──► some sessions ──► each is cleared away (clearing.h)
 *       ▲                                     │
 *       └────────────(all of them)────────────┘ */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "clearing.h"
#include "clock.h"
#include "page.h"
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

struct reaper {
  struct presence *presence;
  struct corpse *corpses; /* the first one is under way where `busy` */
  bool busy;
  struct clearing clearing; /* of the first one's */
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

static void on_cleared(void *arg, bool all)
{
  struct reaper *reaper = arg;
  if (all)
    take(reaper);
  else
    next_corpse(reaper);
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
  log_event(LOG_INFO, "node_reaped", LOG_T("node", node), LOG_N("sessions", reaper->clearing.told));
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
  reaper->clearing.until_ms = clock_now_ms() + TAKEN_MAX_MS;
  for (size_t i = 0; i + 1 < reply->elements; i += 2)
    clearing_add(&reaper->clearing, reply_slice(reply->element[i]),
                 reply_slice(reply->element[i + 1]));
}

static void take(struct reaper *reaper)
{
  struct backend *backend = reaper->presence->backend;
  struct slice node = node_of(reaper->corpses);
  if (!reaper->busy) {
    reaper->clearing.node = node;
    reaper->clearing.told = 0;
  }
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
  reaper->clearing =
      (struct clearing){.presence = presence, .hash = ":lost", .done = on_cleared, .arg = reaper};
  return reaper;
}

void reaper_free(struct reaper *reaper)
{
  clearing_free(&reaper->clearing);
  while (reaper->corpses) {
    struct corpse *corpse = reaper->corpses;
    DL_DELETE(reaper->corpses, corpse);
    free(corpse);
  }
  free(reaper);
}
