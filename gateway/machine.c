#include "machine.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Files that are no connection: links to Redis, logs, the loop's own; and those over the limit
 * (door.h). */
enum { OWN_FILES = 256, FILES_MAX = 1 << 20, RESERVE_TRIES = 40, RESERVE_PAUSE_MS = 50 };

/* The quota of cgroup v2, rounded up; `cores` where there is none. */
static unsigned quota_cores(unsigned cores)
{
  long long quota, period;
  FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
  if (!file) return cores;
  int fields = fscanf(file, "%lld %lld", &quota, &period);
  fclose(file);
  if (fields != 2 || quota <= 0 || period <= 0) return cores;
  long long allowed = (quota + period - 1) / period;
  return allowed < cores ? (unsigned)allowed : cores;
}

unsigned machine_cores(void)
{
  cpu_set_t set;
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return quota_cores(count > 0 ? (unsigned)count : 1);
}

/* libwebsockets makes a table of as many entries as files may be open, and some
 * containers allow a billion: so no more than are wanted, or FILES_MAX. */
unsigned machine_raise_file_limit(unsigned wanted_connections, unsigned files_each)
{
  struct rlimit limit;
  int known = getrlimit(RLIMIT_NOFILE, &limit);
  assert(known == 0);
  rlim_t wanted =
      wanted_connections > 0 ? (rlim_t)wanted_connections * files_each + OWN_FILES : FILES_MAX;
  rlim_t raised = wanted < limit.rlim_max ? wanted : limit.rlim_max;
  if (raised > limit.rlim_cur || limit.rlim_cur > FILES_MAX) {
    struct rlimit changed = {raised, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &changed) == 0) limit = changed;
  }
  rlim_t fit = limit.rlim_cur > 2 * OWN_FILES ? limit.rlim_cur - OWN_FILES : limit.rlim_cur / 2;
  fit /= files_each;
  return wanted_connections > 0 && wanted_connections < fit ? wanted_connections : (unsigned)fit;
}

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static socklen_t make_address(const char *listen, unsigned port, union address *address)
{
  struct in6_addr v6;
  struct in_addr v4;
  if (inet_pton(AF_INET6, listen, &v6) == 1) {
    address->v6 = (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = v6};
    return sizeof address->v6;
  }
  if (inet_pton(AF_INET, listen, &v4) != 1) v4.s_addr = htonl(INADDR_ANY);
  address->v4 = (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = v4};
  return sizeof address->v4;
}

/* A socket bound to the port, with this option set; negative: errno says why. */
static int bind_port(const char *listen, unsigned port, int option)
{
  union address address;
  socklen_t len = make_address(listen, port, &address);
  int on = 1;
  int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (setsockopt(fd, SOL_SOCKET, option, &on, sizeof on) == 0 && bind(fd, &address.any, len) == 0) {
    return fd;
  }
  int reason = errno;
  close(fd);
  errno = reason;
  return -1;
}

static unsigned bound_port(int fd)
{
  union address address = {.v6 = {0}};
  socklen_t len = sizeof address;
  int known = getsockname(fd, &address.any, &len);
  assert(known == 0);
  return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

int machine_reserve_port(const char *listen, unsigned *port, char *error, size_t error_bytes)
{
  const struct timespec pause = {0, RESERVE_PAUSE_MS * 1000000L};
  int fd = -1;
  for (int i = 0; i<RESERVE_TRIES && * port> 0; i++) {
    /* SO_REUSEPORT alone would share the port with another server of the same user. */
    fd = bind_port(listen, *port, SO_REUSEADDR);
    if (fd >= 0 || errno != EADDRINUSE) break;
    nanosleep(&pause, NULL);
  }
  if (*port == 0 || fd >= 0) {
    if (fd >= 0) close(fd);
    fd = bind_port(listen, *port, SO_REUSEPORT);
  }
  if (fd < 0) {
    snprintf(error, error_bytes, "cannot listen on port %u of %s: %s", *port, listen,
             strerror(errno));
    return -1;
  }
  *port = bound_port(fd);
  return fd;
}
