/* See certificate.h. */
#include "certificate.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

enum { REASON_BYTES = 256 };

static void complain(const char *what, const char *file, char *error, size_t error_bytes)
{
  char reason[REASON_BYTES];
  ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
  ERR_clear_error();
  snprintf(error, error_bytes, "%s %s: %s", what, file, reason);
}

/* RFC 9113 is not spoken: a client that offers HTTP/1.1 (RFC 7301) is told so. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
  static const unsigned char http_1_1[] = "\x08http/1.1";
  (void)ssl;
  (void)arg;
  unsigned char *chosen;
  if (SSL_select_next_proto(&chosen, out_len, http_1_1, sizeof http_1_1 - 1, in, in_len) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *certificate_context(const char *cert, const char *key, char *error, size_t error_bytes)
{
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (!context) return NULL;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); /* idle connections are the most */
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
  if (SSL_CTX_use_certificate_chain_file(context, cert) != 1)
    complain("tls-cert", cert, error, error_bytes);
  else if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
           SSL_CTX_check_private_key(context) != 1)
    complain("tls-key", key, error, error_bytes);
  else
    return context;
  SSL_CTX_free(context);
  return NULL;
}

bool certificate_check(const char *cert, const char *key, char *error, size_t error_bytes)
{
  SSL_CTX *context = certificate_context(cert, key, error, error_bytes);
  SSL_CTX_free(context);
  return context != NULL;
}
