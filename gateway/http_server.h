/* Plain HTTP on the node's port: the console, health, readiness, metrics, each a page by a
 * table; and the responses of REST exchanges (exchange.h). A response is one body. */
#ifndef PARLEY_GATEWAY_HTTP_SERVER_H
#define PARLEY_GATEWAY_HTTP_SERVER_H

#include <libwebsockets.h>

#include "base/error.h"
#include "base/text.h"
#include "node.h"

struct http_response {
  int status;
  const char *content_type;
  struct text body;
  struct slice origin;  /* of a browser's page that may read it; empty: none */
  struct slice allowed; /* the methods that the path knows; empty: nobody asked */
  bool last; /* the connection ends with it: something of the request's body is unread, or
                         * libwebsockets waits for one where a PUT or POST says nothing of it */
};

/* LWS_CALLBACK_HTTP: answers the request. 0, or -1: libwebsockets is to close. */
int http_handle(struct node *node, struct lws *wsi);

/* LWS_CALLBACK_HTTP_WRITEABLE: writes the response of the connection's exchange, once it is
 * there. 0, or -1: libwebsockets is to close. */
int http_writable(struct lws *wsi);

/* http_handle for a request that offers to go on in another protocol, not WebSocket: it is
 * answered as if it did not, and the connection is to end. */
void http_handle_last(struct node *node, struct lws *wsi);

/* Refuses an upgrade: {"error":code,"message":text}, and the connection is to end. 0, or
 * -1: it could not be written. */
int http_write_error(struct lws *wsi, enum err err);

/* RFC 9110, 10.2.3: what is refused for now, and is worth asking again, and after how long. */
bool http_may_retry(int status);
#define HTTP_RETRY_AFTER_S "2"
#define HTTP_RETRY_AFTER   "Retry-After: " HTTP_RETRY_AFTER_S "\r\n"

#endif
