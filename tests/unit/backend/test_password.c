/* Passwords: hashed and compared beside the loop, in order, bounded, and ended cleanly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sodium.h>

#include "password.h"
#include "redis_fixture.h"

static struct event_base *base;
static struct passwords *passwords;

struct answer {
  unsigned times;
  enum err err;
  char hash[crypto_pwhash_STRBYTES + 1];
};

static int before(void **state)
{
  (void)state;
  passwords = passwords_new(base);
  return 0;
}

static int after(void **state)
{
  (void)state;
  if (passwords) passwords_free(passwords);
  return 0;
}

static void on_hash(void *arg, enum err err, struct slice hash)
{
  struct answer *answer = arg;
  answer->times++;
  answer->err = err;
  assert_true(hash.len < sizeof answer->hash);
  if (hash.len) memcpy(answer->hash, hash.data, hash.len);
  answer->hash[hash.len] = '\0';
}

static void on_checked(void *arg, enum err err)
{
  struct answer *answer = arg;
  answer->times++;
  answer->err = err;
}

static struct answer hashed(struct slice password)
{
  struct answer answer = {0};
  password_hash(passwords, password, on_hash, &answer);
  assert_int_equal(answer.times, 0);
  WAIT(base, answer.times);
  return answer;
}

static enum err checked(struct slice password, const char *hash)
{
  struct answer answer = {0};
  password_check(passwords, password, slice_of(hash), on_checked, &answer);
  assert_int_equal(answer.times, 0);
  WAIT(base, answer.times);
  assert_int_equal(answer.times, 1);
  return answer.err;
}

static void test_a_hash_fits_its_password_alone(void **state)
{
  (void)state;
  struct answer one = hashed(SLICE("secret"));
  assert_int_equal(one.err, ERR_OK);
  assert_memory_equal(one.hash, "$argon2id$", 10);
  assert_null(strstr(one.hash, "secret"));
  assert_int_equal(checked(SLICE("secret"), one.hash), ERR_OK);
  assert_int_equal(checked(SLICE("Secret"), one.hash), ERR_BAD_PASSWORD);
  assert_int_equal(checked(SLICE("secre"), one.hash), ERR_BAD_PASSWORD);
  assert_int_equal(checked(SLICE("secret\0"), one.hash), ERR_BAD_PASSWORD);
  assert_int_equal(checked(SLICE(""), one.hash), ERR_BAD_PASSWORD);
  struct answer again = hashed(SLICE("secret"));
  assert_string_not_equal(again.hash, one.hash); /* salted */
}

static void test_who_has_no_hash_has_no_password(void **state)
{
  (void)state;
  assert_int_equal(checked(SLICE("secret"), ""), ERR_BAD_PASSWORD);
  assert_int_equal(checked(SLICE(""), ""), ERR_BAD_PASSWORD);
  assert_int_equal(checked(SLICE("secret"), "secret"), ERR_BAD_PASSWORD);
  assert_int_equal(checked(SLICE("secret"), "$argon2id$v=19$m=65536,t=2,p=1$"), ERR_BAD_PASSWORD);
  char too_long[2 * crypto_pwhash_STRBYTES];
  memset(too_long, 'x', sizeof too_long);
  too_long[sizeof too_long - 1] = '\0';
  assert_int_equal(checked(SLICE("secret"), too_long), ERR_BAD_PASSWORD);
}

/* The thread's own time, which other work on the machine does not stretch. */
static uint64_t cpu_us(void)
{
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

/* Who asks cannot tell from the time whether there is a password. */
static void test_no_password_takes_as_long_as_a_wrong_one(void **state)
{
  (void)state;
  struct answer one = hashed(SLICE("secret"));
  uint64_t wrong = UINT64_MAX, none = UINT64_MAX;
  for (int i = 0; i < 3; i++) {
    uint64_t begun = cpu_us();
    assert_int_equal(checked(SLICE("wrong"), one.hash), ERR_BAD_PASSWORD);
    uint64_t between = cpu_us();
    assert_int_equal(checked(SLICE("wrong"), ""), ERR_BAD_PASSWORD);
    uint64_t end = cpu_us();
    if (between - begun < wrong) wrong = between - begun;
    if (end - between < none) none = end - between;
  }
  assert_true(none > wrong / 2);
  assert_true(none < wrong * 2);
}

/* 64 wait, and one is in the thread's hands or not yet. */
static void test_a_full_queue_refuses_at_once(void **state)
{
  (void)state;
  static struct answer answers[PASSWORDS_WAITING_MAX + 10];
  enum { COUNT = sizeof answers / sizeof answers[0] };
  memset(answers, 0, sizeof answers);
  for (size_t i = 0; i < COUNT; i++) {
    if (i % 2)
      password_hash(passwords, SLICE("secret"), on_hash, &answers[i]);
    else
      password_check(passwords, SLICE("secret"), SLICE("x"), on_checked, &answers[i]);
  }
  for (size_t i = 0; i < COUNT; i++) assert_int_equal(answers[i].times, 0);
  WAIT(base, answers[COUNT - 1].times);
  size_t refused = 0;
  for (size_t i = PASSWORDS_WAITING_MAX; i < COUNT; i++) {
    if (answers[i].times) assert_int_equal(answers[i].err, ERR_OVERLOADED);
    refused += answers[i].times;
  }
  assert_true(refused >= COUNT - PASSWORDS_WAITING_MAX - 2);
  /* And the end does not wait for those that wait. */
  passwords_free(passwords);
  passwords = NULL;
  size_t unavailable = 0;
  for (size_t i = 0; i < COUNT; i++) {
    assert_int_equal(answers[i].times, 1);
    unavailable += answers[i].err == ERR_UNAVAILABLE;
  }
  assert_true(unavailable > PASSWORDS_WAITING_MAX / 2);
}

static void test_ending_without_work(void **state)
{
  (void)state;
  passwords_free(passwords);
  passwords = NULL;
}

static void test_what_is_asked_comes_back_in_order(void **state)
{
  (void)state;
  struct answer first = {0}, second = {0};
  password_hash(passwords, SLICE("a"), on_hash, &first);
  password_hash(passwords, SLICE("b"), on_hash, &second);
  WAIT(base, second.times);
  assert_int_equal(first.times, 1);
  assert_int_equal(checked(SLICE("a"), first.hash), ERR_OK);
  assert_int_equal(checked(SLICE("b"), second.hash), ERR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_hash_fits_its_password_alone),
      TEST(test_who_has_no_hash_has_no_password),
      TEST(test_no_password_takes_as_long_as_a_wrong_one),
      TEST(test_a_full_queue_refuses_at_once),
      TEST(test_ending_without_work),
      TEST(test_what_is_asked_comes_back_in_order),
  };
  if (sodium_init() < 0) return 1;
  base = loop_new();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  loop_free(base);
  return failed;
}
