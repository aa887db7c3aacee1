/* What a client may mark as read: ids collide, senders narrow, types count. */
#include "shown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t ids[8];

static void finds_every_message_of_that_id(void **state)
{
  (void)state;
  struct shown *shown = NULL;
  shown_add(&shown, SLICE("5"), SLICE("21"), 100, 100);
  shown_add(&shown, SLICE("6"), SLICE("21"), 101, 101);
  shown_add(&shown, SLICE("5"), SLICE("22"), 102, 102);
  assert_int_equal(shown_find(shown, SLICE("5"), (struct slice){0}, ids, 8), 2);
  assert_int_equal(ids[0], 100);
  assert_int_equal(ids[1], 102);
  /* It is there until it is forgotten: what was refused can be asked for again. */
  assert_int_equal(shown_find(shown, SLICE("5"), (struct slice){0}, ids, 8), 2);
  shown_free(&shown);
}

static void a_sender_narrows(void **state)
{
  (void)state;
  struct shown *shown = NULL;
  shown_add(&shown, SLICE("5"), SLICE("21"), 100, 100);
  shown_add(&shown, SLICE("5"), SLICE("22"), 102, 102);
  assert_int_equal(shown_find(shown, SLICE("5"), SLICE("22"), ids, 8), 1);
  assert_int_equal(ids[0], 102);
  assert_int_equal(shown_find(shown, SLICE("5"), SLICE("\"21\""), ids, 8), 0);
  shown_free(&shown);
}

static void a_number_is_not_a_string(void **state)
{
  (void)state;
  struct shown *shown = NULL;
  shown_add(&shown, SLICE("5"), SLICE("21"), 100, 100);
  assert_int_equal(shown_find(shown, SLICE("\"5\""), (struct slice){0}, ids, 8), 0);
  shown_free(&shown);
}

static void more_than_there_is_room_for_come_later(void **state)
{
  (void)state;
  struct shown *shown = NULL;
  for (uint64_t i = 0; i < 20; i++) shown_add(&shown, SLICE("5"), SLICE("21"), i, i);
  assert_int_equal(shown_find(shown, SLICE("5"), (struct slice){0}, ids, 8), 8);
  for (size_t i = 0; i < 8; i++) shown_forget(&shown, ids[i]);
  assert_int_equal(shown_find(shown, SLICE("5"), (struct slice){0}, ids, 8), 8);
  assert_int_equal(ids[7], 15);
  shown_free(&shown);
  assert_null(shown);
}

static void up_to_a_message_in_the_order_of_showing(void **state)
{
  (void)state;
  struct shown *shown = NULL;
  uint64_t ts_ms = 0;
  shown_add(&shown, (struct slice){0}, SLICE("alice"), 900, 1);
  shown_add(&shown, (struct slice){0}, SLICE("bob"), 100, 2);
  shown_add(&shown, (struct slice){0}, SLICE("alice"), 200, 3);
  shown_add(&shown, (struct slice){0}, SLICE("alice"), 300, 4);
  assert_int_equal(shown_find_up_to(shown, SLICE("alice"), 200, ids, 8), 2);
  assert_int_equal(ids[0], 900);
  assert_int_equal(ids[1], 200);
  assert_int_equal(shown_find_up_to(shown, SLICE("alice"), 200, ids, 1), 1);
  assert_int_equal(shown_find_up_to(shown, SLICE("alice"), 777, ids, 8), 0);
  assert_int_equal(shown_count(shown, SLICE("alice")), 3);
  assert_int_equal(shown_newest(shown, SLICE("alice"), &ts_ms), 300);
  assert_int_equal(ts_ms, 4);
  assert_int_equal(shown_newest(shown, SLICE("carol"), &ts_ms), 0);
  shown_free(&shown);
}

static void forgets_what_another_connection_read(void **state)
{
  (void)state;
  struct shown *shown = NULL;
  shown_forget(&shown, 1);
  shown_add(&shown, SLICE("5"), SLICE("21"), 100, 100);
  shown_add(&shown, SLICE("6"), SLICE("21"), 101, 101);
  shown_forget(&shown, 7);
  shown_forget(&shown, 100);
  assert_int_equal(shown_find(shown, SLICE("5"), (struct slice){0}, ids, 8), 0);
  shown_forget(&shown, 101);
  assert_null(shown);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_every_message_of_that_id),
      cmocka_unit_test(a_sender_narrows),
      cmocka_unit_test(a_number_is_not_a_string),
      cmocka_unit_test(more_than_there_is_room_for_come_later),
      cmocka_unit_test(up_to_a_message_in_the_order_of_showing),
      cmocka_unit_test(forgets_what_another_connection_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
