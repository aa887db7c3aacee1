/* A session: one client's connection, from the moment it asks to be let in until
 * it is gone. Its states:
 *
 *   JOINING ──► JOINED ──► OPEN ──► CLOSING ──► (gone)
 *   the door    registered  after    close frame asked for,
 *   waits       in Redis    the 101  nothing is read or delivered any more
 *
 * Every end goes through session_close with a row of the error table. */
#ifndef PARLEY_GATEWAY_SESSION_H
#define PARLEY_GATEWAY_SESSION_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/frame.h"
#include "caller.h"
#include "hub.h"
#include "identity.h"
#include "limit.h"
#include "node.h"
#include "outbox.h"
#include "protocol.h"

struct awaited_reply;
struct barred;
struct door;
struct identity;
struct showing;
struct shown;

enum session_state { SESSION_JOINING, SESSION_JOINED, SESSION_OPEN, SESSION_CLOSING };

struct session {
  struct node_timer timer; /* OPEN: heartbeats and proofs; first, for its call */
  struct caller caller;    /* who it is to dispatch; its id is "<node>-<run>.<handle>" */
  struct lws *wsi;         /* from the upgrade on */
  struct door *door;       /* until then */
  struct slice device, room;
  struct slice credential; /* id of the one that it came in with; empty: none */
  uint64_t expires_ms;     /* that one's end, wall clock; 0: none */
  char *identity, *names;  /* where these stand: user id and credential; the user's uuid and name */
  struct subscription *subscriptions;
  struct subscription *inbox;
  struct outbox outbox;
  struct session *next_dirty;    /* to be flushed at the end of this turn */
  struct awaited_reply *replies; /* wait for an event to be shown first */
  struct shown *shown;           /* messages that the client may mark as read */
  struct showing *showing;       /* its contacts are being asked about */
  struct text message;           /* the pieces of a fragmented message so far */
  size_t message_bytes;          /* of all its pieces, those dropped included */
  struct bucket frames, bytes;
  uint64_t opened_ms, heard_ms; /* monotonic */
  uint64_t since_ms;            /* when it joined first, by Redis' clock */
  uint64_t heartbeat_ms;        /* when the newest of the unanswered heartbeats was sent */
  uint64_t pinged_seq;          /* the payload of the ping that is out */
  struct barred *barred;        /* rooms that its user was put out of */
  uint32_t frames_in, frames_out;
  /* Small ones together: each connection has them. */
  uint8_t state;         /* enum session_state */
  uint8_t reason;        /* enum err, of CLOSING */
  uint8_t unanswered;    /* heartbeats */
  uint8_t message_error; /* enum err: the rest of this message is dropped, then answered so */
  bool message_binary;
  bool in_frame; /* more of the current frame is to come */
  bool reading_paused;
  bool joining, joined;                  /* presence_join is under way; was done */
  bool dirty, blocked;                   /* blocked: the socket takes no more */
  bool ping_out;                         /* one ping at a time */
  bool proof_wanted, proof_wanted_later; /* something stored was written that a pong would prove */
  bool attends;       /* the lobby may have been told of it: its end is told as well */
  bool mustered;      /* it stands in Redis, as far as was looked this time (muster.c) */
  bool arrived;       /* the lobby was told, or is being told */
  bool greeted;       /* it was told last that its own user is there */
  bool rejoins;       /* is to join again (admission.c) */
  bool rooms_changed; /* since it joined last, by an event */
  bool close_said;    /* the close frame is on its way */
  bool room_allowed;  /* the claim's room is one that its user may hear */
  bool rooms_asked;   /* JOINED, and waits until all its subscriptions know where to begin */
  char memory[];      /* id, user, device and room stand here */
};

struct sessions *sessions_new(void);
void sessions_free(struct sessions *sessions);
size_t sessions_count(const struct sessions *sessions);

/* NULL when it is gone, or never was. */
struct session *session_find(struct node *node, uint64_t handle);
struct session *session_by_id(struct node *node, struct slice id);

/* Calls `call` for every session; it may close any. */
void sessions_each(struct node *node, void (*call)(struct session *session, void *arg), void *arg);

/* A new session in JOINING; copies the claim. */
struct session *session_new(struct node *node, const struct protocol *protocol,
                            const struct claim *claim);

/* Whom the claim was found to be; copies it. */
void session_identified(struct session *session, const struct identity *identity);

/* Redis knows the user by these; copies them. JOINING becomes JOINED. */
void session_joined(struct session *session, uint64_t num, struct slice uuid, struct slice name);

/* Its user goes by another name now; copies it. */
void session_renamed(struct session *session, struct slice name);

/* The one room that a HEARS_ONE_ROOM connection hears: the claim's, else the lobby. */
struct slice session_room(const struct session *session);

/* What the codec is told. */
struct session_view session_view(const struct session *session);

/* The upgrade is done: `wsi` is the session's from now on. */
void session_open(struct session *session, struct lws *wsi);

/* Ends it with a close frame of the error's code, after what its outbox holds; one
 * that still waits at the door is refused with the error's HTTP status. Until the
 * connection is gone nothing more is read or queued. */
void session_close(struct session *session, enum err reason);

/* The connection is gone (or the door was left): gives everything back. */
void session_free(struct session *session);

/* Takes over one reference. Over the limit the session is closed with TOO_SLOW. */
void session_send(struct session *session, struct frame *frame);

/* Something stored went to the outbox whose receipt is worth proving. NOW: a ping
 * follows it in the same flush. LATER: within a second, so that a busy room costs one
 * ping a second. */
enum proof { PROOF_NOW, PROOF_LATER };
void session_want_proof(struct session *session, enum proof when);

/* The subscription has reached its cursor's seq, live: replies that waited for that are
 * sent, and the lobby is told of a newcomer. */
void session_heard(struct session *session, struct subscription *subscription);

/* Flushed at the end of this turn of the loop. */
void session_touch(struct session *session);

/* The socket takes bytes again. 0, or -1: libwebsockets is to close. */
int session_writable(struct session *session);

/* Everyone who got something in this turn of the loop. */
void sessions_flush(struct node *node);

/* A piece of a message. `first` and `final` are of the WebSocket message; `left` is
 * what of the current frame is still to come. 0, or -1: close. */
int session_receive(struct session *session, struct slice piece, bool first, bool final,
                    bool binary, size_t left);

/* A read brought nearly nothing: it counts as a frame, so that pings, empty fragments and
 * messages that come drop by drop are bounded like everything else that is read. */
void session_scant(struct session *session);

/* A pong (RFC 6455, 5.5.3). */
void session_pong(struct session *session, struct slice payload);

/* The socket is not read, or is again: too many commands are under way. */
void session_pause_reading(struct session *session, bool paused);

#endif
