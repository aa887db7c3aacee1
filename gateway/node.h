/* A node: one worker process with everything that it holds: its own event loop, its
 * own links to Redis, and the port shared with the other workers. Single-threaded. */
#ifndef PARLEY_GATEWAY_NODE_H
#define PARLEY_GATEWAY_NODE_H

#include <event2/event.h>
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "base/arena.h"
#include "base/text.h"
#include "config.h"
#include "envelope.h"
#include "limit.h"
#include "wheel.h"

struct hub;
struct callers;
struct acceptor;
struct public_rooms;
struct pace;
struct sessions;
struct attendance;
struct tls;
struct acquaintance;
struct mustered;
struct guesses;
struct settling;
struct roll_call;

struct node {
  const struct config *config; /* replaced as a whole by SIGHUP */
  const char *id;              /* <node-id>.<worker>; the hash tag of the node's keys */
  struct event_base *base;
  struct lws_context *context;
  struct acceptor *acceptor; /* the listener; NULL where there is TLS */
  struct tls *tls;           /* has one of its own */
  struct backend *backend;
  struct callers *callers;
  struct public_rooms *public_rooms;
  struct sessions *sessions;
  struct hub *hub;
  struct attendance *attendance;
  struct roll_call *roll_call; /* NULL: nobody here is told who attends */
  struct acquaintance *acquaintance;
  struct mustered *muster; /* muster.h: those on the way out; a table, NULL while empty */
  struct wheel wheel;      /* every coarse timer of the node; 100 ms ticks */
  struct address_counts addresses;
  struct pace *pace;
  struct guesses *guesses;
  struct settling *settlings; /* settle.h: a list */
  struct event *flush;        /* active once in a turn in which somebody got something */
  uint64_t flush_from_us;     /* not before, while commands are in flight; monotonic */
  unsigned connections;       /* at the door and beyond */
  unsigned surplus;           /* of them over a limit (door.h) */
  uint64_t now_ms;            /* monotonic, as of the last tick: 100 ms coarse */
  bool draining;              /* no new connections; readiness fails */
  bool ending;                /* everything is being given back */
};

/* Runs until SIGTERM has drained it. Called by the supervisor in the worker's own
 * process and process group, with signals at their defaults but for SIGPIPE, logging as configured,
 * metrics in this worker's slot, and `config` complete (port, workers and
 * max_connections are no longer 0). The node's id is `<config->node_id>.<worker>`.
 * SIGTERM drains, SIGHUP reloads (config_reload). It sets METRIC_LISTENING once its
 * listener is there: the supervisor says that the program listens when all workers
 * do, and gives up where one returns before. Returns the exit status of the process:
 * 0 after a drain. */
int node_run(const struct config *config, unsigned worker, const char *redis_url);

/* What is timed with the node's wheel: the entry stands first in a struct of one's
 * own, so that it can be told by its call. */
struct node_timer {
  struct wheel_entry entry;
  void (*call)(struct node *node, struct node_timer *timer);
};

void node_timer_set(struct node *node, struct node_timer *timer, uint64_t delay_ms);
void node_timer_stop(struct node *node, struct node_timer *timer);

/* sessions_flush at the end of this turn of the loop, or a little later where that pays. */
void node_flush_soon(struct node *node);

/* One of METRIC_COMMANDS_IN_FLIGHT is. */
void node_command_answered(struct node *node);

/* Milliseconds since the epoch, for timestamps. */
uint64_t node_wall_ms(void);

/* Of the monotonic clock, as it is now: `now_ms` is cheaper. */
uint64_t node_monotonic_ms(void);

#endif
