/* Admission: from a request's head to a session that is registered in Redis, or a
 * refusal. The one place where identity is decided (auth.h), names are claimed and
 * older connections replaced. */
#ifndef PARLEY_GATEWAY_ADMISSION_H
#define PARLEY_GATEWAY_ADMISSION_H

#include "door.h"
#include "request_head.h"

/* Ends, now or later, in door_admit or door_refuse. Borrows the head for the call. */
void admission_begin(struct door *door, const struct request_head *head);

/* The user's channel is confirmed: the session may join. */
void admission_subscribed(struct session *session);

/* The session is registered again, as soon as Redis is there: its node's lease was lost, or
 * Redis was away and may have forgotten it, or events of the user's own channel were missed.
 * One whose place was taken meanwhile is closed; the rooms that its user has entered or
 * left are followed. */
void admission_rejoin(struct session *session);

/* Several times a second: some of those that are to join again. */
void admission_tick(struct node *node);

/* One of its subscriptions knows where it begins. It is let in when all of them do: who is
 * let in hears what it says itself. */
void admission_located(struct session *session);

#endif
