/* The form of ids, and what the head of a request claims. */
#include "identity.h"

#include <strings.h>

#include "base/base64.h"
#include "base/text.h"
#include "base/utf8.h"
#include "envelope.h"

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
  return slice_equal(id, party_server.id) || slice_equal(id, party_server.uuid);
}

enum err identity_check(struct slice id)
{
  if (!has_form(id)) return ERR_UNAUTHORIZED;
  return is_reserved(id) ? ERR_FORBIDDEN : ERR_OK;
}

enum err identity_check_new(struct slice id)
{
  enum err err = identity_check(id);
  if (err == ERR_FORBIDDEN) return ERR_CONFLICT;
  return err == ERR_OK ? ERR_OK : ERR_MALFORMED;
}

enum err identity_check_room(struct slice id)
{
  return has_form(id) ? ERR_OK : ERR_UNAUTHORIZED;
}

/* A percent-encoded run, decoded into the arena. */
static bool decode(struct arena *arena, struct slice encoded, struct slice *value)
{
  struct text text = {0};
  bool good = text_append_url_decoded(&text, encoded);
  struct slice decoded = text_move(&text, arena);
  if (good) *value = decoded;
  return good;
}

bool request_parameter(struct arena *arena, const struct request *request, const char *name,
                       struct slice *value)
{
  struct slice rest = request->query;
  while (rest.len > 0) {
    struct slice encoded = slice_cut(&rest, '&');
    struct slice encoded_name = slice_cut(&encoded, '=');
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
  *user = slice_cut(&pair, ':');
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

enum err claim_complete(struct arena *arena, const struct request *request, const char *name,
                        struct claim *claim)
{
  bool token = claim->token.len > 0 || request_token(arena, request, &claim->token);
  if (claim->user.data || request_parameter(arena, request, name, &claim->user) ||
      request_parameter(arena, request, "user", &claim->user)) {
    return identity_check(claim->user);
  }
  return token ? ERR_OK : ERR_UNAUTHORIZED;
}

enum err request_claim(struct arena *arena, const struct request *request, struct claim *claim)
{
  *claim = (struct claim){0};
  return claim_complete(arena, request, "user", claim);
}
