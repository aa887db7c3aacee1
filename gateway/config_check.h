/* What must hold of settings beyond the range of each, and what is made from them. */
#ifndef PARLEY_GATEWAY_CONFIG_CHECK_H
#define PARLEY_GATEWAY_CONFIG_CHECK_H

#include "config.h"
#include "redis_tls.h"
#include "settings.h"

/* Checks forms and combinations; makes the node's name where there is none, the
 * routes and the trusted networks; adds warnings. May be called again after settings
 * were changed. */
bool config_complete(struct config *config, struct complaint complaint);

/* The settings for TLS to Redis, as the backend takes them. */
struct redis_tls_options config_redis_tls(const struct config *config);

void config_warn(struct config *config, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
