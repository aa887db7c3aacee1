/* See listener.h. One table row per callback of libwebsockets that matters here; what
 * each one does stands in door.c, http_server.c, exchange.c and session.c. */
#include "listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "acceptor.h"
#include "base/log.h"
#include "base/memory.h"
#include "door.h"
#include "http_server.h"
#include "loop.h"
#include "protocol.h"
#include "request_head.h"
#include "session.h"
#include "tls.h"

enum {
  /* Idle memory against pieces: a message up to this long arrives in one. */
  RECEIVE_BYTES = 512,
  SERVICE_BYTES = 64 * 1024,
  HEAD_BYTES = 2 * REQUEST_HEAD_MAX_BYTES, /* with what it notes of each field */
  PATIENCE_SECONDS = 60,                   /* libwebsockets', for anything: the door has less */
  SUBPROTOCOL_BYTES = 64,
};

static struct node *node_of(struct lws *wsi)
{
  return lws_context_user(lws_get_context(wsi));
}

static int on_new(struct lws *wsi, void *in, size_t len)
{
  (void)in;
  (void)len;
  return door_begin(node_of(wsi), wsi);
}

static int on_gone(struct lws *wsi, void *in, size_t len)
{
  (void)in;
  (void)len;
  door_end(wsi);
  return 0;
}

/* 0: upgrade. -1: the response has been written, close. */
static int on_confirm_upgrade(struct lws *wsi, void *in, size_t len)
{
  (void)len;
  /* To another protocol (h2c) we do not upgrade, which a server may (RFC 9110, 7.8); a
   * libwebsockets built with HTTP/2 would. It looks here again, and goes on as if nobody asked. */
  if (strcasecmp(in, "websocket") != 0) {
    *(char *)in = '\0';
    return 0;
  }
  enum err err = door_verdict(wsi);
  if (err == ERR_OK) return 0;
  http_write_error(wsi, err);
  return -1;
}

static int on_established(struct lws *wsi, void *in, size_t len)
{
  struct door *door = door_of(wsi);
  (void)in;
  (void)len;
  if (!door || !door->session) return -1;
  /* What libwebsockets itself finds wrong with a frame it closes, some of it without a code
   * (a ping of over 125 bytes); whoever closes for another reason sets that. */
  lws_close_reason(wsi, LWS_CLOSE_STATUS_PROTOCOL_ERR, NULL, 0);
  door->state = DOOR_OPEN;
  door_watch_first_frame(door);
  session_open(door->session, wsi);
  return 0;
}

static struct session *session_of(struct lws *wsi)
{
  struct door *door = door_of(wsi);
  return door && door->state == DOOR_OPEN ? door->session : NULL;
}

static int on_receive(struct lws *wsi, void *in, size_t len)
{
  struct session *session = session_of(wsi);
  if (!session) return -1;
  loop_received(wsi, len);
  return session_receive(session, (struct slice){in, len}, lws_is_first_fragment(wsi),
                         lws_is_final_fragment(wsi), lws_frame_is_binary(wsi),
                         lws_remaining_packet_payload(wsi));
}

/* RFC 6455, 5.5.1 and 7.4.2: a code has two bytes, and there is none from 5000 on. Of the others
 * libwebsockets itself knows which no peer may send. */
static int on_peer_close(struct lws *wsi, void *in, size_t len)
{
  enum { CODES_END = 5000 };
  const unsigned char *code = in;
  (void)wsi;
  return len == 1 || (len > 1 && code[0] * 256 + code[1] >= CODES_END) ? -1 : 0;
}

static int on_pong(struct lws *wsi, void *in, size_t len)
{
  struct session *session = session_of(wsi);
  if (session) session_pong(session, (struct slice){in, len});
  return 0;
}

static int on_writable(struct lws *wsi, void *in, size_t len)
{
  struct session *session = session_of(wsi);
  (void)in;
  (void)len;
  return session ? session_writable(session) : 0;
}

static int on_http(struct lws *wsi, void *in, size_t len)
{
  (void)in;
  (void)len;
  return http_handle(wsi);
}

static int on_body(struct lws *wsi, void *in, size_t len)
{
  http_body(wsi, (struct slice){in, len});
  return 0;
}

/* on_body has seen that; libwebsockets would answer in our place. */
static int on_body_whole(struct lws *wsi, void *in, size_t len)
{
  (void)wsi;
  (void)in;
  (void)len;
  return 0;
}

static int on_http_writable(struct lws *wsi, void *in, size_t len)
{
  (void)in;
  (void)len;
  return http_writable(wsi);
}

static const struct {
  enum lws_callback_reasons reason;
  int (*call)(struct lws *wsi, void *in, size_t len);
} callbacks[] = {
    {LWS_CALLBACK_RECEIVE, on_receive},
    {LWS_CALLBACK_SERVER_WRITEABLE, on_writable},
    {LWS_CALLBACK_RECEIVE_PONG, on_pong},
    {LWS_CALLBACK_WS_PEER_INITIATED_CLOSE, on_peer_close},
    {LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED, on_new},
    {LWS_CALLBACK_HTTP_CONFIRM_UPGRADE, on_confirm_upgrade},
    {LWS_CALLBACK_ESTABLISHED, on_established},
    {LWS_CALLBACK_WSI_DESTROY, on_gone},
    {LWS_CALLBACK_HTTP, on_http},
    {LWS_CALLBACK_HTTP_BODY, on_body},
    {LWS_CALLBACK_HTTP_BODY_COMPLETION, on_body_whole},
    {LWS_CALLBACK_HTTP_WRITEABLE, on_http_writable},
};

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
  for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; i++)
    if (callbacks[i].reason == reason) return callbacks[i].call(wsi, in, len);
  return lws_callback_http_dummy(wsi, reason, user, in, len);
}

/* The first entry serves HTTP and upgrades without a subprotocol; the others are the
 * names that an upgrade may ask for, so that they are echoed. */
static const struct lws_protocols *make_protocols(void)
{
  static struct lws_protocols table[PROTOCOL_COUNT + 2];
  static char names[PROTOCOL_COUNT][SUBPROTOCOL_BYTES];
  const struct lws_protocols entry = {
      .name = "parley",
      .callback = on_event,
      .rx_buffer_size = RECEIVE_BYTES,
      .tx_packet_size = SERVICE_BYTES,
  };
  size_t count = 0;
  table[count++] = entry;
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    if (!protocol_has_websocket(protocols[i])) continue;
    snprintf(names[i], sizeof names[i], "parley.%s.v1", protocols[i]->name);
    table[count] = entry;
    table[count++].name = names[i];
  }
  return table;
}

static void on_log(int level, const char *line)
{
  struct slice text = slice_of(line);
  while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
    text.len--;
  log_event(level & LLL_ERR ? LOG_WARNING : LOG_DEBUG, "libwebsockets", LOG_T("line", text));
}

/* Where it is refused (door_begin), libwebsockets has closed it. */
static void on_accept(void *arg, int fd, const struct sockaddr *address)
{
  struct node *node = arg;
  (void)address;
  (void)lws_adopt_socket(node->context, fd);
}

static bool accept_plain(struct node *node)
{
  const struct config *config = node->config;
  node->acceptor = acceptor_new(node->base, config->listen, config->port, on_accept, node);
  if (!node->acceptor) log_event(LOG_ERROR, "listen_failed", LOG_S("error", strerror(errno)));
  return node->acceptor != NULL;
}

static bool accept_tls(struct node *node)
{
  node->tls = tls_new(node);
  return node->tls != NULL;
}

bool listener_start(struct node *node)
{
  static const struct loop_gate gate = {door_readable, door_scant, http_about_to_write};
  /* Its keepalive keeps a sorted list, which makes accepting linear; pings are proof.c's. */
  static const lws_retry_bo_t no_keepalive = {.secs_since_valid_ping = 0,
                                              .secs_since_valid_hangup = 0};
  const struct config *config = node->config;
  struct lws_context_creation_info info = {
      .port = CONTEXT_PORT_NO_LISTEN_SERVER,
      .protocols = make_protocols(),
      .options = LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
      .pt_serv_buf_size = SERVICE_BYTES,
      .max_http_header_data = HEAD_BYTES,
      .timeout_secs = PATIENCE_SECONDS,
      .timeout_secs_ah_idle = PATIENCE_SECONDS,
      .keepalive_timeout = PATIENCE_SECONDS,
      .retry_and_idle_policy = &no_keepalive,
      .server_string = "parley",
      .gid = (gid_t)-1,
      .uid = (uid_t)-1,
      .user = node,
  };
  lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
  loop_use(&info, node->base, &gate);
  node->context = lws_create_context(&info);
  return node->context && (*config->tls_cert ? accept_tls(node) : accept_plain(node));
}

void listener_stop(struct node *node)
{
  if (node->tls) tls_free(node->tls);
  if (node->acceptor) acceptor_free(node->acceptor);
  node->tls = NULL;
  node->acceptor = NULL;
  if (node->context) lws_context_destroy(node->context);
  node->context = NULL;
}
