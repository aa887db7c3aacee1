/* The hub: who on this node hears what. Topics (Redis channels that some session
 * here hears) and subscriptions (a session at a topic). Publications come in here,
 * are decoded once, and are offered to every subscription of their topic (sync.h).
 * Control events (a session replaced, a room entered by another connection of the
 * user) are carried out here. */
#ifndef PARLEY_GATEWAY_HUB_H
#define PARLEY_GATEWAY_HUB_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "base/slice.h"
#include "keys.h"
#include "node.h"

struct frame;
struct session;
struct subscription;

struct topic {
  UT_hash_handle hh; /* by name */
  enum owner_kind kind;
  struct slice owner; /* the user's or room's id; a slice of `name` */
  struct subscription *first;
  struct topic *next_due; /* the list of topics that want a page (sync.c) */
  struct bucket sends;    /* of a user: the rate of what they send from here */
  bool shared;            /* of a user: maybe with connections that are not this session's */
  bool confirmed;         /* nothing published is missed */
  bool page_in_flight, due;
  uint32_t pages;  /* asked for so far */
  uint64_t serial; /* tells it from an earlier topic of the same name */
  size_t name_len;
  char name[];
};

/* Where a subscription begins to show its topic's list. */
enum start {
  START_UNREAD,    /* with the oldest entry; the first page comes with presence_join */
  START_NOW,       /* with what comes from now on */
  START_CURSOR,    /* behind what the member has provably been shown */
  START_BEGINNING, /* with the first: the room has just been made */
};

enum sync_state {
  SYNC_WAITING, /* for Redis to confirm the subscription */
  SYNC_LOCATING, /* for where to start: START_UNREAD's join, START_NOW's newest seq, START_CURSOR's cursor */
  SYNC_READING, /* the list */
  SYNC_PAUSED,  /* the same, while the outbox is full */
  SYNC_LIVE,
};

struct subscription {
  struct subscription *next, *previous; /* of the topic */
  struct subscription *next_of_session;
  struct topic *topic;
  struct session *session;
  uint64_t cursor, cursor_id; /* seq and id of the last message that went to the outbox */
  uint64_t shown_id;          /* of the newest message that is counted nowhere, and was shown */
  uint64_t hint;              /* the highest seq published while reading */
  uint64_t pinged, pinged_id; /* the cursor as of the ping that is out */
  uint64_t proven;            /* the cursor as of the last proof of receipt */
  uint64_t expected;      /* the seq of a message that this session sent and was not shown yet */
  uint64_t expected_ms;   /* since when */
  uint8_t state;          /* enum sync_state */
  uint8_t start;          /* enum start */
  uint32_t pages_before;  /* of the topic when READING began: older ones tell it nothing */
  bool located;           /* `cursor` means something */
  bool member;            /* of a room: its cursor is kept in Redis */
  struct frame *greeting; /* its user's entering, shown when it is live; NULL: none */
};

struct hub *hub_new(struct node *node);
void hub_free(struct hub *hub);

/* What is published to all nodes (`parley:all`) is heard from now on. */
void hub_hear_all(struct node *node);

/* Begins to hear. One more call for the same session and topic gives the same. */
struct subscription *hub_subscribe(struct session *session, enum owner_kind kind, struct slice id,
                                   enum start start);

/* Ends it; the subscription is gone afterwards. */
void hub_unsubscribe(struct subscription *subscription);

/* The same for a room that the session hears no more, but lives on. */
void hub_leave_room(struct subscription *subscription);

/* NULL where the session does not hear it. */
struct subscription *hub_find(struct session *session, enum owner_kind kind, struct slice id);

/* NULL where nobody here hears it. */
struct topic *hub_topic(struct node *node, enum owner_kind kind, struct slice id);

/* Of the room whose comings and goings are those of attendance. */
bool topic_is_attended(const struct topic *topic);

/* What the backend tells (backend_events). */
void hub_message(struct node *node, struct slice channel, struct slice payload);
void hub_subscribed(struct node *node, struct slice channel);
void hub_bus_lost(struct node *node);
void hub_lost(struct node *node, struct slice channel);

#endif
