/* The timer wheel: never early, at most a tick late, and unharmed by whatever a call
 * does to it. */
#include "wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TICK_MS 100

struct timed {
  struct wheel_entry entry; /* first, so that the one is the other */
  uint64_t wanted_ms;       /* the earliest time that is not early */
  unsigned calls;
};

struct run {
  struct wheel wheel;
  uint64_t now_ms;
  unsigned calls;
};

static void count_call(void *arg, struct wheel_entry *entry)
{
  struct run *run = arg;
  struct timed *timed = (struct timed *)entry;
  assert_false(wheel_holds(entry));
  assert_true(run->now_ms >= timed->wanted_ms);
  timed->calls++;
  run->calls++;
}

static void advance(struct run *run, uint64_t now_ms, wheel_fn *call)
{
  run->now_ms = now_ms;
  wheel_advance(&run->wheel, now_ms, call, run);
}

static void add(struct run *run, struct timed *timed, uint64_t delay_ms)
{
  timed->wanted_ms = run->now_ms + delay_ms;
  wheel_add(&run->wheel, &timed->entry, run->now_ms, delay_ms);
}

static void run_init(struct run *run, uint32_t slots, uint64_t now_ms)
{
  *run = (struct run){.now_ms = now_ms};
  wheel_init(&run->wheel, slots, TICK_MS, now_ms);
}

static void entry_is_small(void **state)
{
  (void)state;
  assert_true(sizeof(struct wheel_entry) <= 32);
}

static void never_early_and_at_most_a_tick_late(void **state)
{
  (void)state;
  for (uint64_t start = 1000; start < 1000 + TICK_MS; start += 7) {
    for (uint64_t delay = 0; delay < 3000; delay += 37) {
      struct run run;
      struct timed timed = {0};
      run_init(&run, 8, start); /* 800 ms a round: most delays need several */
      add(&run, &timed, delay);
      uint64_t now = start;
      while (timed.calls == 0) {
        advance(&run, ++now, count_call);
        assert_true(now <= start + delay + TICK_MS);
      }
      advance(&run, now + 10000, count_call);
      assert_int_equal(timed.calls, 1);
      wheel_free(&run.wheel);
    }
  }
}

static void a_removed_entry_is_not_called(void **state)
{
  (void)state;
  struct run run;
  struct timed kept = {0}, removed = {0};
  run_init(&run, 16, 0);
  add(&run, &kept, 500);
  add(&run, &removed, 500);
  assert_int_equal(run.wheel.count, 2);
  wheel_remove(&run.wheel, &removed.entry);
  wheel_remove(&run.wheel, &removed.entry);
  assert_false(wheel_holds(&removed.entry));
  assert_int_equal(run.wheel.count, 1);
  advance(&run, 1000, count_call);
  assert_int_equal(kept.calls, 1);
  assert_int_equal(removed.calls, 0);
  assert_int_equal(run.wheel.count, 0);
  wheel_free(&run.wheel);
}

static void adding_again_moves(void **state)
{
  (void)state;
  struct run run;
  struct timed timed = {0};
  run_init(&run, 16, 0);
  add(&run, &timed, 500);
  add(&run, &timed, 900);
  assert_int_equal(run.wheel.count, 1);
  advance(&run, 800, count_call);
  assert_int_equal(timed.calls, 0);
  advance(&run, 900, count_call);
  assert_int_equal(timed.calls, 1);
  wheel_free(&run.wheel);
}

static void a_clock_that_jumps_calls_each_once(void **state)
{
  (void)state;
  enum { COUNT = 200 };
  static struct timed timed[COUNT];
  struct run run;
  run_init(&run, 8, 5000);
  for (unsigned i = 0; i < COUNT; i++) add(&run, &timed[i], i * 50);
  advance(&run, 4000, count_call);
  advance(&run, 5000, count_call);
  assert_int_equal(run.calls, 0);
  advance(&run, 5000 + 100 * 50, count_call);
  for (unsigned i = 0; i < COUNT; i++) assert_int_equal(timed[i].calls, i <= 100);
  advance(&run, 1000000000, count_call);
  for (unsigned i = 0; i < COUNT; i++) assert_int_equal(timed[i].calls, 1);
  assert_int_equal(run.wheel.count, 0);
  wheel_free(&run.wheel);
}

struct meddler {
  struct timed timed;
  struct timed *other;
};

static void add_itself_again(void *arg, struct wheel_entry *entry)
{
  struct run *run = arg;
  run->calls++;
  wheel_add(&run->wheel, entry, run->now_ms, 0);
}

static void one_that_adds_itself_is_called_once_a_time(void **state)
{
  (void)state;
  struct run run;
  struct timed timed = {0};
  run_init(&run, 8, 0);
  add(&run, &timed, 0);
  advance(&run, 1000, add_itself_again);
  assert_int_equal(run.calls, 1);
  advance(&run, 100000, add_itself_again);
  assert_int_equal(run.calls, 2);
  assert_int_equal(run.wheel.count, 1);
  wheel_free(&run.wheel);
  assert_false(wheel_holds(&timed.entry));
}

static void remove_the_other(void *arg, struct wheel_entry *entry)
{
  struct run *run = arg;
  struct meddler *meddler = (struct meddler *)entry;
  run->calls++;
  wheel_remove(&run->wheel, &meddler->other->entry);
}

static void a_call_may_remove_what_is_due_as_well(void **state)
{
  (void)state;
  struct run run;
  struct meddler first = {0}, second = {0};
  first.other = &second.timed;
  second.other = &first.timed;
  run_init(&run, 8, 0);
  add(&run, &first.timed, 300);
  add(&run, &second.timed, 300);
  advance(&run, 300, remove_the_other);
  assert_int_equal(run.calls, 1);
  assert_int_equal(run.wheel.count, 0);
  wheel_free(&run.wheel);
}

/* Knuth's generator, so that every run is the same. */
static uint64_t next_random(uint64_t *seed)
{
  *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
  return *seed >> 33;
}

/* Against a plain list, with a fixed seed. */
static void random_use_is_as_a_list_would_be(void **state)
{
  (void)state;
  enum { COUNT = 64 };
  static struct timed timed[COUNT];
  unsigned expected[COUNT] = {0};
  struct run run;
  run_init(&run, 32, 0);
  uint64_t seed = 7;
  for (unsigned step = 0; step < 20000; step++) {
    unsigned i = (unsigned)(next_random(&seed) % COUNT);
    if (next_random(&seed) % 3 == 0) {
      wheel_remove(&run.wheel, &timed[i].entry);
    } else {
      add(&run, &timed[i], next_random(&seed) % 9000);
    }
    uint64_t next = run.now_ms + (uint64_t)next_random(&seed) % 300;
    for (unsigned j = 0; j < COUNT; j++) {
      expected[j] += wheel_holds(&timed[j].entry) && timed[j].entry.due <= next / TICK_MS;
    }
    advance(&run, next, count_call);
    for (unsigned j = 0; j < COUNT; j++) assert_int_equal(timed[j].calls, expected[j]);
  }
  assert_true(run.calls > 1000);
  wheel_free(&run.wheel);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entry_is_small),
      cmocka_unit_test(never_early_and_at_most_a_tick_late),
      cmocka_unit_test(a_removed_entry_is_not_called),
      cmocka_unit_test(adding_again_moves),
      cmocka_unit_test(a_clock_that_jumps_calls_each_once),
      cmocka_unit_test(one_that_adds_itself_is_called_once_a_time),
      cmocka_unit_test(a_call_may_remove_what_is_due_as_well),
      cmocka_unit_test(random_use_is_as_a_list_would_be),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
