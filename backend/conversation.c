/* Rooms: arguments of scripts/room_send.lua, attendance_*.lua and cursor_set.lua. Who enters and
 * leaves: membership.c. */
#include "conversation.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/memory.h"
#include "page.h"
#include "presence_private.h"
#include "push.h"
#include "store.h"

enum { SECONDS_PER_DAY = 86400, MS_PER_SECOND = 1000 };

void room_send(struct backend *backend, const struct room_send *send, stamp_fn *done, void *arg)
{
  struct store *store = backend->store;
  const struct backend_limits *limits = &backend->options.limits;
  store_begin(store, SCRIPT_room_send, send->dedupe.len ? 7 : 6, 11);
  store_key(store, OWNER_ROOM, send->room, ":log");
  store_key(store, OWNER_ROOM, send->room, ":messages");
  store_key(store, OWNER_ROOM, send->room, ":record");
  store_key(store, OWNER_ROOM, send->room, ":members");
  store_key(store, OWNER_ROOM, send->room, ":bans");
  store_key(store, OWNER_ROOM, send->room, ":reactions");
  if (send->dedupe.len) store_key_with(store, OWNER_ROOM, send->room, ":sent:", send->dedupe);
  store_arg(store, send->rest);
  store_key(store, OWNER_ROOM, send->room, "");
  store_number(store, limits->log_messages);
  store_number(store, (uint64_t)(limits->log_days + 1) * SECONDS_PER_DAY);
  store_number(store, push_today());
  store_arg(store, send->user);
  store_number(store, (uint64_t)limits->dedupe_seconds * MS_PER_SECOND);
  store_number(store, send->stored);
  store_arg(store, push_wait_field(backend->pushes));
  store_epoch(store);
  store_arg(store, SLICE(""));
  push_send(backend->pushes, done, arg);
}

/* ---- cursors and attendance --------------------------------------------------------- */

void room_cursor_get(struct backend *backend, struct slice room, struct slice user, page_fn *done,
                     void *arg)
{
  store_begin_command(backend->store, "HGET", 2);
  store_key(backend->store, OWNER_ROOM, room, ":cursors");
  store_arg(backend->store, user);
  seq_send(backend, ERR_NOT_IN_ROOM, done, arg); /* every member has one (room_role.lua) */
}

void room_cursor_set(struct backend *backend, struct slice room, struct slice user, uint64_t seq)
{
  store_begin(backend->store, SCRIPT_cursor_set, 1, 2);
  store_key(backend->store, OWNER_ROOM, room, ":cursors");
  store_arg(backend->store, user);
  store_number(backend->store, seq);
  store_send(backend->store, NULL, NULL);
}

struct stamp_waiter {
  stamp_fn *done;
  void *arg;
};

static void on_attendance(void *arg, enum err err, const struct redisReply *reply)
{
  struct stamp_waiter waiter = *(struct stamp_waiter *)arg;
  free(arg);
  uint64_t told = 0;
  if (err == ERR_OK && !reply_number(reply, &told)) err = ERR_INTERNAL;
  if (waiter.done) waiter.done(waiter.arg, &(struct stamp){.err = err, .seq = told});
}

static void attendance(struct backend *backend, enum script script, struct slice room,
                       struct slice user, struct slice session, struct slice rest,
                       struct stamp_waiter waiter)
{
  struct stamp_waiter *kept = memory_alloc(sizeof *kept);
  *kept = waiter;
  bool begins = script == SCRIPT_attendance_begin;
  store_begin(backend->store, script, 1, begins ? 5 : 4);
  store_key(backend->store, OWNER_ROOM, room, ":attendance");
  store_arg(backend->store, user);
  store_arg(backend->store, session);
  store_key(backend->store, OWNER_ROOM, room, "");
  store_arg(backend->store, rest);
  if (begins) store_number(backend->store, lease_until_ms(backend));
  store_send(backend->store, on_attendance, kept);
}

void attendance_begin(struct backend *backend, struct slice room, struct slice user,
                      struct slice session, struct slice rest, stamp_fn *done, void *arg)
{
  attendance(backend, SCRIPT_attendance_begin, room, user, session, rest,
             (struct stamp_waiter){done, arg});
}

void attendance_end(struct backend *backend, struct slice room, struct slice user,
                    struct slice session, struct slice rest, stamp_fn *done, void *arg)
{
  attendance(backend, SCRIPT_attendance_end, room, user, session, rest,
             (struct stamp_waiter){done, arg});
}

struct attendees_waiter {
  attendees_fn *done;
  void *arg;
};

/* The next cursor; user, their sessions, ... */
static void on_attendees(void *arg, enum err err, const struct redisReply *reply)
{
  struct attendees_waiter waiter = *(struct attendees_waiter *)arg;
  free(arg);
  uint64_t next = 0;
  bool read = err == ERR_OK && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
              reply_number(reply->element[0], &next) &&
              reply->element[1]->type == REDIS_REPLY_ARRAY;
  if (!read) {
    waiter.done(waiter.arg, err == ERR_OK ? ERR_INTERNAL : err, 0, NULL, 0);
    return;
  }
  const struct redisReply *fields = reply->element[1];
  size_t count = fields->elements / 2;
  struct slice *users = memory_alloc((count + 1) * sizeof *users);
  for (size_t i = 0; i < count; i++) users[i] = reply_slice(fields->element[2 * i]);
  waiter.done(waiter.arg, ERR_OK, next, users, count);
  free(users);
}

void attendance_page(struct backend *backend, struct slice room, uint64_t cursor, unsigned count,
                     attendees_fn *done, void *arg)
{
  struct attendees_waiter *kept = memory_alloc(sizeof *kept);
  *kept = (struct attendees_waiter){done, arg};
  store_begin_command(backend->store, "HSCAN", 4);
  store_key(backend->store, OWNER_ROOM, room, ":attendance");
  store_number(backend->store, cursor);
  store_arg(backend->store, SLICE("COUNT"));
  store_number(backend->store, count);
  store_send(backend->store, on_attendees, kept);
}
