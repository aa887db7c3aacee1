/* See resp.h. */
#include "resp.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_BYTES = 16 * 1024 };

void resp_open(struct resp *resp, const char *path)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) die("too long a path: %s", path);
  memcpy(address.sun_path, path, strlen(path) + 1);
  *resp = (struct resp){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (resp->fd < 0 || connect(resp->fd, (struct sockaddr *)&address, sizeof address) != 0) {
    die("no Redis at %s: %m", path);
  }
}

static void head_write(struct bytes *out, char kind, size_t number)
{
  char head[32];
  int len = snprintf(head, sizeof head, "%c%zu\r\n", kind, number);
  bytes_append(out, head, (size_t)len);
}

void resp_command(struct bytes *out, unsigned count)
{
  head_write(out, '*', count);
}

void resp_word(struct bytes *out, struct slice word)
{
  head_write(out, '$', word.len);
  bytes_append(out, word.data, word.len);
  bytes_append(out, "\r\n", 2);
}

/* The first line's length without its end, or the whole of `data` when it has none. */
static size_t line_length(struct slice data)
{
  const char *end = data.len ? memchr(data.data, '\r', data.len) : NULL;
  return end ? (size_t)(end - data.data) : data.len;
}

static long head_number(struct slice data)
{
  return strtol(data.data + 1, NULL, 10); /* ends at the '\r' that line_length found */
}

static size_t array_length(struct slice data, size_t used)
{
  for (long left = head_number(data); left > 0; left--) {
    size_t item = resp_reply(slice_skip(data, used));
    if (item == 0) return 0;
    used += item;
  }
  return used;
}

size_t resp_reply(struct slice data)
{
  size_t line = line_length(data), used = line + 2;
  if (used > data.len) return 0;
  switch (data.data[0]) {
  case '+':
  case ':':
    return used;
  case '$':
    if (head_number(data) >= 0) used += (size_t)head_number(data) + 2;
    return used > data.len ? 0 : used;
  case '*':
    return array_length(data, used);
  case '-':
  default:
    die("Redis says %.*s", (int)line, data.data);
  }
}

struct slice resp_value(struct slice reply)
{
  size_t line = line_length(reply);
  if (reply.data[0] != '$') return (struct slice){reply.data + 1, line - 1};
  long len = head_number(reply);
  return (struct slice){reply.data + line + 2, len > 0 ? (size_t)len : 0};
}

void resp_items(struct slice reply, struct slice *items, unsigned count)
{
  if (reply.data[0] != '*' || head_number(reply) != (long)count)
    die("not %u items: %.*s", count, SLICE_ARG(reply));
  struct slice rest = slice_skip(reply, line_length(reply) + 2);
  for (unsigned i = 0; i < count; i++) {
    items[i] = (struct slice){rest.data, resp_reply(rest)};
    rest = slice_skip(rest, items[i].len);
  }
}

struct slice resp_wait(struct resp *resp)
{
  for (size_t sent = 0; sent < resp->out.len;) {
    ssize_t some = send(resp->fd, resp->out.data + sent, resp->out.len - sent, MSG_NOSIGNAL);
    if (some < 0) die("Redis: %m");
    sent += (size_t)some;
  }
  resp->out.len = 0;
  /* The reply of the call before stands at the front still. */
  if (resp->in.len) bytes_drop(&resp->in, resp_reply((struct slice){resp->in.data, resp->in.len}));
  size_t len;
  while ((len = resp_reply((struct slice){resp->in.data, resp->in.len})) == 0) {
    ssize_t some = recv(resp->fd, bytes_reserve(&resp->in, READ_BYTES), READ_BYTES, 0);
    if (some <= 0) die("Redis: the connection ended");
    resp->in.len += (size_t)some;
  }
  return (struct slice){resp->in.data, len};
}

void resp_close(struct resp *resp)
{
  close(resp->fd);
  bytes_free(&resp->out);
  bytes_free(&resp->in);
}
