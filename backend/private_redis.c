/* A private redis-server. Its parts that are easy to get wrong:
 * - two servers on one folder would spoil its append-only file: the child inherits an
 *   open file with a lock on it, which a successor waits for;
 * - Ctrl-C goes to the whole process group of the terminal, and Redis must outlive
 *   the nodes that drain: the child is its own session;
 * - a socket's path is short (sun_path, 108 bytes): a longer one is refused. */
#include "private_redis.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

enum { WAIT_MS = 10000, STEP_MS = 20 };

static bool fail(char *error, size_t error_bytes, const char *what, const char *why)
{
  snprintf(error, error_bytes, "the private redis-server: %s: %s", what, why);
  return false;
}

static void step(void)
{
  nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
}

/* Makes each folder of the path that is missing. */
static bool make_folder(const char *folder)
{
  char path[512];
  if (snprintf(path, sizeof path, "%s", folder) >= (int)sizeof path) return false;
  for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
    *slash = '\0';
    if (mkdir(path, 0700) != 0 && errno != EEXIST) return false;
    *slash = '/';
  }
  return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* The folder's lock, with the file open; -1: somebody kept it for too long. */
static int lock_folder(const char *folder)
{
  char path[512];
  if (snprintf(path, sizeof path, "%s/lock", folder) >= (int)sizeof path) return -1;
  int file = open(path, O_RDWR | O_CREAT, 0600); /* not CLOEXEC: redis-server holds it */
  if (file < 0) return -1;
  for (uint64_t until_ms = clock_now_ms() + WAIT_MS; flock(file, LOCK_EX | LOCK_NB) != 0; step()) {
    if (errno == EWOULDBLOCK && clock_now_ms() < until_ms) continue;
    close(file);
    return -1;
  }
  return file;
}

static void run_server(pid_t parent, const char *folder, const char *socket, int lock)
{
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1); /* it died before it was asked to be told */
  if (lock != 3) {
    dup2(lock, 3);
    close(lock);
  }
  close_range(4, ~0u, 0);
  execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket, "--unixsocketperm",
         "600", "--dir", folder, "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
         "--daemonize", "no", "--logfile", "redis.log", "--maxmemory-policy", "noeviction",
         (char *)NULL);
  _exit(127);
}

/* It accepts connections and has read its data. */
static bool answers(const char *socket)
{
  redisContext *context = redisConnectUnixWithTimeout(socket, (struct timeval){.tv_sec = 1});
  bool up = false;
  if (context && !context->err) {
    redisReply *reply = redisCommand(context, "PING");
    up = reply && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
  }
  redisFree(context);
  return up;
}

static bool wait_until_up(struct private_redis *redis, const char *socket, char *error,
                          size_t error_bytes)
{
  for (uint64_t until_ms = clock_now_ms() + WAIT_MS; !answers(socket); step()) {
    int status;
    if (waitpid(redis->pid, &status, WNOHANG) == redis->pid) {
      redis->pid = 0;
      bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
      return fail(error, error_bytes, missing ? "there is none in PATH" : "it ended",
                  missing ? "install Redis, or name one with --redis"
                          : "see redis.log in its folder");
    }
    if (clock_now_ms() < until_ms) continue;
    private_redis_stop(redis);
    return fail(error, error_bytes, "it does not answer", "see redis.log in its folder");
  }
  return true;
}

bool private_redis_start(struct private_redis *redis, const char *folder, char *error,
                         size_t error_bytes)
{
  *redis = (struct private_redis){0};
  if (!make_folder(folder)) return fail(error, error_bytes, folder, strerror(errno));
  char *absolute = realpath(folder, NULL);
  if (!absolute) return fail(error, error_bytes, folder, strerror(errno));
  char socket[sizeof((struct sockaddr_un *)0)->sun_path];
  bool fits = snprintf(socket, sizeof socket, "%s/redis.sock", absolute) < (int)sizeof socket;
  int lock = fits ? lock_folder(absolute) : -1;
  if (!fits || lock < 0) {
    fail(error, error_bytes, absolute,
         fits ? "another one uses the folder" : "the path is too long for a socket's name");
    free(absolute);
    return false;
  }
  unlink(socket); /* of one that was killed; nobody else is alive, for we have the lock */
  pid_t parent = getpid();
  redis->pid = fork();
  if (redis->pid == 0) run_server(parent, absolute, socket, lock);
  close(lock);
  free(absolute);
  if (redis->pid < 0) return fail(error, error_bytes, "fork", strerror(errno));
  snprintf(redis->url, sizeof redis->url, "unix://%s", socket);
  return wait_until_up(redis, socket, error, error_bytes);
}

void private_redis_stop(struct private_redis *redis)
{
  if (redis->pid <= 0) return;
  kill(redis->pid, SIGTERM);
  while (waitpid(redis->pid, NULL, 0) < 0 && errno == EINTR) {}
  redis->pid = 0;
}
