/* The head of an HTTP/1.1 request (RFC 9112), as far as the door must know it before
 * libwebsockets reads it. What the two could read differently is refused here. */
#ifndef PARLEY_GATEWAY_REQUEST_HEAD_H
#define PARLEY_GATEWAY_REQUEST_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "identity.h"

#define REQUEST_HEAD_MAX_BYTES 8192

struct request_head {
  struct request request;
  struct slice version; /* Sec-WebSocket-Version */
  uint64_t length;      /* of the body, where has_length */
  bool upgrade;         /* to WebSocket */
  bool known_method;
  bool has_body, has_length; /* a method with a body; Content-Length */
  uint64_t more;             /* bytes behind the head: the body, and what came behind that */
  bool chunked;              /* Transfer-Encoding, of any kind */
  bool expects_continue;     /* Expect: 100-continue */
};

enum head_result { HEAD_WHOLE, HEAD_PARTIAL, HEAD_BROKEN };

/* Slices of `bytes`. PARTIAL: its end has not come. BROKEN: no HTTP request, an upgrade that
 * RFC 6455, 4.1 does not know, or a head that two readers could understand in two ways
 * (RFC 9112, 2.2, 3.2, 5.1, 5.2, 6.3); told as soon as it can be seen. */
enum head_result request_head_read(struct slice bytes, struct request_head *head);

#endif
