/* The scanner as its caller drives it. What is grammar and what is not is held by
 * test_json_check.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json_scan.h"

static void an_object_taken_apart(void **state)
{
  (void)state;
  struct json_scan scan =
      json_scan(SLICE(" { \"a\" : 1.50 , \"b\" : { \"c\" : [ 1 , {} ] } } "), 4);
  struct slice key, value;
  assert_true(json_scan_open(&scan, '{'));
  assert_true(json_scan_member(&scan, &key));
  assert_true(slice_is(key, "\"a\""));
  assert_true(json_scan_value(&scan, &value));
  assert_true(slice_is(value, "1.50"));
  assert_true(json_scan_member(&scan, &key));
  assert_true(slice_is(key, "\"b\""));
  assert_true(json_scan_open(&scan, '{'));
  assert_true(json_scan_member(&scan, &key));
  assert_true(slice_is(key, "\"c\""));
  assert_true(json_scan_open(&scan, '['));
  assert_true(json_scan_element(&scan));
  assert_true(json_scan_value(&scan, &value));
  assert_true(slice_is(value, "1"));
  assert_true(json_scan_element(&scan));
  assert_true(json_scan_value(&scan, &value));
  assert_true(slice_is(value, "{}"));
  assert_false(json_scan_element(&scan));      /* ] */
  assert_false(json_scan_member(&scan, &key)); /* the inner } */
  assert_false(json_scan_end(&scan));
  assert_false(json_scan_member(&scan, &key)); /* the outer } */
  assert_true(json_scan_end(&scan));
}

static void another_type_than_wanted_breaks_nothing(void **state)
{
  (void)state;
  struct json_scan scan = json_scan(SLICE("[1]"), 1);
  struct slice value;
  assert_false(json_scan_open(&scan, '{'));
  assert_true(json_scan_value(&scan, &value));
  assert_true(slice_is(value, "[1]"));
  assert_true(json_scan_end(&scan));
}

static void what_is_broken_stays_broken(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "{\"a\":1",  "{\"a\"", "{\"a\":",   "{\"a\":1,", "{\"a\":x}",
      "{\"a\" 1}", "{1:1}",  "{\"a\":1]", "{,}",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct json_scan scan = json_scan(slice_of(texts[i]), 8);
    struct slice key, value;
    assert_true(json_scan_open(&scan, '{'));
    unsigned steps = 0;
    while (json_scan_member(&scan, &key)) {
      json_scan_value(&scan, &value);
      assert_true(++steps < 8);
    }
    assert_false(json_scan_end(&scan));
    assert_false(json_scan_value(&scan, &value));
    assert_false(json_scan_member(&scan, &key));
    assert_false(json_scan_element(&scan));
    assert_false(json_scan_open(&scan, '{'));
    assert_false(json_scan_end(&scan));
  }
}

static void too_deep_is_broken(void **state)
{
  (void)state;
  struct json_scan scan = json_scan(SLICE("{\"a\":{}}"), 1);
  struct slice key;
  assert_true(json_scan_open(&scan, '{'));
  assert_true(json_scan_member(&scan, &key));
  assert_false(json_scan_open(&scan, '{'));
  assert_true(scan.broken);
}

static void nothing_at_all(void **state)
{
  (void)state;
  struct slice value;
  struct json_scan scan = json_scan((struct slice){NULL, 0}, 1);
  assert_true(json_scan_end(&scan));
  assert_false(json_scan_value(&scan, &value));
}

/* Strings are looked at eight bytes at a time: what ends or breaks one is found at every
 * offset, in buffers of their own size. */
static void strings_of_every_length(void **state)
{
  (void)state;
  static const struct {
    const char *inside;
    bool good;
  } ends[] = {
      {"", true},
      {"\\\"", true},
      {"\\\\", true},
      {"\\u00e9", true},
      {"\xc3\xa9", true},
      {"\x7f", true},
      {"\xf0\x9f\x98\x82", true},
      {"\x1f", false},
      {"\x80", false},
      {"\\x", false},
      {"\xc3", false},
      {"\xff", false},
      {"\n", false},
      {"!#[]~", true},
  };
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    for (size_t before = 0; before < 20; before++) {
      for (size_t after = 0; after < 20; after++) {
        size_t inside = strlen(ends[i].inside), len = before + inside + after + 2;
        char *text = malloc(len);
        memset(text, 'x', len);
        text[0] = text[len - 1] = '"';
        if (inside) memcpy(text + 1 + before, ends[i].inside, inside);
        struct json_scan scan = json_scan((struct slice){text, len}, 0);
        struct slice value;
        assert_int_equal(json_scan_value(&scan, &value) && json_scan_end(&scan), ends[i].good);
        if (ends[i].good) assert_int_equal(value.len, len);
        scan = json_scan((struct slice){text, len - 1}, 0); /* without its closing quote */
        assert_false(json_scan_value(&scan, &value));
        free(text);
      }
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_object_taken_apart),
      cmocka_unit_test(another_type_than_wanted_breaks_nothing),
      cmocka_unit_test(what_is_broken_stays_broken),
      cmocka_unit_test(too_deep_is_broken),
      cmocka_unit_test(nothing_at_all),
      cmocka_unit_test(strings_of_every_length),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
