/* Rooms that end (rooms.h): arguments of scripts/room_delete.lua and room_gone.lua.
 *
 *   room_delete.lua ──► some of its people ──► their own sides ──┐ until there are none
 *        ▲───────────────────────────────────────────────────────┘
 *   then its places in the lists and its number, and last what is left of its record
 *
 * From the first call on nobody finds the room; what a crash leaves is done by the same again,
 * or by who makes a room of that id. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/memory.h"
#include "directory_private.h"
#include "group.h"
#include "page.h"
#include "rooms_private.h"

enum { PEOPLE_AT_ONCE = 500 };

struct deleting {
  struct backend *backend;
  err_fn *done;
  void *arg;
  bool force;
  uint64_t num;
  struct slice *people; /* of the part under way; in the arena */
  size_t count;
  struct arena arena;
  struct slice room, by, event; /* of `bytes` */
  char bytes[];
};

static void deleted(void *arg, enum err err)
{
  struct deleting *deleting = arg;
  if (err == ERR_OK) directory_forget(deleting->backend, OWNER_ROOM, deleting->room);
  deleting->done(deleting->arg, err);
  arena_free(&deleting->arena);
  free(deleting);
}

static void send_part(struct deleting *deleting);

static void on_sides_done(void *arg, enum err err)
{
  if (err != ERR_OK)
    deleted(arg, err);
  else
    send_part(arg);
}

/* Nobody is told: all were, when it began. */
static void send_sides(struct deleting *deleting)
{
  struct store *store = deleting->backend->store;
  struct group *group = group_new(deleting->count, on_sides_done, deleting);
  for (size_t i = 0; i < deleting->count; i++) {
    store_begin(store, SCRIPT_user_room, 2, 6);
    store_key(store, OWNER_USER, deleting->people[i], ":rooms");
    store_key(store, OWNER_USER, deleting->people[i], ":bans");
    store_arg(store, deleting->room);
    store_arg(store, SLICE("SREM"));
    store_arg(store, SLICE("SREM"));
    store_number(store, 0);
    store_key(store, OWNER_USER, deleting->people[i], "");
    store_arg(store, SLICE(""));
    store_send(store, group_on_reply, group);
  }
}

static void on_unlisted(void *arg, enum err err)
{
  struct deleting *deleting = arg;
  struct store *store = deleting->backend->store;
  if (err != ERR_OK) {
    deleted(deleting, err);
    return;
  }
  store_begin(store, SCRIPT_room_gone, 1, 1);
  store_key(store, OWNER_ROOM, deleting->room, ":record");
  store_number(store, deleting->num);
  plain_send(deleting->backend, deleted, deleting);
}

/* The UUID stays this id's. */
static void send_unlisted(struct deleting *deleting)
{
  struct store *store = deleting->backend->store;
  struct group *group = group_new(2, on_unlisted, deleting);
  directory_disclaim(deleting->backend, OWNER_ROOM, deleting->num);
  store_begin_command(store, "SREM", 2);
  store_name(store, "rooms:public");
  store_arg(store, deleting->room);
  store_send(store, group_on_reply, group);
  store_begin_command(store, "ZREM", 2);
  store_name(store, "rooms");
  store_arg(store, deleting->room);
  store_send(store, group_on_reply, group);
}

static void on_part(void *arg, enum err err, const struct redisReply *reply)
{
  struct deleting *deleting = arg;
  if (err == ERR_OK && reply->type != REDIS_REPLY_ARRAY)
    err = word_read(reply);
  else if (err == ERR_OK && (!reply->elements || !reply_number(reply->element[0], &deleting->num)))
    err = ERR_INTERNAL;
  if (err != ERR_OK) {
    deleted(deleting, err);
    return;
  }
  arena_reset(&deleting->arena);
  deleting->count = reply->elements - 1;
  deleting->people = arena_alloc(&deleting->arena, reply->elements * sizeof *deleting->people);
  for (size_t i = 0; i < deleting->count; i++)
    deleting->people[i] = arena_copy(&deleting->arena, reply_slice(reply->element[1 + i]));
  if (deleting->count)
    send_sides(deleting);
  else
    send_unlisted(deleting);
}

static void send_part(struct deleting *deleting)
{
  /* The admins first: the script looks who may. */
  static const char *const at_once[] = {":admins", ":invites",  ":cursors",   ":read",
                                        ":log",    ":messages", ":reactions", ":attendance"};
  enum { AT_ONCE = sizeof at_once / sizeof at_once[0] };
  struct store *store = deleting->backend->store;
  struct slice room = deleting->room;
  store_begin(store, SCRIPT_room_delete, 3 + AT_ONCE, 5 + (unsigned)deleting->count);
  room_write_keys(store, room, 2);
  store_key(store, OWNER_ROOM, room, ":bans");
  for (size_t i = 0; i < AT_ONCE; i++) store_key(store, OWNER_ROOM, room, at_once[i]);
  store_arg(store, deleting->by);
  store_number(store, deleting->force);
  store_key(store, OWNER_ROOM, room, "");
  store_arg(store, deleting->event);
  store_number(store, PEOPLE_AT_ONCE);
  for (size_t i = 0; i < deleting->count; i++) store_arg(store, deleting->people[i]);
  store_send(store, on_part, deleting);
}

static void on_refused(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  deleted(arg, err);
}

void room_delete(struct backend *backend, struct slice room, struct slice by, bool force,
                 struct slice event, err_fn *done, void *arg)
{
  struct deleting *deleting = memory_alloc(sizeof *deleting + room.len + by.len + event.len);
  *deleting = (struct deleting){.backend = backend, .done = done, .arg = arg, .force = force};
  char *at = deleting->bytes;
  deleting->room = slice_put(&at, room);
  deleting->by = slice_put(&at, by);
  deleting->event = slice_put(&at, event);
  if (slice_equal(room, room_lobby))
    store_soon(backend->store, ERR_FORBIDDEN, on_refused, deleting);
  else
    send_part(deleting);
}
