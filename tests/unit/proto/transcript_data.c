/* Reading tests/transcripts. */
#include "transcript_data.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static struct json_object *load_path(const char *path)
{
  struct json_object *tree = json_object_from_file(path);
  if (!tree) print_error("%s: %s\n", path, json_util_get_last_err());
  assert_non_null(tree);
  return tree;
}

struct json_object *transcript_load(const char *protocol, const char *file)
{
  char path[512];
  snprintf(path, sizeof path, TESTS_FOLDER "/transcripts/%s/%s", protocol, file);
  return load_path(path);
}

struct slice transcript_line(struct arena *arena, struct json_object *value)
{
  if (json_object_is_type(value, json_type_string)) {
    struct slice text = {json_object_get_string(value), (size_t)json_object_get_string_len(value)};
    return arena_copy(arena, text);
  }
  return arena_copy(arena, slice_of(json_object_to_json_string_ext(
                               value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)));
}

struct slice transcript_text(struct arena *arena, struct json_object *object, const char *name)
{
  struct json_object *member = NULL;
  if (!json_object_object_get_ex(object, name, &member) || !member) return (struct slice){NULL, 0};
  return transcript_line(arena, member);
}

uint64_t transcript_number(struct json_object *object, const char *name)
{
  struct json_object *member = NULL;
  if (!json_object_object_get_ex(object, name, &member)) return 0;
  if (json_object_is_type(member, json_type_boolean)) return json_object_get_boolean(member);
  assert_true(json_object_is_type(member, json_type_int));
  return (uint64_t)json_object_get_int64(member);
}

bool transcript_is_null(struct json_object *object, const char *name)
{
  struct json_object *member = NULL;
  return json_object_object_get_ex(object, name, &member) && !member;
}

enum err transcript_err(struct slice name)
{
  static const char *const names[] = {
#define X(name, code, http, close, text) #name,
#include "base/errors.def"
#undef X
  };
  if (name.len == 0) return ERR_OK;
  for (enum err err = 0; err < ERR_COUNT; err++) {
    if (slice_is(name, names[err])) return err;
  }
  print_error("no such error: %.*s\n", SLICE_ARG(name));
  fail();
  return ERR_OK;
}

/* What a live run would put for a special object of the sent value: some number for a
 * captured one, a string for a repeated one. NULL where the value is an ordinary one. */
static struct json_object *expand(struct json_object *value)
{
  struct json_object *repeat = NULL;
  if (!json_object_is_type(value, json_type_object)) return NULL;
  if (json_object_object_get_ex(value, "$same", NULL)) return json_object_new_int(17);
  if (!json_object_object_get_ex(value, "$repeat", &repeat)) return NULL;
  struct slice piece = slice_of(json_object_get_string(json_object_array_get_idx(repeat, 0)));
  int count = json_object_get_int(json_object_array_get_idx(repeat, 1));
  struct text text = {0};
  for (int i = 0; i < count; i++) text_append(&text, piece);
  struct json_object *expanded = json_object_new_string_len(text.data, (int)text.len);
  text_free(&text);
  return expanded;
}

/* Expands in place, at every depth. */
static void expand_all(struct json_object *value)
{
  if (json_object_is_type(value, json_type_array)) {
    for (size_t i = 0; i < json_object_array_length(value); i++) {
      struct json_object *expanded = expand(json_object_array_get_idx(value, i));
      if (expanded) json_object_array_put_idx(value, i, expanded);
      expand_all(json_object_array_get_idx(value, i));
    }
  } else if (json_object_is_type(value, json_type_object)) {
    json_object_object_foreach(value, name, member)
    {
      struct json_object *expanded = expand(member);
      if (expanded) {
        json_object_object_add_ex(value, name, expanded, 0);
      } else {
        expand_all(member);
      }
    }
  }
}

struct visitor {
  const char *protocol;
  transcript_frame_fn *visit;
  void *arg;
  size_t count;
};

static void visit_member(struct visitor *visitor, struct json_object *object, const char *name)
{
  struct json_object *member = NULL;
  if (!json_object_object_get_ex(object, name, &member)) return;
  struct arena arena = {0};
  expand_all(member);
  visitor->visit(visitor->arg, transcript_text(&arena, object, name));
  visitor->count++;
  arena_free(&arena);
}

/* The `send` steps of a conversation whose client speaks the visitor's protocol. */
static void visit_conversation(struct visitor *visitor, struct json_object *conversation)
{
  struct json_object *clients, *steps;
  assert_true(json_object_object_get_ex(conversation, "clients", &clients));
  assert_true(json_object_object_get_ex(conversation, "steps", &steps));
  for (size_t i = 0; i < json_object_array_length(steps); i++) {
    struct json_object *step = json_object_array_get_idx(steps, i), *name, *client, *protocol;
    if (!json_object_object_get_ex(step, "send", NULL)) continue;
    assert_true(json_object_object_get_ex(step, "client", &name));
    assert_true(json_object_object_get_ex(clients, json_object_get_string(name), &client));
    assert_true(json_object_object_get_ex(client, "protocol", &protocol));
    if (strcmp(json_object_get_string(protocol), visitor->protocol) == 0) {
      visit_member(visitor, step, "send");
    }
  }
}

static void visit_file(struct visitor *visitor, const char *path)
{
  static const char *const lists[] = {"transcripts", "decode"};
  struct json_object *file = load_path(path), *list;
  for (size_t kind = 0; kind < 2; kind++) {
    if (!json_object_object_get_ex(file, lists[kind], &list)) continue;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
      struct json_object *entry = json_object_array_get_idx(list, i);
      if (kind == 0) visit_conversation(visitor, entry);
      if (kind == 1) visit_member(visitor, entry, "frame");
    }
  }
  json_object_put(file);
}

size_t transcript_frames(const char *protocol, transcript_frame_fn *visit, void *arg)
{
  struct visitor visitor = {protocol, visit, arg, 0};
  char folder[400], path[700];
  snprintf(folder, sizeof folder, TESTS_FOLDER "/transcripts/%s", protocol);
  DIR *directory = opendir(folder);
  assert_non_null(directory);
  for (struct dirent *entry; (entry = readdir(directory));) {
    const char *ending = strrchr(entry->d_name, '.');
    if (!ending || strcmp(ending, ".json") != 0) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    visit_file(&visitor, path);
  }
  closedir(directory);
  return visitor.count;
}
