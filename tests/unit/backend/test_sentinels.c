/* Redis Sentinel: the master is found, followed, and a demoted one is let go. Three
 * sentinels, a master and a replica, all real. */
#include "redis_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "bus.h"
#include "store.h"

enum { REDISES = 2, SENTINELS = 3 };

static struct event_base *base;
static struct redis redises[REDISES], sentinels[SENTINELS];
static char ports[REDISES + SENTINELS][8];
static const char *extras[REDISES + SENTINELS][10];
static char url[256];
static struct node node;

#define REST(text) "\"kind\":\"message.sent\",\"body\":{\"text\":\"" text "\"}}"

static void start_redis(int index)
{
  const char *extra[] = {"--port", ports[index], "--bind", "127.0.0.1", "--replica-priority",
                         "100",    NULL};
  memcpy(extras[index], extra, sizeof extra);
  redis_start(&redises[index], extras[index]);
  if (index) redis_ask(&redises[index], "REPLICAOF 127.0.0.1 %s", ports[0]);
}

static void start_sentinel(int index)
{
  char lines[300];
  snprintf(lines, sizeof lines,
           "sentinel monitor mymaster 127.0.0.1 %s 2\n"
           "sentinel down-after-milliseconds mymaster 500\n"
           "sentinel failover-timeout mymaster 1000\n",
           ports[0]);
  redis_start_sentinel(&sentinels[index], ports[REDISES + index], lines);
}

/* Quicker than they are by themselves. An election that nobody wins is held again after twice the
 * failover's timeout; and a sentinel that was not run for two seconds does nothing for half a
 * minute ("tilt"): on a busy machine either took longer than a test waits. */
static void hurry(int index)
{
  assert_string_equal(redis_ask(&sentinels[index], "SENTINEL DEBUG info-period 1000 "
                                                   "publish-period 300 tilt-period 1000"),
                      "OK");
}

static bool know_each_other(void)
{
  for (int i = 0; i < SENTINELS; i++) {
    const char *state = redis_ask(&sentinels[i], "SENTINEL MASTER mymaster");
    if (!strstr(state, "num-other-sentinels 2") || !strstr(state, "num-slaves 1")) return false;
    if (!strstr(state, " flags master link-")) return false; /* neither down nor failed over */
  }
  return true;
}

static int master_by(int sentinel)
{
  const char *address =
      redis_ask(&sentinels[sentinel], "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster");
  return strcmp(strchr(address, ' ') + 1, ports[0]) == 0 ? 0 : 1;
}

static int master_index(void)
{
  return master_by(0);
}

static bool agree(void)
{
  for (int i = 1; i < SENTINELS; i++)
    if (master_by(i) != master_by(0)) return false;
  return true;
}

static bool follows(void)
{
  return strstr(redis_ask(&redises[master_index()], "INFO replication"), "state=online") != NULL;
}

static int before(void **state)
{
  (void)state;
  WAIT(base, know_each_other() && agree() && follows());
  redis_ask(&redises[master_index()], "FLUSHALL");
  /* Else the next one to be a master may have what the test before left. */
  WAIT(base, strcmp(redis_ask(&redises[master_index()], "WAIT 1 100"), "1") == 0);
  node_start_with(&node, base, url, "gw-1", node_limits());
  WAIT(base, backend_ready(node.backend, NULL));
  return 0;
}

static int after(void **state)
{
  (void)state;
  node_end(&node);
  return 0;
}

static unsigned links_at(int index)
{
  unsigned count = 0;
  const char *at = redis_ask(&redises[index], "CLIENT LIST");
  while ((at = strstr(at, " name=parley:gw-1:"))) at++, count++;
  return count;
}

static void test_both_links_lead_to_the_master(void **state)
{
  (void)state;
  assert_int_equal(links_at(master_index()), 2);
  assert_int_equal(links_at(!master_index()), 0);
  node_hear(&node, "parley:user:{31}");
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
  WAIT(base, node.messages.count == 1);
}

/* The channel is heard again, and what is published comes. */
static void expect_healed(unsigned lost, size_t subscribed)
{
  WAIT(base, node.bus_lost > lost && node.subscribed.count >= subscribed + 2);
  WAIT(base, backend_ready(node.backend, NULL));
  size_t messages = node.messages.count;
  assert_int_equal(push(&node, "31", "", REST("y")).err, ERR_OK);
  WAIT(base, node.messages.count > messages);
}

static void test_an_ordered_failover_is_followed(void **state)
{
  (void)state;
  int old = master_index();
  node_hear(&node, "parley:user:{31}");
  unsigned lost = node.bus_lost;
  size_t subscribed = node.subscribed.count;
  WAIT(base, strcmp(redis_ask(&sentinels[1], "SENTINEL FAILOVER mymaster"), "OK") == 0);
  WAIT(base, links_at(!old) == 2 && links_at(old) == 0);
  expect_healed(lost, subscribed);
  assert_int_equal(atoi(redis_ask(&redises[!old], "LLEN parley:user:{31}:unread")), 1);
  WAIT(base, strncmp(redis_ask(&redises[old], "ROLE"), "slave", 5) == 0);
}

static void test_a_dead_master_is_replaced(void **state)
{
  (void)state;
  int old = master_index();
  node_hear(&node, "parley:user:{31}");
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
  unsigned lost = node.bus_lost;
  size_t subscribed = node.subscribed.count;
  redis_kill(&redises[old]);
  WAIT(base, !store_is_up(node.backend->store));
  uint64_t begin_ms = loop_now_ms();
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_UNAVAILABLE);
  assert_in_range(loop_now_ms() - begin_ms, 0, 300); /* at once */
  expect_healed(lost, subscribed);
  assert_int_equal(links_at(!old), 2);
  redis_restart(&redises[old]);
}

/* It hangs, is replaced, and goes on in the belief that it is a master. */
static void test_a_master_that_was_paused_is_not_written_to_again(void **state)
{
  (void)state;
  int old = master_index();
  node_hear(&node, "parley:user:{31}");
  unsigned lost = node.bus_lost;
  size_t subscribed = node.subscribed.count;
  redis_pause(&redises[old]);
  expect_healed(lost, subscribed);
  redis_resume(&redises[old]);
  for (int i = 0; i < 50; i++) {
    assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
    loop_turn(base);
  }
  WAIT(base, strncmp(redis_ask(&redises[old], "ROLE"), "slave", 5) == 0);
  assert_int_equal(links_at(old), 0);
  assert_int_equal(atoi(redis_ask(&redises[!old], "LLEN parley:user:{31}:unread")), 51);
}

/* The sentinels do not know of it yet: whoever answers READONLY is let go, and asked for its
 * role before it is used again. */
static void test_a_replica_is_not_used_whatever_the_sentinels_say(void **state)
{
  (void)state;
  for (int i = 0; i < SENTINELS; i++) redis_pause(&sentinels[i]);
  int old = 0;
  while (links_at(old) == 0) old++;
  redis_ask(&redises[old], "REPLICAOF 127.0.0.1 1");
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_UNAVAILABLE);
  WAIT(base, !store_is_up(node.backend->store));
  for (int i = 0; i < 40; i++) loop_turn(base);
  assert_false(store_is_up(node.backend->store));
  redis_ask(&redises[old], "REPLICAOF NO ONE");
  WAIT(base, store_is_up(node.backend->store));
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
  for (int i = 0; i < SENTINELS; i++) redis_resume(&sentinels[i]);
}

static void test_one_sentinel_is_enough(void **state)
{
  (void)state;
  node_end(&node);
  for (int i = 0; i < SENTINELS - 1; i++) redis_kill(&sentinels[i]);
  node_start_with(&node, base, url, "gw-1", node_limits());
  WAIT(base, backend_ready(node.backend, NULL));
  for (int i = 0; i < SENTINELS - 1; i++) {
    redis_restart(&sentinels[i]);
    hurry(i);
  }
}

static void test_why_it_is_not_ready(void **state)
{
  (void)state;
  struct node other;
  char text[300];
  const char *why = NULL;
  snprintf(text, sizeof text, "redis+sentinel://127.0.0.1:%s/nobody", ports[REDISES]);
  node_start_with(&other, base, text, "gw-2", node_limits());
  WAIT(base, !backend_ready(other.backend, &why) && strstr(why, "no master"));
  node_end(&other);
  snprintf(text, sizeof text, "redis+sentinel://127.0.0.1:1/mymaster");
  node_start_with(&other, base, text, "gw-2", node_limits());
  WAIT(base, !backend_ready(other.backend, &why) && strstr(why, "no sentinel"));
  node_end(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_both_links_lead_to_the_master),
      TEST(test_an_ordered_failover_is_followed),
      TEST(test_a_dead_master_is_replaced),
      TEST(test_a_master_that_was_paused_is_not_written_to_again),
      TEST(test_one_sentinel_is_enough),
      TEST(test_why_it_is_not_ready),
      TEST(test_a_replica_is_not_used_whatever_the_sentinels_say),
  };
  for (int i = 0; i < REDISES + SENTINELS; i++)
    snprintf(ports[i], sizeof ports[i], "%d", free_port());
  for (int i = 0; i < REDISES; i++) start_redis(i);
  for (int i = 0; i < SENTINELS; i++) {
    start_sentinel(i);
    hurry(i);
  }
  snprintf(url, sizeof url, "redis+sentinel://127.0.0.1:%s,127.0.0.1:%s,127.0.0.1:%s/mymaster",
           ports[REDISES], ports[REDISES + 1], ports[REDISES + 2]);
  base = loop_new();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  loop_free(base);
  for (int i = 0; i < SENTINELS; i++) redis_end(&sentinels[i]);
  for (int i = 0; i < REDISES; i++) redis_end(&redises[i]);
  return failed;
}
