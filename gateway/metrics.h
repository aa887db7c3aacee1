/* Metrics: counters and gauges in one area of memory that all workers share, one
 * slot each, so that any worker's /metrics shows them all. A worker writes its own
 * slot only; nobody locks. To add a metric, add a row to metrics.def.
 *
 *   metric_add(METRIC_BYTES_IN, length);
 *   metric_add_at(METRIC_FRAMES_IN, protocol_index, 1);
 *   metric_add_at(METRIC_CLOSES, ERR_TOO_SLOW, 1);
 *   metric_add_at(METRIC_EVENTS_UNSAYABLE, metric_kind_index(protocol_index, kind), 1);
 */
#ifndef PARLEY_GATEWAY_METRICS_H
#define PARLEY_GATEWAY_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "envelope.h"
#include "protocol.h"

enum metric_link { METRIC_LINK_COMMAND, METRIC_LINK_BUS, METRIC_LINK_COUNT };

/* How many cells a metric with these labels has. */
enum {
  METRIC_CELLS_NONE = 1,
  METRIC_CELLS_PROTOCOL = PROTOCOL_COUNT,
  METRIC_CELLS_PROTOCOL_KIND = (int)PROTOCOL_COUNT * (int)KIND_COUNT,
  METRIC_CELLS_CODE = ERR_COUNT,
  METRIC_CELLS_CODE_STATUS = ERR_COUNT,
  METRIC_CELLS_LINK = METRIC_LINK_COUNT,
};

/* METRIC_X is the place of X's first cell in a slot. */
enum metric {
#define X(name, type, family, labels, help) \
  METRIC_##name, METRIC_LAST_##name = (int)METRIC_##name + (int)METRIC_CELLS_##labels - 1,
#include "metrics.def"
#undef X
  METRIC_CELL_COUNT
};

/* The slot of this process. Before metrics_use a scratch one of its own. */
extern uint64_t *metrics_slot;

/* Where the cell of a protocol and a kind is. */
static inline unsigned metric_kind_index(unsigned protocol_index, enum envelope_kind kind)
{
  return protocol_index * (unsigned)KIND_COUNT + (unsigned)kind;
}

/* Relaxed atomics: one process writes, others only read; no value is ever torn. */
static inline void metric_set_at(enum metric metric, unsigned index, uint64_t value)
{
  __atomic_store_n(&metrics_slot[(unsigned)metric + index], value, __ATOMIC_RELAXED);
}

static inline uint64_t metric_get_at(enum metric metric, unsigned index)
{
  return __atomic_load_n(&metrics_slot[(unsigned)metric + index], __ATOMIC_RELAXED);
}

static inline void metric_add_at(enum metric metric, unsigned index, uint64_t amount)
{
  metric_set_at(metric, index, metric_get_at(metric, index) + amount);
}

/* For gauges that go down again. */
static inline void metric_subtract_at(enum metric metric, unsigned index, uint64_t amount)
{
  metric_set_at(metric, index, metric_get_at(metric, index) - amount);
}

static inline void metric_set(enum metric metric, uint64_t value)
{
  metric_set_at(metric, 0, value);
}

static inline uint64_t metric_get(enum metric metric)
{
  return metric_get_at(metric, 0);
}

static inline void metric_add(enum metric metric, uint64_t amount)
{
  metric_add_at(metric, 0, amount);
}

static inline void metric_subtract(enum metric metric, uint64_t amount)
{
  metric_subtract_at(metric, 0, amount);
}

/* The protocol's place in protocols.def, for the indexes above. */
unsigned metric_protocol_index(const struct protocol *protocol);

/* The supervisor, before it forks: makes the shared area, all zero. */
void metrics_open(unsigned workers);
void metrics_close(void);

/* A worker, after the fork: from here on this process writes slot `worker`. */
void metrics_use(unsigned worker);

/* The supervisor, when a worker has died: its gauges go to 0, its counters stay;
 * `restarted` counts. */
void metrics_worker_died(unsigned worker, bool restarted);

/* Every worker has set METRIC_READY. A new connection can reach any of them. */
bool metrics_all_ready(void);

/* Every worker has set METRIC_LISTENING. */
bool metrics_all_listening(void);

/* All slots in the text format of Prometheus, version 0.0.4. Series that are 0 and
 * have labels from a set of errors or kinds are left out. */
void metrics_write(struct text *out);

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

#endif
