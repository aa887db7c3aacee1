/* Sessions that stand in Redis in vain, or do not stand there: the sweep; and commands that come
 * later than anybody waits for them. The lease is short, so that sweeps are frequent. */
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

/* What the muster of these tests knows, and was told. */
static struct {
  const char *ours; /* what a session begins with that is ours */
  unsigned passes;  /* that came to their end */
  size_t seen;      /* ours, in the pass under way; of the last whole one */
  size_t seen_last;
} roll;

static void muster(void *arg, const struct presence_part *part)
{
  (void)arg;
  if (part->first) roll.seen = 0;
  for (size_t i = 0; i < part->count; i++) {
    struct presence_slot *slot = &part->slots[i];
    slot->ours = slice_starts_with(slot->session, slice_of(roll.ours));
    roll.seen += slot->ours;
  }
  if (!part->last) return;
  roll.passes++;
  roll.seen_last = roll.seen;
}

static struct backend_limits quick(void)
{
  struct backend_limits limits = node_limits();
  limits.lease_ms = 500;
  limits.command_timeout_ms = 300;
  return limits;
}

static void start(struct node *node, const char *name)
{
  node_start_with(node, base, redis.url, name, quick());
  node->muster = muster;
  node_lease(node);
  WAIT(base, backend_ready(node->backend, NULL));
}

static int before(void **state)
{
  (void)state;
  redis_ask(&redis, "FLUSHALL");
  memset(&roll, 0, sizeof roll);
  roll.ours = "gw-1-a";
  return 0;
}

static void leave_ghost(const char *session)
{
  redis_ask(&redis, "HSET parley:user:{ghost rider}:sessions %s %s", session, "gw-1 simple 1 ");
  redis_ask(&redis, "HSET parley:node:{gw-1}:sessions %s %s", session, "simple ghost rider");
}

static void pass(void)
{
  unsigned now = roll.passes;
  WAIT(base, roll.passes >= now + 2); /* one of them began after now */
}

static void test_who_stands_there_in_vain_is_cleared_away(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  assert_int_equal(join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE).err, ERR_OK);
  leave_ghost("gw-1-ghost");
  leave_ghost("gw-9-ghost");
  WAIT(base, strcmp(redis_ask(&redis, "HKEYS parley:node:{gw-1}:sessions"), "gw-1-a") == 0);
  assert_true(told_has(&node.reaped, "simple ghost rider gw-1-ghost"));
  assert_true(told_has(&node.reaped, "simple ghost rider gw-9-ghost"));
  assert_int_equal(node.reaped.count, 2);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{ghost rider}:sessions"), "0");
  assert_string_equal(redis_ask(&redis, "HKEYS parley:user:{a}:sessions"), "gw-1-a");
  node_end(&node);
}

/* What an earlier life of the name left behind its reaper's back is found at the start. */
static void test_a_node_that_begins_finds_them(void **state)
{
  (void)state;
  struct node node;
  for (int i = 0; i < 1000; i++) {
    char session[32];
    snprintf(session, sizeof session, "gw-1-b%d", i);
    leave_ghost(session);
  }
  start(&node, "gw-1");
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS parley:node:{gw-1}:sessions"), "0") == 0);
  assert_int_equal(node.reaped.count, 1000);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{ghost rider}:sessions"), "0");
  node_end(&node);
}

/* It stays until what the gateway does for it is done, and is asked about again otherwise. */
static void test_a_ghost_stays_until_it_is_finished(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  node.keeps_tickets = true;
  leave_ghost("gw-1-ghost");
  WAIT(base, node.ticket);
  assert_string_equal(redis_ask(&redis, "HLEN parley:node:{gw-1}:sessions"), "1");
  presence_reaped_finished(node.backend, node.ticket);
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS parley:node:{gw-1}:sessions"), "0") == 0);
  node_end(&node);
}

/* A master that was lost took away that the session left, and is not asked again by anybody. */
static void test_what_was_forgotten_meanwhile_goes_with_the_place(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  node.keeps_tickets = true;
  leave_ghost("gw-1-ghost");
  WAIT(base, node.ticket);
  redis_ask(&redis, "HSET parley:user:{ghost rider}:sessions gw-1-ghost %s", "gw-1 simple 1 -");
  redis_ask(&redis, "HSET parley:room:{lobby}:attendance %s gw-1-ghost", "ghost rider");
  presence_reaped_finished(node.backend, node.ticket);
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS parley:node:{gw-1}:sessions"), "0") == 0);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{ghost rider}:sessions"), "0");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{lobby}:attendance"), "0");
  node_end(&node);
}

static void test_a_session_that_left_leaves_the_lobby_with_its_place(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  assert_int_equal(attend(&node, "alice", "gw-1-a").err, ERR_OK);
  assert_int_equal(attend(&node, "alice", "gw-1-b").err, ERR_OK);
  node_hear(&node, "parley:room:{lobby}");
  assert_int_equal(leave(&node, "alice", "gw-1-a", false).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "HGET parley:room:{lobby}:attendance alice"),
                      "gw-1-a gw-1-b");
  assert_int_equal(leave(&node, "alice", "gw-1-a", true).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "HGET parley:room:{lobby}:attendance alice"), "gw-1-b");
  assert_int_equal(leave(&node, "alice", "gw-1-b", true).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{lobby}:attendance"), "0");
  assert_int_equal(node.messages.count, 0); /* who should know has been told */
  node_end(&node);
}

static void test_who_is_missing_is_not_seen(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  for (int i = 0; i < 600; i++)
    redis_ask(&redis, "HSET parley:node:{gw-1}:sessions gw-1-a%d %s", i, "simple a");
  pass();
  assert_int_equal(roll.seen_last, 600);
  redis_ask(&redis, "HDEL parley:node:{gw-1}:sessions gw-1-a7 gw-1-a8");
  pass();
  assert_int_equal(roll.seen_last, 598);
  assert_int_equal(node.reaped.count, 0);
  node_end(&node);
}

/* A whole Redis that comes back has forgotten nothing here, but might have. */
static void test_all_is_looked_at_when_the_link_is_up_again(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  leave_ghost("gw-1-ghost");
  redis_kill(&redis);
  WAIT(base, !backend_ready(node.backend, NULL));
  redis_restart(&redis);
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS parley:node:{gw-1}:sessions"), "0") == 0);
  node_end(&node);
}

/* Another process took this one's name by mistake: neither clears the other's away for ever. */
static void test_a_name_that_another_process_took_is_left_alone(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  char life[32];
  snprintf(life, sizeof life, "%s", redis_ask(&redis, "GET parley:node:{gw-1}:life"));
  redis_ask(&redis, "SET parley:node:{gw-1}:life 9999999999999");
  leave_ghost("gw-1-others");
  for (int i = 0; i < 5; i++) {
    sweep_hurry(node.backend->presence->sweep);
    sweep_beat(node.backend->presence->sweep);
    resolve(&node, OWNER_ROOM, "lobby", false); /* behind it */
    resolve(&node, OWNER_ROOM, "lobby", false);
  }
  assert_string_equal(redis_ask(&redis, "HLEN parley:node:{gw-1}:sessions"), "1");
  assert_int_equal(node.reaped.count, 0);
  redis_ask(&redis, "SET parley:node:{gw-1}:life %s", life);
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS parley:node:{gw-1}:sessions"), "0") == 0);
  redis_ask(&redis, "DEL parley:node:{gw-1}:life"); /* forgotten: it is written again */
  WAIT(base, strcmp(redis_ask(&redis, "GET parley:node:{gw-1}:life"), life) == 0);
  node_end(&node);
}

/* ---- too late ----------------------------------------------------------------------- */

static bool was_late(int times)
{
  char line[48];
  snprintf(line, sizeof line, "errorstat_LATE:count=%d\r", times);
  return strstr(redis_ask(&redis, "INFO errorstats"), line);
}

/* A process that is killed while what it had written hangs on its way. */
static void run_killed_process(void)
{
  struct node node;
  struct outcome joined = {0}, attends = {0};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  base = loop_new();
  start(&node, "gw-1");
  resolve(&node, OWNER_USER, "a", true);
  kill(redis.pid, SIGSTOP);
  struct presence_join join = {.user = SLICE("a"),
                               .session = SLICE("gw-1-a"),
                               .protocol = SLICE("messaging"),
                               .exclusive = PRESENCE_REPLACE,
                               .now_ms = (uint64_t)time(NULL) * 1000};
  presence_join(node.backend, &join, on_joined, &joined);
  attendance_begin(node.backend, SLICE("lobby"), SLICE("a"), SLICE("gw-1-a"), SLICE("}"), on_stamp,
                   &attends);
  for (int i = 0; i < 3; i++) loop_turn(base); /* it is written */
  kill(getpid(), SIGKILL);
}

static void test_what_a_killed_process_had_written_is_not_carried_out_late(void **state)
{
  (void)state;
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    redis.plain = redisConnectUnix(redis.socket);
    run_killed_process();
  }
  waitpid(pid, &status, 0);
  assert_true(WIFSIGNALED(status));
  uint64_t until_ms = loop_now_ms() + 2 * quick().command_timeout_ms;
  WAIT(base, loop_now_ms() > until_ms); /* nobody would wait for it any more */
  redis_resume(&redis);
  WAIT(base, was_late(2));
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{a}:sessions"), "0");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{lobby}:attendance"), "0");
  redis_ask(&redis, "CONFIG RESETSTAT");
}

/* And of one that lives, and has given it up. */
static void test_what_was_given_up_is_not_carried_out_late(void **state)
{
  (void)state;
  struct node node;
  start(&node, "gw-1");
  resolve(&node, OWNER_USER, "a", true);
  redis_pause(&redis);
  assert_int_equal(join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE).err, ERR_UNAVAILABLE);
  uint64_t until_ms = loop_now_ms() + quick().command_timeout_ms;
  WAIT(base, loop_now_ms() > until_ms);
  redis_resume(&redis);
  WAIT(base, was_late(1));
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{a}:sessions"), "0");
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE).err, ERR_OK);
  node_end(&node);
}

#define TEST(name) cmocka_unit_test_setup(name, before)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_who_stands_there_in_vain_is_cleared_away),
      TEST(test_a_node_that_begins_finds_them),
      TEST(test_a_ghost_stays_until_it_is_finished),
      TEST(test_what_was_forgotten_meanwhile_goes_with_the_place),
      TEST(test_a_session_that_left_leaves_the_lobby_with_its_place),
      TEST(test_who_is_missing_is_not_seen),
      TEST(test_all_is_looked_at_when_the_link_is_up_again),
      TEST(test_a_name_that_another_process_took_is_left_alone),
      TEST(test_what_a_killed_process_had_written_is_not_carried_out_late),
      TEST(test_what_was_given_up_is_not_carried_out_late),
  };
  redis_start(&redis, NULL);
  base = loop_new();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  loop_free(base);
  redis_end(&redis);
  return failed;
}
