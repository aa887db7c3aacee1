/* Settling: a user was put out of a room, or left it, and the node that did so may have died
 * between the room's side and the user's (membership.c of backend/): a while later, whichever node
 * has connections of theirs looks at what the room says, and completes the user's side. Where that
 * was done already, it does nothing. */
#ifndef PARLEY_GATEWAY_SETTLE_H
#define PARLEY_GATEWAY_SETTLE_H

#include "base/slice.h"

struct node;
struct topic;
struct envelope;

/* The user is out of the room, as the room's own side says. */
void settle_soon(struct node *node, struct slice room, struct slice user);

/* The room's channel tells of an exit: the same, where the user has a connection here. */
void settle_exited(struct node *node, const struct topic *room, const struct envelope *event);

/* The user's own channel tells what becomes of them in the room: nobody died. */
void settle_heard(struct node *node, struct slice room, struct slice user);

/* Forgets those under way. */
void settle_end(struct node *node);

#endif
