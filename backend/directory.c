/* The directory: an LRU in front of records in Redis, and the making of records.
 *
 *   resolve ──► LRU? ──► HMGET record ──► there? ──► entry
 *                                           │ no, and `create`
 *               INCR number, SET uuid NX ◄──┘  (of a dialog: contacts first)
 *               SET number's entry, record_make ──► entry (of whoever was first)
 *
 * What a number, a UUID or a block is of ("user:31") stands in the LRU too: as an entry of
 * its own kind, with the owner for a name. */
#include "directory_private.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <uthash.h>
#include <utlist.h>

#include "base/memory.h"
#include "clock.h"
#include "contacts.h"
#include "page.h"
#include "store.h"

/* One entry; its strings stand behind it. The key is the kind as one byte, then the id. */
struct known {
  UT_hash_handle hh;
  struct known *prev, *next; /* the list: least recently used first */
  struct entry entry;
  size_t key_len;
  char bytes[]; /* kind, id, uuid, and the name where it is not the id */
};

/* A record that is asked for, or made. */
struct resolve {
  struct resolve *prev, *next; /* while the record is on its way */
  struct backend *backend;
  enum owner_kind kind;
  bool create;
  bool outdated;    /* it was to be forgotten meanwhile: what comes may be what it was before */
  uint64_t claimed; /* the number taken, 0: none */
  entry_fn *done;
  void *arg;
  struct slice id; /* of `bytes` */
  char bytes[];
};

struct directory {
  struct known *table, *list;
  struct resolve *asked;    /* records that are on their way */
  struct taking *taking[2]; /* in this turn: of rooms and dialogs, of users; NULL: nobody */
  unsigned max_entries;
  uint64_t forgets;
  struct text key;
};

struct directory *directory_new(unsigned max_entries)
{
  struct directory *directory = memory_zalloc(sizeof *directory);
  directory->max_entries = max_entries;
  return directory;
}

static void forget(struct directory *directory, struct known *known)
{
  HASH_DELETE(hh, directory->table, known); /* NOLINT(clang-analyzer-core.NullDereference) uthash */
  DL_DELETE(directory->list, known);
  free(known);
}

void directory_free(struct directory *directory)
{
  while (directory->list) forget(directory, directory->list);
  text_free(&directory->key);
  free(directory);
}

void directory_clear(struct backend *backend)
{
  struct resolve *asked;
  backend->directory->forgets++;
  DL_FOREACH(backend->directory->asked, asked) asked->outdated = true;
  while (backend->directory->list) forget(backend->directory, backend->directory->list);
}

uint64_t directory_forgets(const struct directory *directory)
{
  return directory->forgets;
}

size_t directory_count(const struct directory *directory)
{
  return HASH_COUNT(directory->table);
}

struct taking **directory_taking(struct directory *directory, enum owner_kind kind)
{
  return &directory->taking[kind == OWNER_USER];
}

static struct known *look_up(struct directory *directory, enum owner_kind kind, struct slice id)
{
  text_reset(&directory->key);
  text_append_char(&directory->key, (char)kind);
  text_append(&directory->key, id);
  struct known *known;
  HASH_FIND(hh, directory->table, directory->key.data, directory->key.len, known);
  return known;
}

const struct entry *directory_find(struct backend *backend, enum owner_kind kind, struct slice id)
{
  struct directory *directory = backend->directory;
  struct known *known = look_up(directory, kind, id);
  if (!known) return NULL;
  DL_DELETE(directory->list, known);
  DL_APPEND(directory->list, known);
  return &known->entry;
}

static struct known *known_new(const struct entry *entry)
{
  bool named = entry->name.len && !slice_equal(entry->name, entry->id);
  size_t size = 1 + entry->id.len + entry->uuid.len + (named ? entry->name.len : 0);
  struct known *known = memory_zalloc(sizeof *known + size);
  char *at = known->bytes;
  *at++ = (char)entry->kind;
  known->entry = (struct entry){.kind = entry->kind, .num = entry->num};
  known->entry.id = slice_put(&at, entry->id);
  known->entry.uuid = slice_put(&at, entry->uuid);
  known->entry.name = named ? slice_put(&at, entry->name) : known->entry.id;
  known->key_len = 1 + entry->id.len;
  return known;
}

static const struct entry *keep_entry(struct directory *directory, const struct entry *entry)
{
  struct known *known = known_new(entry); /* before the old one goes: `entry` may be that one */
  struct known *old = look_up(directory, entry->kind, entry->id);
  if (old) forget(directory, old);
  while (HASH_COUNT(directory->table) >= directory->max_entries && directory->list)
    forget(directory, directory->list);
  HASH_ADD_KEYPTR(hh, directory->table, known->bytes, known->key_len, known);
  DL_APPEND(directory->list, known);
  return &known->entry;
}

void directory_keep(struct backend *backend, const struct entry *entry)
{
  keep_entry(backend->directory, entry);
}

void directory_forget(struct backend *backend, enum owner_kind kind, struct slice id)
{
  struct known *known = look_up(backend->directory, kind, id);
  struct resolve *asked;
  backend->directory->forgets++;
  DL_FOREACH(backend->directory->asked, asked)
  {
    if (asked->kind == kind && slice_equal(asked->id, id)) asked->outdated = true;
  }
  if (known) forget(backend->directory, known);
}

struct slice directory_dialog_id(struct slice a, struct slice b, char *buffer)
{
  bool in_order = slice_compare(a, b) <= 0;
  struct slice low = in_order ? a : b;
  struct slice high = in_order ? b : a;
  char *at = buffer;
  slice_put(&at, low);
  *at++ = '|';
  slice_put(&at, high);
  return (struct slice){buffer, (size_t)(at - buffer)};
}

/* ---- resolving ---------------------------------------------------------------------- */

static void resolved(struct resolve *resolve, enum err err, const struct entry *entry)
{
  resolve->done(resolve->arg, err, entry);
  free(resolve);
}

/* num, uuid, name. False: there is no record. */
static bool read_record(const struct resolve *resolve, const struct redisReply *reply,
                        struct entry *entry)
{
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) return false;
  *entry = (struct entry){.kind = resolve->kind, .id = resolve->id};
  if (!reply_number(reply->element[0], &entry->num)) return false;
  entry->uuid = reply_slice(reply->element[1]);
  entry->name = reply_slice(reply->element[2]);
  return true;
}

static const char *record_suffix(enum owner_kind kind)
{
  return kind == OWNER_USER ? ":profile" : ":record";
}

static void on_record_made(void *arg, enum err err, const struct redisReply *reply)
{
  struct resolve *resolve = arg;
  struct entry entry;
  if (err == ERR_OK && !read_record(resolve, reply, &entry)) err = ERR_INTERNAL;
  if (err != ERR_OK) {
    resolved(resolve, err, NULL);
    return;
  }
  if (entry.num != resolve->claimed)
    directory_disclaim(resolve->backend, resolve->kind, resolve->claimed);
  resolved(resolve, ERR_OK, keep_entry(resolve->backend->directory, &entry));
}

static void on_claimed(void *arg, enum err err, uint64_t num, const char *uuid)
{
  struct resolve *resolve = arg;
  if (err != ERR_OK) {
    resolved(resolve, err, NULL);
    return;
  }
  struct store *store = resolve->backend->store;
  resolve->claimed = num;
  bool user = resolve->kind == OWNER_USER;
  store_begin(store, SCRIPT_record_make, 1, user ? 5 : 3);
  store_key(store, resolve->kind, resolve->id, record_suffix(resolve->kind));
  store_number(store, num);
  store_arg(store, SLICE("uuid"));
  store_arg(store, slice_of(uuid));
  if (user) {
    store_arg(store, SLICE("created"));
    store_number(store, clock_wall_ms());
  }
  store_promise(store);
  store_send(store, on_record_made, resolve);
}

static void claim_record(void *arg, enum err err)
{
  struct resolve *resolve = arg;
  if (err != ERR_OK)
    resolved(resolve, err, NULL);
  else
    directory_claim(resolve->backend, resolve->kind, resolve->id, true, on_claimed, resolve);
}

/* Those who share the dialog are contacts before it stands: so a crash in between is made
 * up for by whoever asks for the dialog next. */
static void make_record(struct resolve *resolve)
{
  struct slice second = resolve->id;
  struct slice first = slice_cut(&second, '|');
  if (resolve->kind == OWNER_DIALOG)
    contacts_add(resolve->backend, first, second, claim_record, resolve);
  else
    claim_record(resolve, ERR_OK);
}

static void ask(struct resolve *resolve);

static void on_record(void *arg, enum err err, const struct redisReply *reply)
{
  struct resolve *resolve = arg;
  struct entry entry;
  DL_DELETE(resolve->backend->directory->asked, resolve);
  if (err != ERR_OK)
    resolved(resolve, err, NULL);
  else if (resolve->outdated)
    ask(resolve);
  else if (read_record(resolve, reply, &entry))
    resolved(resolve, ERR_OK, keep_entry(resolve->backend->directory, &entry));
  else if (resolve->create && resolve->kind != OWNER_ROOM)
    make_record(resolve);
  else
    resolved(resolve, ERR_NOT_FOUND, NULL);
}

static void ask(struct resolve *resolve)
{
  struct store *store = resolve->backend->store;
  resolve->outdated = false;
  DL_APPEND(resolve->backend->directory->asked, resolve);
  store_begin_command(store, "HMGET", 4);
  store_key(store, resolve->kind, resolve->id, record_suffix(resolve->kind));
  store_arg(store, SLICE("num"));
  store_arg(store, SLICE("uuid"));
  store_arg(store, SLICE("name"));
  store_send(store, on_record, resolve);
}

void directory_resolve(struct backend *backend, enum owner_kind kind, struct slice id, bool create,
                       entry_fn *done, void *arg)
{
  assert(kind == OWNER_USER || kind == OWNER_ROOM || kind == OWNER_DIALOG);
  struct resolve *resolve = memory_alloc(sizeof *resolve + id.len);
  *resolve = (struct resolve){
      .backend = backend, .kind = kind, .create = create, .done = done, .arg = arg};
  char *at = resolve->bytes;
  resolve->id = slice_put(&at, id);
  ask(resolve);
}

/* ---- who is number 7 ---------------------------------------------------------------- */

struct owner_call {
  struct backend *backend;
  enum owner_kind of;
  owner_fn *done;
  void *arg;
  struct slice name, known; /* of `bytes`; `known`: "user:31", from the LRU */
  char bytes[];
};

/* "user:31", "room:lobby", "dialog:a|b" */
static bool read_owner(struct slice text, struct owner *owner)
{
  static const enum owner_kind kinds[] = {OWNER_USER, OWNER_ROOM, OWNER_DIALOG};
  struct slice kind = slice_cut(&text, ':');
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (!slice_is(kind, owner_kind_name(kinds[i]))) continue;
    *owner = (struct owner){kinds[i], text};
    return true;
  }
  return false;
}

static void on_owner(void *arg, enum err err, const struct redisReply *reply)
{
  struct owner_call *call = arg;
  struct owner owner = {0};
  struct slice text = reply ? reply_slice(reply) : call->known;
  if (err == ERR_OK && reply && reply->type == REDIS_REPLY_NIL)
    err = ERR_NOT_FOUND;
  else if (err == ERR_OK && !read_owner(text, &owner))
    err = ERR_INTERNAL;
  if (err == ERR_OK && reply)
    keep_entry(call->backend->directory,
               &(struct entry){.kind = call->of, .id = call->name, .name = text});
  call->done(call->arg, err, err == ERR_OK ? &owner : NULL);
  free(call);
}

void directory_owner(struct backend *backend, enum owner_kind of, struct slice name, owner_fn *done,
                     void *arg)
{
  const struct entry *entry = directory_find(backend, of, name);
  struct slice known = entry ? entry->name : (struct slice){0};
  struct owner_call *call = memory_alloc(sizeof *call + name.len + known.len);
  *call = (struct owner_call){.backend = backend, .of = of, .done = done, .arg = arg};
  char *at = call->bytes;
  call->name = slice_put(&at, name);
  call->known = slice_put(&at, known);
  if (entry) {
    store_soon(backend->store, ERR_OK, on_owner, call);
    return;
  }
  store_begin_command(backend->store, "GET", 1);
  store_key(backend->store, of, name, "");
  store_send(backend->store, on_owner, call);
}

struct named {
  struct backend *backend;
  uint64_t num; /* 0: asked by UUID */
  entry_fn *done;
  void *arg;
};

/* A number that nobody got (directory_disclaim) may name somebody for a moment. */
static void on_named(void *arg, enum err err, const struct entry *entry)
{
  struct named *named = arg;
  if (err == ERR_OK && named->num && entry->num != named->num) err = ERR_NOT_FOUND;
  named->done(named->arg, err, err == ERR_OK ? entry : NULL);
  free(named);
}

static void on_named_owner(void *arg, enum err err, const struct owner *owner)
{
  struct named *named = arg;
  const struct entry *entry =
      err == ERR_OK ? directory_find(named->backend, owner->kind, owner->id) : NULL;
  if (err != ERR_OK || entry)
    on_named(named, err, entry);
  else
    directory_resolve(named->backend, owner->kind, owner->id, false, on_named, named);
}

static void find_named(struct backend *backend, enum owner_kind of, struct slice name,
                       struct named named)
{
  struct named *kept = memory_alloc(sizeof *kept);
  *kept = named;
  directory_owner(backend, of, name, on_named_owner, kept);
}

void directory_by_number(struct backend *backend, enum owner_kind kind, uint64_t num,
                         entry_fn *done, void *arg)
{
  struct text number = {0};
  directory_write_number(&number, kind, num);
  find_named(backend, OWNER_NUMBER, text_slice(&number),
             (struct named){.backend = backend, .num = num, .done = done, .arg = arg});
  text_free(&number);
}

void directory_by_uuid(struct backend *backend, struct slice uuid, entry_fn *done, void *arg)
{
  char lower[UUID_TEXT_BYTES + 1] = "";
  if (uuid_is(uuid)) uuid_lower(uuid, lower);
  find_named(backend, OWNER_UUID, slice_of(lower),
             (struct named){.backend = backend, .done = done, .arg = arg});
}
