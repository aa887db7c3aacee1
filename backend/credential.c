/* Credentials (account.h): issuing, checking, revoking, listing.
 *
 *   key    ──► its hash is its id ──► GET parley:key:{id} ──► whose ──┐
 *   token  ──► signature, sub, jti ───────────────────────────────────┴─► HGET the user's :keys
 *
 * The hash decides: what is elsewhere of a credential is of no use once it is not in there. */
#include "account.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/arena.h"
#include "base/memory.h"
#include "page.h"
#include "secret.h"
#include "store.h"
#include "token.h"

enum {
  CREDENTIALS_MAX = 100, /* of one user */
  KEY_RANDOM_BYTES = 24, /* which base64url writes as 32 characters */
  KEY_TEXT_BYTES = 32,
  ID_BYTES = 20,
  ID_TEXT_BYTES = 2 * ID_BYTES,
  MS_PER_SECOND = 1000,
};

static const char *const kind_names[] = {
    [CREDENTIAL_IS_KEY] = "key",
    [CREDENTIAL_IS_TOKEN] = "token",
};

static void write_id(const unsigned char bytes[ID_BYTES], char id[ID_TEXT_BYTES + 1])
{
  sodium_bin2hex(id, ID_TEXT_BYTES + 1, bytes, ID_BYTES);
}

/* What a key is known by: from it nobody gets to the key. */
static void write_key_id(struct slice key, char id[ID_TEXT_BYTES + 1])
{
  unsigned char hash[ID_BYTES];
  crypto_generichash(hash, sizeof hash, (const unsigned char *)key.data, key.len, NULL, 0);
  write_id(hash, id);
}

bool credential_is(struct slice key, struct slice id)
{
  char own[ID_TEXT_BYTES + 1];
  write_key_id(key, own);
  return slice_equal(id, slice_of(own));
}

static void write_random_id(char id[ID_TEXT_BYTES + 1])
{
  unsigned char bytes[ID_BYTES];
  randombytes_buf(bytes, sizeof bytes);
  write_id(bytes, id);
}

static void forget_key(struct store *store, struct slice id)
{
  store_begin_command(store, "DEL", 1);
  store_key(store, OWNER_KEY, id, "");
  store_send(store, NULL, NULL);
}

/* ---- records: "key 1700000000123 1702592000123" --------------------------------------- */

static bool read_kind(struct slice text, enum credential_kind *kind)
{
  for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++) {
    if (!slice_is(text, kind_names[i])) continue;
    *kind = (enum credential_kind)i;
    return true;
  }
  return false;
}

static bool read_record(struct slice text, struct credential_record *record)
{
  struct slice kind = slice_cut(&text, ' ');
  struct slice created = slice_cut(&text, ' ');
  return read_kind(kind, &record->kind) && number_read(created, &record->created_ms) &&
         number_read(text, &record->expires_ms);
}

static void store_record(struct store *store, const struct credential_record *record)
{
  struct text text = {0};
  text_append(&text, slice_of(kind_names[record->kind]));
  text_append_char(&text, ' ');
  text_append_number(&text, record->created_ms);
  text_append_char(&text, ' ');
  text_append_number(&text, record->expires_ms);
  store_arg(store, text_slice(&text));
  text_free(&text);
}

/* ---- issuing ------------------------------------------------------------------------ */

struct issuing {
  struct backend *backend;
  issued_fn *done;
  void *arg;
  struct credential_record record;
  enum err err; /* of what was sent before the last command */
  struct arena arena;
  struct slice user, credential;
  char key[KEY_TEXT_BYTES + 1], id[ID_TEXT_BYTES + 1];
};

static void issued(struct issuing *issuing, enum err err)
{
  struct issued issued = {.err = err};
  if (err == ERR_OK) {
    issued.credential = issuing->credential;
    issued.id = issuing->record.id;
    issued.expires_ms = issuing->record.expires_ms;
  }
  issuing->done(issuing->arg, &issued);
  arena_free(&issuing->arena);
  sodium_memzero(issuing, sizeof *issuing);
  free(issuing);
}

static void on_issued(void *arg, enum err err, const struct redisReply *reply)
{
  struct issuing *issuing = arg;
  struct store *store = issuing->backend->store;
  if (err == ERR_OK && reply->type != REDIS_REPLY_ARRAY) err = refusal_read(reply);
  for (size_t i = 0; err == ERR_OK && i < reply->elements; i++)
    forget_key(store, reply_slice(reply->element[i]));
  if (err == ERR_OK) err = issuing->err;
  if (err == ERR_NO_SUCH_USER) forget_key(store, issuing->record.id);
  issued(issuing, err);
}

static void send_issue(struct issuing *issuing)
{
  struct store *store = issuing->backend->store;
  const struct credential_record *record = &issuing->record;
  store_begin(store, SCRIPT_credential_issue, 2, 6);
  store_key(store, OWNER_USER, issuing->user, ":profile");
  store_key(store, OWNER_USER, issuing->user, ":keys");
  store_arg(store, record->id);
  store_record(store, record);
  store_number(store, record->expires_ms);
  store_number(store, record->created_ms);
  store_number(store, CREDENTIALS_MAX);
  store_key(store, OWNER_USER, issuing->user, "");
  store_send(store, on_issued, issuing);
}

static void on_key_kept(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  struct issuing *issuing = arg; /* on_issued, which comes behind, frees it */
  issuing->err = err;
}

/* Whose it is stands there before it is good, so that what is listed can be used. */
static void issue_key(struct issuing *issuing)
{
  struct store *store = issuing->backend->store;
  unsigned char bytes[KEY_RANDOM_BYTES];
  randombytes_buf(bytes, sizeof bytes);
  sodium_bin2base64(issuing->key, sizeof issuing->key, bytes, sizeof bytes,
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  sodium_memzero(bytes, sizeof bytes);
  issuing->credential = slice_of(issuing->key);
  write_key_id(issuing->credential, issuing->id);
  issuing->record.id = slice_of(issuing->id);
  store_begin_command(store, "SET", 4);
  store_key(store, OWNER_KEY, issuing->record.id, "");
  store_arg(store, issuing->user);
  store_arg(store, SLICE("PX"));
  store_number(store, issuing->record.expires_ms - issuing->record.created_ms);
  store_promise(store);
  store_send(store, on_key_kept, issuing);
  store_behind(store);
  send_issue(issuing);
}

static void on_issue_secret(void *arg, enum err err, struct slice secret)
{
  struct issuing *issuing = arg;
  struct token token = {issuing->user, issuing->record.id, issuing->record.created_ms,
                        issuing->record.expires_ms};
  if (err == ERR_OK) err = token_write(&issuing->arena, secret, &token, &issuing->credential);
  if (err == ERR_OK)
    send_issue(issuing);
  else
    issued(issuing, err);
}

void credential_issue(struct backend *backend, struct slice user, enum credential_kind kind,
                      uint64_t now_ms, issued_fn *done, void *arg)
{
  struct issuing *issuing = memory_zalloc(sizeof *issuing);
  uint64_t lifetime_ms = (uint64_t)backend->options.limits.credential_seconds * MS_PER_SECOND;
  issuing->backend = backend;
  issuing->done = done;
  issuing->arg = arg;
  issuing->record = (struct credential_record){
      .kind = kind, .created_ms = now_ms, .expires_ms = now_ms + lifetime_ms};
  issuing->user = arena_copy(&issuing->arena, user);
  if (kind == CREDENTIAL_IS_KEY) {
    issue_key(issuing);
    return;
  }
  write_random_id(issuing->id);
  issuing->record.id = slice_of(issuing->id);
  secret_ask(backend, on_issue_secret, issuing);
}

/* ---- checking ----------------------------------------------------------------------- */

struct checking {
  struct backend *backend;
  verified_fn *done;
  void *arg;
  uint64_t now_ms;
  enum credential_kind kind;
  struct arena arena;
  struct slice token, user, id;
};

static void checked(struct checking *checking, enum err err, uint64_t expires_ms)
{
  struct verified verified = {.err = err};
  if (err == ERR_OK) verified = (struct verified){ERR_OK, checking->user, checking->id, expires_ms};
  checking->done(checking->arg, &verified);
  arena_free(&checking->arena);
  free(checking);
}

static void on_refused(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  checked(arg, err, 0);
}

static void on_record(void *arg, enum err err, const struct redisReply *reply)
{
  struct checking *checking = arg;
  struct credential_record record = {0};
  if (err == ERR_OK && (!read_record(reply_slice(reply), &record) ||
                        record.kind != checking->kind || record.expires_ms <= checking->now_ms))
    err = ERR_UNAUTHORIZED;
  checked(checking, err, record.expires_ms);
}

static void check_record(struct checking *checking)
{
  struct store *store = checking->backend->store;
  store_begin_command(store, "HGET", 2);
  store_key(store, OWNER_USER, checking->user, ":keys");
  store_arg(store, checking->id);
  store_send(store, on_record, checking);
}

static void on_key_user(void *arg, enum err err, const struct redisReply *reply)
{
  struct checking *checking = arg;
  if (err == ERR_OK && !reply_slice(reply).len) err = ERR_UNAUTHORIZED;
  if (err != ERR_OK) {
    checked(checking, err, 0);
    return;
  }
  checking->user = arena_copy(&checking->arena, reply_slice(reply));
  check_record(checking);
}

static void check_key(struct checking *checking, struct slice key)
{
  struct store *store = checking->backend->store;
  char id[ID_TEXT_BYTES + 1];
  write_key_id(key, id);
  checking->id = arena_copy(&checking->arena, slice_of(id));
  store_begin_command(store, "GET", 1);
  store_key(store, OWNER_KEY, checking->id, "");
  store_send(store, on_key_user, checking);
}

static enum err read_token(struct checking *checking, struct slice secret)
{
  struct token token;
  enum err err = token_read(&checking->arena, secret, checking->token, checking->now_ms, &token);
  checking->user = token.user;
  checking->id = token.id;
  return err;
}

static void on_check_secret(void *arg, enum err err, struct slice secret)
{
  struct checking *checking = arg;
  if (err == ERR_OK) err = read_token(checking, secret);
  if (err == ERR_OK)
    check_record(checking);
  else
    checked(checking, err, 0);
}

/* What the secret that this node knows does not fit may have been signed since Redis was
 * emptied, with another. */
static void check_token(struct checking *checking, struct slice token)
{
  struct slice secret = secret_known(checking->backend), also = secret_also(checking->backend);
  checking->token = arena_copy(&checking->arena, token);
  if ((secret.len && read_token(checking, secret) == ERR_OK) ||
      (also.len && read_token(checking, also) == ERR_OK))
    check_record(checking);
  else
    secret_ask(checking->backend, on_check_secret, checking);
}

static bool key_has_form(struct slice text)
{
  static const char characters[] =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
  if (text.len != KEY_TEXT_BYTES) return false;
  for (size_t i = 0; i < text.len; i++)
    if (!memchr(characters, text.data[i], sizeof characters - 1)) return false;
  return true;
}

void credential_check(struct backend *backend, struct slice credential, uint64_t now_ms,
                      verified_fn *done, void *arg)
{
  struct checking *checking = memory_zalloc(sizeof *checking);
  checking->backend = backend;
  checking->done = done;
  checking->arg = arg;
  checking->now_ms = now_ms;
  if (key_has_form(credential)) {
    checking->kind = CREDENTIAL_IS_KEY;
    check_key(checking, credential);
  } else if (token_has_form(credential)) {
    checking->kind = CREDENTIAL_IS_TOKEN;
    check_token(checking, credential);
  } else {
    store_soon(backend->store, ERR_UNAUTHORIZED, on_refused, checking);
  }
}

/* ---- revoking ----------------------------------------------------------------------- */

struct revoking {
  struct backend *backend;
  err_fn *done;
  void *arg;
  size_t id_len;
  char id[];
};

static void on_revoked(void *arg, enum err err)
{
  struct revoking *revoking = arg;
  if (err == ERR_OK)
    forget_key(revoking->backend->store, (struct slice){revoking->id, revoking->id_len});
  revoking->done(revoking->arg, err);
  free(revoking);
}

void credential_revoke(struct backend *backend, struct slice user, struct slice id, uint64_t now_ms,
                       err_fn *done, void *arg)
{
  struct store *store = backend->store;
  struct revoking *revoking = memory_alloc(sizeof *revoking + id.len);
  *revoking = (struct revoking){backend, done, arg, id.len};
  if (id.len) memcpy(revoking->id, id.data, id.len);
  store_begin(store, SCRIPT_credential_revoke, 1, 3);
  store_key(store, OWNER_USER, user, ":keys");
  store_arg(store, id);
  store_number(store, now_ms);
  store_key(store, OWNER_USER, user, "");
  word_send(backend, on_revoked, revoking);
}

/* ---- listing ------------------------------------------------------------------------ */

struct listing {
  credentials_fn *done;
  void *arg;
  uint64_t now_ms;
};

static int by_age(const void *a, const void *b)
{
  const struct credential_record *one = a, *other = b;
  if (one->created_ms != other->created_ms) return one->created_ms < other->created_ms ? -1 : 1;
  return slice_compare(one->id, other->id);
}

static void on_list(void *arg, enum err err, const struct redisReply *reply)
{
  struct listing listing = *(struct listing *)arg;
  struct credential_record *records = NULL;
  size_t count = 0;
  free(arg);
  if (err == ERR_OK && reply->type != REDIS_REPLY_ARRAY) err = ERR_INTERNAL;
  if (err == ERR_OK) records = memory_alloc((reply->elements / 2 + 1) * sizeof *records);
  for (size_t i = 0; err == ERR_OK && i + 1 < reply->elements; i += 2) {
    struct credential_record *record = &records[count];
    record->id = reply_slice(reply->element[i]);
    if (read_record(reply_slice(reply->element[i + 1]), record) &&
        record->expires_ms > listing.now_ms)
      count++;
  }
  if (count) qsort(records, count, sizeof *records, by_age);
  listing.done(listing.arg, err, records, count);
  free(records);
}

void credential_list(struct backend *backend, struct slice user, uint64_t now_ms,
                     credentials_fn *done, void *arg)
{
  struct listing *listing = memory_alloc(sizeof *listing);
  *listing = (struct listing){done, arg, now_ms};
  store_begin_command(backend->store, "HGETALL", 1);
  store_key(backend->store, OWNER_USER, user, ":keys");
  store_send(backend->store, on_list, listing);
}
