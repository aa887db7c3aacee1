#include "settings.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

/* The column `when` of config.def. */
enum { WHEN_RESTART, WHEN_RELOAD };

const struct setting settings[SETTING_COUNT] = {
#define X(name, type, initial, range, when, help) \
  {#name,                                         \
   initial,                                       \
   range,                                         \
   help,                                          \
   offsetof(struct config, name),                 \
   SETTING_##type,                                \
   WHEN_##when == WHEN_RELOAD},
#include "config.def"
#undef X
};

bool complain(struct complaint complaint, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(complaint.text, complaint.bytes, format, arguments);
  va_end(arguments);
  return false;
}

/* ---- names ---- */

static char in_flag(char c)
{
  return c == '_' ? '-' : c;
}

static char in_variable(char c)
{
  return (char)toupper((unsigned char)c);
}

static const struct setting *find(struct slice name, char (*spelled)(char))
{
  for (size_t i = 0; i < SETTING_COUNT; i++) {
    struct slice own = slice_of(settings[i].name);
    size_t same = 0;
    while (same < own.len && same < name.len && spelled(own.data[same]) == name.data[same]) same++;
    if (same == own.len && same == name.len) return &settings[i];
  }
  return NULL;
}

const struct setting *setting_find(struct slice name)
{
  return find(name, in_flag);
}

static const struct slice variable_prefix = {"PARLEY_", 7};

const struct setting *setting_find_variable(struct slice name)
{
  if (!slice_starts_with(name, variable_prefix)) return NULL;
  return find(slice_skip(name, variable_prefix.len), in_variable);
}

void setting_write_name(const struct setting *setting, struct text *out)
{
  for (const char *c = setting->name; *c; c++) text_append_char(out, in_flag(*c));
}

void setting_write_variable(const struct setting *setting, struct text *out)
{
  text_append(out, variable_prefix);
  for (const char *c = setting->name; *c; c++) text_append_char(out, in_variable(*c));
}

/* ---- reading ---- */

struct unit {
  const char *name;
  uint64_t factor;
};

/* From the largest to the smallest. */
static const struct unit byte_units[] = {
    {"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"", 1}};
static const struct unit millisecond_units[] = {{"s", 1000}, {"ms", 1}, {"", 1}};
static const struct unit no_units[] = {{"", 1}};

static const struct unit *units_of(enum setting_type type)
{
  if (type == SETTING_BYTES) return byte_units;
  return type == SETTING_MILLISECONDS ? millisecond_units : no_units;
}

/* The last unit of each list is "". */
static bool read_number(struct slice text, const struct unit *units, uint64_t *number)
{
  size_t digits = 0;
  *number = 0;
  while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9') {
    if (*number > UINT64_MAX / 10 - 1) return false;
    *number = *number * 10 + (uint64_t)(text.data[digits++] - '0');
  }
  if (digits == 0) return false;
  struct slice rest = slice_skip(text, digits);
  while (!slice_is(rest, units->name)) {
    if (!*units->name) return false;
    units++;
  }
  return !__builtin_mul_overflow(*number, units->factor, number);
}

static bool set_number(const struct setting *setting, void *field, struct slice text,
                       struct complaint complaint)
{
  const struct unit *units = units_of(setting->type);
  struct slice highest_text = slice_of(setting->range);
  struct slice lowest_text = slice_cut(&highest_text, '.');
  uint64_t number, lowest, highest;
  bool range_is_good = read_number(lowest_text, units, &lowest) &&
                       read_number(slice_skip(highest_text, 1), units, &highest);
  assert(range_is_good);
  if (!read_number(text, units, &number) || number < lowest || number > highest) {
    return complain(complaint, "'%.*s' is not a %s from %.*s to %.*s", SLICE_ARG(text),
                    setting->type == SETTING_BYTES ? "size" : "number", SLICE_ARG(lowest_text),
                    SLICE_ARG(slice_skip(highest_text, 1)));
  }
  if (setting->type == SETTING_BYTES) {
    *(size_t *)field = number;
  } else {
    *(unsigned *)field = (unsigned)number;
  }
  return true;
}

static bool set_boolean(bool *field, struct slice text, struct complaint complaint)
{
  static const char *const words[][2] = {
      {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    for (int value = 0; value < 2; value++) {
      if (!slice_is(text, words[i][value])) continue;
      *field = value;
      return true;
    }
  }
  return complain(complaint, "'%.*s' is neither true nor false", SLICE_ARG(text));
}

static bool set_choice(const struct setting *setting, unsigned *field, struct slice text,
                       struct complaint complaint)
{
  struct slice words = slice_of(setting->range);
  for (unsigned i = 0; words.len > 0; i++) {
    if (!slice_equal(slice_cut(&words, '|'), text)) continue;
    *field = i;
    return true;
  }
  return complain(complaint, "'%.*s' is none of %s", SLICE_ARG(text), setting->range);
}

static void set_list(struct config *config, struct config_list *field, struct slice text)
{
  size_t most = 1;
  for (size_t i = 0; i < text.len; i++) most += text.data[i] == ',';
  const char **items = arena_alloc(&config->memory, most * sizeof *items);
  size_t count = 0;
  while (text.len > 0) {
    struct slice item = slice_trim(slice_cut(&text, ','));
    if (item.len > 0) items[count++] = arena_copy(&config->memory, item).data;
  }
  *field = (struct config_list){items, count};
}

static bool is_printable(struct slice text)
{
  for (size_t i = 0; i < text.len; i++) {
    if ((unsigned char)text.data[i] < ' ' || text.data[i] == 127) return false;
  }
  return true;
}

bool setting_set(struct config *config, const struct setting *setting, struct slice text,
                 struct complaint complaint)
{
  void *field = (char *)config + setting->offset;
  if (!is_printable(text)) return complain(complaint, "control characters are in the value");
  switch (setting->type) {
  case SETTING_NUMBER:
  case SETTING_MILLISECONDS:
  case SETTING_BYTES:
    return set_number(setting, field, text, complaint);
  case SETTING_BOOLEAN:
    return set_boolean(field, text, complaint);
  case SETTING_CHOICE:
    return set_choice(setting, field, text, complaint);
  case SETTING_LIST:
    set_list(config, field, text);
    return true;
  default:
    *(const char **)field = arena_copy(&config->memory, text).data;
    return true;
  }
}

/* ---- writing ---- */

static void write_number(uint64_t number, const struct unit *units, struct text *out)
{
  while (*units->name && (number == 0 || number % units->factor != 0)) units++;
  text_append_number(out, number / units->factor);
  text_append(out, slice_of(units->name));
}

static void write_list(const struct config_list *list, struct text *out)
{
  for (size_t i = 0; i < list->count; i++) {
    if (i > 0) text_append_char(out, ',');
    text_append(out, slice_of(list->items[i]));
  }
}

static void write_choice(const struct setting *setting, unsigned index, struct text *out)
{
  struct slice words = slice_of(setting->range);
  while (index-- > 0) slice_cut(&words, '|');
  text_append(out, slice_cut(&words, '|'));
}

void setting_write(const struct config *config, const struct setting *setting, struct text *out)
{
  const void *field = (const char *)config + setting->offset;
  switch (setting->type) {
  case SETTING_NUMBER:
    text_append_number(out, *(const unsigned *)field);
    break;
  case SETTING_MILLISECONDS:
    write_number(*(const unsigned *)field, millisecond_units, out);
    break;
  case SETTING_BYTES:
    write_number(*(const size_t *)field, byte_units, out);
    break;
  case SETTING_BOOLEAN:
    text_append(out, slice_of(*(const bool *)field ? "true" : "false"));
    break;
  case SETTING_CHOICE:
    write_choice(setting, *(const unsigned *)field, out);
    break;
  case SETTING_LIST:
    write_list(field, out);
    break;
  default:
    text_append(out, slice_of(*(const char *const *)field));
  }
}

/* redis://user:password@host: where the password stands. Unix paths have none. */
static struct slice password_of(struct slice url)
{
  static const struct slice separator = {"://", 3};
  const char *start = url.len > 0 ? memmem(url.data, url.len, separator.data, separator.len) : NULL;
  if (!start || slice_starts_with(url, SLICE("unix:"))) return (struct slice){0};
  struct slice rest = slice_skip(url, (size_t)(start - url.data) + separator.len);
  const char *at = rest.len > 0 ? memrchr(rest.data, '@', rest.len) : NULL;
  const char *colon = at ? memchr(rest.data, ':', (size_t)(at - rest.data)) : NULL;
  return colon ? (struct slice){colon + 1, (size_t)(at - colon) - 1} : (struct slice){0};
}

bool setting_write_masked(const struct config *config, const struct setting *setting,
                          struct text *out)
{
  struct slice value = {0}, secret = {0};
  if (setting->type == SETTING_SECRET || setting->type == SETTING_URL) {
    value = slice_of(*(const char *const *)((const char *)config + setting->offset));
    secret = setting->type == SETTING_SECRET ? value : password_of(value);
  }
  if (secret.len == 0) {
    setting_write(config, setting, out);
    return false;
  }
  text_append(out, (struct slice){value.data, (size_t)(secret.data - value.data)});
  text_append(out, SLICE("***"));
  text_append(out, slice_skip(value, (size_t)(secret.data - value.data) + secret.len));
  return true;
}

void setting_write_kind(const struct setting *setting, struct text *out)
{
  static const char *const kinds[SETTING_TYPE_COUNT] = {
      [SETTING_NUMBER] = "NUMBER ", [SETTING_MILLISECONDS] = "MILLISECONDS ",
      [SETTING_BYTES] = "BYTES ",   [SETTING_BOOLEAN] = "true|false",
      [SETTING_CHOICE] = "",        [SETTING_STRING] = "TEXT",
      [SETTING_LIST] = "LIST",      [SETTING_URL] = "URL",
      [SETTING_SECRET] = "SECRET",
  };
  text_append(out, slice_of(kinds[setting->type]));
  text_append(out, slice_of(setting->range));
}
