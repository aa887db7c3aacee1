/* Settings: one table (config.def) makes the fields below, the flags, the
 * environment's variables, the file's keys, --help, --check-config and
 * --print-config. To add a setting, add a row.
 *
 *   flags (--port 8080) > environment (PARLEY_PORT) > file (port = 8080) > default
 *
 * An unknown flag or key, a bad value and a bad combination are errors that name
 * where they stand. An unknown PARLEY_ variable is a warning (Kubernetes makes some
 * of its own), an empty one counts as not set. */
#ifndef PARLEY_GATEWAY_CONFIG_H
#define PARLEY_GATEWAY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/slice.h"
#include "base/text.h"
#include "ip.h"
#include "routes.h"

enum config_auth { AUTH_OPEN, AUTH_JWT, AUTH_WEBHOOK };

struct config_list {
  const char *const *items;
  size_t count;
};

/* What the command line asks for besides running. */
enum config_request {
  CONFIG_RUN,
  CONFIG_HELP,    /* --help */
  CONFIG_VERSION, /* --version */
  CONFIG_CHECK,   /* --check-config */
  CONFIG_PRINT,   /* --print-config */
  CONFIG_PROBE,   /* --probe PORT */
};

#define CONFIG_FIELD_NUMBER       unsigned
#define CONFIG_FIELD_MILLISECONDS unsigned
#define CONFIG_FIELD_BYTES        size_t
#define CONFIG_FIELD_BOOLEAN      bool
#define CONFIG_FIELD_CHOICE       unsigned /* the word's place in its row: enum log_level and so on */
#define CONFIG_FIELD_STRING       const char * /* never NULL */
#define CONFIG_FIELD_URL          const char *
#define CONFIG_FIELD_SECRET       const char *
#define CONFIG_FIELD_LIST         struct config_list

struct config {
#define X(name, type, initial, range, when, help) CONFIG_FIELD_##type name;
#include "config.def"
#undef X

  struct route_table route_table;      /* `routes`, read */
  struct ip_networks trusted_networks; /* `trusted_proxies`, read */

  enum config_request request;
  unsigned probe_port;
  const char *file; /* --config or PARLEY_CONFIG; NULL where there is none */

  /* Where it came from, for config_reload; borrowed, as main got them. */
  char *const *arguments;
  char *const *environment;
  struct setting_source *sources; /* one per setting */
  struct config_list warnings;
  struct arena memory; /* all of the strings above */
};

/* Reads flags (argv as in main, NULL at the end), environment and file. False:
 * `error` holds one line, and there is nothing to free. */
bool config_load(struct config *config, char *const *arguments, char *const *environment,
                 char *error, size_t error_bytes);

/* Reads all of it again (SIGHUP). `fresh` has the new values of the settings that
 * can be reloaded, and of all others those of `running`. `restart_needed` gets the
 * names of changed settings that were left, with spaces between. False: `error`
 * holds one line, and `running` stays good. `running` can be freed when nothing
 * holds its strings any more. */
bool config_reload(struct config *fresh, const struct config *running, struct text *restart_needed,
                   char *error, size_t error_bytes);

void config_free(struct config *config);

/* What --help shows. */
void config_write_help(struct text *out);

/* The whole configuration as a file that can be read again, with a comment where a
 * value is not the default. What is secret (the admin token, a URL with a password)
 * stands in a comment, masked. */
void config_write(const struct config *config, struct text *out);

/* Something that the operator should know at the start and that is no error, as a
 * sentence; NULL where there is nothing. Index from 0. */
const char *config_warning(const struct config *config, unsigned index);

/* "origins" is empty or holds this one (compared without regard to case); or there is none. */
bool config_allows_origin(const struct config *config, struct slice origin);

#endif
