/* Rooms as the files of rooms.h share them. Private to backend/. */
#ifndef PARLEY_BACKEND_ROOMS_PRIVATE_H
#define PARLEY_BACKEND_ROOMS_PRIVATE_H

#include "rooms.h"
#include "store.h"

struct group;
struct redisReply;

static const struct slice room_lobby = {"lobby", 5};

/* Writes the first `count` of a room's keys: record, members, admins, bans, invites, cursors. */
void room_write_keys(struct store *store, struct slice room, unsigned count);

/* Writes the call that asks for a room (room_get.lua). `member`: who must be one where the room
 * is not public; empty: nobody. */
void room_write_get(struct store *store, struct slice room, struct slice member);

/* Reads its answer; `room` borrows from both. ERR_NOT_FOUND, ERR_INTERNAL. */
MUST_CHECK enum err room_read(const struct redisReply *reply, struct slice id, struct room *room);

/* Is each of them no longer than it may be, and without control characters? */
bool room_texts_fit(struct slice name, struct slice description);

void room_write_field(struct store *store, const char *field, struct slice value);

/* One call each: the room is on the list of all, and on that of the public ones or not. `group`
 * is answered; NULL: nobody is. */
void room_send_listed(struct store *store, struct slice room, uint64_t num, struct group *group);
void room_send_public(struct store *store, struct slice room, bool is_public, struct group *group);

#endif
