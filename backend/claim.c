/* Numbers and UUIDs of those who have no record yet.
 *
 *   directory_claim ──► SET uuid NX ──────────────────────┐
 *                 └──► the end of this turn of the loop:  ├──► SET number's entry ──► done
 *                      one INCRBY for all who want one ───┘ */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/memory.h"
#include "directory_private.h"
#include "page.h"
#include "store.h"

struct claim_call {
  struct claim_call *next; /* of its taking */
  struct backend *backend;
  enum owner_kind kind;
  claimed_fn *done;
  void *arg;
  enum err err;
  bool promised;
  unsigned awaited; /* answers: its number, its UUID */
  uint64_t num;
  char uuid[UUID_TEXT_BYTES + 1];
  size_t owner_len;
  char owner[]; /* "user:31" */
};

/* Those who want a number in one turn of the loop: one call takes one for each. */
struct taking {
  struct backend *backend;
  enum owner_kind kind;
  struct claim_call *claims;
  unsigned count;
};

void directory_write_number(struct text *out, enum owner_kind kind, uint64_t num)
{
  text_append_char(out, kind == OWNER_USER ? 'u' : 'c');
  text_append_number(out, num);
}

static void claimed(struct claim_call *claim, enum err err)
{
  claim->done(claim->arg, err, claim->num, claim->uuid);
  free(claim);
}

static void on_number_written(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  claimed(arg, err);
}

static void write_number_of(struct claim_call *claim)
{
  struct store *store = claim->backend->store;
  struct text number = {0};
  directory_write_number(&number, claim->kind, claim->num);
  store_begin_command(store, "SET", 2);
  store_key(store, OWNER_NUMBER, text_slice(&number), "");
  store_arg(store, (struct slice){claim->owner, claim->owner_len});
  text_free(&number);
  if (store_is_cluster(store)) {
    if (claim->promised) store_promise(store);
    store_send(store, on_number_written, claim);
    return;
  }
  /* One link keeps the order: what `done` writes is carried out behind it, or not at all. */
  store_send(store, NULL, NULL);
  claimed(claim, ERR_OK);
}

static void claim_answered(struct claim_call *claim, enum err err)
{
  if (claim->err == ERR_OK || err == ERR_UNAVAILABLE) claim->err = err;
  if (--claim->awaited) return;
  if (claim->err == ERR_OK)
    write_number_of(claim);
  else
    claimed(claim, claim->err);
}

static void on_uuid_claimed(void *arg, enum err err, const struct redisReply *reply)
{
  struct claim_call *claim = arg;
  struct slice owner = {claim->owner, claim->owner_len};
  if (err == ERR_OK && reply->type != REDIS_REPLY_NIL && !slice_equal(reply_slice(reply), owner))
    err = ERR_CONFLICT;
  claim_answered(claim, err);
}

/* The last of their numbers; also where there is none. */
static void on_numbers_taken(void *arg, enum err err, const struct redisReply *reply)
{
  struct taking *taking = arg;
  uint64_t last = 0;
  if (err == ERR_OK && (!reply_number(reply, &last) || last < taking->count)) err = ERR_INTERNAL;
  for (struct claim_call *claim = taking->claims, *next; claim; claim = next) {
    next = claim->next;
    claim->num = last--;
    claim_answered(claim, err);
  }
  free(taking);
}

/* So many may have been given out and forgotten by a Redis that failed: users are listed by number,
 * so these holes are kept small. */
enum { NUMBERS_FORGOTTEN = 1000 };

/* The turn is over. */
static void take_numbers(void *arg, enum err err, const struct redisReply *reply)
{
  struct taking *taking = arg;
  struct store *store = taking->backend->store;
  *directory_taking(taking->backend->directory, taking->kind) = NULL;
  if (err != ERR_OK) {
    on_numbers_taken(taking, err, reply);
    return;
  }
  store_begin_counter(store, taking->kind == OWNER_USER ? "numbers:users" : "numbers:conversations",
                      taking->count, NUMBERS_FORGOTTEN);
  store_send(store, on_numbers_taken, taking);
}

static void want_number(struct claim_call *claim)
{
  struct taking **taking = directory_taking(claim->backend->directory, claim->kind);
  if (!*taking) {
    *taking = memory_zalloc(sizeof **taking);
    **taking = (struct taking){.backend = claim->backend, .kind = claim->kind};
    store_soon(claim->backend->store, ERR_OK, take_numbers, *taking);
  }
  claim->next = (*taking)->claims;
  (*taking)->claims = claim;
  (*taking)->count++;
}

static struct claim_call *claim_new(struct backend *backend, enum owner_kind kind, struct slice id)
{
  struct slice name = slice_of(owner_kind_name(kind));
  struct claim_call *claim = memory_zalloc(sizeof *claim + name.len + 1 + id.len);
  claim->backend = backend;
  claim->kind = kind;
  char *at = claim->owner;
  slice_put(&at, name);
  *at++ = ':';
  slice_put(&at, id);
  claim->owner_len = (size_t)(at - claim->owner);
  uuid_of(name.data, id, claim->uuid);
  return claim;
}

void directory_claim(struct backend *backend, enum owner_kind kind, struct slice id, bool promised,
                     claimed_fn *done, void *arg)
{
  struct store *store = backend->store;
  struct claim_call *claim = claim_new(backend, kind, id);
  claim->promised = promised;
  claim->done = done;
  claim->arg = arg;
  claim->awaited = 2;
  want_number(claim);
  store_begin_command(store, "SET", 4);
  store_key(store, OWNER_UUID, slice_of(claim->uuid), "");
  store_arg(store, (struct slice){claim->owner, claim->owner_len});
  store_arg(store, SLICE("NX"));
  store_arg(store, SLICE("GET"));
  if (promised) store_promise(store);
  store_send(store, on_uuid_claimed, claim);
}

void directory_disclaim(struct backend *backend, enum owner_kind kind, uint64_t num)
{
  struct text number = {0};
  directory_write_number(&number, kind, num);
  store_begin_command(backend->store, "DEL", 1);
  store_key(backend->store, OWNER_NUMBER, text_slice(&number), "");
  store_send(backend->store, NULL, NULL);
  text_free(&number);
}
