/* Allocation that does not fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"

static void even_nothing_has_an_address(void **state)
{
  (void)state;
  void *none = memory_alloc(0);
  assert_non_null(none);
  none = memory_resize(none, 0);
  assert_non_null(none);
  free(none);
}

static void zalloc_is_zeroed_and_resize_keeps(void **state)
{
  (void)state;
  char *data = memory_zalloc(64);
  for (size_t i = 0; i < 64; i++) assert_int_equal(data[i], 0);
  data[63] = 'x';
  data = memory_resize(data, 4096);
  assert_int_equal(data[63], 'x');
  free(data);
}

static void a_copy_ends_with_a_nul_byte(void **state)
{
  (void)state;
  char *copy = memory_copy("alice", 3);
  assert_string_equal(copy, "ali");
  free(copy);
  copy = memory_copy(NULL, 0);
  assert_string_equal(copy, "");
  free(copy);
}

/* In a child, whose standard error goes to a pipe: out of memory says so and aborts. */
static void out_of_memory_is_said_and_fatal(void **state)
{
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    memory_copy("", SIZE_MAX);
    _exit(0);
  }
  close(ends[1]);
  char words[256] = "";
  assert_true(read(ends[0], words, sizeof words - 1) > 0);
  close(ends[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGABRT);
  assert_string_equal(words, "level=error event=out_of_memory\n");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(even_nothing_has_an_address),
      cmocka_unit_test(zalloc_is_zeroed_and_resize_keeps),
      cmocka_unit_test(a_copy_ends_with_a_nul_byte),
      cmocka_unit_test(out_of_memory_is_said_and_fatal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
