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

/* Registers a session again whose node's lease was lost; one whose place was taken
 * meanwhile is closed. */
void admission_rejoin(struct session *session);

#endif
