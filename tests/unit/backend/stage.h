/* The stage that most of the backend's tests play on: one Redis, one loop, one node "gw-1",
 * empty and fresh for each of them. */
#ifndef PARLEY_TESTS_STAGE_H
#define PARLEY_TESTS_STAGE_H

#include "redis_fixture.h"

extern struct redis redis;
extern struct event_base *base;
extern struct node node;

/* Of each test, and of all: for cmocka. */
int stage_clear(void **state);
int stage_leave(void **state);
int stage_set(void **state);
int stage_strike(void **state);

#define TEST(name)       cmocka_unit_test_setup_teardown(name, stage_clear, stage_leave)
#define RUN_STAGE(tests) cmocka_run_group_tests(tests, stage_set, stage_strike)

/* The body of a function that makes a call, and waits for what becomes of it. */
#define OUTCOME(call)                                          \
  struct outcome outcome = {0};                                \
  call;                                                        \
  assert_false(outcome.done); /* never from inside the call */ \
  WAIT(base, outcome.done);                                    \
  assert_int_equal(outcome.times, 1);                          \
  return outcome

#endif
