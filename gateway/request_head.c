/* See request_head.h. */
#include "request_head.h"

#include <string.h>
#include <strings.h>

static bool name_is(struct slice name, const char *wanted)
{
  return name.len == strlen(wanted) && strncasecmp(name.data, wanted, name.len) == 0;
}

static struct slice trim(struct slice text)
{
  while (text.len && (*text.data == ' ' || *text.data == '\t')) text = slice_skip(text, 1);
  while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
    text.len--;
  return text;
}

/* Takes what stands in front of the delimiter; false where there is none. */
static bool take_until(struct slice *rest, const char *delimiter, struct slice *taken)
{
  size_t len = strlen(delimiter);
  const char *at = rest->len ? memmem(rest->data, rest->len, delimiter, len) : NULL;
  if (!at) return false;
  *taken = (struct slice){rest->data, (size_t)(at - rest->data)};
  *rest = slice_skip(*rest, taken->len + len);
  return true;
}

/* GET /path?query HTTP/1.1 */
static bool read_request_line(struct slice line, struct request_head *head)
{
  struct slice target;
  if (!take_until(&line, " ", &head->request.method) || !take_until(&line, " ", &target))
    return false;
  if (!head->request.method.len || !target.len || *target.data != '/') return false;
  if (!slice_is(line, "HTTP/1.1") && !slice_is(line, "HTTP/1.0")) return false;
  head->request.path = target;
  struct slice path;
  if (take_until(&target, "?", &path)) {
    head->request.path = path;
    head->request.query = target;
  }
  return true;
}

/* The headers that are kept as they are. */
static struct slice *kept(struct request_head *head, struct slice name)
{
  if (name_is(name, "authorization")) return &head->request.authorization;
  if (name_is(name, "sec-websocket-protocol")) return &head->request.subprotocols;
  if (name_is(name, "origin")) return &head->request.origin;
  if (name_is(name, "x-forwarded-for")) return &head->request.forwarded_for;
  if (name_is(name, "sec-websocket-version")) return &head->version;
  return NULL;
}

__attribute__((
    nonnull)) /* 1*DIGIT (RFC 9112, 6.3): anything else is a body whose end nobody knows. */
static bool
read_length(struct slice digits, size_t *length)
{
  enum { DIGITS_AT_MOST = 15 };
  if (!digits.len || digits.len > DIGITS_AT_MOST) return false;
  for (*length = 0; digits.len; digits = slice_skip(digits, 1)) {
    if (*digits.data < '0' || *digits.data > '9') return false;
    *length = *length * 10 + (size_t)(*digits.data - '0');
  }
  return true;
}

/* RFC 9110, 5.5: some take them for the end of a line. */
static bool has_line_end(struct slice line)
{
  return memchr(line.data, '\r', line.len) || memchr(line.data, '\n', line.len) ||
         memchr(line.data, '\0', line.len);
}

__attribute__((nonnull)) static bool read_header(struct slice line, struct request_head *head)
{
  struct slice name;
  if (has_line_end(line)) return false;
  if (!take_until(&line, ":", &name) || !name.len) return false;
  if (name.data[name.len - 1] == ' ' || name.data[0] == ' ' || name.data[0] == '\t') return false;
  struct slice value = trim(line);
  struct slice *keep = kept(head, name);
  if (keep) *keep = value;
  if (name_is(name, "upgrade") && name_is(value, "websocket")) head->upgrade = true;
  if (name_is(name, "expect") && name_is(value, "100-continue")) head->expects_continue = true;
  if (name_is(name, "transfer-encoding")) head->chunked = true;
  if (name_is(name, "content-length")) {
    if (head->has_length) return false;
    head->has_length = true;
    return read_length(value, &head->length);
  }
  return true;
}

enum head_result request_head_read(struct slice bytes, struct request_head *head)
{
  struct slice rest = bytes, lines, line;
  *head = (struct request_head){0};
  if (!take_until(&rest, "\r\n\r\n", &lines)) return HEAD_PARTIAL;
  head->more = rest.len;
  lines.len += 2; /* the last line ends like the others */
  if (!take_until(&lines, "\r\n", &line) || !read_request_line(line, head)) return HEAD_BROKEN;
  while (take_until(&lines, "\r\n", &line))
    if (!read_header(line, head)) return HEAD_BROKEN;
  const struct slice method = head->request.method;
  head->has_body = slice_is(method, "POST") || slice_is(method, "PUT") || slice_is(method, "PATCH");
  return head->chunked && head->has_length ? HEAD_BROKEN : HEAD_WHOLE;
}
