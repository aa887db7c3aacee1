/* Tokens on libjwt 1.10 (Debian 12) to 1.17 (Debian 13). */
#include "token.h"

#include <errno.h>
#include <stdlib.h>

#include <jwt.h>
#include <sodium.h>

enum { MS_PER_SECOND = 1000 };

static bool is_base64url(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

/* RFC 7515, 7.1. Behind an empty part's end libjwt would write. */
bool token_has_form(struct slice text)
{
  size_t dots = 0, part = 0;
  if (text.len > TOKEN_BYTES_MAX) return false;
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] == '.' && part > 0) {
      dots++;
      part = 0;
    } else if (is_base64url(text.data[i])) {
      part++;
    } else {
      return false;
    }
  }
  return dots == 2 && part > 0;
}

/* ---- writing ------------------------------------------------------------------------ */

static bool fill(struct arena *arena, struct slice secret, const struct token *token, jwt_t *jwt)
{
  long expires_s = (long)((token->expires_ms + MS_PER_SECOND - 1) / MS_PER_SECOND);
  long created_s = (long)(token->created_ms / MS_PER_SECOND);
  return jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret.data, (int)secret.len) ==
             0 &&
         jwt_add_grant(jwt, "sub", arena_copy(arena, token->user).data) == 0 &&
         jwt_add_grant(jwt, "jti", arena_copy(arena, token->id).data) == 0 &&
         jwt_add_grant_int(jwt, "iat", created_s) == 0 &&
         jwt_add_grant_int(jwt, "exp", expires_s) == 0;
}

enum err token_write(struct arena *arena, struct slice secret, const struct token *token,
                     struct slice *text)
{
  jwt_t *jwt;
  if (jwt_new(&jwt) != 0) return ERR_INTERNAL;
  char *encoded = fill(arena, secret, token, jwt) ? jwt_encode_str(jwt) : NULL;
  if (encoded) {
    *text = arena_copy(arena, slice_of(encoded));
    sodium_memzero(encoded, text->len);
  }
  free(encoded);
  jwt_free(jwt);
  return encoded ? ERR_OK : ERR_INTERNAL;
}

/* ---- reading ------------------------------------------------------------------------ */

static bool read_grant(struct arena *arena, jwt_t *jwt, const char *name, struct slice *value)
{
  struct slice grant = slice_of(jwt_get_grant(jwt, name)); /* NULL where it is no string, too */
  if (grant.len) *value = arena_copy(arena, grant);
  return grant.len > 0;
}

static bool read_expiry(jwt_t *jwt, uint64_t now_ms, struct token *token)
{
  errno = 0;
  long expires_s = jwt_get_grant_int(jwt, "exp");
  if (errno || expires_s <= 0 || (uint64_t)expires_s > UINT64_MAX / MS_PER_SECOND) return false;
  token->expires_ms = (uint64_t)expires_s * MS_PER_SECOND;
  return token->expires_ms > now_ms;
}

static bool read_grants(struct arena *arena, jwt_t *jwt, uint64_t now_ms, struct token *token)
{
  return jwt_get_alg(jwt) == JWT_ALG_HS256 && read_expiry(jwt, now_ms, token) &&
         read_grant(arena, jwt, "sub", &token->user) && read_grant(arena, jwt, "jti", &token->id);
}

enum err token_read(struct arena *arena, struct slice secret, struct slice text, uint64_t now_ms,
                    struct token *token)
{
  jwt_t *jwt = NULL;
  *token = (struct token){0};
  if (!token_has_form(text)) return ERR_UNAUTHORIZED;
  const unsigned char *key = (const unsigned char *)secret.data;
  const char *whole = arena_copy(arena, text).data;
  if (jwt_decode(&jwt, whole, key, (int)secret.len) != 0) return ERR_UNAUTHORIZED;
  bool good = read_grants(arena, jwt, now_ms, token);
  jwt_free(jwt);
  if (good) return ERR_OK;
  *token = (struct token){0};
  return ERR_UNAUTHORIZED;
}
