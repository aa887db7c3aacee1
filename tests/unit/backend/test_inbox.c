/* Inboxes against a real Redis: scripts/inbox_*.lua and list_page.lua. */
#include "stage.h"

#include <stdlib.h>
#include <time.h>

#define REST(text)          "\"kind\":\"message.sent\",\"body\":{\"text\":\"" text "\"}}"
#define LINE(id, seq, text) "{\"v\":1,\"id\":" id ",\"seq\":" seq "," REST(text)

static void test_push_stamps_stores_and_publishes(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{31}");
  struct outcome first = push(&node, "31", "", REST("one"));
  assert_int_equal(first.err, ERR_OK);
  assert_int_equal(first.id, 65537);
  assert_int_equal(first.seq, 1);
  struct outcome second = push(&node, "31", "", REST("two"));
  assert_int_equal(second.id, 65538);
  assert_int_equal(second.seq, 2);
  WAIT(base, node.messages.count == 2);
  assert_string_equal(told_at(&node.messages, 0), "parley:user:{31} " LINE("65537", "1", "one"));
  assert_string_equal(redis_ask(&redis, "LRANGE parley:user:{31}:unread 0 -1"), "65537 65538");
  assert_string_equal(redis_ask(&redis, "HGET parley:user:{31}:unread:messages 65538"),
                      LINE("65538", "2", "two"));
  assert_string_equal(redis_ask(&redis, "GET parley:block:{1}"), "user:31");
}

static void test_repeated_push_is_the_same_message(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{31}");
  struct outcome first = push(&node, "31", "aaaa", REST("one"));
  struct outcome again = push(&node, "31", "aaaa", REST("one"));
  struct outcome other = push(&node, "31", "bbbb", REST("two"));
  assert_false(first.repeated);
  assert_int_equal(again.err, ERR_OK);
  assert_true(again.repeated);
  assert_int_equal(again.id, first.id);
  assert_int_equal(again.seq, first.seq);
  assert_int_equal(other.seq, 2);
  assert_false(other.repeated);
  WAIT(base, node.messages.count >= 2);
  assert_string_equal(told_at(&node.messages, 1), "parley:user:{31} " LINE("65538", "2", "two"));
  assert_int_equal(node.messages.count, 2);
  assert_string_equal(redis_ask(&redis, "LLEN parley:user:{31}:unread"), "2");
  int ttl = atoi(redis_ask(&redis, "PTTL parley:user:{31}:sent:aaaa"));
  assert_in_range(ttl, 200000, 300000);
}

static void test_same_send_to_another_user_is_another_message(void **state)
{
  (void)state;
  struct outcome first = push(&node, "31", "aaaa", REST("one"));
  struct outcome other = push(&node, "32", "aaaa", REST("one"));
  assert_false(other.repeated);
  assert_int_not_equal(first.id, other.id);
}

static void test_full_inbox_refuses_and_leaves_no_trace(void **state)
{
  (void)state;
  struct node small;
  struct backend_limits limits = node_limits();
  limits.inbox_messages = 3;
  node_start_with(&small, base, redis.url, "gw-2", limits);
  WAIT(base, backend_ready(small.backend, NULL));
  node_hear(&small, "parley:user:{31}");
  for (int i = 0; i < 3; i++) assert_int_equal(push(&small, "31", "", REST("x")).err, ERR_OK);
  struct outcome refused = push(&small, "31", "full", REST("too much"));
  assert_int_equal(refused.err, ERR_INBOX_FULL);
  assert_string_equal(redis_ask(&redis, "LLEN parley:user:{31}:unread"), "3");
  assert_string_equal(redis_ask(&redis, "HLEN parley:user:{31}:unread:messages"), "3");
  assert_string_equal(redis_ask(&redis, "HGET parley:user:{31}:inbox seq"), "3");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{31}:sent:full"), "0");
  uint64_t id = 65537;
  assert_int_equal(read_ids(&small, "31", &id, 1).count, 1);
  struct outcome taken = push(&small, "31", "full", REST("now"));
  assert_int_equal(taken.err, ERR_OK);
  assert_int_equal(taken.seq, 4);
  WAIT(base, small.messages.count == 4);
  assert_string_equal(told_at(&small.messages, 3), "parley:user:{31} " LINE("65540", "4", "now"));
  node_end(&small);
}

/* Given all at once, not one after the other's answer. */
static void push_many(struct outcome *outcomes, size_t count, const char *user)
{
  for (size_t i = 0; i < count; i++) {
    struct inbox_push push = {slice_of(user), {0}, SLICE(REST("x")), true, 0};
    outcomes[i] = (struct outcome){0};
    inbox_push(node.backend, &push, on_stamp, &outcomes[i]);
  }
  for (size_t i = 0; i < count; i++) WAIT(base, outcomes[i].done);
}

static void test_first_pushes_keep_their_order(void **state)
{
  (void)state;
  static struct outcome outcomes[50];
  push_many(outcomes, 50, "31");
  for (size_t i = 0; i < 50; i++) {
    assert_int_equal(outcomes[i].err, ERR_OK);
    assert_int_equal(outcomes[i].times, 1);
    assert_int_equal(outcomes[i].seq, i + 1);
    assert_int_equal(outcomes[i].id, 65537 + i);
  }
  assert_string_equal(redis_ask(&redis, "GET parley:blocks"), "1");
}

static void test_block_rolls_over_in_order(void **state)
{
  (void)state;
  static struct outcome outcomes[20];
  push(&node, "31", "", REST("x"));
  push(&node, "other", "", REST("x"));
  redis_ask(&redis, "HSET parley:user:{31}:inbox n 65529");
  push_many(outcomes, 20, "31");
  for (size_t i = 0; i < 20; i++) {
    assert_int_equal(outcomes[i].err, ERR_OK);
    assert_int_equal(outcomes[i].seq, i + 2);
    uint64_t expected = i < 6 ? 65536 + 65530 + i : 3 * 65536 + 1 + i - 6;
    assert_int_equal(outcomes[i].id, expected);
  }
  assert_string_equal(redis_ask(&redis, "GET parley:block:{3}"), "user:31");
  struct outcome all = page(&node, "31", 6, 100, 65536);
  assert_int_equal(all.count, 15);
}

/* Another node brought the block while this one's first push was being called again:
 * what this node has under way waits all the same. */
static void test_wait_field_keeps_this_nodes_order(void **state)
{
  (void)state;
  struct node other;
  node_start(&other, base, &redis, "gw-2");
  redis_ask(&redis, "HSET parley:user:{31}:inbox wait:gw-1 1 seq 10 block 900 n 10");
  struct outcome theirs = push(&other, "31", "", REST("theirs"));
  assert_int_equal(theirs.id, 900 * 65536 + 11);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:blocks"), "0");
  struct outcome ours = push(&node, "31", "", REST("ours"));
  assert_int_equal(ours.id, 900 * 65536 + 12);
  assert_string_equal(redis_ask(&redis, "HEXISTS parley:user:{31}:inbox wait:gw-1"), "0");
  node_end(&other);
}

static void test_ids_are_whole_up_to_2_to_the_53(void **state)
{
  (void)state;
  redis_ask(&redis, "SET parley:blocks 137438953470");
  struct outcome large = push(&node, "31", "aaaa", REST("x"));
  uint64_t expected = UINT64_C(137438953471) * 65536 + 1;
  assert_true(large.id == expected);
  assert_true(push(&node, "31", "aaaa", REST("x")).id == expected);
  struct outcome read = page(&node, "31", 0, 10, 65536);
  assert_true(read.id == expected);
  assert_int_equal(confirm(&node, "31", expected).count, 1);
}

static void test_what_is_not_stored_is_published_only(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{31}");
  struct inbox_push push_it = {SLICE("31"), SLICE("eeee"), SLICE(REST("gone")), false, 0};
  struct outcome first = {0}, again = {0};
  inbox_push(node.backend, &push_it, on_stamp, &first);
  inbox_push(node.backend, &push_it, on_stamp, &again);
  WAIT(base, first.done && again.done && node.messages.count);
  assert_int_equal(first.id, 65537);
  assert_int_equal(first.seq, 0);
  assert_true(again.repeated);
  assert_string_equal(told_at(&node.messages, 0), "parley:user:{31} " LINE("65537", "0", "gone"));
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{31}:unread"), "0");
  struct outcome stored = push(&node, "31", "", REST("kept"));
  assert_int_equal(stored.id, 65538);
  assert_int_equal(stored.seq, 1);
}

static void test_ids_of_users_are_any_bytes(void **state)
{
  (void)state;
  const char *user = "J\xc3\xbcrgen O'Neil \"\\x\" * ? [a]%s$1";
  struct outcome pushed = push(&node, user, "aaaa", REST("x"));
  assert_int_equal(pushed.err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "LRANGE parley:user:{%s}:unread 0 -1", user), "65537");
  assert_string_equal(redis_ask(&redis, "GET parley:block:{1}") + 5, user);
  assert_int_equal(page(&node, user, 0, 10, 65536).count, 1);
}

static void test_page_goes_by_seq_across_holes(void **state)
{
  (void)state;
  for (int i = 1; i <= 20; i++) push(&node, "31", "", REST("x"));
  const uint64_t gone[] = {65536 + 1, 65536 + 3, 65536 + 4, 65536 + 5, 65536 + 12, 65536 + 20};
  assert_int_equal(read_ids(&node, "31", gone, 6).count, 6);
  for (uint64_t after = 0; after <= 25; after++) {
    size_t expected = 0;
    for (uint64_t seq = after + 1; seq <= 20; seq++) {
      bool there = true;
      for (size_t i = 0; i < 6; i++) there = there && gone[i] != 65536 + seq;
      expected += there;
    }
    struct outcome read = page(&node, "31", after, 100, 65536);
    assert_int_equal(read.err, ERR_OK);
    assert_int_equal(read.count, expected);
    assert_int_equal(read.seq, 20);
    assert_false(read.more);
  }
  struct outcome two = page(&node, "31", 2, 2, 65536);
  assert_int_equal(two.count, 2);
  assert_true(two.more);
  assert_string_equal(two.lines, LINE("65542", "6", "x") "\n" LINE("65543", "7", "x") "\n");
  struct outcome last = page(&node, "31", 17, 2, 65536);
  assert_int_equal(last.count, 2);
  assert_false(last.more);
}

static void test_page_is_bounded_in_bytes_but_for_the_first(void **state)
{
  (void)state;
  for (int i = 0; i < 40; i++) push(&node, "31", "", REST("0123456789"));
  size_t line = strlen(LINE("65537", "1", "0123456789"));
  struct outcome one = page(&node, "31", 0, 100, 1);
  assert_int_equal(one.count, 1);
  assert_true(one.more);
  struct outcome three = page(&node, "31", 0, 100, 3 * line);
  assert_int_equal(three.count, 3);
  assert_true(three.more);
  struct outcome many = page(&node, "31", 0, 39, 65536);
  assert_int_equal(many.count, 39);
  assert_true(many.more);
  struct outcome none = page(&node, "31", 0, 0, 65536);
  assert_int_equal(none.count, 0);
  assert_int_equal(none.seq, 40);
  assert_int_equal(page(&node, "nobody", 0, 10, 65536).seq, 0);
}

static void test_an_id_without_a_line_is_passed_over(void **state)
{
  (void)state;
  for (int i = 0; i < 9; i++) push(&node, "31", "", REST("x"));
  redis_ask(&redis, "HDEL parley:user:{31}:unread:messages 65537 65541 65545");
  for (uint64_t after = 0; after < 9; after++) {
    struct outcome read = page(&node, "31", after, 100, 65536);
    assert_int_equal(read.err, ERR_OK);
    size_t expected = 0;
    for (uint64_t seq = after + 1; seq <= 9; seq++) expected += seq != 1 && seq != 5 && seq != 9;
    assert_int_equal(read.count, expected);
  }
}

static void test_confirm_takes_out_what_was_received(void **state)
{
  (void)state;
  for (int i = 0; i < 5; i++) push(&node, "31", "", REST("x"));
  struct outcome taken = confirm(&node, "31", 65539);
  assert_int_equal(taken.count, 3);
  assert_false(taken.more);
  assert_string_equal(redis_ask(&redis, "LRANGE parley:user:{31}:unread 0 -1"), "65540 65541");
  assert_string_equal(redis_ask(&redis, "HLEN parley:user:{31}:unread:messages"), "2");
  assert_int_equal(confirm(&node, "31", 65539).count, 0);
  assert_int_equal(confirm(&node, "31", 1).count, 0);
  assert_int_equal(confirm(&node, "nobody", 1).err, ERR_OK);
  assert_int_equal(confirm(&node, "31", 65541).count, 2);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{31}:unread"), "0");
  assert_int_equal(push(&node, "31", "", REST("x")).seq, 6);
}

static void test_confirm_goes_in_bounded_rounds(void **state)
{
  (void)state;
  static struct outcome outcomes[2100];
  struct outcome taken = {0};
  push_many(outcomes, 2100, "31");
  inbox_confirm(node.backend, SLICE("31"), 65536 + 2099, on_page, &taken);
  WAIT(base, taken.times == 1);
  assert_int_equal(taken.count, 1000);
  assert_true(taken.more);
  WAIT(base, taken.times == 3);
  assert_int_equal(taken.count, 99);
  assert_false(taken.more);
  assert_string_equal(redis_ask(&redis, "LRANGE parley:user:{31}:unread 0 -1"), "67636");
}

static void test_confirm_leaves_a_readers_entries(void **state)
{
  (void)state;
  push(&node, "31", "", REST("x"));
  assert_int_equal(join(&node, "31", "gw-1-a", "messaging", "", PRESENCE_SHARED).err, ERR_OK);
  assert_int_equal(confirm(&node, "31", 65537).count, 1); /* its sender is told, once */
  assert_int_equal(confirm(&node, "31", 65537).count, 0);
  push(&node, "31", "", REST("y"));
  struct outcome next = confirm(&node, "31", 65538);
  assert_int_equal(next.count, 1);
  assert_non_null(strstr(next.lines, "65538"));
  assert_string_equal(redis_ask(&redis, "LLEN parley:user:{31}:unread"), "2");
  uint64_t long_ago = ((uint64_t)time(NULL) - 31 * 86400) * 1000;
  redis_ask(&redis, "HSET parley:user:{31}:profile reader %llu", (unsigned long long)long_ago);
  assert_int_equal(confirm(&node, "31", 65538).count, 2);
}

static void assert_in_no_key(const char *text)
{
  redisReply *keys = redisCommand(redis.plain, "KEYS *");
  for (size_t i = 0; i < keys->elements; i++) {
    const char *key = keys->element[i]->str;
    const char *type = redis_ask(&redis, "TYPE %s", key);
    const char *value = strcmp(type, "hash") == 0   ? redis_ask(&redis, "HGETALL %s", key)
                        : strcmp(type, "list") == 0 ? redis_ask(&redis, "LRANGE %s 0 -1", key)
                                                    : redis_ask(&redis, "DUMP %s", key);
    if (strstr(value, text)) fail_msg("%s still holds it", key);
  }
  freeReplyObject(keys);
}

static void test_read_takes_out_these(void **state)
{
  (void)state;
  push(&node, "31", "aaaa", REST("first"));
  push(&node, "31", "bbbb", REST("second"));
  push(&node, "31", "cccc", REST("third"));
  const uint64_t ids[] = {65538, 4711, 65538};
  struct outcome taken = read_ids(&node, "31", ids, 3);
  assert_int_equal(taken.count, 1);
  assert_string_equal(taken.lines, LINE("65538", "2", "second") "\n");
  assert_string_equal(redis_ask(&redis, "LRANGE parley:user:{31}:unread 0 -1"), "65537 65539");
  assert_in_no_key("second");
  assert_int_equal(read_ids(&node, "31", ids, 3).count, 0);
  assert_int_equal(read_ids(&node, "31", ids, 0).count, 0);
}

static void test_many_are_read_at_once(void **state)
{
  (void)state;
  static struct outcome outcomes[3000];
  static uint64_t odd[1500];
  push_many(outcomes, 3000, "31");
  for (size_t i = 0; i < 1500; i++) odd[i] = 65536 + 2 * (1500 - i) - 1;
  assert_int_equal(read_ids(&node, "31", odd, 1500).count, 1500);
  assert_string_equal(redis_ask(&redis, "LLEN parley:user:{31}:unread"), "1500");
  assert_string_equal(redis_ask(&redis, "HLEN parley:user:{31}:unread:messages"), "1500");
  assert_string_equal(redis_ask(&redis, "LRANGE parley:user:{31}:unread 0 2"), "65538 65540 65542");
  assert_string_equal(redis_ask(&redis, "LINDEX parley:user:{31}:unread -1"), "68536");
  assert_true(atoi(redis_ask(&redis, "TTL parley:user:{31}:unread")) > 29 * 86400);
}

static void test_an_inbox_that_nobody_touches_expires(void **state)
{
  (void)state;
  push(&node, "31", "", REST("x"));
  assert_in_range(atoi(redis_ask(&redis, "TTL parley:user:{31}:unread")), 30 * 86400, 31 * 86400);
  assert_in_range(atoi(redis_ask(&redis, "TTL parley:user:{31}:unread:messages")), 30 * 86400,
                  31 * 86400);
  assert_string_equal(redis_ask(&redis, "TTL parley:user:{31}:inbox"), "-1");
  confirm(&node, "31", 65537);
  push(&node, "31", "", REST("y"));
  assert_true(atoi(redis_ask(&redis, "TTL parley:user:{31}:unread")) > 29 * 86400);
}

/* As if the first `old` of the entries had been pushed `days` days ago. */
static void make_old(int days, int old)
{
  long today = (long)(time(NULL) / 86400);
  redis_ask(&redis, "HDEL parley:user:{31}:inbox d%ld d%ld", today, today - days + 1);
  redis_ask(&redis, "HSET parley:user:{31}:inbox old %ld d%ld 1 d%ld %d", today - days,
            today - days, today, old + 1);
}

static void test_entries_past_their_age_are_dropped_when_paging(void **state)
{
  (void)state;
  for (int i = 0; i < 6; i++) push(&node, "31", "", REST("x"));
  make_old(30, 4);
  assert_int_equal(page(&node, "31", 0, 100, 65536).count, 6);
  make_old(31, 4);
  struct outcome read = page(&node, "31", 0, 100, 65536);
  assert_int_equal(read.count, 2);
  assert_int_equal(read.seq, 6);
  assert_string_equal(redis_ask(&redis, "HLEN parley:user:{31}:unread:messages"), "2");
  assert_int_equal(page(&node, "31", 0, 100, 65536).count, 2);
}

static void test_everything_can_be_past_its_age(void **state)
{
  (void)state;
  for (int i = 0; i < 6; i++) push(&node, "31", "", REST("x"));
  long today = (long)(time(NULL) / 86400);
  redis_ask(&redis, "HDEL parley:user:{31}:inbox d%ld", today);
  redis_ask(&redis, "HSET parley:user:{31}:inbox old %ld d%ld 1 day %ld", today - 40, today - 40,
            today - 40);
  struct outcome read = page(&node, "31", 0, 100, 65536);
  assert_int_equal(read.count, 0);
  assert_int_equal(read.seq, 6);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{31}:unread:messages"), "0");
  assert_int_equal(push(&node, "31", "", REST("x")).seq, 7);
  assert_int_equal(page(&node, "31", 0, 100, 65536).count, 1);
  assert_string_equal(redis_ask(&redis, "HGET parley:user:{31}:inbox d%ld", today), "7");
}

static void test_old_entries_make_room_in_a_full_inbox(void **state)
{
  (void)state;
  struct node small;
  struct backend_limits limits = node_limits();
  limits.inbox_messages = 4;
  node_start_with(&small, base, redis.url, "gw-2", limits);
  WAIT(base, backend_ready(small.backend, NULL));
  for (int i = 0; i < 4; i++) push(&small, "31", "", REST("x"));
  make_old(31, 2);
  struct outcome taken = push(&small, "31", "", REST("x"));
  assert_int_equal(taken.err, ERR_OK);
  assert_int_equal(taken.seq, 5);
  assert_string_equal(redis_ask(&redis, "HEXISTS parley:user:{31}:inbox wait:gw-2"), "0");
  assert_string_equal(redis_ask(&redis, "LLEN parley:user:{31}:unread"), "3");
  assert_int_equal(push(&small, "31", "", REST("x")).err, ERR_OK);
  assert_int_equal(push(&small, "31", "", REST("x")).err, ERR_INBOX_FULL);
  node_end(&small);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_push_stamps_stores_and_publishes),
      TEST(test_repeated_push_is_the_same_message),
      TEST(test_same_send_to_another_user_is_another_message),
      TEST(test_full_inbox_refuses_and_leaves_no_trace),
      TEST(test_first_pushes_keep_their_order),
      TEST(test_block_rolls_over_in_order),
      TEST(test_wait_field_keeps_this_nodes_order),
      TEST(test_ids_are_whole_up_to_2_to_the_53),
      TEST(test_what_is_not_stored_is_published_only),
      TEST(test_ids_of_users_are_any_bytes),
      TEST(test_page_goes_by_seq_across_holes),
      TEST(test_page_is_bounded_in_bytes_but_for_the_first),
      TEST(test_an_id_without_a_line_is_passed_over),
      TEST(test_confirm_takes_out_what_was_received),
      TEST(test_confirm_goes_in_bounded_rounds),
      TEST(test_confirm_leaves_a_readers_entries),
      TEST(test_read_takes_out_these),
      TEST(test_many_are_read_at_once),
      TEST(test_an_inbox_that_nobody_touches_expires),
      TEST(test_entries_past_their_age_are_dropped_when_paging),
      TEST(test_everything_can_be_past_its_age),
      TEST(test_old_entries_make_room_in_a_full_inbox),
  };
  return RUN_STAGE(tests);
}
