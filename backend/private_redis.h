/* A redis-server of the node's own, for when none is configured: a child process on
 * a Unix socket in the data folder, append-only, so that its data survives. Started
 * by the supervisor; dies with it (PR_SET_PDEATHSIG). */
#ifndef PARLEY_BACKEND_PRIVATE_REDIS_H
#define PARLEY_BACKEND_PRIVATE_REDIS_H

#include <stdbool.h>
#include <sys/types.h>

struct private_redis {
  pid_t pid;
  char url[256]; /* unix://…/redis.sock */
};

/* Makes the folder where needed, starts `redis-server` from PATH, and waits (up to
 * 10 s) until it accepts connections. False: `error` holds one sentence. */
bool private_redis_start(struct private_redis *redis, const char *folder, char *error,
                         size_t error_bytes);

/* SIGTERM, and waits until it has written everything and ended. */
void private_redis_stop(struct private_redis *redis);

#endif
