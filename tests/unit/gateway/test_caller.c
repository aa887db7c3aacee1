/* Callers and their handles (caller.h). */
#include "caller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void handles_are_never_another_s(void **state)
{
  (void)state;
  struct node node = {.callers = callers_new()};
  struct caller first = {.node = &node}, second = {.node = &node};
  caller_add(&first);
  caller_add(&second);
  assert_true(first.handle && second.handle && first.handle != second.handle);
  assert_ptr_equal(caller_find(&node, first.handle), &first);
  uint64_t gone = first.handle;
  caller_remove(&first);
  assert_null(caller_find(&node, gone));
  caller_add(&first); /* the same place, another generation */
  assert_int_not_equal(first.handle, gone);
  assert_null(caller_find(&node, gone));
  assert_ptr_equal(caller_find(&node, first.handle), &first);
  assert_ptr_equal(caller_find(&node, second.handle), &second);
  callers_free(node.callers);
}

static void unknown_handles_are_nobody(void **state)
{
  (void)state;
  struct node node = {.callers = callers_new()};
  assert_null(caller_find(&node, 0));
  assert_null(caller_find(&node, 1));
  assert_null(caller_find(&node, UINT64_MAX));
  callers_free(node.callers);
}

static void count_and_remove(struct caller *caller, void *arg)
{
  ++*(unsigned *)arg;
  caller_remove(caller);
}

static void each_may_be_removed_on_the_way(void **state)
{
  (void)state;
  enum { MANY = 200 };
  struct node node = {.callers = callers_new()};
  static struct caller callers[MANY];
  unsigned count = 0;
  for (size_t i = 0; i < MANY; i++) {
    callers[i].node = &node;
    caller_add(&callers[i]);
  }
  callers_each(&node, count_and_remove, &count);
  assert_int_equal(count, MANY);
  callers_each(&node, count_and_remove, &count);
  assert_int_equal(count, MANY);
  callers_free(node.callers);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(handles_are_never_another_s),
      cmocka_unit_test(unknown_handles_are_nobody),
      cmocka_unit_test(each_may_be_removed_on_the_way),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
