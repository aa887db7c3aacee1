/* Accepting, a few in each turn of the loop. */
#include "acceptor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MANY = 100 };

static struct event_base *base;
static unsigned accepted;
static int peers[MANY];

static void on_accept(void *arg, int fd, const struct sockaddr *address)
{
  (void)arg;
  assert_int_equal(address->sa_family, AF_INET);
  assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
  peers[accepted++] = fd;
}

/* A port that is free; another may take it, which would fail the test and hurt nobody. */
static unsigned free_port(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  close(fd);
  return ntohs(address.sin_port);
}

static int connect_to(unsigned port)
{
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_true(fd >= 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

struct storm {
  struct acceptor *acceptor;
  int clients[MANY];
};

static int begin(void **state)
{
  struct storm *storm = calloc(1, sizeof *storm);
  unsigned port = free_port();
  base = event_base_new();
  accepted = 0;
  storm->acceptor = acceptor_new(base, "127.0.0.1", port, on_accept, NULL);
  assert_non_null(storm->acceptor);
  for (unsigned i = 0; i < MANY; i++) storm->clients[i] = connect_to(port);
  *state = storm;
  return 0;
}

static int end(void **state)
{
  struct storm *storm = *state;
  for (unsigned i = 0; i < MANY; i++) close(storm->clients[i]);
  for (unsigned i = 0; i < accepted; i++) close(peers[i]);
  acceptor_free(storm->acceptor);
  event_base_free(base);
  free(storm);
  return 0;
}

static void a_storm_leaves_the_loop_to_others_in_between(void **state)
{
  (void)state;
  unsigned turns = 0;
  for (; accepted < MANY; turns++) {
    unsigned before = accepted;
    event_base_loop(base, EVLOOP_ONCE);
    assert_in_range(accepted - before, 1, 16);
  }
  assert_true(turns >= MANY / 16);
}

static void out_of_files_it_rests_and_goes_on(void **state)
{
  (void)state;
  struct rlimit limit, none;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  none = (struct rlimit){0, limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  event_base_loop(base, EVLOOP_NONBLOCK); /* finds out */
  unsigned turns = 0;
  for (; turns < 1000 && !accepted; turns++) event_base_loop(base, EVLOOP_NONBLOCK);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_int_equal(accepted, 0);
  /* The ready socket is not looked at: the next thing to happen is the end of the rest. */
  event_base_loop(base, EVLOOP_ONCE);
  while (!accepted) event_base_loop(base, EVLOOP_ONCE);
  assert_true(accepted > 0);
}

static void what_is_no_address_is_told(void **state)
{
  (void)state;
  struct event_base *own = event_base_new();
  assert_null(acceptor_new(own, "nowhere", 0, on_accept, NULL));
  assert_int_equal(errno, EADDRNOTAVAIL);
  event_base_free(own);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_storm_leaves_the_loop_to_others_in_between, begin, end),
      cmocka_unit_test_setup_teardown(out_of_files_it_rests_and_goes_on, begin, end),
      cmocka_unit_test(what_is_no_address_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
