/* See pace.h. */
#include "pace.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/memory.h"
#include "metrics.h"
#include "node.h"

#define NS_PER_MS UINT64_C(1000000)

enum {
  STEP_MS = 5,         /* a few at a time: what the others wait for in between */
  BURST_MS = 20,       /* at once: what may come in so long */
  DRAIN_A_STEP = 1000, /* of those who are all refused */
};

struct pace {
  struct node *node;
  uint64_t full_ns;         /* when nothing that was taken will be missing */
  struct pace_place *first; /* doubly linked (utlist.h) */
  unsigned count;
  struct event *step; /* pending while the line is not empty */
};

static void on_step(evutil_socket_t fd, short what, void *arg);

struct pace *pace_new(struct node *node)
{
  struct pace *pace = memory_zalloc(sizeof *pace);
  pace->node = node;
  pace->step = event_new(node->base, -1, 0, on_step, pace);
  return pace;
}

void pace_free(struct pace *pace)
{
  assert(!pace->first);
  event_free(pace->step);
  free(pace);
}

/* A token bucket as the time at which it would be full again (GCRA); asking in vain costs
 * nothing. */
static bool take(struct pace *pace)
{
  uint64_t per_second = pace->node->config->handshakes_per_second;
  uint64_t now_ns = node_monotonic_ms() * NS_PER_MS;
  if (!per_second) return true;
  if (pace->full_ns < now_ns) pace->full_ns = now_ns;
  if (pace->full_ns > now_ns + BURST_MS * NS_PER_MS) return false;
  pace->full_ns += 1000 * NS_PER_MS / per_second;
  return true;
}

static void step_soon(struct pace *pace)
{
  const struct timeval step = {0, STEP_MS * 1000};
  event_add(pace->step, &step);
}

enum pace_verdict pace_enter(struct pace *pace, struct pace_place *place)
{
  assert(!pace_waits(place));
  uint64_t per_second = pace->node->config->handshakes_per_second;
  if (!per_second || (!pace->first && take(pace))) return PACE_NOW;
  if (pace->count >= per_second * PACE_WAIT_MS / 1000) return PACE_FULL;
  if (!pace->first) step_soon(pace);
  DL_APPEND2(pace->first, place, previous, next);
  pace->count++;
  metric_add(METRIC_HANDSHAKES_WAITING, 1);
  metric_add(METRIC_HANDSHAKES_PACED, 1);
  return PACE_WAIT;
}

void pace_leave(struct pace *pace, struct pace_place *place)
{
  if (!pace_waits(place)) return;
  DL_DELETE2(pace->first, place, previous, next);
  place->previous = place->next = NULL;
  pace->count--;
  metric_subtract(METRIC_HANDSHAKES_WAITING, 1);
}

/* A draining node refuses them all, and they had better know. */
static void on_step(evutil_socket_t fd, short what, void *arg)
{
  struct pace *pace = arg;
  unsigned most = pace->node->draining ? DRAIN_A_STEP : UINT32_MAX;
  bool may = pace->node->draining;
  (void)fd;
  (void)what;
  while (pace->first && most--) {
    if (!may && !take(pace)) break;
    struct pace_place *place = pace->first;
    pace_leave(pace, place);
    may = !place->turn(place) || pace->node->draining;
  }
  if (pace->first) step_soon(pace);
}
