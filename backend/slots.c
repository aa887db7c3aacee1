/* See slots.h. */
#include "slots.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "clock.h"
#include "keys.h"
#include "page.h"
#include "resp.h"

enum {
  TICK_MS = 100,
  ASK_MS = 5000, /* while all is well */
  NEXT_MS = 1000,
  NEW_MS = 5000, /* a master without slots is remembered for so long: it may be about to get some */
  PORT_MAX = 65535
};

struct master {
  struct topology_master master; /* first; its host empty: the place is free */
  unsigned slots;
  uint64_t since_ms; /* it has none */
};

struct slots {
  struct topology_options options;
  struct slots_events events;
  struct link *scout;
  struct redis_host scouted;
  struct event *tick;
  struct text question;
  size_t turn; /* which node is asked next */
  uint64_t asked_ms, turned_ms;
  bool asking, in_doubt;
  size_t uncovered;
  struct master masters[TOPOLOGY_MASTERS_MAX];
  size_t count; /* places in use are below */
  uint16_t owners[KEY_SLOTS];
};

/* ---- masters ------------------------------------------------------------------------ */

size_t slots_count(const struct slots *slots)
{
  return slots->count;
}

const struct topology_master *slots_master(const struct slots *slots, size_t index)
{
  const struct topology_master *master = &slots->masters[index].master;
  return index < slots->count && master->host.name ? master : NULL;
}

size_t slots_owner(const struct slots *slots, unsigned slot)
{
  return slots->owners[slot] == UINT16_MAX ? TOPOLOGY_NOWHERE : slots->owners[slot];
}

/* One place a host; TOPOLOGY_NOWHERE: there are too many. */
size_t slots_find(struct slots *slots, const struct redis_host *host)
{
  size_t place = TOPOLOGY_NOWHERE;
  for (size_t i = 0; i < slots->count; i++) {
    const struct redis_host *known = &slots->masters[i].master.host;
    if (!known->name && place == TOPOLOGY_NOWHERE) place = i;
    if (known->name && redis_host_is(known, host)) return i;
  }
  if (place == TOPOLOGY_NOWHERE) {
    if (slots->count == TOPOLOGY_MASTERS_MAX) return TOPOLOGY_NOWHERE;
    place = slots->count++;
  }
  struct master *master = &slots->masters[place];
  redis_host_set(&master->master.host, host);
  master->master.version++;
  master->slots = 0;
  master->since_ms = clock_now_ms();
  log_event(LOG_INFO, "redis_master", LOG_S("host", host->name),
            LOG_N("port", (uint64_t)host->port));
  slots->events.changed(slots->events.arg);
  return place;
}

static void give(struct slots *slots, unsigned slot, size_t index)
{
  size_t old = slots_owner(slots, slot);
  if (old == index) return;
  if (old == TOPOLOGY_NOWHERE)
    slots->uncovered--;
  else if (--slots->masters[old].slots == 0)
    slots->masters[old].since_ms = clock_now_ms();
  if (index == TOPOLOGY_NOWHERE)
    slots->uncovered++;
  else
    slots->masters[index].slots++;
  slots->owners[slot] = index == TOPOLOGY_NOWHERE ? UINT16_MAX : (uint16_t)index;
}

size_t slots_moved(struct slots *slots, unsigned slot, const struct redis_host *host)
{
  size_t index = slots_find(slots, host);
  slots_doubt(slots);
  if (index == TOPOLOGY_NOWHERE || slots_owner(slots, slot) == index) return index;
  give(slots, slot, index);
  slots->events.changed(slots->events.arg);
  return index;
}

void slots_doubt(struct slots *slots)
{
  slots->in_doubt = true;
}

bool slots_are_covered(const struct slots *slots)
{
  return slots->uncovered == 0;
}

/* Those that have had no slots for a while. */
static void forget_some(struct slots *slots, uint64_t now_ms)
{
  bool changed = false;
  for (size_t i = 0; i < slots->count; i++) {
    struct master *master = &slots->masters[i];
    if (!master->master.host.name || master->slots || now_ms < master->since_ms + NEW_MS) continue;
    redis_host_free(&master->master.host);
    changed = true;
  }
  if (changed) slots->events.changed(slots->events.arg);
}

/* ---- the map ------------------------------------------------------------------------ */

/* Where a node of the answer is; without a name, or one that is empty: where whoever answered is. */
static bool read_host(const struct slots *slots, const redisReply *node, struct redis_host *host)
{
  uint64_t port;
  if (node->type != REDIS_REPLY_ARRAY || node->elements < 2) return false;
  const redisReply *name = node->element[0];
  if (!reply_number(node->element[1], &port) || port == 0 || port > PORT_MAX) return false;
  bool is_same = name->type == REDIS_REPLY_NIL || (name->type == REDIS_REPLY_STRING && !name->len);
  if (!is_same && name->type != REDIS_REPLY_STRING) return false;
  if (!is_same && strcmp(name->str, "?") == 0) return false; /* not known there yet */
  *host = (struct redis_host){.name = is_same ? slots->scouted.name : name->str, .port = (int)port};
  return host->name != NULL;
}

/* First slot, last slot, master, replicas. */
static bool read_range(struct slots *slots, const redisReply *range, uint16_t *owners)
{
  uint64_t first, last;
  struct redis_host host;
  if (range->type != REDIS_REPLY_ARRAY || range->elements < 3) return false;
  if (!reply_number(range->element[0], &first) || !reply_number(range->element[1], &last) ||
      last >= KEY_SLOTS || !read_host(slots, range->element[2], &host))
    return false;
  size_t index = slots_find(slots, &host);
  for (uint64_t slot = first; slot <= last; slot++)
    owners[slot] = index == TOPOLOGY_NOWHERE ? UINT16_MAX : (uint16_t)index;
  return true;
}

static void on_map(void *arg, enum err err, const redisReply *reply)
{
  struct slots *slots = arg;
  uint16_t owners[KEY_SLOTS];
  bool changed = false;
  slots->asking = false;
  if (err != ERR_OK || reply->type != REDIS_REPLY_ARRAY) return;
  memset(owners, 0xff, sizeof owners);
  for (size_t i = 0; i < reply->elements; i++) read_range(slots, reply->element[i], owners);
  for (unsigned slot = 0; slot < KEY_SLOTS; slot++) {
    if (owners[slot] == slots->owners[slot]) continue;
    give(slots, slot, owners[slot] == UINT16_MAX ? TOPOLOGY_NOWHERE : owners[slot]);
    changed = true;
  }
  if (changed) slots->events.changed(slots->events.arg);
}

/* ---- the scout ---------------------------------------------------------------------- */

static void ask(struct slots *slots, uint64_t now_ms)
{
  if (slots->asking || !link_is_up(slots->scout)) return;
  slots->asking = true;
  slots->in_doubt = false;
  slots->asked_ms = now_ms;
  link_command(slots->scout, slots->question.data, slots->question.len, on_map, slots);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct slots *slots = arg;
  uint64_t now_ms = clock_now_ms();
  bool well = slots_are_covered(slots) && slots->events.is_well(slots->events.arg);
  if (well) slots->turned_ms = now_ms;
  if (now_ms > slots->turned_ms + NEXT_MS) { /* the one that is asked may be cut off itself */
    slots->turned_ms = now_ms;
    slots->asking = false;
    link_move(slots->scout);
  }
  if (!well || slots->in_doubt || now_ms > slots->asked_ms + ASK_MS) ask(slots, now_ms);
  forget_some(slots, now_ms);
}

static void on_up(void *arg)
{
  struct slots *slots = arg;
  slots->asking = false;
  slots->turned_ms = clock_now_ms();
  ask(slots, slots->turned_ms);
}

static void on_down(void *arg)
{
  ((struct slots *)arg)->asking = false;
}

/* The URL's and the map's nodes by turns. */
static const struct redis_host *locate(void *arg, unsigned tries)
{
  (void)tries;
  struct slots *slots = arg;
  const struct redis_url *url = slots->options.url;
  const struct redis_host *host = NULL;
  while (!host) {
    size_t at = slots->turn++ % (url->host_count + slots->count);
    const struct topology_master *master =
        at < url->host_count ? NULL : slots_master(slots, at - url->host_count);
    host = at < url->host_count ? &url->hosts[at] : master ? &master->host : NULL;
  }
  redis_host_set(&slots->scouted, host);
  return &slots->scouted;
}

/* ---- life --------------------------------------------------------------------------- */

static void open_scout(struct slots *slots)
{
  const struct topology_options *options = &slots->options;
  struct text name = {0};
  text_append_format(&name, "%s%s:scout", options->prefix, options->node);
  resp_finish(&name);
  slots->scout = link_new(&(struct link_options){
      .base = options->base,
      .url = options->url,
      .tls = options->tls,
      .locate = locate,
      .name = name.data,
      .timeout_ms = options->timeout_ms,
      .up = on_up,
      .down = on_down,
      .arg = slots,
  });
  text_free(&name);
}

struct slots *slots_new(const struct topology_options *options, const struct slots_events *events)
{
  struct slots *slots = memory_zalloc(sizeof *slots);
  struct timeval interval = clock_timeval(TICK_MS);
  slots->options = *options;
  slots->events = *events;
  slots->uncovered = KEY_SLOTS;
  memset(slots->owners, 0xff, sizeof slots->owners);
  resp_begin(&slots->question, 2);
  resp_arg(&slots->question, SLICE("CLUSTER"));
  resp_arg(&slots->question, SLICE("SLOTS"));
  resp_finish(&slots->question);
  slots->turned_ms = clock_now_ms();
  slots->tick = event_new(options->base, -1, EV_PERSIST, on_tick, slots);
  assert(slots->tick);
  event_add(slots->tick, &interval);
  open_scout(slots);
  return slots;
}

void slots_free(struct slots *slots)
{
  if (!slots) return;
  link_free(slots->scout);
  event_free(slots->tick);
  for (size_t i = 0; i < slots->count; i++) redis_host_free(&slots->masters[i].master.host);
  redis_host_free(&slots->scouted);
  text_free(&slots->question);
  free(slots);
}
