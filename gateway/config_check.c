#include "config_check.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <sys/random.h>

#include "backend.h"
#include "certificate.h"
#include "redis_url.h"

enum { NAME_MAX_BYTES = 64, WARNINGS_MAX = 16, TOKEN_GOOD_BYTES = 16 };

void config_warn(struct config *config, const char *format, ...)
{
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (config->warnings.count == WARNINGS_MAX) return;
  for (size_t i = 0; i < config->warnings.count; i++) {
    if (strcmp(config->warnings.items[i], text) == 0) return;
  }
  const char **items = (const char **)config->warnings.items;
  if (!items) {
    items = arena_alloc(&config->memory, WARNINGS_MAX * sizeof *items);
    config->warnings.items = items;
  }
  items[config->warnings.count++] = arena_copy(&config->memory, slice_of(text)).data;
}

const char *config_warning(const struct config *config, unsigned index)
{
  return index < config->warnings.count ? config->warnings.items[index] : NULL;
}

/* Letters, digits and these others: fit for keys, hash tags, logs and session ids. */
static bool is_name(const char *text, const char *others)
{
  size_t len = strlen(text);
  if (len == 0 || len > NAME_MAX_BYTES) return false;
  for (const char *c = text; *c; c++) {
    bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
    bool digit = *c >= '0' && *c <= '9';
    if (!letter && !digit && !strchr(others, *c)) return false;
  }
  return true;
}

static bool check_names(struct config *config, struct complaint complaint)
{
  if (!*config->node_id) {
    uint16_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number) {
      return complain(complaint, "node-id: no random numbers; give one");
    }
    char name[16];
    snprintf(name, sizeof name, "gw-%04x", number);
    config->node_id = arena_copy(&config->memory, slice_of(name)).data;
  }
  if (!is_name(config->node_id, ".-_")) {
    return complain(complaint, "node-id: '%s' is not 1 to %d of A-Z a-z 0-9 . - _", config->node_id,
                    NAME_MAX_BYTES);
  }
  if (!is_name(config->prefix, ".-_:")) {
    return complain(complaint, "prefix: '%s' is not 1 to %d of A-Z a-z 0-9 . - _ :", config->prefix,
                    NAME_MAX_BYTES);
  }
  return *config->data || complain(complaint, "data: a folder is needed");
}

static bool listens_beyond_loopback(const struct config *config)
{
  struct ip ip;
  return !ip_read(slice_of(config->listen), &ip) || !ip_is_loopback(&ip);
}

/* Whether there is TLS at all is settled when it starts: the listener is another. */
static bool check_tls(const struct config *config, struct complaint complaint)
{
  char reason[CERTIFICATE_ERROR_BYTES] = "";
  if (!*config->tls_cert && !*config->tls_key) return true;
  if (!*config->tls_cert || !*config->tls_key)
    return complain(complaint, "tls-cert and tls-key: one needs the other");
  if (certificate_check(config->tls_cert, config->tls_key, reason, sizeof reason)) return true;
  return complain(complaint, "%s", reason);
}

static bool check_listen(const struct config *config, struct complaint complaint)
{
  uint8_t bytes[16];
  if (strcmp(config->listen, "*") == 0 || inet_pton(AF_INET, config->listen, bytes) == 1 ||
      inet_pton(AF_INET6, config->listen, bytes) == 1) {
    return true;
  }
  return complain(complaint, "listen: '%s' is neither * nor an address", config->listen);
}

struct redis_tls_options config_redis_tls(const struct config *config)
{
  return (struct redis_tls_options){
      .ca = config->redis_ca,
      .cert = config->redis_cert,
      .key = config->redis_key,
      .verify = (enum redis_verify)config->redis_verify,
  };
}

static bool check_redis_tls(struct config *config, bool is_used, struct complaint complaint)
{
  char reason[512];
  struct redis_tls_options options = config_redis_tls(config);
  if (!is_used) {
    if (*options.ca || *options.cert || *options.key)
      config_warn(config, "redis-ca, redis-cert and redis-key are for rediss:// only");
    return true;
  }
  struct redis_tls *tls = redis_tls_new(&options, reason, sizeof reason);
  if (!tls) return complain(complaint, "redis-ca, redis-cert, redis-key: %s", reason);
  redis_tls_free(tls);
  if (options.verify == REDIS_VERIFY_NONE)
    config_warn(config, "redis-verify is none: whoever stands in between can be Redis");
  return true;
}

static bool check_redis(struct config *config, struct complaint complaint)
{
  struct redis_url url = {0};
  char reason[256];
  if (*config->redis && !redis_url_parse(&url, config->redis, reason, sizeof reason)) {
    return complain(complaint, "redis: %s", reason);
  }
  bool tls = url.tls;
  redis_url_free(&url);
  return check_redis_tls(config, tls, complaint);
}

static bool check_sizes(const struct config *config, struct complaint complaint)
{
  if (config->hard_message_bytes < config->message_bytes) {
    return complain(complaint, "hard-message-bytes: less than message-bytes");
  }
  if (config->bytes_per_second > 0 && config->bytes_burst < config->hard_message_bytes) {
    return complain(complaint, "bytes-burst: less than hard-message-bytes, which could never pass");
  }
  /* A message may grow by its wrapping and its sender's name. */
  if (config->outbox_bytes / 2 < config->message_bytes) {
    return complain(complaint, "outbox-bytes: less than two messages of message-bytes");
  }
  return true;
}

static bool check_auth(struct config *config, struct complaint complaint)
{
  static const char *const words[] = {"open", "jwt", "webhook"};
  if (config->auth != AUTH_OPEN) {
    return complain(complaint, "auth: %s is not available in this version; only open is",
                    words[config->auth]);
  }
  if (listens_beyond_loopback(config)) {
    config_warn(config, "auth is open, and it listens beyond loopback: "
                        "whoever reaches it can be any user");
  }
  if (*config->admin_token && strlen(config->admin_token) < TOKEN_GOOD_BYTES) {
    config_warn(config, "admin-token is short: %d characters or more are hard to guess",
                TOKEN_GOOD_BYTES);
  }
  for (const char *c = config->admin_token; *c; c++) {
    if (*c <= ' ' || *c > '~') {
      return complain(complaint, "admin-token: only printable ASCII, no blanks");
    }
  }
  return true;
}

static bool check_secret(const char *name, const char *secret, struct complaint complaint)
{
  size_t len = strlen(secret);
  if (len == 0 || len >= TOKEN_SECRET_MIN_BYTES) return true;
  return complain(complaint, "%s: %d characters at least, it has %zu", name, TOKEN_SECRET_MIN_BYTES,
                  len);
}

static bool check_token_secrets(const struct config *config, struct complaint complaint)
{
  return check_secret("token-secret", config->token_secret, complaint) &&
         check_secret("token-secret-also", config->token_secret_also, complaint);
}

static bool check_origins(const struct config *config, struct complaint complaint)
{
  for (size_t i = 0; i < config->origins.count; i++) {
    const char *origin = config->origins.items[i];
    const char *host = strstr(origin, "://");
    if (strcmp(origin, "null") == 0) continue;
    if (!host || !host[3] || strpbrk(host + 3, "/?#@ ")) {
      return complain(complaint, "origins: '%s' is not like https://example.org", origin);
    }
  }
  return true;
}

static bool read_networks(struct config *config, struct complaint complaint)
{
  size_t count = config->trusted_proxies.count;
  struct ip_network *networks = arena_alloc(&config->memory, (count + 1) * sizeof *networks);
  for (size_t i = 0; i < count; i++) {
    const char *text = config->trusted_proxies.items[i];
    if (!ip_network_read(slice_of(text), &networks[i])) {
      return complain(complaint, "trusted-proxies: '%s' is no network", text);
    }
  }
  config->trusted_networks = (struct ip_networks){networks, count};
  return true;
}

static bool read_routes(struct config *config, struct complaint complaint)
{
  char reason[256];
  if (!routes_read(&config->memory, config->routes, &config->route_table, reason, sizeof reason)) {
    return complain(complaint, "routes: %s", reason);
  }
  return true;
}

bool config_complete(struct config *config, struct complaint complaint)
{
  return check_names(config, complaint) && check_listen(config, complaint) &&
         check_tls(config, complaint) && check_redis(config, complaint) &&
         check_sizes(config, complaint) && check_auth(config, complaint) &&
         check_token_secrets(config, complaint) && check_origins(config, complaint) &&
         read_networks(config, complaint) && read_routes(config, complaint);
}

bool config_allows_origin(const struct config *config, struct slice origin)
{
  if (!origin.len) return true; /* no browser */
  for (size_t i = 0; i < config->origins.count; i++) {
    struct slice allowed = slice_of(config->origins.items[i]);
    if (allowed.len == origin.len && strncasecmp(allowed.data, origin.data, origin.len) == 0) {
      return true;
    }
  }
  return config->origins.count == 0;
}
