/* The supervisor with workers and a private Redis of this test's own making: what they
 * are to do, and what became of them, stands in memory that all processes share.
 *
 * Nothing here waits for time, but where a pause itself is the matter. */
#include "supervisor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "metrics.h"
#include "node.h"
#include "private_redis.h"

enum { WORKERS = 2, DEADLINE_MS = 20000, STARTS_KEPT = 8 };

enum behaviour { BEHAVE, FAIL_AT_ONCE, CRASH_AT_ONCE, IGNORE_TERM };

struct seen_worker {
  int pid;
  int starts;
  uint64_t start_ms[STARTS_KEPT];
  int reloads;
  unsigned port, max_connections, frames_per_second;
  uint64_t restarts; /* its metric, as the worker itself sees it */
  char redis_url[64];
  int in_own_group;
};

static struct {
  int behaviour; /* of worker 0 */
  int redis_fails;
  struct seen_worker workers[WORKERS];
  int redis_pid, redis_starts, redis_stops;
  int worker_running_at_redis_stop;
} * shared;

static char file_path[64];
static int output; /* reads what the supervisor printed */

static uint64_t now_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Until the condition holds; a test that waits too long fails. */
#define WAIT_UNTIL(condition)                                             \
  for (uint64_t end_ = now_ms() + DEADLINE_MS; !(condition);) {           \
    if (now_ms() > end_) fail_msg("waited too long for: %s", #condition); \
    __atomic_thread_fence(__ATOMIC_SEQ_CST);                              \
    usleep(1000);                                                         \
  }

/* ---- what the supervisor starts ---- */

static volatile sig_atomic_t got_term, got_hup;

static void on_signal(int signal)
{
  if (signal == SIGHUP) got_hup = 1;
  if (signal == SIGTERM) got_term = 1;
}

static void record_start(struct seen_worker *seen, const struct config *config, const char *url)
{
  seen->port = config->port;
  seen->max_connections = config->max_connections;
  seen->frames_per_second = config->frames_per_second;
  seen->restarts = metric_get(METRIC_WORKER_RESTARTS);
  seen->in_own_group = getpgrp() == getpid();
  snprintf(seen->redis_url, sizeof seen->redis_url, "%s", url);
  seen->start_ms[seen->starts % STARTS_KEPT] = now_ms();
  seen->pid = getpid();
  __atomic_add_fetch(&seen->starts, 1, __ATOMIC_SEQ_CST);
}

/* Signals at their defaults and none blocked, as node.h says. */
static bool signals_are_as_promised(void)
{
  struct sigaction action;
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  for (const int *signal = (int[]){SIGTERM, SIGHUP, SIGINT, SIGCHLD, 0}; *signal; signal++) {
    sigaction(*signal, NULL, &action);
    if (sigismember(&mask, *signal) || action.sa_handler != SIG_DFL) return false;
  }
  sigaction(SIGPIPE, NULL, &action);
  return action.sa_handler == SIG_IGN;
}

int node_run(const struct config *config, unsigned worker, const char *redis_url)
{
  struct seen_worker *seen = &shared->workers[worker];
  int behaviour = worker == 0 ? shared->behaviour : BEHAVE;
  if (!signals_are_as_promised()) return 3;
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGHUP, &action, NULL);
  if (behaviour == IGNORE_TERM) action.sa_handler = SIG_IGN;
  sigaction(SIGTERM, &action, NULL);
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGHUP);
  sigaddset(&blocked, SIGTERM);
  sigprocmask(SIG_BLOCK, &blocked, &before);
  record_start(seen, config, redis_url);
  if (behaviour == FAIL_AT_ONCE) return 1;
  if (behaviour == CRASH_AT_ONCE) raise(SIGKILL);
  metric_set(METRIC_LISTENING, 1);
  while (!got_term) {
    sigsuspend(&before);
    if (got_hup) __atomic_add_fetch(&seen->reloads, 1, __ATOMIC_SEQ_CST);
    got_hup = 0;
  }
  return 0;
}

bool private_redis_start(struct private_redis *redis, const char *folder, char *error,
                         size_t error_bytes)
{
  if (shared->redis_fails) {
    snprintf(error, error_bytes, "no redis in %s", folder);
    return false;
  }
  snprintf(redis->url, sizeof redis->url, "unix://%s/redis.sock", folder);
  redis->pid = fork();
  if (redis->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  shared->redis_pid = redis->pid;
  __atomic_add_fetch(&shared->redis_starts, 1, __ATOMIC_SEQ_CST);
  return redis->pid > 0;
}

void private_redis_stop(struct private_redis *redis)
{
  for (int i = 0; i < WORKERS; i++) {
    int pid = shared->workers[i].pid;
    if (pid > 0 && kill(pid, 0) == 0) shared->worker_running_at_redis_stop = 1;
  }
  kill(redis->pid, SIGKILL);
  waitpid(redis->pid, NULL, 0);
  shared->redis_stops++;
}

/* ---- the test's side ---- */

static pid_t start_supervisor(char **flags)
{
  char *arguments[16] = {"parley", "--port=0", "--workers=2", "--log-level=error", "--node-id=t"};
  size_t count = 5;
  while (*flags) arguments[count++] = *flags++;
  char *environment[] = {NULL};
  int pipe_ends[2];
  assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
  output = pipe_ends[0];
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid > 0) {
    close(pipe_ends[1]);
    return pid;
  }
  struct config config;
  char error[256];
  dup2(pipe_ends[1], STDOUT_FILENO);
  if (!config_load(&config, arguments, environment, error, sizeof error)) _exit(99);
  int status = supervisor_run(&config);
  config_free(&config);
  _exit(status);
}

static int ended(pid_t supervisor)
{
  int status;
  assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void read_line(char *line, size_t bytes)
{
  size_t len = 0;
  while (len < bytes - 1 && read(output, line + len, 1) == 1 && line[len] != '\n') len++;
  line[len] = 0;
}

#define NO_REDIS   "--redis=redis://127.0.0.1:1"
#define FLAGS(...) ((char *[]){__VA_ARGS__, NULL})

static void says_the_port_once_all_listen_and_ends_on_sigterm(void **state)
{
  (void)state;
  char line[128], expected[128];
  pid_t supervisor = start_supervisor(FLAGS(NO_REDIS, "--max-connections=100"));
  read_line(line, sizeof line);
  struct seen_worker *workers = shared->workers;
  assert_int_equal(workers[0].starts, 1);
  assert_int_equal(workers[1].starts, 1);
  assert_true(workers[0].port > 0);
  assert_int_equal(workers[0].port, workers[1].port);
  snprintf(expected, sizeof expected, "parley: listening on port %u", workers[0].port);
  assert_string_equal(line, expected);
  assert_int_equal(workers[0].max_connections, 100);
  assert_string_equal(workers[1].redis_url, "redis://127.0.0.1:1");
  assert_true(workers[0].in_own_group && workers[1].in_own_group);
  kill(supervisor, SIGTERM);
  assert_int_equal(ended(supervisor), 0);
  assert_int_equal(kill(workers[0].pid, 0), -1);
  assert_int_equal(kill(workers[1].pid, 0), -1);
  assert_int_equal(workers[0].starts, 1);
  assert_int_equal(shared->redis_starts, 0);
}

static void a_killed_worker_comes_back(void **state)
{
  (void)state;
  pid_t supervisor = start_supervisor(FLAGS(NO_REDIS));
  WAIT_UNTIL(shared->workers[0].starts == 1 && shared->workers[1].starts == 1);
  int other = shared->workers[1].pid;
  kill(shared->workers[0].pid, SIGKILL);
  WAIT_UNTIL(shared->workers[0].starts == 2);
  assert_int_equal(shared->workers[0].restarts, 1);
  assert_int_equal(shared->workers[1].starts, 1);
  assert_int_equal(shared->workers[1].pid, other);
  kill(supervisor, SIGINT);
  assert_int_equal(ended(supervisor), 0);
}

static void the_pause_grows_with_every_crash(void **state)
{
  (void)state;
  shared->behaviour = CRASH_AT_ONCE;
  pid_t supervisor = start_supervisor(FLAGS(NO_REDIS));
  WAIT_UNTIL(shared->workers[0].starts >= 4);
  const uint64_t *start_ms = shared->workers[0].start_ms;
  for (int i = 1; i < 4; i++) {
    assert_true(start_ms[i] - start_ms[i - 1] >= 100ULL << (i - 1));
  }
  kill(supervisor, SIGTERM);
  assert_int_equal(ended(supervisor), 0);
}

static void a_worker_that_cannot_start_ends_the_program(void **state)
{
  (void)state;
  char line[128];
  shared->behaviour = FAIL_AT_ONCE;
  pid_t supervisor = start_supervisor(FLAGS(NO_REDIS));
  assert_int_equal(ended(supervisor), 1);
  assert_int_equal(shared->workers[0].starts, 1);
  read_line(line, sizeof line);
  assert_string_equal(line, "");
}

static void one_that_fails_later_is_started_again(void **state)
{
  (void)state;
  char line[128];
  pid_t supervisor = start_supervisor(FLAGS(NO_REDIS));
  read_line(line, sizeof line);
  shared->behaviour = FAIL_AT_ONCE;
  kill(shared->workers[0].pid, SIGKILL);
  WAIT_UNTIL(shared->workers[0].starts >= 3);
  shared->behaviour = BEHAVE;
  kill(supervisor, SIGTERM);
  assert_int_equal(ended(supervisor), 0);
}

static void who_does_not_drain_in_time_is_killed(void **state)
{
  (void)state;
  char line[128];
  shared->behaviour = IGNORE_TERM;
  pid_t supervisor = start_supervisor(FLAGS(NO_REDIS, "--drain-seconds=0"));
  read_line(line, sizeof line);
  kill(supervisor, SIGTERM);
  assert_int_equal(ended(supervisor), 1);
  assert_int_equal(kill(shared->workers[0].pid, 0), -1);
}

static void write_file(const char *text)
{
  FILE *file = fopen(file_path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void sighup_reaches_workers_and_those_to_come(void **state)
{
  (void)state;
  char line[128];
  write_file("frames-per-second = 7\n");
  pid_t supervisor = start_supervisor(FLAGS(NO_REDIS, "--config", file_path));
  read_line(line, sizeof line);
  unsigned port = shared->workers[0].port;
  assert_int_equal(shared->workers[0].frames_per_second, 7);
  write_file("frames-per-second = 8\n");
  kill(supervisor, SIGHUP);
  WAIT_UNTIL(shared->workers[0].reloads == 1 && shared->workers[1].reloads == 1);
  kill(shared->workers[0].pid, SIGKILL);
  WAIT_UNTIL(shared->workers[0].starts == 2);
  assert_int_equal(shared->workers[0].frames_per_second, 8);
  assert_int_equal(shared->workers[0].port, port);
  /* A bad file changes nothing, and nobody is told. */
  write_file("frames-per-second = many\n");
  kill(supervisor, SIGHUP);
  kill(shared->workers[0].pid, SIGKILL);
  WAIT_UNTIL(shared->workers[0].starts == 3);
  assert_int_equal(shared->workers[0].frames_per_second, 8);
  assert_int_equal(shared->workers[1].reloads, 1);
  kill(supervisor, SIGTERM);
  assert_int_equal(ended(supervisor), 0);
}

static void without_redis_it_has_its_own_and_ends_it_last(void **state)
{
  (void)state;
  char line[128];
  pid_t supervisor = start_supervisor(FLAGS("--data=/nowhere"));
  read_line(line, sizeof line);
  assert_int_equal(shared->redis_starts, 1);
  assert_string_equal(shared->workers[1].redis_url, "unix:///nowhere/redis.sock");
  int workers[] = {shared->workers[0].pid, shared->workers[1].pid};
  kill(shared->redis_pid, SIGKILL);
  WAIT_UNTIL(shared->redis_starts == 2);
  assert_int_equal(shared->workers[0].pid, workers[0]);
  assert_int_equal(shared->workers[1].pid, workers[1]);
  kill(supervisor, SIGTERM);
  assert_int_equal(ended(supervisor), 0);
  assert_int_equal(shared->redis_stops, 1);
  assert_int_equal(shared->worker_running_at_redis_stop, 0);
}

static void a_private_redis_that_cannot_start_ends_the_program(void **state)
{
  (void)state;
  shared->redis_fails = 1;
  pid_t supervisor = start_supervisor(FLAGS("--data=/nowhere"));
  assert_int_equal(ended(supervisor), 1);
  assert_int_equal(shared->workers[0].starts, 0);
}

static void workers_die_with_their_supervisor(void **state)
{
  (void)state;
  char line[128];
  int status;
  pid_t supervisor = start_supervisor(FLAGS(NO_REDIS));
  read_line(line, sizeof line);
  kill(supervisor, SIGKILL);
  assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
  /* This process is the subreaper (make_shared): orphans come to it. */
  for (int i = 0; i < WORKERS; i++) {
    assert_int_equal(waitpid(shared->workers[i].pid, &status, 0), shared->workers[i].pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  }
}

static void a_port_in_use_ends_the_program(void **state)
{
  (void)state;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  /* As another server of ours would have it. */
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(fd, 1), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  char port[32];
  snprintf(port, sizeof port, "--port=%u", ntohs(address.sin_port));
  pid_t supervisor = start_supervisor(FLAGS(NO_REDIS, port));
  assert_int_equal(ended(supervisor), 1);
  assert_int_equal(shared->workers[0].starts, 0);
  close(fd);
}

static int make_shared(void **state)
{
  (void)state;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  snprintf(file_path, sizeof file_path, "/tmp/parley-test-XXXXXX");
  int fd = mkstemp(file_path);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  return shared == MAP_FAILED || fd < 0 || close(fd) != 0 ? -1 : 0;
}

static int clear_shared(void **state)
{
  (void)state;
  memset(shared, 0, sizeof *shared);
  output = -1;
  return 0;
}

static int close_output(void **state)
{
  (void)state;
  if (output >= 0) close(output);
  return 0;
}

static int remove_shared(void **state)
{
  (void)state;
  munmap(shared, sizeof *shared);
  return unlink(file_path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, clear_shared, close_output)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(says_the_port_once_all_listen_and_ends_on_sigterm),
      TEST(a_killed_worker_comes_back),
      TEST(the_pause_grows_with_every_crash),
      TEST(a_worker_that_cannot_start_ends_the_program),
      TEST(one_that_fails_later_is_started_again),
      TEST(who_does_not_drain_in_time_is_killed),
      TEST(sighup_reaches_workers_and_those_to_come),
      TEST(without_redis_it_has_its_own_and_ends_it_last),
      TEST(a_private_redis_that_cannot_start_ends_the_program),
      TEST(workers_die_with_their_supervisor),
      TEST(a_port_in_use_ends_the_program),
  };
  return cmocka_run_group_tests(tests, make_shared, remove_shared);
}
