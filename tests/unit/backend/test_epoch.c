/* What a Redis that failed has forgotten is not given out again (epoch.h): seq, ids, blocks and
 * numbers behind a restart, with what the last moments wrote taken out by hand. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "epoch.h"
#include "messages.h"

#define REST(text) "\"kind\":\"message.sent\",\"body\":{\"text\":\"" text "\"}}"

static const struct owner dialog = {OWNER_DIALOG, SLICE("alice|bob")};

static uint64_t wall_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct outcome append(const char *dedupe, const char *rest)
{
  struct dialog_append append = {dialog.id, slice_of(dedupe), slice_of(rest), false};
  OUTCOME(dialog_append(node.backend, &append, on_stamp, &outcome));
}

static struct outcome push_id(const char *user, uint64_t id, const char *rest)
{
  struct inbox_push push = {slice_of(user), {0}, slice_of(rest), true, id};
  OUTCOME(inbox_push(node.backend, &push, on_stamp, &outcome));
}

/* Redis ends and starts again, and has forgotten what these commands take out. */
static void forget(const char *const *commands)
{
  for (; *commands; commands++) redis_ask(&redis, *commands);
  redis_kill(&redis);
  WAIT(base, !backend_ready(node.backend, NULL));
  redis_restart(&redis);
  WAIT(base, backend_ready(node.backend, NULL));
}

#define FORGET(...) forget((const char *const[]){__VA_ARGS__, NULL})

static void expect_stamp(struct outcome stamp, uint64_t from_ms, uint64_t above_id)
{
  assert_int_equal(stamp.err, ERR_OK);
  assert_true(stamp.seq >= from_ms);
  assert_true(stamp.seq <= wall_ms() + 1);
  assert_true(stamp.id > above_id);
}

static void test_the_first_term_counts_from_one(void **state)
{
  (void)state;
  assert_int_equal(push(&node, "31", "", REST("x")).seq, 1);
  assert_string_equal(redis_ask(&redis, "HGET parley:user:{31}:inbox epoch"), "(nil)");
  assert_string_equal(redis_ask(&redis, "GET parley:epoch") + 40, " 0000000000000");
  assert_string_equal(redis_ask(&redis, "GET parley:blocks"), "1");
}

static void test_an_inbox_goes_on_above_what_was_forgotten(void **state)
{
  (void)state;
  push(&node, "31", "", REST("one"));
  struct outcome lost = push(&node, "31", "", REST("lost"));
  uint64_t from_ms = wall_ms();
  FORGET("RPOP parley:user:{31}:unread", "HDEL parley:user:{31}:unread:messages 65538",
         "HSET parley:user:{31}:inbox seq 1 n 1");
  struct outcome next = push(&node, "31", "", REST("next"));
  expect_stamp(next, from_ms, (lost.id / 65536 + 1) * 65536);
  struct outcome read = page(&node, "31", lost.seq, 10, 65536);
  assert_int_equal(read.count, 1);
  assert_int_equal(read.seq, next.seq);
  /* Once in a term. */
  struct outcome behind = push(&node, "31", "", REST("behind"));
  assert_int_equal(behind.seq, next.seq + 1);
  assert_int_equal(behind.id, next.id + 1);
}

static void test_one_that_was_forgotten_as_a_whole(void **state)
{
  (void)state;
  struct outcome lost = push(&node, "31", "", REST("lost"));
  uint64_t from_ms = wall_ms();
  FORGET("DEL parley:user:{31}:unread", "DEL parley:user:{31}:unread:messages",
         "DEL parley:user:{31}:inbox");
  expect_stamp(push(&node, "31", "", REST("next")), from_ms, lost.id);
}

static void test_rooms_and_dialogs_do_so_as_well(void **state)
{
  (void)state;
  enter(&node, "lobby", "alice", REST("x"));
  struct outcome said = say(&node, "lobby", "alice", "", REST("lost"));
  struct outcome appended = append("", REST("lost"));
  assert_int_equal(push_id("bob", appended.id, REST("lost")).seq, 1);
  uint64_t from_ms = wall_ms();
  FORGET("HSET parley:room:{lobby}:record seq 0 n 0",
         "HSET parley:dialog:{alice|bob}:record seq 0 n 0", "HSET parley:user:{bob}:inbox seq 0",
         "DEL parley:user:{bob}:unread:messages");
  expect_stamp(say(&node, "lobby", "alice", "", REST("next")), from_ms, said.id);
  struct outcome next = append("", REST("next"));
  expect_stamp(next, from_ms, appended.id);
  struct outcome pushed = push_id("bob", next.id, REST("next"));
  expect_stamp(pushed, from_ms, appended.id);
  assert_int_equal(pushed.id, next.id);
  struct outcome repeated = push_id("bob", next.id, REST("next"));
  assert_true(repeated.repeated);
  assert_int_equal(repeated.seq, pushed.seq);
  /* The inbox' own ids are others than before as well. */
  expect_stamp(push(&node, "bob", "", REST("own")), pushed.seq + 1, next.id);
}

static void test_what_is_stored_nowhere_has_a_new_id(void **state)
{
  (void)state;
  struct inbox_push ephemeral = {SLICE("31"), {0}, SLICE(REST("x")), false, 0};
  struct outcome lost = {0}, next = {0};
  inbox_push(node.backend, &ephemeral, on_stamp, &lost);
  WAIT(base, lost.done);
  uint64_t from_ms = wall_ms();
  FORGET("HSET parley:user:{31}:inbox n 0");
  inbox_push(node.backend, &ephemeral, on_stamp, &next);
  WAIT(base, next.done);
  assert_int_equal(next.seq, 0);
  assert_true(next.id / 65536 > lost.id / 65536);
  struct outcome stored = push(&node, "31", "", REST("stored"));
  expect_stamp(stored, from_ms, next.id);
}

static void test_many_at_once_keep_their_order(void **state)
{
  (void)state;
  static struct outcome outcomes[300];
  push(&node, "31", "", REST("x"));
  FORGET("HSET parley:user:{31}:inbox seq 0 n 0");
  for (size_t i = 0; i < 300; i++) {
    struct inbox_push push = {SLICE("31"), {0}, SLICE(REST("x")), true, 0};
    outcomes[i] = (struct outcome){0};
    inbox_push(node.backend, &push, on_stamp, &outcomes[i]);
  }
  WAIT(base, outcomes[299].done);
  for (size_t i = 0; i < 300; i++) {
    assert_int_equal(outcomes[i].err, ERR_OK);
    assert_int_equal(outcomes[i].seq, outcomes[0].seq + i);
    assert_int_equal(outcomes[i].id, outcomes[0].id + i);
  }
}

/* All nodes have the same epoch, and one that knows of an older one changes nothing. */
static void test_nodes_agree(void **state)
{
  (void)state;
  struct node other;
  push(&node, "31", "", REST("x"));
  FORGET("HSET parley:user:{31}:inbox seq 0 n 0");
  node_start(&other, base, &redis, "gw-2");
  WAIT(base, backend_ready(other.backend, NULL));
  struct outcome first = push(&other, "31", "", REST("x"));
  struct outcome second = push(&node, "31", "", REST("x"));
  assert_int_equal(second.seq, first.seq + 1);
  redis_ask(&redis, "HSET parley:user:{31}:inbox epoch 9000000000000");
  assert_int_equal(push(&other, "31", "", REST("x")).seq, first.seq + 2);
  assert_int_equal(push(&node, "31", "", REST("x")).seq, first.seq + 3);
  assert_string_equal(redis_ask(&redis, "HGET parley:user:{31}:inbox epoch"), "9000000000000");
  node_end(&other);
}

/* A clock behind the one of the Redis before, and what was before forgotten, epoch and all. */
static void test_epochs_grow(void **state)
{
  (void)state;
  uint64_t from_ms = wall_ms();
  FORGET("DEL parley:epoch");
  uint64_t epoch = strtoull(redis_ask(&redis, "GET parley:epoch") + 41, NULL, 10);
  assert_in_range(epoch, from_ms, wall_ms() + 1);
  redis_ask(&redis, "SET parley:epoch %s", "aaaa 8000000000000");
  FORGET("PING");
  assert_string_equal(redis_ask(&redis, "GET parley:epoch") + 40, " 8000000000001");
  FORGET("DEL parley:epoch");
  assert_string_equal(redis_ask(&redis, "GET parley:epoch") + 40, " 8000000000002");
}

/* epoch_learn.lua, asked by a node that met `term` last, in `epoch`. Gives the epoch. */
static const char *learn(const char *term, const char *epoch)
{
  static char script[4096];
  FILE *file = fopen(TESTS_FOLDER "/../backend/scripts/epoch_learn.lua", "r");
  assert_non_null(file);
  script[fread(script, 1, sizeof script - 1, file)] = '\0';
  fclose(file);
  return redis_ask(&redis, "EVAL %s 1 parley:epoch %s %s %s", script, term, epoch, "") + 41;
}

/* Master A, B, and A again, which knows nothing of B: the node does. */
static void test_a_master_that_is_one_again_goes_on_above_the_one_in_between(void **state)
{
  (void)state;
  char first[16], between[16], again[16];
  uint64_t from_ms = wall_ms();
  FORGET("PING");
  snprintf(first, sizeof first, "%s", learn("", EPOCH_NONE));
  assert_in_range(strtoull(first, NULL, 10), from_ms, wall_ms() + 1);
  snprintf(between, sizeof between, "%013llu", strtoull(first, NULL, 10) + 100000);
  snprintf(again, sizeof again, "%s", learn("bbbb", between));
  assert_int_equal(strtoull(again, NULL, 10), strtoull(between, NULL, 10) + 1);
  assert_string_equal(learn("bbbb", between), again); /* by the next node as well */
  assert_string_equal(learn("", EPOCH_NONE), again);
  assert_string_equal(learn("aaaa", first), again);
}

static void test_a_repeated_send_is_still_known(void **state)
{
  (void)state;
  struct outcome first = push(&node, "31", "aaaa", REST("x"));
  FORGET("PING");
  struct outcome again = push(&node, "31", "aaaa", REST("x"));
  assert_true(again.repeated);
  assert_int_equal(again.id, first.id);
  assert_int_equal(again.seq, first.seq);
  assert_int_equal(page(&node, "31", 0, 10, 65536).count, 1);
}

static void test_a_full_inbox_takes_no_block_each_time(void **state)
{
  (void)state;
  struct node small;
  struct backend_limits limits = node_limits();
  limits.inbox_messages = 2;
  node_start_with(&small, base, redis.url, "gw-2", limits);
  WAIT(base, backend_ready(small.backend, NULL));
  push(&small, "31", "", REST("x"));
  push(&small, "31", "", REST("x"));
  uint64_t from_ms = wall_ms();
  FORGET("PING");
  WAIT(base, backend_ready(small.backend, NULL));
  for (int i = 0; i < 5; i++)
    assert_int_equal(push(&small, "31", "", REST("x")).err, ERR_INBOX_FULL);
  assert_string_equal(redis_ask(&redis, "GET parley:blocks"), "65538");
  uint64_t first = 65537;
  assert_int_equal(read_ids(&small, "31", &first, 1).count, 1);
  expect_stamp(push(&small, "31", "", REST("x")), from_ms, 65538);
  node_end(&small);
}

static void test_blocks_and_numbers_are_not_given_twice(void **state)
{
  (void)state;
  uint64_t lost_id = push(&node, "31", "", REST("x")).id;
  uint64_t lost_num = resolve(&node, OWNER_USER, "31", true).num;
  FORGET("DEL parley:blocks", "DEL parley:user:{31}:inbox", "DEL parley:numbers:users",
         "DEL parley:user:{31}:profile");
  assert_true(push(&node, "32", "", REST("x")).id / 65536 > lost_id / 65536);
  uint64_t num = resolve(&node, OWNER_USER, "32", true).num;
  assert_true(num > lost_num);
  assert_int_equal(resolve(&node, OWNER_USER, "33", true).num, num + 1);
}

/* Whoever cannot be told goes by the node's own clock: jumps where it need not, once. */
static void test_an_epoch_that_cannot_be_kept(void **state)
{
  (void)state;
  push(&node, "31", "", REST("x"));
  uint64_t from_ms = wall_ms() - 10; /* the node's clock is a coarse one */
  FORGET("DEL parley:epoch", "RPUSH parley:epoch x");
  struct outcome next = push(&node, "31", "", REST("x"));
  expect_stamp(next, from_ms, 65537);
  assert_int_equal(push(&node, "31", "", REST("x")).seq, next.seq + 1);
  redis_ask(&redis, "DEL parley:epoch");
}

/* A Redis that takes nothing any more can be read from all the same. */
static void test_a_full_redis_is_no_reason_to_stay_away(void **state)
{
  (void)state;
  struct node other;
  push(&node, "31", "", REST("x"));
  redis_ask(&redis, "SET parley:epoch %s", "aaaa 0000000000000");
  redis_ask(&redis, "CONFIG SET maxmemory 1");
  node_start_with(&other, base, redis.url, "gw-2", node_limits());
  WAIT(base, page(&other, "31", 0, 10, 65536).count == 1);
  redis_ask(&redis, "CONFIG SET maxmemory 0");
  assert_true(push(&other, "31", "", REST("x")).seq > 2);
  node_end(&other);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_the_first_term_counts_from_one),
      TEST(test_an_inbox_goes_on_above_what_was_forgotten),
      TEST(test_one_that_was_forgotten_as_a_whole),
      TEST(test_rooms_and_dialogs_do_so_as_well),
      TEST(test_what_is_stored_nowhere_has_a_new_id),
      TEST(test_many_at_once_keep_their_order),
      TEST(test_nodes_agree),
      TEST(test_epochs_grow),
      TEST(test_a_master_that_is_one_again_goes_on_above_the_one_in_between),
      TEST(test_a_repeated_send_is_still_known),
      TEST(test_a_full_inbox_takes_no_block_each_time),
      TEST(test_blocks_and_numbers_are_not_given_twice),
      TEST(test_an_epoch_that_cannot_be_kept),
      TEST(test_a_full_redis_is_no_reason_to_stay_away),
  };
  return RUN_STAGE(tests);
}
