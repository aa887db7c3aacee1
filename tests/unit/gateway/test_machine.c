/* Cores, the file limit, and a port that nobody else gets. */
#include "machine.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void cores_are_those_one_may_use(void **state)
{
  (void)state;
  cpu_set_t all, one;
  assert_in_range(machine_cores(), 1, CPU_SETSIZE);
  assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
  int first = 0;
  while (!CPU_ISSET(first, &all)) first++;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  assert_int_equal(machine_cores(), 1);
  assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void the_file_limit_is_raised_to_what_is_wanted(void **state)
{
  (void)state;
  struct rlimit limit, lowered;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  lowered = limit;
  lowered.rlim_cur = 300;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  assert_int_equal(machine_raise_file_limit(100, 1), 100);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &lowered), 0);
  assert_int_equal(lowered.rlim_cur, 356);
  unsigned all = machine_raise_file_limit(0, 1);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &lowered), 0);
  assert_true(lowered.rlim_cur == limit.rlim_max || lowered.rlim_cur == 1 << 20);
  assert_int_equal(all, lowered.rlim_cur - 256);
  assert_int_equal(machine_raise_file_limit(0x7fffffff, 1), limit.rlim_max - 256);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int bind_shared(unsigned port)
{
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  assert_true(fd >= 0);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

static void a_free_port_is_found_and_shared(void **state)
{
  (void)state;
  char error[256] = "";
  unsigned port = 0;
  int reserved = machine_reserve_port("127.0.0.1", &port, error, sizeof error);
  assert_true(reserved >= 0);
  assert_true(port > 0);
  int worker = bind_shared(port), other = bind_shared(port);
  assert_int_equal(listen(worker, 8), 0);
  assert_int_equal(listen(other, 8), 0);

  /* Another server of the same user gets it neither while it listens ... */
  unsigned same = port;
  assert_int_equal(machine_reserve_port("127.0.0.1", &same, error, sizeof error), -1);
  assert_non_null(strstr(error, "Address already in use"));
  close(worker);
  close(other);
  close(reserved);
  /* ... but when it is gone. */
  reserved = machine_reserve_port("127.0.0.1", &same, error, sizeof error);
  assert_true(reserved >= 0);
  assert_int_equal(same, port);
  close(reserved);
}

static void every_form_of_address_is_taken(void **state)
{
  (void)state;
  char error[256] = "";
  unsigned any = 0, foreign = 0;
  int fd = machine_reserve_port("*", &any, error, sizeof error);
  assert_true(fd >= 0 && any > 0);
  close(fd);
  assert_int_equal(machine_reserve_port("192.0.2.1", &foreign, error, sizeof error), -1);
  assert_non_null(strstr(error, "cannot listen on port 0 of 192.0.2.1: "));
  int six = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (six < 0) return; /* a machine without IPv6 */
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  bool has_loopback = bind(six, (struct sockaddr *)&address, sizeof address) == 0;
  close(six);
  unsigned port = 0;
  fd = machine_reserve_port("::1", &port, error, sizeof error);
  assert_int_equal(fd >= 0, has_loopback);
  if (fd >= 0) close(fd);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cores_are_those_one_may_use),
      cmocka_unit_test(the_file_limit_is_raised_to_what_is_wanted),
      cmocka_unit_test(a_free_port_is_found_and_shared),
      cmocka_unit_test(every_form_of_address_is_taken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
