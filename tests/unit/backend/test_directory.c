/* The directory: numbers, UUIDs, the LRU in front. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>

#define ALICE_UUID "b74032dc-1c20-5c18-8650-b6eea596a200"

static void test_a_user_is_made_once(void **state)
{
  (void)state;
  assert_null(directory_find(node.backend, OWNER_USER, SLICE("alice")));
  assert_int_equal(resolve(&node, OWNER_USER, "alice", false).err, ERR_NOT_FOUND);
  struct outcome made = resolve(&node, OWNER_USER, "alice", true);
  assert_int_equal(made.err, ERR_OK);
  assert_int_equal(made.num, 1);
  assert_string_equal(made.uuid, ALICE_UUID);
  assert_string_equal(made.name, "alice");
  assert_string_equal(redis_ask(&redis, "GET parley:number:{u1}"), "user:alice");
  assert_string_equal(redis_ask(&redis, "GET parley:uuid:{" ALICE_UUID "}"), "user:alice");
  assert_string_equal(redis_ask(&redis, "HMGET parley:user:{alice}:profile num uuid"),
                      "1 " ALICE_UUID);
  assert_true(atoll(redis_ask(&redis, "HGET parley:user:{alice}:profile created")) > 1700000000000);
  const struct entry *entry = directory_find(node.backend, OWNER_USER, SLICE("alice"));
  assert_non_null(entry);
  assert_int_equal(entry->num, 1);
  assert_true(slice_is(entry->name, "alice"));
  assert_int_equal(resolve(&node, OWNER_USER, "alice", true).num, 1);
  assert_int_equal(resolve(&node, OWNER_USER, "bob", true).num, 2);
}

static void test_users_and_conversations_are_counted_apart(void **state)
{
  (void)state;
  assert_int_equal(resolve(&node, OWNER_ROOM, "lobby", true).num, 1);
  assert_int_equal(resolve(&node, OWNER_ROOM, "nowhere", true).err, ERR_NOT_FOUND);
  assert_int_equal(resolve(&node, OWNER_USER, "alice", true).num, 1);
  struct outcome dialog = resolve(&node, OWNER_DIALOG, "alice|bob", true);
  assert_int_equal(dialog.num, 2);
  assert_string_equal(dialog.uuid, "7deebe8b-cd62-552d-a43a-97d5dd35e675");
  assert_string_equal(redis_ask(&redis, "GET parley:number:{c2}"), "dialog:alice|bob");
  assert_string_equal(redis_ask(&redis, "HGET parley:dialog:{alice|bob}:record num"), "2");
  assert_int_equal(resolve(&node, OWNER_USER, "alice|bob", false).err, ERR_NOT_FOUND);
}

static void test_a_uuid_belongs_to_one(void **state)
{
  (void)state;
  assert_int_equal(resolve(&node, OWNER_USER, "alice", true).err, ERR_OK);
  struct outcome thief = resolve(&node, OWNER_USER, ALICE_UUID, true);
  assert_int_equal(thief.err, ERR_CONFLICT);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{" ALICE_UUID "}:profile"), "0");
  assert_string_equal(redis_ask(&redis, "GET parley:uuid:{" ALICE_UUID "}"), "user:alice");
}

/* Two at once, who both saw that there is no record: one number, one record. */
static void test_two_who_make_the_same_user_agree(void **state)
{
  (void)state;
  struct node other;
  node_start(&other, base, &redis, "gw-2");
  struct outcome ours = {0}, theirs = {0};
  directory_resolve(node.backend, OWNER_USER, SLICE("alice"), true, on_entry, &ours);
  directory_resolve(other.backend, OWNER_USER, SLICE("alice"), true, on_entry, &theirs);
  WAIT(base, ours.done && theirs.done);
  assert_int_equal(ours.err, ERR_OK);
  assert_int_equal(ours.num, theirs.num);
  resolve(&node, OWNER_USER, "bob", true); /* what was sent before is carried out by now */
  resolve(&other, OWNER_USER, "carol", true);
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS parley:number:{u1} parley:number:{u2}"), "1") == 0);
  assert_string_equal(redis_ask(&redis, "GET parley:number:{u%d}", (int)ours.num), "user:alice");
  node_end(&other);
}

/* Those who come in one turn of the loop: one call takes a number for each, and no hole is left. */
static void test_those_who_come_at_once_are_numbered_together(void **state)
{
  (void)state;
  enum { USERS = 5 };
  struct outcome outcomes[USERS] = {0};
  unsigned seen = 0;
  resolve(&node, OWNER_USER, "alice", true);
  redis_ask(&redis, "CONFIG RESETSTAT");
  for (int i = 0; i < USERS; i++) {
    char id[] = {'u', (char)('a' + i), '\0'};
    directory_resolve(node.backend, OWNER_USER, slice_of(id), true, on_entry, &outcomes[i]);
  }
  for (int i = 0; i < USERS; i++) {
    WAIT(base, outcomes[i].done);
    assert_int_equal(outcomes[i].err, ERR_OK);
    assert_in_range(outcomes[i].num, 2, USERS + 1);
    seen |= 1U << outcomes[i].num;
    assert_string_equal(redis_ask(&redis, "GET parley:number:{u%d}", (int)outcomes[i].num),
                        ((char[]){'u', 's', 'e', 'r', ':', 'u', (char)('a' + i), '\0'}));
  }
  assert_int_equal(seen, ((1U << USERS) - 1) << 2);
  assert_string_equal(redis_ask(&redis, "GET parley:numbers:users"), "6");
  assert_non_null(strstr(redis_ask(&redis, "INFO commandstats"), "cmdstat_incrby:calls=1,"));
}

/* A name that changes while it is being asked for: the telling comes by another link. */
static void test_what_is_forgotten_while_it_is_asked_for_is_not_kept(void **state)
{
  (void)state;
  resolve(&node, OWNER_USER, "alice", true);
  for (int all = 0; all <= 1; all++) {
    struct outcome asked = {0};
    redis_ask(&redis, "HSET parley:user:{alice}:profile name Old");
    directory_resolve(node.backend, OWNER_USER, SLICE("alice"), false, on_entry, &asked);
    loop_turn(base); /* it is sent, and may be answered, but for the answer being read */
    redis_ask(&redis, "HSET parley:user:{alice}:profile name New");
    if (all)
      directory_clear(node.backend);
    else
      directory_forget(node.backend, OWNER_USER, SLICE("alice"));
    WAIT(base, asked.done);
    const struct entry *entry = directory_find(node.backend, OWNER_USER, SLICE("alice"));
    assert_true(!entry || slice_is(entry->name, "New"));
  }
}

static void test_the_lru_forgets_the_least_recently_used(void **state)
{
  (void)state;
  struct node small;
  struct backend_limits limits = node_limits();
  limits.directory_entries = 3;
  node_start_with(&small, base, redis.url, "gw-2", limits);
  WAIT(base, backend_ready(small.backend, NULL));
  static const char *const users[] = {"a", "b", "c"};
  for (size_t i = 0; i < 3; i++) {
    struct entry entry = {OWNER_USER, i + 1, slice_of(users[i]), SLICE("u"), {0}};
    directory_keep(small.backend, &entry);
  }
  assert_non_null(directory_find(small.backend, OWNER_USER, SLICE("a")));
  assert_null(directory_find(small.backend, OWNER_ROOM, SLICE("a")));
  struct entry fourth = {OWNER_USER, 4, SLICE("d"), SLICE("u"), SLICE("Dora")};
  directory_keep(small.backend, &fourth);
  assert_non_null(directory_find(small.backend, OWNER_USER, SLICE("a")));
  assert_null(directory_find(small.backend, OWNER_USER, SLICE("b")));
  assert_true(slice_is(directory_find(small.backend, OWNER_USER, SLICE("d"))->name, "Dora"));
  /* An entry may be kept again from itself. */
  directory_keep(small.backend, directory_find(small.backend, OWNER_USER, SLICE("d")));
  assert_true(slice_is(directory_find(small.backend, OWNER_USER, SLICE("d"))->name, "Dora"));
  node_end(&small);
}

static void test_who_is_renamed_is_forgotten(void **state)
{
  (void)state;
  resolve(&node, OWNER_USER, "alice", true);
  redis_ask(&redis, "HSET parley:user:{alice}:profile name Alice");
  assert_true(slice_is(directory_find(node.backend, OWNER_USER, SLICE("alice"))->name, "alice"));
  directory_forget(node.backend, OWNER_USER, SLICE("alice"));
  assert_null(directory_find(node.backend, OWNER_USER, SLICE("alice")));
  directory_forget(node.backend, OWNER_USER, SLICE("alice"));
  directory_forget(node.backend, OWNER_ROOM, SLICE("lobby"));
  assert_string_equal(resolve(&node, OWNER_USER, "alice", false).name, "Alice");
  assert_int_equal(resolve(&node, OWNER_USER, "alice", false).num, 1);
}

static void test_dialog_ids_have_the_smaller_first(void **state)
{
  (void)state;
  char buffer[257];
  assert_true(slice_is(directory_dialog_id(SLICE("bob"), SLICE("alice"), buffer), "alice|bob"));
  assert_true(slice_is(directory_dialog_id(SLICE("alice"), SLICE("bob"), buffer), "alice|bob"));
  assert_true(slice_is(directory_dialog_id(SLICE("a"), SLICE("a"), buffer), "a|a"));
  assert_true(slice_is(directory_dialog_id(SLICE("ab"), SLICE("a"), buffer), "a|ab"));
}

static struct outcome by_number(enum owner_kind kind, uint64_t num)
{
  struct outcome outcome = {0};
  directory_by_number(node.backend, kind, num, on_entry, &outcome);
  assert_false(outcome.done);
  WAIT(base, outcome.done);
  assert_int_equal(outcome.times, 1);
  return outcome;
}

static struct outcome by_uuid(const char *uuid)
{
  struct outcome outcome = {0};
  directory_by_uuid(node.backend, slice_of(uuid), on_entry, &outcome);
  assert_false(outcome.done);
  WAIT(base, outcome.done);
  assert_int_equal(outcome.times, 1);
  return outcome;
}

/* Another node, which knows nobody yet. */
static void start_anew(void)
{
  node_end(&node);
  node_start(&node, base, &redis, "gw-2");
}

static void test_who_has_a_number(void **state)
{
  (void)state;
  resolve(&node, OWNER_USER, "alice", true);
  resolve(&node, OWNER_DIALOG, "alice|bob", true);
  start_anew();
  struct outcome user = by_number(OWNER_USER, 1);
  assert_int_equal(user.err, ERR_OK);
  assert_int_equal(user.num, 1);
  assert_string_equal(user.name, "alice");
  assert_string_equal(user.uuid, ALICE_UUID);
  assert_non_null(directory_find(node.backend, OWNER_USER, SLICE("alice")));
  assert_string_equal(by_number(OWNER_ROOM, 1).name, "lobby");
  assert_string_equal(by_number(OWNER_ROOM, 2).name, "alice|bob");
  assert_int_equal(by_number(OWNER_USER, 2).err, ERR_NOT_FOUND);
  assert_int_equal(by_number(OWNER_ROOM, 3).err, ERR_NOT_FOUND);
  assert_int_equal(by_number(OWNER_USER, 0).err, ERR_NOT_FOUND);
}

static void test_who_has_a_uuid(void **state)
{
  (void)state;
  resolve(&node, OWNER_USER, "alice", true);
  resolve(&node, OWNER_DIALOG, "alice|bob", true);
  start_anew();
  assert_string_equal(by_uuid("B74032DC-1c20-5c18-8650-b6eea596A200").name, "alice");
  assert_string_equal(by_uuid(ALICE_UUID).name, "alice");
  assert_string_equal(by_uuid("7deebe8b-cd62-552d-a43a-97d5dd35e675").name, "alice|bob");
  assert_string_equal(by_uuid("189d48d4-e23d-5fa1-a938-6a97095a488c").name, "lobby");
  assert_int_equal(by_uuid("00000000-0000-0000-0000-000000000000").err, ERR_NOT_FOUND);
  assert_int_equal(by_uuid("alice").err, ERR_NOT_FOUND);
  assert_int_equal(by_uuid("").err, ERR_NOT_FOUND);
}

/* Numbers never change: what was read once is not asked for again. */
static void test_numbers_are_remembered(void **state)
{
  (void)state;
  resolve(&node, OWNER_USER, "alice", true);
  assert_int_equal(by_number(OWNER_USER, 1).err, ERR_OK);
  redis_ask(&redis, "FLUSHALL");
  struct outcome again = by_number(OWNER_USER, 1);
  assert_int_equal(again.err, ERR_OK);
  assert_string_equal(again.name, "alice");
  assert_int_equal(by_uuid(ALICE_UUID).err, ERR_NOT_FOUND);
}

/* Two made the same record at once: the number of the slower one stood for a moment. */
static void test_a_number_that_nobody_got_is_nobodys(void **state)
{
  (void)state;
  resolve(&node, OWNER_USER, "alice", true);
  redis_ask(&redis, "SET parley:number:{u2} user:alice");
  redis_ask(&redis, "SET parley:number:{u3} user:carol");
  assert_int_equal(by_number(OWNER_USER, 2).err, ERR_NOT_FOUND);
  start_anew();
  assert_int_equal(by_number(OWNER_USER, 2).err, ERR_NOT_FOUND);
  assert_int_equal(by_number(OWNER_USER, 3).err, ERR_NOT_FOUND);
  assert_int_equal(by_number(OWNER_USER, 1).err, ERR_OK);
}

/* Looks itself up again, as often as it is told to. */
struct again {
  int left;
};

static void on_again(void *arg, enum err err, const struct entry *entry)
{
  struct again *again = arg;
  assert_int_equal(err, ERR_OK);
  assert_int_equal(entry->num, 1);
  if (again->left-- > 0) directory_by_number(node.backend, OWNER_USER, 1, on_again, again);
}

/* What is remembered is told in the next turn of the loop. One that asks again while others are
 * still to be told that turn was never told, nor was anybody behind it, for ever. */
static void test_who_asks_again_while_others_are_told_is_told(void **state)
{
  (void)state;
  resolve(&node, OWNER_USER, "alice", true);
  assert_int_equal(by_number(OWNER_USER, 1).err, ERR_OK); /* is remembered from now on */
  struct again first = {3}, second = {3};
  directory_by_number(node.backend, OWNER_USER, 1, on_again, &first);
  directory_by_number(node.backend, OWNER_USER, 1, on_again, &second);
  WAIT(base, first.left < 0 && second.left < 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_user_is_made_once),
      TEST(test_users_and_conversations_are_counted_apart),
      TEST(test_a_uuid_belongs_to_one),
      TEST(test_two_who_make_the_same_user_agree),
      TEST(test_those_who_come_at_once_are_numbered_together),
      TEST(test_what_is_forgotten_while_it_is_asked_for_is_not_kept),
      TEST(test_the_lru_forgets_the_least_recently_used),
      TEST(test_who_is_renamed_is_forgotten),
      TEST(test_dialog_ids_have_the_smaller_first),
      TEST(test_who_has_a_number),
      TEST(test_who_has_a_uuid),
      TEST(test_numbers_are_remembered),
      TEST(test_a_number_that_nobody_got_is_nobodys),
      TEST(test_who_asks_again_while_others_are_told_is_told),
  };
  return RUN_STAGE(tests);
}
