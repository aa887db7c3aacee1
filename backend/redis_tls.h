/* TLS to Redis: whose certificates are believed, and which one is shown. */
#ifndef PARLEY_BACKEND_REDIS_TLS_H
#define PARLEY_BACKEND_REDIS_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct redisAsyncContext;
struct ssl_st; /* OpenSSL's SSL */
struct redis_tls;

/* What Redis' certificate must be: signed by a CA that is believed and issued for the host
 * that was asked for; only the former; or any at all. */
enum redis_verify { REDIS_VERIFY_HOST, REDIS_VERIFY_CA, REDIS_VERIFY_NONE };

/* Files in PEM; NULL or empty: none. */
struct redis_tls_options {
  const char *ca;         /* none: those that the system believes */
  const char *cert, *key; /* shown to Redis: both, or neither */
  enum redis_verify verify;
};

/* NULL: `error` holds one sentence. */
struct redis_tls *redis_tls_new(const struct redis_tls_options *options, char *error,
                                size_t error_bytes);
void redis_tls_free(struct redis_tls *tls);

/* Begins TLS on a context that has just connected to `host`, a name or an address. What
 * comes back belongs to the context and lives as long; NULL: it failed. */
struct ssl_st *redis_tls_begin(struct redis_tls *tls, struct redisAsyncContext *context,
                               const char *host);

/* Why TLS failed; NULL: it is not TLS that did. */
const char *redis_tls_complaint(const struct ssl_st *ssl);

#endif
