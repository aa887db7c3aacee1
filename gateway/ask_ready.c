#include "ask_ready.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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

/* Reads until the first line is there. False: it never came. */
static int read_status(int fd)
{
  char answer[ANSWER_BYTES];
  size_t len = 0;
  int status = 0;
  while (len < sizeof answer - 1) {
    ssize_t got = recv(fd, answer + len, sizeof answer - 1 - len, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    len += (size_t)got;
    answer[len] = 0;
    if (strchr(answer, '\n'))
      return sscanf(answer, "HTTP/1.%*1[01] %3d", &status) == 1 ? status : 0;
  }
  return 0;
}

int ask_ready(unsigned port)
{
  int fd = connect_to(port);
  if (fd < 0) {
    fprintf(stderr, "parley: cannot connect to port %u: %s\n", port, strerror(errno));
    return 1;
  }
  int status = 0;
  if (send(fd, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request)) {
    status = read_status(fd);
  }
  close(fd);
  if (status == 200) return 0;
  if (status == 0) {
    fprintf(stderr, "parley: no answer from port %u\n", port);
  } else {
    fprintf(stderr, "parley: not ready: status %d\n", status);
  }
  return 1;
}
