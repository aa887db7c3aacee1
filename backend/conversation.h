/* What happens in rooms: sending, entering and leaving, their logs; who attends the lobby.
 * Scripts on the room's tag. What rooms are: rooms.h. The room `lobby` exists from the
 * start: public, open, logged, number 1. */
#ifndef PARLEY_BACKEND_CONVERSATION_H
#define PARLEY_BACKEND_CONVERSATION_H

#include "backend.h"
#include "stamp.h"

struct room_send {
  struct slice room, user; /* canonical ids; `user` empty: the server itself, which may */
  struct slice dedupe;     /* as in inbox_push */
  struct slice rest;       /* the envelope behind its stamp */
  bool stored;             /* and the room itself keeps a log */
};

/* Membership and ban check, dedupe, stamp, append and trim, publish; one script.
 * ERR_NOT_FOUND: no such room. ERR_FORBIDDEN: banned. ERR_NOT_IN_ROOM: neither a
 * member nor is the room public. */
void room_send(struct backend *backend, const struct room_send *send, stamp_fn *done, void *arg);

/* Makes `user` a member (ERR_OK also when already one: then the room is told nothing),
 * publishes `rest` on the room's channel where `told`, and a copy on the user's, so that
 * all the user's connections begin to hear the room. ERR_NOT_FOUND, ERR_FORBIDDEN (banned),
 * ERR_NOT_IN_ROOM (closed, not invited and not the owner). The member's cursor starts at the
 * room's newest seq. `repeated`: a member already. A crash between the room's tag and
 * the user's is completed by entering again. */
void room_enter(struct backend *backend, struct slice room, struct slice user, struct slice rest,
                bool told, stamp_fn *done, void *arg);

/* The reverse; ERR_OK and `repeated` when no member. */
void room_exit(struct backend *backend, struct slice room, struct slice user, struct slice rest,
               bool told, stamp_fn *done, void *arg);

/* How far a member has provably been shown the room's log. cursor_get's page has
 * no messages; `seq` is the cursor. ERR_NOT_IN_ROOM: there is none, for that is no member. */
void room_cursor_get(struct backend *backend, struct slice room, struct slice user, page_fn *done,
                     void *arg);
void room_cursor_set(struct backend *backend, struct slice room, struct slice user, uint64_t seq);

/* `session` of `user` begins to hear the room, or ceases to. `rest` is published on
 * the room's channel (stamp 0, 0) only when it is the user's first session there,
 * or their last. Idempotent. done's seq is 1 when it was published, else 0; 2
 * when the session heard it already. What begins later than it was waited for does not begin. */
void attendance_begin(struct backend *backend, struct slice room, struct slice user,
                      struct slice session, struct slice rest, stamp_fn *done, void *arg);
void attendance_end(struct backend *backend, struct slice room, struct slice user,
                    struct slice session, struct slice rest, stamp_fn *done, void *arg);

/* Who attends, in parts of about `count` users: from cursor 0 on, until `next` is 0. Who is there
 * all the while is in one part at least; who comes or goes meanwhile may be in none, or in several. */
typedef void attendees_fn(void *arg, enum err err, uint64_t next, const struct slice *users,
                          size_t count);
void attendance_page(struct backend *backend, struct slice room, uint64_t cursor, unsigned count,
                     attendees_fn *done, void *arg);

#endif
