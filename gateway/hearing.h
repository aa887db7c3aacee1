/* Hearing: which rooms a session hears, from its admission to its end.
 *
 *   one room      the claim's, else the lobby                       (HEARS_ONE_ROOM)
 *   memberships   its user's rooms: presence_join tells them, then the user's own channel
 *   public rooms  every node keeps the list of them: read when `parley:all` is confirmed,
 *                 whenever something is said there of a room, and every minute (HEARS_PUBLIC)
 *
 * A user who was banned, or kicked since the session came, hears nothing of that room, until
 * the ban is lifted (room.changed on the user's channel) or they enter it again. */
#ifndef PARLEY_GATEWAY_HEARING_H
#define PARLEY_GATEWAY_HEARING_H

#include "envelope.h"
#include "hub.h"
#include "presence.h"

struct public_rooms;

struct public_rooms *public_rooms_new(void);
void public_rooms_free(struct public_rooms *rooms);

/* The session has joined: it begins to hear its rooms. */
void hearing_begin(struct session *session, const struct presence_joined *joined);

/* It has joined again: rooms that its user left, or is banned from, are heard no more; those
 * entered are. */
void hearing_follow(struct session *session, const struct presence_joined *joined);

/* The session goes. */
void hearing_forget(struct session *session);

/* What the user's own channel says of rooms: entered, exited or kicked by whichever connection
 * on whichever node. */
void hearing_member(struct topic *topic, const struct envelope *event);

/* Is the session shown its own user's entering of this room by the user's channel, once it hears
 * the room? Then not by the room's, which may or may not be heard yet. */
bool hearing_greets(const struct session *session, struct slice room);

/* The subscription of a room has become live. */
void hearing_live(struct subscription *subscription);

/* The room says that the session's user is no member, where their own side says that they are:
 * who put them out died in between (membership.c). */
void hearing_outside(struct session *session, struct slice room);

/* The room of this topic is no more. */
void hearing_ended(struct topic *topic);

/* What is said to all (`parley:all`): of rooms, and of users who changed their name. */
void hearing_all(struct node *node, const struct envelope *event);

/* `parley:all` is confirmed: what was said there before may have been missed. */
void hearing_confirmed(struct node *node);

/* Several times a second: what could not be read is read again. */
void hearing_tick(struct node *node);

#endif
