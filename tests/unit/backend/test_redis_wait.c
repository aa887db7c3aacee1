/* A message is acknowledged when replicas have it (shard.h). */
#include "redis_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "messages.h"
#include "rooms.h"

static struct event_base *base;
static struct redis master, replica;
static struct node node;
static const char *master_extra[5], *replica_extra[7];
static char port[8];

#define REST(text) "\"kind\":\"message.sent\",\"body\":{\"text\":\"" text "\"}}"

#define OUTCOME(call)           \
  struct outcome outcome = {0}; \
  call;                         \
  WAIT(base, outcome.done);     \
  return outcome

static bool replica_follows(void)
{
  return strstr(redis_ask(&master, "INFO replication"), "state=online") != NULL;
}

static int before(void **state)
{
  (void)state;
  struct backend_limits limits = node_limits();
  limits.command_timeout_ms = 4000; /* a quarter of it for the replica */
  redis_ask(&master, "FLUSHALL");
  WAIT(base, replica_follows());
  node_start_options(&node, &(struct backend_options){.base = base,
                                                      .redis = master.url,
                                                      .redis_wait = 1,
                                                      .prefix = "parley:",
                                                      .node = "gw-1",
                                                      .limits = limits});
  WAIT(base, backend_ready(node.backend, NULL));
  return 0;
}

static int after(void **state)
{
  (void)state;
  node_end(&node);
  return 0;
}

static bool replica_has(const char *user, const char *count)
{
  return strcmp(redis_ask(&replica, "LLEN parley:user:{%s}:unread", user), count) == 0;
}

static void test_what_is_acknowledged_is_with_the_replica(void **state)
{
  (void)state;
  for (int i = 1; i <= 200; i++) {
    char count[16];
    struct outcome pushed = push(&node, "31", "", REST("x"));
    assert_int_equal(pushed.err, ERR_OK);
    assert_int_equal(pushed.seq, i);
    snprintf(count, sizeof count, "%d", i);
    assert_true(replica_has("31", count)); /* now, not soon */
  }
  struct outcome said = say(&node, "lobby", "a", "", REST("x"));
  assert_int_equal(said.err, ERR_OK);
  assert_int_equal(log_page(&node, "lobby", 0, 10, 10000).seq, said.seq);
}

static struct outcome rename_lobby(const char *name)
{
  struct room_edit edit = {.room = SLICE("lobby"), .force = true, .name = slice_of(name)};
  OUTCOME(room_edit(node.backend, &edit, on_err, &outcome));
}

static struct outcome edit(uint64_t id, const char *rest)
{
  const struct owner owner = {OWNER_USER, SLICE("31")};
  OUTCOME(
      message_edit(node.backend, owner, id, slice_of(rest), (struct slice){0}, on_err, &outcome));
}

/* Whatever the answer looks like: a word, an array, lines. */
static void test_whatever_is_promised_is_with_the_replica(void **state)
{
  (void)state;
  uint64_t ids[2] = {push(&node, "31", "", REST("one")).id, push(&node, "31", "", REST("two")).id};
  assert_int_equal(edit(ids[1], REST("other")).err, ERR_OK);
  const char *line = redis_ask(&replica, "HGET parley:user:{31}:unread:messages 65538");
  assert_non_null(strstr(line, "other"));
  struct outcome read = read_ids(&node, "31", ids, 2);
  assert_int_equal(read.count, 2);
  assert_non_null(strstr(read.lines, "one"));
  assert_true(replica_has("31", "0"));
  assert_int_equal(enter(&node, "lobby", "alice", REST("x")).err, ERR_OK);
  assert_string_equal(redis_ask(&replica, "SISMEMBER parley:room:{lobby}:members alice"), "1");
  assert_string_equal(redis_ask(&replica, "SISMEMBER parley:user:{alice}:rooms lobby"), "1");
  assert_int_equal(rename_lobby("The Lobby").err, ERR_OK);
  assert_string_equal(redis_ask(&replica, "HGET parley:room:{lobby}:record name"), "The Lobby");
}

static void test_without_its_replica_only_refusals_are_told(void **state)
{
  (void)state;
  uint64_t id = push(&node, "31", "", REST("x")).id;
  redis_pause(&replica);
  assert_int_equal(read_ids(&node, "31", &id, 1).err, ERR_UNAVAILABLE);
  assert_int_equal(enter(&node, "lobby", "alice", REST("x")).err, ERR_UNAVAILABLE);
  assert_int_equal(rename_lobby("The Lobby").err, ERR_UNAVAILABLE);
  assert_int_equal(edit(id, REST("other")).err, ERR_NOT_FOUND);
  assert_int_equal(enter(&node, "nowhere", "alice", REST("x")).err, ERR_NOT_FOUND);
  assert_int_equal(resolve(&node, OWNER_USER, "alice", true).err, ERR_OK);
  redis_resume(&replica);
}

/* Many in one turn of the loop: each told once, in order, and all are there. */
static void test_many_at_once_wait_together(void **state)
{
  (void)state;
  static struct outcome outcomes[500];
  for (size_t i = 0; i < 500; i++) {
    struct inbox_push push = {SLICE("31"), {0}, SLICE(REST("x")), true, 0};
    outcomes[i] = (struct outcome){0};
    inbox_push(node.backend, &push, on_stamp, &outcomes[i]);
  }
  WAIT(base, outcomes[499].done);
  for (size_t i = 0; i < 500; i++) {
    assert_int_equal(outcomes[i].err, ERR_OK);
    assert_int_equal(outcomes[i].times, 1);
    assert_int_equal(outcomes[i].seq, i + 1);
  }
  assert_true(replica_has("31", "500"));
  unsigned long waits = 0;
  const char *stats = strstr(redis_ask(&master, "INFO commandstats"), "cmdstat_wait:calls=");
  if (stats) waits = strtoul(stats + strlen("cmdstat_wait:calls="), NULL, 10);
  assert_in_range(waits, 1, 400);
}

static void test_without_its_replica_the_outcome_is_unknown(void **state)
{
  (void)state;
  assert_int_equal(push(&node, "31", "first", REST("x")).err, ERR_OK);
  redis_pause(&replica);
  uint64_t begin_ms = loop_now_ms();
  assert_int_equal(push(&node, "31", "again", REST("y")).err, ERR_UNAVAILABLE);
  assert_in_range(loop_now_ms() - begin_ms, 900, 3900);
  /* What stores no message needs none: it is not even late for long. */
  assert_int_equal(page(&node, "31", 0, 10, 1000).err, ERR_OK);
  /* A repeated send is no acknowledgement either: the first one may still be lost. */
  assert_int_equal(push(&node, "31", "again", REST("y")).err, ERR_UNAVAILABLE);
  redis_resume(&replica);
  struct outcome pushed = push(&node, "31", "again", REST("y"));
  while (pushed.err == ERR_UNAVAILABLE) pushed = push(&node, "31", "again", REST("y"));
  assert_int_equal(pushed.err, ERR_OK);
  assert_true(pushed.repeated);
  assert_int_equal(pushed.seq, 2);
  assert_true(replica_has("31", "2"));
}

/* The replica is behind when another connection tries again: that one has written nothing. */
static void test_a_new_connection_waits_for_what_the_old_one_wrote(void **state)
{
  (void)state;
  redis_pause(&replica);
  assert_int_equal(push(&node, "31", "again", REST("y")).err, ERR_UNAVAILABLE);
  node_end(&node);
  before(NULL); /* as another node */
  assert_int_equal(push(&node, "31", "again", REST("y")).err, ERR_UNAVAILABLE);
  redis_resume(&replica);
}

static void test_a_link_that_breaks_while_it_waits(void **state)
{
  (void)state;
  struct outcome outcome = {0};
  struct inbox_push push = {SLICE("31"), {0}, SLICE(REST("x")), true, 0};
  redis_pause(&replica);
  inbox_push(node.backend, &push, on_stamp, &outcome);
  WAIT(base, atoi(redis_ask(&master, "LLEN parley:user:{31}:unread")) == 1);
  redis_ask(&master, "CLIENT KILL TYPE normal SKIPME yes");
  WAIT(base, outcome.done);
  assert_int_equal(outcome.err, ERR_UNAVAILABLE);
  redis_resume(&replica);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(outcome.times, 1);
}

/* Answers that wait are given back with the rest. */
static void test_freeing_while_it_waits(void **state)
{
  (void)state;
  struct outcome outcomes[2] = {{0}};
  struct inbox_push push = {SLICE("31"), {0}, SLICE(REST("x")), true, 0};
  redis_pause(&replica);
  inbox_push(node.backend, &push, on_stamp, &outcomes[0]);
  WAIT(base, atoi(redis_ask(&master, "LLEN parley:user:{31}:unread")) == 1);
  for (int i = 0; i < 5; i++) loop_turn(base);
  inbox_push(node.backend, &push, on_stamp, &outcomes[1]);
  node_end(&node);
  assert_int_equal(outcomes[0].times + outcomes[1].times, 2);
  assert_int_equal(outcomes[0].err, ERR_UNAVAILABLE);
  redis_resume(&replica);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_what_is_acknowledged_is_with_the_replica),
      TEST(test_whatever_is_promised_is_with_the_replica),
      TEST(test_without_its_replica_only_refusals_are_told),
      TEST(test_many_at_once_wait_together),
      TEST(test_without_its_replica_the_outcome_is_unknown),
      TEST(test_a_new_connection_waits_for_what_the_old_one_wrote),
      TEST(test_a_link_that_breaks_while_it_waits),
      TEST(test_freeing_while_it_waits),
  };
  snprintf(port, sizeof port, "%d", free_port());
  memcpy(master_extra, (const char *[]){"--port", port, "--repl-diskless-sync-delay", "0", NULL},
         sizeof master_extra);
  memcpy(replica_extra,
         (const char *[]){"--port", "0", "--replicaof", "127.0.0.1", port, "--appendonly", NULL},
         sizeof replica_extra);
  replica_extra[5] = NULL;
  redis_start(&master, master_extra);
  redis_start(&replica, replica_extra);
  base = loop_new();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  loop_free(base);
  redis_end(&replica);
  redis_end(&master);
  return failed;
}
