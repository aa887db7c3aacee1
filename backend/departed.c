/* Sessions that ended lately. On a Redis Cluster each master forgets for itself in a failover: a
 * user's, or the lobby's, may show one again that the node's shows no more, and no sweep finds
 * it. So those that ended within the last minute are cleared away once more when the masters are
 * whole again; where nothing was forgotten that changes nothing. Not those that a reaper cleared
 * away: they come back where their node had only been paused. */
#include <stdlib.h>

#include <utlist.h>

#include "base/memory.h"
#include "clearing.h"
#include "clock.h"
#include "presence_private.h"
#include "store.h"

enum {
  REMEMBERED_MS = 60000, /* several times what a failover takes (cluster-node-timeout: 15 s) */
  REMEMBERED_MAX = 4096,
};

struct past {
  struct past *prev, *next;
  uint64_t ended_ms;
  struct slice session, value; /* of `bytes`; value: as the node's hash has it, no protocol */
  char bytes[];
};

struct departed {
  struct presence *presence;
  struct past *first; /* the oldest */
  size_t count;
  bool failed; /* the last time: once more with the next heartbeat */
  struct clearing clearing;
};

static void forget_first(struct departed *departed)
{
  struct past *past = departed->first;
  DL_DELETE(departed->first, past);
  departed->count--;
  free(past);
}

static void forget_old(struct departed *departed)
{
  uint64_t now_ms = clock_now_ms();
  while (departed->first && departed->first->ended_ms + REMEMBERED_MS < now_ms)
    forget_first(departed);
}

void departed_note(struct departed *departed, struct slice user, struct slice session)
{
  if (!store_is_cluster(departed->presence->backend->store)) return;
  struct past *past = memory_zalloc(sizeof *past + session.len + 1 + user.len);
  char *at = past->bytes;
  past->ended_ms = clock_now_ms();
  past->session = slice_put(&at, session);
  past->value = (struct slice){at, 1 + user.len};
  *at++ = ' ';
  slice_put(&at, user);
  forget_old(departed);
  if (departed->count == REMEMBERED_MAX) forget_first(departed);
  DL_APPEND(departed->first, past);
  departed->count++;
}

void departed_again(struct departed *departed)
{
  struct past *past;
  departed->failed = false;
  forget_old(departed);
  DL_FOREACH(departed->first, past)
  {
    clearing_add(&departed->clearing, past->session, past->value);
  }
}

/* A cluster that is whole may refuse for a while what it has not agreed upon yet. */
static void on_cleared(void *arg, bool all)
{
  struct departed *departed = arg;
  departed->failed = !all;
}

void departed_beat(struct departed *departed)
{
  if (departed->failed && !departed->clearing.tickets) departed_again(departed);
}

struct departed *departed_new(struct presence *presence)
{
  struct departed *departed = memory_zalloc(sizeof *departed);
  departed->presence = presence;
  departed->clearing = (struct clearing){.presence = presence,
                                         .node = slice_of(presence->backend->options.node),
                                         .hash = ":sessions",
                                         .done = on_cleared,
                                         .arg = departed};
  return departed;
}

void departed_free(struct departed *departed)
{
  clearing_free(&departed->clearing);
  while (departed->first) forget_first(departed);
  free(departed);
}
