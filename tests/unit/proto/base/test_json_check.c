/* The strict grammar: what is JSON by RFC 8259, what json-c alone would let pass, and
 * the depth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "sample.h"

static void assert_all(const char *const *texts, size_t count, enum err expected)
{
  for (size_t i = 0; i < count; i++) {
    enum err err = json_check(slice_of(texts[i]));
    if (err != expected) print_error("for %s\n", texts[i]);
    assert_int_equal(err, expected);
  }
}

#define ASSERT_ALL(texts, expected) assert_all(texts, sizeof(texts) / sizeof((texts)[0]), expected)

static void what_is_an_object(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "{}",
      " \t\r\n{ } ",
      "{\"a\":1}",
      "{\"a\":-0,\"b\":-1.5e-7,\"c\":1E+2,\"d\":0.0}",
      "{\"a\":123456789012345678901234567890,\"b\":1e999}",
      "{\"\":\"\",\"a\":true,\"b\":false,\"c\":null}",
      "{\"a\":[],\"b\":[1,[2,{\"c\":[]}]]}",
      "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE02\"}",
      "{\"a\":\"\\ud800\"}", /* a lone surrogate is grammatical (RFC 8259, 8.2) */
      "{\"a\":\"\x7f\"}",
      "{\"a\":\"gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x98\x82\"}",
      "{\"a\":1,\"a\":2}",
      "{\"a\" : 1 , \"b\" : [ 1 , 2 ] }",
  };
  ASSERT_ALL(texts, ERR_OK);
}

static void what_is_no_object(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "", " ", "[]", "1", "\"a\"", "null", "true", "x", "[{}]",
  };
  ASSERT_ALL(texts, ERR_MALFORMED);
}

static void structure(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "{",
      "}",
      "{]",
      "{\"a\"}",
      "{\"a\":}",
      "{\"a\":1,}",
      "{,}",
      "{\"a\":1 \"b\":2}",
      "{a:1}",
      "{1:1}",
      "{\"a\":[1,]}",
      "{\"a\":[,1]}",
      "{\"a\":[1 2]}",
      "{\"a\":[}",
      "{\"a\":[1}]",
      "{\"a\"::1}",
      "{\"a\":1}}",
      "{}{}",
      "{} x",
      "{},",
      "{\"a\":{}",
      "{\"a\":[]",
      "{\"a\"",
      "{\"a\":\"b",
      "{null:1}",
      "{\"a\":1,,\"b\":2}",
  };
  ASSERT_ALL(texts, ERR_MALFORMED);
}

static void what_json_c_would_let_pass(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "{\"a\":NaN}",
      "{\"a\":nan}",
      "{\"a\":Infinity}",
      "{\"a\":-Infinity}",
      "{\"a\":-inf}",
      "{\"a\":TRUE}",
      "{\"a\":True}",
      "{\"a\":Null}",
      "{\"a\":nul}",
      "{\"a\":truer}",
      "{'a':1}",
      "{\"a\":'b'}",
      "{\"a\":1}/**/",
      "{/* */\"a\":1}",
      "{\"a\":1//\n}",
      "{\"a\":\"\n\"}",
      "{\"a\":\"\t\"}",
      "{\"a\":\"\x1f\"}",
      "{\"\x01\":1}",
      "{\v}",
      "{\f}",
      "\xef\xbb\xbf{}",
      "\xc2\xa0{}",
      "{\"a\":\"\\x41\"}",
      "{\"a\":\"\\'\"}",
      "{\"a\":\"\\u12\"}",
      "{\"a\":\"\\u12g4\"}",
      "{\"a\":\"\\U0041\"}",
      "{\"a\":\"\\",
      "{\"a\":\"\\u",
  };
  ASSERT_ALL(texts, ERR_MALFORMED);
  assert_int_equal(json_check(SLICE("{}\0")), ERR_MALFORMED);
  assert_int_equal(json_check(SLICE("{\"a\0\":1}")), ERR_MALFORMED);
  assert_int_equal(json_check(SLICE("{\"a\":\"\\\0\"}")), ERR_MALFORMED);
}

static void numbers(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "{\"a\":01}",  "{\"a\":-01}", "{\"a\":00}",  "{\"a\":+1}",   "{\"a\":.5}",    "{\"a\":5.}",
      "{\"a\":-}",   "{\"a\":1e}",  "{\"a\":1e+}", "{\"a\":1.e5}", "{\"a\":0x1}",   "{\"a\":1.2.3}",
      "{\"a\":--1}", "{\"a\":1-}",  "{\"a\":1_0}", "{\"a\":- 1}",  "{\"a\":1e+-1}",
  };
  ASSERT_ALL(texts, ERR_MALFORMED);
}

static void utf8(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "{\"a\":\"\xff\"}",
      "{\"a\":\"\xc0\x80\"}",
      "{\"a\":\"\xed\xa0\x80\"}",
      "{\"a\":\"\xf5\x80\x80\x80\"}",
      "{\"\xc3\":1}",
      "{\"a\":\"\xc3\"}",
      "{\"a\":\"\x80\"}",
  };
  ASSERT_ALL(texts, ERR_MALFORMED);
}

static void assert_depth(unsigned depth, bool objects, const char *core, unsigned limit,
                         enum err expected)
{
  struct text text = {0};
  sample_nested(&text, depth, objects, core);
  assert_int_equal(json_check_depth(text_slice(&text), limit), expected);
  if (limit == JSON_MAX_DEPTH) assert_int_equal(json_check(text_slice(&text)), expected);
  text_free(&text);
}

static void it_nests_32_levels_not_33(void **state)
{
  (void)state;
  for (int objects = 0; objects < 2; objects++) {
    assert_depth(32, objects, "1", 32, ERR_OK);
    assert_depth(33, objects, "1", 32, ERR_MALFORMED);
    assert_depth(31, objects, "{}", 32, ERR_OK);
    assert_depth(32, objects, "{}", 32, ERR_MALFORMED);
    assert_depth(32, objects, "[]", 32, ERR_MALFORMED);
    assert_depth(33, objects, "1", 33, ERR_OK);
  }
  /* Siblings do not add up. */
  assert_int_equal(json_check_depth(SLICE("{\"a\":[],\"b\":[],\"c\":[[]],\"d\":{}}"), 3), ERR_OK);
  assert_int_equal(json_check_depth(SLICE("{}"), 0), ERR_MALFORMED);
}

static void a_million_brackets_do_not_reach_the_stack_s_end(void **state)
{
  (void)state;
  assert_depth(1000000, false, "1", 32, ERR_MALFORMED);
  assert_depth(1000000, true, "1", 32, ERR_MALFORMED);
}

static void every_truncation_is_malformed(void **state)
{
  (void)state;
  const struct slice whole =
      SLICE("{\"a\":[1,-2.5e3,true,null,\"\\u00e9\\n \xf0\x9f\x98\x82\"],\"b\":{\"c\":{}}}");
  assert_int_equal(json_check(whole), ERR_OK);
  for (size_t len = 0; len < whole.len; len++) {
    assert_int_equal(json_check((struct slice){whole.data, len}), ERR_MALFORMED);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_an_object),
      cmocka_unit_test(what_is_no_object),
      cmocka_unit_test(structure),
      cmocka_unit_test(what_json_c_would_let_pass),
      cmocka_unit_test(numbers),
      cmocka_unit_test(utf8),
      cmocka_unit_test(it_nests_32_levels_not_33),
      cmocka_unit_test(a_million_brackets_do_not_reach_the_stack_s_end),
      cmocka_unit_test(every_truncation_is_malformed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
