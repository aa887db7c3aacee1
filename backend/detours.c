/* See detours.h. */
#include "detours.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <uthash.h>

#include "base/memory.h"
#include "clock.h"
#include "keys.h"

enum { TICK_MS = 10, TRYAGAIN_MS = 10, PORT_MAX = 65535 };

struct detour {
  UT_hash_handle hh;
  unsigned slot;
  struct queue again, waiting;
  bool trying; /* the first of `again` is on its way, alone */
  bool open;   /* it went well: the rest may go the same way */
  bool asking;
  size_t place;
  uint64_t not_before_ms;
};

struct detours {
  struct detours_options options;
  struct detour *table;
  struct event *tick; /* set while there are any */
  bool ending;
  unsigned flying[KEY_SLOTS]; /* calls on their way, */
  size_t places[KEY_SLOTS];   /* and to where */
};

static void tick_soon(struct detours *detours)
{
  struct timeval delay = clock_timeval(TICK_MS);
  if (!event_pending(detours->tick, EV_TIMEOUT, NULL)) event_add(detours->tick, &delay);
}

static struct detour *find(const struct detours *detours, unsigned slot)
{
  struct detour *detour;
  HASH_FIND(hh, detours->table, &slot, sizeof slot, detour);
  return detour;
}

static struct detour *make(struct detours *detours, unsigned slot)
{
  struct detour *detour = memory_zalloc(sizeof *detour);
  detour->slot = slot;
  queue_reset(&detour->again);
  queue_reset(&detour->waiting);
  HASH_ADD(hh, detours->table, slot, sizeof detour->slot, detour);
  tick_soon(detours);
  return detour;
}

/* ---- what Redis says ---------------------------------------------------------------- */

/* "MOVED 3999 10.0.0.1:6379" behind its first word. Without a host: whoever said it. */
static bool read_place(const struct detours *detours, const struct call *call, const char *text,
                       struct redis_host *host)
{
  const struct topology_master *from = topology_master(detours->options.topology, call->place);
  char *end;
  unsigned long slot = strtoul(text, &end, 10);
  const char *colon = strrchr(text, ':');
  if (slot != call->slot || *end != ' ' || !colon) return false;
  unsigned long port = strtoul(colon + 1, NULL, 10);
  size_t len = (size_t)(colon - end - 1);
  if (port == 0 || port > PORT_MAX || (!len && !from)) return false;
  host->name =
      len ? memory_copy(end + 1, len) : memory_copy(from->host.name, strlen(from->host.name));
  host->port = (int)port;
  return true;
}

static bool skip_word(const char **text, const char *word)
{
  size_t len = strlen(word);
  if (strncmp(*text, word, len) != 0) return false;
  *text += len;
  return true;
}

/* True: the call is to be sent again; it knows where. */
static bool is_redirected(struct detours *detours, struct call *call, const redisReply *reply)
{
  struct topology *topology = detours->options.topology;
  const char *text = reply->str;
  struct redis_host host = {0};
  bool asks = skip_word(&text, "ASK ");
  if (!asks && !skip_word(&text, "MOVED ")) {
    call->asking = false;
    return skip_word(&text, "TRYAGAIN");
  }
  if (!read_place(detours, call, text, &host)) return false;
  call->asking = asks;
  if (asks)
    call->place = topology_find(topology, &host);
  else
    topology_moved(topology, call->slot, &host);
  redis_host_free(&host);
  return true;
}

/* ---- sending ------------------------------------------------------------------------ */

static void transmit(struct detours *detours, struct call *call)
{
  if (!call->asking) call->place = topology_owner(detours->options.topology, call->slot);
  detours->flying[call->slot]++;
  detours->places[call->slot] = call->place;
  detours->options.transmit(call);
}

static bool is_late(const struct detours *detours, const struct call *call, uint64_t now_ms)
{
  return now_ms > call->redirected_ms + detours->options.timeout_ms;
}

/* The first one that is not given up; NULL: none is left. */
static struct call *first_of(struct detours *detours, struct detour *detour, uint64_t now_ms)
{
  for (;;) {
    if (!detour->again.first) {
      detour->again.first = queue_take(&detour->waiting);
      detour->again.last = &detour->again.first;
      while (*detour->again.last) detour->again.last = &(*detour->again.last)->next;
    }
    if (!detour->again.first) return NULL;
    if (!is_late(detours, detour->again.first, now_ms)) return detour->again.first;
    detours->options.answer(queue_shift(&detour->again), ERR_UNAVAILABLE, NULL);
  }
}

static void end_detour(struct detours *detours, struct detour *detour)
{
  HASH_DELETE(hh, detours->table, detour);
  free(detour);
}

/* A detour that ended may begin again: behind a call whose leader is not answered yet. */
static void send_on(struct detours *detours, struct call *call, bool asking, size_t place)
{
  struct detour *detour = find(detours, call->slot);
  if (detour && !detour->open) {
    queue_push(&detour->waiting, call);
  } else if (call->leader) {
    if (!detour) detour = make(detours, call->slot);
    detour->open = false;
    queue_push(&detour->waiting, call);
  } else {
    call->asking = asking;
    call->place = place;
    transmit(detours, call);
  }
}

/* All the way that the last one went. */
static void send_rest(struct detours *detours, struct detour *detour)
{
  struct call *again = queue_take(&detour->again), *waiting = queue_take(&detour->waiting);
  bool asking = detour->asking;
  detour->trying = false;
  size_t place = detour->place;
  unsigned slot = detour->slot;
  if (asking && topology_owner(detours->options.topology, slot) == place) asking = false;
  if (!asking) end_detour(detours, detour);
  for (struct call *call, *rest = again ? again : waiting; (call = rest);) {
    rest = call->next;
    if (!rest && again) {
      rest = waiting;
      again = NULL;
    }
    send_on(detours, call, asking, place);
  }
}

static void step(struct detours *detours, struct detour *detour)
{
  uint64_t now_ms = clock_now_ms();
  if (detours->ending || detours->flying[detour->slot]) return;
  if (detour->open) {
    if (!detour->again.first && !detour->waiting.first)
      end_detour(detours, detour);
    else
      send_rest(detours, detour);
    return;
  }
  struct call *call = first_of(detours, detour, now_ms);
  if (!call) {
    end_detour(detours, detour);
    return;
  }
  if (!call->asking) call->place = topology_owner(detours->options.topology, call->slot);
  if (call->leader || now_ms < detour->not_before_ms || !detours->options.can_transmit(call))
    return;
  detour->asking = call->asking;
  detour->place = call->place;
  detour->trying = true;
  transmit(detours, queue_shift(&detour->again));
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct detours *detours = arg;
  struct detour *detour, *next;
  HASH_ITER(hh, detours->table, detour, next) step(detours, detour);
  if (detours->table) tick_soon(detours);
}

/* ---- calls -------------------------------------------------------------------------- */

void detours_send(struct detours *detours, struct call *call)
{
  struct detour *detour = detours->table ? find(detours, call->slot) : NULL;
  call->asking = false;
  call->redirected_ms = 0;
  /* The map may have changed while others are on their way to where it was: not past them. */
  if (!detour && detours->flying[call->slot] &&
      detours->places[call->slot] != topology_owner(detours->options.topology, call->slot))
    detour = make(detours, call->slot);
  if (!detour) {
    transmit(detours, call);
    return;
  }
  call->redirected_ms = clock_now_ms();
  queue_push(&detour->waiting, call);
}

void detours_send_behind(struct detours *detours, struct call *call, struct call *leader)
{
  struct detour *detour = find(detours, call->slot);
  while (leader->follower) leader = leader->follower;
  leader->follower = call;
  call->leader = leader;
  call->asking = false;
  call->redirected_ms = clock_now_ms();
  if (!detour) detour = make(detours, call->slot);
  queue_push(&detour->waiting, call);
}

void detours_go_on(struct detours *detours, struct call *call)
{
  struct detour *detour = find(detours, call->slot);
  call->leader = NULL;
  if (detour) step(detours, detour);
}

void detours_answered(struct detours *detours, struct call *call, enum err err,
                      const redisReply *reply)
{
  unsigned slot = call->slot;
  uint64_t now_ms = 0;
  bool again = false;
  assert(detours->flying[slot] > 0);
  detours->flying[slot]--;
  if (err == ERR_OK && reply->type == REDIS_REPLY_ERROR && !detours->ending) {
    again = is_redirected(detours, call, reply);
    now_ms = clock_now_ms();
    if (again && !call->redirected_ms) call->redirected_ms = now_ms;
    if (again || strncmp(reply->str, "CLUSTERDOWN", 11) == 0)
      topology_doubt(detours->options.topology);
  }
  struct detour *detour = detours->table ? find(detours, slot) : NULL;
  if (again) {
    if (!detour) detour = make(detours, slot);
    if (strncmp(reply->str, "TRYAGAIN", 8) == 0) detour->not_before_ms = now_ms + TRYAGAIN_MS;
    if (detour->trying)
      queue_push_front(&detour->again, call); /* it was alone: all others are behind it */
    else
      queue_push(&detour->again, call);
    detour->open = detour->trying = false;
  } else {
    if (detour && detour->trying) detour->open = true;
    detours->options.answer(call, err, reply);
    detour = detours->table ? find(detours, slot) : NULL; /* it may have ended meanwhile */
  }
  if (detour) step(detours, detour);
}

/* ---- life --------------------------------------------------------------------------- */

struct detours *detours_new(const struct detours_options *options)
{
  struct detours *detours = memory_zalloc(sizeof *detours);
  detours->options = *options;
  detours->tick = event_new(options->base, -1, 0, on_tick, detours);
  assert(detours->tick);
  return detours;
}

void detours_end(struct detours *detours)
{
  detours->ending = true;
}

void detours_free(struct detours *detours)
{
  struct detour *detour, *next;
  detours->ending = true;
  HASH_ITER(hh, detours->table, detour, next)
  {
    while (detour->again.first)
      detours->options.answer(queue_shift(&detour->again), ERR_UNAVAILABLE, NULL);
    while (detour->waiting.first)
      detours->options.answer(queue_shift(&detour->waiting), ERR_UNAVAILABLE, NULL);
    end_detour(detours, detour);
  }
  event_free(detours->tick);
  free(detours);
}
