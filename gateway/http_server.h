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

/* The page at `path`, into a response that is empty: its status, type and body. ERR_OK, or what
 * the response says: ERR_NOT_FOUND, ERR_BAD_METHOD, ERR_UNAVAILABLE (readiness). */
enum err http_page(struct node *node, struct slice method, struct slice path,
                   struct http_response *response);

/* LWS_CALLBACK_HTTP: the head was read. 0, or -1: libwebsockets is to close. */
int http_handle(struct lws *wsi);

/* LWS_CALLBACK_HTTP_BODY. */
void http_body(struct lws *wsi, struct slice piece);

/* loop.h's gate. */
void http_about_to_write(struct lws *wsi);

/* LWS_CALLBACK_HTTP_WRITEABLE: writes the response of the connection's exchange, once it is
 * there. 0, or -1: libwebsockets is to close. */
int http_writable(struct lws *wsi);

/* Refuses an upgrade: {"error":code,"message":text}, and the connection is to end. 0, or
 * -1: it could not be written. */
int http_write_error(struct lws *wsi, enum err err);

/* RFC 9110, 10.2.3: what is refused for now, and is worth asking again, and after how long. */
bool http_may_retry(int status);
#define HTTP_RETRY_AFTER_S "2"
#define HTTP_RETRY_AFTER   "Retry-After: " HTTP_RETRY_AFTER_S "\r\n"

#endif
