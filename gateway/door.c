/* See door.h. */
#include "door.h"

#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "admission.h"
#include "base/log.h"
#include "base/memory.h"
#include "exchange.h"
#include "http_server.h"
#include "loop.h"
#include "metrics.h"
#include "request_head.h"
#include "session.h"
#include "tls.h"

enum {
  PATIENCE_MS = 10000,         /* for a head to arrive, and for Redis to answer */
  REQUEST_PATIENCE_MS = 20000, /* for a body, and what is asked */
  ANSWER_PATIENCE_MS = 60000,  /* for a response to be read */
  SURPLUS_PATIENCE_MS = 1000,
  LINGER_SECONDS = 1, /* for a peer to read why it was dropped */
};

/* Nothing is read any more: each piece of a body would put the end off. */
static void drop(struct door *door)
{
  loop_hold(door->wsi, true);
  lws_set_timeout(door->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

static void on_impatient(struct node *node, struct node_timer *timer);

static void read_peer(struct door *door)
{
  struct sockaddr_storage address = {0};
  socklen_t len = sizeof address;
  if (tls_peer(door->node->tls, lws_get_socket_fd(door->wsi), &door->ip)) return;
  if (getpeername(lws_get_socket_fd(door->wsi), (struct sockaddr *)&address, &len) == 0)
    ip_from_socket((struct sockaddr *)&address, &door->ip);
}

/* Who comes through a trusted proxy is counted once the head has told who it is. False: there
 * are too many at its address. */
static bool count_peer(struct door *door)
{
  const struct config *config = door->node->config;
  read_peer(door);
  if (ip_networks_hold(&config->trusted_networks, &door->ip)) return true;
  door->counted =
      address_counts_enter(&door->node->addresses, &door->ip, config->max_connections_per_address);
  return door->counted;
}

static enum err check_limits(struct door *door)
{
  const struct node *node = door->node;
  if (node->connections - node->surplus >= node->config->max_connections) return ERR_OVERLOADED;
  return count_peer(door) ? ERR_OK : ERR_RATE_LIMITED;
}

int door_begin(struct node *node, struct lws *wsi)
{
  struct door *door = memory_zalloc(sizeof *door);
  door->node = node;
  door->wsi = wsi;
  door->patience.call = on_impatient;
  enum err err = check_limits(door);
  if (err != ERR_OK && node->surplus >= DOOR_SURPLUS_MAX) {
    metric_add_at(METRIC_UPGRADES_REFUSED, err, 1);
    free(door);
    return -1;
  }
  door->surplus = (uint8_t)err;
  node->surplus += err != ERR_OK;
  lws_set_opaque_user_data(wsi, door);
  node_timer_set(node, &door->patience, err == ERR_OK ? PATIENCE_MS : SURPLUS_PATIENCE_MS);
  node->connections++;
  metric_add(METRIC_CONNECTIONS, 1);
  return 0;
}

static void uncount(struct door *door)
{
  if (door->counted) address_counts_leave(&door->node->addresses, &door->ip);
  door->counted = false;
}

void door_end(struct lws *wsi)
{
  struct door *door = door_of(wsi);
  if (!door) return;
  lws_set_opaque_user_data(wsi, NULL);
  node_timer_stop(door->node, &door->patience);
  uncount(door);
  pace_leave(door->node->pace, &door->place);
  if (door->session) session_free(door->session);
  if (door->exchange) exchange_end(door->exchange);
  door->node->connections--;
  door->node->surplus -= door->surplus != ERR_OK;
  metric_subtract(METRIC_CONNECTIONS, 1);
  free(door);
}

/* ---- the head ---------------------------------------------------------------------- */

/* What the peer has begun it will not finish: its end is readable for ever, whatever the
 * low-water mark says. */
static bool peer_has_ended(const struct door *door)
{
  struct pollfd peer = {.fd = lws_get_socket_fd(door->wsi), .events = POLLRDHUP};
  return poll(&peer, 1, 0) > 0;
}

/* More of the head is to come: not readable before there is more than now. */
static void wait_for_more(struct door *door, size_t have)
{
  int mark = (int)have + 1;
  setsockopt(lws_get_socket_fd(door->wsi), SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark);
  door->waits_for_more = true;
}

static void wait_no_more(struct door *door)
{
  int mark = 1;
  if (door->waits_for_more)
    setsockopt(lws_get_socket_fd(door->wsi), SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark);
  door->waits_for_more = false;
}

/* Answers in libwebsockets' place what it would drop without a word, and ends. */
static void answer_and_drop(struct door *door, enum err err)
{
  int fd = lws_get_socket_fd(door->wsi);
  static char unread[REQUEST_HEAD_MAX_BYTES];
  char response[256];
  int len = snprintf(response, sizeof response,
                     "HTTP/1.1 %d %.*s\r\n%sConnection: close\r\nContent-Length: 0\r\n\r\n",
                     err_http_status(err), SLICE_ARG(err_code(err)),
                     http_may_retry(err_http_status(err)) ? HTTP_RETRY_AFTER : "");
  node_timer_stop(door->node, &door->patience);
  metric_add_at(METRIC_HTTP_REQUESTS, err, 1);
  /* What is unread when a socket is closed resets the connection, and the answer with it. */
  while (recv(fd, unread, sizeof unread, MSG_DONTWAIT) == (ssize_t)sizeof unread) continue;
  /* The peer may be gone; it is dropped in either case. */
  (void)!send(fd, response, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
  shutdown(fd, SHUT_WR);
  loop_hold(door->wsi, true);
  lws_set_timeout(door->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LINGER_SECONDS);
}

/* Its head or its body, and nobody has answered it yet. */
static bool waits_for_request(const struct door *door)
{
  char byte;
  if (door->state == DOOR_HTTP) return !exchange_has_run(door->exchange);
  return door->state == DOOR_NEW &&
         recv(lws_get_socket_fd(door->wsi), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void on_impatient(struct node *node, struct node_timer *timer)
{
  struct door *door = (struct door *)timer;
  (void)node;
  if (door->state == DOOR_ASKING)
    door_refuse(door, ERR_UNAVAILABLE);
  else if (door->state == DOOR_WAITING)
    door_refuse(door, ERR_OVERLOADED);
  else if (waits_for_request(door)) /* RFC 9110, 15.5.9 */
    answer_and_drop(door, ERR_REQUEST_TIMEOUT);
  else if (door->state == DOOR_NEW || door->state == DOOR_HTTP)
    drop(door);
}

/* libwebsockets reads it from here on, until the response is written. */
static bool let_through(struct door *door, enum door_state state)
{
  wait_no_more(door);
  door->state = (uint8_t)state;
  loop_set_gated(door->wsi, false);
  return true;
}

/* RFC 9110, 10.1.1: the client waits for it before it sends the body, which libwebsockets does
 * not know of. It may be gone: that is found out by reading. */
static void say_continue(struct door *door)
{
  static const struct slice go_on = {"HTTP/1.1 100 Continue\r\n\r\n", 25};
  (void)!send(lws_get_socket_fd(door->wsi), go_on.data, go_on.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool plain_request(struct door *door, const struct request_head *head)
{
  if (head->chunked || !head->known_method) { /* libwebsockets reads no chunks */
    answer_and_drop(door, head->chunked ? ERR_LENGTH_REQUIRED : ERR_UNSUPPORTED);
    return false;
  }
  /* libwebsockets would read the next request together with this one, past the door. One that
   * comes while this one is carried out waits in the socket. */
  if (head->more > head->length) {
    answer_and_drop(door, ERR_UNSUPPORTED);
    return false;
  }
  node_timer_set(door->node, &door->patience, REQUEST_PATIENCE_MS);
  if (head->expects_continue) say_continue(door);
  door->exchange = exchange_begin(door, head);
  if (door->surplus && !exchange_is_page(door->exchange)) {
    answer_and_drop(door, (enum err)door->surplus);
    return false;
  }
  return let_through(door, DOOR_HTTP);
}

void door_watch_first_frame(struct door *door)
{
  loop_set_gated(door->wsi, true);
}

static bool first_frame(struct door *door)
{
  unsigned char header[2];
  ssize_t len = recv(lws_get_socket_fd(door->wsi), header, sizeof header, MSG_PEEK);
  if (len == 1 && !peer_has_ended(door)) {
    wait_for_more(door, 1);
    return false;
  }
  wait_no_more(door);
  loop_set_gated(door->wsi, false);
  bool masked = len < 2 || header[1] & 0x80;
  if (!masked) session_close(door->session, ERR_PROTOCOL);
  return masked;
}

bool door_readable(struct lws *wsi)
{
  static char bytes[REQUEST_HEAD_MAX_BYTES];
  struct door *door = door_of(wsi);
  struct request_head head;
  if (!door) return true;
  if (door->state == DOOR_OPEN) return first_frame(door);
  if (door->state == DOOR_ADMITTED || door->state == DOOR_REFUSED)
    return let_through(door, (enum door_state)door->state);
  ssize_t len = recv(lws_get_socket_fd(wsi), bytes, sizeof bytes, MSG_PEEK);
  if (len <= 0) return true; /* the end, or an error: libwebsockets finds out */
  switch (request_head_read((struct slice){bytes, (size_t)len}, &head)) {
  case HEAD_PARTIAL:
    if ((size_t)len == sizeof bytes)
      answer_and_drop(door, ERR_HEADERS_TOO_LARGE);
    else if (peer_has_ended(door))
      answer_and_drop(door, ERR_MALFORMED);
    else
      wait_for_more(door, (size_t)len);
    return false;
  case HEAD_BROKEN:
    answer_and_drop(door, ERR_MALFORMED);
    return false;
  case HEAD_WHOLE:
    break;
  }
  if (!head.upgrade) return plain_request(door, &head);
  if (door->surplus) {
    door_refuse(door, (enum err)door->surplus);
    return false;
  }
  door->state = DOOR_ASKING;
  loop_hold(wsi, true);
  node_timer_set(door->node, &door->patience, PATIENCE_MS);
  admission_begin(door, &head);
  return false;
}

void door_scant(struct lws *wsi)
{
  struct door *door = door_of(wsi);
  if (door && door->state == DOOR_OPEN && door->session) session_scant(door->session);
}

/* ---- the turn ---------------------------------------------------------------------- */

/* The head still lies in the socket, and is looked at anew. */
static bool on_turn(struct pace_place *place)
{
  struct door *door = (struct door *)((char *)place - offsetof(struct door, place));
  if (peer_has_ended(door)) { /* it has given up waiting */
    door_refuse(door, ERR_OVERLOADED);
    return false;
  }
  door->turn = true;
  door->state = DOOR_NEW;
  loop_hold(door->wsi, false);
  return true;
}

enum err door_take_turn(struct door *door)
{
  if (door->turn) return ERR_OK;
  door->place.turn = on_turn;
  enum pace_verdict verdict = pace_enter(door->node->pace, &door->place);
  if (verdict == PACE_FULL) return ERR_OVERLOADED;
  if (verdict == PACE_WAIT) {
    door->state = DOOR_WAITING;
    node_timer_set(door->node, &door->patience, PACE_WAIT_MS);
  }
  return ERR_OK;
}

/* ---- the verdict ------------------------------------------------------------------- */

static void go_on(struct door *door, enum door_state state)
{
  door->state = (uint8_t)state;
  node_timer_stop(door->node, &door->patience);
  loop_hold(door->wsi, false);
}

void door_admit(struct door *door)
{
  if (door->state != DOOR_ASKING) return; /* it was refused meanwhile */
  go_on(door, DOOR_ADMITTED);
}

static void give_back_session(struct door *door)
{
  if (door->session) session_free(door->session);
  door->session = NULL;
}

void door_refuse(struct door *door, enum err reason)
{
  if (door->state == DOOR_OPEN || door->state == DOOR_REFUSED) return;
  metric_add_at(METRIC_UPGRADES_REFUSED, reason, 1);
  log_event(LOG_INFO, "upgrade_refused", LOG_T("reason", err_code(reason)),
            LOG_N("status", err_http_status(reason)));
  door->refusal = (uint8_t)reason;
  uncount(door);
  pace_leave(door->node->pace, &door->place);
  go_on(door, DOOR_REFUSED);
}

enum err door_verdict(struct lws *wsi)
{
  struct door *door = door_of(wsi);
  if (!door) return ERR_INTERNAL;
  if (door->state == DOOR_ADMITTED) return ERR_OK;
  give_back_session(door);
  /* An upgrade that came behind another request in one packet was never asked about. */
  return door->state == DOOR_REFUSED ? (enum err)door->refusal : ERR_UNAVAILABLE;
}

void door_answered(struct lws *wsi)
{
  struct door *door = door_of(wsi);
  door->answered = true;
  node_timer_set(door->node, &door->patience, ANSWER_PATIENCE_MS);
}

void door_request_done(struct lws *wsi)
{
  struct door *door = door_of(wsi);
  if (!door) return;
  /* Of a head in which libwebsockets saw no upgrade where the door did. */
  give_back_session(door);
  if (door->exchange) exchange_end(door->exchange);
  door->exchange = NULL;
  door->answered = false;
  uncount(door);
  (void)count_peer(door); /* behind a proxy the next request may be another client's */
  door->state = DOOR_NEW;
  node_timer_set(door->node, &door->patience, PATIENCE_MS);
  loop_set_gated(wsi, true);
}
