/* Rooms as things that are made, changed and ended, and what their people are in them.
 * Sending, entering and leaving: conversation.h. All of one room stands on its tag:
 *
 *   parley:room:{den}:record     num uuid name description owner creator created open public keep ...
 *   parley:room:{den}:members|admins|bans|invites    sets of user ids; admins are members
 *   parley:rooms                 zset room id -> number: all rooms (one key, for lists)
 *   parley:rooms:public          set of ids: those that every concord client hears
 *   parley:user:{31}:rooms|bans  sets of room ids, the user's side of it
 *
 * Who may: what a script decides by who the caller is in the room; `force` (the operator)
 * may all. The owner can be neither kicked nor banned, not by the operator either. An owner who
 * leaves (room_exit) stays the owner and may all as before; an admin who does is none any more.
 *
 *   invite                    members to an open room; admins and the owner to a closed one
 *   kick, ban, unban          admins and the owner; an admin only by the owner
 *   admins                    the owner
 *   owner                     the owner (who stays an admin where a member)
 *   edit                      admins and the owner
 *   delete                    the owner, the creator
 *
 * Every change publishes, in its script, what it is told; the lines are the gateway's
 * envelopes behind a stamp of 0, 0. A crash between the room's tag and another key's is made
 * up for by doing the same again. */
#ifndef PARLEY_BACKEND_ROOMS_H
#define PARLEY_BACKEND_ROOMS_H

#include "backend.h"
#include "stamp.h"

enum { ROOM_NAME_BYTES = 128, ROOM_DESCRIPTION_BYTES = 4096 };

struct room {
  uint64_t num, created_ms, member_count;
  struct slice id, uuid, name, description;
  struct slice owner, creator; /* user ids; empty: nobody (the lobby) */
  bool open, is_public, logged;
};

typedef void room_fn(void *arg, enum err err, const struct room *room);

/* Makes a room whose owner, and first member, is `owner` (empty: nobody; then it has no
 * member). The id's form was checked (identity_check_room). ERR_CONFLICT: there is one, or its
 * UUID is somebody else's. ERR_MALFORMED (texts as account.h). Publishes nothing: all_tell comes
 * behind. A deletion of that id that a crash left half done is completed first. */
struct room_new {
  struct slice id, name, description, owner;
  bool open, is_public, logged;
  uint64_t now_ms;
};
void room_make(struct backend *backend, const struct room_new *new, room_fn *done, void *arg);

/* Publishes the envelope with this rest on `parley:all`. */
void all_tell(struct backend *backend, struct slice rest, err_fn *done, void *arg);

/* ERR_NOT_FOUND. */
void room_get(struct backend *backend, struct slice room, room_fn *done, void *arg);

/* Rooms with a number above `after_num`, by number, at most `count`; of those only that are
 * public, or that `user` is a member of; all where `user` is empty. `next`: the number to go
 * on behind, 0 at the end. There may be fewer than `count`, or none, in front of the end: a part
 * ends at 1,000, or when 4,000 were looked at. */
typedef void rooms_fn(void *arg, enum err err, const struct room *rooms, size_t count,
                      uint64_t next);
void room_list(struct backend *backend, struct slice user, uint64_t after_num, unsigned count,
               rooms_fn *done, void *arg);

/* The ids of all public rooms, the lobby among them; and of a user's rooms. What a crash left
 * there may be no room any more. */
void rooms_public(struct backend *backend, ids_fn *done, void *arg);
void rooms_of_user(struct backend *backend, struct slice user, ids_fn *done, void *arg);

/* Changes what is given (data NULL, not `set`: left as it is). A name that is empty is the id
 * again. `logged` is of what is said from now on. ERR_NOT_FOUND, ERR_FORBIDDEN (the lobby stays
 * open, public and logged), ERR_MALFORMED (texts as account.h). */
struct room_edit {
  struct slice room, by;
  bool force;
  struct slice name, description;
  struct {
    bool set, value;
  } open, is_public, logged;
};
void room_edit(struct backend *backend, const struct room_edit *edit, err_fn *done, void *arg);

/* All of the room is gone afterwards: record, log, people; its number and its place among all
 * rooms; each member's side. `event` is published on the room's channel first, in the script.
 * A room of the same id that is made later has the same UUID and another number.
 * Its admins, owner and creator may. ERR_NOT_FOUND; ERR_FORBIDDEN, also for the lobby. Many
 * members go in parts; done again, it completes what a crash left, also when the directory does
 * not find the room any more. */
void room_delete(struct backend *backend, struct slice room, struct slice by, bool force,
                 struct slice event, err_fn *done, void *arg);

/* The ids of those who are something in a room, in a stable order, from `offset` on, at most
 * 1,000; `total` of all. The owner is not among the admins. ERR_FORBIDDEN unless `by` may read
 * the room (a member, or it is public and they are not banned); bans and invites are for admins
 * and the owner. ERR_NOT_FOUND. */
enum room_role { ROOM_MEMBERS, ROOM_ADMINS, ROOM_BANS, ROOM_INVITES };
struct room_people {
  struct slice room, by;
  bool force;
  enum room_role role;
  uint64_t offset;
  unsigned count;
};
typedef void people_fn(void *arg, enum err err, const struct slice *ids, size_t count,
                       uint64_t total);
void room_people(struct backend *backend, const struct room_people *which, people_fn *done,
                 void *arg);

/* One user's role is given or taken:
 *   ROOM_MEMBERS  taken: a kick (to leave is room_exit); given (`force` alone): a member without
 *                 having been invited, ERR_FORBIDDEN where banned
 *   ROOM_ADMINS   given to a member; ERR_NOT_IN_ROOM where the user is none
 *   ROOM_BANS     given: a ban, which is a kick besides and ends an invitation and the admin's
 *                 rights; taken: may come again
 *   ROOM_INVITES  given: may come to a closed room, and is told each time; taken: may not
 * ERR_OK and `repeated` where it was so already, or an invited user is a member: then nobody is
 * told. `room_event` is published on the room's channel where membership changed (room.exited,
 * room.entered), `user_event` on the user's wherever something changed. ERR_NOT_FOUND,
 * ERR_FORBIDDEN, ERR_NOT_IN_ROOM (`by` is no member). */
struct room_change_role {
  struct slice room, by, user;
  bool force;
  enum room_role role;
  bool given;
  struct slice room_event, user_event; /* rests; empty: not told */
};
void room_change_role(struct backend *backend, const struct room_change_role *change,
                      stamp_fn *done, void *arg);

/* Whether the user may come to the room, where nobody may be in more than `most` of them: ERR_OK, also
 * where they are in it; ERR_TOO_MANY_ROOMS. For those to ask who then call room_enter, room_make (no
 * room: empty) or give a membership. It reserves nothing: two who ask for one user at the same moment
 * are both told that there is place, so that the user may end one or two above `most`. */
void room_place(struct backend *backend, struct slice room, struct slice user, unsigned most,
                err_fn *done, void *arg);

/* The user is out of the room: their own side is made to say so, and whether they are `banned`, and
 * they are told `event` where it did not yet. For whoever completes what a dead node left. */
void room_settle(struct backend *backend, struct slice room, struct slice user, bool banned,
                 struct slice event, err_fn *done, void *arg);

/* The new owner must be a member (ERR_NOT_IN_ROOM). ERR_NOT_FOUND, ERR_FORBIDDEN. */
void room_change_owner(struct backend *backend, struct slice room, struct slice by, bool force,
                       struct slice user, err_fn *done, void *arg);

#endif
