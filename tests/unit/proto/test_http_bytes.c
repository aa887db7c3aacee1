/* Every request of tests/fuzz/corpus/http, and what is left of it when bytes are missing or
 * wrong: whatever a REST surface is asked, it answers (tests/fuzz/http_properties.h). */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../fuzz/http_properties.h"

enum { REQUEST_BYTES = 4096 };

static void damage(char *bytes, size_t len)
{
  static const char wrong[] = {'"', '}', '%', '/', '\0', (char)0xff};
  for (size_t i = 0; i < len; i++) {
    check_http((struct slice){bytes, i});
    char right = bytes[i];
    bytes[i] = wrong[i % sizeof wrong];
    check_http((struct slice){bytes, len});
    bytes[i] = right;
  }
}

static void any_bytes_are_answered(void **state)
{
  (void)state;
  static const char folder[] = TESTS_FOLDER "/fuzz/corpus/http";
  char path[sizeof folder + 256], bytes[REQUEST_BYTES];
  size_t count = 0;
  DIR *directory = opendir(folder);
  assert_non_null(directory);
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    check_http((struct slice){bytes, len});
    damage(bytes, len);
    count++;
  }
  closedir(directory);
  assert_true(count > 50);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(any_bytes_are_answered)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
