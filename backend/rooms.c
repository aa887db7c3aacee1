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
  store_promise(store);
  store_send(store, group ? group_on_reply : NULL, group);
}

void room_send_public(struct store *store, struct slice room, bool is_public, struct group *group)
{
  store_begin_command(store, is_public ? "SADD" : "SREM", 2);
  store_name(store, "rooms:public");
  store_arg(store, room);
  store_promise(store);
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

/* The script, then both lists. A room that is to be public no more leaves the public one first,
 * once it is known that whoever asks may do so: where the node dies in between, it is heard by
 * fewer than it might be, not by more than may. */
struct editing {
  struct backend *backend;
  err_fn *done;
  void *arg;
  struct call *call; /* the script's, which waits until the room is off the public list; or NULL */
  enum err err;      /* why that failed */
  size_t len;
  char id[];
};

static struct slice id_of(const struct editing *editing)
{
  return (struct slice){editing->id, editing->len};
}

static void editing_end(void *arg, enum err err)
{
  struct editing *editing = arg;
  if (editing->call) call_free(editing->call);
  editing->done(editing->arg, err);
  free(editing);
}

static enum err read_edited(enum err err, const struct redisReply *reply, uint64_t *num,
                            bool *is_public)
{
  if (err != ERR_OK) return err;
  if (reply->type != REDIS_REPLY_ARRAY) return word_read(reply);
  if (reply->elements != 2 || !reply_number(reply->element[0], num)) return ERR_INTERNAL;
  *is_public = slice_is(reply_slice(reply->element[1]), "1");
  return ERR_OK;
}

/* Nothing to write: whether they may, and what the room is. */
static void ask_edit(struct editing *editing, struct slice by, bool force, store_fn *done)
{
  struct store *store = editing->backend->store;
  store_begin(store, SCRIPT_room_edit, 3, 2);
  room_write_keys(store, id_of(editing), 3);
  store_arg(store, by);
  store_number(store, force);
  store_send(store, done, editing);
}

static void on_still_public(void *arg, enum err err, const struct redisReply *reply)
{
  struct editing *editing = arg;
  uint64_t num = 0;
  bool is_public = false;
  if (read_edited(err, reply, &num, &is_public) == ERR_OK && is_public)
    room_send_public(editing->backend->store, id_of(editing), true, NULL);
  editing_end(editing, editing->err);
}

static void on_edited(void *arg, enum err err, const struct redisReply *reply)
{
  struct editing *editing = arg;
  struct store *store = editing->backend->store;
  uint64_t num = 0;
  bool is_public = false;
  editing->err = read_edited(err, reply, &num, &is_public);
  if (editing->err != ERR_OK && editing->call) {
    ask_edit(editing, SLICE(""), true, on_still_public);
    return;
  }
  if (editing->err != ERR_OK) {
    editing_end(editing, editing->err);
    return;
  }
  directory_forget(editing->backend, OWNER_ROOM, id_of(editing));
  struct group *group = group_new(2, editing_end, editing);
  room_send_listed(store, id_of(editing), num, group);
  room_send_public(store, id_of(editing), is_public, group);
}

static void on_may_hide(void *arg, enum err err, const struct redisReply *reply)
{
  struct editing *editing = arg;
  struct store *store = editing->backend->store;
  uint64_t num = 0;
  bool is_public = false;
  err = read_edited(err, reply, &num, &is_public);
  if (err != ERR_OK) {
    editing_end(editing, err);
    return;
  }
  room_send_public(store, id_of(editing), false, NULL);
  store_behind(store);
  call_send(editing->call, on_edited, editing);
}

static void on_edit_refused(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  editing_end(arg, err);
}

static unsigned count_fields(const struct room_edit *edit)
{
  return (edit->name.data != NULL) + (edit->description.data != NULL) + edit->open.set +
         edit->is_public.set + edit->logged.set;
}

static void write_edit(struct store *store, const struct room_edit *edit)
{
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
}

static void send_edit(struct editing *editing, const struct room_edit *edit)
{
  struct store *store = editing->backend->store;
  bool hides = edit->is_public.set && !edit->is_public.value;
  write_edit(store, edit);
  if (!hides) {
    store_send(store, on_edited, editing);
    return;
  }
  editing->call = store_take(store);
  ask_edit(editing, edit->by, edit->force, on_may_hide);
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
  *editing = (struct editing){.backend = backend, .done = done, .arg = arg, .len = edit->room.len};
  if (edit->room.len) memcpy(editing->id, edit->room.data, edit->room.len);
  if (!room_texts_fit(edit->name, edit->description))
    store_soon(backend->store, ERR_MALFORMED, on_edit_refused, editing);
  else if (!keeps_lobby(edit))
    store_soon(backend->store, ERR_FORBIDDEN, on_edit_refused, editing);
  else
    send_edit(editing, edit);
}
