/* Lists of rooms (rooms.h), by the keys parley:rooms and parley:rooms:public.
 *
 *   some of parley:rooms, by number ──► which are public, or the user's ──► these rooms themselves
 *        ▲─────────────────────────────────────────────────────────────────┘ while more are wanted
 *
 * The lists are hints: whether there is a room, and who may know of it, its record says. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/memory.h"
#include "group.h"
#include "page.h"
#include "rooms_private.h"

enum {
  ROOMS_MAX = 1000, /* in one part of a list */
  LOOK_AT_ONCE = 250,
  LOOKS_MAX = 16, /* for one part: a user may find few among many */
};

/* One of those that are looked at. */
struct candidate {
  struct listing *listing;
  struct slice id; /* in the arena */
  uint64_t num;
  bool may_be; /* public, or the user's */
  bool there;
  struct room room;
};

struct listing {
  struct backend *backend;
  uint64_t after;
  unsigned count, looks;
  rooms_fn *done;
  void *arg;
  struct room *found;
  size_t found_count;
  struct candidate candidates[LOOK_AT_ONCE];
  size_t candidate_count;
  bool at_end; /* there are none behind the candidates */
  struct arena arena;
  struct slice user; /* of `bytes` */
  char bytes[];
};

static void listed(struct listing *listing, enum err err, uint64_t next)
{
  bool well = err == ERR_OK;
  listing->done(listing->arg, err, well ? listing->found : NULL, well ? listing->found_count : 0,
                well ? next : 0);
  arena_free(&listing->arena);
  free(listing->found);
  free(listing);
}

/* ---- the rooms themselves ----------------------------------------------------------- */

static void look(struct listing *listing);

static void on_rooms(void *arg, enum err err)
{
  struct listing *listing = arg;
  if (err != ERR_OK) {
    listed(listing, err, 0);
    return;
  }
  for (size_t i = 0; i < listing->candidate_count; i++)
    if (listing->candidates[i].there)
      listing->found[listing->found_count++] = listing->candidates[i].room;
  if (listing->at_end)
    listed(listing, ERR_OK, 0);
  else if (listing->found_count == listing->count || listing->looks == LOOKS_MAX)
    listed(listing, ERR_OK, listing->after);
  else
    look(listing);
}

static void keep_room(struct candidate *candidate, const struct room *room)
{
  struct arena *arena = &candidate->listing->arena;
  candidate->room = *room;
  candidate->room.uuid = arena_copy(arena, room->uuid);
  candidate->room.name = arena_copy(arena, room->name);
  candidate->room.description = arena_copy(arena, room->description);
  candidate->room.owner = arena_copy(arena, room->owner);
  candidate->room.creator = arena_copy(arena, room->creator);
  candidate->there = true;
}

struct asked {
  struct candidate *candidate;
  struct group *group;
};

static void on_room(void *arg, enum err err, const struct redisReply *reply)
{
  struct asked asked = *(struct asked *)arg;
  struct room room;
  free(arg);
  if (err == ERR_OK) err = room_read(reply, asked.candidate->id, &room);
  if (err == ERR_OK) keep_room(asked.candidate, &room);
  /* One that is gone, or not to be known of. */
  group_answered(asked.group, err == ERR_NOT_FOUND ? ERR_OK : err);
}

/* Those behind the last one wanted are looked at again for the next part. */
static void drop_what_is_not_wanted(struct listing *listing)
{
  size_t wanted = listing->count - listing->found_count;
  for (size_t i = 0; i < listing->candidate_count; i++) {
    if (!wanted) {
      listing->candidate_count = i;
      listing->at_end = false;
      return;
    }
    listing->after = listing->candidates[i].num;
    wanted -= listing->candidates[i].may_be;
  }
}

static void ask_for_rooms(void *arg, enum err err)
{
  struct listing *listing = arg;
  struct store *store = listing->backend->store;
  if (err != ERR_OK) {
    listed(listing, err, 0);
    return;
  }
  drop_what_is_not_wanted(listing);
  struct group *group = group_new(listing->candidate_count + 1, on_rooms, listing);
  store_soon(store, ERR_OK, group_on_reply, group); /* there may be none */
  for (size_t i = 0; i < listing->candidate_count; i++) {
    struct candidate *candidate = &listing->candidates[i];
    if (!candidate->may_be) {
      store_soon(store, ERR_OK, group_on_reply, group);
      continue;
    }
    struct asked *asked = memory_alloc(sizeof *asked);
    *asked = (struct asked){candidate, group};
    room_write_get(store, candidate->id, listing->user);
    store_send(store, on_room, asked);
  }
}

/* ---- which may be listed ------------------------------------------------------------ */

static void on_which(void *arg, enum err err, const struct redisReply *reply)
{
  struct asked asked = *(struct asked *)arg; /* the first candidate stands for all */
  struct listing *listing = asked.candidate->listing;
  free(arg);
  if (err == ERR_OK &&
      (reply->type != REDIS_REPLY_ARRAY || reply->elements != listing->candidate_count))
    err = ERR_INTERNAL;
  for (size_t i = 0; err == ERR_OK && i < reply->elements; i++)
    if (reply->element[i]->integer == 1) listing->candidates[i].may_be = true;
  group_answered(asked.group, err);
}

static void ask_which(struct listing *listing)
{
  struct store *store = listing->backend->store;
  struct group *group = group_new(2, ask_for_rooms, listing);
  for (size_t own = 0; own < 2; own++) {
    struct asked *asked = memory_alloc(sizeof *asked);
    *asked = (struct asked){listing->candidates, group};
    store_begin_command(store, "SMISMEMBER", 1 + (unsigned)listing->candidate_count);
    if (own)
      store_key(store, OWNER_USER, listing->user, ":rooms");
    else
      store_name(store, "rooms:public");
    for (size_t i = 0; i < listing->candidate_count; i++)
      store_arg(store, listing->candidates[i].id);
    store_send(store, on_which, asked);
  }
}

/* ---- by number ---------------------------------------------------------------------- */

/* ids and numbers, one behind the other */
static enum err read_candidates(struct listing *listing, const struct redisReply *reply)
{
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements > 2 * LOOK_AT_ONCE) return ERR_INTERNAL;
  listing->candidate_count = reply->elements / 2;
  listing->at_end = listing->candidate_count < LOOK_AT_ONCE;
  for (size_t i = 0; i < listing->candidate_count; i++) {
    struct candidate *candidate = &listing->candidates[i];
    *candidate = (struct candidate){.listing = listing, .may_be = !listing->user.len};
    candidate->id = arena_copy(&listing->arena, reply_slice(reply->element[2 * i]));
    if (!reply_number(reply->element[2 * i + 1], &candidate->num)) return ERR_INTERNAL;
  }
  return ERR_OK;
}

static void on_numbers(void *arg, enum err err, const struct redisReply *reply)
{
  struct listing *listing = arg;
  if (err == ERR_OK) err = read_candidates(listing, reply);
  if (err != ERR_OK || !listing->candidate_count)
    listed(listing, err, 0);
  else if (listing->user.len)
    ask_which(listing);
  else
    ask_for_rooms(listing, ERR_OK);
}

static void look(struct listing *listing)
{
  struct store *store = listing->backend->store;
  struct text from = {0};
  listing->looks++;
  text_append_char(&from, '(');
  text_append_number(&from, listing->after);
  store_begin_command(store, "ZRANGEBYSCORE", 7);
  store_name(store, "rooms");
  store_arg(store, text_slice(&from));
  store_arg(store, SLICE("+inf"));
  store_arg(store, SLICE("WITHSCORES"));
  store_arg(store, SLICE("LIMIT"));
  store_number(store, 0);
  store_number(store, LOOK_AT_ONCE);
  store_send(store, on_numbers, listing);
  text_free(&from);
}

void room_list(struct backend *backend, struct slice user, uint64_t after_num, unsigned count,
               rooms_fn *done, void *arg)
{
  struct listing *listing = memory_zalloc(sizeof *listing + user.len);
  char *at = listing->bytes;
  listing->backend = backend;
  listing->user = slice_put(&at, user);
  listing->after = after_num;
  listing->count = count < ROOMS_MAX ? count : ROOMS_MAX;
  listing->found = memory_alloc((listing->count + 1) * sizeof *listing->found);
  listing->done = done;
  listing->arg = arg;
  look(listing);
}

/* ---- ids alone ---------------------------------------------------------------------- */

void rooms_public(struct backend *backend, ids_fn *done, void *arg)
{
  store_begin_command(backend->store, "SMEMBERS", 1);
  store_name(backend->store, "rooms:public");
  ids_send(backend, done, arg);
}

void rooms_of_user(struct backend *backend, struct slice user, ids_fn *done, void *arg)
{
  store_begin_command(backend->store, "SMEMBERS", 1);
  store_key(backend->store, OWNER_USER, user, ":rooms");
  ids_send(backend, done, arg);
}
