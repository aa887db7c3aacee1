/* See sync.h and the picture in gateway/README.md.
 *
 * The list is read per topic: one page at a time, from the lowest cursor among the
 * subscriptions that are READING, and every one of them takes from it what lies
 * above its own cursor. One whose outbox is full is PAUSED: it takes part no more
 * until it has drained.
 *
 * Nothing here ends: a page that could not be read (Redis is away) leaves its topic
 * on the list of those due, and sync_tick tries again. */
#include "sync.h"

#include <stdlib.h>

#include "admission.h"
#include "attendance.h"
#include "base/memory.h"
#include "conversation.h"
#include "dispatch.h"
#include "hearing.h"
#include "inbox.h"
#include "messages.h"
#include "metrics.h"
#include "roll_call.h"
#include "session.h"

enum {
  PAGE_MESSAGES = 100,
  PAGE_BYTES = 256 * 1024,
  EXPECT_MS = 1000, /* an own message that has not come by then is looked for */
};

/* Topics that want a page and could not ask for it. */
static struct topic *due_topics;

/* What travels with a page's request: the topic may be gone when it comes back. */
struct page_request {
  struct node *node;
  uint64_t after, serial;
  uint32_t number; /* of the topic's pages */
  enum owner_kind kind;
  size_t owner_len;
  char owner[];
};

/* The same for one subscription's start. */
struct start_request {
  struct node *node;
  uint64_t session;
  size_t room_len;
  char room[];
};

static void read_on(struct node *node, struct topic *topic);

static void make_due(struct topic *topic)
{
  if (topic->due) return;
  topic->due = true;
  topic->next_due = due_topics;
  due_topics = topic;
}

void sync_forget(struct topic *topic)
{
  if (!topic->due) return;
  struct topic **link = &due_topics;
  while (*link != topic) link = &(*link)->next_due;
  *link = topic->next_due;
}

static bool outbox_full(const struct session *session)
{
  return session->outbox.bytes > session->caller.node->config->outbox_bytes / 2;
}

/* The list is read, by pages that are yet to be asked for: one that is on its way may be
 * older than what made it necessary. `hint` is the highest seq known to be in the list. */
static void begin_reading(struct subscription *subscription, uint64_t hint)
{
  subscription->state = SYNC_READING;
  subscription->hint = hint;
  subscription->pages_before = subscription->topic->pages;
}

/* ---- where to begin ---------------------------------------------------------------- */

static void go_live(struct subscription *subscription, uint64_t seq)
{
  subscription->cursor = seq;
  subscription->located = true;
  subscription->state = SYNC_LIVE;
  admission_located(subscription->session);
  session_heard(subscription->session, subscription);
}

static void start_at(struct node *node, struct subscription *subscription, uint64_t cursor)
{
  subscription->cursor = subscription->proven = cursor;
  subscription->located = true;
  begin_reading(subscription, subscription->hint);
  admission_located(subscription->session);
  read_on(node, subscription->topic);
}

static void on_located(void *arg, const struct page *page)
{
  struct start_request *request = arg;
  struct node *node = request->node;
  struct session *session = session_find(node, request->session);
  struct slice room = {request->room, request->room_len};
  struct subscription *subscription = session ? hub_find(session, OWNER_ROOM, room) : NULL;
  if (subscription && subscription->state == SYNC_LOCATING) {
    /* A room that does not exist has nothing to show, and begins at 0 if it is made. */
    if (page->err == ERR_NOT_IN_ROOM) {
      hearing_outside(session, room);
      admission_located(session);
    } else if (page->err == ERR_OK || page->err == ERR_NOT_FOUND) {
      start_at(node, subscription, page->err == ERR_OK ? page->seq : 0);
    } else {
      make_due(subscription->topic);
    }
  }
  free(request);
}

/* A newcomer to a topic that another session hears live begins where that one is; one that
 * is being closed is shown nothing any more, and stays behind. */
static const struct subscription *live_neighbour(const struct subscription *subscription)
{
  for (const struct subscription *each = subscription->topic->first; each; each = each->next)
    if (each != subscription && each->state == SYNC_LIVE && each->session->state != SESSION_CLOSING)
      return each;
  return NULL;
}

static void locate(struct node *node, struct subscription *subscription)
{
  subscription->state = SYNC_LOCATING;
  subscription->hint = 0;
  struct session *session = subscription->session;
  if (topic_is_attended(subscription->topic)) roll_call_begin(session);
  if (subscription->start == START_UNREAD) {
    /* presence_join brings the page: sync_first_page. One that is under way was asked for
     * before this confirmation, and may not tell all. */
    if (session->joining) subscription->hint = UINT64_MAX;
    admission_subscribed(session);
    return;
  }
  if (subscription->start == START_BEGINNING) {
    start_at(node, subscription, 0);
    return;
  }
  const struct subscription *neighbour = live_neighbour(subscription);
  if (subscription->start == START_NOW && neighbour) {
    go_live(subscription, neighbour->cursor);
    return;
  }
  struct slice room = subscription->topic->owner;
  struct start_request *request = memory_alloc(sizeof *request + room.len);
  *request = (struct start_request){node, session->caller.handle, room.len};
  memcpy(request->room, room.data, room.len);
  if (subscription->start == START_NOW)
    messages_after(node->backend, (struct owner){OWNER_ROOM, room}, 0, 0, 0, on_located, request);
  else
    room_cursor_get(node->backend, room, session->caller.user.id, on_located, request);
}

void sync_begin(struct node *node, struct subscription *subscription)
{
  locate(node, subscription);
}

void sync_confirmed(struct node *node, struct topic *topic)
{
  bool reading = false;
  for (struct subscription *each = topic->first, *next; each; each = next) {
    next = each->next;
    if (each->state != SYNC_WAITING) continue;
    if (each->located) {
      begin_reading(each, 0); /* it was live before: goes on from its cursor */
      if (each == each->session->inbox) admission_rejoin(each->session);
      if (topic_is_attended(topic)) attendance_missed(each->session);
      reading = true;
    } else {
      locate(node, each);
    }
  }
  if (reading) read_on(node, topic);
}

void sync_lost(struct topic *topic)
{
  for (struct subscription *each = topic->first; each; each = each->next)
    each->state = SYNC_WAITING;
}

/* ---- reading the list -------------------------------------------------------------- */

/* Decoded lines of the page, reused. Those that are no envelope are passed over. */
static size_t decode_page(struct arena *arena, const struct page *page, struct envelope *events)
{
  size_t count = 0;
  for (size_t i = 0; i < page->count; i++) {
    if (envelope_decode(arena, page->messages[i].line, &events[count]) == ERR_OK)
      count++;
    else
      metric_add(METRIC_EVENTS_MALFORMED, 1);
  }
  return count;
}

static void take_page(struct subscription *subscription, const struct page *page,
                      const struct envelope *events, size_t count)
{
  struct topic *topic = subscription->topic;
  struct slice reader = topic->kind == OWNER_USER ? topic->owner : (struct slice){0};
  size_t skip = 0;
  if (outbox_full(subscription->session)) {
    subscription->state = SYNC_PAUSED; /* pages of many topics may come in one turn */
    return;
  }
  while (skip < count && events[skip].seq <= subscription->cursor) skip++;
  if (skip < count) {
    subscription->cursor = events[count - 1].seq;
    subscription->cursor_id = events[count - 1].id;
    deliver_batch(subscription->session, events + skip, count - skip, reader);
    if (subscription->member) session_want_proof(subscription->session, PROOF_LATER);
  }
  if (page->more) {
    if (outbox_full(subscription->session)) subscription->state = SYNC_PAUSED;
    return;
  }
  /* The newest seq given out is the cursor also where its message is gone from the list
   * or was never kept. It never goes back: what Redis lost (a failover) it does not count again. */
  if (page->seq > subscription->cursor) subscription->cursor = page->seq;
  if (subscription->hint > subscription->cursor) {
    subscription->hint = 0;
    return;
  }
  go_live(subscription, subscription->cursor);
}

/* Those whose cursor lies below where the page begins would miss what is between. */
static bool is_for(const struct subscription *subscription, const struct page_request *request)
{
  return subscription->state == SYNC_READING && subscription->cursor >= request->after &&
         subscription->pages_before < request->number &&
         subscription->session->state != SESSION_CLOSING;
}

static void take_by_all(struct topic *topic, const struct page *page,
                        const struct page_request *request)
{
  static struct arena arena;
  arena_reset(&arena);
  struct envelope *events = arena_alloc(&arena, (page->count + 1) * sizeof *events);
  size_t count = decode_page(&arena, page, events);
  for (struct subscription *each = topic->first, *next; each; each = next) {
    next = each->next;
    if (is_for(each, request)) take_page(each, page, events, count);
  }
}

static void on_page(void *arg, const struct page *page)
{
  struct page_request *request = arg;
  struct node *node = request->node;
  struct topic *topic =
      hub_topic(node, request->kind, (struct slice){request->owner, request->owner_len});
  if (topic && topic->serial == request->serial) {
    topic->page_in_flight = false;
    if (page->err == ERR_OK) {
      take_by_all(topic, page, request); /* of a room that is gone: empty, the newest seq 0 */
      read_on(node, topic);
    } else {
      make_due(topic);
    }
  }
  free(request);
}

/* Asks for the next page, if somebody reads and none is on its way. */
static void read_on(struct node *node, struct topic *topic)
{
  if (topic->page_in_flight || !topic->confirmed) return;
  uint64_t after = UINT64_MAX;
  for (struct subscription *each = topic->first; each; each = each->next) {
    if (each->state != SYNC_READING || each->session->state == SESSION_CLOSING) continue;
    if (each->cursor < after) after = each->cursor;
  }
  if (after == UINT64_MAX) return;
  topic->page_in_flight = true;
  metric_add(METRIC_PAGES_READ, 1);
  struct page_request *request = memory_alloc(sizeof *request + topic->owner.len);
  *request = (struct page_request){.node = node,
                                   .after = after,
                                   .serial = topic->serial,
                                   .number = ++topic->pages,
                                   .kind = topic->kind,
                                   .owner_len = topic->owner.len};
  memcpy(request->owner, topic->owner.data, topic->owner.len);
  messages_after(node->backend, (struct owner){topic->kind, topic->owner}, after, PAGE_MESSAGES,
                 PAGE_BYTES, on_page, request);
}

void sync_first_page(struct node *node, struct subscription *subscription, const struct page *page)
{
  static struct arena arena;
  arena_reset(&arena);
  struct envelope *events = arena_alloc(&arena, (page->count + 1) * sizeof *events);
  size_t count = decode_page(&arena, page, events);
  begin_reading(subscription, subscription->hint);
  subscription->located = true;
  take_page(subscription, page, events, count);
  if (!subscription->topic->confirmed) subscription->state = SYNC_WAITING; /* lost meanwhile */
  read_on(node, subscription->topic);
}

void sync_resume(struct node *node, struct session *session)
{
  for (struct subscription *each = session->subscriptions; each; each = each->next_of_session) {
    if (each->state != SYNC_PAUSED || outbox_full(session)) continue;
    begin_reading(each, each->hint);
    read_on(node, each->topic);
  }
}

/* ---- live -------------------------------------------------------------------------- */

void sync_offer(struct node *node, struct subscription *subscription, struct delivery *delivery)
{
  const struct envelope *event = delivery->event;
  if (event->seq == 0) {
    if (subscription->state == SYNC_WAITING) return;
    deliver_to(delivery, subscription->session);
    if (event->id > subscription->shown_id) subscription->shown_id = event->id;
    if (event->id && subscription->session->replies)
      dispatch_heard(subscription->session, subscription);
    return;
  }
  if (subscription->state != SYNC_LIVE) {
    if (event->seq > subscription->hint) subscription->hint = event->seq;
    return;
  }
  if (event->seq <= subscription->cursor) {
    metric_add(METRIC_DUPLICATES_DROPPED, 1);
    return;
  }
  if (event->seq != subscription->cursor + 1) {
    metric_add(METRIC_GAPS_FILLED, 1);
    begin_reading(subscription, event->seq);
    read_on(node, subscription->topic);
    return;
  }
  subscription->cursor = event->seq;
  subscription->cursor_id = event->id;
  deliver_to(delivery, subscription->session);
  if (subscription->member) session_want_proof(subscription->session, PROOF_LATER);
  session_heard(subscription->session, subscription);
}

void sync_expect(struct node *node, struct subscription *subscription, uint64_t seq)
{
  if (seq <= subscription->cursor) return;
  subscription->expected = seq;
  subscription->expected_ms = node->now_ms;
  make_due(subscription->topic);
}

/* ---- again and again --------------------------------------------------------------- */

/* True: still waited for. */
static bool look_for_expected(struct node *node, struct subscription *subscription)
{
  if (subscription->expected <= subscription->cursor) {
    subscription->expected = 0;
    return false;
  }
  if (node->now_ms - subscription->expected_ms < EXPECT_MS) return true;
  subscription->expected = 0;
  if (subscription->state != SYNC_LIVE) return false;
  metric_add(METRIC_GAPS_FILLED, 1);
  begin_reading(subscription, 0);
  return false;
}

static void try_again(struct node *node, struct topic *topic)
{
  for (struct subscription *each = topic->first, *next; each; each = next) {
    next = each->next;
    if (topic->confirmed && each->state == SYNC_LOCATING && each->start != START_UNREAD)
      locate(node, each);
    if (each->expected && look_for_expected(node, each)) make_due(topic);
  }
  read_on(node, topic);
}

void sync_tick(struct node *node)
{
  struct topic *topic = due_topics;
  due_topics = NULL;
  while (topic) {
    struct topic *next = topic->next_due;
    topic->due = false;
    try_again(node, topic);
    topic = next;
  }
}
