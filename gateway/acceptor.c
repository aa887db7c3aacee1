/* See acceptor.h. */
#include "acceptor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

enum {
  BACKLOG = 4096,      /* the kernel's own bound (net.core.somaxconn) may be lower */
  ACCEPTS_A_TURN = 16, /* each costs some 50 us until it is served */
  NO_FILES_MS = 200,   /* out of files: a ready socket would make the loop spin */
};

struct acceptor {
  int fd;
  struct event *ready, *again;
  acceptor_fn *call;
  void *arg;
};

static void set_ready(struct acceptor *acceptor, bool wanted)
{
  if (wanted)
    event_add(acceptor->ready, NULL);
  else
    event_del(acceptor->ready);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
  struct acceptor *acceptor = arg;
  (void)fd;
  (void)what;
  set_ready(acceptor, true);
}

static void failed(struct acceptor *acceptor, int error)
{
  const struct timeval later = {0, NO_FILES_MS * 1000};
  if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return;
  log_event(LOG_ERROR, "accept_failed", LOG_S("why", strerror(error)));
  set_ready(acceptor, false);
  event_add(acceptor->again, &later);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
  struct acceptor *acceptor = arg;
  (void)what;
  for (int i = 0; i < ACCEPTS_A_TURN; i++) {
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    int yes = 1;
    int peer = accept4(fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (peer < 0) {
      failed(acceptor, errno);
      return;
    }
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    acceptor->call(acceptor->arg, peer, (struct sockaddr *)&address);
  }
}

/* ---- listening ---------------------------------------------------------------------------- */

/* A listening socket; negative: errno. */
static int listen_to(const struct sockaddr *address, socklen_t len)
{
  int yes = 1;
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) == 0 &&
      bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0)
    return fd;
  int reason = errno;
  close(fd);
  errno = reason;
  return -1;
}

static int listen_on(const char *listen, uint16_t port)
{
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
  bool any = strcmp(listen, "*") == 0;
  int fd = -1;
  errno = EADDRNOTAVAIL;
  if (any || inet_pton(AF_INET6, listen, &six.sin6_addr) == 1)
    fd = listen_to((struct sockaddr *)&six, sizeof six);
  if (fd < 0 && (any || inet_pton(AF_INET, listen, &four.sin_addr) == 1))
    fd = listen_to((struct sockaddr *)&four, sizeof four);
  return fd;
}

struct acceptor *acceptor_new(struct event_base *base, const char *listen, unsigned port,
                              acceptor_fn *call, void *arg)
{
  int fd = listen_on(listen, (uint16_t)port);
  if (fd < 0) return NULL;
  struct acceptor *acceptor = memory_zalloc(sizeof *acceptor);
  *acceptor = (struct acceptor){.fd = fd, .call = call, .arg = arg};
  acceptor->ready = event_new(base, fd, EV_READ | EV_PERSIST, on_ready, acceptor);
  acceptor->again = event_new(base, -1, 0, on_again, acceptor);
  set_ready(acceptor, true);
  return acceptor;
}

void acceptor_free(struct acceptor *acceptor)
{
  event_free(acceptor->ready);
  event_free(acceptor->again);
  close(acceptor->fd);
  free(acceptor);
}
