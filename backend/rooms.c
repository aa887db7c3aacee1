/* Rooms as they are, and changes of that: arguments of scripts/room_get.lua and room_edit.lua. */
#include "rooms.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "directory_private.h"
#include "group.h"
#include "page.h"
#include "rooms_private.h"

/* ---- reading ------------------------------------------------------------------------ */

void room_write_keys(struct store *store, struct slice room, unsigned count)
{
  static const char *const suffixes[] = {":record", ":members", ":admins",
                                         ":bans",   ":invites", ":cursors"};
  for (unsigned i = 0; i < count; i++) store_key(store, OWNER_ROOM, room, suffixes[i]);
}

void room_write_get(struct store *store, struct slice room, struct slice member)
{
  store_begin(store, SCRIPT_room_get, 2, 1);
  room_write_keys(store, room, 2);
  store_arg(store, member);
}

/* Of room_get.lua's answer. */
enum {
  ROOM_NUM,
  ROOM_UUID,
  ROOM_NAME,
  ROOM_DESCRIPTION,
  ROOM_OWNER,
  ROOM_CREATOR,
  ROOM_CREATED,
  ROOM_OPEN,
  ROOM_PUBLIC,
  ROOM_KEEP,
  ROOM_MEMBER_COUNT,
  ROOM_ELEMENTS
};

enum err room_read(const struct redisReply *reply, struct slice id, struct room *room)
{
  *room = (struct room){.id = id};
  if (reply->type != REDIS_REPLY_ARRAY) {
    enum err err = word_read(reply);
    return err == ERR_OK ? ERR_INTERNAL : err;
  }
  struct redisReply **element = reply->element;
  if (reply->elements != ROOM_ELEMENTS) return ERR_INTERNAL;
  if (!reply_number(element[ROOM_NUM], &room->num)) return ERR_INTERNAL;
  if (!reply_number(element[ROOM_MEMBER_COUNT], &room->member_count)) return ERR_INTERNAL;
  if (!reply_number(element[ROOM_CREATED], &room->created_ms)) room->created_ms = 0; /* lobby */
  room->uuid = reply_slice(element[ROOM_UUID]);
  room->name = reply_slice(element[ROOM_NAME]);
  if (!room->name.len) room->name = id;
  room->description = reply_slice(element[ROOM_DESCRIPTION]);
  room->owner = reply_slice(element[ROOM_OWNER]);
  room->creator = reply_slice(element[ROOM_CREATOR]);
  room->open = slice_is(reply_slice(element[ROOM_OPEN]), "1");
  room->is_public = slice_is(reply_slice(element[ROOM_PUBLIC]), "1");
  room->logged = slice_is(reply_slice(element[ROOM_KEEP]), "log");
  return ERR_OK;
}

struct get_waiter {
  room_fn *done;
  void *arg;
  size_t len;
  char id[];
};

static void on_got(void *arg, enum err err, const struct redisReply *reply)
{
  struct get_waiter *waiter = arg;
  struct room room;
  if (err == ERR_OK) err = room_read(reply, (struct slice){waiter->id, waiter->len}, &room);
  waiter->done(waiter->arg, err, err == ERR_OK ? &room : NULL);
  free(waiter);
}

void room_get(struct backend *backend, struct slice room, room_fn *done, void *arg)
{
  struct get_waiter *waiter = memory_alloc(sizeof *waiter + room.len);
  *waiter = (struct get_waiter){done, arg, room.len};
  if (room.len) memcpy(waiter->id, room.data, room.len);
  room_write_get(backend->store, room, (struct slice){0});
  store_send(backend->store, on_got, waiter);
}

/* ---- writing ------------------------------------------------------------------------ */

void room_send_listed(struct store *store, struct slice room, uint64_t num, struct group *group)
{
  store_begin_command(store, "ZADD", 3);
  store_name(store, "rooms");
  store_number(store, num);
  store_arg(store, room);
  store_send(store, group ? group_on_reply : NULL, group);
}

void room_send_public(struct store *store, struct slice room, bool is_public, struct group *group)
{
  store_begin_command(store, is_public ? "SADD" : "SREM", 2);
  store_name(store, "rooms:public");
  store_arg(store, room);
  store_send(store, group ? group_on_reply : NULL, group);
}

void room_write_field(struct store *store, const char *field, struct slice value)
{
  store_arg(store, slice_of(field));
  store_arg(store, value);
}

static bool fits(struct slice text, size_t most_bytes)
{
  return text.len <= most_bytes && !utf8_has_control(text);
}

bool room_texts_fit(struct slice name, struct slice description)
{
  return fits(name, ROOM_NAME_BYTES) && fits(description, ROOM_DESCRIPTION_BYTES);
}

/* ---- changing ----------------------------------------------------------------------- */

struct editing {
  struct backend *backend;
  err_fn *done;
  void *arg;
  size_t len;
  char id[];
};

static void on_edited_listed(void *arg, enum err err)
{
  struct editing *editing = arg;
  editing->done(editing->arg, err);
  free(editing);
}

static void on_edited(void *arg, enum err err, const struct redisReply *reply)
{
  struct editing *editing = arg;
  struct store *store = editing->backend->store;
  struct slice id = {editing->id, editing->len};
  uint64_t num = 0;
  if (err == ERR_OK && reply->type != REDIS_REPLY_ARRAY)
    err = word_read(reply);
  else if (err == ERR_OK && (reply->elements != 2 || !reply_number(reply->element[0], &num)))
    err = ERR_INTERNAL;
  if (err != ERR_OK) {
    on_edited_listed(editing, err);
    return;
  }
  directory_forget(editing->backend, OWNER_ROOM, id);
  struct group *group = group_new(2, on_edited_listed, editing);
  room_send_listed(store, id, num, group);
  room_send_public(store, id, slice_is(reply_slice(reply->element[1]), "1"), group);
}

static void on_edit_refused(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  on_edited_listed(arg, err);
}

static unsigned count_fields(const struct room_edit *edit)
{
  return (edit->name.data != NULL) + (edit->description.data != NULL) + edit->open.set +
         edit->is_public.set + edit->logged.set;
}

static void send_edit(struct editing *editing, const struct room_edit *edit)
{
  struct store *store = editing->backend->store;
  store_begin(store, SCRIPT_room_edit, 3, 2 + 2 * count_fields(edit));
  room_write_keys(store, edit->room, 3);
  store_arg(store, edit->by);
  store_number(store, edit->force);
  if (edit->name.data) room_write_field(store, "name", edit->name);
  if (edit->description.data) room_write_field(store, "description", edit->description);
  if (edit->open.set) room_write_field(store, "open", edit->open.value ? SLICE("1") : SLICE("0"));
  if (edit->is_public.set)
    room_write_field(store, "public", edit->is_public.value ? SLICE("1") : SLICE("0"));
  if (edit->logged.set)
    room_write_field(store, "keep", edit->logged.value ? SLICE("log") : SLICE("none"));
  store_send(store, on_edited, editing);
}

/* The lobby is public, open and logged, whatever becomes of it (protocols.md, conversations). */
static bool keeps_lobby(const struct room_edit *edit)
{
  return !slice_equal(edit->room, room_lobby) || ((!edit->open.set || edit->open.value) &&
                                                  (!edit->is_public.set || edit->is_public.value) &&
                                                  (!edit->logged.set || edit->logged.value));
}

void room_edit(struct backend *backend, const struct room_edit *edit, err_fn *done, void *arg)
{
  struct editing *editing = memory_alloc(sizeof *editing + edit->room.len);
  *editing = (struct editing){backend, done, arg, edit->room.len};
  if (edit->room.len) memcpy(editing->id, edit->room.data, edit->room.len);
  if (!room_texts_fit(edit->name, edit->description))
    store_soon(backend->store, ERR_MALFORMED, on_edit_refused, editing);
  else if (!keeps_lobby(edit))
    store_soon(backend->store, ERR_FORBIDDEN, on_edit_refused, editing);
  else
    send_edit(editing, edit);
}
