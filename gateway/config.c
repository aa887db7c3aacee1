/* Where settings come from: each source is read in the order of its precedence, the
 * lowest first, and sets its values over those before it, so that a bad value is told
 * even where a later source has a good one. */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "config_check.h"
#include "settings.h"

enum { FILE_MAX_BYTES = 1 << 20, PLACE_MAX_BYTES = 512 };

/* Which source had the last word, with the text as it stood there. */
struct setting_source {
  const char *text;
  const char *where; /* "file", "environment", "flag"; NULL: the default */
};

struct reason {
  char text[256];
};

static bool apply(struct config *config, const struct setting *setting, struct slice text,
                  const char *where, struct reason *reason)
{
  if (!setting_set(config, setting, text, (struct complaint){reason->text, sizeof reason->text})) {
    return false;
  }
  config->sources[setting - settings] =
      (struct setting_source){arena_copy(&config->memory, text).data, where};
  return true;
}

/* ---- flags ---- */

struct flag {
  struct slice name; /* without dashes */
  const char *value; /* NULL for those that have none */
  const char *text;  /* as it stands on the command line */
};

static const struct {
  const char *name;
  enum config_request request;
  bool has_value;
} requests[] = {
    {"help", CONFIG_HELP, false},          {"version", CONFIG_VERSION, false},
    {"check-config", CONFIG_CHECK, false}, {"print-config", CONFIG_PRINT, false},
    {"probe", CONFIG_PROBE, true},
};

#define REQUEST_COUNT (sizeof requests / sizeof requests[0])

static bool has_value(struct slice name)
{
  for (size_t i = 0; i < REQUEST_COUNT; i++) {
    if (slice_is(name, requests[i].name)) return requests[i].has_value;
  }
  return true;
}

static bool is_flag(struct slice name)
{
  for (size_t i = 0; i < REQUEST_COUNT; i++) {
    if (slice_is(name, requests[i].name)) return true;
  }
  return slice_is(name, "config") || setting_find(name);
}

/* Takes the next flag, and its value where that is an argument of its own. */
static bool next_flag(char *const **arguments, struct flag *flag, struct complaint complaint)
{
  const char *text = *(*arguments)++;
  struct slice rest = slice_of(strcmp(text, "-h") == 0 ? "--help" : text);
  if (!slice_starts_with(rest, SLICE("--"))) {
    return complain(complaint, "%s: not a flag; see --help", text);
  }
  rest = slice_skip(rest, 2);
  bool attached = memchr(rest.data, '=', rest.len) != NULL;
  *flag = (struct flag){.text = text, .name = slice_cut(&rest, '=')};
  if (!is_flag(flag->name)) {
    return complain(complaint, "--%.*s: no such flag; see --help", SLICE_ARG(flag->name));
  }
  if (!has_value(flag->name)) {
    return !attached || complain(complaint, "--%.*s: takes no value", SLICE_ARG(flag->name));
  }
  flag->value = attached ? rest.data : **arguments;
  if (!flag->value) return complain(complaint, "--%.*s: a value is missing", SLICE_ARG(flag->name));
  if (!attached) (*arguments)++;
  return true;
}

static bool read_probe_port(const char *text, unsigned *port, struct complaint complaint)
{
  char *end;
  errno = 0;
  unsigned long number = strtoul(text, &end, 10);
  if (errno != 0 || *end || end == text || number < 1 || number > 65535) {
    return complain(complaint, "--probe: '%s' is no port", text);
  }
  *port = (unsigned)number;
  return true;
}

/* What is to be done at all, and where the file is. */
static bool read_requests(struct config *config, struct complaint complaint)
{
  struct flag flag = {0};
  for (char *const *rest = config->arguments + 1; *rest;) {
    if (!next_flag(&rest, &flag, complaint)) return false;
    if (slice_is(flag.name, "config")) config->file = flag.value;
    for (size_t i = 0; i < REQUEST_COUNT; i++) {
      if (!slice_is(flag.name, requests[i].name)) continue;
      config->request = requests[i].request;
      if (config->request == CONFIG_PROBE) {
        assert(flag.value);
        return read_probe_port(flag.value, &config->probe_port, complaint);
      }
      if (config->request == CONFIG_HELP || config->request == CONFIG_VERSION) return true;
    }
  }
  return true;
}

static bool apply_flags(struct config *config, struct complaint complaint)
{
  struct flag flag = {0};
  for (char *const *rest = config->arguments + 1; *rest;) {
    if (!next_flag(&rest, &flag, complaint)) return false;
    const struct setting *setting = setting_find(flag.name);
    if (!setting) continue;
    struct reason why;
    if (!apply(config, setting, slice_of(flag.value), "flag", &why)) {
      return complain(complaint, "--%.*s: %s", SLICE_ARG(flag.name), why.text);
    }
  }
  return true;
}

/* ---- environment ---- */

#define FILE_VARIABLE "PARLEY_CONFIG"

/* The value of an entry "NAME=value" of ours that is not empty; `name` is set. */
static bool own_variable(const char *entry, struct slice *name, struct slice *value)
{
  *value = slice_of(entry);
  *name = slice_cut(value, '=');
  return slice_starts_with(*name, SLICE("PARLEY_")) && value->len > 0;
}

static void read_file_variable(struct config *config)
{
  struct slice name, value;
  for (char *const *entry = config->environment; *entry; entry++) {
    if (own_variable(*entry, &name, &value) && slice_is(name, FILE_VARIABLE)) {
      config->file = value.data;
    }
  }
}

static bool apply_environment(struct config *config, struct complaint complaint)
{
  struct slice name, value;
  for (char *const *entry = config->environment; *entry; entry++) {
    if (!own_variable(*entry, &name, &value) || slice_is(name, FILE_VARIABLE)) continue;
    const struct setting *setting = setting_find_variable(name);
    struct reason why;
    if (!setting) {
      config_warn(config, "%.*s is set, but there is no such setting", SLICE_ARG(name));
    } else if (!apply(config, setting, value, "environment", &why)) {
      return complain(complaint, "%.*s: %s", SLICE_ARG(name), why.text);
    }
  }
  return true;
}

/* ---- file ---- */

static bool apply_line(struct config *config, struct slice line, bool *seen, const char *place,
                       struct complaint complaint)
{
  if (line.len > 0 && line.data[line.len - 1] == '\r') line.len--;
  line = slice_trim(line);
  if (line.len == 0 || line.data[0] == '#') return true;
  if (!memchr(line.data, '=', line.len)) {
    return complain(complaint, "%s: not of the form 'key = value'", place);
  }
  struct slice name = slice_trim(slice_cut(&line, '='));
  const struct setting *setting = setting_find(name);
  if (!setting) return complain(complaint, "%s: unknown key '%.*s'", place, SLICE_ARG(name));
  if (seen[setting - settings]) {
    return complain(complaint, "%s: '%.*s' stands twice", place, SLICE_ARG(name));
  }
  seen[setting - settings] = true;
  struct reason why;
  return apply(config, setting, slice_trim(line), "file", &why) ||
         complain(complaint, "%s: %.*s: %s", place, SLICE_ARG(name), why.text);
}

/* All of the file, from a pipe as well. */
static bool read_file(const char *path, char *buffer, size_t *len, struct complaint complaint)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return complain(complaint, "%s: %s", path, strerror(errno));
  ssize_t got;
  *len = 0;
  do {
    got = read(fd, buffer + *len, FILE_MAX_BYTES + 1 - *len);
    if (got > 0) *len += (size_t)got;
  } while ((got > 0 && *len <= FILE_MAX_BYTES) || (got < 0 && errno == EINTR));
  int error = errno;
  close(fd);
  if (got < 0) return complain(complaint, "%s: %s", path, strerror(error));
  return *len <= FILE_MAX_BYTES || complain(complaint, "%s: larger than 1 MiB", path);
}

static bool apply_file(struct config *config, struct complaint complaint)
{
  if (!config->file) return true;
  struct slice rest = {.data = memory_alloc(FILE_MAX_BYTES + 1)};
  void *buffer = (void *)rest.data;
  bool good = read_file(config->file, buffer, &rest.len, complaint);
  bool seen[SETTING_COUNT] = {false};
  for (unsigned line = 1; good && rest.len > 0; line++) {
    char place[PLACE_MAX_BYTES];
    snprintf(place, sizeof place, "%s:%u", config->file, line);
    good = apply_line(config, slice_cut(&rest, '\n'), seen, place, complaint);
  }
  free(buffer);
  return good;
}

/* ---- all of them ---- */

static void apply_defaults(struct config *config)
{
  struct reason why;
  for (size_t i = 0; i < SETTING_COUNT; i++) {
    bool good = apply(config, &settings[i], slice_of(settings[i].initial), NULL, &why);
    assert(good);
  }
}

static bool load(struct config *config, struct complaint complaint)
{
  read_file_variable(config);
  if (!read_requests(config, complaint)) return false;
  apply_defaults(config);
  if (config->request != CONFIG_RUN && config->request != CONFIG_CHECK &&
      config->request != CONFIG_PRINT) {
    return true;
  }
  return apply_file(config, complaint) && apply_environment(config, complaint) &&
         apply_flags(config, complaint) && config_complete(config, complaint);
}

bool config_load(struct config *config, char *const *arguments, char *const *environment,
                 char *error, size_t error_bytes)
{
  *config = (struct config){.arguments = arguments, .environment = environment};
  config->sources = arena_zalloc(&config->memory, SETTING_COUNT * sizeof *config->sources);
  if (load(config, (struct complaint){error, error_bytes})) return true;
  config_free(config);
  return false;
}

/* Sets what cannot be reloaded back to what is in force. */
static bool keep_running(struct config *fresh, const struct config *running,
                         struct text *restart_needed, struct complaint complaint)
{
  struct text value = {0};
  bool good = true;
  for (size_t i = 0; good && i < SETTING_COUNT; i++) {
    if (settings[i].reloadable) continue;
    /* By their texts: some values were completed at the start (port 0). */
    if (strcmp(fresh->sources[i].text, running->sources[i].text) != 0) {
      if (restart_needed->len > 0) text_append_char(restart_needed, ' ');
      setting_write_name(&settings[i], restart_needed);
    }
    fresh->sources[i].text = arena_copy(&fresh->memory, slice_of(running->sources[i].text)).data;
    fresh->sources[i].where = running->sources[i].where;
    text_reset(&value);
    setting_write(running, &settings[i], &value);
    good = setting_set(fresh, &settings[i], text_slice(&value), complaint);
  }
  text_free(&value);
  return good && config_complete(fresh, complaint);
}

bool config_reload(struct config *fresh, const struct config *running, struct text *restart_needed,
                   char *error, size_t error_bytes)
{
  if (!config_load(fresh, running->arguments, running->environment, error, error_bytes)) {
    return false;
  }
  if (keep_running(fresh, running, restart_needed, (struct complaint){error, error_bytes})) {
    return true;
  }
  config_free(fresh);
  return false;
}

void config_free(struct config *config)
{
  arena_free(&config->memory);
  *config = (struct config){0};
}

/* ---- output ---- */

static const char help_head[] =
    "parley: a gateway between messaging protocols\n"
    "\n"
    "usage: parley [--flag VALUE | --flag=VALUE]...\n"
    "\n"
    "Each setting is a flag (--port 8080), a variable (PARLEY_PORT=8080) and a key of\n"
    "the file (port = 8080); flags win over variables, variables over the file.\n"
    "\n"
    "  --config FILE     read settings from this file (PARLEY_CONFIG)\n"
    "  --check-config    say whether the settings are good, and end\n"
    "  --print-config    print the settings as a file, and end\n"
    "  --probe PORT      ask a running server whether it is ready, and end\n"
    "  --version         print the version, and end\n"
    "  --help            print this, and end\n"
    "\n"
    "Settings, with their defaults; those with a * are read again on SIGHUP:\n";

void config_write_help(struct text *out)
{
  text_append(out, SLICE(help_head));
  for (size_t i = 0; i < SETTING_COUNT; i++) {
    text_append(out, SLICE("\n  --"));
    setting_write_name(&settings[i], out);
    text_append_char(out, ' ');
    setting_write_kind(&settings[i], out);
    if (*settings[i].initial) text_append_format(out, "  (%s)", settings[i].initial);
    text_append_format(out, "%s\n      %s\n", settings[i].reloadable ? " *" : "", settings[i].help);
  }
}

void config_write(const struct config *config, struct text *out)
{
  struct text value = {0};
  for (size_t i = 0; i < SETTING_COUNT; i++) {
    text_reset(&value);
    bool masked = setting_write_masked(config, &settings[i], &value);
    if (config->sources[i].where) {
      text_append_format(out, "# from: %s%s\n", config->sources[i].where,
                         masked ? "; a secret is not shown" : "");
    }
    if (masked) text_append(out, SLICE("# "));
    setting_write_name(&settings[i], out);
    text_append(out, SLICE(" = "));
    text_append(out, text_slice(&value));
    text_append_char(out, '\n');
  }
  text_free(&value);
}
