/* Redis URLs, cut from both ends: the scheme says what the rest is. */
#include "redis_url.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/slice.h"
#include "base/text.h"

/* How the rest of a URL is read: NULL, or what is wrong with it. */
typedef const char *reader(struct redis_url *url, struct slice rest);

static reader read_alone, read_unix, read_sentinel, read_cluster;

static const struct scheme {
  const char *name;
  enum redis_shape shape;
  bool tls;
  reader *read;
} schemes[] = {
    {"redis://", REDIS_ALONE, false, read_alone},
    {"rediss://", REDIS_ALONE, true, read_alone},
    {"unix://", REDIS_ALONE, false, read_unix},
    {"redis+sentinel://", REDIS_SENTINEL, false, read_sentinel},
    {"rediss+sentinel://", REDIS_SENTINEL, true, read_sentinel},
    {"redis+cluster://", REDIS_CLUSTER, false, read_cluster},
    {"rediss+cluster://", REDIS_CLUSTER, true, read_cluster},
};

enum { PORT_MAX = 65535, DB_MAX = 1000000, HOSTS_MAX = 64 };

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

static const char *read_host(struct redis_host *to, struct slice host, unsigned port_number)
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
  if (port.len && (!read_number(port, PORT_MAX, &port_number) || port_number == 0))
    return "the port is not a number from 1 to 65535";
  if (host.len == 0) return "the host is missing";
  *to = (struct redis_host){.name = copy(host), .port = (int)port_number};
  return NULL;
}

static void add_hosts(struct redis_url *url, size_t count)
{
  url->hosts = memory_zalloc(count * sizeof *url->hosts);
  url->host_count = count;
}

/* [user:password@]host[:port],host,... */
static const char *read_hosts(struct redis_url *url, struct slice rest, unsigned port)
{
  size_t at = find_last(rest, '@'), count = 1;
  if (at != SIZE_MAX) {
    const char *wrong = read_credentials(url, first(rest, at));
    if (wrong) return wrong;
    rest = slice_skip(rest, at + 1);
  }
  for (size_t i = 0; i < rest.len; i++) count += rest.data[i] == ',';
  if (count > 1 && url->shape == REDIS_ALONE)
    return "it names several hosts: that is redis+sentinel:// or redis+cluster://";
  if (count > HOSTS_MAX) return "it names more than 64 hosts";
  add_hosts(url, count);
  for (size_t i = 0; i < count; i++) {
    size_t comma = find(rest, ',');
    const char *wrong =
        read_host(&url->hosts[i], comma == SIZE_MAX ? rest : first(rest, comma), port);
    if (wrong) return wrong;
    if (comma != SIZE_MAX) rest = slice_skip(rest, comma + 1);
  }
  return NULL;
}

static const char *read_alone(struct redis_url *url, struct slice rest)
{
  size_t slash = find(rest, '/');
  if (slash != SIZE_MAX) {
    struct slice db = slice_skip(rest, slash + 1);
    if (db.len && !read_number(db, DB_MAX, &url->db)) return "the database is not a number";
    rest = first(rest, slash);
  }
  return read_hosts(url, rest, 6379);
}

static const char *read_cluster(struct redis_url *url, struct slice rest)
{
  if (rest.len && rest.data[rest.len - 1] == '/') rest.len--;
  if (find(rest, '/') != SIZE_MAX) return "a cluster has one database only, and it has no number";
  return read_hosts(url, rest, 6379);
}

/* name=value&... */
static const char *read_query(struct redis_url *url, struct slice query)
{
  while (query.len) {
    size_t end = find(query, '&');
    struct slice one = end == SIZE_MAX ? query : first(query, end);
    if (slice_starts_with(one, SLICE("db=")) &&
        read_number(slice_skip(one, strlen("db=")), DB_MAX, &url->db)) {
      /* it is there now */
    } else if (url->shape == REDIS_SENTINEL && slice_is(one, "sentinel_auth=yes")) {
      url->sentinel_auth = true;
    } else {
      return url->shape == REDIS_SENTINEL
                 ? "behind a master's name only ?db=<number> and ?sentinel_auth=yes can stand"
                 : "after a socket's path only ?db=<number> can stand";
    }
    query = end == SIZE_MAX ? (struct slice){0} : slice_skip(query, end + 1);
  }
  return NULL;
}

static const char *read_end(struct redis_url *url, struct slice *rest)
{
  size_t question = find(*rest, '?');
  if (question == SIZE_MAX) return NULL;
  struct slice query = slice_skip(*rest, question + 1);
  *rest = first(*rest, question);
  return query.len ? read_query(url, query) : "nothing stands behind the question mark";
}

static const char *read_sentinel(struct redis_url *url, struct slice rest)
{
  size_t slash = find_last(rest, '/');
  if (slash == SIZE_MAX) return "the master's name is missing: .../mymaster";
  struct slice master = slice_skip(rest, slash + 1);
  const char *wrong = read_end(url, &master);
  if (wrong) return wrong;
  if (master.len == 0) return "the master's name is missing: .../mymaster";
  url->master = decode(master);
  if (!url->master) return "the master's name is badly percent-encoded";
  return read_hosts(url, first(rest, slash), 26379);
}

static const char *read_unix(struct redis_url *url, struct slice rest)
{
  const char *wrong = read_end(url, &rest);
  if (wrong) return wrong;
  if (rest.len == 0) return "the path of the socket is missing";
  add_hosts(url, 1);
  url->hosts[0].path = copy(rest);
  return NULL;
}

static const struct scheme *find_scheme(const char *text)
{
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
    if (slice_starts_with(slice_of(text), slice_of(schemes[i].name))) return &schemes[i];
  return NULL;
}

bool redis_url_parse(struct redis_url *url, const char *text, char *error, size_t error_bytes)
{
  const struct scheme *scheme = find_scheme(text);
  if (!scheme) {
    const char *colon = strstr(text, "://");
    int len = colon ? (int)(colon - text) : 0;
    snprintf(error, error_bytes,
             "Redis URLs begin with redis://, rediss://, unix://, redis+sentinel:// or "
             "redis+cluster://, not with \"%.*s\"",
             len > 40 ? 40 : len, text);
    *url = (struct redis_url){0};
    return false;
  }
  *url = (struct redis_url){.shape = scheme->shape, .tls = scheme->tls};
  const char *wrong = scheme->read(url, slice_skip(slice_of(text), strlen(scheme->name)));
  if (!wrong) return true;
  snprintf(error, error_bytes, "the Redis URL cannot be read: %s", wrong);
  redis_url_free(url);
  return false;
}

void redis_url_free(struct redis_url *url)
{
  for (size_t i = 0; i < url->host_count; i++) redis_host_free(&url->hosts[i]);
  free(url->hosts);
  free(url->user);
  free(url->password);
  free(url->master);
  *url = (struct redis_url){0};
}

/* ---- hosts -------------------------------------------------------------------------- */

static char *copy_text(const char *text)
{
  return text ? memory_copy(text, strlen(text)) : NULL;
}

void redis_host_set(struct redis_host *to, const struct redis_host *from)
{
  struct redis_host copied = {copy_text(from->path), copy_text(from->name), from->port};
  redis_host_free(to);
  *to = copied;
}

static bool same(const char *a, const char *b)
{
  return a && b ? strcmp(a, b) == 0 : a == b;
}

bool redis_host_is(const struct redis_host *a, const struct redis_host *b)
{
  return a->port == b->port && same(a->name, b->name) && same(a->path, b->path);
}

void redis_host_free(struct redis_host *host)
{
  free(host->path);
  free(host->name);
  *host = (struct redis_host){0};
}
