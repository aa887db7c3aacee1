/* The muster roll: who of this node may stand in Redis as its session, alive or on the way out;
 * and what backend/sweep.c finds there held against it. Whom the roll does not have is cleared
 * away there; who lives and does not stand there joins again (admission.c). */
#ifndef PARLEY_GATEWAY_MUSTER_H
#define PARLEY_GATEWAY_MUSTER_H

#include <uthash.h>

#include "base/slice.h"

struct node;
struct presence_part;

/* Sessions are found by their ids. Of those that are on the way out each has an entry, inside of
 * what it is about. */
struct mustered {
  UT_hash_handle hh;
  struct slice session; /* its owner's; lives as long as the entry is on the roll */
};

void muster_add(struct node *node, struct mustered *entry, struct slice session);
void muster_remove(struct node *node, struct mustered *entry); /* idempotent */

/* presence_events.muster; `arg` is the node. */
void muster_part(void *arg, const struct presence_part *part);

#endif
