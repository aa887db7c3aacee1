/* What the backend's tests stand on: a redis-server of their own in a folder of its
 * own, killed and started again at will, and nodes (a backend each, all on one event
 * loop) that note down what they are told.
 *
 * Nothing here waits for time: WAIT turns the loop until a condition holds. */
#ifndef PARLEY_TESTS_REDIS_FIXTURE_H
#define PARLEY_TESTS_REDIS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <sys/types.h>

#include "backend.h"
#include "base/text.h"
#include "conversation.h"
#include "directory.h"
#include "inbox.h"
#include "presence.h"

struct redis {
  char folder[64];
  char socket[96], url[112];
  const char *const *extra; /* arguments of its own; live as long */
  char sentinel[96];        /* the file of a sentinel, which it rewrites; empty: it is none */
  pid_t pid;
  redisContext *plain; /* a connection of the test's own */
};

/* Append-only, on a Unix socket. `extra`: further arguments, NULL at the end, or NULL. */
void redis_start(struct redis *redis, const char *const *extra);
/* A sentinel; `lines` of its configuration, beside where it listens. */
void redis_start_sentinel(struct redis *redis, const char *port, const char *lines);
void redis_kill(struct redis *redis);    /* kill -9; its data stays */
void redis_restart(struct redis *redis); /* after redis_kill */
void redis_pause(struct redis *redis);   /* SIGSTOP */
void redis_resume(struct redis *redis);
void redis_end(struct redis *redis); /* and its folder is gone */

/* A command's answer as text: numbers in digits, nil as "(nil)", errors as they are,
 * arrays with a blank between their elements. Valid until the next eight. */
const char *redis_ask(struct redis *redis, const char *format, ...);

/* Is the text part of any key's name, or of anything that any key holds? */
bool redis_holds(struct redis *redis, const char *text);

/* One publication, subscription, ... that a node was told of. */
struct told {
  char *text;
  struct told *next;
};

struct told_list {
  struct told *first, **last;
  size_t count;
};

const char *told_at(const struct told_list *list, size_t index);
bool told_has(const struct told_list *list, const char *text);

struct node {
  struct backend *backend;
  struct event_base *base;
  struct told_list messages;   /* "channel payload" */
  struct told_list subscribed; /* "channel" */
  struct told_list lost;       /* "channel" */
  struct told_list reaped;     /* "protocol user session" */
  unsigned bus_lost, lease_lost;
  bool keeps_tickets; /* reaped sessions are not finished at once */
  void *ticket;       /* the last one kept */
  /* presence_events.muster, with the node as `arg`; set between node_start and node_lease. */
  void (*muster)(void *arg, const struct presence_part *part);
};

/* A TCP port that the system just gave out and took back. */
int free_port(void);

struct event_base *loop_new(void);
void loop_free(struct event_base *base);

/* Limits with the product's defaults; change and pass to node_start_with. */
struct backend_limits node_limits(void);
void node_start(struct node *node, struct event_base *base, struct redis *redis, const char *name);
void node_start_with(struct node *node, struct event_base *base, const char *url, const char *name,
                     struct backend_limits limits);
/* With a secret of its own for tokens, and another that they may be signed with, or NULL. */
void node_start_signing(struct node *node, struct event_base *base, struct redis *redis,
                        const char *name, const char *secret, const char *also);
void node_start_options(struct node *node, const struct backend_options *options);
void node_lease(struct node *node); /* presence_start */
void node_end(struct node *node);

/* Subscribes the channel, and waits until that is confirmed. */
void node_hear(struct node *node, const char *channel);

/* One turn of the loop; never longer than some milliseconds. */
void loop_turn(struct event_base *base);
uint64_t loop_now_ms(void);

#define WAIT_MS 20000

#define WAIT(base, condition)                                                         \
  do {                                                                                \
    for (uint64_t until_ms_ = loop_now_ms() + WAIT_MS; !(condition); loop_turn(base)) \
      if (loop_now_ms() > until_ms_) fail_msg("never came true: %s", #condition);     \
  } while (0)

/* Calls with their outcomes kept, so that a test reads like a list of facts. */
struct outcome {
  uint64_t id, seq, num;
  size_t count, sessions;
  enum err err;
  unsigned times; /* how often it was called: once */
  bool done, repeated, more;
  char lines[8192]; /* of a page: a newline behind each */
  char uuid[40], name[140], rooms[256];
};

void on_stamp(void *arg, const struct stamp *stamp);
void on_page(void *arg, const struct page *page);
void on_err(void *arg, enum err err);
void on_joined(void *arg, const struct presence_joined *joined);
void on_entry(void *arg, enum err err, const struct entry *entry);

/* The same, waited for. */
struct outcome push(struct node *node, const char *user, const char *dedupe, const char *rest);
struct outcome page(struct node *node, const char *user, uint64_t after, unsigned max_count,
                    size_t max_bytes);
struct outcome confirm(struct node *node, const char *user, uint64_t id);
struct outcome read_ids(struct node *node, const char *user, const uint64_t *ids, size_t count);
struct outcome say(struct node *node, const char *room, const char *user, const char *dedupe,
                   const char *rest);
struct outcome log_page(struct node *node, const char *room, uint64_t after, unsigned max_count,
                        size_t max_bytes);
struct outcome enter(struct node *node, const char *room, const char *user, const char *rest);
struct outcome leave_room(struct node *node, const char *room, const char *user, const char *rest);
struct outcome attend(struct node *node, const char *user, const char *session);
struct outcome depart(struct node *node, const char *user, const char *session);
struct outcome join(struct node *node, const char *user, const char *session, const char *protocol,
                    const char *device, enum presence_exclusive exclusive);
struct outcome leave(struct node *node, const char *user, const char *session, bool finished);
struct outcome resolve(struct node *node, enum owner_kind kind, const char *id, bool create);

#endif
