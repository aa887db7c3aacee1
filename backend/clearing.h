/* Sessions that are no more and stand in a hash of their node's are cleared away one by one:
 *
 *   out of the user's hash ──► events.reaped ──► (attendance, contacts) ──► out of the node's hash
 *                                                presence_reaped_finished ──┘
 *
 * Every step can be done twice, and a session stays in the node's hash until all are done: so
 * whoever comes next begins anew with what is left there. Used by reaper.c, sweep.c and departed.c.
 * Private to backend/. */
#ifndef PARLEY_BACKEND_CLEARING_H
#define PARLEY_BACKEND_CLEARING_H

#include "presence_private.h"

struct ticket;

/* Of one hash; its owner fills in what stands in front of `tickets`. */
struct clearing {
  struct presence *presence;
  struct slice node; /* whose hash; lives while there are tickets */
  const char *hash;  /* ":sessions" or ":lost" */
  uint64_t until_ms; /* clock_now_ms: later than it no more is told of; 0: no such time */
  void (*done)(void *arg, bool all); /* no ticket is left; `all`: all that there were are done */
  void *arg;
  struct ticket *tickets;
  bool failed;
  size_t told; /* sessions that events.reaped was told of */
};

/* `value` is the hash's, "protocol user". `done` is never called from inside. */
void clearing_add(struct clearing *clearing, struct slice session, struct slice value);

/* Forgets the tickets; `done` is not called. */
void clearing_free(struct clearing *clearing);

#endif
