/* The strict check and the walk against json-c: what the check lets pass, json-c reads too,
 * and both see the same members. On text that the check refuses, the walk stays safe. */
#include <assert.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "base/json.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Every value at every depth, looked at in every way. */
static void walk_all(struct arena *arena, struct slice part, int depth)
{
  struct json_walk walk = json_walk(part);
  struct slice key, value;
  uint64_t number;
  while (json_walk_next(&walk, &key, &value)) {
    json_string(arena, key);
    json_string(arena, value);
    json_key_is(key, SLICE("a\xef\xbf\xbd"));
    json_whole_number(value, &number);
    if (depth < 8) walk_all(arena, value, depth + 1);
  }
}

/* json-c's reading of surrogates and of NUL in a name differs from ours; both are legal
 * JSON, and neither is a name that a protocol uses. */
static bool is_comparable(struct slice raw)
{
  for (size_t i = 0; i + 5 < raw.len; i++) {
    if (raw.data[i] != '\\' || raw.data[i + 1] != 'u') continue;
    char c = raw.data[i + 2];
    if (c == 'd' || c == 'D' || c == '0') return false;
  }
  return true;
}

static void compare(struct arena *arena, struct slice text, struct json_object *tree)
{
  struct json_walk walk = json_walk(text);
  struct slice key, value;
  while (json_walk_next(&walk, &key, &value)) {
    if (!is_comparable(key)) continue;
    struct slice name = arena_copy(arena, json_string(arena, key));
    struct json_object *member = NULL;
    assert(json_object_object_get_ex(tree, name.data, &member));
    struct slice last = json_member(text, name);
    assert(json_is_null(last) == !member);
    assert(json_is_object(last) == json_object_is_type(member, json_type_object));
    assert(json_is_array(last) == json_object_is_type(member, json_type_array));
    assert(json_is_string(last) == json_object_is_type(member, json_type_string));
    if (!json_is_string(last) || !is_comparable(last)) continue;
    struct slice theirs = {json_object_get_string(member),
                           (size_t)json_object_get_string_len(member)};
    assert(slice_equal(json_string(arena, last), theirs));
  }
}

/* Without its white space it is the same object still. */
static void check_compact(struct slice text)
{
  struct text compact = {0}, again = {0};
  text_append_json(&compact, text);
  assert(json_check(text_slice(&compact)) == ERR_OK);
  text_append_json(&again, text_slice(&compact));
  assert(slice_equal(text_slice(&compact), text_slice(&again)));
  text_free(&compact);
  text_free(&again);
}

/* Not asked to be strict: json-c 0.18, when asked, refuses all that is not ASCII. It counts the
 * scalars inside the deepest container as a level of their own. */
static struct json_object *read_tree(struct slice text)
{
  struct json_tokener *tokener = json_tokener_new_ex(JSON_MAX_DEPTH + 1);
  struct json_object *tree = json_tokener_parse_ex(tokener, text.data, (int)text.len);
  json_tokener_free(tokener);
  return tree;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *exact = malloc(size ? size : 1);
  if (size) memcpy(exact, data, size);
  const struct slice text = {exact, size};
  struct arena arena = {0};
  walk_all(&arena, text, 0);
  if (json_check(text) == ERR_OK) {
    struct json_object *tree = read_tree(text);
    assert(json_object_is_type(tree, json_type_object));
    compare(&arena, text, tree);
    check_compact(text);
    json_object_put(tree);
  }
  arena_free(&arena);
  free(exact);
  return 0;
}
