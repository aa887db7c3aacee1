/* An exchange: one plain HTTP request, to a REST surface or for a page, and its response.
 *
 *   door (head) ─► route ─► body ─► credential ─► decode ─► dispatch ─► encode ─► response
 *                    └── what fails on the way is the response ──────────────────┘
 *
 * It is a caller from the moment that it is known who asks. It outlives its connection
 * while a command of it is under way. */
#ifndef PARLEY_GATEWAY_EXCHANGE_H
#define PARLEY_GATEWAY_EXCHANGE_H

#include "base/text.h"
#include "caller.h"
#include "door.h"
#include "http_server.h"
#include "request_head.h"

struct exchange;

/* For a request that the door has let through. Copies the head. What no REST surface knows is
 * asked of the pages. */
struct exchange *exchange_begin(struct door *door, const struct request_head *head);

/* A piece of the body; more than the limit is dropped, and the answer is too_large. True: it is
 * whole. What is no part of it any more (libwebsockets gives what came behind as well) is
 * dropped too, and the connection ends with the response. */
bool exchange_body(struct exchange *exchange, struct slice piece);

/* libwebsockets has read the head. A body that is too large to be read and forgotten is not waited
 * for; where there is none, the request is whole. */
void exchange_start(struct exchange *exchange);

/* The request is whole. Called again, it does nothing. When the response is ready the socket's
 * next writable event is asked for. */
void exchange_run(struct exchange *exchange);

/* Was it carried out, or refused, by now? */
bool exchange_has_run(const struct exchange *exchange);

/* Is no REST surface asked, but for a page? */
bool exchange_is_page(const struct exchange *exchange);

/* Is only the response's head wanted? */
bool exchange_is_head(const struct exchange *exchange);

/* NULL: not ready yet. It lives as long as the exchange. */
const struct http_response *exchange_response(const struct exchange *exchange);

/* The response was written, or the connection is gone. */
void exchange_end(struct exchange *exchange);

/* Gives back those whose connection went before their answer came. Several times a second, and
 * at the end. */
void exchanges_sweep(void);

#endif
