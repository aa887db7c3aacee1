/* Tokens: JWTs (RFC 7519) by libjwt, signed with HS256 and nothing else.
 *
 *   {"alg":"HS256","typ":"JWT"}.{"exp":1702592000,"iat":1700000000,"jti":"3f2a…","sub":"31"}.…
 *
 * Pure: whether a token was revoked is credential.c's to ask. Private to backend/. */
#ifndef PARLEY_BACKEND_TOKEN_H
#define PARLEY_BACKEND_TOKEN_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

enum { TOKEN_BYTES_MAX = 4096 };

struct token {
  struct slice user, id; /* sub, jti */
  uint64_t created_ms;   /* iat, which only token_write looks at */
  uint64_t expires_ms;   /* exp, which is in whole seconds: rounded up */
};

/* Three runs of base64url with dots between, and not too long: anything else is no token. */
bool token_has_form(struct slice text);

/* The text is in the arena. ERR_INTERNAL: the user's id is no UTF-8. */
MUST_CHECK enum err token_write(struct arena *arena, struct slice secret, const struct token *token,
                                struct slice *text);

/* In the arena. ERR_UNAUTHORIZED: not of this form, of another algorithm, not signed with this
 * secret, without exp, sub or jti, or expired by now_ms. */
MUST_CHECK enum err token_read(struct arena *arena, struct slice secret, struct slice text,
                               uint64_t now_ms, struct token *token);

#endif
