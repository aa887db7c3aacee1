/* UTF-8: every code point there and back, and every kind of malformed sequence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/utf8.h"

static void every_code_point_is_well_formed(void **state)
{
  (void)state;
  for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
    if (code_point >= 0xd800 && code_point <= 0xdfff) continue;
    char bytes[4];
    size_t len = utf8_encode(code_point, bytes);
    assert_int_equal(utf8_sequence((struct slice){bytes, len}), len);
    /* Cut short it is none. */
    assert_int_equal(utf8_sequence((struct slice){bytes, len - 1}), 0);
  }
}

static void known_encodings(void **state)
{
  (void)state;
  char bytes[4];
  assert_int_equal(utf8_encode(0xe9, bytes), 2);
  assert_memory_equal(bytes, "\xc3\xa9", 2);
  assert_int_equal(utf8_encode(0xfffd, bytes), 3);
  assert_memory_equal(bytes, "\xef\xbf\xbd", 3);
  assert_int_equal(utf8_encode(0x1f602, bytes), 4);
  assert_memory_equal(bytes, "\xf0\x9f\x98\x82", 4);
}

static void malformed_sequences_are_refused(void **state)
{
  (void)state;
  static const char *const malformed[] = {
      "\x80",             /* a continuation without a lead */
      "\xbf",             /* */
      "\xc0\x80",         /* overlong NUL */
      "\xc1\xbf",         /* overlong */
      "\xc3",             /* cut */
      "\xc3(",            /* no continuation */
      "\xe0\x9f\xbf",     /* overlong */
      "\xed\xa0\x80",     /* a surrogate */
      "\xed\xbf\xbf",     /* a surrogate */
      "\xe2\x82",         /* cut */
      "\xe2(\xa1",        /* no continuation */
      "\xf0\x8f\xbf\xbf", /* overlong */
      "\xf4\x90\x80\x80", /* above U+10FFFF */
      "\xf5\x80\x80\x80", /* above U+10FFFF */
      "\xf0\x9f\x98",     /* cut */
      "\xff",             /* never a byte of UTF-8 */
  };
  for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
    assert_int_equal(utf8_sequence(slice_of(malformed[i])), 0);
    char text[16];
    snprintf(text, sizeof text, "ab%s", malformed[i]);
    assert_false(utf8_valid(slice_of(text)));
    snprintf(text, sizeof text, "ab%sc", malformed[i]);
    assert_false(utf8_valid(slice_of(text)));
  }
  assert_int_equal(utf8_sequence((struct slice){NULL, 0}), 0);
}

static void whole_texts(void **state)
{
  (void)state;
  assert_true(utf8_valid((struct slice){NULL, 0}));
  assert_true(utf8_valid(SLICE("grüße 漢字 😂")));
  assert_true(utf8_valid(SLICE("a\0b")));
}

static void control_characters(void **state)
{
  (void)state;
  static const char *const with[] = {"a\n", "\t", "a\x7f", "\xc2\x80", "a\xc2\x9f"};
  static const char *const without[] = {"", "a b", "\xc2\xa0", "gr\xc3\xbc\xc3\x9f",
                                        "\xe2\x80\x94"};
  for (size_t i = 0; i < sizeof with / sizeof with[0]; i++)
    assert_true(utf8_has_control(slice_of(with[i])));
  for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
    assert_false(utf8_has_control(slice_of(without[i])));
  assert_true(utf8_has_control(SLICE("a\0b")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_code_point_is_well_formed),
      cmocka_unit_test(known_encodings),
      cmocka_unit_test(malformed_sequences_are_refused),
      cmocka_unit_test(whole_texts),
      cmocka_unit_test(control_characters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
