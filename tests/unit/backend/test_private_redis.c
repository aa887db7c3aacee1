/* The private redis-server: it keeps its data, dies with its parent, and never shares
 * its folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "private_redis.h"

static char top[64], folder[96];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
  (void)status;
  (void)type;
  (void)walk;
  return remove(path);
}

static int before(void **state)
{
  (void)state;
  snprintf(top, sizeof top, "/tmp/parley-private-XXXXXX");
  snprintf(folder, sizeof folder, "%s/data/redis", mkdtemp(top));
  return 0;
}

static int after(void **state)
{
  (void)state;
  return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void start(struct private_redis *redis)
{
  char error[256];
  if (!private_redis_start(redis, folder, error, sizeof error)) fail_msg("%s", error);
}

static void ask(const struct private_redis *redis, const char *command, const char *expected)
{
  redisContext *context = redisConnectUnix(redis->url + strlen("unix://"));
  redisReply *reply = redisCommand(context, command);
  assert_non_null(reply);
  assert_string_equal(reply->str, expected);
  freeReplyObject(reply);
  redisFree(context);
}

static void test_data_survives_a_stop_and_a_kill(void **state)
{
  (void)state;
  struct private_redis redis;
  start(&redis);
  assert_true(redis.pid > 0);
  ask(&redis, "SET a 1", "OK");
  private_redis_stop(&redis);
  assert_int_equal(redis.pid, 0);
  start(&redis);
  ask(&redis, "GET a", "1");
  kill(redis.pid, SIGKILL);
  waitpid(redis.pid, NULL, 0);
  start(&redis);
  ask(&redis, "GET a", "1");
  private_redis_stop(&redis);
  private_redis_stop(&redis); /* is nothing */
}

/* It holds the folder's lock until it has ended. */
static void wait_until_folder_is_free(void)
{
  char path[128];
  snprintf(path, sizeof path, "%s/lock", folder);
  int file = open(path, O_RDWR);
  assert_true(file >= 0);
  time_t until = time(NULL) + 20;
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    assert_int_equal(errno, EWOULDBLOCK);
    assert_true(time(NULL) < until);
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
  close(file);
}

static void test_it_dies_with_its_parent(void **state)
{
  (void)state;
  int pipes[2];
  struct private_redis redis;
  assert_int_equal(pipe(pipes), 0);
  pid_t parent = fork();
  if (parent == 0) {
    char error[256];
    if (!private_redis_start(&redis, folder, error, sizeof error)) _exit(1);
    if (write(pipes[1], &redis, sizeof redis) != sizeof redis) _exit(1);
    for (;;) pause();
  }
  assert_int_equal(read(pipes[0], &redis, sizeof redis), sizeof redis);
  ask(&redis, "SET a 1", "OK");
  kill(parent, SIGKILL);
  waitpid(parent, NULL, 0);
  wait_until_folder_is_free();
  close(pipes[0]);
  close(pipes[1]);
}

/* A successor waits until the other one has written everything and gone. */
static void test_a_folder_is_never_shared(void **state)
{
  (void)state;
  struct private_redis first, second;
  start(&first);
  ask(&first, "SET a 1", "OK");
  pid_t successor = fork();
  if (successor == 0) {
    char error[256];
    bool up = private_redis_start(&second, folder, error, sizeof error);
    private_redis_stop(&second);
    _exit(up ? 0 : 1);
  }
  for (int i = 0; i < 10; i++) {
    ask(&first, "GET a", "1"); /* undisturbed */
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
  assert_int_equal(waitpid(successor, NULL, WNOHANG), 0);
  private_redis_stop(&first);
  int status;
  assert_int_equal(waitpid(successor, &status, 0), successor);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_what_is_wrong_is_said(void **state)
{
  (void)state;
  struct private_redis redis;
  char error[256], path[300];
  assert_false(private_redis_start(&redis, "/proc/nothing/here", error, sizeof error));
  assert_non_null(strstr(error, "/proc/nothing/here"));
  snprintf(path, sizeof path, "%s/%0100d", top, 0);
  assert_false(private_redis_start(&redis, path, error, sizeof error));
  assert_non_null(strstr(error, "too long"));
  char *kept = strdup(getenv("PATH"));
  setenv("PATH", "/nonexistent", 1);
  assert_false(private_redis_start(&redis, folder, error, sizeof error));
  assert_non_null(strstr(error, "PATH"));
  setenv("PATH", kept, 1);
  free(kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_data_survives_a_stop_and_a_kill),
      TEST(test_it_dies_with_its_parent),
      TEST(test_a_folder_is_never_shared),
      TEST(test_what_is_wrong_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
