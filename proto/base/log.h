/* Logs: one line an event, `key=value` or JSON, to standard error. Never
 * payloads, tokens or keys. The only state is the level and the form, set once
 * at start, before any other use. */
#ifndef PARLEY_BASE_LOG_H
#define PARLEY_BASE_LOG_H

#include <stdint.h>

#include "slice.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_form { LOG_KEY_VALUE, LOG_JSON };

/* What stands behind a key. Built by the macros below. */
struct log_field {
  const char *key;
  enum { LOG_TEXT, LOG_NUMBER } type;
  struct slice text;
  int64_t number;
};

#define LOG_T(name, value) ((struct log_field){.key = (name), .type = LOG_TEXT, .text = (value)})
#define LOG_S(name, value) LOG_T(name, slice_of(value))
#define LOG_N(name, value) \
  ((struct log_field){.key = (name), .type = LOG_NUMBER, .number = (int64_t)(value)})

/* `node` is shown in every line; it is copied. */
void log_start(enum log_level level, enum log_form form, const char *node);

bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count);

/* log_event(LOG_INFO, "session_open", LOG_T("user", user), LOG_N("port", 8080)); */
#define log_event(level, event, ...)                                                    \
  do {                                                                                  \
    if (log_enabled(level)) {                                                           \
      const struct log_field log_fields_[] = {__VA_ARGS__};                             \
      log_write(level, event, log_fields_, sizeof log_fields_ / sizeof log_fields_[0]); \
    }                                                                                   \
  } while (0)

#endif
