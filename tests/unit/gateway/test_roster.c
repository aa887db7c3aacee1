/* Who attends, as was told: live events, readings, and which of the two is newer. */
#include "roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct slice alice = {"alice", 5}, bob = {"bob", 3}, carol = {"carol", 5};

/* The next one who is missing is this one. */
static void assert_missing(struct roster *roster, struct slice user)
{
  struct slice missing;
  assert_true(roster_missing(roster, &missing));
  assert_true(slice_equal(missing, user));
}

static void assert_none_missing(struct roster *roster)
{
  struct slice missing;
  assert_false(roster_missing(roster, &missing));
  roster_finish(roster);
}

/* Alice and Bob were there before. */
static struct roster two(void)
{
  struct roster roster = {0};
  roster_begin(&roster);
  assert_false(roster_seen(&roster, alice));
  assert_false(roster_seen(&roster, bob));
  assert_none_missing(&roster);
  return roster;
}

static void who_comes_while_the_first_reading_is_made_is_told_once(void **state)
{
  (void)state;
  struct roster roster = two();
  assert_true(roster_heard(&roster, alice, true)); /* the reading was quicker than the event */
  assert_false(roster_heard(&roster, alice, true));
  roster_begin(&roster);
  assert_false(roster_seen(&roster, alice) || roster_seen(&roster, bob));
  assert_none_missing(&roster);
  assert_false(roster_heard(&roster, bob, true)); /* that is old */
  roster_free(&roster);
}

static void what_changes_nothing_is_not_told(void **state)
{
  (void)state;
  struct roster roster = two();
  assert_true(roster_heard(&roster, carol, true));
  assert_true(roster_heard(&roster, carol, false));
  assert_false(roster_heard(&roster, carol, false));
  assert_true(roster_heard(&roster, carol, true));
  assert_false(roster_heard(&roster, carol, true));
  assert_true(roster_heard(&roster, alice, false));
  assert_false(roster_heard(&roster, alice, false));
  assert_int_equal(roster.count, 2);
  roster_free(&roster);
}

static void a_reading_tells_who_came_and_who_went(void **state)
{
  (void)state;
  struct roster roster = two();
  roster_begin(&roster);
  assert_false(roster_seen(&roster, alice));
  assert_true(roster_seen(&roster, carol));
  assert_true(roster_seen(&roster, carol)); /* in two pages */
  assert_true(roster_settle(&roster, carol, true));
  assert_false(roster_settle(&roster, carol, true));
  assert_missing(&roster, bob);
  assert_true(roster_settle(&roster, bob, false));
  assert_false(roster_settle(&roster, bob, false));
  assert_none_missing(&roster);
  assert_int_equal(roster.count, 2);
  assert_false(roster_heard(&roster, carol, true));
  assert_false(roster_heard(&roster, bob, false));
  roster_free(&roster);
}

static void what_comes_in_live_is_newer_than_the_page(void **state)
{
  (void)state;
  struct roster roster = two();
  roster_begin(&roster);
  assert_true(roster_heard(&roster, alice, false));
  assert_false(roster_seen(&roster, alice));
  assert_true(roster_heard(&roster, carol, true)); /* and in no page */
  assert_missing(&roster, bob);
  assert_true(roster_heard(&roster, bob, true));
  assert_false(roster_settle(&roster, bob, false));
  assert_none_missing(&roster);
  assert_false(roster_heard(&roster, alice, false));
  assert_int_equal(roster.count, 2);
  roster_free(&roster);
}

static void what_was_found_and_goes_before_it_is_told_is_not_told(void **state)
{
  (void)state;
  struct roster roster = two();
  roster_begin(&roster);
  assert_true(roster_seen(&roster, carol));
  assert_false(roster_heard(&roster, carol, false)); /* nobody knew of her */
  assert_false(roster_settle(&roster, carol, true));
  assert_false(roster_seen(&roster, carol));
  assert_false(roster_seen(&roster, alice) || roster_seen(&roster, bob));
  assert_none_missing(&roster);
  assert_int_equal(roster.count, 2);
  roster_free(&roster);
}

/* Until the first reading is done everything is told, and remembered with its direction. */
static void before_the_first_reading(void **state)
{
  (void)state;
  struct roster roster = {0};
  roster_begin(&roster);
  assert_true(roster_heard(&roster, alice, false));
  assert_false(roster_heard(&roster, alice, false));
  assert_true(roster_heard(&roster, bob, true));
  assert_false(roster_seen(&roster, alice)); /* an older page */
  roster_begin(&roster);                     /* the lobby was lost meanwhile */
  assert_false(roster_seen(&roster, carol));
  assert_true(roster_seen(&roster, alice)); /* she was told to be gone, and came back unheard */
  assert_true(roster_settle(&roster, alice, true));
  assert_missing(&roster, bob);
  assert_true(roster_settle(&roster, bob, false));
  assert_none_missing(&roster);
  assert_int_equal(roster.count, 2);
  roster_free(&roster);
}

static struct slice name_of(unsigned number, char *buffer)
{
  return (struct slice){buffer, (size_t)snprintf(buffer, 32, "user-%u", number)};
}

/* Thousands come and go, in and between readings: the table has them all, and nothing else. */
static void a_table_of_many(void **state)
{
  (void)state;
  enum { MANY = 5000 };
  struct roster roster = two();
  char name[32];
  for (unsigned i = 0; i < MANY; i++) assert_true(roster_heard(&roster, name_of(i, name), true));
  for (unsigned i = 0; i < MANY; i += 2)
    assert_true(roster_heard(&roster, name_of(i, name), false));
  for (unsigned i = 0; i < MANY; i++)
    assert_int_equal(roster_heard(&roster, name_of(i, name), true), i % 2 == 0);
  assert_int_equal(roster.count, MANY + 2);
  roster_begin(&roster);
  for (unsigned i = 0; i < 10; i++) assert_false(roster_seen(&roster, name_of(i, name)));
  struct slice missing;
  unsigned gone = 0;
  while (roster_missing(&roster, &missing)) gone += roster_settle(&roster, missing, false);
  assert_int_equal(gone, MANY + 2 - 10);
  roster_finish(&roster);
  assert_int_equal(roster.count, 10);
  assert_true(roster.capacity <= 64);
  for (unsigned i = 0; i < 20; i++)
    assert_int_equal(roster_heard(&roster, name_of(i, name), false), i < 10);
  assert_int_equal(roster.count, 0);
  roster_free(&roster);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_changes_nothing_is_not_told),
      cmocka_unit_test(who_comes_while_the_first_reading_is_made_is_told_once),
      cmocka_unit_test(a_reading_tells_who_came_and_who_went),
      cmocka_unit_test(what_comes_in_live_is_newer_than_the_page),
      cmocka_unit_test(what_was_found_and_goes_before_it_is_told_is_not_told),
      cmocka_unit_test(before_the_first_reading),
      cmocka_unit_test(a_table_of_many),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
