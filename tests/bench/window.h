/* The three parts of a run: warming up, measuring, and then letting everything that
 * is under way arrive, so that it can be checked. */
#ifndef PARLEY_BENCH_WINDOW_H
#define PARLEY_BENCH_WINDOW_H

#include "load.h"

enum window_phase { WINDOW_WARMUP, WINDOW_MEASURING, WINDOW_DRAINING };

struct window {
  const struct load *load;
  enum window_phase phase;
  uint64_t ends_ns;     /* this phase */
  uint64_t first, last; /* counts where the measuring began and ended */
  struct cpu_mark from, to;
};

void window_begin(struct window *window, const struct load *load);

/* To be called in every pass with the number of messages done so far. */
void window_step(struct window *window, uint64_t done);

/* Messages done while measuring. */
static inline uint64_t window_count(const struct window *window)
{
  return window->last - window->first;
}

double window_seconds(const struct window *window);

/* Writes what cpu_report writes. */
void window_report(const struct window *window);

#endif
