/* Names of hosts to addresses without holding up the loop: hiredis asks the system's
 * resolver, which waits, for many seconds just when a container with Redis in it is
 * down and its name with it. */
#ifndef PARLEY_BACKEND_RESOLVER_H
#define PARLEY_BACKEND_RESOLVER_H

#include <event2/event.h>

struct resolver;

struct resolver *resolver_new(struct event_base *base);
void resolver_free(struct resolver *resolver);

/* `address` is one of the host's, in digits; or NULL, and `error` says why. Lives until
 * it returns. May be called from inside resolver_ask. */
typedef void resolved_fn(void *arg, const char *address, const char *error);

/* Asks the system's resolver; no waiting where `host` is an address. Where it has
 * several, `turn` chooses. One host a resolver, one question at a time. */
void resolver_ask(struct resolver *resolver, const char *host, unsigned turn, resolved_fn *done,
                  void *arg);

/* `done` will not be called. */
void resolver_cancel(struct resolver *resolver);

#endif
