/* What a node holds of Redis: the command link with its scripts, the bus, the
 * directory. Everything in backend/ hangs on one of these; there is one per worker.
 *
 * All calls are asynchronous: `done(arg, result)` is called exactly once, from the
 * event loop, never from inside the call itself. What a result points to lives
 * until `done` returns. When the command link is down, done gets ERR_UNAVAILABLE
 * at once (in the next turn of the loop); when Redis hangs, after 2 s, and the
 * outcome is then unknown (protocols.md, "Redis away").
 *
 * The backend moves opaque bytes: it never parses an envelope. */
#ifndef PARLEY_BACKEND_BACKEND_H
#define PARLEY_BACKEND_BACKEND_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "redis_tls.h"

struct store;
struct bus;
struct directory;
struct pushes;
struct presence;
struct probe;
struct passwords;
struct secret;

enum { TOKEN_SECRET_MIN_BYTES = 32 };

/* Bounds (design.md, Redis). */
struct backend_limits {
  unsigned inbox_messages;     /* 10,000 */
  unsigned inbox_days;         /* 30 */
  unsigned log_messages;       /* 1,000 */
  unsigned log_days;           /* 7 */
  unsigned dedupe_seconds;     /* 300 */
  unsigned reader_days;        /* 30: so long entries wait for a protocol that acknowledges */
  unsigned credential_seconds; /* 30 days: keys and tokens are good for so long */
  unsigned lease_ms;           /* 5,000: a node not heard of for so long is dead */
  unsigned command_timeout_ms; /* 2,000 */
  unsigned directory_entries;  /* 100,000 */
};

struct backend_options {
  struct event_base *base;
  const char *redis;                  /* URL (redis_url.h) */
  struct redis_tls_options redis_tls; /* read once, where the URL wants TLS */
  unsigned redis_wait; /* replicas that must have what is acknowledged before it is; 0: none */
  const char *prefix;  /* "parley:" */
  const char *node;    /* this node's id */
  /* What tokens are signed with, TOKEN_SECRET_MIN_BYTES or more. NULL: it is made once, kept in Redis
   * (parley:token-secret), and all nodes have it from there. */
  const char *token_secret;
  const char *token_secret_also; /* a second one, which tokens may be signed with; NULL: none */
  struct backend_limits limits;
};

struct backend_events {
  /* A publication, raw, on a channel that somebody subscribed; slices live until
   * it returns. */
  void (*message)(void *arg, struct slice channel, struct slice payload);
  /* The subscription of this channel is confirmed by Redis, for the first time or
   * again after the bus link came back: from here on nothing published is missed,
   * and whatever came before must be read from the list. */
  void (*subscribed)(void *arg, struct slice channel);
  /* The bus link is gone: publications are being missed until `subscribed`. */
  void (*bus_lost)(void *arg);
  /* The same, of this channel alone: in a Redis Cluster the others may be elsewhere. */
  void (*lost)(void *arg, struct slice channel);
  void *arg;
};

struct backend {
  struct backend_options options; /* strings copied */
  struct store *store;
  struct bus *bus;
  struct directory *directory;
  struct pushes *pushes; /* push.h */
  struct presence *presence;
  struct probe *probe;         /* probe.h: the proof of readiness */
  struct passwords *passwords; /* password.h */
  struct secret *secret;       /* secret.h: what tokens are signed with */
};

/* Begins to connect; returns at once. SIGPIPE must be ignored: hiredis writes to
 * connections that Redis may have closed. NULL when the URL or a file for TLS cannot be read. */
struct backend *backend_new(const struct backend_options *options,
                            const struct backend_events *events);

/* Both links are up and proven (a probe published on the node's channel came back
 * within the last 3 s). `why` gets a short reason when not; it may be NULL. */
bool backend_ready(const struct backend *backend, const char **why);

/* What the two links have seen since backend_new, for metrics. */
struct backend_counts {
  uint64_t commands, failures;   /* of the command link */
  uint64_t command_ups, bus_ups; /* times that each link came up */
  bool command_up, bus_up;
  uint64_t lag_us; /* from publishing to hearing, see probe_lag_us */
};

struct backend_counts backend_counts(const struct backend *backend);

/* Pending calls get ERR_UNAVAILABLE; then everything is given back. Not from inside a
 * callback of the backend. */
void backend_free(struct backend *backend);

#endif
