/* TLS for clients: it ends here, and the node sees plain connections. Every TLS connection is
 * joined with a socket pair whose other end libwebsockets adopts: so the door can look at a
 * request's head before anything is read (door.h), whether it came in plain or not.
 *
 *   client ══TLS══► bufferevent_openssl ◄──► bufferevent ──socket pair──► door, libwebsockets
 */
#ifndef PARLEY_GATEWAY_TLS_H
#define PARLEY_GATEWAY_TLS_H

#include "ip.h"
#include "node.h"

struct tls;

/* Listens on the configured port, shared with the other workers. NULL: it cannot; logged. */
struct tls *tls_new(struct node *node);
void tls_free(struct tls *tls);

/* Connections from now on are shown the certificate that the configuration names now; where it
 * cannot be read, the one before, and that is logged. */
void tls_reload(struct tls *tls);

/* The address of the client behind an adopted socket. False: it is none of ours. */
bool tls_peer(const struct tls *tls, int fd, struct ip *ip);

#endif
