/* Token buckets and connections per address. */
#include "limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static unsigned take_many(struct bucket *bucket, struct bucket_rate rate, unsigned count,
                          uint64_t now_ms)
{
  unsigned taken = 0;
  for (unsigned i = 0; i < count; i++) taken += bucket_take(bucket, rate, 1, now_ms) == BUCKET_OK;
  return taken;
}

static void a_fresh_bucket_is_full(void **state)
{
  (void)state;
  const struct bucket_rate rate = {500, 2000};
  struct bucket bucket = {0};
  assert_int_equal(take_many(&bucket, rate, 2000, 123456789), 2000);
  assert_int_equal(bucket_take(&bucket, rate, 1, 123456789), BUCKET_EMPTY);
}

static void tokens_come_back_at_the_rate(void **state)
{
  (void)state;
  const struct bucket_rate rate = {500, 2000};
  struct bucket bucket = {0};
  take_many(&bucket, rate, 2000, 1000);
  assert_int_equal(take_many(&bucket, rate, 1000, 1001), 0); /* half a token */
  assert_int_equal(take_many(&bucket, rate, 1000, 1002), 1);
  assert_int_equal(take_many(&bucket, rate, 1000, 2000), 499);
  assert_int_equal(take_many(&bucket, rate, 3000, 1000000000), 2000); /* never above the burst */
}

static void a_rate_that_is_kept_is_served_for_ever(void **state)
{
  (void)state;
  const struct bucket_rate rate = {3, 1};
  struct bucket bucket = {0};
  for (uint64_t i = 1; i < 10000; i++) {
    assert_int_equal(bucket_take(&bucket, rate, 1, i * 334), BUCKET_OK);
  }
}

static void no_rate_is_no_limit(void **state)
{
  (void)state;
  const struct bucket_rate rate = {0, 1};
  struct bucket bucket = {0};
  assert_int_equal(take_many(&bucket, rate, 100000, 1), 100000);
}

static void ten_times_the_burst_at_once_is_a_flood(void **state)
{
  (void)state;
  const struct bucket_rate rate = {500, 2000};
  struct bucket bucket = {0};
  for (unsigned i = 0; i < 20000; i++) {
    assert_int_equal(bucket_take(&bucket, rate, 1, 5), i < 2000 ? BUCKET_OK : BUCKET_EMPTY);
  }
  assert_int_equal(bucket_take(&bucket, rate, 1, 5), BUCKET_FLOODED);
}

/* Frames a second for a minute: how many were let through, and was it a flood? */
static bool floods(struct bucket_rate rate, unsigned per_ms, unsigned *passed)
{
  struct bucket bucket = {0};
  *passed = 0;
  for (uint64_t ms = 1; ms <= 60000; ms++) {
    for (unsigned i = 0; i < per_ms; i++) {
      enum bucket_verdict verdict = bucket_take(&bucket, rate, 1, ms);
      if (verdict == BUCKET_FLOODED) return true;
      *passed += verdict == BUCKET_OK;
    }
  }
  return false;
}

static void ten_times_the_rate_for_long_is_a_flood(void **state)
{
  (void)state;
  const struct bucket_rate rate = {1000, 2000};
  unsigned passed;
  assert_false(floods(rate, 9, &passed));
  /* The refused ones cost nothing: the rate is served all the while. */
  assert_in_range(passed, 61990, 62010);
  assert_true(floods(rate, 11, &passed));
}

static void large_amounts_do_not_overflow(void **state)
{
  (void)state;
  const struct bucket_rate rate = {1ULL << 40, 1ULL << 40};
  struct bucket bucket = {0};
  assert_int_equal(bucket_take(&bucket, rate, 1ULL << 40, 1), BUCKET_OK);
  assert_int_equal(bucket_take(&bucket, rate, 1ULL << 40, 1), BUCKET_EMPTY);
  assert_int_equal(bucket_take(&bucket, rate, 1ULL << 40, UINT64_MAX), BUCKET_OK);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
  (void)state;
  const struct bucket_rate rate = {1000, 10};
  struct bucket bucket = {0};
  take_many(&bucket, rate, 10, 5000);
  assert_int_equal(bucket_take(&bucket, rate, 1, 4000), BUCKET_EMPTY);
  assert_int_equal(bucket_take(&bucket, rate, 1, 5000), BUCKET_EMPTY);
  assert_int_equal(bucket_take(&bucket, rate, 1, 5001), BUCKET_OK);
}

static void counts_each_address_alone(void **state)
{
  (void)state;
  struct address_counts counts = {0};
  struct ip a = {{1}}, b = {{2}};
  assert_true(address_counts_enter(&counts, &a, 2));
  assert_true(address_counts_enter(&counts, &a, 2));
  assert_false(address_counts_enter(&counts, &a, 2));
  assert_true(address_counts_enter(&counts, &b, 2));
  address_counts_leave(&counts, &a);
  assert_true(address_counts_enter(&counts, &a, 2));
  assert_true(address_counts_enter(&counts, &a, 0));
  address_counts_leave(&counts, &a);
  address_counts_leave(&counts, &a);
  address_counts_leave(&counts, &a);
  address_counts_leave(&counts, &b);
  assert_null(counts.table);
}

static void gives_back_what_is_left(void **state)
{
  (void)state;
  struct address_counts counts = {0};
  for (uint8_t i = 0; i < 100; i++) {
    struct ip ip = {{i}};
    assert_true(address_counts_enter(&counts, &ip, 1));
  }
  address_counts_free(&counts);
  assert_null(counts.table);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_fresh_bucket_is_full),
      cmocka_unit_test(tokens_come_back_at_the_rate),
      cmocka_unit_test(a_rate_that_is_kept_is_served_for_ever),
      cmocka_unit_test(no_rate_is_no_limit),
      cmocka_unit_test(ten_times_the_burst_at_once_is_a_flood),
      cmocka_unit_test(ten_times_the_rate_for_long_is_a_flood),
      cmocka_unit_test(large_amounts_do_not_overflow),
      cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
      cmocka_unit_test(counts_each_address_alone),
      cmocka_unit_test(gives_back_what_is_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
