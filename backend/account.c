/* Accounts (account.h): making, reading, changing, deleting; passwords.
 *
 *   make, edit ──► texts fit? ──► password.c hashes ──► script ──► (make: NOUSER ──► a number
 *                                                          ▲─────────────── claimed) ┘
 *
 * A password goes from the caller into its hashing job and nowhere else, but for the one that
 * waits for the hash it is to be compared with. */
#include "account_private.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/arena.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "directory_private.h"
#include "page.h"
#include "password.h"
#include "rooms.h"

/* ---- reading ------------------------------------------------------------------------ */

/* As parts/account.lua answers. */
enum { IS_NUM, IS_UUID, IS_NAME, IS_NICKNAME, IS_BIO, IS_AVATAR, IS_CREATED, IS_ONLINE, IS_COUNT };

enum err account_read(const struct redisReply *reply, struct slice user, struct account *account)
{
  uint64_t online;
  if (reply->type != REDIS_REPLY_ARRAY) return refusal_read(reply);
  if (reply->elements != IS_COUNT) return ERR_INTERNAL;
  *account = (struct account){.id = user};
  if (!reply_number(reply->element[IS_NUM], &account->num)) return ERR_INTERNAL;
  if (!reply_number(reply->element[IS_ONLINE], &online)) return ERR_INTERNAL;
  if (!reply_number(reply->element[IS_CREATED], &account->created_ms)) account->created_ms = 0;
  account->uuid = reply_slice(reply->element[IS_UUID]);
  account->name = reply_slice(reply->element[IS_NAME]);
  if (!account->name.len) account->name = user;
  account->nickname = reply_slice(reply->element[IS_NICKNAME]);
  account->bio = reply_slice(reply->element[IS_BIO]);
  account->avatar = reply_slice(reply->element[IS_AVATAR]);
  account->online = online != 0;
  return ERR_OK;
}

void account_write_get(struct store *store, struct slice user)
{
  store_begin(store, SCRIPT_account_get, 2, 0);
  store_key(store, OWNER_USER, user, ":profile");
  store_key(store, OWNER_USER, user, ":sessions");
}

struct getting {
  account_fn *done;
  void *arg;
  size_t user_len;
  char user[];
};

static void on_got(void *arg, enum err err, const struct redisReply *reply)
{
  struct getting *getting = arg;
  struct account account = {0};
  struct slice user = {getting->user, getting->user_len};
  if (err == ERR_OK) err = account_read(reply, user, &account);
  getting->done(getting->arg, err, err == ERR_OK ? &account : NULL);
  free(getting);
}

void account_get(struct backend *backend, struct slice user, account_fn *done, void *arg)
{
  struct getting *getting = memory_alloc(sizeof *getting + user.len);
  *getting = (struct getting){done, arg, user.len};
  if (user.len) memcpy(getting->user, user.data, user.len);
  account_write_get(backend->store, user);
  store_send(backend->store, on_got, getting);
}

/* ---- what is written ---------------------------------------------------------------- */

static bool fits(struct slice text, size_t most_bytes)
{
  return text.len <= most_bytes && utf8_valid(text) && !utf8_has_control(text);
}

static bool password_fits(struct slice password)
{
  return !password.data || (password.len > 0 && password.len <= ACCOUNT_PASSWORD_BYTES);
}

static bool change_fits(const struct account_change *change)
{
  return fits(change->name, ACCOUNT_NAME_BYTES) && fits(change->nickname, ACCOUNT_NAME_BYTES) &&
         fits(change->bio, ACCOUNT_TEXT_BYTES) && fits(change->avatar, ACCOUNT_TEXT_BYTES) &&
         password_fits(change->password);
}

/* A user that is made or changed. */
struct writing {
  struct backend *backend;
  void (*go_on)(struct writing *writing, enum err err); /* the hash is there, or why not */
  account_fn *made;
  err_fn *edited;
  void *arg;
  struct arena arena; /* all of the strings */
  struct slice user, event;
  struct account_change change; /* password: its hash */
  bool claim;
  uint64_t now_ms;
  uint64_t claimed; /* the number taken; 0: none yet */
};

static struct slice kept(struct arena *arena, struct slice text)
{
  return text.data ? arena_copy(arena, text) : (struct slice){0};
}

static struct writing *writing_new(struct backend *backend, struct slice user,
                                   const struct account_change *change)
{
  struct writing *writing = memory_zalloc(sizeof *writing);
  struct arena *arena = &writing->arena;
  writing->backend = backend;
  writing->user = kept(arena, user);
  writing->change.name = kept(arena, change->name);
  writing->change.nickname = kept(arena, change->nickname);
  writing->change.bio = kept(arena, change->bio);
  writing->change.avatar = kept(arena, change->avatar);
  return writing;
}

static void writing_free(struct writing *writing)
{
  arena_free(&writing->arena);
  free(writing);
}

static void on_hashed(void *arg, enum err err, struct slice hash)
{
  struct writing *writing = arg;
  if (err == ERR_OK) writing->change.password = kept(&writing->arena, hash);
  writing->go_on(writing, err);
}

static void on_refused(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  struct writing *writing = arg;
  writing->go_on(writing, err);
}

static void begin_writing(struct writing *writing, const struct account_change *change)
{
  struct backend *backend = writing->backend;
  if (!change_fits(change))
    store_soon(backend->store, ERR_MALFORMED, on_refused, writing);
  else if (!change->password.data)
    writing->go_on(writing, ERR_OK);
  else if (!store_is_up(backend->store))
    store_refuse(backend->store, on_refused, writing); /* no hash that nobody can keep */
  else
    password_hash(backend->passwords, change->password, on_hashed, writing);
}

struct field {
  const char *name;
  struct slice value;
};

enum { FIELD_COUNT = 5 };

/* Those that are given, in front; returns how many. */
static unsigned fields_of(const struct account_change *change, struct field fields[FIELD_COUNT])
{
  const struct field all[FIELD_COUNT] = {{"name", change->name},
                                         {"nickname", change->nickname},
                                         {"bio", change->bio},
                                         {"avatar", change->avatar},
                                         {"password", change->password}};
  unsigned count = 0;
  for (size_t i = 0; i < FIELD_COUNT; i++)
    if (all[i].value.data) fields[count++] = all[i];
  return count;
}

static void store_fields(struct store *store, const struct field *fields, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    store_arg(store, slice_of(fields[i].name));
    store_arg(store, fields[i].value);
  }
}

/* ---- making ------------------------------------------------------------------------- */

static void made(struct writing *writing, enum err err, const struct account *account)
{
  struct backend *backend = writing->backend;
  /* Where it is not known what became of it, the number may be in use. */
  bool taken = err == ERR_CONFLICT || (err == ERR_OK && writing->claimed != account->num);
  if (writing->claimed && taken) directory_disclaim(backend, OWNER_USER, writing->claimed);
  if (err == ERR_OK)
    directory_keep(backend, &(struct entry){OWNER_USER, account->num, account->id, account->uuid,
                                            account->name});
  writing->made(writing->arg, err, account);
  writing_free(writing);
}

static void send_make(struct writing *writing, const char *uuid);

static void on_claimed(void *arg, enum err err, uint64_t num, const char *uuid)
{
  struct writing *writing = arg;
  if (err != ERR_OK) {
    made(writing, err, NULL);
    return;
  }
  writing->claimed = num;
  send_make(writing, uuid);
}

static void on_made(void *arg, enum err err, const struct redisReply *reply)
{
  struct writing *writing = arg;
  struct account account = {0};
  if (err == ERR_OK && !writing->claimed && slice_is(reply_slice(reply), "NOUSER")) {
    directory_claim(writing->backend, OWNER_USER, writing->user, true, on_claimed, writing);
    return;
  }
  if (err == ERR_OK) err = account_read(reply, writing->user, &account);
  made(writing, err, err == ERR_OK ? &account : NULL);
}

static void send_make(struct writing *writing, const char *uuid)
{
  struct store *store = writing->backend->store;
  struct field fields[FIELD_COUNT];
  unsigned count = fields_of(&writing->change, fields);
  store_begin(store, SCRIPT_account_make, 2, 4 + 2 * count);
  store_key(store, OWNER_USER, writing->user, ":profile");
  store_key(store, OWNER_USER, writing->user, ":sessions");
  store_number(store, writing->claim);
  store_number(store, writing->now_ms);
  if (uuid)
    store_number(store, writing->claimed);
  else
    store_arg(store, (struct slice){0});
  store_arg(store, slice_of(uuid));
  store_fields(store, fields, count);
  store_send(store, on_made, writing);
}

static void go_on_making(struct writing *writing, enum err err)
{
  if (err == ERR_OK)
    send_make(writing, NULL);
  else
    made(writing, err, NULL);
}

void account_make(struct backend *backend, const struct account_new *new, account_fn *done,
                  void *arg)
{
  char uuid[UUID_TEXT_BYTES + 1];
  if (!new->id.len) uuid_random(uuid);
  struct writing *writing =
      writing_new(backend, new->id.len ? new->id : slice_of(uuid), &new->change);
  writing->go_on = go_on_making;
  writing->made = done;
  writing->arg = arg;
  writing->claim = new->claim;
  writing->now_ms = new->now_ms;
  begin_writing(writing, &new->change);
}

/* ---- changing ----------------------------------------------------------------------- */

static void edited(void *arg, enum err err)
{
  struct writing *writing = arg;
  writing->edited(writing->arg, err);
  writing_free(writing);
}

static void on_edited(void *arg, enum err err)
{
  struct writing *writing = arg;
  if (err == ERR_OK) directory_forget(writing->backend, OWNER_USER, writing->user);
  if (err == ERR_OK && writing->event.len)
    all_tell(writing->backend, writing->event, edited, writing);
  else
    edited(writing, err);
}

static void go_on_editing(struct writing *writing, enum err err)
{
  struct store *store = writing->backend->store;
  struct field fields[FIELD_COUNT];
  if (err != ERR_OK) {
    edited(writing, err);
    return;
  }
  unsigned count = fields_of(&writing->change, fields);
  store_begin(store, SCRIPT_account_edit, 1, 2 * count);
  store_key(store, OWNER_USER, writing->user, ":profile");
  store_fields(store, fields, count);
  word_send(writing->backend, on_edited, writing);
}

void account_edit(struct backend *backend, struct slice user, const struct account_change *change,
                  struct slice event, err_fn *done, void *arg)
{
  struct writing *writing = writing_new(backend, user, change);
  writing->go_on = go_on_editing;
  writing->edited = done;
  writing->arg = arg;
  writing->event = kept(&writing->arena, event);
  begin_writing(writing, change);
}

/* ---- deleting ----------------------------------------------------------------------- */

struct deleting {
  struct backend *backend;
  err_fn *done;
  void *arg;
  size_t user_len;
  char user[];
};

static void on_deleted(void *arg, enum err err, const struct redisReply *reply)
{
  struct deleting *deleting = arg;
  struct store *store = deleting->backend->store;
  if (err == ERR_OK && reply->type != REDIS_REPLY_ARRAY) err = refusal_read(reply);
  for (size_t i = 0; err == ERR_OK && i < reply->elements; i++) {
    store_begin_command(store, "DEL", 1);
    store_key(store, OWNER_KEY, reply_slice(reply->element[i]), "");
    store_send(store, NULL, NULL);
  }
  struct slice user = {deleting->user, deleting->user_len};
  if (err == ERR_OK) directory_forget(deleting->backend, OWNER_USER, user);
  deleting->done(deleting->arg, err);
  free(deleting);
}

void account_delete(struct backend *backend, struct slice user, uint64_t now_ms, err_fn *done,
                    void *arg)
{
  struct store *store = backend->store;
  struct deleting *deleting = memory_alloc(sizeof *deleting + user.len);
  *deleting = (struct deleting){backend, done, arg, user.len};
  if (user.len) memcpy(deleting->user, user.data, user.len);
  store_begin(store, SCRIPT_account_delete, 5, 2);
  store_key(store, OWNER_USER, user, ":profile");
  store_key(store, OWNER_USER, user, ":keys");
  store_key(store, OWNER_USER, user, ":unread");
  store_key(store, OWNER_USER, user, ":unread:messages");
  store_key(store, OWNER_USER, user, ":unread:reactions");
  store_number(store, now_ms);
  store_key(store, OWNER_USER, user, "");
  store_send(store, on_deleted, deleting);
}

/* ---- passwords ---------------------------------------------------------------------- */

struct comparing {
  struct backend *backend;
  err_fn *done;
  void *arg;
  bool there; /* there is such a user */
  size_t password_len;
  char password[]; /* until the hash is there */
};

static void compared(void *arg, enum err err)
{
  struct comparing *comparing = arg;
  /* Only now: who asks for nobody's password waits as long as the others. */
  if (err == ERR_BAD_PASSWORD && !comparing->there) err = ERR_NO_SUCH_USER;
  comparing->done(comparing->arg, err);
  sodium_memzero(comparing->password, comparing->password_len);
  free(comparing);
}

/* num, password, deleted */
static void on_password(void *arg, enum err err, const struct redisReply *reply)
{
  struct comparing *comparing = arg;
  struct slice password = {comparing->password, comparing->password_len}, hash = {0};
  if (err == ERR_OK && (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3))
    err = ERR_INTERNAL;
  if (err != ERR_OK) {
    compared(comparing, err);
    return;
  }
  comparing->there = reply_slice(reply->element[0]).len && !reply_slice(reply->element[2]).len;
  if (comparing->there) hash = reply_slice(reply->element[1]);
  password_check(comparing->backend->passwords, password, hash, compared, comparing);
  sodium_memzero(comparing->password, comparing->password_len);
}

void account_check_password(struct backend *backend, struct slice user, struct slice password,
                            err_fn *done, void *arg)
{
  struct store *store = backend->store;
  struct comparing *comparing = memory_zalloc(sizeof *comparing + password.len);
  comparing->backend = backend;
  comparing->done = done;
  comparing->arg = arg;
  comparing->password_len = password.len;
  if (password.len) memcpy(comparing->password, password.data, password.len);
  store_begin_command(store, "HMGET", 4);
  store_key(store, OWNER_USER, user, ":profile");
  store_arg(store, SLICE("num"));
  store_arg(store, SLICE("password"));
  store_arg(store, SLICE("deleted"));
  store_send(store, on_password, comparing);
}
