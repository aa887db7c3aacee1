#include "routes.h"

#include <stdio.h>
#include <string.h>

static size_t count_of(struct slice text, char separator)
{
  size_t count = 1;
  for (size_t i = 0; i < text.len; i++) count += text.data[i] == separator;
  return count;
}

/* A path as it stands in a request's head: no query, no fragment, no blanks. */
static bool is_path(struct slice path)
{
  if (path.len == 0 || path.data[0] != '/') return false;
  for (size_t i = 0; i < path.len; i++) {
    if (path.data[i] <= ' ' || path.data[i] == 127 || strchr("?#", path.data[i])) return false;
  }
  return true;
}

static void default_routes(struct arena *arena, struct route_table *table)
{
  size_t count = 0;
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    for (const char *const *path = protocols[i]->paths; *path; path++) count++;
  }
  struct route *routes = arena_alloc(arena, count * sizeof *routes);
  size_t used = 0;
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    for (const char *const *path = protocols[i]->paths; *path; path++) {
      routes[used++] = (struct route){slice_of(*path), protocols[i]};
    }
  }
  *table = (struct route_table){routes, used};
}

bool routes_read(struct arena *arena, const char *text, struct route_table *table, char *error,
                 size_t error_bytes)
{
  struct slice rest = slice_trim(slice_of(text));
  if (rest.len == 0) {
    default_routes(arena, table);
    return true;
  }
  /* No path is without a separator in front of it. */
  struct route *routes =
      arena_alloc(arena, (count_of(rest, ',') + count_of(rest, ';')) * sizeof *routes);
  *table = (struct route_table){routes, 0};
  while (rest.len > 0) {
    struct slice paths = slice_trim(slice_cut(&rest, ';'));
    if (paths.len == 0) continue;
    struct slice name = slice_trim(slice_cut(&paths, '='));
    const struct protocol *protocol = protocol_by_name(name);
    if (!protocol) {
      snprintf(error, error_bytes, "there is no protocol '%.*s'", SLICE_ARG(name));
      return false;
    }
    if (!protocol_has_websocket(protocol)) {
      snprintf(error, error_bytes, "'%.*s' has no WebSocket that a path could lead to",
               SLICE_ARG(name));
      return false;
    }
    do {
      struct slice path = slice_trim(slice_cut(&paths, ','));
      if (!is_path(path)) {
        snprintf(error, error_bytes, "'%.*s' is no path", SLICE_ARG(path));
        return false;
      }
      if (routes_find(table, path)) {
        snprintf(error, error_bytes, "the path '%.*s' stands twice", SLICE_ARG(path));
        return false;
      }
      routes[table->count++] = (struct route){arena_copy(arena, path), protocol};
    } while (paths.len > 0);
  }
  return true;
}

const struct protocol *routes_find(const struct route_table *table, struct slice path)
{
  for (size_t i = 0; i < table->count; i++) {
    if (slice_equal(table->routes[i].path, path)) return table->routes[i].protocol;
  }
  return NULL;
}
