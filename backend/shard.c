/* See shard.h. */
#include "shard.h"

#include <assert.h>
#include <ctype.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "call.h"
#include "epoch.h"
#include "page.h"
#include "reply.h"
#include "resp.h"
#include "script_text.h"
#include "topology.h"

enum {
  TRIES_MAX = 3, /* how often a call is sent again after a NOSCRIPT */
  WAIT_SHARE = 4 /* so much of the timeout may be spent on waiting for replicas */
};

struct shard {
  struct shard_options options;
  struct link *link;
  unsigned version; /* of the master */
  struct epoch epoch;
  /* While the scripts are being loaded again: those calls that Redis did not know
   * the script of, and those that were made since; the former are the older ones. */
  bool reloading;
  struct queue unknown, waiting;
  /* Calls are numbered as they are sent; `held` are answered, but not by the replicas. */
  uint64_t sent;
  struct queue held;
  struct event *confirm; /* NULL: replicas are not waited for */
  bool confirming;       /* one WAIT at a time: Redis works them off one by one */
  uint64_t kept;         /* the newest that they must have, */
  uint64_t asked;        /* and up to where replicas were asked for */
};

/* ---- replicas ----------------------------------------------------------------------- */

/* A WAIT that was sent, and the newest call in front of it. */
struct confirmation {
  struct shard *shard;
  uint64_t number;
};

/* Redis blocks the connection for so long at most, and all that comes behind. */
static unsigned wait_ms(const struct shard *shard)
{
  unsigned share = shard->options.store->timeout_ms / WAIT_SHARE;
  return share ? share : 1;
}

static void answer_held(struct call *call, enum err err)
{
  redisReply *held = call->held;
  call->held = NULL;
  call_answer(call, err, err == ERR_OK ? held : NULL);
  reply_free(held);
}

static void on_confirmed(void *arg, enum err err, const redisReply *reply)
{
  struct confirmation confirmation = *(struct confirmation *)arg;
  struct shard *shard = confirmation.shard;
  unsigned wanted = shard->options.store->wait;
  free(arg);
  shard->confirming = false;
  if (shard->kept > shard->asked) event_active(shard->confirm, EV_TIMEOUT, 0);
  if (err == ERR_OK && (reply->type != REDIS_REPLY_INTEGER || reply->integer < wanted)) {
    err = ERR_UNAVAILABLE;
    log_event(LOG_WARNING, "redis_replicas_missing", LOG_N("wanted", wanted),
              LOG_N("there", reply->type == REDIS_REPLY_INTEGER ? (uint64_t)reply->integer : 0));
  }
  while (shard->held.first && shard->held.first->number <= confirmation.number)
    answer_held(queue_shift(&shard->held), err);
}

/* Behind all that this turn of the loop sends. */
static void on_confirm(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct shard *shard = arg;
  if (shard->confirming || shard->kept <= shard->asked) return;
  shard->confirming = true;
  shard->asked = shard->sent;
  struct confirmation *confirmation = memory_alloc(sizeof *confirmation);
  struct text command = {0};
  *confirmation = (struct confirmation){shard, shard->sent};
  resp_begin(&command, 3);
  resp_arg(&command, SLICE("WAIT"));
  resp_number(&command, shard->options.store->wait);
  resp_number(&command, wait_ms(shard));
  resp_finish(&command);
  link_command(shard->link, command.data, command.len, on_confirmed, confirmation);
  text_free(&command);
}

/* Whatever has them now may not be who answered: nobody else is asked. */
static void fail_held(struct shard *shard)
{
  while (shard->held.first) answer_held(queue_shift(&shard->held), ERR_UNAVAILABLE);
}

static void hold(struct shard *shard, struct call *call, const redisReply *reply)
{
  call->held = reply_copy(reply);
  queue_push(&shard->held, call);
}

/* ---- calls -------------------------------------------------------------------------- */

static void reload(struct shard *shard);

static bool is_unknown_script(const redisReply *reply)
{
  return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0;
}

/* Errors, and words that say why nothing was done: nobody is promised anything. */
static bool is_refusal(const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_ERROR) return true;
  return reply->type == REDIS_REPLY_STRING && isupper((unsigned char)*reply->str) &&
         word_read(reply) != ERR_OK;
}

static void on_reply(void *arg, enum err err, const redisReply *reply)
{
  struct call *call = arg;
  struct shard *shard = call->shard;
  if (err == ERR_OK && is_unknown_script(reply) && call->tries++ < TRIES_MAX) {
    queue_push(&shard->unknown, call);
    reload(shard);
  } else if (err == ERR_OK && shard->confirm && call->is_kept && !is_refusal(reply)) {
    hold(shard, call, reply);
  } else {
    call_answer(call, err, reply);
  }
}

static const char asking[] = "*1\r\n$6\r\nASKING\r\n";

static void transmit(struct shard *shard, struct call *call)
{
  call->shard = shard;
  call->number = ++shard->sent;
  if (call->is_kept && shard->confirm) {
    shard->kept = call->number;
    event_active(shard->confirm, EV_TIMEOUT, 0);
  }
  if (call->epoch_at) memcpy(call->command + call->epoch_at, shard->epoch.digits, EPOCH_DIGITS);
  if (call->asking) link_command(shard->link, asking, sizeof asking - 1, NULL, NULL);
  link_command(shard->link, call->command, call->len, on_reply, call);
}

void shard_send(struct shard *shard, struct call *call)
{
  if (shard->reloading && call->is_script)
    queue_push(&shard->waiting, call);
  else
    transmit(shard, call);
}

/* ---- scripts ------------------------------------------------------------------------ */

static void write_load(const struct shard *shard, struct text *out, size_t script)
{
  text_reset(out);
  resp_begin(out, 3);
  resp_arg(out, SLICE("SCRIPT"));
  resp_arg(out, SLICE("LOAD"));
  resp_arg(out, shard->options.scripts[script].text);
  resp_finish(out);
}

static void ask_epoch(struct shard *shard, struct text *command)
{
  const struct store_options *store = shard->options.store;
  struct slice script = shard->options.scripts[SCRIPT_epoch_learn].text;
  if (epoch_write_call(&shard->epoch, command, script, store->prefix, store->topology,
                       shard->options.place))
    link_greet_ask(shard->link, command->data, command->len);
  else
    epoch_take(&shard->epoch, NULL);
}

static void on_greeted(void *arg, const redisReply *reply)
{
  struct shard *shard = arg;
  epoch_take(&shard->epoch, reply);
}

static void on_greet(void *arg)
{
  struct shard *shard = arg;
  struct text command = {0};
  for (size_t i = 0; i < SCRIPT_COUNT; i++) {
    write_load(shard, &command, i);
    link_greet(shard->link, command.data, command.len);
  }
  text_reset(&command);
  ask_epoch(shard, &command);
  text_free(&command);
}

static void send_all(struct shard *shard, struct call *calls)
{
  while (calls) {
    struct call *call = calls;
    calls = call->next;
    transmit(shard, call);
  }
}

static void on_loaded(void *arg, enum err err, const redisReply *reply)
{
  (void)err;
  (void)reply;
  struct shard *shard = arg;
  struct call *unknown = queue_take(&shard->unknown);
  struct call *waiting = queue_take(&shard->waiting);
  shard->reloading = false;
  /* Where the link went down meanwhile it refuses them, one by one. */
  send_all(shard, unknown);
  send_all(shard, waiting);
}

static void reload(struct shard *shard)
{
  if (shard->reloading) return;
  shard->reloading = true;
  log_event(LOG_WARNING, "redis_scripts_reloaded", LOG_S("node", shard->options.store->node));
  struct text command = {0};
  for (size_t i = 0; i < SCRIPT_COUNT; i++) {
    write_load(shard, &command, i);
    bool last = i + 1 == SCRIPT_COUNT;
    link_command(shard->link, command.data, command.len, last ? on_loaded : NULL, shard);
  }
  text_free(&command);
}

/* ---- life --------------------------------------------------------------------------- */

static void on_up(void *arg)
{
  struct shard *shard = arg;
  shard->options.up(shard->options.arg);
}

static void on_down(void *arg)
{
  struct shard *shard = arg;
  fail_held(shard);
  shard->options.down(shard->options.arg);
}

static const struct redis_host *locate(void *arg, unsigned tries)
{
  (void)tries;
  return topology_host(((struct shard *)arg)->options.master);
}

void shard_follow(struct shard *shard)
{
  if (shard->version == shard->options.master->version) return;
  shard->version = shard->options.master->version;
  link_move(shard->link);
}

struct shard *shard_new(const struct shard_options *options)
{
  const struct store_options *store = options->store;
  struct shard *shard = memory_zalloc(sizeof *shard);
  struct text name = {0};
  shard->options = *options;
  shard->version = options->master->version;
  epoch_init(&shard->epoch);
  queue_reset(&shard->unknown);
  queue_reset(&shard->waiting);
  queue_reset(&shard->held);
  if (store->wait) {
    shard->confirm = event_new(store->base, -1, 0, on_confirm, shard);
    assert(shard->confirm);
  }
  text_append_format(&name, "%s%s:commands", store->prefix, store->node);
  resp_finish(&name);
  struct link_options link = topology_link(store->topology);
  link.locate = locate;
  link.name = name.data;
  link.greet = on_greet;
  link.greeted = on_greeted;
  link.up = on_up;
  link.down = on_down;
  link.arg = shard;
  shard->link = link_new(&link);
  text_free(&name);
  return shard;
}

void shard_free(struct shard *shard)
{
  link_free(shard->link);
  fail_held(shard);
  if (shard->confirm) event_free(shard->confirm);
  free(shard);
}

struct link *shard_link(const struct shard *shard)
{
  return shard->link;
}
