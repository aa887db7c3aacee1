/* The form of ids, and what the head of a request claims. */
#include "identity.h"

#include <strings.h>

#include "base/base64.h"
#include "base/text.h"
#include "base/utf8.h"

/* Braces would end a Redis hash tag, the bar parts the two ids of a dialog. */
static bool has_form(struct slice id)
{
  if (id.len == 0 || id.len > ID_MAX_BYTES || id.data[0] == '#') return false;
  for (size_t i = 0; i < id.len; i++) {
    if (id.data[i] == '{' || id.data[i] == '}' || id.data[i] == '|') return false;
  }
  return utf8_valid(id) && !utf8_has_control(id);
}

/* The author of notices. */
static bool is_reserved(struct slice id)
{
  return slice_is(id, "server") || slice_is(id, "00000000-0000-0000-0000-000000000000");
}

enum err identity_check(struct slice id)
{
  if (!has_form(id)) return ERR_UNAUTHORIZED;
  return is_reserved(id) ? ERR_FORBIDDEN : ERR_OK;
}

enum err identity_check_room(struct slice id)
{
  return has_form(id) ? ERR_OK : ERR_UNAUTHORIZED;
}

/* Takes what stands before the first `separator`, or everything. */
static struct slice take_until(struct slice *rest, char separator)
{
  const char *end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
  struct slice taken = {rest->data, end ? (size_t)(end - rest->data) : rest->len};
  *rest = slice_skip(*rest, end ? taken.len + 1 : taken.len);
  return taken;
}

/* A percent-encoded run, decoded into the arena. */
static bool decode(struct arena *arena, struct slice encoded, struct slice *value)
{
  struct text text = {0};
  bool good = text_append_url_decoded(&text, encoded);
  if (good) *value = arena_copy(arena, text_slice(&text));
  text_free(&text);
  return good;
}

bool request_parameter(struct arena *arena, const struct request *request, const char *name,
                       struct slice *value)
{
  struct slice rest = request->query;
  while (rest.len > 0) {
    struct slice encoded = take_until(&rest, '&');
    struct slice encoded_name = take_until(&encoded, '=');
    struct slice decoded_name;
    if (!decode(arena, encoded_name, &decoded_name)) continue;
    if (slice_is(decoded_name, name)) return decode(arena, encoded, value);
  }
  return false;
}

/* What follows the scheme's name, which is in either case (RFC 9110, 11.1); false where
 * the credentials are of another scheme. */
static bool credentials(const struct request *request, struct slice scheme, struct slice *rest)
{
  struct slice head = request->authorization;
  if (head.len <= scheme.len || head.data[scheme.len] != ' ') return false;
  if (strncasecmp(head.data, scheme.data, scheme.len) != 0) return false;
  head = slice_skip(head, scheme.len);
  while (head.len > 0 && head.data[0] == ' ') head = slice_skip(head, 1);
  while (head.len > 0 && head.data[head.len - 1] == ' ') head.len--;
  *rest = head;
  return true;
}

bool request_basic_user(struct arena *arena, const struct request *request, struct slice *user)
{
  struct slice encoded, pair;
  if (!credentials(request, SLICE("Basic"), &encoded)) return false;
  if (!base64_decode(arena, encoded, &pair)) return false;
  /* The user name holds no colon (RFC 7617, 2); the password may. */
  if (!memchr(pair.data, ':', pair.len)) return false;
  *user = take_until(&pair, ':');
  return true;
}

bool request_bearer(const struct request *request, struct slice *token)
{
  return credentials(request, SLICE("Bearer"), token) && token->len > 0;
}

bool request_token(struct arena *arena, const struct request *request, struct slice *token)
{
  struct slice bearer;
  if (!request_bearer(request, &bearer)) {
    return request_parameter(arena, request, "token", token) && token->len > 0;
  }
  *token = arena_copy(arena, bearer);
  return true;
}

enum err request_claim(struct arena *arena, const struct request *request, struct claim *claim)
{
  *claim = (struct claim){0};
  bool token = request_token(arena, request, &claim->token);
  if (request_parameter(arena, request, "user", &claim->user)) return identity_check(claim->user);
  return token ? ERR_OK : ERR_UNAUTHORIZED;
}
