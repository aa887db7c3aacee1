/* Attendance and departure: the lobby is told when a user's first connection begins
 * to hear it and when the last one has ended, the latter after a grace period in
 * which the user may come back by another connection (protocols.md, "membership and
 * attendance"). Every session that ends, ends its presence here; after the same grace
 * period the user's contacts are told (acquaintance.h). */
#ifndef PARLEY_GATEWAY_ATTENDANCE_H
#define PARLEY_GATEWAY_ATTENDANCE_H

#include "node.h"

struct session;

struct attendance *attendance_new(struct node *node);
void attendance_free(struct attendance *attendance);

/* Is it the room that is attended? */
bool attendance_is_of(struct slice room);

/* The session hears the lobby live. */
void attendance_arrive(struct session *session);

/* The lobby was not heard for a while: Redis may have been away, and have forgotten who attends.
 * It is told once more when the lobby is heard again. */
void attendance_missed(struct session *session);

/* The same for one that hears it already, where its arrival got lost. */
void attendance_resume(struct session *session);

/* It hears the lobby no more, and lives on: its user has left that room. */
void attendance_quit(struct session *session);

/* The session is about to be given back: its presence ends now, its attendance, and what
 * its user's contacts think, after the grace period. */
void attendance_depart(struct session *session);

/* A session of a dead node, or one that only Redis knows of (presence_events.reaped): whether it attended, its node alone
 * knew. */
void attendance_reaped(struct node *node, struct slice user, struct slice session, void *ticket);

/* How many departures wait for their grace period or for Redis. */
size_t attendance_departures(const struct attendance *attendance);

#endif
