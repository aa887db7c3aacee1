/* The head of an HTTP/1.1 request (RFC 9112), as far as the door must know it before
 * libwebsockets reads it. */
#ifndef PARLEY_GATEWAY_REQUEST_HEAD_H
#define PARLEY_GATEWAY_REQUEST_HEAD_H

#include <stdbool.h>

#include "identity.h"

#define REQUEST_HEAD_MAX_BYTES 8192

struct request_head {
  struct request request;
  struct slice version;      /* Sec-WebSocket-Version */
  bool upgrade;              /* Upgrade: websocket */
  bool has_body, has_length; /* a method with a body; Content-Length */
  size_t length;             /* of the body, as that says */
  size_t more;               /* bytes behind the head: the body, and what came behind that */
  bool chunked;
  bool expects_continue; /* Expect: 100-continue */
};

enum head_result { HEAD_WHOLE, HEAD_PARTIAL, HEAD_BROKEN };

/* Slices of `bytes`. PARTIAL: its end has not come. BROKEN: no HTTP request, or a head
 * that two readers could understand in two ways (RFC 9112, 2.2, 5.1, 6.3). */
enum head_result request_head_read(struct slice bytes, struct request_head *head);

#endif
