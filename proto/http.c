/* See http.h. A request's path is cut into segments, each percent-decoded, and held against
 * the pattern of every route there is; the tables are small, and nothing is built from them. */
#include "http.h"

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "protocol.h"

enum { SEGMENTS_MAX = 8 };

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET",     [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
};

/* ---- routes ---- */

struct segments {
  struct slice of[SEGMENTS_MAX];
  size_t count;
};

static bool decode_segment(struct arena *arena, struct slice encoded, struct slice *segment)
{
  struct text text = {0};
  bool good = text_append_path_decoded(&text, encoded) && utf8_valid(text_slice(&text));
  *segment = text_move(&text, arena);
  return good;
}

/* An escaped slash is a segment's own (RFC 3986, 3.3): cut first, then decoded. */
static bool read_segments(struct arena *arena, struct slice path, struct segments *segments)
{
  segments->count = 0;
  if (path.len == 0 || path.data[0] != '/') return false;
  while (path.len > 0) {
    path = slice_skip(path, 1);
    const char *slash = path.len ? memchr(path.data, '/', path.len) : NULL;
    struct slice encoded = {path.data, slash ? (size_t)(slash - path.data) : path.len};
    if (segments->count == SEGMENTS_MAX) return false;
    if (!decode_segment(arena, encoded, &segments->of[segments->count++])) return false;
    path = slice_skip(path, encoded.len);
  }
  return true;
}

/* Takes one segment, with the slash in front of it, off the pattern. */
static struct slice pattern_segment(const char **pattern)
{
  const char *start = *pattern + 1;
  size_t len = strcspn(start, "/");
  *pattern = start + len;
  return (struct slice){start, len};
}

/* `params` get what stands for each {}. */
static bool pattern_fits(const char *pattern, const struct segments *segments,
                         struct slice params[HTTP_PARAMS_MAX])
{
  size_t param_count = 0;
  for (size_t i = 0; i < segments->count; i++) {
    if (*pattern == '\0') return false;
    struct slice wanted = pattern_segment(&pattern), given = segments->of[i];
    if (slice_is(wanted, "{}")) {
      if (given.len == 0) return false;
      params[param_count++] = given;
    } else if (!slice_equal(wanted, given)) {
      return false;
    }
  }
  return *pattern == '\0';
}

/* Of patterns that fit the same path the more literal one: they differ where one of them has
 * a {}, and '{' sorts behind every letter. */
static const char *find_pattern(const struct segments *segments, struct http_match *match)
{
  const char *best = NULL;
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    const struct http_api *api = protocols[i]->http;
    for (size_t j = 0; api && j < api->route_count; j++) {
      struct slice params[HTTP_PARAMS_MAX] = {{NULL, 0}};
      const char *pattern = api->routes[j].path;
      if (best && strcmp(best, pattern) <= 0) continue;
      if (!pattern_fits(pattern, segments, params)) continue;
      best = pattern;
      match->protocol = protocols[i];
      memcpy(match->params, params, sizeof params);
    }
  }
  return best;
}

static struct slice methods_of(struct arena *arena, const struct http_api *api, const char *pattern)
{
  struct text names = {0};
  for (size_t i = 0; i < api->route_count; i++) {
    if (strcmp(api->routes[i].path, pattern) != 0) continue;
    if (names.len) text_append(&names, SLICE(", "));
    text_append(&names, slice_of(method_names[api->routes[i].method]));
  }
  return text_move(&names, arena);
}

enum err http_find(struct arena *arena, struct slice method, struct slice path,
                   struct http_match *match)
{
  struct segments segments;
  *match = (struct http_match){0};
  if (!read_segments(arena, path, &segments)) return ERR_NOT_FOUND;
  const char *pattern = find_pattern(&segments, match);
  if (!pattern) return ERR_NOT_FOUND;
  const struct http_api *api = match->protocol->http;
  if (slice_is(method, "HEAD")) method = SLICE("GET");
  for (size_t i = 0; i < api->route_count; i++) {
    const struct http_route *route = &api->routes[i];
    if (strcmp(route->path, pattern) != 0) continue;
    if (slice_is(method, method_names[route->method])) match->route = route;
  }
  if (match->route) return ERR_OK;
  match->allowed = methods_of(arena, api, pattern);
  return ERR_BAD_METHOD;
}

int http_error(const struct http_call *call, enum err err, struct text *out)
{
  (void)call;
  text_append_named_string(out, SLICE("{\"error\":"), err_code(err));
  text_append_named_string(out, SLICE(",\"message\":"), err_text(err));
  text_append_char(out, '}');
  return err_http_status(err);
}

/* ---- what translations share ---- */

/* Digits as a number, at most `high`. False: something else is among them. */
static bool read_digits(struct slice digits, uint64_t high, uint64_t *number)
{
  *number = 0;
  for (size_t i = 0; i < digits.len; i++) {
    if (digits.data[i] < '0' || digits.data[i] > '9') return false;
    uint64_t digit = (uint64_t)(digits.data[i] - '0');
    *number = *number > (UINT64_MAX - digit) / 10 ? high : *number * 10 + digit;
    if (*number > high) *number = high;
  }
  return digits.len > 0;
}

enum err http_param_number(const struct http_call *call, size_t index, uint64_t *number)
{
  struct slice digits = call->params[index];
  if (!read_digits(digits, JSON_NUMBER_END, number)) return ERR_NOT_FOUND;
  return *number > 0 && *number < JSON_NUMBER_END ? ERR_OK : ERR_NOT_FOUND;
}

struct slice http_member(const struct http_call *call, const char *name)
{
  return json_member(call->body, slice_of(name));
}

enum err http_string(struct arena *arena, const struct http_call *call, const char *name,
                     bool required, struct slice *value)
{
  struct slice raw = http_member(call, name);
  *value = (struct slice){NULL, 0};
  if (!json_is_given(raw)) return required ? ERR_MALFORMED : ERR_OK;
  if (!json_is_string(raw)) return ERR_MALFORMED;
  *value = json_string(arena, raw);
  return ERR_OK;
}

enum err http_choice(const struct http_call *call, const char *name, struct choice *choice)
{
  struct slice raw = http_member(call, name);
  if (raw.len == 0) return ERR_OK;
  if (!slice_is(raw, "true") && !slice_is(raw, "false")) return ERR_MALFORMED;
  *choice = (struct choice){.set = true, .value = slice_is(raw, "true")};
  return ERR_OK;
}

enum err http_raw_text(const struct http_call *call, const char *name, struct slice *raw)
{
  struct slice value = http_member(call, name);
  return json_is_given(value) ? command_read_text(value, raw) : ERR_OK;
}

enum err http_decode_nothing(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  (void)arena;
  (void)call;
  command->kind = COMMAND_NONE;
  return ERR_OK;
}

struct slice http_query(struct arena *arena, const struct http_call *call, const char *name)
{
  struct slice value;
  if (!request_parameter(arena, call->head, name, &value) || !utf8_valid(value))
    return (struct slice){NULL, 0};
  return value;
}

enum err http_query_number(struct arena *arena, const struct http_call *call, const char *name,
                           uint64_t low, uint64_t high, uint64_t *value)
{
  struct slice digits;
  uint64_t number;
  if (!request_parameter(arena, call->head, name, &digits)) return ERR_OK;
  if (!read_digits(digits, high, &number)) return ERR_MALFORMED;
  *value = number < low ? low : number;
  return ERR_OK;
}
