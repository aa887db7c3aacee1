/* An OpenSSL context of our own rather than hiredis' one, which can hold no certificate
 * against the host's name. */
#include "redis_tls.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

struct redis_tls {
  SSL_CTX *context;
  enum redis_verify verify;
};

static bool is_given(const char *file)
{
  return file && *file;
}

/* NULL, or the file that cannot be used. */
static const char *load_files(SSL_CTX *context, const struct redis_tls_options *options)
{
  if (is_given(options->ca)) {
    if (SSL_CTX_load_verify_file(context, options->ca) != 1) return options->ca;
  } else {
    SSL_CTX_set_default_verify_paths(context);
  }
  if (!is_given(options->cert)) return NULL;
  if (SSL_CTX_use_certificate_chain_file(context, options->cert) != 1) return options->cert;
  if (SSL_CTX_use_PrivateKey_file(context, options->key, SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    return options->key;
  return NULL;
}

struct redis_tls *redis_tls_new(const struct redis_tls_options *options, char *error,
                                size_t error_bytes)
{
  if (is_given(options->cert) != is_given(options->key)) {
    snprintf(error, error_bytes, "a certificate needs its key, and a key its certificate");
    return NULL;
  }
  struct redis_tls *tls = memory_zalloc(sizeof *tls);
  tls->verify = options->verify;
  ERR_clear_error();
  tls->context = SSL_CTX_new(TLS_client_method());
  const char *bad = tls->context ? load_files(tls->context, options) : "OpenSSL";
  if (bad) {
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    snprintf(error, error_bytes, "%s cannot be used: %s", bad, reason ? reason : "unreadable");
    redis_tls_free(tls);
    return NULL;
  }
  SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
  SSL_CTX_set_verify(tls->context,
                     tls->verify == REDIS_VERIFY_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
  return tls;
}

void redis_tls_free(struct redis_tls *tls)
{
  if (!tls) return;
  SSL_CTX_free(tls->context);
  free(tls);
}

/* An address is no server name (RFC 6066, 3), and stands elsewhere in a certificate. */
static bool expect(SSL *ssl, const char *host, bool verified)
{
  X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
  bool is_address = X509_VERIFY_PARAM_set1_ip_asc(wanted, host) == 1;
  if (!is_address && SSL_set_tlsext_host_name(ssl, host) != 1) return false;
  if (!verified) return !is_address || X509_VERIFY_PARAM_set1_ip(wanted, NULL, 0) == 1;
  return is_address || X509_VERIFY_PARAM_set1_host(wanted, host, 0) == 1;
}

struct ssl_st *redis_tls_begin(struct redis_tls *tls, struct redisAsyncContext *context,
                               const char *host)
{
  SSL *ssl = SSL_new(tls->context);
  if (!ssl) return NULL;
  if (expect(ssl, host, tls->verify == REDIS_VERIFY_HOST) &&
      redisInitiateSSL(&context->c, ssl) == REDIS_OK)
    return ssl;
  SSL_free(ssl);
  return NULL;
}

const char *redis_tls_complaint(const struct ssl_st *ssl)
{
  long result = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
  if (result != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE)
    return X509_verify_cert_error_string(result);
  if (ssl && !SSL_is_init_finished(ssl)) return "the TLS handshake failed";
  return NULL;
}
