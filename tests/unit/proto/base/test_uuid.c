/* UUIDs as text: what is one, and the one form of it that is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/uuid.h"

static void what_is_one(void **state)
{
  (void)state;
  assert_true(uuid_is(SLICE("0a1b2c3d-0000-4000-8000-aabbccddeeff")));
  assert_true(uuid_is(SLICE("0A1B2C3D-0000-4000-8000-AABBCCDDEEFF")));
  static const char *const none[] = {"",
                                     "0a1b2c3d-0000-4000-8000-aabbccddeef",
                                     "0a1b2c3d-0000-4000-8000-aabbccddeefff",
                                     "0a1b2c3d-0000-4000-8000-aabbccddeefg",
                                     "0a1b2c3d000004000-8000-aabbccddeeff0",
                                     "-a1b2c3d-0000-4000-8000-aabbccddeeff"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
    assert_false(uuid_is(slice_of(none[i])));
}

static void in_lower_case(void **state)
{
  (void)state;
  char lower[UUID_TEXT_BYTES + 1];
  assert_true(uuid_is_lower(SLICE("0a1b2c3d-0000-4000-8000-aabbccddeeff")));
  assert_false(uuid_is_lower(SLICE("0a1b2c3d-0000-4000-8000-aabbccddeeFf")));
  uuid_lower(SLICE("0A1b2C3d-0000-4000-8000-AABBCCDDEEFF"), lower);
  assert_string_equal(lower, "0a1b2c3d-0000-4000-8000-aabbccddeeff");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_one),
      cmocka_unit_test(in_lower_case),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
