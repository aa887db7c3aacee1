#include "ask_ready.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_SECONDS = 3, ANSWER_BYTES = 512 };

static const char request[] = "GET /readyz HTTP/1.1\r\n"
                              "Host: 127.0.0.1\r\n"
                              "User-Agent: parley-probe\r\n"
                              "Connection: close\r\n\r\n";

static int connect_to(unsigned port)
{
  const struct timeval timeout = {TIMEOUT_SECONDS, 0};
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  /* On Linux the timeout for sending holds for connect as well. */
  if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 &&
      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
      connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
    return fd;
  }
  int reason = errno;
  close(fd);
  errno = reason;
  return -1;
}

/* A connection to ask over: `ssl` is NULL where it is a plain one. */
struct asking {
  int fd;
  SSL *ssl;
};

static ssize_t asking_read(const struct asking *asking, char *bytes, size_t room)
{
  if (asking->ssl) return SSL_read(asking->ssl, bytes, (int)room);
  return recv(asking->fd, bytes, room, 0);
}

static bool asking_write(const struct asking *asking)
{
  const size_t len = sizeof request - 1;
  if (asking->ssl) return SSL_write(asking->ssl, request, (int)len) == (int)len;
  return send(asking->fd, request, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Reads until the first line is there. 0: it never came. */
static int read_status(const struct asking *asking)
{
  char answer[ANSWER_BYTES];
  size_t len = 0;
  int status = 0;
  while (len < sizeof answer - 1) {
    ssize_t got = asking_read(asking, answer + len, sizeof answer - 1 - len);
    if (got < 0 && errno == EINTR && !asking->ssl) continue;
    if (got <= 0) break;
    len += (size_t)got;
    answer[len] = 0;
    if (strchr(answer, '\n'))
      return sscanf(answer, "HTTP/1.%*1[01] %3d", &status) == 1 ? status : 0;
  }
  return 0;
}

static int ask_plain(int fd)
{
  struct asking asking = {fd, NULL};
  return asking_write(&asking) ? read_status(&asking) : 0;
}

/* It is this machine that is asked, by a number: there is nothing to hold a certificate against. */
static int ask_tls(int fd)
{
  int status = 0;
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  struct asking asking = {fd, context ? SSL_new(context) : NULL};
  if (asking.ssl && SSL_set_fd(asking.ssl, fd) == 1 && SSL_connect(asking.ssl) == 1 &&
      asking_write(&asking))
    status = read_status(&asking);
  SSL_free(asking.ssl);
  SSL_CTX_free(context);
  return status;
}

/* The status that came; 0: none; negative: no connection. */
static int ask(unsigned port, int (*over)(int fd))
{
  int fd = connect_to(port);
  if (fd < 0) return -1;
  int status = over(fd);
  close(fd);
  return status;
}

int ask_ready(unsigned port)
{
  int status = ask(port, ask_plain);
  if (status == 0) status = ask(port, ask_tls);
  if (status == 200) return 0;
  if (status < 0)
    fprintf(stderr, "parley: cannot connect to port %u: %s\n", port, strerror(errno));
  else if (status == 0)
    fprintf(stderr, "parley: no answer from port %u\n", port);
  else
    fprintf(stderr, "parley: not ready: status %d\n", status);
  return 1;
}
