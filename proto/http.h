/* The contract of a REST surface: a table of routes, each a translation like a frame's:
 * request to command, outcome to response. The gateway's one HTTP layer serves them all
 * (routing, bodies, limits, CORS, credentials); nothing here does I/O.
 *
 *   request ─► route ─► decode ─► command ─► (dispatch) ─► outcome ─► encode ─► response
 */
#ifndef PARLEY_PROTO_HTTP_H
#define PARLEY_PROTO_HTTP_H

#include "base/text.h"
#include "command.h"
#include "identity.h"

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_METHOD_COUNT };

/* Who may ask at all. What a user may do to a given room or message is decided where the
 * command is carried out; `admin` in the command's caller overrides it there. */
enum http_access {
  HTTP_ANYONE, /* nobody has to be anyone, and of credentials only the admin's is looked at: it
                * sets `admin`; any other is as good as none */
  HTTP_USER,   /* a user's, or the admin's */
  HTTP_ADMIN,  /* the admin's token alone */
};

enum { HTTP_PARAMS_MAX = 3 };

/* What responses have for a status, besides an error's (err_http_status). */
enum { HTTP_OK = 200, HTTP_CREATED = 201, HTTP_NO_CONTENT = 204, HTTP_BAD_REQUEST = 400 };

/* The largest number, id or time that a request may name. */
#define HTTP_NUMBER_MAX (JSON_NUMBER_END - 1)

/* A request on its way. All of it lives until its response is written. */
struct http_call {
  const struct request *head;
  struct slice params[HTTP_PARAMS_MAX]; /* what stands for each {} of the path, percent-decoded */
  struct slice body;                    /* raw JSON object, checked; empty: the request has none */
  struct party user;                    /* who asks; PARTY_NONE: nobody, or the admin */
  bool admin;                           /* with the admin's token */
};

/* In the order in which the row of a table reads.
 * NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct http_route {
  enum http_method method;
  const char *path; /* "/room/{}/users/{}": {} is one segment, never empty */
  enum http_access access;

  /* Fills the command, which is zeroed but for nothing; what it needs goes into the arena,
   * which lives as long as the call. An error is the response, and nothing is carried out. */
  enum err (*decode)(struct arena *arena, const struct http_call *call, struct command *command);

  /* What became of it, only where that is ERR_OK: appends the JSON body to `out`, and returns
   * the status. NULL: 204 without a body. */
  int (*encode)(struct arena *arena, const struct http_call *call, const struct outcome *outcome,
                struct text *out);
};

struct http_api {
  const struct http_route *routes;
  size_t route_count;

  /* The claim of a route that is not for anyone. As protocol.identify; ERR_NO_KEY besides.
   * NULL: request_claim. */
  enum err (*identify)(struct arena *arena, const struct request *request, struct claim *claim);

  /* The body of a failure; returns its status. NULL: http_error. */
  int (*error)(const struct http_call *call, enum err err, struct text *out);
};

/* {"error":"not_found","message":"there is no such thing"}, and the error's status. */
int http_error(const struct http_call *call, enum err err, struct text *out);

/* The route for a request; HEAD is a GET. ERR_OK; ERR_NOT_FOUND: no such path; ERR_BAD_METHOD:
 * the path knows other methods, whose names ("GET, PUT") are in `allowed`. `params` and
 * `allowed` are in the arena. A path that is badly encoded is not found. Where a {} and a
 * literal segment both fit, the literal one is meant, whatever the method. `protocol` is set
 * wherever the path is known. */
struct http_match {
  const struct protocol *protocol; /* whose surface it is */
  const struct http_route *route;
  struct slice params[HTTP_PARAMS_MAX];
  struct slice allowed;
};
MUST_CHECK enum err http_find(struct arena *arena, struct slice method, struct slice path,
                              struct http_match *match);

/* ---- what translations share --------------------------------------------------------- */

/* A member of the body as a string, plain UTF-8. ERR_OK, also where it is missing or null
 * and not `required` (the slice's data is NULL then); else ERR_MALFORMED. */
MUST_CHECK enum err http_string(struct arena *arena, const struct http_call *call, const char *name,
                                bool required, struct slice *value);

/* What stands for a {} of the path as a whole number. ERR_NOT_FOUND: it is none, is 0 or is
 * not below 2^53, so it is nothing's. */
MUST_CHECK enum err http_param_number(const struct http_call *call, size_t index, uint64_t *number);

/* The raw JSON value of a member; empty where it is missing. */
struct slice http_member(const struct http_call *call, const char *name);

/* true or false, which sets it, or missing, which leaves it as it was. Anything else:
 * ERR_MALFORMED. */
MUST_CHECK enum err http_choice(const struct http_call *call, const char *name,
                                struct choice *choice);

/* A member that goes on as the raw JSON string that it is; nothing where it is missing or null.
 * ERR_MALFORMED: it is something else. */
MUST_CHECK enum err http_raw_text(const struct http_call *call, const char *name,
                                  struct slice *raw);

/* Of a request that asks for nothing to be carried out: COMMAND_NONE. As http_route.decode. */
enum err http_decode_nothing(struct arena *arena, const struct http_call *call,
                             struct command *command);

/* A query parameter as a whole number between `low` and `high`; `value` is left as it was
 * where it is missing. ERR_MALFORMED: it is no number. Beyond the bounds: the bound. */
MUST_CHECK enum err http_query_number(struct arena *arena, const struct http_call *call,
                                      const char *name, uint64_t low, uint64_t high,
                                      uint64_t *value);

/* A query parameter, plain UTF-8; empty where it is missing, or badly encoded. */
struct slice http_query(struct arena *arena, const struct http_call *call, const char *name);

#endif
