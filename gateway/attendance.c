/* See attendance.h.
 *
 *   session ends ─► presence_leave ─► grace ─┐   where it
 *   node dies    ─► its session's slot in    │   attended         its contacts
 *                   the node's hash stays,   ├─► attendance_end ─► acquaintance_gone ─┐
 *                   reaped ──────────────────┘   ┌────────────────────────────────────┘
 *                                                └─► presence_leave, finished; reaped_finished
 */
#include "attendance.h"

#include <stdlib.h>

#include "acquaintance.h"
#include "admission.h"
#include "base/memory.h"
#include "conversation.h"
#include "deliver.h"
#include "directory.h"
#include "metrics.h"
#include "muster.h"
#include "presence.h"
#include "session.h"

struct attendance {
  struct departure *first;
  size_t count;
  struct text rest; /* scratch */
};

/* A session that has ended, and is shown in the lobby, and to its contacts, until its
 * grace is over. */
struct departure {
  struct node_timer timer; /* first, for its call */
  struct mustered mustered;
  struct departure *next, *previous;
  struct node *node;
  struct party user;
  struct slice session;
  void *ticket;  /* of one that was reaped */
  bool attends;  /* the lobby may have been told of it, and not of its end */
  bool lives_on; /* the session hears the lobby no more, but is there */
  char memory[];
};

struct attendance *attendance_new(struct node *node)
{
  (void)node;
  return memory_zalloc(sizeof(struct attendance));
}

void attendance_free(struct attendance *attendance)
{
  for (struct departure *each = attendance->first, *next; each; each = next) {
    next = each->next;
    muster_remove(each->node, &each->mustered);
    free(each);
  }
  text_free(&attendance->rest);
  free(attendance);
}

size_t attendance_departures(const struct attendance *attendance)
{
  return attendance->count;
}

bool attendance_is_of(struct slice room)
{
  return slice_equal(room, party_lobby.id);
}

static struct slice write_rest(struct node *node, enum envelope_kind kind, const struct party *user)
{
  struct envelope event = {.kind = kind, .ts_ms = node_wall_ms(), .from = *user, .to = party_lobby};
  text_reset(&node->attendance->rest);
  envelope_write_rest(&node->attendance->rest, &event);
  return text_slice(&node->attendance->rest);
}

/* ---- coming ------------------------------------------------------------------------ */

struct arrival {
  struct node *node;
  uint64_t session;
};

/* The user attends already by another connection: the newcomer alone is told. */
static void tell_newcomer(struct session *session)
{
  struct envelope event = {.kind = KIND_ROOM_ENTERED,
                           .ts_ms = node_wall_ms(),
                           .from = session->caller.user,
                           .to = party_lobby};
  struct delivery delivery = deliver_begin(session->caller.node, &event, (struct slice){0});
  deliver_to(&delivery, session);
  deliver_end(&delivery);
  session->greeted = true;
}

static void on_arrived(void *arg, const struct stamp *stamp)
{
  struct arrival arrival = *(struct arrival *)arg;
  free(arg);
  struct session *session = session_find(arrival.node, arrival.session);
  if (!session) return;
  if (stamp->err != ERR_OK) {
    session->arrived = false; /* again when the lobby is heard again, or Redis is back */
    if (stamp->err == ERR_UNAVAILABLE) admission_rejoin(session);
    return;
  }
  bool published = stamp->seq == 1;
  if (!published && !session->greeted) tell_newcomer(session);
}

void attendance_arrive(struct session *session)
{
  struct node *node = session->caller.node;
  if (session->arrived) return;
  /* A session that is not in its node's hash is nowhere else: masters of a Redis Cluster have no
   * order among them, so not before it has joined (admission.c goes on here then). */
  if (session->joining || session->rejoins) return;
  session->arrived = true;
  session->attends = true;
  struct arrival *arrival = memory_alloc(sizeof *arrival);
  *arrival = (struct arrival){node, session->caller.handle};
  attendance_begin(node->backend, party_lobby.id, session->caller.user.id, session->caller.id,
                   write_rest(node, KIND_ROOM_ENTERED, &session->caller.user), on_arrived, arrival);
}

void attendance_missed(struct session *session)
{
  session->arrived = false;
  /* Its node may have been cleared away, and not know it yet: so it joins again, and attends behind
   * that, as whoever stands in its node's hash. */
  admission_rejoin(session);
}

void attendance_resume(struct session *session)
{
  struct subscription *lobby = hub_find(session, OWNER_ROOM, party_lobby.id);
  if (lobby && lobby->state == SYNC_LIVE) attendance_arrive(session);
}

/* ---- going ------------------------------------------------------------------------- */

static struct departure *departure_new(struct node *node, const struct party *user,
                                       struct slice session)
{
  struct departure *departure = memory_zalloc(sizeof *departure + user->id.len + user->uuid.len +
                                              user->name.len + session.len);
  char *next = departure->memory;
  departure->node = node;
  departure->user = *user;
  departure->user.id = slice_put(&next, user->id);
  departure->user.uuid = slice_put(&next, user->uuid);
  departure->user.name = slice_put(&next, user->name);
  departure->session = slice_put(&next, session);
  muster_add(node, &departure->mustered, departure->session);
  departure->next = node->attendance->first;
  if (departure->next) departure->next->previous = departure;
  node->attendance->first = departure;
  node->attendance->count++;
  return departure;
}

static void departure_free(struct departure *departure)
{
  struct attendance *attendance = departure->node->attendance;
  if (departure->previous)
    departure->previous->next = departure->next;
  else
    attendance->first = departure->next;
  if (departure->next) departure->next->previous = departure->previous;
  attendance->count--;
  muster_remove(departure->node, &departure->mustered);
  free(departure);
}

static void end_departure(struct node *node, struct departure *departure);

static void on_retry(struct node *node, struct node_timer *timer)
{
  end_departure(node, (struct departure *)timer);
}

static void on_contacts_told(void *arg)
{
  struct departure *departure = arg;
  struct node *node = departure->node;
  if (departure->ticket)
    presence_reaped_finished(node->backend, departure->ticket);
  else
    presence_leave(node->backend, departure->user.id, departure->session, true, NULL, NULL);
  departure_free(departure);
}

static void on_gone(void *arg, const struct stamp *stamp)
{
  struct departure *departure = arg;
  struct node *node = departure->node;
  if (stamp->err == ERR_UNAVAILABLE && !node->ending) {
    departure->timer.call = on_retry;
    node_timer_set(node, &departure->timer, 1000);
    return;
  }
  departure->attends = false;
  end_departure(node, departure);
}

static void end_departure(struct node *node, struct departure *departure)
{
  if (departure->attends)
    attendance_end(node->backend, party_lobby.id, departure->user.id, departure->session,
                   write_rest(node, KIND_ROOM_EXITED, &departure->user), on_gone, departure);
  else if (departure->lives_on)
    departure_free(departure);
  else
    acquaintance_gone(node, departure->user.id, departure->session, on_contacts_told, departure);
}

/* `delay_ms` from now the session attends no more. */
static struct departure *depart_after(struct session *session, uint64_t delay_ms)
{
  struct departure *departure =
      departure_new(session->caller.node, &session->caller.user, session->caller.id);
  departure->attends = session->attends;
  departure->timer.call = on_retry;
  node_timer_set(session->caller.node, &departure->timer, delay_ms);
  return departure;
}

void attendance_quit(struct session *session)
{
  if (!session->attends) return;
  struct departure *departure = depart_after(session, 0);
  departure->lives_on = true;
  muster_remove(session->caller.node, &departure->mustered); /* the session is there itself */
  session->attends = session->arrived = session->greeted = false;
}

void attendance_depart(struct session *session)
{
  struct node *node = session->caller.node;
  presence_leave(node->backend, session->caller.user.id, session->caller.id, false, NULL, NULL);
  depart_after(session, node->config->presence_grace_ms);
}

/* ---- after a dead node ------------------------------------------------------------- */

static void on_user(void *arg, enum err err, const struct entry *entry)
{
  struct departure *departure = arg;
  struct departure *known = departure;
  if (err == ERR_OK) {
    struct party user = {PARTY_USER, entry->num, entry->id, entry->uuid, entry->name};
    known = departure_new(departure->node, &user, departure->session);
    known->ticket = departure->ticket;
    known->attends = true;
    departure_free(departure);
  }
  end_departure(known->node, known);
}

void attendance_reaped(struct node *node, struct slice user, struct slice session, void *ticket)
{
  metric_add(METRIC_REAPED, 1);
  struct party party = {.kind = PARTY_USER, .id = user, .name = user};
  struct departure *departure = departure_new(node, &party, session);
  departure->ticket = ticket;
  departure->attends = true;
  directory_resolve(node->backend, OWNER_USER, departure->user.id, false, on_user, departure);
}
