#include "soon.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "pendings.h"

struct soon {
  struct pendings pendings;
  struct event *turn;
};

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct soon *soon = arg;
  for (size_t count = soon->pendings.count; count; count--) {
    struct pending entry = pendings_shift(&soon->pendings);
    entry.done(entry.arg, entry.err, NULL);
  }
  /* What came in while others were still to be told waits for the next turn. */
  if (soon->pendings.count) event_add(soon->turn, &(struct timeval){0, 0});
}

void soon_tell(struct soon *soon, enum err err, link_fn *done, void *arg)
{
  if (!done) return;
  if (!soon->pendings.count) event_add(soon->turn, &(struct timeval){0, 0});
  pendings_push(&soon->pendings, (struct pending){.done = done, .arg = arg, .err = err});
}

struct soon *soon_new(struct event_base *base)
{
  struct soon *soon = memory_zalloc(sizeof *soon);
  soon->turn = event_new(base, -1, 0, on_turn, soon);
  assert(soon->turn);
  return soon;
}

void soon_free(struct soon *soon)
{
  pendings_fail(&soon->pendings);
  event_free(soon->turn);
  free(soon->pendings.slots);
  free(soon);
}
