/* See sentinels.h.
 *
 * The address is asked for by GET-MASTER-ADDR-BY-NAME, which tells the promoted replica
 * already while the others are being turned to it; the epoch stands in SENTINEL MASTER. Both
 * go in one write and are answered from one state. */
#include "sentinels.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "clock.h"
#include "page.h"
#include "resp.h"

enum { INTERVAL_MS = 1000, PORT_MAX = 65535 };

struct sentinel {
  struct sentinels *all;
  const struct redis_host *host;
  struct link *asking, *listening;
  struct redis_host master; /* what it said last; without a name: nothing yet */
  uint64_t epoch, next_epoch;
};

struct sentinels {
  void (*named)(void *arg, const struct redis_host *master);
  void *arg;
  struct redis_url url; /* as whom the sentinels are asked: the pieces are another's */
  struct redis_host master;
  struct text ask; /* both questions */
  size_t first_len;
  struct event *tick;
  size_t count;
  struct sentinel each[];
};

/* ---- answers ------------------------------------------------------------------------ */

static void choose(struct sentinels *sentinels)
{
  const struct sentinel *best = NULL;
  for (size_t i = 0; i < sentinels->count; i++) {
    const struct sentinel *sentinel = &sentinels->each[i];
    if (!sentinel->master.name || !link_is_up(sentinel->asking)) continue;
    if (!best || sentinel->epoch > best->epoch) best = sentinel;
  }
  if (!best || redis_host_is(&best->master, &sentinels->master)) return;
  redis_host_set(&sentinels->master, &best->master);
  log_event(LOG_INFO, "redis_master", LOG_S("host", best->master.name),
            LOG_N("port", (uint64_t)best->master.port), LOG_N("epoch", best->epoch));
  sentinels->named(sentinels->arg, &sentinels->master);
}

/* Field, value, field, value, ... */
static void on_state(void *arg, enum err err, const redisReply *reply)
{
  struct sentinel *sentinel = arg;
  if (err != ERR_OK || reply->type != REDIS_REPLY_ARRAY) return;
  for (size_t i = 0; i + 1 < reply->elements; i += 2)
    if (slice_is(reply_slice(reply->element[i]), "config-epoch"))
      reply_number(reply->element[i + 1], &sentinel->next_epoch);
}

static void on_address(void *arg, enum err err, const redisReply *reply)
{
  struct sentinel *sentinel = arg;
  uint64_t port;
  if (err != ERR_OK) return;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
      reply->element[0]->type != REDIS_REPLY_STRING || !reply_number(reply->element[1], &port) ||
      port > PORT_MAX) {
    redis_host_free(&sentinel->master); /* it knows no such master */
    return;
  }
  redis_host_set(&sentinel->master,
                 &(struct redis_host){.name = reply->element[0]->str, .port = (int)port});
  sentinel->epoch = sentinel->next_epoch;
  choose(sentinel->all);
}

/* ---- questions ---------------------------------------------------------------------- */

static void ask(struct sentinel *sentinel)
{
  const struct sentinels *all = sentinel->all;
  if (!link_is_up(sentinel->asking)) return;
  link_command(sentinel->asking, all->ask.data, all->first_len, on_state, sentinel);
  link_command(sentinel->asking, all->ask.data + all->first_len, all->ask.len - all->first_len,
               on_address, sentinel);
}

static void ask_all(struct sentinels *sentinels)
{
  for (size_t i = 0; i < sentinels->count; i++) ask(&sentinels->each[i]);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  ask_all(arg);
}

static void write_question(struct text *out, const char *what, const char *master)
{
  resp_begin(out, 3);
  resp_arg(out, SLICE("SENTINEL"));
  resp_arg(out, slice_of(what));
  resp_arg(out, slice_of(master));
}

/* ---- links -------------------------------------------------------------------------- */

static void on_asking_up(void *arg)
{
  ask(arg);
}

static void on_listening_up(void *arg)
{
  struct sentinel *sentinel = arg;
  struct text command = {0};
  resp_begin(&command, 2);
  resp_arg(&command, SLICE("SUBSCRIBE"));
  resp_arg(&command, SLICE("+switch-master"));
  resp_finish(&command);
  link_subscribe(sentinel->listening, command.data, command.len);
  text_free(&command);
  ask(sentinel); /* what it said while nobody listened */
}

/* Which master it is that moved does not matter: all are asked. */
static void on_message(void *arg, const redisReply *reply)
{
  struct sentinel *sentinel = arg;
  if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
      slice_is(reply_slice(reply->element[0]), "message"))
    ask_all(sentinel->all);
}

static void on_down(void *arg)
{
  (void)arg;
}

static const struct redis_host *locate(void *arg, unsigned tries)
{
  (void)tries;
  return ((struct sentinel *)arg)->host;
}

static void open_links(struct sentinel *sentinel, const struct topology_options *options)
{
  struct text name = {0};
  text_append_format(&name, "%s%s:sentinel", options->prefix, options->node);
  resp_finish(&name);
  struct link_options link = {
      .base = options->base,
      .url = &sentinel->all->url,
      .tls = options->tls,
      .locate = locate,
      .name = name.data,
      .timeout_ms = options->timeout_ms,
      .up = on_asking_up,
      .down = on_down,
      .arg = sentinel,
  };
  sentinel->asking = link_new(&link);
  link.up = on_listening_up;
  link.message = on_message;
  sentinel->listening = link_new(&link);
  text_free(&name);
}

/* ---- life --------------------------------------------------------------------------- */

struct sentinels *sentinels_new(const struct topology_options *options,
                                void (*named)(void *arg, const struct redis_host *master),
                                void *arg)
{
  const struct redis_url *url = options->url;
  struct sentinels *sentinels =
      memory_zalloc(sizeof *sentinels + url->host_count * sizeof sentinels->each[0]);
  struct timeval interval = clock_timeval(INTERVAL_MS);
  sentinels->named = named;
  sentinels->arg = arg;
  if (url->sentinel_auth)
    sentinels->url = (struct redis_url){.user = url->user, .password = url->password};
  write_question(&sentinels->ask, "MASTER", url->master);
  sentinels->first_len = sentinels->ask.len;
  write_question(&sentinels->ask, "GET-MASTER-ADDR-BY-NAME", url->master);
  resp_finish(&sentinels->ask);
  sentinels->count = url->host_count;
  for (size_t i = 0; i < sentinels->count; i++) {
    struct sentinel *sentinel = &sentinels->each[i];
    *sentinel = (struct sentinel){.all = sentinels, .host = &url->hosts[i]};
    open_links(sentinel, options);
  }
  sentinels->tick = event_new(options->base, -1, EV_PERSIST, on_tick, sentinels);
  assert(sentinels->tick);
  event_add(sentinels->tick, &interval);
  return sentinels;
}

void sentinels_free(struct sentinels *sentinels)
{
  if (!sentinels) return;
  event_free(sentinels->tick);
  for (size_t i = 0; i < sentinels->count; i++) {
    link_free(sentinels->each[i].listening);
    link_free(sentinels->each[i].asking);
    redis_host_free(&sentinels->each[i].master);
  }
  redis_host_free(&sentinels->master);
  text_free(&sentinels->ask);
  free(sentinels);
}

bool sentinels_answer(const struct sentinels *sentinels)
{
  for (size_t i = 0; i < sentinels->count; i++)
    if (link_is_up(sentinels->each[i].asking)) return true;
  return false;
}
