/* Ids into parties: who the users of a list are, for lists that hold ids alone. */
#ifndef PARLEY_GATEWAY_PARTIES_H
#define PARLEY_GATEWAY_PARTIES_H

#include "envelope.h"
#include "node.h"

/* In the order of the ids, without those that are nobody's; the strings live for the call.
 * ERR_UNAVAILABLE, ERR_INTERNAL: and nobody. */
typedef void parties_fn(void *arg, enum err err, const struct party *parties, size_t count);

/* Looks up users by the directory; those that it does not hold are asked of Redis all at once.
 * An id may be empty, and stand several times. Copies the ids; `done` is called once, from
 * inside this call where nothing has to be asked. */
void parties_find(struct node *node, const struct slice *ids, size_t count, parties_fn *done,
                  void *arg);

/* The one of these with the id; PARTY_NONE where there is none. */
struct party parties_pick(const struct party *parties, size_t count, struct slice id);

#endif
