/* Dispatch: carries out a caller's commands, in their order, and gives it each one's
 * outcome. */
#ifndef PARLEY_GATEWAY_DISPATCH_H
#define PARLEY_GATEWAY_DISPATCH_H

#include "command.h"
#include "hub.h"
#include "node.h"
#include "stamp.h"

struct caller;
struct session;

/* Begins with each of the list; borrows it for the call. */
void dispatch(struct caller *caller, const struct command *first);

/* Commands that have not begun are dropped; the outcomes of the others go nowhere. */
void dispatch_forget(struct caller *caller);

/* A session's answer: the codec's reply. */
void dispatch_reply(struct caller *caller, const struct command *command,
                    const struct outcome *outcome);

/* The subscription has reached its cursor: replies that waited for that are sent. */
void dispatch_heard(struct session *session, const struct subscription *subscription);

/* Tells the senders of these stored messages that they were received or read
 * (message.delivered, message.read), where their protocol shows that. */
void dispatch_tell_senders(struct node *node, const struct page *page, enum envelope_kind kind);

/* The user's other connections forget what was read by this caller. */
void dispatch_tell_own(struct caller *caller, const struct page *page);

/* Publishes an event that no script stamps (stamp 0, 0). */
void dispatch_publish(struct node *node, enum owner_kind kind, struct slice id,
                      const struct envelope *event);

#endif
