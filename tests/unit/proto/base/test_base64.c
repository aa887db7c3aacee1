/* Base64: the vectors of RFC 4648, 10, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"

static void the_vectors_of_the_rfc(void **state)
{
  (void)state;
  static const struct {
    const char *text, *bytes;
  } vectors[] = {
      {"", ""},
      {"Zg==", "f"},
      {"Zm8=", "fo"},
      {"Zm9v", "foo"},
      {"Zm9vYg==", "foob"},
      {"Zm9vYmE=", "fooba"},
      {"Zm9vYmFy", "foobar"},
      {"Ym9iOnNlY3JldA==", "bob:secret"},
      {"/+8A", NULL},
  };
  struct arena arena = {0};
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
    struct slice bytes;
    assert_true(base64_decode(&arena, slice_of(vectors[i].text), &bytes));
    if (vectors[i].bytes) {
      assert_true(slice_is(bytes, vectors[i].bytes));
    } else {
      assert_true(slice_equal(bytes, SLICE("\xff\xef\0")));
    }
  }
  arena_free(&arena);
}

static void what_is_no_base64(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "Z",     "Zg",    "Zg=",  "Zm9vY",  "=",    "====", "Z===",           "Zg==Zg==",
      "Zm9=v", "Zm 9v", "Zm-_", "Zm9v\n", "Zh==", "Zm9=", "Zm9v\xc3\xa9==", "Zg=a",
  };
  struct arena arena = {0};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct slice bytes;
    assert_false(base64_decode(&arena, slice_of(texts[i]), &bytes));
  }
  arena_free(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_vectors_of_the_rfc),
      cmocka_unit_test(what_is_no_base64),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
