/* See tls.h. */
#include "tls.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "acceptor.h"
#include "base/log.h"
#include "base/memory.h"
#include "door.h"
#include "metrics.h"

enum {
  HANDSHAKES_AT_MOST = 1024, /* under way; more wait in the kernel: they cost a key exchange each */
  HANDSHAKE_SECONDS = 10,
  LINGER_SECONDS = 10,        /* for what waits when one side has gone; each piece of it */
  WAITING_BYTES = 128 * 1024, /* of one direction; above, its source is not read */
  REASON_BYTES = 256,
};

/* One connection. */
struct conduit {
  UT_hash_handle hh;           /* by fd, of those that are JOINED */
  struct conduit *prev, *next; /* all of them */
  struct tls *tls;
  enum { HANDSHAKE, JOINED, ENDING } state; /* ENDING: only what waits for one side is left */
  struct bufferevent *outer, *inner;        /* the client's side; libwebsockets', once JOINED */
  int fd;                                   /* libwebsockets' end */
  struct ip peer;
};

struct tls {
  struct node *node;
  SSL_CTX *context;
  struct acceptor *acceptor;
  struct conduit *conduits, *joined; /* a list; a table by libwebsockets' descriptor */
  unsigned handshakes;               /* under way */
};

/* ---- the certificate ------------------------------------------------------------------- */

static void complain(const char *what, const char *file, char *error, size_t error_bytes)
{
  char reason[REASON_BYTES];
  ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
  ERR_clear_error();
  snprintf(error, error_bytes, "%s %s: %s", what, file, reason);
}

/* RFC 9113 is not spoken: a client that offers HTTP/1.1 (RFC 7301) is told so. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
  static const unsigned char http_1_1[] = "\x08http/1.1";
  (void)ssl;
  (void)arg;
  unsigned char *chosen;
  if (SSL_select_next_proto(&chosen, out_len, http_1_1, sizeof http_1_1 - 1, in, in_len) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(const char *cert, const char *key, char *error, size_t error_bytes)
{
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (!context) return NULL;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); /* idle connections are the most */
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
  if (SSL_CTX_use_certificate_chain_file(context, cert) != 1)
    complain("tls-cert", cert, error, error_bytes);
  else if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
           SSL_CTX_check_private_key(context) != 1)
    complain("tls-key", key, error, error_bytes);
  else
    return context;
  SSL_CTX_free(context);
  return NULL;
}

bool tls_check(const char *cert, const char *key, char *error, size_t error_bytes)
{
  SSL_CTX *context = context_new(cert, key, error, error_bytes);
  SSL_CTX_free(context);
  return context != NULL;
}

/* ---- connections ------------------------------------------------------------------------- */

/* libwebsockets' side is gone, or goes by this. */
static void unjoin(struct conduit *conduit)
{
  HASH_DEL(conduit->tls->joined, conduit);
  bufferevent_free(conduit->inner);
  conduit->inner = NULL;
}

static void handshake_ended(struct tls *tls)
{
  if (tls->handshakes-- == HANDSHAKES_AT_MOST && tls->acceptor)
    acceptor_pause(tls->acceptor, false);
}

static void conduit_free(struct conduit *conduit)
{
  if (conduit->state == HANDSHAKE) handshake_ended(conduit->tls);
  if (conduit->inner) unjoin(conduit);
  DL_DELETE(conduit->tls->conduits, conduit);
  SSL *ssl = bufferevent_openssl_get_ssl(conduit->outer);
  /* Without waiting for the peer's close_notify (RFC 8446, 6.1). */
  SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
  SSL_shutdown(ssl);
  bufferevent_free(conduit->outer);
  free(conduit);
}

static struct bufferevent *other(const struct conduit *conduit, const struct bufferevent *one)
{
  return one == conduit->outer ? conduit->inner : conduit->outer;
}

static void on_read(struct bufferevent *from, void *arg)
{
  struct conduit *conduit = arg;
  struct bufferevent *to = other(conduit, from);
  struct evbuffer *waiting = bufferevent_get_output(to);
  evbuffer_add_buffer(waiting, bufferevent_get_input(from));
  if (evbuffer_get_length(waiting) > WAITING_BYTES) bufferevent_disable(from, EV_READ);
}

/* All that waited is out. */
static void on_written(struct bufferevent *to, void *arg)
{
  struct conduit *conduit = arg;
  if (conduit->state == ENDING)
    conduit_free(conduit);
  else
    bufferevent_enable(other(conduit, to), EV_READ);
}

/* What either side said last is still told to the other one, where that takes it. */
static void end_side(struct conduit *conduit, const struct bufferevent *side)
{
  static const struct timeval linger = {LINGER_SECONDS, 0};
  struct bufferevent *rest = conduit->state == JOINED ? other(conduit, side) : NULL;
  if (!rest || !evbuffer_get_length(bufferevent_get_output(rest))) {
    conduit_free(conduit);
    return;
  }
  conduit->state = ENDING;
  if (side == conduit->inner) unjoin(conduit);
  bufferevent_disable(rest, EV_READ);
  bufferevent_set_timeouts(rest, NULL, &linger);
}

static void on_event(struct bufferevent *side, short what, void *arg);

/* The handshake is done: libwebsockets gets its end of a socket pair. */
static void join(struct conduit *conduit)
{
  struct tls *tls = conduit->tls;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    conduit_free(conduit);
    return;
  }
  conduit->inner = bufferevent_socket_new(tls->node->base, ends[0], BEV_OPT_CLOSE_ON_FREE);
  conduit->fd = ends[1];
  conduit->state = JOINED;
  handshake_ended(tls);
  HASH_ADD_INT(tls->joined, fd, conduit);
  bufferevent_set_timeouts(conduit->outer, NULL, NULL);
  bufferevent_setcb(conduit->outer, on_read, on_written, on_event, conduit);
  bufferevent_setcb(conduit->inner, on_read, on_written, on_event, conduit);
  bufferevent_enable(conduit->inner, EV_READ | EV_WRITE);
  on_read(conduit->outer, conduit); /* what came with the handshake */
  /* Where it is refused, libwebsockets closes its end, and on_event follows. */
  (void)lws_adopt_socket(tls->node->context, ends[1]);
}

static void on_event(struct bufferevent *side, short what, void *arg)
{
  struct conduit *conduit = arg;
  if ((what & BEV_EVENT_CONNECTED) && conduit->state == HANDSHAKE)
    join(conduit);
  else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))
    end_side(conduit, side);
}

static void on_accept(void *arg, int fd, const struct sockaddr *address)
{
  struct tls *tls = arg;
  static const struct timeval patience = {HANDSHAKE_SECONDS, 0};
  if (tls->node->connections >= tls->node->config->max_connections + DOOR_SURPLUS_MAX) {
    metric_add_at(METRIC_UPGRADES_REFUSED, ERR_OVERLOADED, 1);
    close(fd);
    return;
  }
  struct conduit *conduit = memory_zalloc(sizeof *conduit);
  conduit->tls = tls;
  ip_from_socket(address, &conduit->peer);
  DL_APPEND(tls->conduits, conduit);
  if (++tls->handshakes == HANDSHAKES_AT_MOST) acceptor_pause(tls->acceptor, true);
  conduit->outer = bufferevent_openssl_socket_new(tls->node->base, fd, SSL_new(tls->context),
                                                  BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_openssl_set_allow_dirty_shutdown(conduit->outer, 1);
  bufferevent_setcb(conduit->outer, NULL, NULL, on_event, conduit);
  bufferevent_set_timeouts(conduit->outer, &patience, &patience);
  bufferevent_enable(conduit->outer, EV_READ | EV_WRITE);
}

bool tls_peer(const struct tls *tls, int fd, struct ip *ip)
{
  const struct conduit *conduit = NULL;
  if (tls) HASH_FIND_INT(tls->joined, &fd, conduit);
  if (conduit) *ip = conduit->peer;
  return conduit != NULL;
}

/* ---- all of it ---------------------------------------------------------------------------- */

struct tls *tls_new(struct node *node)
{
  char error[REASON_BYTES * 2] = "it cannot listen there";
  struct tls *tls = memory_zalloc(sizeof *tls);
  tls->node = node;
  tls->context = context_new(node->config->tls_cert, node->config->tls_key, error, sizeof error);
  const struct config *config = node->config;
  if (tls->context)
    tls->acceptor = acceptor_new(node->base, config->listen, config->port, on_accept, tls);
  if (tls->acceptor) return tls;
  log_event(LOG_ERROR, "tls_failed", LOG_S("error", error));
  SSL_CTX_free(tls->context);
  free(tls);
  return NULL;
}

void tls_reload(struct tls *tls)
{
  char error[REASON_BYTES * 2] = "";
  const struct config *config = tls->node->config;
  SSL_CTX *context = context_new(config->tls_cert, config->tls_key, error, sizeof error);
  if (!context) {
    log_event(LOG_ERROR, "tls_reload_failed", LOG_S("error", error));
    return;
  }
  SSL_CTX_free(tls->context); /* connections hold what they need of it */
  tls->context = context;
  log_event(LOG_INFO, "tls_reloaded", LOG_S("cert", config->tls_cert));
}

void tls_free(struct tls *tls)
{
  acceptor_free(tls->acceptor);
  tls->acceptor = NULL;
  while (tls->conduits) conduit_free(tls->conduits);
  SSL_CTX_free(tls->context);
  free(tls);
}
