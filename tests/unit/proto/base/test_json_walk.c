/* Walks: raw runs of checked text, and safety on text that never was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"

static void assert_next(struct json_walk *walk, const char *expected_key, const char *expected)
{
  struct slice key, value;
  assert_true(json_walk_next(walk, &key, &value));
  assert_true(slice_is(key, expected_key));
  assert_true(slice_is(value, expected));
}

static void assert_end(struct json_walk *walk)
{
  struct slice key, value;
  for (int again = 0; again < 2; again++) {
    assert_false(json_walk_next(walk, &key, &value));
    assert_int_equal(key.len, 0);
    assert_int_equal(value.len, 0);
  }
}

static void an_object_s_members(void **state)
{
  (void)state;
  struct json_walk walk = json_walk(
      SLICE(" { \"a\" : 1.50 ,\n\"b\\u0063\":\"x\\\"},]\" , \"c\":{\"d\":[1,{}],\"}\":\"{\"},"
            "\"e\":[ ],\"\":null,\"f\":true } "));
  assert_next(&walk, "\"a\"", "1.50");
  assert_next(&walk, "\"b\\u0063\"", "\"x\\\"},]\"");
  assert_next(&walk, "\"c\"", "{\"d\":[1,{}],\"}\":\"{\"}");
  assert_next(&walk, "\"e\"", "[ ]");
  assert_next(&walk, "\"\"", "null");
  assert_next(&walk, "\"f\"", "true");
  assert_end(&walk);
}

static void an_array_s_elements(void **state)
{
  (void)state;
  struct json_walk walk = json_walk(SLICE("[1 , \"a\" ,[2, 3],{\"b\":4},null]"));
  assert_next(&walk, "", "1");
  assert_next(&walk, "", "\"a\"");
  assert_next(&walk, "", "[2, 3]");
  assert_next(&walk, "", "{\"b\":4}");
  assert_next(&walk, "", "null");
  assert_end(&walk);
}

static void empty_containers_and_scalars_have_nothing(void **state)
{
  (void)state;
  static const char *const texts[] = {"{}", "[]", " [ ] ", "1", "\"a\"", "null", "", " ", "}", ","};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct json_walk walk = json_walk(slice_of(texts[i]));
    assert_end(&walk);
  }
  struct json_walk walk = json_walk((struct slice){NULL, 0});
  assert_end(&walk);
}

static void broken_text_ends_the_walk(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "{\"a\"", "{\"a\":", "{\"a\" 1}",     "{a:1}", "{\"a\":\"b", "{\"a\":[1", "{:1}",
      "[\"a",   "[\"\\\"", "[{\"a\":\"]\"", "[:]",   "{\"a\":}",   "[,]",       "{\"a\\",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct json_walk walk = json_walk(slice_of(texts[i]));
    assert_end(&walk);
  }
}

static void members_by_name(void **state)
{
  (void)state;
  const struct slice object =
      SLICE("{\"a\":1,\"b\":{\"a\":2},\"\\u0063\":3,\"a\":\"last\",\"\":4,\"d\":null}");
  assert_true(slice_is(json_member(object, SLICE("a")), "\"last\""));
  assert_true(slice_is(json_member(object, SLICE("b")), "{\"a\":2}"));
  assert_true(slice_is(json_member(object, SLICE("c")), "3"));
  assert_true(slice_is(json_member(object, SLICE("")), "4"));
  assert_true(slice_is(json_member(object, SLICE("d")), "null"));
  assert_int_equal(json_member(object, SLICE("e")).len, 0);
  assert_int_equal(json_member(SLICE("[1]"), SLICE("")).len, 0);
  assert_int_equal(json_member((struct slice){NULL, 0}, SLICE("a")).len, 0);
}

static void several_members_at_once(void **state)
{
  (void)state;
  static const struct slice names[] = {{"a", 1}, {"bc", 2}, {"missing", 7}, {"d", 1}, {"a", 1}};
  struct slice values[5] = {[2] = SLICE("stale")};
  const struct slice text =
      SLICE("{\"d\":[{\"a\":0}],\"a\":1,\"b\\u0063\":\"x\",\"a\": 2 ,\"D\":9}");
  json_members(text, names, 5, values);
  assert_true(slice_is(values[0], "2")); /* the last of two */
  assert_true(slice_is(values[1], "\"x\""));
  assert_int_equal(values[2].len, 0);
  assert_true(slice_is(values[3], "[{\"a\":0}]"));
  assert_true(slice_is(values[4], "2")); /* asked for twice */
  for (size_t i = 0; i < 5; i++) assert_true(slice_equal(values[i], json_member(text, names[i])));
  json_members(SLICE("[\"a\",1]"), names, 5, values);
  for (size_t i = 0; i < 5; i++) assert_int_equal(values[i].len, 0);
}

/* Walks everything there is, nested values too; each slice must lie inside `text`. */
static void walk_all(struct slice text, struct slice part, int depth)
{
  struct json_walk walk = json_walk(part);
  struct slice key, value;
  struct arena arena = {0};
  uint64_t number;
  size_t steps = 0;
  while (json_walk_next(&walk, &key, &value)) {
    assert_true(++steps <= part.len);
    assert_true(value.data >= text.data && value.data + value.len <= text.data + text.len);
    if (key.len) assert_true(key.data >= text.data && key.data + key.len <= text.data + text.len);
    json_key_is(key, SLICE("a\xf0\x9f\x98\x82"));
    json_string(&arena, value);
    json_string(&arena, key);
    json_whole_number(value, &number);
    json_member(value, SLICE("a"));
    if (depth < 4) walk_all(text, value, depth + 1);
  }
  arena_free(&arena);
}

/* Texts made of JSON's own bytes, from a fixed seed, each in a buffer of its own size,
 * so that the address sanitizer sees a step too far. */
static void any_bytes_are_safe(void **state)
{
  (void)state;
  static const char alphabet[] = "{{[[}}]]\"\"\"\\\\u,,::  \n01a9e-.dD8tn\xc3\xa9\xff";
  uint32_t random = 17;
  for (int round = 0; round < 20000; round++) {
    random = random * 1664525 + 1013904223;
    size_t len = (random >> 16) % 48;
    char *bytes = malloc(len + 1);
    for (size_t i = 0; i < len; i++) {
      random = random * 1664525 + 1013904223;
      bytes[i] = alphabet[(random >> 16) % (sizeof alphabet - 1)];
    }
    if (len) bytes[0] = round % 2 ? '{' : '[';
    char *exact = realloc(bytes, len ? len : 1);
    walk_all((struct slice){exact, len}, (struct slice){exact, len}, 0);
    free(exact);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_object_s_members),
      cmocka_unit_test(an_array_s_elements),
      cmocka_unit_test(empty_containers_and_scalars_have_nothing),
      cmocka_unit_test(broken_text_ends_the_walk),
      cmocka_unit_test(members_by_name),
      cmocka_unit_test(several_members_at_once),
      cmocka_unit_test(any_bytes_are_safe),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
