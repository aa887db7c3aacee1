/* See roll_call.h.
 *
 *   heard first ──► read, silently ─┐              heard again ──► a while, for others come back, too
 *                                   ▼                                │
 *                     roster ◄── live events                         ▼
 *                       ▲                     pages of the attendance: who came ─┐
 *                       │                     then the roster: who went ─────────┤
 *                       └── told, unless something live came first ◄── who is it ┘
 *
 * And once a minute or so all the same: what ended on a master that was lost is ended on the next
 * one without a word (presence.c, presence_send_gone). */
#include "roll_call.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/memory.h"
#include "conversation.h"
#include "deliver.h"
#include "directory.h"
#include "metrics.h"
#include "roster.h"
#include "session.h"

enum {
  BATCH_USERS = 256,
  /* Behind a confirmation: longer than backend_ready may go by what was proven before it, so that
   * both links have found the same master; and sessions that Redis forgot attend again meanwhile. */
  SETTLE_MS = 3000,
  SPREAD_MS = 500,
  RETRY_MS = 1000,
  PACE_MS = 100, /* whenever about so many were told as are in a batch, so that outboxes drain */
  REST_MS = 60000,
};

struct roll_call {
  struct node_timer timer; /* first, for its call */
  struct node *node;       /* NULL: ended, and waits for its answers only */
  struct roster roster;
  uint64_t cursor;    /* HSCAN's */
  unsigned in_flight; /* answers that are yet to come */
  unsigned told;      /* since it paused */
  bool paged;         /* the attendance was read to its end */
  bool in_vain;       /* what is under way means nothing: from the beginning */
};

/* ---- telling -------------------------------------------------------------------------- */

/* Its own user's state each session was told for itself, for it may have come later. */
static bool is_news(struct session *session, const struct envelope *event, bool changed)
{
  bool there = event->kind == KIND_ROOM_ENTERED;
  if (!slice_equal(event->from.id, session->caller.user.id)) return changed;
  if (session->greeted == there) return false;
  session->greeted = there;
  return true;
}

static void tell(struct node *node, const struct topic *lobby, const struct envelope *event,
                 bool changed)
{
  struct delivery delivery = deliver_begin(node, event, (struct slice){0});
  for (struct subscription *each = lobby->first; each; each = each->next) {
    if (each->session->state == SESSION_CLOSING || each->state == SYNC_WAITING) continue;
    if (is_news(each->session, event, changed)) deliver_to(&delivery, each->session);
  }
  deliver_end(&delivery);
}

void roll_call_heard(struct node *node, const struct topic *lobby, const struct envelope *event)
{
  struct roll_call *call = node->roll_call;
  bool there = event->kind == KIND_ROOM_ENTERED;
  bool changed = !call || roster_heard(&call->roster, event->from.id, there);
  tell(node, lobby, event, changed);
}

/* ---- reading -------------------------------------------------------------------------- */

static void go_on(struct roll_call *call);

/* Gives it back where it has ended. */
static bool is_over(struct roll_call *call)
{
  if (call->node) return false;
  if (!call->in_flight) free(call);
  return true;
}

static void fail(struct roll_call *call)
{
  if (call->in_vain) return;
  call->in_vain = true;
  node_timer_set(call->node, &call->timer, RETRY_MS);
}

/* A part is done. */
static void advance(struct roll_call *call)
{
  if (call->in_flight || call->in_vain) return;
  if (call->told < BATCH_USERS) {
    go_on(call);
    return;
  }
  call->told = 0;
  node_timer_set(call->node, &call->timer, PACE_MS);
}

struct question {
  struct roll_call *call;
  bool there;
  struct slice user; /* of `id` */
  char id[];
};

static void tell_late(struct roll_call *call, const struct question *question,
                      const struct entry *entry)
{
  struct node *node = call->node;
  const struct topic *lobby = hub_topic(node, OWNER_ROOM, party_lobby.id);
  struct envelope event = {
      .kind = question->there ? KIND_ROOM_ENTERED : KIND_ROOM_EXITED,
      .ts_ms = node_wall_ms(),
      .from = {.kind = PARTY_USER, .id = question->user, .name = question->user},
      .to = party_lobby};
  if (!lobby || !roster_settle(&call->roster, question->user, question->there)) return;
  if (entry)
    event.from = (struct party){PARTY_USER, entry->num, entry->id, entry->uuid, entry->name};
  call->told++;
  metric_add(METRIC_ATTENDANCE_LATE, 1);
  tell(node, lobby, &event, true);
}

static void on_user(void *arg, enum err err, const struct entry *entry)
{
  struct question *question = arg;
  struct roll_call *call = question->call;
  call->in_flight--;
  if (!is_over(call)) {
    if (err == ERR_UNAVAILABLE)
      fail(call);
    else if (!call->in_vain)
      tell_late(call, question, err == ERR_OK ? entry : NULL);
    advance(call);
  }
  free(question);
}

static void ask_who(struct roll_call *call, struct slice user, bool there)
{
  struct question *question = memory_alloc(sizeof *question + user.len);
  char *at = question->id;
  *question = (struct question){.call = call, .there = there};
  question->user = slice_put(&at, user);
  call->in_flight++;
  directory_resolve(call->node->backend, OWNER_USER, question->user, false, on_user, question);
}

static void on_page(void *arg, enum err err, uint64_t next, const struct slice *users, size_t count)
{
  struct roll_call *call = arg;
  call->in_flight--;
  if (is_over(call)) return;
  if (err != ERR_OK) {
    fail(call);
    return;
  }
  if (call->in_vain) return;
  for (size_t i = 0; i < count; i++)
    if (roster_seen(&call->roster, users[i])) ask_who(call, users[i], true);
  call->cursor = next;
  call->paged = !next;
  advance(call);
}

static void finish(struct roll_call *call)
{
  roster_finish(&call->roster);
  call->in_vain = true; /* the next one begins anew */
  node_timer_set(call->node, &call->timer, REST_MS + randombytes_uniform(SPREAD_MS));
}

/* The next page; or, behind the last one, those of the roster that were in none. */
static void go_on(struct roll_call *call)
{
  struct slice user;
  if (!call->paged) {
    call->in_flight++;
    attendance_page(call->node->backend, party_lobby.id, call->cursor, BATCH_USERS, on_page, call);
    return;
  }
  while (call->in_flight < BATCH_USERS && roster_missing(&call->roster, &user))
    ask_who(call, user, false);
  if (!call->in_flight) finish(call);
}

static void begin(struct roll_call *call)
{
  call->in_vain = call->paged = false;
  call->cursor = call->told = 0;
  roster_begin(&call->roster);
  go_on(call);
}

static bool is_anybody_told(const struct topic *lobby)
{
  for (const struct subscription *each = lobby ? lobby->first : NULL; each; each = each->next)
    if (each->session->caller.protocol->tells_attendance) return true;
  return false;
}

static void on_time(struct node *node, struct node_timer *timer)
{
  struct roll_call *call = (struct roll_call *)timer;
  if (!call->in_vain)
    go_on(call);
  else if (!is_anybody_told(hub_topic(node, OWNER_ROOM, party_lobby.id)))
    roll_call_end(node);
  else if (call->in_flight || !backend_ready(node->backend, NULL))
    node_timer_set(node, timer, PACE_MS);
  else
    begin(call);
}

/* ---- life ----------------------------------------------------------------------------- */

void roll_call_begin(struct session *session)
{
  struct node *node = session->caller.node;
  if (node->roll_call || !session->caller.protocol->tells_attendance) return;
  node->roll_call = memory_zalloc(sizeof *node->roll_call);
  node->roll_call->timer.call = on_time;
  node->roll_call->node = node;
  begin(node->roll_call);
}

void roll_call_lost(struct node *node)
{
  struct roll_call *call = node->roll_call;
  if (!call) return;
  call->in_vain = true;
  node_timer_stop(node, &call->timer);
}

void roll_call_again(struct node *node)
{
  struct roll_call *call = node->roll_call;
  if (!call) return;
  call->in_vain = true;
  node_timer_set(node, &call->timer, SETTLE_MS + randombytes_uniform(SPREAD_MS));
}

void roll_call_end(struct node *node)
{
  struct roll_call *call = node->roll_call;
  if (!call) return;
  node->roll_call = NULL;
  node_timer_stop(node, &call->timer);
  roster_free(&call->roster);
  call->node = NULL;
  (void)is_over(call);
}
