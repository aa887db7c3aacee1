/* The door: where a connection waits until it is known whether it may come in.
 *
 * An upgrade's HTTP status depends on Redis (is the name taken? is Redis there at
 * all?), and libwebsockets cannot wait inside a handshake. So the door looks at the
 * request's head while it still lies in the socket (MSG_PEEK), holds the connection
 * back until the verdict is there, and then lets libwebsockets read, which only
 * carries the verdict out.
 *
 *   NEW ──head──► ASKING ──admission──► ADMITTED ──101──► OPEN
 *    │  └► WAITING ─turn─┘ │ (pace.h)
 *    │               └────────────────► REFUSED ──status──► gone
 *    └── no upgrade ─► HTTP ──response──► NEW
 */
#ifndef PARLEY_GATEWAY_DOOR_H
#define PARLEY_GATEWAY_DOOR_H

#include <libwebsockets.h>

#include "base/error.h"
#include "ip.h"
#include "limit.h"
#include "node.h"
#include "pace.h"
#include "protocol.h"

struct exchange;
struct session;

enum door_state {
  DOOR_NEW,
  DOOR_WAITING,
  DOOR_ASKING,
  DOOR_ADMITTED,
  DOOR_REFUSED,
  DOOR_HTTP,
  DOOR_OPEN
};

/* One TCP connection for as long as it lives; libwebsockets' opaque data. */
struct door {
  struct node_timer patience; /* first, for its call */
  struct node *node;
  struct lws *wsi;
  struct session *session;   /* from admission on */
  struct exchange *exchange; /* a plain request, until it is answered */
  struct bucket requests;
  struct pace_place place;
  struct ip ip;        /* the client's, as it is counted */
  uint8_t state;       /* enum door_state */
  uint8_t refusal;     /* enum err, of REFUSED */
  bool counted;        /* at its address */
  uint8_t surplus;     /* enum err: the limit that it is over; it may look at pages, no more */
  bool turn;           /* it has waited for its turn, which has come */
  bool waits_for_more; /* the socket's low-water mark is raised */
  bool answered;       /* the exchange's response is written, and may still be on its way */
};

/* Connections over a limit that are there all the same, so that they are told so and an operator
 * can still look: machine.c keeps files for them. */
enum { DOOR_SURPLUS_MAX = 64 };

/* libwebsockets has accepted. 0, or -1: so many are over the limits already, drop it. */
int door_begin(struct node *node, struct lws *wsi);

/* The connection is gone. */
void door_end(struct lws *wsi);

/* loop.h's gate. */
bool door_readable(struct lws *wsi);
void door_scant(struct lws *wsi);

/* Upgrades begin at a pace. ERR_OK: this one is begun now, or, where the door WAITS, is begun again
 * when it is its turn. Else the reason to refuse it. */
enum err door_take_turn(struct door *door);

/* The verdicts; the session of a refused one is given back. */
void door_admit(struct door *door);
void door_refuse(struct door *door, enum err reason);

/* libwebsockets asks whether to upgrade: ERR_OK, or the reason not to. */
enum err door_verdict(struct lws *wsi);

/* libwebsockets accepts frames without a mask (RFC 6455, 5.1); a client that does not mask
 * its first one is closed with 1002. */
void door_watch_first_frame(struct door *door);

/* The response to a plain request is written, and has so long to leave. */
void door_answered(struct lws *wsi);

/* It has left: the next request comes through the door. */
void door_request_done(struct lws *wsi);

static inline struct door *door_of(struct lws *wsi)
{
  return lws_get_opaque_user_data(wsi);
}

#endif
