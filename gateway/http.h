/* Plain HTTP on the node's port: the console, health, readiness, metrics. A request is
 * routed by a table; a response is one body. */
#ifndef PARLEY_GATEWAY_HTTP_H
#define PARLEY_GATEWAY_HTTP_H

#include <libwebsockets.h>

#include "base/error.h"
#include "node.h"

/* LWS_CALLBACK_HTTP: answers the request. 0, or -1: libwebsockets is to close. */
int http_handle(struct node *node, struct lws *wsi);

/* The same for a request that offers to go on in another protocol, not WebSocket: it is
 * answered as if it did not, and the connection is to end. */
void http_handle_last(struct node *node, struct lws *wsi);

/* Refuses an upgrade: {"error":code,"message":text}, and the connection is to end. 0, or
 * -1: it could not be written. */
int http_write_error(struct lws *wsi, enum err err);

#endif
