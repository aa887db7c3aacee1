/* What tokens are signed with: configured, or made by the first node that needs it and kept
 * in Redis (parley:token-secret), so that all nodes agree. Private to backend/. */
#ifndef PARLEY_BACKEND_SECRET_H
#define PARLEY_BACKEND_SECRET_H

#include "backend.h"

struct secret;

/* `configured`: copied; NULL: the one in Redis. `also`, copied: see secret_also; NULL: none.
 * sodium_init has been called. */
struct secret *secret_new(const char *configured, const char *also);
void secret_free(struct secret *secret);

/* As it was when it was last asked for; empty: it never was. */
struct slice secret_known(const struct backend *backend);

/* A second one, which nothing is signed with here, but tokens may have been: so one secret takes
 * the other's place while all are good. Empty: there is none. */
struct slice secret_also(const struct backend *backend);

/* As it is, which is what the next secret_known gives; it is made where there is none. Lives
 * until `done` returns. ERR_INTERNAL: what stands in Redis is too short to sign with. */
typedef void secret_fn(void *arg, enum err err, struct slice secret);
void secret_ask(struct backend *backend, secret_fn *done, void *arg);

#endif
