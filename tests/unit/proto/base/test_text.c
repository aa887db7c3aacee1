/* Growing texts: numbers, JSON, percent encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"

static void assert_text(struct text *text, const char *expected)
{
  assert_int_equal(text->len, strlen(expected));
  assert_memory_equal(text->data, expected, text->len);
  text_reset(text);
}

static void it_grows(void **state)
{
  (void)state;
  struct text text = {0};
  for (int i = 0; i < 100000; i++) text_append_char(&text, (char)('a' + i % 26));
  assert_int_equal(text.len, 100000);
  for (int i = 0; i < 100000; i++) assert_int_equal(text.data[i], 'a' + i % 26);
  size_t cap = text.cap;
  text_reset(&text);
  text_append(&text, (struct slice){NULL, 0});
  assert_int_equal(text.len, 0);
  assert_int_equal(text.cap, cap); /* reused */
  text_free(&text);
  assert_null(text.data);
}

static void members(void **state)
{
  (void)state;
  const struct slice none = {NULL, 0};
  struct text text = {0};
  text_append_named_flag(&text, SLICE("{\"a\":"), true);
  text_append_named_flag(&text, SLICE(",\"b\":"), false);
  text_append_named_or_null(&text, SLICE(",\"c\":"), none);
  text_append_named_or_null(&text, SLICE(",\"d\":"), SLICE("\""));
  text_append_named_raw(&text, SLICE(",\"e\":"), none, SLICE("[]"));
  text_append_named_raw(&text, SLICE(",\"f\":"), SLICE("17"), SLICE("[]"));
  assert_text(&text, "{\"a\":true,\"b\":false,\"c\":null,\"d\":\"\\\"\",\"e\":[],\"f\":17");
  text_free(&text);
}

static void what_is_moved_is_the_arenas(void **state)
{
  (void)state;
  struct arena arena = {0};
  struct text text = {0};
  assert_int_equal(text_move(&text, &arena).len, 0);
  text_append(&text, SLICE("moved"));
  struct slice moved = text_move(&text, &arena);
  assert_null(text.data);
  assert_true(slice_is(moved, "moved"));
  arena_free(&arena);
}

static void numbers(void **state)
{
  (void)state;
  struct text text = {0};
  text_append_number(&text, 0);
  assert_text(&text, "0");
  text_append_number(&text, UINT64_C(9007199254740991));
  assert_text(&text, "9007199254740991");
  text_append_number(&text, UINT64_MAX);
  assert_text(&text, "18446744073709551615");
  text_free(&text);
}

static void members_of_an_object(void **state)
{
  (void)state;
  struct text text = {0};
  text_append_named_number(&text, SLICE("{\"id\":"), 7);
  text_append_named_string(&text, SLICE(",\"name\":"), SLICE("a \"b\""));
  assert_text(&text, "{\"id\":7,\"name\":\"a \\\"b\\\"\"");
  text_free(&text);
}

static void formats(void **state)
{
  (void)state;
  struct text text = {0};
  text_append(&text, SLICE("a"));
  text_append_format(&text, "%s=%d", "b", -3);
  assert_text(&text, "ab=-3");
  char long_word[1000];
  memset(long_word, 'x', 999);
  long_word[999] = '\0';
  text_append_format(&text, "%s!", long_word);
  assert_int_equal(text.len, 1000);
  assert_int_equal(text.data[999], '!');
  text_free(&text);
}

static void json_strings_are_escaped(void **state)
{
  (void)state;
  struct text text = {0};
  text_append_json_string(&text, (struct slice){NULL, 0});
  assert_text(&text, "\"\"");
  text_append_json_string(&text, SLICE("a\"b\\c/\b\f\n\r\t\x01\x1f\x7f é😂"));
  assert_text(&text, "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f é😂\"");
  text_append_json_string(&text, SLICE("a\0b"));
  assert_text(&text, "\"a\\u0000b\"");
  text_free(&text);
}

/* All bytes below 0x80 there and back. */
static void json_strings_come_back(void **state)
{
  (void)state;
  struct arena arena = {0};
  struct text text = {0};
  char all[0x80];
  for (int i = 0; i < 0x80; i++) all[i] = (char)i;
  text_append_json_string(&text, (struct slice){all, sizeof all});
  struct slice back = json_string(&arena, text_slice(&text));
  assert_int_equal(back.len, sizeof all);
  assert_memory_equal(back.data, all, sizeof all);
  text_free(&text);
  arena_free(&arena);
}

static void json_loses_its_white_space_and_nothing_else(void **state)
{
  (void)state;
  struct text text = {0};
  text_append_json(&text,
                   SLICE(" { \"a b\" : [ 1.0 ,\n2e3,\t\"x \\\" y\\\\\" ] ,\r\"\\u0020\":\" \" } "));
  assert_text(&text, "{\"a b\":[1.0,2e3,\"x \\\" y\\\\\"],\"\\u0020\":\" \"}");
  text_append_json(&text, SLICE("[1,2]"));
  assert_text(&text, "[1,2]");
  /* Text that was never checked does not lead it astray. */
  text_append_json(&text, SLICE("\"a\\"));
  assert_text(&text, "\"a\\");
  text_free(&text);
}

static void percent_encoding(void **state)
{
  (void)state;
  struct text text = {0};
  assert_true(text_append_url_decoded(&text, SLICE("a%20b+c%C3%A9%2b%7e")));
  assert_text(&text, "a b cé+~");
  assert_true(text_append_url_decoded(&text, (struct slice){NULL, 0}));
  assert_text(&text, "");
  assert_true(text_append_path_decoded(&text, SLICE("a%20b+c%C3%A9%2b%7e")));
  assert_text(&text, "a b+cé+~");
  static const char *const broken[] = {"%", "a%2", "%g0", "%0g", "%00", "a%%"};
  text_append(&text, SLICE("kept"));
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    assert_false(text_append_url_decoded(&text, slice_of(broken[i])));
    assert_false(text_append_path_decoded(&text, slice_of(broken[i])));
    assert_int_equal(text.len, 4);
  }
  assert_false(text_append_url_decoded(&text, SLICE("a\0b")));
  assert_text(&text, "kept");
  text_free(&text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_grows),
      cmocka_unit_test(numbers),
      cmocka_unit_test(members),
      cmocka_unit_test(what_is_moved_is_the_arenas),
      cmocka_unit_test(members_of_an_object),
      cmocka_unit_test(formats),
      cmocka_unit_test(json_strings_are_escaped),
      cmocka_unit_test(json_strings_come_back),
      cmocka_unit_test(json_loses_its_white_space_and_nothing_else),
      cmocka_unit_test(percent_encoding),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
