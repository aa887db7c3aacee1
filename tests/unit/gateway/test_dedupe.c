/* The same send is the same hash; anything else is another (protocols.md). */
#include "dedupe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct envelope message(void)
{
  struct envelope message = {.kind = KIND_MESSAGE_SENT};
  message.from = (struct party){PARTY_USER, 1, SLICE("21"), {0}, SLICE("21")};
  message.to = (struct party){PARTY_USER, 2, SLICE("31"), {0}, SLICE("31")};
  message.origin.client_id = SLICE("11");
  message.text = SLICE("\"hello\"");
  message.ts_ms = 1;
  return message;
}

static bool same(const struct envelope *a, const struct envelope *b)
{
  char one[DEDUPE_BYTES], other[DEDUPE_BYTES];
  return slice_equal(dedupe_hash(a, one), dedupe_hash(b, other));
}

static void time_does_not_count(void **state)
{
  (void)state;
  struct envelope one = message(), other = message();
  other.ts_ms = 2;
  other.origin.session = SLICE("another");
  assert_true(same(&one, &other));
}

static void everything_else_counts(void **state)
{
  (void)state;
  struct envelope one = message(), other = message();
  other.origin.client_id = SLICE("\"11\"");
  assert_false(same(&one, &other));
  other = message();
  other.text = SLICE("\"hello!\"");
  assert_false(same(&one, &other));
  other = message();
  other.from.id = SLICE("22");
  assert_false(same(&one, &other));
  other = message();
  other.to.id = SLICE("32");
  assert_false(same(&one, &other));
  other = message();
  other.to.num = 3; /* a room that was made anew */
  assert_false(same(&one, &other));
  other = message();
  other.to.kind = PARTY_ROOM;
  assert_false(same(&one, &other));
  other = message();
  other.fields = SLICE("{\"url\":1}");
  assert_false(same(&one, &other));
}

static void parts_do_not_run_together(void **state)
{
  (void)state;
  struct envelope one = message(), other = message();
  one.from.id = SLICE("2");
  one.origin.client_id = SLICE("111");
  other.from.id = SLICE("21");
  other.origin.client_id = SLICE("11");
  assert_false(same(&one, &other));
}

static void without_an_id_nothing_is_repeated(void **state)
{
  (void)state;
  char hash[DEDUPE_BYTES];
  struct envelope one = message();
  one.origin.client_id = (struct slice){0};
  assert_int_equal(dedupe_hash(&one, hash).len, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(time_does_not_count),
      cmocka_unit_test(everything_else_counts),
      cmocka_unit_test(parts_do_not_run_together),
      cmocka_unit_test(without_an_id_nothing_is_repeated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
