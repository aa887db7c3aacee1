/* Calls of scripts, in order, over one link. */
#include "store.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "clock.h"
#include "link.h"
#include "resp.h"

enum {
  SHA1_HEX_BYTES = 40,
  LOG_EVERY_MS = 1000,
  TRIES_MAX = 3, /* how often a call is sent again after a NOSCRIPT */
};

/* The scripts' texts: generated from scripts/ by embed_scripts.cmake. */
static const char *const script_texts[SCRIPT_COUNT] = {
#define X(name, text) [SCRIPT_##name] = text,
#include "scripts.def"
#undef X
};

/* A call lives until it was answered, and longer where it was taken by store_take. */
struct call {
  struct call *next; /* in one of the store's queues */
  struct store *store;
  store_fn *done;
  void *arg;
  unsigned tries;
  bool is_script, taken;
  size_t len;
  char command[]; /* RESP, with a NUL byte behind it */
};

struct queue {
  struct call *first, **last;
};

struct store {
  struct store_options options;
  struct link *link;
  struct text command; /* what store_begin and its fellows write */
  bool is_script;
  /* While the scripts are being loaded again: those calls that Redis did not know
   * the script of, and those that were made since; the former are the older ones. */
  bool reloading;
  struct queue unknown, waiting;
  unsigned errors; /* not logged yet */
  uint64_t logged_ms;
  char hashes[SCRIPT_COUNT][SHA1_HEX_BYTES + 1];
};

static void queue_reset(struct queue *queue)
{
  *queue = (struct queue){.last = &queue->first};
}

static void queue_push(struct queue *queue, struct call *call)
{
  call->next = NULL;
  *queue->last = call;
  queue->last = &call->next;
}

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

static void answer(struct call *call, enum err err, const redisReply *reply)
{
  store_fn *done = call->done;
  void *arg = call->arg;
  if (err == ERR_OK) err = error_of(call->store, reply);
  if (!call->taken) free(call);
  if (done) done(arg, err, err == ERR_OK ? reply : NULL);
}

static void reload(struct store *store);

static void on_reply(void *arg, enum err err, const redisReply *reply)
{
  struct call *call = arg;
  if (err == ERR_OK && reply->type == REDIS_REPLY_ERROR && begins(reply, "NOSCRIPT") &&
      call->tries++ < TRIES_MAX) {
    queue_push(&call->store->unknown, call);
    reload(call->store);
    return;
  }
  answer(call, err, reply);
}

/* ---- scripts ------------------------------------------------------------------------ */

static void write_load(struct text *out, enum script script)
{
  text_reset(out);
  resp_begin(out, 3);
  resp_arg(out, SLICE("SCRIPT"));
  resp_arg(out, SLICE("LOAD"));
  resp_arg(out, slice_of(script_texts[script]));
  resp_finish(out);
}

static void hash_scripts(struct store *store)
{
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < SCRIPT_COUNT; i++) {
    unsigned char hash[EVP_MAX_MD_SIZE];
    const char *text = script_texts[i];
    assert(text); /* a row of STORE_SCRIPTS has its file */
    int hashed = EVP_Digest(text, strlen(text), hash, NULL, EVP_sha1(), NULL);
    assert(hashed == 1);
    (void)hashed;
    for (size_t at = 0; at < SHA1_HEX_BYTES; at++)
      store->hashes[i][at] = digits[at % 2 ? hash[at / 2] & 15 : hash[at / 2] >> 4];
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

static void on_greet(void *arg)
{
  struct store *store = arg;
  struct text command = {0};
  for (size_t i = 0; i < SCRIPT_COUNT; i++) {
    write_load(&command, (enum script)i);
    link_greet(store->link, command.data, command.len);
  }
  text_free(&command);
}

static void transmit(struct call *call)
{
  link_command(call->store->link, call->command, call->len, on_reply, call);
}

static void send_all(struct call *calls)
{
  while (calls) {
    struct call *call = calls;
    calls = call->next;
    transmit(call);
  }
}

static void on_loaded(void *arg, enum err err, const redisReply *reply)
{
  (void)err;
  (void)reply;
  struct store *store = arg;
  struct call *unknown = store->unknown.first;
  struct call *waiting = store->waiting.first;
  queue_reset(&store->unknown);
  queue_reset(&store->waiting);
  store->reloading = false;
  /* Where the link went down meanwhile it refuses them, one by one. */
  send_all(unknown);
  send_all(waiting);
}

static void reload(struct store *store)
{
  if (store->reloading) return;
  store->reloading = true;
  log_event(LOG_WARNING, "redis_scripts_reloaded", LOG_S("node", store->options.node));
  struct text command = {0};
  for (size_t i = 0; i < SCRIPT_COUNT; i++) {
    write_load(&command, (enum script)i);
    bool last = i + 1 == SCRIPT_COUNT;
    link_command(store->link, command.data, command.len, last ? on_loaded : NULL, store);
  }
  text_free(&command);
}

/* ---- calls -------------------------------------------------------------------------- */

void store_begin(struct store *store, enum script script, unsigned keys, unsigned arguments)
{
  text_reset(&store->command);
  store->is_script = true;
  resp_begin(&store->command, 3 + keys + arguments);
  resp_arg(&store->command, SLICE("EVALSHA"));
  resp_arg(&store->command, (struct slice){store->hashes[script], SHA1_HEX_BYTES});
  resp_number(&store->command, keys);
}

void store_begin_command(struct store *store, const char *name, unsigned arguments)
{
  text_reset(&store->command);
  store->is_script = false;
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

static struct call *call_new(struct store *store, struct slice command, bool is_script)
{
  struct call *call = memory_alloc(sizeof *call + command.len + 1);
  *call = (struct call){.store = store, .is_script = is_script, .len = command.len};
  memcpy(call->command, command.data, command.len);
  call->command[command.len] = '\0';
  return call;
}

static void dispatch(struct call *call, store_fn *done, void *arg)
{
  struct store *store = call->store;
  call->done = done;
  call->arg = arg;
  call->tries = 0;
  if (store->reloading && call->is_script)
    queue_push(&store->waiting, call);
  else
    transmit(call);
}

void store_send(struct store *store, store_fn *done, void *arg)
{
  dispatch(call_new(store, text_slice(&store->command), store->is_script), done, arg);
}

void store_refuse(struct store *store, store_fn *done, void *arg)
{
  link_refuse(store->link, done, arg);
}

void store_soon(struct store *store, enum err err, store_fn *done, void *arg)
{
  link_soon(store->link, err, done, arg);
}

struct call *store_take(struct store *store)
{
  struct call *call = call_new(store, text_slice(&store->command), store->is_script);
  call->taken = true;
  return call;
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
  struct call *changed = call_new(call->store, text_slice(&command), call->is_script);
  changed->taken = call->taken;
  text_free(&command);
  free(call);
  return changed;
}

void call_free(struct call *call)
{
  free(call);
}

/* ---- life --------------------------------------------------------------------------- */

struct store *store_new(const struct store_options *options)
{
  struct store *store = memory_zalloc(sizeof *store);
  store->options = *options;
  queue_reset(&store->unknown);
  queue_reset(&store->waiting);
  hash_scripts(store);
  struct text name = {0};
  text_append_format(&name, "%s%s:commands", options->prefix, options->node);
  resp_finish(&name);
  store->link = link_new(&(struct link_options){
      .base = options->base,
      .url = options->url,
      .tls = options->tls,
      .name = name.data,
      .timeout_ms = options->timeout_ms,
      .greet = on_greet,
      .up = on_up,
      .down = on_down,
      .arg = store,
  });
  text_free(&name);
  return store;
}

void store_free(struct store *store)
{
  link_free(store->link);
  text_free(&store->command);
  free(store);
}

struct link_counts store_link_counts(const struct store *store)
{
  return link_counts(store->link);
}

bool store_is_up(const struct store *store)
{
  return link_is_up(store->link);
}

void store_restart(struct store *store, const char *reason)
{
  link_restart(store->link, reason);
}
