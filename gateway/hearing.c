/* See hearing.h. */
#include "hearing.h"

#include <stdlib.h>

#include "admission.h"
#include "attendance.h"
#include "base/memory.h"
#include "deliver.h"
#include "directory.h"
#include "rooms.h"
#include "session.h"
#include "settle.h"
#include "sync.h"

/* ---- rooms that are not heard ------------------------------------------------------------ */

/* A room that the session's user was put out of. */
struct barred {
  struct barred *next;
  bool banned; /* until Redis says otherwise; else kicked, until they enter again */
  size_t len;
  char room[];
};

static struct barred *find_barred(const struct session *session, struct slice room)
{
  for (struct barred *each = session->barred; each; each = each->next)
    if (slice_equal(room, (struct slice){each->room, each->len})) return each;
  return NULL;
}

static bool is_barred(const struct session *session, struct slice room)
{
  return find_barred(session, room);
}

static void bar(struct session *session, struct slice room, bool banned)
{
  struct barred *barred = find_barred(session, room);
  if (barred) {
    barred->banned |= banned;
    return;
  }
  barred = memory_alloc(sizeof *barred + room.len);
  *barred = (struct barred){session->barred, banned, room.len};
  memcpy(barred->room, room.data, room.len);
  session->barred = barred;
}

static void unbar(struct session *session, struct slice room)
{
  for (struct barred **link = &session->barred, *each; (each = *link); link = &each->next) {
    if (!slice_equal(room, (struct slice){each->room, each->len})) continue;
    *link = each->next;
    free(each);
    return;
  }
}

static void forget_bans(struct session *session)
{
  for (struct barred **link = &session->barred, *each; (each = *link);) {
    if (each->banned) {
      *link = each->next;
      free(each);
    } else {
      link = &each->next;
    }
  }
}

void hearing_forget(struct session *session)
{
  while (session->barred) {
    struct barred *barred = session->barred;
    session->barred = barred->next;
    free(barred);
  }
}

static void hear(struct session *session, struct slice room, enum start start)
{
  if (!is_barred(session, room)) hub_subscribe(session, OWNER_ROOM, room, start);
}

/* ---- public rooms ------------------------------------------------------------------------- */

struct public_rooms {
  struct slice *ids; /* each from malloc */
  size_t count, capacity;
  bool loading, again; /* asked for; changed since it was asked for */
  bool stale;          /* could not be read */
  uint64_t due_ms;     /* monotonic: read again, for whoever changed it may have died untold */
};

enum {
  FIRST_ROOMS = 16,
  READ_AGAIN_MS = 60000,
};

struct public_rooms *public_rooms_new(void)
{
  return memory_zalloc(sizeof(struct public_rooms));
}

static void clear(struct public_rooms *rooms)
{
  for (size_t i = 0; i < rooms->count; i++) free((char *)(uintptr_t)rooms->ids[i].data);
  rooms->count = 0;
}

void public_rooms_free(struct public_rooms *rooms)
{
  clear(rooms);
  free(rooms->ids);
  free(rooms);
}

/* The first one that is not below `id`: they are in order. */
static size_t place_of(const struct public_rooms *rooms, struct slice id)
{
  size_t low = 0, high = rooms->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (slice_compare(rooms->ids[middle], id) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool holds(const struct public_rooms *rooms, struct slice id)
{
  size_t at = place_of(rooms, id);
  return at < rooms->count && slice_equal(rooms->ids[at], id);
}

static bool same(const struct public_rooms *one, const struct public_rooms *other)
{
  if (one->count != other->count) return false;
  for (size_t i = 0; i < one->count; i++)
    if (!slice_equal(one->ids[i], other->ids[i])) return false;
  return true;
}

static void add(struct public_rooms *rooms, struct slice id)
{
  size_t at = place_of(rooms, id);
  if (at < rooms->count && slice_equal(rooms->ids[at], id)) return;
  if (rooms->count == rooms->capacity) {
    rooms->capacity = rooms->capacity ? rooms->capacity * 2 : FIRST_ROOMS;
    rooms->ids = memory_resize(rooms->ids, rooms->capacity * sizeof *rooms->ids);
  }
  memmove(&rooms->ids[at + 1], &rooms->ids[at], (rooms->count++ - at) * sizeof *rooms->ids);
  rooms->ids[at] = (struct slice){memory_copy(id.data, id.len), id.len};
}

/* The one room that it asked for, which it hears while its user may read it. */
static bool asked_for(const struct session *session, struct slice room)
{
  return (session->caller.protocol->hears & HEARS_ONE_ROOM) &&
         slice_equal(room, session_room(session));
}

static bool hears_public(const struct session *session)
{
  return (session->caller.protocol->hears & HEARS_PUBLIC) &&
         (session->state == SESSION_JOINED || session->state == SESSION_OPEN);
}

static void hear_public(struct session *session)
{
  const struct public_rooms *rooms = session->caller.node->public_rooms;
  hear(session, party_lobby.id, START_NOW); /* also while the list is not there yet */
  for (size_t i = 0; i < rooms->count; i++) hear(session, rooms->ids[i], START_NOW);
}

struct publicity {
  const struct public_rooms *before, *now;
};

/* What is public no more is heard by members alone. Whether the user of a session that hears one
 * room is a member is found out by joining again. */
static void follow_public(struct session *session, void *arg)
{
  const struct publicity *publicity = arg;
  if (asked_for(session, session_room(session))) {
    bool was = holds(publicity->before, session_room(session));
    if (was && !holds(publicity->now, session_room(session))) admission_rejoin(session);
  }
  if (!hears_public(session)) return;
  for (struct subscription *each = session->subscriptions, *next; each; each = next) {
    next = each->next_of_session;
    bool room = each->topic->kind == OWNER_ROOM && !each->member;
    if (room && !holds(publicity->now, each->topic->owner)) hub_leave_room(each);
  }
  hear_public(session);
}

static void load(struct node *node);

static void on_public(void *arg, enum err err, const struct slice *ids, size_t count)
{
  struct node *node = arg;
  struct public_rooms *rooms = node->public_rooms;
  rooms->loading = false;
  if (node->ending) return;
  if (rooms->again) {
    load(node);
    return;
  }
  rooms->stale = err != ERR_OK;
  if (rooms->stale) return;
  rooms->due_ms = node->now_ms + READ_AGAIN_MS;
  struct public_rooms before = *rooms;
  rooms->ids = NULL;
  rooms->count = rooms->capacity = 0;
  add(rooms, party_lobby.id);
  for (size_t i = 0; i < count; i++) add(rooms, ids[i]);
  if (!same(&before, rooms))
    sessions_each(node, follow_public, &(struct publicity){&before, rooms});
  clear(&before);
  free(before.ids);
}

static void load(struct node *node)
{
  struct public_rooms *rooms = node->public_rooms;
  rooms->again = rooms->loading;
  if (rooms->loading) return;
  rooms->loading = true;
  rooms_public(node->backend, on_public, node);
}

void hearing_tick(struct node *node)
{
  const struct public_rooms *rooms = node->public_rooms;
  bool due = rooms->stale || (rooms->due_ms && node->now_ms > rooms->due_ms);
  if (due && !rooms->loading && backend_ready(node->backend, NULL)) load(node);
}

void hearing_confirmed(struct node *node)
{
  directory_clear(node->backend);
  load(node);
}

/* ---- what is said to all ------------------------------------------------------------------ */

struct telling {
  struct delivery delivery;
  struct slice room;
};

/* From its very beginning: somebody may have said something already. */
static void hear_new(struct session *session, void *arg)
{
  struct telling *telling = arg;
  if (!hears_public(session)) return;
  if (session->state == SESSION_OPEN) deliver_to(&telling->delivery, session);
  hear(session, telling->room, START_BEGINNING);
}

static void created(struct node *node, const struct envelope *event)
{
  struct telling telling = {deliver_begin(node, event, (struct slice){0}), event->to.id};
  add(node->public_rooms, event->to.id);
  sessions_each(node, hear_new, &telling);
  deliver_end(&telling.delivery);
}

static void renamed(struct node *node, const struct envelope *event)
{
  directory_forget(node->backend, OWNER_USER, event->from.id);
  struct topic *topic = hub_topic(node, OWNER_USER, event->from.id);
  for (struct subscription *each = topic ? topic->first : NULL; each; each = each->next)
    session_renamed(each->session, event->from.name);
}

void hearing_all(struct node *node, const struct envelope *event)
{
  if (event->kind == KIND_USER_CHANGED) renamed(node, event);
  if (event->to.kind != PARTY_ROOM) return;
  directory_forget(node->backend, OWNER_ROOM, event->to.id);
  if (event->kind == KIND_ROOM_CREATED) created(node, event);
  load(node);
}

/* ---- memberships --------------------------------------------------------------------------- */

static bool is_public(const struct session *session, struct slice room)
{
  return slice_equal(room, party_lobby.id) || holds(session->caller.node->public_rooms, room);
}

/* Without being a member. */
static bool may_hear(const struct session *session, struct slice room)
{
  bool all = session->caller.protocol->hears & HEARS_PUBLIC;
  return (all || asked_for(session, room)) && is_public(session, room);
}

void hearing_begin(struct session *session, const struct presence_joined *joined)
{
  unsigned hears = session->caller.protocol->hears;
  forget_bans(session);
  for (size_t i = 0; i < joined->room_count; i++) unbar(session, joined->rooms[i]);
  for (size_t i = 0; i < joined->ban_count; i++) bar(session, joined->bans[i], true);
  if (hears & HEARS_ONE_ROOM) hear(session, session_room(session), START_NOW);
  /* Before the public ones: a member goes on where it was. */
  for (size_t i = 0; (hears & HEARS_MEMBERSHIPS) && i < joined->room_count; i++)
    hear(session, joined->rooms[i], START_CURSOR);
  if (hears & HEARS_PUBLIC) hear_public(session);
}

static bool is_member(const struct presence_joined *joined, struct slice room)
{
  for (size_t i = 0; i < joined->room_count; i++)
    if (slice_equal(joined->rooms[i], room)) return true;
  return false;
}

void hearing_follow(struct session *session, const struct presence_joined *joined)
{
  for (struct subscription *each = session->subscriptions, *next; each; each = next) {
    next = each->next_of_session;
    if (each->member && !is_member(joined, each->topic->owner)) hub_leave_room(each);
  }
  hearing_begin(session, joined);
  for (struct subscription *each = session->subscriptions, *next; each; each = next) {
    next = each->next_of_session;
    struct slice room = each->topic->owner;
    bool closed = asked_for(session, room) && !is_public(session, room) && !is_member(joined, room);
    if (each->topic->kind == OWNER_ROOM && (closed || is_barred(session, room)))
      hub_leave_room(each);
  }
}

/* The lobby tells of attendance, to whoever hears it. */
bool hearing_greets(const struct session *session, struct slice room)
{
  return (session->caller.protocol->hears & HEARS_MEMBERSHIPS) && !attendance_is_of(room);
}

void hearing_live(struct subscription *subscription)
{
  struct frame *greeting = subscription->greeting;
  subscription->greeting = NULL;
  if (greeting) session_send(subscription->session, greeting);
}

static void enter(struct session *session, struct delivery *delivery)
{
  struct slice room = delivery->event->to.id;
  unbar(session, room);
  if (asked_for(session, room)) hear(session, room, START_NOW);
  if (!(session->caller.protocol->hears & HEARS_MEMBERSHIPS)) return;
  struct subscription *subscription = hub_subscribe(session, OWNER_ROOM, room, START_CURSOR);
  subscription->member = true; /* it may have been heard for being public */
  if (!hearing_greets(session, room) || subscription->greeting) return;
  subscription->greeting = deliver_frame(delivery, session);
  if (subscription->state == SYNC_LIVE) hearing_live(subscription);
}

static void leave(struct session *session, const struct envelope *event)
{
  struct subscription *room = hub_find(session, OWNER_ROOM, event->to.id);
  bool kicked = event->kind == KIND_ROOM_KICKED;
  if (kicked) bar(session, event->to.id, event->permanent);
  if (!room) return;
  if (!kicked && may_hear(session, event->to.id))
    room->member = false;
  else
    hub_leave_room(room);
}

/* A ban is lifted: what is heard without being a member is heard again. */
static void allow(struct session *session, struct slice room)
{
  unbar(session, room);
  if (may_hear(session, room)) hear(session, room, START_NOW);
}

void hearing_member(struct topic *topic, const struct envelope *event)
{
  if (topic->kind != OWNER_USER || event->to.kind != PARTY_ROOM || !topic->first) return;
  struct node *node = topic->first->session->caller.node;
  struct delivery delivery = deliver_begin(node, event, (struct slice){0});
  settle_heard(node, event->to.id, topic->owner);
  for (struct subscription *each = topic->first; each; each = each->next) {
    struct session *session = each->session;
    if (session->state == SESSION_CLOSING) continue;
    session->rooms_changed = true;
    if (event->kind == KIND_ROOM_ENTERED)
      enter(session, &delivery);
    else if (event->kind == KIND_ROOM_CHANGED)
      allow(session, event->to.id);
    else
      leave(session, event);
  }
  deliver_end(&delivery);
}

/* It may be heard nevertheless, as by anybody. */
void hearing_outside(struct session *session, struct slice room)
{
  struct subscription *subscription = hub_find(session, OWNER_ROOM, room);
  if (subscription) hub_leave_room(subscription);
  if (may_hear(session, room)) hear(session, room, START_NOW);
  settle_soon(session->caller.node, room, session->caller.user.id);
}

void hearing_ended(struct topic *topic)
{
  for (struct subscription *each = topic->first, *next; each; each = next) {
    next = each->next;
    hub_leave_room(each); /* the last one takes the topic with it */
  }
}
