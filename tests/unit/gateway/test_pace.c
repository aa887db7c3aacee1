/* The line in front of the upgrades. */
#include "pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "metrics.h"
#include "node.h"

enum { MANY = 400 };

static struct config config;
static struct node node;
static struct pace_place places[MANY];
static unsigned turns[MANY], turn_count; /* whose turn it was, in that order */
static bool gone;                        /* whoever is called has gone */

static bool on_turn(struct pace_place *place)
{
  turns[turn_count++] = (unsigned)(place - places);
  return !gone;
}

static int begin(void **state)
{
  (void)state;
  config = (struct config){.handshakes_per_second = 100};
  node = (struct node){.config = &config, .base = event_base_new()};
  node.pace = pace_new(&node);
  turn_count = 0;
  gone = false;
  for (unsigned i = 0; i < MANY; i++) places[i] = (struct pace_place){.turn = on_turn};
  return 0;
}

static int end(void **state)
{
  (void)state;
  for (unsigned i = 0; i < MANY; i++) pace_leave(node.pace, &places[i]);
  pace_free(node.pace);
  event_base_free(node.base);
  return 0;
}

/* All of `count` come at once; how many begin at once. */
static unsigned enter(unsigned count)
{
  unsigned now = 0;
  for (unsigned i = 0; i < count; i++) {
    enum pace_verdict verdict = pace_enter(node.pace, &places[i]);
    assert_int_not_equal(verdict, PACE_FULL);
    now += verdict == PACE_NOW;
  }
  return now;
}

static void run_until(unsigned count)
{
  uint64_t until_ms = node_monotonic_ms() + 10000;
  while (turn_count < count && node_monotonic_ms() < until_ms)
    event_base_loop(node.base, EVLOOP_ONCE);
}

static void who_comes_alone_begins_at_once(void **state)
{
  (void)state;
  assert_int_equal(pace_enter(node.pace, &places[0]), PACE_NOW);
  assert_false(pace_waits(&places[0]));
}

static void a_storm_is_served_at_the_rate_in_the_order_of_coming(void **state)
{
  (void)state;
  uint64_t from_ms = node_monotonic_ms();
  unsigned now = enter(60);
  assert_in_range(now, 1, 4); /* a fiftieth of a second's, and what came back meanwhile */
  run_until(60 - now);
  assert_int_equal(turn_count, 60 - now);
  for (unsigned i = 1; i < turn_count; i++) assert_int_equal(turns[i], turns[i - 1] + 1);
  assert_true(node_monotonic_ms() - from_ms >= 500); /* 60, less the first few, at 100 a second */
}

static void the_line_is_as_long_as_can_be_served_in_time(void **state)
{
  (void)state;
  config.handshakes_per_second = 10;
  unsigned waiting = 0;
  for (unsigned i = 0; i < MANY && pace_enter(node.pace, &places[i]) != PACE_FULL; i++)
    waiting += pace_waits(&places[i]);
  assert_int_equal(waiting, 10 * PACE_WAIT_MS / 1000);
}

static void who_has_gone_costs_no_turn(void **state)
{
  (void)state;
  uint64_t from_ms = node_monotonic_ms();
  unsigned now = enter(300);
  gone = true;
  run_until(300 - now);
  assert_int_equal(turn_count, 300 - now);
  assert_true(node_monotonic_ms() - from_ms <
              2000); /* not the three seconds that they would take */
}

static void a_place_is_given_up(void **state)
{
  (void)state;
  unsigned now = enter(10);
  pace_leave(node.pace, &places[now + 1]);
  pace_leave(node.pace, &places[now + 1]);
  run_until(9 - now);
  assert_int_equal(turn_count, 9 - now);
  assert_int_equal(turns[1], now + 2);
}

static void a_draining_node_lets_them_all_know(void **state)
{
  (void)state;
  unsigned now = enter(300);
  node.draining = true;
  event_base_loop(node.base, EVLOOP_ONCE);
  assert_int_equal(turn_count, 300 - now);
}

static void no_rate_is_no_line(void **state)
{
  (void)state;
  config.handshakes_per_second = 0;
  assert_int_equal(enter(MANY), MANY);
}

/* SIGHUP may take the rate away while somebody waits. */
static void a_rate_that_is_taken_away_lets_all_in(void **state)
{
  (void)state;
  unsigned now = enter(300);
  config.handshakes_per_second = 0;
  event_base_loop(node.base, EVLOOP_ONCE);
  assert_int_equal(turn_count, 300 - now);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(who_comes_alone_begins_at_once, begin, end),
      cmocka_unit_test_setup_teardown(a_storm_is_served_at_the_rate_in_the_order_of_coming, begin,
                                      end),
      cmocka_unit_test_setup_teardown(the_line_is_as_long_as_can_be_served_in_time, begin, end),
      cmocka_unit_test_setup_teardown(who_has_gone_costs_no_turn, begin, end),
      cmocka_unit_test_setup_teardown(a_place_is_given_up, begin, end),
      cmocka_unit_test_setup_teardown(a_draining_node_lets_them_all_know, begin, end),
      cmocka_unit_test_setup_teardown(no_rate_is_no_line, begin, end),
      cmocka_unit_test_setup_teardown(a_rate_that_is_taken_away_lets_all_in, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
