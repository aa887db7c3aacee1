/* Sessions of users: joining and leaving. The lease is in lease.c, what is done after
 * a dead node in reaper.c.
 *
 * A session stands in two hashes, of its node (for the reaper) and of its user (for
 * everyone). It is written to the node's first and removed from it last, so that
 * whatever a crash leaves in the user's can be found through the node's. */
#include "presence_private.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/memory.h"
#include "directory_private.h"
#include "page.h"
#include "push.h"
#include "rooms_private.h"
#include "store.h"

/* Of presence_join's answer, in front of the rooms, the contacts and the bans. */
enum {
  JOINED_NUM,
  JOINED_UUID,
  JOINED_NAME,
  JOINED_SESSIONS,
  JOINED_TELL,
  JOINED_ROOMS,
  JOINED_CONTACTS,
  JOINED_BANS,
  JOINED_HEAD
};

/* ---- leaving ------------------------------------------------------------------------ */

struct leaving {
  struct leaving *prev, *next;
  struct presence *presence;
  bool finished;
  err_fn *done;
  void *arg;
  struct slice user, session; /* of `bytes` */
  char bytes[];
};

static struct leaving *leaving_new(struct presence *presence, struct slice user,
                                   struct slice session, bool finished)
{
  struct leaving *leaving = memory_zalloc(sizeof *leaving + user.len + session.len);
  char *at = leaving->bytes;
  leaving->presence = presence;
  leaving->finished = finished;
  leaving->user = slice_put(&at, user);
  leaving->session = slice_put(&at, session);
  return leaving;
}

/* What could not be said to Redis is said when it is back; the caller does not wait. */
static void on_left(void *arg, enum err err)
{
  struct leaving *leaving = arg;
  if (leaving->done) leaving->done(leaving->arg, err);
  leaving->done = NULL;
  if (err == ERR_UNAVAILABLE)
    DL_APPEND(leaving->presence->leaving, leaving);
  else
    free(leaving);
}

static void leave_node(struct backend *backend, struct slice session)
{
  store_begin_command(backend->store, "HDEL", 2);
  store_key(backend->store, OWNER_NODE, slice_of(backend->options.node), ":sessions");
  store_arg(backend->store, session);
}

void presence_write_leave(struct store *store, struct slice user, struct slice session)
{
  store_begin(store, SCRIPT_presence_leave, 2, 1);
  store_key(store, OWNER_USER, user, ":profile");
  store_key(store, OWNER_USER, user, ":sessions");
  store_arg(store, session);
}

void presence_send_gone(struct store *store, struct slice user, struct slice session)
{
  presence_write_leave(store, user, session);
  store_send(store, NULL, NULL);
  store_begin(store, SCRIPT_attendance_end, 1, 4);
  store_key(store, OWNER_ROOM, room_lobby, ":attendance");
  store_arg(store, user);
  store_arg(store, session);
  store_key(store, OWNER_ROOM, room_lobby, "");
  store_arg(store, SLICE(""));
  store_send(store, NULL, NULL);
}

static void leave(struct leaving *leaving)
{
  struct backend *backend = leaving->presence->backend;
  if (!leaving->finished) {
    presence_write_leave(backend->store, leaving->user, leaving->session);
    plain_send(backend, on_left, leaving);
    return;
  }
  presence_send_gone(backend->store, leaving->user, leaving->session);
  store_behind(backend->store);
  leave_node(backend, leaving->session);
  plain_send(backend, on_left, leaving);
}

void presence_leave(struct backend *backend, struct slice user, struct slice session, bool finished,
                    err_fn *done, void *arg)
{
  struct leaving *leaving = leaving_new(backend->presence, user, session, finished);
  leaving->done = done;
  leaving->arg = arg;
  if (finished) departed_note(backend->presence->departed, user, session);
  leave(leaving);
}

void presence_leave_again(struct presence *presence)
{
  struct leaving *list = presence->leaving, *leaving, *next;
  presence->leaving = NULL;
  DL_FOREACH_SAFE(list, leaving, next) leave(leaving);
}

/* ---- joining ------------------------------------------------------------------------ */

/* A session that joins again: what was still to be said of an earlier try is over. */
static void forget_leaving(struct presence *presence, struct slice session)
{
  struct leaving *leaving, *next;
  DL_FOREACH_SAFE(presence->leaving, leaving, next)
  {
    if (!slice_equal(leaving->session, session)) continue;
    DL_DELETE(presence->leaving, leaving);
    free(leaving);
  }
}

struct joining {
  struct presence_join join; /* its slices are of `bytes` */
  struct backend *backend;
  joined_fn *done;
  void *arg;
  bool sent;        /* Redis may have carried it out, whatever becomes known of it */
  uint64_t claimed; /* the number taken for a new user; 0: none */
  uint64_t forgets; /* of the directory, when it was sent */
  struct redis_time since;
  char bytes[];
};

/* When a session begins, by Redis' clock, so that those of other nodes can be compared with it:
 * what is shown is rather too early, what is compared with that rather too late, so that whoever
 * comes behind another is never taken for the older one. One that joins again began before
 * whoever stands there with the same time. */
static struct redis_time beginning(const struct backend *backend, const struct presence_join *join)
{
  struct redis_time now = lease_time(backend->presence);
  if (join->since_ms) return (struct redis_time){join->since_ms, join->since_ms - 1};
  return now.earliest_ms ? now : (struct redis_time){join->now_ms, join->now_ms};
}

static struct joining *joining_new(struct backend *backend, const struct presence_join *join,
                                   joined_fn *done, void *arg)
{
  size_t size = join->user.len + join->session.len + join->protocol.len + join->device.len +
                join->credential.len;
  struct joining *joining = memory_alloc(sizeof *joining + size);
  *joining = (struct joining){.join = *join,
                              .backend = backend,
                              .done = done,
                              .arg = arg,
                              .since = beginning(backend, join)};
  char *at = joining->bytes;
  joining->join.user = slice_put(&at, join->user);
  joining->join.session = slice_put(&at, join->session);
  joining->join.protocol = slice_put(&at, join->protocol);
  joining->join.device = slice_put(&at, join->device);
  joining->join.credential = slice_put(&at, join->credential);
  return joining;
}

static void fail(struct joining *joining, enum err err)
{
  struct presence *presence = joining->backend->presence;
  const struct presence_join *join = &joining->join;
  if (joining->sent && !join->again) {
    /* No ghost stays behind, whatever happens to the link: neither of one that may have joined
     * nevertheless, nor of one that was refused, which stands in the node's hash by then. */
    struct leaving *leaving = leaving_new(presence, join->user, join->session, true);
    if (err == ERR_UNAVAILABLE)
      DL_APPEND(presence->leaving, leaving);
    else
      leave(leaving);
  }
  joining->done(joining->arg, &(struct presence_joined){.err = err});
  free(joining);
}

static void keep_user(struct joining *joining, const struct presence_joined *joined)
{
  struct entry entry = {.kind = OWNER_USER,
                        .num = joined->num,
                        .id = joining->join.user,
                        .uuid = joined->uuid,
                        .name = joined->name};
  /* What was forgotten meanwhile may be newer than this answer. */
  if (joining->forgets == directory_forgets(joining->backend->directory))
    directory_keep(joining->backend, &entry);
  if (joining->claimed && joining->claimed != joined->num)
    directory_disclaim(joining->backend, OWNER_USER, joining->claimed);
}

/* From malloc; NULL where there are none. */
static struct slice *read_ids(const struct redisReply *reply, size_t first, size_t count)
{
  struct slice *ids = count ? memory_alloc(count * sizeof *ids) : NULL;
  for (size_t i = 0; i < count; i++) ids[i] = reply_slice(reply->element[first + i]);
  return ids;
}

/* ERR_OK: `rooms`, `contacts`, `bans` and the page's messages are the caller's to free. */
static enum err read_joined(const struct joining *joining, const struct redisReply *reply,
                            struct presence_joined *joined)
{
  uint64_t sessions, tell, room_count, contact_count, ban_count;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements < JOINED_HEAD) return ERR_INTERNAL;
  if (!reply_number(reply->element[JOINED_NUM], &joined->num)) return ERR_INTERNAL;
  if (!reply_number(reply->element[JOINED_SESSIONS], &sessions)) return ERR_INTERNAL;
  if (!reply_number(reply->element[JOINED_TELL], &tell)) return ERR_INTERNAL;
  if (!reply_number(reply->element[JOINED_ROOMS], &room_count)) return ERR_INTERNAL;
  if (!reply_number(reply->element[JOINED_CONTACTS], &contact_count)) return ERR_INTERNAL;
  if (!reply_number(reply->element[JOINED_BANS], &ban_count)) return ERR_INTERNAL;
  size_t ids = reply->elements - JOINED_HEAD;
  if (room_count > ids || contact_count > ids - room_count) return ERR_INTERNAL;
  if (ban_count > ids - room_count - contact_count) return ERR_INTERNAL;
  size_t contacts = JOINED_HEAD + (size_t)room_count;
  size_t bans = contacts + (size_t)contact_count;
  enum err err = page_read(reply, bans + (size_t)ban_count, &joined->unread);
  if (err != ERR_OK) return err;
  joined->since_ms = joining->since.earliest_ms;
  joined->uuid = reply_slice(reply->element[JOINED_UUID]);
  joined->name = reply_slice(reply->element[JOINED_NAME]);
  if (!joined->name.len) joined->name = joining->join.user;
  joined->sessions = (size_t)sessions;
  joined->rooms = read_ids(reply, JOINED_HEAD, (size_t)room_count);
  joined->room_count = (size_t)room_count;
  joined->tell_contacts = tell;
  joined->contacts = read_ids(reply, contacts, (size_t)contact_count);
  joined->contact_count = (size_t)contact_count;
  joined->bans = read_ids(reply, bans, (size_t)ban_count);
  joined->ban_count = (size_t)ban_count;
  return ERR_OK;
}

static void send_join(struct joining *joining, uint64_t num, const char *uuid);

static void on_claimed(void *arg, enum err err, uint64_t num, const char *uuid)
{
  struct joining *joining = arg;
  if (err != ERR_OK) {
    fail(joining, err);
    return;
  }
  joining->claimed = num;
  send_join(joining, num, uuid);
}

static void on_joined(void *arg, enum err err, const struct redisReply *reply)
{
  struct joining *joining = arg;
  struct presence_joined joined = {0};
  struct slice word = err == ERR_OK ? reply_slice(reply) : (struct slice){0};
  if (slice_is(word, "NOUSER")) {
    directory_claim(joining->backend, OWNER_USER, joining->join.user, false, on_claimed, joining);
    return;
  }
  if (slice_is(word, "CONFLICT")) err = ERR_REPLACED;
  if (slice_is(word, "REVOKED")) err = ERR_UNAUTHORIZED;
  if (err == ERR_OK) err = read_joined(joining, reply, &joined);
  if (err != ERR_OK) {
    fail(joining, err);
    return;
  }
  keep_user(joining, &joined);
  /* Refused while this was under way, and older than it. */
  forget_leaving(joining->backend->presence, joining->join.session);
  joining->done(joining->arg, &joined);
  free((void *)joined.rooms);
  free((void *)joined.contacts);
  free((void *)joined.bans);
  free((void *)joined.unread.messages);
  free(joining);
}

static void write_keys(struct store *store, struct slice user)
{
  store_key(store, OWNER_USER, user, ":profile");
  store_key(store, OWNER_USER, user, ":sessions");
  store_key(store, OWNER_USER, user, ":rooms");
  store_key(store, OWNER_USER, user, ":unread");
  store_key(store, OWNER_USER, user, ":unread:messages");
  store_key(store, OWNER_USER, user, ":inbox");
  store_key(store, OWNER_USER, user, ":unread:reactions");
  store_key(store, OWNER_USER, user, ":contacts");
  store_key(store, OWNER_USER, user, ":bans");
  store_key(store, OWNER_USER, user, ":keys");
}

/* "node protocol since device", as `redis-cli HGETALL parley:user:{31}:sessions` shows it. */
static void write_record(struct joining *joining)
{
  const struct presence_join *join = &joining->join;
  struct text record = {0};
  text_append(&record, slice_of(joining->backend->options.node));
  text_append_char(&record, ' ');
  text_append(&record, join->protocol);
  text_append_char(&record, ' ');
  text_append_number(&record, joining->since.earliest_ms);
  text_append_char(&record, ' ');
  text_append(&record, join->device);
  store_arg(joining->backend->store, text_slice(&record));
  text_free(&record);
}

/* num 0: the user is known, or so it is hoped. */
static void send_join(struct joining *joining, uint64_t num, const char *uuid)
{
  static const char *const exclusive[] = {
      [PRESENCE_SHARED] = "shared", [PRESENCE_REFUSE] = "refuse", [PRESENCE_REPLACE] = "replace"};
  struct store *store = joining->backend->store;
  const struct presence_join *join = &joining->join;
  joining->forgets = directory_forgets(joining->backend->directory);
  store_begin(store, SCRIPT_presence_join, 10, num ? 18 : 16);
  write_keys(store, join->user);
  store_arg(store, join->session);
  write_record(joining);
  store_arg(store, join->protocol);
  store_arg(store, join->device);
  store_arg(store, slice_of(exclusive[join->exclusive]));
  store_number(store, join->acknowledges);
  store_number(store, join->now_ms);
  store_key(store, OWNER_USER, join->user, "");
  store_number(store, join->page_after_seq);
  store_number(store, join->page_count);
  store_number(store, join->page_bytes);
  store_number(store, push_keep_from(joining->backend->options.limits.inbox_days));
  store_number(store, join->contacts);
  store_arg(store, join->credential);
  store_number(store, lease_until_ms(joining->backend));
  store_number(store, joining->since.latest_ms);
  if (num) {
    store_number(store, num);
    store_arg(store, slice_of(uuid));
  }
  store_send(store, on_joined, joining);
}

/* The node's own hash: session -> "protocol user". */
static void join_node(struct joining *joining)
{
  struct backend *backend = joining->backend;
  const struct presence_join *join = &joining->join;
  struct text value = {0};
  text_append(&value, join->protocol);
  text_append_char(&value, ' ');
  text_append(&value, join->user);
  store_begin_command(backend->store, "HSET", 3);
  store_key(backend->store, OWNER_NODE, slice_of(backend->options.node), ":sessions");
  store_arg(backend->store, join->session);
  store_arg(backend->store, text_slice(&value));
  store_send(backend->store, NULL, NULL);
  text_free(&value);
}

static void refuse_join(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  fail(arg, err);
}

void presence_join(struct backend *backend, const struct presence_join *join, joined_fn *done,
                   void *arg)
{
  struct joining *joining = joining_new(backend, join, done, arg);
  if (!presence_has_lease(backend->presence)) {
    /* It would join a node that is being cleared away, or is about to be. */
    store_refuse(backend->store, refuse_join, joining);
    return;
  }
  joining->sent = store_is_up(backend->store);
  forget_leaving(backend->presence, join->session);
  join_node(joining);
  store_behind(backend->store);
  send_join(joining, 0, NULL);
}

/* ---- life --------------------------------------------------------------------------- */

struct presence *presence_new(struct backend *backend)
{
  struct presence *presence = memory_zalloc(sizeof *presence);
  presence->backend = backend;
  presence->reaper = reaper_new(presence);
  presence->sweep = sweep_new(presence);
  presence->departed = departed_new(presence);
  return presence;
}

void presence_free(struct presence *presence)
{
  struct leaving *leaving, *next;
  DL_FOREACH_SAFE(presence->leaving, leaving, next) free(leaving);
  if (presence->tick) event_free(presence->tick);
  reaper_free(presence->reaper);
  sweep_free(presence->sweep);
  departed_free(presence->departed);
  free(presence);
}

void presence_link_up(struct presence *presence)
{
  sweep_hurry(presence->sweep);
  if (presence->lease != LEASE_NONE) lease_beat(presence);
  presence_leave_again(presence);
  departed_again(presence->departed);
}

bool presence_has_lease(const struct presence *presence)
{
  return presence->lease == LEASE_HELD || presence->lease == LEASE_NONE;
}
