/* Arenas: alignment, growth, reset. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static void what_it_gives_is_aligned_and_apart(void **state)
{
  (void)state;
  struct arena arena = {0};
  char *last = NULL;
  for (size_t size = 1; size < 200; size++) {
    char *data = arena_alloc(&arena, size);
    assert_int_equal((uintptr_t)data % alignof(max_align_t), 0);
    memset(data, (int)size, size);
    if (last) assert_int_equal(last[0], (char)(size - 1));
    last = data;
  }
  arena_free(&arena);
}

static void large_pieces_get_room(void **state)
{
  (void)state;
  struct arena arena = {0};
  char *small = arena_alloc(&arena, 10);
  memset(small, 'a', 10);
  char *large = arena_alloc(&arena, 1 << 20);
  memset(large, 'b', 1 << 20);
  assert_int_equal(small[9], 'a');
  arena_free(&arena);
}

static void zalloc_zeroes_what_was_used_before(void **state)
{
  (void)state;
  struct arena arena = {0};
  memset(arena_alloc(&arena, 512), 0xff, 512);
  arena_reset(&arena);
  const char *data = arena_zalloc(&arena, 512);
  for (size_t i = 0; i < 512; i++) assert_int_equal(data[i], 0);
  arena_free(&arena);
}

static void a_copy_ends_with_a_nul_byte(void **state)
{
  (void)state;
  struct arena arena = {0};
  struct slice copy = arena_copy(&arena, SLICE("alice"));
  assert_int_equal(copy.len, 5);
  assert_string_equal(copy.data, "alice");
  copy = arena_copy(&arena, (struct slice){NULL, 0});
  assert_int_equal(copy.len, 0);
  assert_string_equal(copy.data, "");
  arena_free(&arena);
}

static void after_a_reset_it_is_used_from_the_start(void **state)
{
  (void)state;
  struct arena arena = {0};
  arena_reset(&arena); /* an empty one may be reset */
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 100; i++) memset(arena_alloc(&arena, 1000), round, 1000);
    arena_reset(&arena);
    /* At most one block, of the first one's size, is kept. */
    assert_true(arena.left <= 8192);
  }
  arena_free(&arena);
  assert_null(arena.blocks);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_it_gives_is_aligned_and_apart),
      cmocka_unit_test(large_pieces_get_room),
      cmocka_unit_test(zalloc_zeroes_what_was_used_before),
      cmocka_unit_test(a_copy_ends_with_a_nul_byte),
      cmocka_unit_test(after_a_reset_it_is_used_from_the_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
