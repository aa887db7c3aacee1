/* Slices: comparing and cutting, the empty ones too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"

static const struct slice empty = {NULL, 0};

static void equal_is_by_bytes(void **state)
{
  (void)state;
  assert_true(slice_equal(SLICE("abc"), slice_of("abc")));
  assert_true(slice_equal(SLICE("a\0c"), SLICE("a\0c")));
  assert_false(slice_equal(SLICE("a\0c"), SLICE("a\0d")));
  assert_false(slice_equal(SLICE("abc"), SLICE("ab")));
  assert_true(slice_equal(empty, SLICE("")));
  assert_true(slice_is(empty, ""));
  assert_int_equal(slice_of(NULL).len, 0);
}

static void compare_puts_the_shorter_first(void **state)
{
  (void)state;
  assert_true(slice_compare(SLICE("a"), SLICE("b")) < 0);
  assert_true(slice_compare(SLICE("b"), SLICE("aa")) > 0);
  assert_true(slice_compare(SLICE("a"), SLICE("aa")) < 0);
  assert_true(slice_compare(SLICE("\xff"), SLICE("a")) > 0);
  assert_int_equal(slice_compare(empty, SLICE("")), 0);
}

static void cutting_stays_inside(void **state)
{
  (void)state;
  assert_true(slice_is(slice_skip(SLICE("abc"), 1), "bc"));
  assert_int_equal(slice_skip(SLICE("abc"), 9).len, 0);
  assert_int_equal(slice_skip(empty, 1).len, 0);
  assert_true(slice_starts_with(SLICE("abc"), SLICE("ab")));
  assert_true(slice_starts_with(empty, empty));
  assert_false(slice_starts_with(SLICE("a"), SLICE("ab")));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_is_by_bytes),
      cmocka_unit_test(compare_puts_the_shorter_first),
      cmocka_unit_test(cutting_stays_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
