/* --probe against a server that answers once, in every way. */
#include "ask_ready.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int listen_anywhere(unsigned *port)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(fd >= 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(fd, 1), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

/* In a process of its own: reads the request, and sends the answer in two pieces. */
static void serve_once(int listener, const char *answer)
{
  char request[512];
  size_t len = 0;
  int fd = accept(listener, NULL, NULL);
  while (len < sizeof request - 1) {
    ssize_t got = read(fd, request + len, sizeof request - 1 - len);
    if (got <= 0) _exit(1);
    len += (size_t)got;
    request[len] = 0;
    if (strstr(request, "\r\n\r\n")) break;
  }
  size_t half = strlen(answer) / 2, rest = strlen(answer) - half;
  bool good = strncmp(request, "GET /readyz HTTP/1.1\r\nHost: ", 28) == 0;
  good = write(fd, answer, half) == (ssize_t)half && good;
  good = write(fd, answer + half, rest) == (ssize_t)rest && good;
  _exit(good ? 0 : 1);
}

static int asked(const char *answer)
{
  unsigned port;
  int status;
  int listener = listen_anywhere(&port);
  pid_t server = fork();
  assert_true(server >= 0);
  if (server == 0) serve_once(listener, answer);
  close(listener);
  int result = ask_ready(port);
  assert_int_equal(waitpid(server, &status, 0), server);
  assert_int_equal(status, 0);
  return result;
}

static void only_200_is_ready(void **state)
{
  (void)state;
  assert_int_equal(asked("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), 0);
  assert_int_equal(asked("HTTP/1.0 200 OK\r\n\r\n"), 0);
  assert_int_equal(asked("HTTP/1.1 503 Service Unavailable\r\n\r\n"), 1);
  assert_int_equal(asked("HTTP/1.1 404 Not Found\r\n\r\n200"), 1);
  assert_int_equal(asked("SSH-2.0-x 200\r\n"), 1);
  assert_int_equal(asked("HTTP/1.1 200"), 1); /* cut off */
  assert_int_equal(asked(""), 1);
}

static void nobody_there_is_not_ready(void **state)
{
  (void)state;
  unsigned port;
  close(listen_anywhere(&port));
  assert_int_equal(ask_ready(port), 1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_200_is_ready),
      cmocka_unit_test(nobody_there_is_not_ready),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
