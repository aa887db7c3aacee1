/* Redis URLs. Sentinel, Cluster and TLS have schemes of their own (design.md, the
 * node); this version refuses them by name rather than guess. */
#include "redis_url.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/slice.h"
#include "base/text.h"

enum { PORT_DEFAULT = 6379, PORT_MAX = 65535, DB_MAX = 1000000 };

static char *copy(struct slice bytes)
{
  return memory_copy(bytes.data, bytes.len);
}

/* The position of a byte, from the left or from the right; SIZE_MAX: not there. */
static size_t find(struct slice text, char c)
{
  const char *at = text.len ? memchr(text.data, c, text.len) : NULL;
  return at ? (size_t)(at - text.data) : SIZE_MAX;
}

static size_t find_last(struct slice text, char c)
{
  const char *at = text.len ? memrchr(text.data, c, text.len) : NULL;
  return at ? (size_t)(at - text.data) : SIZE_MAX;
}

static struct slice first(struct slice text, size_t count)
{
  return (struct slice){text.data, count};
}

static bool read_number(struct slice digits, unsigned max, unsigned *number)
{
  if (digits.len == 0) return false;
  unsigned value = 0;
  for (size_t i = 0; i < digits.len; i++) {
    if (digits.data[i] < '0' || digits.data[i] > '9') return false;
    value = value * 10 + (unsigned)(digits.data[i] - '0');
    if (value > max) return false;
  }
  *number = value;
  return true;
}

/* A decoded credential; '+' stands for itself in this part of a URL. NULL: badly encoded. */
static char *decode(struct slice encoded)
{
  struct text out = {0};
  for (size_t plus; (plus = find(encoded, '+')) != SIZE_MAX;
       encoded = slice_skip(encoded, plus + 1)) {
    if (!text_append_url_decoded(&out, first(encoded, plus))) goto bad;
    text_append_char(&out, '+');
  }
  if (!text_append_url_decoded(&out, encoded)) goto bad;
  char *decoded = copy(text_slice(&out));
  text_free(&out);
  return decoded;
bad:
  text_free(&out);
  return NULL;
}

static const char *read_credentials(struct redis_url *url, struct slice credentials)
{
  size_t colon = find(credentials, ':');
  struct slice user = colon == SIZE_MAX ? (struct slice){0} : first(credentials, colon);
  struct slice password = colon == SIZE_MAX ? credentials : slice_skip(credentials, colon + 1);
  if (user.len && !(url->user = decode(user))) return "the user name is badly percent-encoded";
  if (password.len && !(url->password = decode(password)))
    return "the password is badly percent-encoded";
  if (url->user && !url->password) return "a user needs a password";
  return NULL;
}

static const char *read_host(struct redis_url *url, struct slice host)
{
  struct slice port = {0};
  if (slice_starts_with(host, SLICE("["))) {
    size_t end = find(host, ']');
    if (end == SIZE_MAX) return "the address has no closing bracket";
    port = slice_skip(host, end + 1);
    host = (struct slice){host.data + 1, end - 1};
    if (port.len && port.data[0] != ':') return "something stands between address and port";
    port = slice_skip(port, 1);
  } else if (find(host, ':') != SIZE_MAX) {
    port = slice_skip(host, find(host, ':') + 1);
    host = first(host, find(host, ':'));
  }
  unsigned number = PORT_DEFAULT;
  if (port.len && (!read_number(port, PORT_MAX, &number) || number == 0))
    return "the port is not a number from 1 to 65535";
  if (host.len == 0) return "the host is missing";
  url->host = copy(host);
  url->port = (int)number;
  return NULL;
}

static const char *read_tcp(struct redis_url *url, struct slice rest)
{
  size_t slash = find(rest, '/');
  if (slash != SIZE_MAX) {
    struct slice db = slice_skip(rest, slash + 1);
    if (db.len && !read_number(db, DB_MAX, &url->db)) return "the database is not a number";
    rest = first(rest, slash);
  }
  size_t at = find_last(rest, '@');
  if (at != SIZE_MAX) {
    const char *wrong = read_credentials(url, first(rest, at));
    if (wrong) return wrong;
    rest = slice_skip(rest, at + 1);
  }
  return read_host(url, rest);
}

static const char *read_unix(struct redis_url *url, struct slice rest)
{
  size_t question = find(rest, '?');
  if (question != SIZE_MAX) {
    struct slice query = slice_skip(rest, question + 1);
    if (!slice_starts_with(query, SLICE("db=")) ||
        !read_number(slice_skip(query, 3), DB_MAX, &url->db))
      return "after a socket's path only ?db=<number> can stand";
    rest = first(rest, question);
  }
  if (rest.len == 0) return "the path of the socket is missing";
  url->path = copy(rest);
  return NULL;
}

bool redis_url_parse(struct redis_url *url, const char *text, char *error, size_t error_bytes)
{
  *url = (struct redis_url){0};
  struct slice all = slice_of(text);
  const char *wrong = NULL;
  if (slice_starts_with(all, SLICE("redis://"))) {
    wrong = read_tcp(url, slice_skip(all, strlen("redis://")));
  } else if (slice_starts_with(all, SLICE("unix://"))) {
    wrong = read_unix(url, slice_skip(all, strlen("unix://")));
  } else {
    const char *colon = strstr(text, "://");
    int scheme = colon ? (int)(colon - text) : 0;
    snprintf(error, error_bytes, "Redis URLs begin with redis:// or unix://, not with \"%.*s\"",
             scheme > 40 ? 40 : scheme, text);
    return false;
  }
  if (!wrong) return true;
  snprintf(error, error_bytes, "the Redis URL cannot be read: %s", wrong);
  redis_url_free(url);
  return false;
}

void redis_url_free(struct redis_url *url)
{
  free(url->path);
  free(url->host);
  free(url->user);
  free(url->password);
  *url = (struct redis_url){0};
}
