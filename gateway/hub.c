/* See hub.h.
 *
 *   publication ──► topic ──► decoded once ──► offered to every subscription (sync)
 *                                         └──► control events, carried out here
 */
#include "hub.h"

#include <assert.h>
#include <stdlib.h>

#include "acquaintance.h"
#include "attendance.h"
#include "base/memory.h"
#include "bus.h"
#include "deliver.h"
#include "dispatch.h"
#include "hearing.h"
#include "metrics.h"
#include "roll_call.h"
#include "session.h"
#include "settle.h"
#include "shown.h"
#include "sync.h"

struct hub {
  struct topic *topics; /* by channel name */
  struct arena arena;   /* the event that is being looked at */
  struct text name;     /* scratch */
  uint64_t topics_made;
};

struct hub *hub_new(struct node *node)
{
  (void)node;
  return memory_zalloc(sizeof(struct hub));
}

void hub_free(struct hub *hub)
{
  assert(!hub->topics); /* sessions go first */
  arena_free(&hub->arena);
  text_free(&hub->name);
  free(hub);
}

static struct topic *topic_by_name(struct hub *hub, struct slice name)
{
  struct topic *topic;
  HASH_FIND(hh, hub->topics, name.data, name.len, topic);
  return topic;
}

static struct slice channel_name(struct node *node, enum owner_kind kind, struct slice id)
{
  text_reset(&node->hub->name);
  key_write(&node->hub->name, node->backend->options.prefix, kind, id, "");
  return text_slice(&node->hub->name);
}

struct topic *hub_topic(struct node *node, enum owner_kind kind, struct slice id)
{
  return topic_by_name(node->hub, channel_name(node, kind, id));
}

static struct topic *topic_make(struct node *node, enum owner_kind kind, struct slice id)
{
  struct slice name = channel_name(node, kind, id);
  struct topic *topic = topic_by_name(node->hub, name);
  if (topic) return topic;
  topic = memory_zalloc(sizeof *topic + name.len + 1);
  memcpy(topic->name, name.data, name.len);
  topic->name_len = name.len;
  /* <prefix><kind>:{<id>} */
  topic->kind = kind;
  topic->serial = ++node->hub->topics_made;
  topic->owner = (struct slice){topic->name + name.len - 1 - id.len, id.len};
  HASH_ADD_KEYPTR(hh, node->hub->topics, topic->name, topic->name_len, topic);
  topic->confirmed = bus_subscribe(node->backend, (struct slice){topic->name, topic->name_len});
  return topic;
}

bool topic_is_attended(const struct topic *topic)
{
  return topic->kind == OWNER_ROOM && attendance_is_of(topic->owner);
}

static void topic_drop(struct node *node, struct topic *topic)
{
  if (topic_is_attended(topic)) roll_call_end(node);
  bus_unsubscribe(node->backend, (struct slice){topic->name, topic->name_len});
  HASH_DEL(node->hub->topics, topic);
  free(topic);
}

void hub_hear_all(struct node *node)
{
  struct text name = {0};
  text_append(&name, slice_of(node->backend->options.prefix));
  text_append(&name, SLICE("all"));
  /* Not confirmed yet, for the link has just begun to connect: hub_subscribed follows. */
  (void)bus_subscribe(node->backend, text_slice(&name));
  text_free(&name);
}

struct subscription *hub_find(struct session *session, enum owner_kind kind, struct slice id)
{
  const struct topic *topic = hub_topic(session->caller.node, kind, id);
  struct subscription *by_topic = topic ? topic->first : NULL, *by_session = session->subscriptions;
  /* It is on both lists: the shorter one tells. */
  while (by_topic && by_session) {
    if (by_topic->session == session) return by_topic;
    if (by_session->topic == topic) return by_session;
    by_topic = by_topic->next;
    by_session = by_session->next_of_session;
  }
  return NULL;
}

struct subscription *hub_subscribe(struct session *session, enum owner_kind kind, struct slice id,
                                   enum start start)
{
  struct subscription *subscription = hub_find(session, kind, id);
  if (subscription) return subscription;
  struct topic *topic = topic_make(session->caller.node, kind, id);
  subscription = memory_zalloc(sizeof *subscription);
  subscription->session = session;
  subscription->topic = topic;
  subscription->start = (uint8_t)start;
  subscription->member = start == START_CURSOR;
  subscription->next = topic->first;
  if (topic->first) topic->first->previous = subscription;
  topic->first = subscription;
  subscription->next_of_session = session->subscriptions;
  session->subscriptions = subscription;
  if (topic->confirmed) sync_begin(session->caller.node, subscription);
  return subscription;
}

void hub_unsubscribe(struct subscription *subscription)
{
  struct session *session = subscription->session;
  struct topic *topic = subscription->topic;
  struct subscription **link = &session->subscriptions;
  while (*link != subscription) link = &(*link)->next_of_session;
  *link = subscription->next_of_session;
  if (session->inbox == subscription) session->inbox = NULL;
  /* Nothing is still to come: replies wait no more. */
  subscription->cursor = subscription->shown_id = UINT64_MAX;
  if (session->replies) dispatch_heard(session, subscription);

  if (subscription->previous)
    subscription->previous->next = subscription->next;
  else
    topic->first = subscription->next;
  if (subscription->next) subscription->next->previous = subscription->previous;
  frame_release(subscription->greeting);
  free(subscription);
  if (!topic->first) {
    sync_forget(topic);
    topic_drop(session->caller.node, topic);
  }
}

void hub_leave_room(struct subscription *subscription)
{
  if (attendance_is_of(subscription->topic->owner)) attendance_quit(subscription->session);
  hub_unsubscribe(subscription);
}

/* Which of a user's sessions `session.replaced` and `session.revoked` mean: one, those that
 * came in with one credential, or all. */
static bool is_meant(const struct session *session, const struct envelope *event)
{
  if (event->session.len) return slice_equal(event->session, session->caller.id);
  return !event->credential.len || slice_equal(event->credential, session->credential);
}

static void close_named(struct topic *topic, const struct envelope *event)
{
  enum err reason = event->kind == KIND_SESSION_REPLACED ? ERR_REPLACED
                    : event->session.len                 ? ERR_FORBIDDEN
                                                         : ERR_UNAUTHORIZED;
  for (struct subscription *each = topic->first; each; each = each->next)
    if (is_meant(each->session, event)) session_close(each->session, reason);
}

/* What an event of the user's own channel means beyond being shown. True: nothing is
 * left to show. */
static bool carry_out(struct node *node, struct topic *topic, const struct envelope *event)
{
  switch (event->kind) {
  case KIND_SESSION_REPLACED:
  case KIND_SESSION_REVOKED:
    close_named(topic, event);
    return true;
  case KIND_PRESENCE_ONLINE:
  case KIND_PRESENCE_OFFLINE:
    if (topic->kind != OWNER_USER) return false;
    if (slice_equal(event->from.id, topic->owner)) {
      topic->shared = true; /* another connection of the user has come */
      return true;
    }
    acquaintance_heard(topic, event);
    return false;
  case KIND_ROOM_EXITED:
    settle_exited(node, topic, event);
    /* fall through */
  case KIND_ROOM_ENTERED:
  case KIND_ROOM_CHANGED:
    hearing_member(topic, event);
    if (topic_is_attended(topic) && event->kind != KIND_ROOM_CHANGED) {
      roll_call_heard(node, topic, event);
      return true;
    }
    return topic->kind == OWNER_USER; /* the room's own channel shows it */
  case KIND_ROOM_KICKED:
    hearing_member(topic, event);
    return false;
  case KIND_MESSAGE_READ:
  case KIND_MESSAGE_DELETED: /* unread no more, either way */
    for (struct subscription *each = topic->first; each && topic->kind == OWNER_USER;
         each = each->next)
      shown_forget(&each->session->shown, event->message_id);
    return false;
  default:
    return false;
  }
}

static void offer(struct node *node, struct topic *topic, const struct envelope *event)
{
  struct delivery delivery =
      deliver_begin(node, event, topic->kind == OWNER_USER ? topic->owner : (struct slice){0});
  for (struct subscription *each = topic->first; each; each = each->next)
    if (each->session->state != SESSION_CLOSING) sync_offer(node, each, &delivery);
  deliver_end(&delivery);
}

/* "<prefix>all" */
static bool is_for_all(struct node *node, struct slice channel)
{
  struct slice prefix = slice_of(node->backend->options.prefix);
  return slice_starts_with(channel, prefix) && slice_is(slice_skip(channel, prefix.len), "all");
}

void hub_message(struct node *node, struct slice channel, struct slice payload)
{
  struct topic *topic = topic_by_name(node->hub, channel);
  bool for_all = !topic && is_for_all(node, channel);
  if (!topic && !for_all) return;
  metric_add(METRIC_EVENTS_RECEIVED, 1);
  struct envelope event;
  arena_reset(&node->hub->arena);
  if (envelope_decode(&node->hub->arena, payload, &event) != ERR_OK) {
    metric_add(METRIC_EVENTS_MALFORMED, 1);
    return;
  }
  if (for_all) {
    hearing_all(node, &event);
    return;
  }
  if (carry_out(node, topic, &event)) return;
  offer(node, topic, &event);
  if (event.kind == KIND_ROOM_DELETED && topic->kind == OWNER_ROOM) hearing_ended(topic);
}

void hub_subscribed(struct node *node, struct slice channel)
{
  struct topic *topic = topic_by_name(node->hub, channel);
  if (!topic) {
    if (is_for_all(node, channel)) hearing_confirmed(node);
    return;
  }
  topic->confirmed = true;
  if (topic_is_attended(topic)) roll_call_again(node);
  sync_confirmed(node, topic);
}

static void lose(struct node *node, struct topic *topic)
{
  topic->confirmed = false;
  topic->shared = true; /* another connection's coming may be missed */
  if (topic_is_attended(topic)) roll_call_lost(node);
  sync_lost(topic);
}

void hub_bus_lost(struct node *node)
{
  struct topic *topic, *next;
  HASH_ITER(hh, node->hub->topics, topic, next) lose(node, topic);
}

void hub_lost(struct node *node, struct slice channel)
{
  struct topic *topic = topic_by_name(node->hub, channel);
  if (topic) lose(node, topic);
}
