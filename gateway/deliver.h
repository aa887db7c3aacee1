/* Delivery: one event to many sessions. Each protocol encodes it at most once per
 * node; the frame is shared by all outboxes. */
#ifndef PARLEY_GATEWAY_DELIVER_H
#define PARLEY_GATEWAY_DELIVER_H

#include "base/frame.h"
#include "envelope.h"
#include "node.h"
#include "protocol.h"

struct session;
struct subscription;

/* An event on its way to the sessions of one topic. */
struct delivery {
  struct node *node;
  const struct envelope *event;
  struct slice reader;                  /* the topic's user; empty for a room's */
  struct frame *frames[PROTOCOL_COUNT]; /* made when the first session needs one */
  bool unsayable[PROTOCOL_COUNT];
};

/* `event` and what it points to outlive the delivery. */
struct delivery deliver_begin(struct node *node, const struct envelope *event, struct slice reader);
void deliver_end(struct delivery *delivery);

/* Is the event for this session at all? Not where it is the sender's own and its
 * protocol does not show that (protocols.md, "own messages"). */
bool deliver_wanted(const struct session *session, const struct envelope *event,
                    struct slice reader);

/* Puts the event's frame into the session's outbox, where wanted and sayable. */
void deliver_to(struct delivery *delivery, struct session *session);

/* The frame of the event for this session, a reference of the caller's own; NULL: its protocol
 * cannot say it. */
struct frame *deliver_frame(struct delivery *delivery, const struct session *session);

/* The sender's own direct message, to the connection that sent it. */
void deliver_own(struct delivery *delivery, struct session *session);

/* Several stored messages of one topic, oldest first, as few frames as the protocol's
 * batch allows. */
void deliver_batch(struct session *session, const struct envelope *events, size_t count,
                   struct slice reader);

#endif
