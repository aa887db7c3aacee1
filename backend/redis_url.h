/* Where Redis is, in its three shapes:
 *
 *   redis://[user:password@]host[:port][/db]           one Redis
 *   unix://path[?db=n]                                 one, by its socket
 *   redis+sentinel://[…@]a[:26379],b,c/master[?…]      whichever these sentinels call the master
 *   redis+cluster://[…@]a[:6379],b,c                   a Redis Cluster; a, b and c know the others
 *
 * rediss://, rediss+sentinel:// and rediss+cluster:// are the same over TLS. Behind a master's
 * name: db=n, and sentinel_auth=yes: user and password are the sentinels' too. User and
 * password are percent-decoded. */
#ifndef PARLEY_BACKEND_REDIS_URL_H
#define PARLEY_BACKEND_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

enum redis_shape { REDIS_ALONE, REDIS_SENTINEL, REDIS_CLUSTER };

struct redis_host {
  char *path; /* of a Unix socket; NULL: name and port */
  char *name; /* name or address, without the brackets of an IPv6 one */
  int port;   /* 6379, or a sentinel's 26379, where the URL names none */
};

struct redis_url {
  enum redis_shape shape;
  bool tls;
  struct redis_host *hosts; /* the one; or the sentinels; or some nodes of the cluster */
  size_t host_count;
  char *user, *password; /* NULL: none */
  char *master;          /* what the sentinels call it; NULL in other shapes */
  bool sentinel_auth;
  unsigned db; /* 0 needs no SELECT */
};

/* False: `error` holds one sentence (without the password) and `url` nothing. */
bool redis_url_parse(struct redis_url *url, const char *text, char *error, size_t error_bytes);

void redis_url_free(struct redis_url *url);

/* `to` held another one, or zeroes. */
void redis_host_set(struct redis_host *to, const struct redis_host *from);
bool redis_host_is(const struct redis_host *a, const struct redis_host *b);
void redis_host_free(struct redis_host *host);

#endif
