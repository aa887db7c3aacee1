/* The listener: libwebsockets, set up on the node's loop, and its callbacks. */
#ifndef PARLEY_GATEWAY_LISTENER_H
#define PARLEY_GATEWAY_LISTENER_H

#include "node.h"

/* Listens on the configured address and port, shared with the other workers. False:
 * it cannot; libwebsockets has logged why. */
bool listener_start(struct node *node);

/* Drops every connection and gives everything back. */
void listener_stop(struct node *node);

#endif
