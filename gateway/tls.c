/* See tls.h. */
#include "tls.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "acceptor.h"
#include "base/log.h"
#include "base/memory.h"
#include "certificate.h"
#include "door.h"
#include "metrics.h"

enum {
  STEPS_A_TURN = 4, /* of handshakes: one may cost a signature, which is a millisecond with RSA */
  HANDSHAKE_MS = 10000,
  LINGER_SECONDS = 10,        /* for what waits when one side has gone; each piece of it */
  WAITING_BYTES = 128 * 1024, /* of one direction; above, its source is not read */
};

/* One connection. */
struct conduit {
  struct node_timer patience;  /* for the HANDSHAKE, in all */
  UT_hash_handle hh;           /* by fd, of those that are JOINED */
  struct conduit *prev, *next; /* all of them */
  struct tls *tls;
  enum { HANDSHAKE, JOINED, ENDING } state; /* ENDING: only what waits for one side is left */
  struct event *ready;                      /* of the client's socket; HANDSHAKE only */
  SSL *ssl;                                 /* NULL: it has said nothing yet; then it is outer's */
  struct bufferevent *outer, *inner;        /* the client's side; libwebsockets'. Once JOINED */
  int fd; /* the client's socket; libwebsockets' end, once JOINED */
  struct ip peer;
};

struct tls {
  struct node *node;
  SSL_CTX *context;
  struct acceptor *acceptor;
  struct conduit *conduits, *joined; /* a list; a table by libwebsockets' descriptor */
  struct address_counts addresses;   /* of handshakes under way */
  unsigned handshakes;
  struct timeval turn; /* of the loop, in which there were so many: */
  unsigned steps;
};

/* ---- connections ------------------------------------------------------------------------- */

/* libwebsockets' side is gone, or goes by this. */
static void unjoin(struct conduit *conduit)
{
  HASH_DEL(conduit->tls->joined, conduit);
  bufferevent_free(conduit->inner);
  conduit->inner = NULL;
}

/* The client's socket is somebody else's from here on, or closed. */
static void handshake_ended(struct conduit *conduit)
{
  struct tls *tls = conduit->tls;
  tls->handshakes--;
  address_counts_leave(&tls->addresses, &conduit->peer);
  node_timer_stop(tls->node, &conduit->patience);
  event_free(conduit->ready);
  conduit->ready = NULL;
}

/* Without waiting for the peer's close_notify (RFC 8446, 6.1). */
static void close_outer(struct conduit *conduit)
{
  SSL *ssl = bufferevent_openssl_get_ssl(conduit->outer);
  SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
  SSL_shutdown(ssl);
  bufferevent_free(conduit->outer);
}

static void conduit_free(struct conduit *conduit)
{
  DL_DELETE(conduit->tls->conduits, conduit);
  if (conduit->inner) unjoin(conduit);
  if (conduit->state == HANDSHAKE) {
    handshake_ended(conduit);
    SSL_free(conduit->ssl);
    close(conduit->fd);
  } else {
    close_outer(conduit);
  }
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

static void on_event(struct bufferevent *side, short what, void *arg)
{
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) end_side(arg, side);
}

/* The handshake is done: libwebsockets gets its end of a socket pair. */
static void join(struct conduit *conduit)
{
  struct tls *tls = conduit->tls;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    conduit_free(conduit);
    return;
  }
  handshake_ended(conduit);
  conduit->outer = bufferevent_openssl_socket_new(tls->node->base, conduit->fd, conduit->ssl,
                                                  BUFFEREVENT_SSL_OPEN, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_openssl_set_allow_dirty_shutdown(conduit->outer, 1);
  conduit->inner = bufferevent_socket_new(tls->node->base, ends[0], BEV_OPT_CLOSE_ON_FREE);
  conduit->fd = ends[1];
  conduit->state = JOINED;
  HASH_ADD_INT(tls->joined, fd, conduit);
  bufferevent_setcb(conduit->outer, on_read, on_written, on_event, conduit);
  bufferevent_setcb(conduit->inner, on_read, on_written, on_event, conduit);
  bufferevent_enable(conduit->outer, EV_READ | EV_WRITE);
  bufferevent_enable(conduit->inner, EV_READ | EV_WRITE);
  /* Where it is refused, libwebsockets closes its end, and on_event follows. */
  (void)lws_adopt_socket(tls->node->context, ends[1]);
}

/* ---- handshakes ---------------------------------------------------------------------------- */

static void on_ready(evutil_socket_t fd, short what, void *arg);

static void wait_for(struct conduit *conduit, short what)
{
  struct event_base *base = conduit->tls->node->base;
  if (event_get_events(conduit->ready) & what) return;
  event_del(conduit->ready);
  event_assign(conduit->ready, base, conduit->fd, (short)(what | EV_PERSIST), on_ready, conduit);
  event_add(conduit->ready, NULL);
}

/* Thousands of clients may say hello at once. The time that libevent remembers is one for each
 * turn of the loop. */
static bool has_turn(struct tls *tls)
{
  struct timeval turn;
  event_base_gettimeofday_cached(tls->node->base, &turn);
  if (!evutil_timercmp(&turn, &tls->turn, ==)) tls->steps = 0;
  tls->turn = turn;
  return tls->steps++ < STEPS_A_TURN;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
  struct conduit *conduit = arg;
  (void)fd;
  (void)what;
  if (!has_turn(conduit->tls)) { /* its socket stays ready; it is not the client who is slow */
    node_timer_set(conduit->tls->node, &conduit->patience, HANDSHAKE_MS);
    return;
  }
  if (!conduit->ssl) {
    conduit->ssl = SSL_new(conduit->tls->context);
    SSL_set_accept_state(conduit->ssl);
    SSL_set_fd(conduit->ssl, conduit->fd);
  }
  ERR_clear_error();
  int result = SSL_do_handshake(conduit->ssl);
  int error = SSL_get_error(conduit->ssl, result);
  if (result == 1)
    join(conduit);
  else if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
    wait_for(conduit, error == SSL_ERROR_WANT_READ ? EV_READ : EV_WRITE);
  else
    conduit_free(conduit);
}

static void on_impatient(struct node *node, struct node_timer *timer)
{
  (void)node;
  conduit_free((struct conduit *)timer);
}

/* Who says nothing counts as well; once joined it is the door that counts. */
static enum err check_limits(struct tls *tls, const struct ip *peer)
{
  const struct node *node = tls->node;
  const struct config *config = node->config;
  if (node->connections + tls->handshakes >= config->max_connections + DOOR_SURPLUS_MAX)
    return ERR_OVERLOADED;
  bool proxy = ip_networks_hold(&config->trusted_networks, peer);
  unsigned limit = proxy ? 0 : config->max_connections_per_address;
  return address_counts_enter(&tls->addresses, peer, limit) ? ERR_OK : ERR_RATE_LIMITED;
}

static void on_accept(void *arg, int fd, const struct sockaddr *address)
{
  struct tls *tls = arg;
  struct ip peer;
  ip_from_socket(address, &peer);
  enum err err = check_limits(tls, &peer);
  if (err != ERR_OK) {
    metric_add_at(METRIC_UPGRADES_REFUSED, err, 1);
    close(fd);
    return;
  }
  struct conduit *conduit = memory_zalloc(sizeof *conduit);
  conduit->tls = tls;
  conduit->fd = fd;
  conduit->peer = peer;
  tls->handshakes++;
  DL_APPEND(tls->conduits, conduit);
  conduit->patience.call = on_impatient;
  node_timer_set(tls->node, &conduit->patience, HANDSHAKE_MS);
  conduit->ready = event_new(tls->node->base, fd, EV_READ | EV_PERSIST, on_ready, conduit);
  event_add(conduit->ready, NULL);
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
  char error[CERTIFICATE_ERROR_BYTES] = "it cannot listen there";
  struct tls *tls = memory_zalloc(sizeof *tls);
  tls->node = node;
  tls->context =
      certificate_context(node->config->tls_cert, node->config->tls_key, error, sizeof error);
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
  char error[CERTIFICATE_ERROR_BYTES] = "";
  const struct config *config = tls->node->config;
  SSL_CTX *context = certificate_context(config->tls_cert, config->tls_key, error, sizeof error);
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
  address_counts_free(&tls->addresses);
  SSL_CTX_free(tls->context);
  free(tls);
}
