/* The port: accepts connections, a few in each turn of the loop, so that thousands that come at
 * once do not keep those waiting who are there already (libwebsockets and libevent would accept
 * until nobody is left). Who is not accepted yet waits in the kernel. */
#ifndef PARLEY_GATEWAY_ACCEPTOR_H
#define PARLEY_GATEWAY_ACCEPTOR_H

#include <event2/event.h>
#include <sys/socket.h>

struct acceptor;

/* `fd` is the callee's; it does not block, and delays nothing (TCP_NODELAY). */
typedef void acceptor_fn(void *arg, int fd, const struct sockaddr *address);

/* Listens on the port of that address ("*": all of both kinds, where the machine has both),
 * shared with the other workers (SO_REUSEPORT). NULL: errno says why it cannot. */
struct acceptor *acceptor_new(struct event_base *base, const char *listen, unsigned port,
                              acceptor_fn *call, void *arg);

void acceptor_free(struct acceptor *acceptor);

#endif
