/* The pace at which upgrades begin: when everybody comes back at once (a node has died), those
 * who are there already must still be served. Whoever comes faster than handshakes-per-second
 * stands in a line, in the order of coming, and is called when it is their turn; the line is as
 * long as can be served in time, and who finds no place in it is refused. */
#ifndef PARLEY_GATEWAY_PACE_H
#define PARLEY_GATEWAY_PACE_H

#include <stdbool.h>
#include <stddef.h>

struct node;
struct pace;

enum { PACE_WAIT_MS = 5000 }; /* nobody stands in the line for longer */

/* A place in the line; stands in a struct of one's own. All zero bytes: in no line. */
struct pace_place {
  struct pace_place *previous, *next;     /* NULL where it is in no line */
  bool (*turn)(struct pace_place *place); /* false: it is wanted no more, and costs nothing */
};

static inline bool pace_waits(const struct pace_place *place)
{
  return place->previous != NULL; /* the first one's is the last one (utlist.h) */
}

struct pace *pace_new(struct node *node);

/* The line is empty by now. */
void pace_free(struct pace *pace);

enum pace_verdict {
  PACE_NOW,  /* begin; this one is counted */
  PACE_WAIT, /* `turn` will be called, counted then */
  PACE_FULL, /* it would take too long */
};

enum pace_verdict pace_enter(struct pace *pace, struct pace_place *place);

/* Gives up a place, where it has one. */
void pace_leave(struct pace *pace, struct pace_place *place);

#endif
