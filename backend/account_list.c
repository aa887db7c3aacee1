/* Users by number (account.h). Numbers have holes: one that was taken and lost to a faster node,
 * a user who was deleted. So numbers are looked at some at a time, until enough users were found,
 * or so many numbers were looked at that the caller had better ask again.
 *
 *   the last number given out ──► some of those behind `after`: whose? ──► what is known of them
 *                                   ▲───────────────────────────────────────┘ */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "account_private.h"
#include "base/arena.h"
#include "base/memory.h"
#include "directory_private.h"
#include "group.h"
#include "page.h"

enum {
  ACCOUNTS_MAX = 1000, /* in one part of a list */
  LOOK_AT_ONCE = 100,
  LOOKS_MAX = 10, /* for one part */
};

/* One number that is looked at. */
struct candidate {
  struct listing *listing;
  struct group *group;
  uint64_t num;
  struct slice user; /* in the arena */
  struct account account;
  bool there;
};

struct listing {
  struct backend *backend;
  accounts_fn *done;
  void *arg;
  uint64_t after, last; /* numbers: all up to it were looked at; the last one given out */
  unsigned count, looks;
  struct arena arena;
  struct account *found;
  size_t found_count;
  struct candidate candidates[LOOK_AT_ONCE];
  size_t candidate_count;
};

static void listed(struct listing *listing, enum err err)
{
  bool well = err == ERR_OK;
  uint64_t next = well && listing->after < listing->last ? listing->after : 0;
  listing->done(listing->arg, err, well ? listing->found : NULL, well ? listing->found_count : 0,
                next);
  arena_free(&listing->arena);
  free(listing->found);
  free(listing);
}

/* ---- what is known of one number ----------------------------------------------------- */

static void keep(struct candidate *candidate, const struct account *account)
{
  struct arena *arena = &candidate->listing->arena;
  /* Not so where somebody lost that number to a faster node. */
  candidate->there = account->num == candidate->num;
  candidate->account = *account;
  candidate->account.uuid = arena_copy(arena, account->uuid);
  candidate->account.name = arena_copy(arena, account->name);
  candidate->account.nickname = arena_copy(arena, account->nickname);
  candidate->account.bio = arena_copy(arena, account->bio);
  candidate->account.avatar = arena_copy(arena, account->avatar);
}

static void on_account(void *arg, enum err err, const struct redisReply *reply)
{
  struct candidate *candidate = arg;
  struct account account = {0};
  if (err == ERR_OK) err = account_read(reply, candidate->user, &account);
  if (err == ERR_OK) keep(candidate, &account);
  group_answered(candidate->group, err == ERR_NO_SUCH_USER ? ERR_OK : err);
}

static void on_owner(void *arg, enum err err, const struct owner *owner)
{
  struct candidate *candidate = arg;
  struct listing *listing = candidate->listing;
  if (err != ERR_OK || owner->kind != OWNER_USER) {
    group_answered(candidate->group, err == ERR_NOT_FOUND ? ERR_OK : err);
    return;
  }
  candidate->user = arena_copy(&listing->arena, owner->id);
  account_write_get(listing->backend->store, candidate->user);
  store_send(listing->backend->store, on_account, candidate);
}

/* ---- all of them -------------------------------------------------------------------- */

static void look(struct listing *listing);

static void on_looked(void *arg, enum err err)
{
  struct listing *listing = arg;
  for (size_t i = 0; err == ERR_OK && i < listing->candidate_count; i++) {
    const struct candidate *candidate = &listing->candidates[i];
    if (listing->found_count == listing->count) break;
    if (candidate->there) listing->found[listing->found_count++] = candidate->account;
    listing->after = candidate->num;
  }
  bool enough = listing->found_count == listing->count || listing->looks == LOOKS_MAX;
  if (err != ERR_OK || enough || listing->after >= listing->last)
    listed(listing, err);
  else
    look(listing);
}

static void look(struct listing *listing)
{
  struct backend *backend = listing->backend;
  uint64_t left = listing->last - listing->after;
  listing->looks++;
  listing->candidate_count = left < LOOK_AT_ONCE ? (size_t)left : LOOK_AT_ONCE;
  struct group *group = group_new(listing->candidate_count, on_looked, listing);
  for (size_t i = 0; i < listing->candidate_count; i++) {
    struct candidate *candidate = &listing->candidates[i];
    *candidate =
        (struct candidate){.listing = listing, .group = group, .num = listing->after + 1 + i};
    struct text number = {0};
    text_append_char(&number, 'u');
    text_append_number(&number, candidate->num);
    directory_owner(backend, OWNER_NUMBER, text_slice(&number), on_owner, candidate);
    text_free(&number);
  }
}

static void on_last(void *arg, enum err err, const struct redisReply *reply)
{
  struct listing *listing = arg;
  /* Nil: nobody has a number yet. */
  if (err == ERR_OK && reply->type != REDIS_REPLY_NIL && !reply_number(reply, &listing->last))
    err = ERR_INTERNAL;
  if (err != ERR_OK || !listing->count || listing->after >= listing->last)
    listed(listing, err);
  else
    look(listing);
}

void account_list(struct backend *backend, uint64_t after_num, unsigned count, accounts_fn *done,
                  void *arg)
{
  struct listing *listing = memory_zalloc(sizeof *listing);
  listing->backend = backend;
  listing->after = after_num;
  listing->count = count < ACCOUNTS_MAX ? count : ACCOUNTS_MAX;
  listing->found = memory_alloc((listing->count + 1) * sizeof *listing->found);
  listing->done = done;
  listing->arg = arg;
  store_begin_command(backend->store, "GET", 1);
  store_name(backend->store, "numbers:users");
  store_send(backend->store, on_last, listing);
}
