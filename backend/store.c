/* Calls of scripts: how they are written, what their answers say, which shard they go to. */
#include "store.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "call.h"
#include "clock.h"
#include "detours.h"
#include "epoch.h"
#include "resp.h"
#include "script_text.h"
#include "shard.h"
#include "soon.h"
#include "topology.h"

enum { LOG_EVERY_MS = 1000 };

/* Those whose outcome somebody is promised: replicas may have to have it first (options.wait).
 * Presence is none of them, which heals by itself; nor is a proof of receipt, which is about
 * what was shown and would be shown again. */
static const bool is_promised[SCRIPT_COUNT] = {
    [SCRIPT_account_delete] = true,    [SCRIPT_account_edit] = true,
    [SCRIPT_account_make] = true,      [SCRIPT_credential_issue] = true,
    [SCRIPT_credential_revoke] = true, [SCRIPT_dialog_append] = true,
    [SCRIPT_inbox_push] = true,        [SCRIPT_inbox_read] = true,
    [SCRIPT_message_delete] = true,    [SCRIPT_message_edit] = true,
    [SCRIPT_message_react] = true,     [SCRIPT_read_cursor_set] = true,
    [SCRIPT_room_delete] = true,       [SCRIPT_room_edit] = true,
    [SCRIPT_room_gone] = true,         [SCRIPT_room_make] = true,
    [SCRIPT_room_role] = true,         [SCRIPT_room_send] = true,
    [SCRIPT_user_room] = true,
};

struct store {
  struct store_options options;
  struct shard **shards; /* by their masters' places; NULL: nobody is there */
  size_t count;
  struct detours *detours; /* NULL: no cluster */
  struct soon *soon;
  struct topology_watcher watcher;
  bool told_up;
  struct link_counts gone; /* of shards that are no more */
  struct text command;     /* what store_begin and its fellows write */
  bool is_script, is_kept;
  size_t epoch_at;     /* in `command`; 0: it has none */
  bool behind;         /* the next call is to be behind `leader` */
  struct call *leader; /* the last one, where it is not answered yet; in a cluster */
  bool has_slot;       /* `slot`: of the first key that was written; in a cluster */
  unsigned slot;
  bool ending;     /* what is asked for by those who are refused now is refused, too */
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
      "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "NOSCRIPT", "UNKILLABLE", "LATE",
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

static void tell(struct call *call, enum err err, const redisReply *reply)
{
  struct store *store = call->store;
  struct call *follower = call->follower;
  if (store->leader == call) store->leader = NULL;
  if (call->leader) call->leader->follower = NULL; /* it was given up before */
  store_fn *done = call->done;
  void *arg = call->arg;
  if (err == ERR_OK) err = error_of(call->store, reply);
  if (!call->taken) free(call);
  if (done) done(arg, err, err == ERR_OK ? reply : NULL);
  if (follower) detours_go_on(store->detours, follower);
}

void call_answer(struct call *call, enum err err, const redisReply *reply)
{
  if (call->store->detours)
    detours_answered(call->store->detours, call, err, reply);
  else
    tell(call, err, reply);
}

/* ---- calls -------------------------------------------------------------------------- */

void store_begin(struct store *store, enum script script, unsigned keys, unsigned arguments)
{
  text_reset(&store->command);
  store->has_slot = false;
  store->epoch_at = 0;
  store->is_script = true;
  store->is_kept = is_promised[script];
  resp_begin(&store->command, 3 + keys + arguments);
  resp_arg(&store->command, SLICE("EVALSHA"));
  resp_arg(&store->command, (struct slice){store->scripts[script].hash, SHA1_HEX_BYTES});
  resp_number(&store->command, keys);
}

void store_begin_command(struct store *store, const char *name, unsigned arguments)
{
  text_reset(&store->command);
  store->has_slot = false;
  store->epoch_at = 0;
  store->is_script = false;
  store->is_kept = false;
  resp_begin(&store->command, 1 + arguments);
  resp_arg(&store->command, slice_of(name));
}

/* In a cluster a call goes where its first key is; all others are there too. */
static void note_slot(struct store *store, struct slice key)
{
  if (!store->detours || store->has_slot) return;
  store->has_slot = true;
  store->slot = key_slot(key);
}

void store_begin_publish(struct store *store, struct slice channel, struct slice payload)
{
  store_begin_command(store, store->detours ? "SPUBLISH" : "PUBLISH", 2);
  note_slot(store, channel);
  store_arg(store, channel);
  store_arg(store, payload);
}

void store_key_with(struct store *store, enum owner_kind kind, struct slice id, const char *suffix,
                    struct slice end)
{
  resp_size(&store->command, key_length(store->options.prefix, kind, id, suffix) + end.len);
  size_t at = store->command.len;
  key_write(&store->command, store->options.prefix, kind, id, suffix);
  note_slot(store, slice_skip(text_slice(&store->command), at));
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
  size_t at = store->command.len;
  text_append(&store->command, prefix);
  text_append(&store->command, slice_of(suffix));
  note_slot(store, slice_skip(text_slice(&store->command), at));
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

void store_epoch(struct store *store)
{
  resp_size(&store->command, EPOCH_DIGITS);
  store->epoch_at = store->command.len;
  text_append(&store->command, SLICE(EPOCH_NONE));
  resp_end_line(&store->command);
}

void store_promise(struct store *store)
{
  if (store->detours) store->is_kept = true;
}

/* parley:blocks and parley:epoch:{parley:blocks}: one slot. */
void store_begin_counter(struct store *store, const char *name, unsigned count, unsigned forgotten)
{
  const char *prefix = store->options.prefix;
  struct text key = {0};
  store_begin(store, SCRIPT_counter_next, 2, 3);
  store_name(store, name);
  text_append_format(&key, "%sepoch:{%s%s}", prefix, prefix, name);
  store_arg(store, text_slice(&key));
  text_free(&key);
  store_number(store, forgotten);
  store_number(store, count);
  store_epoch(store);
}

static struct call *written(struct store *store, bool taken)
{
  assert(store->has_slot || !store->detours); /* every call has a key */
  const struct call like = {
      .store = store,
      .is_script = store->is_script,
      .is_kept = store->is_kept,
      .epoch_at = store->epoch_at,
      .taken = taken,
      .slot = store->slot,
  };
  return call_new(&like, text_slice(&store->command));
}

static void transmit(struct call *call);

static void send_in_cluster(struct store *store, struct call *call)
{
  struct call *leader = store->behind ? store->leader : NULL;
  store->behind = false;
  store->leader = call->taken ? NULL : call;
  if (leader)
    detours_send_behind(store->detours, call, leader);
  else
    detours_send(store->detours, call);
}

void store_behind(struct store *store)
{
  store->behind = true;
}

static void on_refused(void *arg, enum err err, const redisReply *reply)
{
  call_answer(arg, err, reply);
}

static void dispatch(struct call *call, store_fn *done, void *arg)
{
  call->done = done;
  call->arg = arg;
  call->tries = 0;
  call->leader = call->follower = NULL;
  if (call->store->ending)
    soon_tell(call->store->soon, ERR_UNAVAILABLE, on_refused, call);
  else if (call->store->detours)
    send_in_cluster(call->store, call);
  else
    transmit(call);
}

void store_send(struct store *store, store_fn *done, void *arg)
{
  dispatch(written(store, false), done, arg);
}

void store_refuse(struct store *store, store_fn *done, void *arg)
{
  soon_tell(store->soon, ERR_UNAVAILABLE, done, arg);
}

void store_soon(struct store *store, enum err err, store_fn *done, void *arg)
{
  soon_tell(store->soon, err, done, arg);
}

struct call *store_take(struct store *store)
{
  return written(store, true);
}

void call_send(struct call *call, store_fn *done, void *arg)
{
  dispatch(call, done, arg);
}

/* ---- shards ------------------------------------------------------------------------- */

static struct shard *shard_at(const struct store *store, size_t place)
{
  return place < store->count ? store->shards[place] : NULL;
}

static bool can_transmit(struct call *call)
{
  struct shard *shard = shard_at(call->store, call->place);
  return shard && link_is_up(shard_link(shard));
}

static void transmit(struct call *call)
{
  struct shard *shard = shard_at(call->store, call->place);
  if (shard)
    shard_send(shard, call);
  else
    soon_tell(call->store->soon, ERR_UNAVAILABLE, on_refused, call);
}

/* Once for all: whoever is told begins anew. */
static void note_ups(struct store *store)
{
  bool up = store_is_whole(store);
  if (up == store->told_up) return;
  store->told_up = up;
  if (up)
    store->options.up(store->options.arg);
  else
    store->options.down(store->options.arg);
}

static void on_up(void *arg)
{
  note_ups(arg);
}

static void on_down(void *arg)
{
  struct store *store = arg;
  topology_doubt(store->options.topology);
  note_ups(store);
}

static void close_shard(struct store *store, size_t place)
{
  struct shard *shard = store->shards[place];
  if (!shard) return;
  struct link_counts counts = link_counts(shard_link(shard));
  store->gone.commands += counts.commands;
  store->gone.failures += counts.failures;
  store->gone.ups += counts.ups;
  store->shards[place] = NULL;
  shard_free(shard);
}

static void follow(struct store *store, size_t place)
{
  const struct topology_master *master = topology_master(store->options.topology, place);
  struct shard *shard = store->shards[place];
  if (!master) {
    close_shard(store, place);
  } else if (shard) {
    shard_follow(shard);
  } else {
    store->shards[place] = shard_new(&(struct shard_options){
        .store = &store->options,
        .scripts = store->scripts,
        .master = master,
        .place = place,
        .up = on_up,
        .down = on_down,
        .arg = store,
    });
  }
}

static void on_topology(void *arg)
{
  struct store *store = arg;
  size_t count = topology_count(store->options.topology);
  if (count > store->count) {
    store->shards = memory_resize(store->shards, count * sizeof *store->shards);
    while (store->count < count) store->shards[store->count++] = NULL;
  }
  for (size_t i = 0; i < store->count; i++) follow(store, i);
  note_ups(store);
}

/* ---- life --------------------------------------------------------------------------- */

static bool is_well(void *arg)
{
  return store_is_whole(arg);
}

struct store *store_new(const struct store_options *options)
{
  struct store *store = memory_zalloc(sizeof *store);
  store->options = *options;
  store->soon = soon_new(options->base);
  if (topology_is_cluster(options->topology))
    store->detours = detours_new(&(struct detours_options){
        .base = options->base,
        .topology = options->topology,
        .timeout_ms = options->timeout_ms,
        .transmit = transmit,
        .can_transmit = can_transmit,
        .answer = tell,
    });
  script_texts_read(store->scripts, store->detours);
  store->watcher = (struct topology_watcher){on_topology, is_well, store, NULL};
  topology_watch(options->topology, &store->watcher);
  on_topology(store);
  return store;
}

void store_free(struct store *store)
{
  store->ending = true;
  if (store->detours) detours_end(store->detours);
  for (size_t i = 0; i < store->count; i++) close_shard(store, i);
  if (store->detours) detours_free(store->detours);
  store->detours = NULL;
  soon_free(store->soon); /* last: who is refused may ask for something else, and is refused here */
  script_texts_free(store->scripts);
  free(store->shards);
  text_free(&store->command);
  free(store);
}

struct link_counts store_link_counts(const struct store *store)
{
  struct link_counts all = store->gone;
  for (size_t i = 0; i < store->count; i++) {
    if (!store->shards[i]) continue;
    struct link_counts counts = link_counts(shard_link(store->shards[i]));
    all.commands += counts.commands;
    all.failures += counts.failures;
    all.ups += counts.ups;
  }
  return all;
}

static size_t count_ups(const struct store *store, size_t *shards)
{
  size_t ups = 0;
  *shards = 0;
  for (size_t i = 0; i < store->count; i++) {
    if (!store->shards[i]) continue;
    ++*shards;
    ups += link_is_up(shard_link(store->shards[i]));
  }
  return ups;
}

bool store_is_up(const struct store *store)
{
  size_t shards;
  return count_ups(store, &shards) > 0;
}

bool store_is_whole(const struct store *store)
{
  size_t shards, ups = count_ups(store, &shards);
  return shards && ups == shards && !topology_trouble(store->options.topology);
}

bool store_is_cluster(const struct store *store)
{
  return store->detours != NULL;
}

void store_restart(struct store *store, const char *reason)
{
  for (size_t i = 0; i < store->count; i++)
    if (store->shards[i]) link_restart(shard_link(store->shards[i]), reason);
}
