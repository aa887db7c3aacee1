/* Routes: which protocol is spoken at which path. Configuration, not code: any
 * protocol can be mounted at any path (protocols.md). */
#ifndef PARLEY_GATEWAY_ROUTES_H
#define PARLEY_GATEWAY_ROUTES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"
#include "protocol.h"

struct route {
  struct slice path;
  const struct protocol *protocol;
};

struct route_table {
  const struct route *routes;
  size_t count;
};

/* Reads "simple=/simple,/;messaging=/messaging" into the arena. Empty text: each
 * protocol's own paths. False: `error` holds one line. */
bool routes_read(struct arena *arena, const char *text, struct route_table *table, char *error,
                 size_t error_bytes);

/* The protocol at exactly this path; NULL where there is none. */
const struct protocol *routes_find(const struct route_table *table, struct slice path);

#endif
