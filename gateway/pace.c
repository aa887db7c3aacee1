/* See pace.h. */
#include "pace.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/memory.h"
#include "metrics.h"
#include "node.h"

enum {
  STEP_MS = 5,         /* a few at a time: what the others wait for in between */
  BURST_SHARE = 50,    /* at once: a fiftieth of a second's */
  DRAIN_A_STEP = 1000, /* of those who are all refused */
};

struct pace {
  struct node *node;
  struct bucket bucket;
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

static struct bucket_rate rate_of(const struct pace *pace)
{
  uint64_t per_second = pace->node->config->handshakes_per_second;
  return (struct bucket_rate){per_second, 1 + per_second / BURST_SHARE};
}

static bool take(struct pace *pace)
{
  return bucket_take(&pace->bucket, rate_of(pace), 1, node_monotonic_ms()) == BUCKET_OK;
}

static void step_soon(struct pace *pace)
{
  const struct timeval step = {0, STEP_MS * 1000};
  event_add(pace->step, &step);
}

enum pace_verdict pace_enter(struct pace *pace, struct pace_place *place)
{
  assert(!place->waits);
  uint64_t per_second = rate_of(pace).per_second;
  if (!per_second || (!pace->first && take(pace))) return PACE_NOW;
  if (pace->count >= per_second * PACE_WAIT_MS / 1000) return PACE_FULL;
  if (!pace->first) step_soon(pace);
  DL_APPEND2(pace->first, place, previous, next);
  place->waits = true;
  pace->count++;
  metric_add(METRIC_HANDSHAKES_WAITING, 1);
  metric_add(METRIC_HANDSHAKES_PACED, 1);
  return PACE_WAIT;
}

void pace_leave(struct pace *pace, struct pace_place *place)
{
  if (!place->waits) return;
  DL_DELETE2(pace->first, place, previous, next);
  place->waits = false;
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
  while (pace->first && most-- && (may || (may = take(pace)))) {
    struct pace_place *place = pace->first;
    pace_leave(pace, place);
    may = !place->turn(place) || pace->node->draining;
  }
  if (pace->first) step_soon(pace);
}
