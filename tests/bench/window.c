/* See window.h. */
#include "window.h"

void window_begin(struct window *window, const struct load *load)
{
  *window = (struct window){.load = load};
  window->ends_ns = now_ns() + (uint64_t)(load->warmup_s * (double)NS_PER_S);
}

void window_step(struct window *window, uint64_t done)
{
  const struct load *load = window->load;
  if (window->phase == WINDOW_DRAINING || now_ns() < window->ends_ns) return;
  if (window->phase == WINDOW_WARMUP) {
    window->from = cpu_mark(load->trees, load->tree_count);
    window->first = done;
    window->ends_ns = window->from.at_ns + (uint64_t)(load->seconds * (double)NS_PER_S);
    window->phase = WINDOW_MEASURING;
  } else {
    window->to = cpu_mark(load->trees, load->tree_count);
    window->last = done;
    window->phase = WINDOW_DRAINING;
  }
}

double window_seconds(const struct window *window)
{
  return (double)(window->to.at_ns - window->from.at_ns) / (double)NS_PER_S;
}

void window_report(const struct window *window)
{
  cpu_report(window->load->trees, window->load->tree_count, &window->from, &window->to);
}
