/* The certificate that clients are shown, and what is spoken behind it: TLS 1.2 and 1.3, HTTP/1.1,
 * nothing negotiated twice. */
#ifndef PARLEY_GATEWAY_CERTIFICATE_H
#define PARLEY_GATEWAY_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

enum { CERTIFICATE_ERROR_BYTES = 512 };

/* Reads the certificate chain and its key (PEM), for servers. NULL: `error` holds one line. */
struct ssl_ctx_st *certificate_context(const char *cert, const char *key, char *error,
                                       size_t error_bytes);

/* Could it? */
bool certificate_check(const char *cert, const char *key, char *error, size_t error_bytes);

#endif
