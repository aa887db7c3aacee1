/* The table of settings (config.def) as data: how a value of each type is read,
 * checked against its range and written. Where values come from, and in which order,
 * is config.c's. */
#ifndef PARLEY_GATEWAY_SETTINGS_H
#define PARLEY_GATEWAY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/text.h"
#include "config.h"

enum setting_type {
  SETTING_NUMBER,
  SETTING_MILLISECONDS,
  SETTING_BYTES,
  SETTING_BOOLEAN,
  SETTING_CHOICE,
  SETTING_STRING,
  SETTING_LIST,
  SETTING_URL,
  SETTING_SECRET,
  SETTING_TYPE_COUNT
};

enum setting_index {
#define X(name, type, initial, range, when, help) SETTING_INDEX_##name,
#include "config.def"
#undef X
  SETTING_COUNT
};

struct setting {
  const char *name; /* as the field: max_connections */
  const char *initial, *range, *help;
  size_t offset; /* of the field */
  enum setting_type type;
  bool reloadable;
};

extern const struct setting settings[SETTING_COUNT];

/* Where a function says what is wrong, in one line. */
struct complaint {
  char *text;
  size_t bytes;
};

/* Returns false, so that it can be returned. */
bool complain(struct complaint complaint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The setting called so in flags and files ("max-connections"); NULL: there is none. */
const struct setting *setting_find(struct slice name);

/* The same by its variable, PARLEY_MAX_CONNECTIONS. */
const struct setting *setting_find_variable(struct slice name);

/* "max-connections" and "PARLEY_MAX_CONNECTIONS". */
void setting_write_name(const struct setting *setting, struct text *out);
void setting_write_variable(const struct setting *setting, struct text *out);

/* Sets the field; strings are copied to the configuration's memory. False: the text
 * is no value of this setting, and the field is as it was. */
bool setting_set(struct config *config, const struct setting *setting, struct slice text,
                 struct complaint complaint);

/* The value as it would be written in a file. */
void setting_write(const struct config *config, const struct setting *setting, struct text *out);

/* The same with what is secret masked. True: something was. */
bool setting_write_masked(const struct config *config, const struct setting *setting,
                          struct text *out);

/* What kind of value it takes, for --help: "NUMBER 0..65535", "open|jwt". */
void setting_write_kind(const struct setting *setting, struct text *out);

#endif
