/* The console is built in whole, takes nothing from elsewhere, and its policy allows
 * exactly its own style and script. */
#include "console.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char *page; /* with a NUL byte behind it */

static int copy_page(void **state)
{
  (void)state;
  struct slice built_in = console_page();
  page = malloc(built_in.len + 1);
  if (!page) return -1;
  memcpy(page, built_in.data, built_in.len);
  page[built_in.len] = 0;
  return 0;
}

static int free_page(void **state)
{
  (void)state;
  free(page);
  return 0;
}

static void it_is_the_file(void **state)
{
  (void)state;
  static char file[1 << 18];
  FILE *stream = fopen(TESTS_FOLDER "/../gateway/console/index.html", "r");
  assert_non_null(stream);
  size_t len = fread(file, 1, sizeof file, stream);
  fclose(stream);
  assert_true(len > 0 && len < sizeof file);
  assert_true(slice_equal(console_page(), (struct slice){file, len}));
}

/* What stands between the tags, as the policy names it. */
static void assert_allowed(const char *directive, const char *open, const char *close)
{
  const char *start = strstr(page, open);
  assert_non_null(start);
  start += strlen(open);
  const char *end = strstr(start, close);
  assert_non_null(end);
  assert_null(strstr(end, open)); /* one of each */
  unsigned char hash[crypto_hash_sha256_BYTES];
  char base64[64], expected[128];
  crypto_hash_sha256(hash, (const unsigned char *)start, (unsigned long long)(end - start));
  sodium_bin2base64(base64, sizeof base64, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
  snprintf(expected, sizeof expected, "%s 'sha256-%s'", directive, base64);
  if (!strstr(page, expected)) fail_msg("the policy of the page must say: %s", expected);
}

static void the_policy_names_its_own_style_and_script(void **state)
{
  (void)state;
  assert_allowed("script-src", "<script>", "</script>");
  assert_allowed("style-src", "<style>", "</style>");
}

static void nothing_breaks_the_policy(void **state)
{
  (void)state;
  static const char *const forbidden[] = {" style=",     " onclick=", " onsubmit=", " onload=",
                                          "javascript:", " src=",     "http://",    "https://",
                                          "innerHTML",   "unsafe-"};
  for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
    if (strstr(page, forbidden[i])) fail_msg("the page has '%s'", forbidden[i]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_the_file),
      cmocka_unit_test(the_policy_names_its_own_style_and_script),
      cmocka_unit_test(nothing_breaks_the_policy),
  };
  return cmocka_run_group_tests(tests, copy_page, free_page);
}
