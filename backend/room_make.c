/* Rooms that are made (rooms.h): arguments of scripts/room_make.lua.
 *
 *   is there one? ──► number, UUID ──► parley:rooms ──► record ──► parley:rooms:public, the owner's side
 *      │ yes
 *      └──► the lists as its record says ──► ERR_CONFLICT
 *
 * It is on the list of all before it stands, so that what a crash leaves can be found; who hears
 * a room is changed behind its record, so that nobody hears what they may not. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/memory.h"
#include "directory_private.h"
#include "group.h"
#include "page.h"
#include "rooms_private.h"

enum { TRIES_MAX = 3 };

struct making {
  struct backend *backend;
  struct room_new new; /* its slices are of `bytes` */
  uint64_t num;
  char uuid[UUID_TEXT_BYTES + 1];
  unsigned tries;
  room_fn *done;
  void *arg;
  char bytes[];
};

static struct making *making_new(struct backend *backend, const struct room_new *new, room_fn *done,
                                 void *arg)
{
  size_t size = new->id.len + new->name.len + new->description.len + new->owner.len;
  struct making *making = memory_alloc(sizeof *making + size);
  *making = (struct making){.backend = backend, .new = *new, .done = done, .arg = arg};
  char *at = making->bytes;
  making->new.id = slice_put(&at, new->id);
  making->new.name = slice_put(&at, new->name);
  making->new.description = slice_put(&at, new->description);
  making->new.owner = slice_put(&at, new->owner);
  return making;
}

static void made(struct making *making, enum err err, const struct room *room)
{
  making->done(making->arg, err, room);
  free(making);
}

static void on_conflict(void *arg, enum err err)
{
  made(arg, err == ERR_OK ? ERR_CONFLICT : err, NULL);
}

static void on_read_back(void *arg, enum err err, const struct room *room)
{
  struct making *making = arg;
  if (err == ERR_OK)
    directory_keep(making->backend, &(struct entry){.kind = OWNER_ROOM,
                                                    .num = room->num,
                                                    .id = room->id,
                                                    .uuid = room->uuid,
                                                    .name = room->name});
  made(making, err, room);
}

static void on_all_written(void *arg, enum err err)
{
  struct making *making = arg;
  if (err != ERR_OK)
    made(making, err, NULL);
  else
    room_get(making->backend, making->new.id, on_read_back, making);
}

static void look(struct making *making);

/* The record stands. */
static void on_record(void *arg, enum err err, const struct redisReply *reply)
{
  struct making *making = arg;
  struct store *store = making->backend->store;
  const struct room_new *new = &making->new;
  if (err == ERR_OK) err = word_read(reply);
  if (err != ERR_OK) {
    made(making, err, NULL);
    return;
  }
  if (!slice_is(reply_slice(reply), "NEW")) { /* another node was faster */
    directory_disclaim(making->backend, OWNER_ROOM, making->num);
    look(making);
    return;
  }
  struct group *group = group_new(new->owner.len ? 2 : 1, on_all_written, making);
  room_send_public(store, new->id, new->is_public, group);
  if (!new->owner.len) return;
  store_begin_command(store, "SADD", 2);
  store_key(store, OWNER_USER, new->owner, ":rooms");
  store_arg(store, new->id);
  store_promise(store);
  store_send(store, group_on_reply, group);
}

static void on_listed(void *arg, enum err err)
{
  enum { FIELDS = 10 };
  struct making *making = arg;
  struct store *store = making->backend->store;
  const struct room_new *new = &making->new;
  if (err != ERR_OK) {
    made(making, err, NULL);
    return;
  }
  store_begin(store, SCRIPT_room_make, 3, 1 + 2 * FIELDS);
  room_write_keys(store, new->id, 2);
  store_key(store, OWNER_ROOM, new->id, ":cursors");
  store_arg(store, new->owner);
  store_arg(store, SLICE("num"));
  store_number(store, making->num);
  store_arg(store, SLICE("created"));
  store_number(store, new->now_ms);
  room_write_field(store, "uuid", slice_of(making->uuid));
  room_write_field(store, "name", new->name);
  room_write_field(store, "description", new->description);
  room_write_field(store, "owner", new->owner);
  room_write_field(store, "creator", new->owner);
  room_write_field(store, "open", new->open ? SLICE("1") : SLICE("0"));
  room_write_field(store, "public", new->is_public ? SLICE("1") : SLICE("0"));
  room_write_field(store, "keep", new->logged ? SLICE("log") : SLICE("none"));
  store_send(store, on_record, making);
}

static void on_claimed(void *arg, enum err err, uint64_t num, const char *uuid)
{
  struct making *making = arg;
  if (err != ERR_OK) {
    made(making, err, NULL);
    return;
  }
  making->num = num;
  memcpy(making->uuid, uuid, sizeof making->uuid);
  room_send_listed(making->backend->store, making->new.id, num, group_new(1, on_listed, making));
}

static void on_rest_gone(void *arg, enum err err)
{
  struct making *making = arg;
  if (err == ERR_OK || err == ERR_NOT_FOUND)
    look(making);
  else
    made(making, err, NULL);
}

/* There is one: a crash, or somebody who made it at the same time, may have left it out of the
 * lists, or on the wrong ones. */
static void list_again(struct making *making, const struct room *room)
{
  struct store *store = making->backend->store;
  struct group *group = group_new(2, on_conflict, making);
  room_send_listed(store, room->id, room->num, group);
  room_send_public(store, room->id, room->is_public, group);
}

static void on_looked(void *arg, enum err err, const struct redisReply *reply)
{
  struct making *making = arg;
  struct room room;
  bool going = err == ERR_OK && slice_is(reply_slice(reply), "GOING");
  if (err == ERR_OK) err = room_read(reply, making->new.id, &room);
  if (going && making->tries++ < TRIES_MAX) /* what a deletion left half done */
    room_delete(making->backend, making->new.id, SLICE(""), true, SLICE(""), on_rest_gone, making);
  else if (err == ERR_NOT_FOUND && !going)
    directory_claim(making->backend, OWNER_ROOM, making->new.id, true, on_claimed, making);
  else if (err == ERR_OK)
    list_again(making, &room);
  else
    made(making, going ? ERR_CONFLICT : err, NULL);
}

static void look(struct making *making)
{
  room_write_get(making->backend->store, making->new.id, (struct slice){0});
  store_send(making->backend->store, on_looked, making);
}

static void on_refused(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  made(arg, err, NULL);
}

void room_make(struct backend *backend, const struct room_new *new, room_fn *done, void *arg)
{
  struct making *making = making_new(backend, new, done, arg);
  if (room_texts_fit(new->name, new->description))
    look(making);
  else
    store_soon(backend->store, ERR_MALFORMED, on_refused, making);
}
