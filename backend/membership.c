/* What users are in rooms: coming and going, invitations, kicks, bans, admins, the owner
 * (conversation.h, rooms.h): arguments of scripts/room_role.lua, user_room.lua and user_place.lua.
 *
 *   the room's tag: may they? ─► its sets, the room is told ─► the user's: their sets, they are told
 *
 * The user's side is done whether or not something changed on the room's, so that the same again
 * completes what a crash in between has left. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/memory.h"
#include "conversation.h"
#include "page.h"
#include "rooms_private.h"

/* `rooms`, `bans`: what becomes of the room in these sets of the user. */
struct change {
  const char *name; /* in room_role.lua */
  const char *rooms, *bans;
  bool told_again; /* the user is told even if it was so already */
};

static const struct change enter = {"enter", "SADD", "SREM", true};
static const struct change leave = {"exit", "SREM", "", true};
static const struct change own = {"own", "", "", false};

/* A role that is taken, and given. */
static const struct change changes[][2] = {
    [ROOM_MEMBERS] = {{"kick", "SREM", "", false}, {"join", "SADD", "SREM", false}},
    [ROOM_ADMINS] = {{"unadmin", "", "", false}, {"admin", "", "", false}},
    [ROOM_BANS] = {{"unban", "", "SREM", false}, {"ban", "SREM", "SADD", false}},
    [ROOM_INVITES] = {{"uninvite", "", "", false}, {"invite", "", "", false}},
};

/* A change on its way from the room's tag to the user's. */
struct passage {
  struct backend *backend;
  const struct change *change;
  stamp_fn *done;
  err_fn *err_done; /* where there is no `done`; both may be NULL */
  void *arg;
  bool repeated;                  /* it was so before */
  struct slice room, user, event; /* of `bytes` */
  char bytes[];
};

static void passage_end(struct passage *passage, enum err err)
{
  if (passage->done)
    passage->done(passage->arg, &(struct stamp){.err = err, .repeated = passage->repeated});
  else if (passage->err_done)
    passage->err_done(passage->arg, err);
  free(passage);
}

static void on_user_side(void *arg, enum err err)
{
  passage_end(arg, err);
}

static void go_to_user(struct passage *passage)
{
  const struct change *change = passage->change;
  struct store *store = passage->backend->store;
  bool told = change->told_again || !passage->repeated;
  if (!*change->rooms && !*change->bans && !(told && passage->event.len)) {
    passage_end(passage, ERR_OK);
    return;
  }
  store_begin(store, SCRIPT_user_room, 2, 6);
  store_key(store, OWNER_USER, passage->user, ":rooms");
  store_key(store, OWNER_USER, passage->user, ":bans");
  store_arg(store, passage->room);
  store_arg(store, slice_of(change->rooms));
  store_arg(store, slice_of(change->bans));
  store_number(store, told);
  store_key(store, OWNER_USER, passage->user, "");
  store_arg(store, passage->event);
  plain_send(passage->backend, on_user_side, passage);
}

static void on_room_side(void *arg, enum err err, const struct redisReply *reply)
{
  struct passage *passage = arg;
  if (err == ERR_OK) err = word_read(reply);
  if (err != ERR_OK) {
    passage_end(passage, err);
    return;
  }
  passage->repeated = slice_is(reply_slice(reply), "OLD");
  go_to_user(passage);
}

void room_settle(struct backend *backend, struct slice room, struct slice user, bool banned,
                 struct slice event, err_fn *done, void *arg)
{
  struct store *store = backend->store;
  store_begin(store, SCRIPT_user_room, 2, 6);
  store_key(store, OWNER_USER, user, ":rooms");
  store_key(store, OWNER_USER, user, ":bans");
  store_arg(store, room);
  store_arg(store, SLICE("SREM"));
  store_arg(store, banned ? SLICE("SADD") : SLICE("SREM"));
  store_number(store, false);
  store_key(store, OWNER_USER, user, "");
  store_arg(store, event);
  plain_send(backend, done, arg);
}

void room_place(struct backend *backend, struct slice room, struct slice user, unsigned most,
                err_fn *done, void *arg)
{
  struct store *store = backend->store;
  store_begin(store, SCRIPT_user_place, 1, 2);
  store_key(store, OWNER_USER, user, ":rooms");
  store_arg(store, room);
  store_number(store, most);
  word_send(backend, done, arg);
}

/* `asked->role` and `given` are told by the change. */
static void begin(struct backend *backend, const struct change *change,
                  const struct room_change_role *asked, struct passage end)
{
  struct store *store = backend->store;
  size_t size = asked->room.len + asked->user.len + asked->user_event.len;
  struct passage *passage = memory_alloc(sizeof *passage + size);
  char *at = passage->bytes;
  *passage = end;
  passage->backend = backend;
  passage->change = change;
  passage->room = slice_put(&at, asked->room);
  passage->user = slice_put(&at, asked->user);
  passage->event = slice_put(&at, asked->user_event);
  store_begin(store, SCRIPT_room_role, 6, 6);
  room_write_keys(store, asked->room, 6);
  store_arg(store, asked->by);
  store_number(store, asked->force);
  store_arg(store, asked->user);
  store_arg(store, slice_of(change->name));
  store_key(store, OWNER_ROOM, asked->room, "");
  store_arg(store, asked->room_event);
  store_send(store, on_room_side, passage);
}

void room_enter(struct backend *backend, struct slice room, struct slice user, struct slice rest,
                bool told, stamp_fn *done, void *arg)
{
  struct room_change_role asked = {.room = room, .by = user, .user = user, .user_event = rest};
  if (told) asked.room_event = rest;
  begin(backend, &enter, &asked, (struct passage){.done = done, .arg = arg});
}

void room_exit(struct backend *backend, struct slice room, struct slice user, struct slice rest,
               bool told, stamp_fn *done, void *arg)
{
  struct room_change_role asked = {.room = room, .by = user, .user = user, .user_event = rest};
  if (told) asked.room_event = rest;
  begin(backend, &leave, &asked, (struct passage){.done = done, .arg = arg});
}

void room_change_role(struct backend *backend, const struct room_change_role *change,
                      stamp_fn *done, void *arg)
{
  begin(backend, &changes[change->role][change->given], change,
        (struct passage){.done = done, .arg = arg});
}

void room_change_owner(struct backend *backend, struct slice room, struct slice by, bool force,
                       struct slice user, err_fn *done, void *arg)
{
  struct room_change_role asked = {.room = room, .by = by, .force = force, .user = user};
  begin(backend, &own, &asked, (struct passage){.err_done = done, .arg = arg});
}
