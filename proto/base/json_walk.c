/* Walking the text of objects and arrays. The text was checked before (json_check);
 * but nothing here trusts that: on any bytes a walk stays inside its slice and ends. */
#include "base/json.h"

static bool is_white(char c)
{
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static struct slice skip_white(struct slice text)
{
  size_t at = 0;
  while (at < text.len && is_white(text.data[at])) at++;
  return slice_skip(text, at);
}

/* The length of the string that `text` begins with, quotes included; 0 where it does
 * not end. */
static size_t string_length(struct slice text)
{
  if (text.len == 0) return 0;
  const char *quote = text.data, *end = text.data + text.len;
  while ((quote = memchr(quote + 1, '"', (size_t)(end - quote - 1)))) {
    size_t backslashes = 0;
    for (const char *back = quote - 1; back > text.data && *back == '\\'; back--) backslashes++;
    if (backslashes % 2 == 0) return (size_t)(quote - text.data) + 1;
  }
  return 0;
}

/* The length of the object or array that `text` begins with; 0 where it does not end.
 * Which bracket closes which is not looked at: in checked text they match. */
static size_t container_length(struct slice text)
{
  size_t depth = 0;
  for (size_t at = 0; at < text.len; at++) {
    switch (text.data[at]) {
    case '"': {
      size_t len = string_length(slice_skip(text, at));
      if (len == 0) return 0;
      at += len - 1;
      break;
    }
    case '{':
    case '[':
      depth++;
      break;
    case '}':
    case ']':
      if (--depth == 0) return at + 1;
      break;
    default:
      break;
    }
  }
  return 0;
}

static bool ends_scalar(char c)
{
  switch (c) {
  case ',':
  case ':':
  case '[':
  case ']':
  case '{':
  case '}':
  case '"':
  case '\0':
    return true;
  default:
    return is_white(c);
  }
}

/* The length of the number or literal that `text` begins with. */
static size_t scalar_length(struct slice text)
{
  size_t at = 0;
  while (at < text.len && !ends_scalar(text.data[at])) at++;
  return at;
}

static size_t value_length(struct slice text)
{
  if (json_is_string(text)) return string_length(text);
  if (json_is_object(text) || json_is_array(text)) return container_length(text);
  return scalar_length(text);
}

/* Takes one value from the front of the walk's rest; empty where there is none. */
static struct slice take_value(struct json_walk *walk)
{
  struct slice value = {walk->rest.data, value_length(walk->rest)};
  walk->rest = skip_white(slice_skip(walk->rest, value.len));
  return value;
}

struct json_walk json_walk(struct slice container)
{
  container = skip_white(container);
  struct json_walk walk = {{NULL, 0}, json_is_object(container)};
  if (!walk.names && !json_is_array(container)) return walk;
  walk.rest = skip_white(slice_skip(container, 1));
  return walk;
}

/* The end of a walk, by a closing bracket or by what is no JSON: none goes on. */
static bool walk_end(struct json_walk *walk)
{
  walk->rest = (struct slice){NULL, 0};
  return false;
}

/* Takes the byte `c` and the white space behind it, if it is next. */
static bool take(struct json_walk *walk, char c)
{
  if (walk->rest.len == 0 || walk->rest.data[0] != c) return false;
  walk->rest = skip_white(slice_skip(walk->rest, 1));
  return true;
}

bool json_walk_next(struct json_walk *walk, struct slice *key, struct slice *value)
{
  struct slice name = {NULL, 0};
  *key = *value = name;
  if (walk->names) {
    if (!json_is_string(walk->rest)) return walk_end(walk);
    name = take_value(walk);
    if (!take(walk, ':')) return walk_end(walk);
  }
  struct slice found = take_value(walk);
  if (found.len == 0) return walk_end(walk);
  if (!take(walk, ',')) walk_end(walk);
  *key = name;
  *value = found;
  return true;
}

struct slice json_member(struct slice object, struct slice name)
{
  struct slice found = {NULL, 0}, key, value;
  struct json_walk walk = json_walk(object);
  while (json_walk_next(&walk, &key, &value)) {
    if (json_key_is(key, name)) found = value;
  }
  return found;
}

void json_members(struct slice object, const struct slice *names, size_t count,
                  struct slice *values)
{
  for (size_t i = 0; i < count; i++) values[i] = (struct slice){NULL, 0};
  struct slice key, value;
  struct json_walk walk = json_walk(object);
  while (json_walk_next(&walk, &key, &value)) {
    for (size_t i = 0; i < count; i++) {
      if (json_key_is(key, names[i])) values[i] = value;
    }
  }
}
