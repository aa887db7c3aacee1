/* Who may do what in a room, and invitations (messages.h): arguments of
 * scripts/room_standing.lua and room_invite.lua.
 *
 *   room_invite ──► the room's tag: may they? ──► the user's: tell them */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/memory.h"
#include "messages.h"
#include "page.h"
#include "store.h"

struct standing_waiter {
  standing_fn *done;
  void *arg;
};

/* member, admin, owner, banned, open, public */
static bool read_standing(const struct redisReply *reply, struct room_standing *standing)
{
  bool *const flags[] = {&standing->member, &standing->admin, &standing->owner,
                         &standing->banned, &standing->open,  &standing->is_public};
  size_t count = sizeof flags / sizeof flags[0];
  if (reply->elements != count) return false;
  for (size_t i = 0; i < count; i++) {
    uint64_t flag;
    if (!reply_number(reply->element[i], &flag)) return false;
    *flags[i] = flag != 0;
  }
  return true;
}

static void on_standing(void *arg, enum err err, const struct redisReply *reply)
{
  struct standing_waiter waiter = *(struct standing_waiter *)arg;
  free(arg);
  struct room_standing standing = {.err = err};
  if (err == ERR_OK && reply->type != REDIS_REPLY_ARRAY)
    standing.err = word_read(reply);
  else if (err == ERR_OK && !read_standing(reply, &standing))
    standing = (struct room_standing){.err = ERR_INTERNAL};
  waiter.done(waiter.arg, &standing);
}

void room_standing(struct backend *backend, struct slice room, struct slice user, standing_fn *done,
                   void *arg)
{
  struct standing_waiter *waiter = memory_alloc(sizeof *waiter);
  *waiter = (struct standing_waiter){done, arg};
  store_begin(backend->store, SCRIPT_room_standing, 4, 1);
  store_key(backend->store, OWNER_ROOM, room, ":record");
  store_key(backend->store, OWNER_ROOM, room, ":members");
  store_key(backend->store, OWNER_ROOM, room, ":admins");
  store_key(backend->store, OWNER_ROOM, room, ":bans");
  store_arg(backend->store, user);
  store_send(backend->store, on_standing, waiter);
}

struct invitation {
  struct backend *backend;
  err_fn *done;
  void *arg;
  struct slice user, event; /* of `bytes` */
  char bytes[];
};

static void on_invited(void *arg, enum err err)
{
  struct invitation *invitation = arg;
  if (err == ERR_OK) {
    struct store *store = invitation->backend->store;
    store_begin(store, SCRIPT_user_tell, 1, 1);
    store_key(store, OWNER_USER, invitation->user, "");
    store_arg(store, invitation->event);
    plain_send(invitation->backend, invitation->done, invitation->arg);
  } else if (invitation->done) {
    invitation->done(invitation->arg, err);
  }
  free(invitation);
}

void room_invite(struct backend *backend, struct slice room, struct slice by, struct slice user,
                 struct slice event, err_fn *done, void *arg)
{
  struct store *store = backend->store;
  struct invitation *invitation = memory_alloc(sizeof *invitation + user.len + event.len);
  *invitation = (struct invitation){.backend = backend, .done = done, .arg = arg};
  invitation->user = (struct slice){invitation->bytes, user.len};
  invitation->event = (struct slice){invitation->bytes + user.len, event.len};
  if (user.len) memcpy(invitation->bytes, user.data, user.len);
  if (event.len) memcpy(invitation->bytes + user.len, event.data, event.len);
  store_begin(store, SCRIPT_room_invite, 5, 2);
  store_key(store, OWNER_ROOM, room, ":record");
  store_key(store, OWNER_ROOM, room, ":members");
  store_key(store, OWNER_ROOM, room, ":admins");
  store_key(store, OWNER_ROOM, room, ":bans");
  store_key(store, OWNER_ROOM, room, ":invites");
  store_arg(store, by);
  store_arg(store, user);
  word_send(backend, on_invited, invitation);
}
