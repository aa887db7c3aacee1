/* Passwords that are guessed. */
#include "guess.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config.h"
#include "node.h"

static struct config config = {.logins_per_minute = 5};
static struct node node = {.config = &config};

static int begin(void **state)
{
  (void)state;
  config.logins_per_minute = 5;
  node.now_ms = 1000;
  node.guesses = guesses_new();
  return 0;
}

static int end(void **state)
{
  (void)state;
  guesses_free(node.guesses);
  return 0;
}

static bool guess(const char *user, unsigned host)
{
  const struct ip ip = {{10, [14] = (uint8_t)(host >> 8), (uint8_t)host}};
  return guess_begin(&node, slice_of(user), &ip);
}

static unsigned guess_many(const char *user, unsigned host, unsigned count)
{
  unsigned may = 0;
  for (unsigned i = 0; i < count; i++) may += guess(user, host);
  return may;
}

static void a_user_is_guessed_at_so_often_from_wherever(void **state)
{
  (void)state;
  assert_int_equal(guess_many("alice", 1, 3), 3);
  assert_int_equal(guess_many("alice", 2, 3), 2);
  assert_true(guess("bob", 1));
  node.now_ms += 12000; /* a fifth of a minute */
  assert_int_equal(guess_many("alice", 3, 3), 1);
  node.now_ms += 600000;
  assert_int_equal(guess_many("alice", 3, 10), 5);
}

static void an_address_guesses_so_often_whomever(void **state)
{
  (void)state;
  unsigned may = 0;
  char user[24];
  for (int i = 0; i < 100; i++) {
    snprintf(user, sizeof user, "user-%d", i);
    may += guess(user, 1);
  }
  assert_int_equal(may, 50);
  assert_true(guess("alice", 2));
}

static void what_was_right_counts_nothing(void **state)
{
  (void)state;
  const struct ip ip = {{10, [15] = 1}};
  for (int i = 0; i < 1000; i++) {
    assert_true(guess("alice", 1));
    guess_forgive(&node, SLICE("alice"), &ip);
  }
  assert_int_equal(guess_many("alice", 1, 10), 5);
}

static void they_may_be_any_number(void **state)
{
  (void)state;
  config.logins_per_minute = 0;
  assert_int_equal(guess_many("alice", 1, 10000), 10000);
}

/* The table is bounded: the one that was asked about least recently goes. */
static void users_without_end_cost_no_memory_without_end(void **state)
{
  (void)state;
  char user[24];
  guess_many("alice", 1, 5);
  for (int i = 0; i < 30000; i++) {
    snprintf(user, sizeof user, "user-%d", i);
    if (i == 10000) assert_false(guess("alice", 9));
    guess(user, (unsigned)i % 2000 + 1000);
  }
  assert_true(guess("alice", 250));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(a_user_is_guessed_at_so_often_from_wherever),
      TEST(an_address_guesses_so_often_whomever),
      TEST(what_was_right_counts_nothing),
      TEST(they_may_be_any_number),
      TEST(users_without_end_cost_no_memory_without_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
