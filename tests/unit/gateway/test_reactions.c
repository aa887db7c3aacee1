/* Reactions as they are kept, counted and given back to who they are of. */
#include "reactions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KEPT "[[\"+1\",\"alice\",\"bob\",\"carol\"],[\"a\\\"\\/\",\"bob\"]]"

static struct arena arena;

static int after(void **state)
{
  (void)state;
  arena_free(&arena);
  return 0;
}

#define assert_slice(slice, text) assert_true(slice_is((slice), (text)))

static void test_counts(void **state)
{
  (void)state;
  assert_slice(reactions_counts(&arena, SLICE(KEPT)), "{\"+1\":3,\"a\\\"\\/\":1}");
  assert_int_equal(reactions_counts(&arena, SLICE("[]")).len, 0);
  assert_int_equal(reactions_counts(&arena, (struct slice){0}).len, 0);
}

static void test_users_are_told_in_order_and_bounded(void **state)
{
  (void)state;
  size_t count;
  const struct slice *ids = reactions_users(&arena, SLICE(KEPT), 100, &count);
  assert_int_equal(count, 4);
  assert_slice(ids[0], "alice");
  assert_slice(ids[2], "carol");
  assert_slice(ids[3], "bob");
  reactions_users(&arena, SLICE(KEPT), 2, &count);
  assert_int_equal(count, 2);
  reactions_users(&arena, (struct slice){0}, 2, &count);
  assert_int_equal(count, 0);
}

/* Carol was deleted: she is nobody any more. */
static void test_users_come_back_as_parties(void **state)
{
  (void)state;
  const struct party parties[] = {{PARTY_USER, 1, SLICE("alice"), {0}, {0}},
                                  {PARTY_USER, 2, SLICE("bob"), {0}, {0}},
                                  {PARTY_USER, 2, SLICE("bob"), {0}, {0}}};
  size_t count;
  const struct reaction_info *infos = reactions_read(&arena, SLICE(KEPT), parties, 3, &count);
  assert_int_equal(count, 2);
  assert_slice(infos[0].reaction, "+1");
  assert_int_equal(infos[0].count, 2);
  assert_int_equal(infos[0].users[1].num, 2);
  assert_slice(infos[1].reaction, "a\"/");
  assert_int_equal(infos[1].count, 1);
  assert_slice(infos[1].users[0].id, "bob");
  infos = reactions_read(&arena, SLICE(KEPT), parties, 0, &count);
  assert_int_equal(count, 2);
  assert_int_equal(infos[0].count, 0);
}

static void test_what_cannot_be_read_is_passed_over(void **state)
{
  (void)state;
  static const char *const broken[] = {"{}", "[1,2]", "[[]]",           "[[1]]",   "[[\"x",
                                       "[",  "\"x\"", "[[\"+1\",\"a\"", "nonsense"};
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    size_t count;
    reactions_users(&arena, slice_of(broken[i]), 10, &count);
    assert_in_range(count, 0, 1);
    reactions_read(&arena, slice_of(broken[i]), NULL, 0, &count);
    assert_in_range(count, 0, 1);
    reactions_counts(&arena, slice_of(broken[i]));
  }
}

#define LINE(id, kind)                                                                            \
  SLICE(                                                                                          \
      "{\"v\":1,\"id\":" id ",\"seq\":1,\"kind\":\"" kind                                         \
      "\",\"ts\":5,\"from\":{\"id\":\"a\",\"num\":1},\"to\":{\"kind\":\"room\",\"id\":\"lobby\"," \
      "\"num\":1},\"keep\":\"log\",\"body\":{\"text\":\"x\"}}")

static void test_messages_are_read_with_their_counts(void **state)
{
  (void)state;
  const struct stored stored[] = {
      {.id = 1, .line = LINE("1", "message.sent"), .reactions = SLICE(KEPT)},
      {.id = 2, .line = SLICE("{\"v\":2}")},
      {.id = 3, .line = LINE("3", "notice")},
  };
  const struct page page = {.messages = stored, .count = 3};
  size_t count;
  const struct envelope *messages = page_decode(&arena, &page, &count);
  assert_int_equal(count, 2);
  assert_int_equal(messages[0].id, 1);
  assert_slice(messages[0].reactions, "{\"+1\":3,\"a\\\"\\/\":1}");
  assert_int_equal(messages[1].id, 3);
  assert_int_equal(messages[1].reactions.len, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, after)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_counts),
      TEST(test_users_are_told_in_order_and_bounded),
      TEST(test_users_come_back_as_parties),
      TEST(test_what_cannot_be_read_is_passed_over),
      TEST(test_messages_are_read_with_their_counts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
