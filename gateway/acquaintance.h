/* Acquaintance: people who share a dialog are told when one of them comes online or
 * goes offline (presence.online, presence.offline), and a connection that can say so
 * is shown, when it begins, who of them is online. Sessions come and go; what is told
 * is the user's first and, a grace period later, last (attendance.h). */
#ifndef PARLEY_GATEWAY_ACQUAINTANCE_H
#define PARLEY_GATEWAY_ACQUAINTANCE_H

#include "envelope.h"
#include "node.h"
#include "presence.h"

struct session;
struct topic;

struct acquaintance *acquaintance_new(struct node *node);
void acquaintance_free(struct acquaintance *acquaintance);

/* Does the session's protocol show who is online? */
bool acquaintance_is_shown(const struct session *session);

/* The session has joined: its contacts are told where they are to be, and it is shown
 * which of them are online. One that has joined `again` may have missed who went. */
void acquaintance_joined(struct session *session, const struct presence_joined *joined, bool again);

/* The session has gone for good: tells the contacts where it was the last one, then calls
 * `done`. Where Redis is away that is later. */
typedef void acquaintance_fn(void *arg);
void acquaintance_gone(struct node *node, struct slice user, struct slice session,
                       acquaintance_fn *done, void *arg);

/* An event about a contact is being shown to the topic's sessions: what is known of
 * that contact otherwise is older. */
void acquaintance_heard(struct topic *topic, const struct envelope *event);

#endif
