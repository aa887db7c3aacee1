/* One connection to Redis that comes back by itself.
 *
 *   waiting ──(backoff over)──► connecting ──► greeting ──(all answered well)──► up
 *      ▲                                                                          │
 *      └── refused, lost, an answer overdue, or link_restart ─────────────────────┘
 *
 * The greeting is AUTH, SELECT, CLIENT SETNAME, ROLE, what the owner adds (scripts to
 * load), and a PING; nothing else is sent before each of them was answered well.
 * While the link is not up, commands are refused at once; while Redis hangs, they
 * wait for timeout_ms, and then the connection is given up with all of them. So a
 * command's `done` is called exactly once, and never from inside link_command. An answer
 * that says READONLY ends the connection: whom it leads to has become a replica. */
#ifndef PARLEY_BACKEND_LINK_H
#define PARLEY_BACKEND_LINK_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "redis_url.h"

struct redisReply;
struct redis_tls;
struct link;

struct link_options {
  struct event_base *base;
  const struct redis_url *url; /* as whom, to which database; outlives the link */
  struct redis_tls *tls;       /* outlives the link; NULL: none */
  /* Where the next try goes to; `tries` failed since the link was last up. The host need only
   * live until the next one is asked for; NULL: not known at the moment. May be NULL: to the
   * URL's (first) host. */
  const struct redis_host *(*locate)(void *arg, unsigned tries);
  const char *name;         /* what CLIENT LIST and the log show; copied */
  unsigned timeout_ms;      /* how long an answer may take */
  bool sharded;             /* it is for SSUBSCRIBE: `message` gets pushes (RESP3) */
  bool must_be_master;      /* one that ROLE calls a replica is given up */
  void (*greet)(void *arg); /* adds to the greeting with link_greet; may be NULL */
  /* The answer to link_greet_ask, before `up`. May be NULL where that is never called. */
  void (*greeted)(void *arg, const struct redisReply *reply);
  void (*up)(void *arg);
  void (*down)(void *arg); /* was up, and is no longer */
  /* What comes on a subscribed connection: messages, and answers to SUBSCRIBE and
   * UNSUBSCRIBE. May be NULL where link_subscribe is never called. */
  void (*message)(void *arg, const struct redisReply *message);
  void *arg;
};

/* `reply` lives until it returns, and may be an error that Redis answered; NULL
 * with ERR_UNAVAILABLE: no answer came, and the outcome is unknown unless the link
 * was down when the command was given. */
typedef void link_fn(void *arg, enum err err, const struct redisReply *reply);

/* Begins to connect in the next turn of the loop. */
struct link *link_new(const struct link_options *options);

/* What is pending gets ERR_UNAVAILABLE first. Not from inside a callback of the link. */
void link_free(struct link *link);

bool link_is_up(const struct link *link);

/* What a link has seen since link_new. */
struct link_counts {
  uint64_t commands; /* given to Redis */
  uint64_t failures; /* not answered, or refused at once */
  uint64_t ups;      /* times that it came up */
};

struct link_counts link_counts(const struct link *link);

/* `command` is RESP (redis.io, protocol specification), `len` bytes and a NUL byte
 * behind them; it is copied. Commands given in one turn of the loop go out in one
 * write. `done` may be NULL. */
void link_command(struct link *link, const char *command, size_t len, link_fn *done, void *arg);

/* Answers ERR_UNAVAILABLE in the next turn of the loop, as while the link is down. */
void link_refuse(struct link *link, link_fn *done, void *arg);

/* Answers `err` and no reply in the next turn of the loop; ERR_UNAVAILABLE in link_free. */
void link_soon(struct link *link, enum err err, link_fn *done, void *arg);

/* One more command of the greeting: an error in its answer fails the greeting. */
void link_greet(struct link *link, const char *command, size_t len);

/* One more, whose answer `greeted` gets; an error in it fails nothing. */
void link_greet_ask(struct link *link, const char *command, size_t len);

/* Of a sharded link `message` gets smessage, ssubscribe, sunsubscribe (also when nobody asked
 * for it: the slot has moved) and ["error", text]; link_restart is not for inside of it, and no
 * other command may be sent. Any number of commands can go at once. Of others: */

/* Sends a SUBSCRIBE or an UNSUBSCRIBE; options.message tells the rest. A channel's
 * name stands in one of either at a time, until it is answered: hiredis asserts
 * where they overlap. False: not up, nothing was sent. */
bool link_subscribe(struct link *link, const char *command, size_t len);

/* options.locate leads elsewhere now: gives up a connection, and connects there soon. */
void link_move(struct link *link);

/* Gives the connection up, for the reason that is logged, and connects again. */
void link_restart(struct link *link, const char *reason);

#endif
