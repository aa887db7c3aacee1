/* The roll call: what this node could not hear of the lobby's comings and goings, because its bus
 * hung or Redis was away, its clients are told when the lobby is heard again. Who attends is read
 * from Redis then, page by page, and held against the roster (roster.h); comings and goings that
 * come in live are told by way of the roster too, so that nobody is told anything twice. */
#ifndef PARLEY_GATEWAY_ROLL_CALL_H
#define PARLEY_GATEWAY_ROLL_CALL_H

#include "hub.h"

struct roll_call;

/* The session is about to hear the lobby: from now on this node has a roster, where the session's protocol
 * tells of comings and goings. */
void roll_call_begin(struct session *session);

/* The lobby's topic is lost; is confirmed again; goes. */
void roll_call_lost(struct node *node);
void roll_call_again(struct node *node);
void roll_call_end(struct node *node);

/* Somebody has come to the lobby, or gone: whom that is new to is told. */
void roll_call_heard(struct node *node, const struct topic *lobby, const struct envelope *event);

#endif
