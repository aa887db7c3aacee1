/* Who is what in a room (messages.h, rooms.h): arguments of scripts/room_standing.lua and
 * room_people.lua. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/memory.h"
#include "messages.h"
#include "page.h"
#include "rooms_private.h"

enum { PEOPLE_MAX = 1000 }; /* in one part of a list */

/* ---- one user ----------------------------------------------------------------------- */

struct standing_waiter {
  standing_fn *done;
  void *arg;
};

/* member, admin, owner, banned, open, public */
static bool read_standing(const struct redisReply *reply, struct room_standing *standing)
{
  bool *const flags[] = {&standing->member,   &standing->admin,   &standing->owner,
                         &standing->banned,   &standing->invited, &standing->open,
                         &standing->is_public};
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
  store_begin(backend->store, SCRIPT_room_standing, 5, 1);
  room_write_keys(backend->store, room, 5);
  store_arg(backend->store, user);
  store_send(backend->store, on_standing, waiter);
}

/* ---- all of them -------------------------------------------------------------------- */

struct people_waiter {
  people_fn *done;
  void *arg;
};

static void on_people(void *arg, enum err err, const struct redisReply *reply)
{
  struct people_waiter waiter = *(struct people_waiter *)arg;
  struct slice *ids = NULL;
  size_t count = 0;
  uint64_t total = 0;
  free(arg);
  if (err == ERR_OK && reply->type != REDIS_REPLY_ARRAY)
    err = word_read(reply);
  else if (err == ERR_OK && (!reply->elements || !reply_number(reply->element[0], &total)))
    err = ERR_INTERNAL;
  if (err == ERR_OK) {
    count = reply->elements - 1;
    ids = reply_slices(reply, 1);
  }
  waiter.done(waiter.arg, err, ids, count, total);
  free(ids);
}

void room_people(struct backend *backend, const struct room_people *which, people_fn *done,
                 void *arg)
{
  static const struct {
    const char *suffix;
    bool for_admins;
  } sets[] = {
      [ROOM_MEMBERS] = {":members", false},
      [ROOM_ADMINS] = {":admins", false},
      [ROOM_BANS] = {":bans", true},
      [ROOM_INVITES] = {":invites", true},
  };
  struct store *store = backend->store;
  struct people_waiter *waiter = memory_alloc(sizeof *waiter);
  *waiter = (struct people_waiter){done, arg};
  store_begin(store, SCRIPT_room_people, 5, 5);
  room_write_keys(store, which->room, 4);
  store_key(store, OWNER_ROOM, which->room, sets[which->role].suffix);
  store_arg(store, which->by);
  store_number(store, which->force);
  store_number(store, sets[which->role].for_admins);
  store_number(store, which->offset < INT64_MAX ? which->offset : INT64_MAX);
  store_number(store, which->count < PEOPLE_MAX ? which->count : PEOPLE_MAX);
  store_send(store, on_people, waiter);
}
