/* See request_head.h. */
#include "request_head.h"

#include <string.h>
#include <strings.h>

enum {
  LENGTH_DIGITS_MAX = 15,
  PARAMETERS_MAX = 64, /* libwebsockets drops a request of more without a word */
  KEY_BYTES = 24,      /* of 16 random ones in base64 (RFC 6455, 4.1) */
};

#define END "\r\n\r\n"

/* What is read of a head on the way. */
struct fields {
  struct request_head *head;
  struct slice protocol; /* HTTP/1.1 */
  struct slice host, upgrade, key, length, transfer_encoding, expect;
  bool connection_upgrade;
};

static bool name_is(struct slice name, const char *wanted)
{
  return name.len == strlen(wanted) && strncasecmp(name.data, wanted, name.len) == 0;
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

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 9110, 5.6.2 */
static bool is_token(struct slice text)
{
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    if (!is_digit(c) && !is_letter(c) && !strchr("!#$%&'*+-.^_`|~", c)) return false;
  }
  return text.len > 0;
}

/* RFC 9112, 2.2; RFC 9110, 5.5: no control characters but whole ends of lines, and tabs; the last
 * byte may be half of an end. */
static bool is_clean(struct slice text)
{
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (c == '\r' && (i + 1 == text.len || text.data[i + 1] == '\n'))
      i++;
    else if ((c < ' ' && c != '\t') || c == 0x7f)
      return false;
  }
  return true;
}

/* ---- the request line ------------------------------------------------------------------ */

static bool is_hex(char c)
{
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Escapes are whole, and none is a NUL; there is no fragment, and no blank. */
static bool is_target(struct slice target)
{
  size_t parameters = 1;
  if (!target.len || *target.data != '/') return false;
  for (size_t i = 0; i < target.len; i++) {
    const char *c = target.data + i;
    if (*c == '#' || *c == '\t') return false;
    if (*c == '&' && ++parameters > PARAMETERS_MAX) return false;
    if (*c != '%') continue;
    if (i + 2 >= target.len || !is_hex(c[1]) || !is_hex(c[2])) return false;
    if (c[1] == '0' && c[2] == '0') return false;
  }
  return true;
}

static bool method_is_one_of(struct slice method, const char *const *names)
{
  for (; *names; names++)
    if (slice_is(method, *names)) return true;
  return false;
}

/* GET /path?query HTTP/1.1 */
static bool read_request_line(struct slice line, struct fields *fields)
{
  static const char *const with_body[] = {"POST", "PUT", "PATCH", NULL};
  static const char *const without[] = {"GET", "HEAD", "DELETE", "OPTIONS", NULL};
  struct request_head *head = fields->head;
  struct slice target;
  if (!take_until(&line, " ", &head->request.method) || !take_until(&line, " ", &target))
    return false;
  if (!is_token(head->request.method) || !is_target(target)) return false;
  fields->protocol = line;
  if (!slice_is(line, "HTTP/1.1") && !slice_is(line, "HTTP/1.0")) return false;
  head->has_body = method_is_one_of(head->request.method, with_body);
  head->known_method = head->has_body || method_is_one_of(head->request.method, without);
  head->request.path = target;
  struct slice path;
  if (take_until(&target, "?", &path)) {
    head->request.path = path;
    head->request.query = target;
  }
  return true;
}

/* ---- fields ------------------------------------------------------------------------------ */

/* Where the field is kept; `once`: it may not stand twice. NULL: nobody asks for it. */
static struct slice *place_of(struct fields *fields, struct slice name, bool *once)
{
  struct request *request = &fields->head->request;
  const struct {
    const char *name;
    struct slice *place;
    bool repeats;
  } places[] = {
      {"host", &fields->host, false},
      {"content-length", &fields->length, false},
      {"transfer-encoding", &fields->transfer_encoding, false},
      {"expect", &fields->expect, true},
      {"upgrade", &fields->upgrade, false},
      {"sec-websocket-key", &fields->key, false},
      {"sec-websocket-version", &fields->head->version, false},
      {"sec-websocket-protocol", &request->subprotocols, true},
      {"authorization", &request->authorization, false},
      {"origin", &request->origin, false},
      {"x-forwarded-for", &request->forwarded_for, true}, /* the nearest proxy's stands last */
  };
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    if (!name_is(name, places[i].name)) continue;
    *once = !places[i].repeats;
    return places[i].place;
  }
  return NULL;
}

static bool lists(struct slice value, const char *wanted)
{
  while (value.len > 0)
    if (name_is(slice_trim(slice_cut(&value, ',')), wanted)) return true;
  return false;
}

static bool read_field(struct slice line, struct fields *fields)
{
  struct slice name;
  bool once = false;
  if (!take_until(&line, ":", &name) || !is_token(name)) return false;
  struct slice value = slice_trim(line);
  if (name_is(name, "connection") && lists(value, "upgrade")) fields->connection_upgrade = true;
  struct slice *place = place_of(fields, name, &once);
  if (!place) return true;
  if (once && place->data) return false;
  *place = value;
  return true;
}

/* ---- what they mean ------------------------------------------------------------------------ */

static bool read_length(struct slice digits, uint64_t *length)
{
  *length = 0;
  if (digits.len == 0 || digits.len > LENGTH_DIGITS_MAX) return false;
  for (size_t i = 0; i < digits.len; i++) {
    if (!is_digit(digits.data[i])) return false;
    *length = *length * 10 + (uint64_t)(digits.data[i] - '0');
  }
  return true;
}

static bool is_key(struct slice key)
{
  if (key.len != KEY_BYTES || key.data[KEY_BYTES - 1] != '=' || key.data[KEY_BYTES - 2] != '=')
    return false;
  for (size_t i = 0; i < KEY_BYTES - 2; i++)
    if (!is_digit(key.data[i]) && !is_letter(key.data[i]) && !strchr("+/", key.data[i]))
      return false;
  return true;
}

/* RFC 6455, 4.1 and 4.2.1; one that brings a body would have its bytes taken for frames. */
static bool is_upgrade(const struct fields *fields)
{
  const struct request_head *head = fields->head;
  return slice_is(head->request.method, "GET") && slice_is(fields->protocol, "HTTP/1.1") &&
         fields->connection_upgrade && is_key(fields->key) && !head->chunked && !head->length;
}

static bool understand(struct fields *fields)
{
  struct request_head *head = fields->head;
  if (!fields->host.data && slice_is(fields->protocol, "HTTP/1.1")) return false;
  head->chunked = fields->transfer_encoding.data != NULL;
  head->has_length = fields->length.data != NULL;
  if (head->has_length && !read_length(fields->length, &head->length)) return false;
  if (head->chunked && head->has_length) return false;
  head->expects_continue =
      name_is(fields->expect, "100-continue") && slice_is(fields->protocol, "HTTP/1.1");
  head->upgrade = name_is(fields->upgrade, "websocket");
  if (head->upgrade) return is_upgrade(fields);
  /* This offer of HTTP/2 clients is passed over; what else there may be libwebsockets does not. */
  return !fields->upgrade.data || name_is(fields->upgrade, "h2c");
}

enum head_result request_head_read(struct slice bytes, struct request_head *head)
{
  struct fields fields = {.head = head};
  struct slice rest = bytes, lines = {0}, line = {0};
  *head = (struct request_head){0};
  bool whole = take_until(&rest, END, &lines);
  if (whole) lines.len += 2; /* the last line ends like the others */
  if (!is_clean(whole ? lines : bytes)) return HEAD_BROKEN;
  if (!whole) return HEAD_PARTIAL;
  head->more = rest.len;
  if (!take_until(&lines, "\r\n", &line) || !read_request_line(line, &fields)) return HEAD_BROKEN;
  while (take_until(&lines, "\r\n", &line))
    if (!read_field(line, &fields)) return HEAD_BROKEN;
  return understand(&fields) ? HEAD_WHOLE : HEAD_BROKEN;
}
