/* Calls of scripts: how they are written, what their answers say, which shard they go to. */
#include "store.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "call.h"
#include "clock.h"
#include "resp.h"
#include "shard.h"
#include "topology.h"

enum {
  SHA1_HEX_BYTES = 40,
  LOG_EVERY_MS = 1000,
};

/* The scripts' texts: generated from scripts/ by embed_scripts.cmake. */
static const char *const script_texts[SCRIPT_COUNT] = {
#define X(name, text) [SCRIPT_##name] = text,
#include "scripts.def"
#undef X
};

/* Those that store a message, which replicas may have to have (options.wait). */
static const bool stores_message[SCRIPT_COUNT] = {
    [SCRIPT_inbox_push] = true,
    [SCRIPT_room_send] = true,
    [SCRIPT_dialog_append] = true,
};

struct store {
  struct store_options options;
  struct shard *shard;
  struct topology_watcher watcher;
  struct text command; /* what store_begin and its fellows write */
  bool is_script, is_stored;
  unsigned errors; /* not logged yet */
  uint64_t logged_ms;
  struct script_text scripts[SCRIPT_COUNT];
};

/* ---- answers ------------------------------------------------------------------------ */

static bool begins(const redisReply *reply, const char *word)
{
  return strncmp(reply->str, word, strlen(word)) == 0;
}

/* Errors of Redis' state rather than of the call's (redis.io, server/error codes). */
static bool passes(const redisReply *reply)
{
  static const char *const words[] = {
      "LOADING",    "OOM",         "BUSY",     "MISCONF",  "READONLY",   "MASTERDOWN",
      "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "NOSCRIPT", "UNKILLABLE",
  };
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (begins(reply, words[i])) return true;
  return false;
}

/* What an error says, without the arguments that some errors repeat. */
static struct slice said(const redisReply *reply)
{
  const char *arguments = strstr(reply->str, ", with args");
  return (struct slice){reply->str, arguments ? (size_t)(arguments - reply->str) : reply->len};
}

/* At most one line a second: where Redis refuses one command it refuses thousands. */
static void log_error(struct store *store, const redisReply *reply)
{
  uint64_t now_ms = clock_now_ms();
  store->errors++;
  if (now_ms - store->logged_ms < LOG_EVERY_MS) return;
  log_event(LOG_ERROR, "redis_error", LOG_T("reply", said(reply)), LOG_N("errors", store->errors));
  store->errors = 0;
  store->logged_ms = now_ms;
}

static enum err error_of(struct store *store, const redisReply *reply)
{
  if (reply->type != REDIS_REPLY_ERROR) return ERR_OK;
  log_error(store, reply);
  return passes(reply) ? ERR_UNAVAILABLE : ERR_INTERNAL;
}

void call_answer(struct call *call, enum err err, const redisReply *reply)
{
  store_fn *done = call->done;
  void *arg = call->arg;
  if (err == ERR_OK) err = error_of(call->store, reply);
  if (!call->taken) free(call);
  if (done) done(arg, err, err == ERR_OK ? reply : NULL);
}

/* ---- scripts ------------------------------------------------------------------------ */

static void write_hash(struct script_text *script)
{
  static const char digits[] = "0123456789abcdef";
  unsigned char hash[EVP_MAX_MD_SIZE];
  int hashed = EVP_Digest(script->text.data, script->text.len, hash, NULL, EVP_sha1(), NULL);
  assert(hashed == 1);
  (void)hashed;
  for (size_t at = 0; at < SHA1_HEX_BYTES; at++)
    script->hash[at] = digits[at % 2 ? hash[at / 2] & 15 : hash[at / 2] >> 4];
}

static void read_scripts(struct store *store)
{
  for (size_t i = 0; i < SCRIPT_COUNT; i++) {
    assert(script_texts[i]); /* a row of STORE_SCRIPTS has its file */
    store->scripts[i].text = slice_of(script_texts[i]);
    write_hash(&store->scripts[i]);
  }
}

static void on_up(void *arg)
{
  struct store *store = arg;
  store->options.up(store->options.arg);
}

static void on_down(void *arg)
{
  struct store *store = arg;
  store->options.down(store->options.arg);
}

/* ---- calls -------------------------------------------------------------------------- */

void store_begin(struct store *store, enum script script, unsigned keys, unsigned arguments)
{
  text_reset(&store->command);
  store->is_script = true;
  store->is_stored = stores_message[script];
  resp_begin(&store->command, 3 + keys + arguments);
  resp_arg(&store->command, SLICE("EVALSHA"));
  resp_arg(&store->command, (struct slice){store->scripts[script].hash, SHA1_HEX_BYTES});
  resp_number(&store->command, keys);
}

void store_begin_command(struct store *store, const char *name, unsigned arguments)
{
  text_reset(&store->command);
  store->is_script = false;
  store->is_stored = false;
  resp_begin(&store->command, 1 + arguments);
  resp_arg(&store->command, slice_of(name));
}

void store_key_with(struct store *store, enum owner_kind kind, struct slice id, const char *suffix,
                    struct slice end)
{
  resp_size(&store->command, key_length(store->options.prefix, kind, id, suffix) + end.len);
  key_write(&store->command, store->options.prefix, kind, id, suffix);
  text_append(&store->command, end);
  resp_end_line(&store->command);
}

void store_key(struct store *store, enum owner_kind kind, struct slice id, const char *suffix)
{
  store_key_with(store, kind, id, suffix, (struct slice){0});
}

void store_name(struct store *store, const char *suffix)
{
  struct slice prefix = slice_of(store->options.prefix);
  resp_size(&store->command, prefix.len + strlen(suffix));
  text_append(&store->command, prefix);
  text_append(&store->command, slice_of(suffix));
  resp_end_line(&store->command);
}

void store_arg(struct store *store, struct slice argument)
{
  resp_arg(&store->command, argument);
}

void store_number(struct store *store, uint64_t number)
{
  resp_number(&store->command, number);
}

/* `like`: whose kind it is. */
static struct call *call_new(const struct call *like, struct slice command)
{
  struct call *call = memory_alloc(sizeof *call + command.len + 1);
  *call = *like;
  call->len = command.len;
  memcpy(call->command, command.data, command.len);
  call->command[command.len] = '\0';
  return call;
}

static struct call *written(struct store *store, bool taken)
{
  const struct call like = {
      .store = store,
      .is_script = store->is_script,
      .is_stored = store->is_stored,
      .taken = taken,
  };
  return call_new(&like, text_slice(&store->command));
}

static void dispatch(struct call *call, store_fn *done, void *arg)
{
  call->done = done;
  call->arg = arg;
  call->tries = 0;
  shard_send(call->store->shard, call);
}

void store_send(struct store *store, store_fn *done, void *arg)
{
  dispatch(written(store, false), done, arg);
}

void store_refuse(struct store *store, store_fn *done, void *arg)
{
  link_refuse(shard_link(store->shard), done, arg);
}

void store_soon(struct store *store, enum err err, store_fn *done, void *arg)
{
  link_soon(shard_link(store->shard), err, done, arg);
}

struct call *store_take(struct store *store)
{
  return written(store, true);
}

void call_send(struct call *call, store_fn *done, void *arg)
{
  dispatch(call, done, arg);
}

/* The bulk string that begins at `at`; `at` moves behind it. */
static struct slice next_bulk(const struct call *call, size_t *at)
{
  const char *text = call->command + *at;
  char *digits_end;
  size_t size = strtoul(text + 1, &digits_end, 10);
  struct slice bulk = {digits_end + 2, size};
  *at = (size_t)(bulk.data + size + 2 - call->command);
  return bulk;
}

struct slice call_key(const struct call *call)
{
  assert(call->is_script);
  size_t at = (size_t)(strchr(call->command, '\n') + 1 - call->command);
  next_bulk(call, &at); /* EVALSHA */
  next_bulk(call, &at); /* its hash */
  next_bulk(call, &at); /* the number of keys */
  return next_bulk(call, &at);
}

struct call *call_with_last(struct call *call, uint64_t last)
{
  size_t at = (size_t)(strchr(call->command, '\n') + 1 - call->command);
  size_t last_at = at;
  while (at < call->len) {
    last_at = at;
    next_bulk(call, &at);
  }
  struct text command = {0};
  text_append(&command, (struct slice){call->command, last_at});
  resp_number(&command, last);
  struct call *changed = call_new(call, text_slice(&command));
  text_free(&command);
  free(call);
  return changed;
}

void call_free(struct call *call)
{
  free(call);
}

/* ---- life --------------------------------------------------------------------------- */

static void on_topology(void *arg)
{
  struct store *store = arg;
  shard_follow(store->shard);
}

struct store *store_new(const struct store_options *options)
{
  struct store *store = memory_zalloc(sizeof *store);
  store->options = *options;
  read_scripts(store);
  store->shard = shard_new(&(struct shard_options){
      .store = &store->options,
      .scripts = store->scripts,
      .master = topology_master(options->topology),
      .up = on_up,
      .down = on_down,
      .arg = store,
  });
  store->watcher = (struct topology_watcher){.changed = on_topology, .arg = store};
  topology_watch(options->topology, &store->watcher);
  return store;
}

void store_free(struct store *store)
{
  shard_free(store->shard);
  text_free(&store->command);
  free(store);
}

struct link_counts store_link_counts(const struct store *store)
{
  return link_counts(shard_link(store->shard));
}

bool store_is_up(const struct store *store)
{
  return link_is_up(shard_link(store->shard));
}

void store_restart(struct store *store, const char *reason)
{
  link_restart(shard_link(store->shard), reason);
}
