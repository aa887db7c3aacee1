/* Where Redis is: redis://[user:password@]host[:port][/db], unix://path[?db=n].
 * User and password are percent-decoded. */
#ifndef PARLEY_BACKEND_REDIS_URL_H
#define PARLEY_BACKEND_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

struct redis_url {
  char *path;            /* of a Unix socket; NULL: host and port */
  char *host;            /* name or address, without the brackets of an IPv6 one */
  int port;              /* 6379 where the URL names none */
  char *user, *password; /* NULL: none */
  unsigned db;           /* 0 needs no SELECT */
};

/* False: `error` holds one sentence (without the password) and `url` nothing. */
bool redis_url_parse(struct redis_url *url, const char *text, char *error, size_t error_bytes);

void redis_url_free(struct redis_url *url);

#endif
