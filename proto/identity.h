/* Who may be whom on the wire: the form of ids, and the claims that a request's
 * head makes (protocols.md, common rules). Pure: whether a claim is believed is
 * the gateway's to decide. */
#ifndef PARLEY_PROTO_IDENTITY_H
#define PARLEY_PROTO_IDENTITY_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

#define ID_MAX_BYTES 128

/* The head of an upgrade or HTTP request. Slices of the request. */
struct request {
  struct slice method, path; /* path: percent-encoded, without the query */
  struct slice query;        /* without '?', percent-encoded; empty where there is none */
  struct slice authorization, subprotocols, origin, forwarded_for;
};

/* What a request says of who connects. In the arena, decoded; what is not said
 * is empty. */
struct claim {
  struct slice user;   /* canonical id */
  struct slice device; /* one of a user's several devices (messaging's device_id) */
  struct slice room;   /* the one room that the connection wants to hear; an id, no '#' */
  struct slice token;  /* a credential: bearer token, ?token=, ?key= */
};

/* ERR_OK for an id that a user may have; ERR_UNAUTHORIZED: empty or of bad form
 * (over 128 bytes, not UTF-8, control characters, a leading '#', one of "{}|");
 * ERR_FORBIDDEN: reserved (`server`, the nil UUID). */
MUST_CHECK enum err identity_check(struct slice id);

/* The same of an id that is to be a new user's. ERR_MALFORMED: of bad form; ERR_CONFLICT:
 * reserved, so it belongs to the server already. */
MUST_CHECK enum err identity_check_new(struct slice id);

/* ERR_OK for an id that a room may have (the same form, nothing reserved). */
MUST_CHECK enum err identity_check_room(struct slice id);

/* The value of a query parameter, percent-decoded, in the arena. False where it
 * is missing or badly encoded. The first one counts where it stands twice. */
bool request_parameter(struct arena *arena, const struct request *request, const char *name,
                       struct slice *value);

/* The user name of HTTP Basic credentials (RFC 7617), the token of Bearer ones
 * (RFC 6750). False where the head has none of that scheme. */
bool request_basic_user(struct arena *arena, const struct request *request, struct slice *user);
bool request_bearer(const struct request *request, struct slice *token);

/* A credential: the bearer token, else ?token=; in the arena. */
bool request_token(struct arena *arena, const struct request *request, struct slice *token);

/* What is still missing of a claim that a protocol has begun in its own way: the user from the
 * query parameter of that name, else from ?user=, and a token (request_token). ERR_UNAUTHORIZED
 * where there is neither in the end; else as identity_check says. */
MUST_CHECK enum err claim_complete(struct arena *arena, const struct request *request,
                                   const char *name, struct claim *claim);

/* The claim where a protocol has no way of its own: ?user=, a token, or both. ERR_UNAUTHORIZED
 * where there is neither; else as identity_check says. */
MUST_CHECK enum err request_claim(struct arena *arena, const struct request *request,
                                  struct claim *claim);

#endif
