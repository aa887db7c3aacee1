/* Leases of nodes and the reaper. The lease is short here, so that a death is noticed
 * soon; the rules are the same. */
#include "presence_private.h"
#include "redis_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct redis redis;
static struct event_base *base;

static struct backend_limits short_lease(void)
{
  struct backend_limits limits = node_limits();
  limits.lease_ms = 500;
  return limits;
}

static void start(struct node *node, const char *name)
{
  node_start_with(node, base, redis.url, name, short_lease());
  node_lease(node);
  WAIT(base, backend_ready(node->backend, NULL));
}

static int before(void **state)
{
  (void)state;
  redis_ask(&redis, "FLUSHALL");
  return 0;
}

/* What is left of a node that died with these sessions. */
static void leave_remains(const char *name, int sessions)
{
  for (int i = 0; i < sessions; i++) {
    redis_ask(&redis, "HSET parley:node:{%s}:sessions %s-%d %s", name, name, i,
              "simple ghost rider");
    redis_ask(&redis, "HSET parley:user:{ghost rider}:sessions %s-%d %s", name, i, "x");
  }
  redis_ask(&redis, "SET parley:node:{%s}:life 1699999990000", name);
  redis_ask(&redis, "ZADD parley:nodes 1700000000000 %s", name);
}

/* As node_dead.lua does with one that was not heard of. */
static void mark(const char *name)
{
  redis_ask(&redis, "ZADD parley:nodes -%s %s", redis_ask(&redis, "ZSCORE parley:nodes %s", name),
            name);
}

static void test_a_node_holds_a_lease(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  const char *first = redis_ask(&redis, "ZSCORE parley:nodes gw-1");
  WAIT(base, strcmp(first, redis_ask(&redis, "ZSCORE parley:nodes gw-1")) != 0);
  assert_int_equal(node.lease_lost, 0);
  struct outcome stopped = {0};
  presence_stop(node.backend, on_err, &stopped);
  WAIT(base, stopped.done);
  assert_int_equal(stopped.err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:nodes parley:node:{gw-1}:life"), "0");
  node_end(&node);
}

/* The link stays up all the while: nothing but a heartbeat says that Redis takes it now. */
static void test_leaving_while_redis_is_full_is_made_up_for(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  redis_ask(&redis, "CONFIG SET maxmemory 1");
  assert_int_equal(leave(&node, "a", "gw-1-a", true).err, ERR_OK); /* its place is given back */
  assert_int_equal(join(&node, "b", "gw-1-b", "simple", "", PRESENCE_REFUSE).err, ERR_UNAVAILABLE);
  redis_ask(&redis, "HSET parley:node:{gw-1}:sessions gw-1-b %s", "simple b");
  redis_ask(&redis, "CONFIG SET maxmemory 0");
  redis_ask(&redis, "HSET parley:node:{gw-1}:sessions gw-1-b %s", "simple b");
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS parley:node:{gw-1}:sessions"), "0") == 0);
  node_end(&node);
}

static void test_a_dead_nodes_sessions_are_reaped(void **state)
{
  (void)state;
  struct node node;
  leave_remains("gw-dead", 600);
  start(&node, "gw-1");
  WAIT(base, strcmp(redis_ask(&redis, "ZRANGE parley:nodes 0 -1"), "gw-1") == 0);
  assert_int_equal(node.reaped.count, 600);
  assert_true(told_has(&node.reaped, "simple ghost rider gw-dead-599"));
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{ghost rider}:sessions"), "0");
  assert_string_equal(
      redis_ask(&redis, "EXISTS parley:node:{gw-dead}:sessions parley:node:{gw-dead}:lost"), "0");
  WAIT(base, strcmp(redis_ask(&redis, "KEYS parley:node:{gw-dead}*"), "") == 0);
  node_end(&node);
}

static void test_two_reapers_share_no_corpse(void **state)
{
  (void)state;
  struct node first, second;
  leave_remains("gw-dead", 300);
  node_start_with(&first, base, redis.url, "gw-1", short_lease());
  node_start_with(&second, base, redis.url, "gw-2", short_lease());
  node_lease(&first);
  node_lease(&second);
  WAIT(base, strcmp(redis_ask(&redis, "ZSCORE parley:nodes gw-dead"), "(nil)") == 0);
  assert_int_equal(first.reaped.count + second.reaped.count, 300);
  node_end(&first);
  node_end(&second);
}

/* The first reaper dies with its work half done: the slots of its unfinished sessions
 * are still there, and the next one begins with them when the lock runs out. */
static void test_a_dead_reaper_is_taken_over_from(void **state)
{
  (void)state;
  struct node first, second;
  leave_remains("gw-dead", 3);
  node_start_with(&first, base, redis.url, "gw-1", short_lease());
  first.keeps_tickets = true;
  node_lease(&first);
  WAIT(base, first.reaped.count == 3);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{ghost rider}:sessions"), "0");
  assert_string_equal(redis_ask(&redis, "HLEN parley:node:{gw-dead}:lost"), "3");
  node_end(&first);
  assert_string_equal(redis_ask(&redis, "GET parley:node:{gw-dead}:reaper"), "gw-1");
  start(&second, "gw-2");
  WAIT(base, second.reaped.count == 0 &&
                 strcmp(redis_ask(&redis, "ZSCORE parley:nodes gw-1"), "(nil)") == 0);
  assert_int_equal(second.reaped.count, 0); /* the lock is the dead one's still */
  assert_in_range(atoi(redis_ask(&redis, "PTTL parley:node:{gw-dead}:reaper")), 1, 10000);
  redis_ask(&redis, "PEXPIRE parley:node:{gw-dead}:reaper 1");
  WAIT(base, strcmp(redis_ask(&redis, "ZRANGE parley:nodes 0 -1"), "gw-2") == 0);
  assert_int_equal(second.reaped.count, 3);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:node:{gw-dead}:lost"), "0");
  node_end(&second);
}

static void test_a_slot_waits_until_its_session_is_finished(void **state)
{
  (void)state;
  struct node node;
  leave_remains("gw-dead", 1);
  node_start_with(&node, base, redis.url, "gw-1", short_lease());
  node.keeps_tickets = true;
  node_lease(&node);
  WAIT(base, node.ticket);
  assert_string_equal(redis_ask(&redis, "HLEN parley:node:{gw-dead}:lost"), "1");
  assert_true(atof(redis_ask(&redis, "ZSCORE parley:nodes gw-dead")) < 0);
  presence_reaped_finished(node.backend, node.ticket);
  WAIT(base, strcmp(redis_ask(&redis, "ZSCORE parley:nodes gw-dead"), "(nil)") == 0);
  assert_int_equal(node.reaped.count, 1);
  node_end(&node);
}

/* What a node that was taken for dead is told when it comes back, and when. */
static void test_a_node_that_was_reaped_is_told_and_registers_again(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  assert_int_equal(join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE).err, ERR_OK);
  /* Another one has marked it, and is at it. */
  redis_ask(&redis, "SET parley:node:{gw-1}:reaper gw-9 PX 60000");
  mark("gw-1");
  WAIT(base, !backend_ready(node.backend, NULL));
  assert_int_equal(node.lease_lost, 0); /* not before the reaper is done */
  assert_int_equal(join(&node, "b", "gw-1-b", "simple", "", PRESENCE_REFUSE).err, ERR_UNAVAILABLE);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{b}:sessions"), "0");
  redis_ask(&redis, "DEL parley:node:{gw-1}:sessions parley:user:{a}:sessions");
  redis_ask(&redis, "ZREM parley:nodes gw-1");
  redis_ask(&redis, "DEL parley:node:{gw-1}:reaper");
  WAIT(base, node.lease_lost == 1);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE).err, ERR_OK);
  node_end(&node);
}

/* A reaper whose list is old: the node was cleared away by another, and is back. */
static void test_a_late_reaper_keeps_off_the_next_life(void **state)
{
  (void)state;
  struct node node, late;
  start(&node, "gw-1");
  node_start_with(&late, base, redis.url, "gw-2", short_lease());
  WAIT(base, backend_ready(late.backend, NULL));
  join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  uint64_t heartbeat_ms = strtoull(redis_ask(&redis, "GET parley:node:{gw-1}:life"), NULL, 10) - 1;
  late.backend->presence->lease = LEASE_HELD;
  reaper_reap(late.backend->presence->reaper, SLICE("gw-1"), heartbeat_ms);
  for (int i = 0; i < 3; i++) resolve(&late, OWNER_ROOM, "lobby", false); /* behind what it does */
  assert_string_equal(redis_ask(&redis, "EXISTS parley:node:{gw-1}:reaper"), "0");
  assert_int_equal(late.reaped.count, 0);
  assert_string_equal(redis_ask(&redis, "HKEYS parley:node:{gw-1}:sessions"), "gw-1-a");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{a}:sessions"), "1");
  assert_true(atof(redis_ask(&redis, "ZSCORE parley:nodes gw-1")) > 0);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:node:{gw-1}:life"), "1");
  assert_int_equal(node.lease_lost, 0);
  node_end(&node);
  node_end(&late);
}

/* Marked, and nobody else is there: it clears away after itself, then begins anew. */
static void test_a_node_alone_clears_away_after_itself(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  mark("gw-1");
  WAIT(base, node.lease_lost == 1);
  assert_int_equal(node.reaped.count, 1);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{a}:sessions"), "0");
  assert_true(atof(redis_ask(&redis, "ZSCORE parley:nodes gw-1")) > 0);
  node_end(&node);
}

/* Late, but nobody has declared it dead: nothing happened. */
static void test_a_late_heartbeat_is_no_death(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  redis_ask(&redis, "ZADD parley:nodes 1 gw-1");
  WAIT(base, atof(redis_ask(&redis, "ZSCORE parley:nodes gw-1")) > 1);
  assert_int_equal(node.lease_lost, 0);
  node_end(&node);
}

static void test_a_restarted_process_clears_away_what_its_name_left(void **state)
{
  (void)state;
  struct node node;
  leave_remains("gw-1", 2);
  char now[32];
  snprintf(now, sizeof now, "%ld999", (long)time(NULL)); /* it died just now */
  redis_ask(&redis, "ZADD parley:nodes %s gw-1", now);
  start(&node, "gw-1");
  assert_int_equal(node.reaped.count, 2);
  assert_int_equal(node.lease_lost, 0); /* this process has lost nothing */
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{ghost rider}:sessions"), "0");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:node:{gw-1}:sessions"), "0");
  node_end(&node);
}

static void test_redis_lost_its_data(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  redis_ask(&redis, "FLUSHALL");
  WAIT(base, node.lease_lost == 1);
  WAIT(base, backend_ready(node.backend, NULL));
  node_end(&node);
}

/* After Redis was away everybody's lease has run out, and whoever is back first must not
 * declare the others dead. */
static void test_nobody_is_declared_dead_right_after_an_outage(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  redis_kill(&redis);
  WAIT(base, !backend_ready(node.backend, NULL));
  uint64_t gone_ms = loop_now_ms();
  WAIT(base, loop_now_ms() > gone_ms + 600); /* everybody's lease runs out */
  redis_restart(&redis);
  redis_ask(&redis, "ZADD parley:nodes 1700000000000 gw-2");
  redis_ask(&redis, "ZREM parley:nodes gw-1");
  WAIT(base, node.lease_lost == 1); /* it has asked, and been answered */
  assert_true(atof(redis_ask(&redis, "ZSCORE parley:nodes gw-2")) > 0);
  WAIT(base, strcmp(redis_ask(&redis, "ZSCORE parley:nodes gw-2"), "(nil)") == 0);
  node_end(&node);
}

static void test_stopping_with_sessions_left_leaves_them_to_the_reaper(void **state)
{
  (void)state;
  struct node node, other;
  start(&node, "gw-1");
  join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  struct outcome stopped = {0};
  presence_stop(node.backend, on_err, &stopped);
  WAIT(base, stopped.done);
  assert_true(atof(redis_ask(&redis, "ZSCORE parley:nodes gw-1")) < 0);
  node_end(&node);
  start(&other, "gw-2");
  WAIT(base, other.reaped.count == 1);
  assert_string_equal(told_at(&other.reaped, 0), "simple a gw-1-a");
  node_end(&other);
}

/* A whole process that is paused past its lease, and comes back. */
static void run_paused_process(void)
{
  struct node node;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  base = loop_new();
  start(&node, "gw-paused");
  join(&node, "a", "gw-paused-a", "simple", "", PRESENCE_REFUSE);
  WAIT(base, node.lease_lost == 1);
  struct outcome again = join(&node, "a", "gw-paused-a", "simple", "", PRESENCE_REFUSE);
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS go"), "1") == 0);
  _exit(again.err == ERR_OK ? 0 : 1);
}

static void test_a_paused_node_is_reaped_and_comes_back(void **state)
{
  (void)state;
  struct node node;
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    redis.plain = redisConnectUnix(redis.socket);
    run_paused_process();
  }
  start(&node, "gw-1");
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS parley:user:{a}:sessions"), "1") == 0);
  kill(pid, SIGSTOP);
  waitpid(pid, &status, WUNTRACED);
  WAIT(base, node.reaped.count == 1);
  WAIT(base, strcmp(redis_ask(&redis, "ZSCORE parley:nodes gw-paused"), "(nil)") == 0);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{a}:sessions"), "0");
  kill(pid, SIGCONT);
  WAIT(base, strcmp(redis_ask(&redis, "HKEYS parley:user:{a}:sessions"), "gw-paused-a") == 0);
  redis_ask(&redis, "SET go 1");
  WAIT(base, waitpid(pid, &status, WNOHANG) == pid);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  node_end(&node);
}

#define TEST(name) cmocka_unit_test_setup(name, before)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_node_holds_a_lease),
      TEST(test_leaving_while_redis_is_full_is_made_up_for),
      TEST(test_a_dead_nodes_sessions_are_reaped),
      TEST(test_two_reapers_share_no_corpse),
      TEST(test_a_dead_reaper_is_taken_over_from),
      TEST(test_a_slot_waits_until_its_session_is_finished),
      TEST(test_a_node_that_was_reaped_is_told_and_registers_again),
      TEST(test_a_late_reaper_keeps_off_the_next_life),
      TEST(test_a_node_alone_clears_away_after_itself),
      TEST(test_a_late_heartbeat_is_no_death),
      TEST(test_a_restarted_process_clears_away_what_its_name_left),
      TEST(test_redis_lost_its_data),
      TEST(test_nobody_is_declared_dead_right_after_an_outage),
      TEST(test_stopping_with_sessions_left_leaves_them_to_the_reaper),
      TEST(test_a_paused_node_is_reaped_and_comes_back),
  };
  redis_start(&redis, NULL);
  base = loop_new();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  loop_free(base);
  redis_end(&redis);
  return failed;
}
