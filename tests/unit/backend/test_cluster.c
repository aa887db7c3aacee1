/* Redis Cluster: three masters, all real, whose slots move while messages flow. */
#include "redis_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "account.h"
#include "bus.h"
#include "bus_private.h"
#include "keys.h"
#include "store.h"
#include "uuid.h"

enum { MASTERS = 3, ALL = 4 }; /* the last one has no slots */

static struct event_base *base;
static struct redis masters[ALL];
static char ports[ALL][2][8];
static const char *extras[ALL][16];
static char ids[ALL][48];
static char url[128];
static struct node node;

#define REST(text) "\"kind\":\"message.sent\",\"body\":{\"text\":\"" text "\"}}"

/* ---- the cluster --------------------------------------------------------------------- */

static void start_master(int index)
{
  snprintf(ports[index][0], sizeof ports[index][0], "%d", free_port());
  snprintf(ports[index][1], sizeof ports[index][1], "%d", free_port());
  const char *extra[] = {"--port",
                         ports[index][0],
                         "--bind",
                         "127.0.0.1",
                         "--cluster-port",
                         ports[index][1],
                         "--cluster-enabled",
                         "yes",
                         "--cluster-node-timeout",
                         "1500",
                         "--cluster-require-full-coverage",
                         "no",
                         NULL};
  memcpy(extras[index], extra, sizeof extra);
  redis_start(&masters[index], extras[index]);
  snprintf(ids[index], sizeof ids[index], "%s", redis_ask(&masters[index], "CLUSTER MYID"));
}

static bool know_each_other(int count)
{
  for (int i = 0; i < count; i++) {
    char known[32];
    const char *info = redis_ask(&masters[i], "CLUSTER INFO");
    snprintf(known, sizeof known, "cluster_known_nodes:%d\r", count);
    if (!strstr(info, "cluster_state:ok") || !strstr(info, known)) return false;
    if (strstr(redis_ask(&masters[i], "CLUSTER NODES"), "handshake")) return false;
  }
  return true;
}

static void make_cluster(void)
{
  for (int i = 0; i < MASTERS; i++) {
    start_master(i);
    redis_ask(&masters[i], "CLUSTER SET-CONFIG-EPOCH %d", i + 1);
    redis_ask(&masters[i], "CLUSTER ADDSLOTSRANGE %d %d", KEY_SLOTS * i / MASTERS,
              KEY_SLOTS * (i + 1) / MASTERS - 1);
    if (i) redis_ask(&masters[0], "CLUSTER MEET 127.0.0.1 %s %s", ports[i][0], ports[i][1]);
  }
  WAIT(base, know_each_other(MASTERS));
  snprintf(url, sizeof url, "redis+cluster://127.0.0.1:%s,127.0.0.1:%s", ports[0][0], ports[1][0]);
}

static unsigned slot_of(const char *user)
{
  char key[64];
  snprintf(key, sizeof key, "parley:user:{%s}", user);
  return key_slot(slice_of(key));
}

static int owner_of(unsigned slot)
{
  for (int i = 0; i < ALL; i++) {
    if (!masters[i].pid) continue;
    const char *nodes = redis_ask(&masters[i], "CLUSTER NODES");
    const char *me = strstr(nodes, "myself");
    unsigned first, last;
    for (const char *at = strstr(me, "connected"); at && *at && *at != '\n'; at++) {
      if (*at != ' ' || at[1] == '[') continue;
      int read = sscanf(at + 1, "%u-%u", &first, &last);
      if (read == 1) last = first;
      if (read >= 1 && slot >= first && slot <= last) return i;
    }
  }
  fail_msg("slot %u is nobody's", slot);
  return -1;
}

/* What node `i` knows of that one: its epoch and its slots. */
static void known_of(int i, const char *id, char *out, size_t size)
{
  char line[1024] = "";
  const char *at = redis_ask(&masters[i], "CLUSTER NODES");
  while (at && strncmp(at, id, strlen(id)) != 0) at = (at = strchr(at, '\n')) ? at + 1 : NULL;
  if (at) snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
  char *rest = line;
  for (int field = 0; field < 6 && rest; field++) rest = strchr(rest + 1, ' ');
  char *slots = rest ? strstr(rest, "connected") : NULL;
  snprintf(out, size, "%.*s%s", rest ? (int)strcspn(rest + 1, " ") : 0, rest ? rest + 1 : "",
           slots ? slots + strlen("connected") : "");
}

/* All have heard of it: without that, the next move would be made with an epoch of old. */
static bool agree_on(int to)
{
  char own[512], others[512];
  known_of(to, ids[to], own, sizeof own);
  for (int i = 0; i < ALL; i++) {
    if (!masters[i].pid) continue;
    known_of(i, ids[to], others, sizeof others);
    if (strcmp(own, others) != 0) return false;
  }
  return true;
}

static void begin_moving(unsigned slot, int from, int to)
{
  redis_ask(&masters[to], "CLUSTER SETSLOT %d IMPORTING %s", (int)slot, ids[from]);
  redis_ask(&masters[from], "CLUSTER SETSLOT %d MIGRATING %s", (int)slot, ids[to]);
}

/* One key; false: none is left. */
static bool move_key(unsigned slot, int from, int to)
{
  const char *key = redis_ask(&masters[from], "CLUSTER GETKEYSINSLOT %d 1", (int)slot);
  if (!*key) return false;
  const char *said = redis_ask(&masters[from], "MIGRATE 127.0.0.1 %s %s 0 5000", ports[to][0], key);
  assert_string_equal(said, "OK");
  return true;
}

static void end_moving(unsigned slot, int to)
{
  redis_ask(&masters[to], "CLUSTER SETSLOT %d NODE %s", (int)slot, ids[to]);
  for (int i = 0; i < ALL; i++)
    if (masters[i].pid && i != to)
      redis_ask(&masters[i], "CLUSTER SETSLOT %d NODE %s", (int)slot, ids[to]);
  WAIT(base, agree_on(to));
}

static void move_slot(unsigned slot, int from, int to)
{
  begin_moving(slot, from, to);
  while (move_key(slot, from, to)) loop_turn(base);
  end_moving(slot, to);
}

/* ---- worlds -------------------------------------------------------------------------- */

static int before(void **state)
{
  (void)state;
  for (int i = 0; i < ALL; i++)
    if (masters[i].pid) redis_ask(&masters[i], "FLUSHALL");
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

static void send_many(const char *user, struct outcome *outcomes, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    struct inbox_push push = {slice_of(user), {0}, SLICE(REST("x")), true, 0};
    outcomes[i] = (struct outcome){0};
    inbox_push(node.backend, &push, on_stamp, &outcomes[i]);
  }
}

static size_t count_done(const struct outcome *outcomes, size_t count)
{
  size_t done = 0;
  for (size_t i = 0; i < count; i++) done += outcomes[i].done;
  return done;
}

/* Each master has an epoch of its own: seq may jump where the slot moves. */
static void expect_in_order(const struct outcome *outcomes, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(outcomes[i].err, ERR_OK);
    assert_int_equal(outcomes[i].times, 1);
    if (i > 0) assert_true(outcomes[i].seq > outcomes[i - 1].seq);
    if (i > 0) assert_true(outcomes[i].id > outcomes[i - 1].id);
  }
}

/* ---- tests --------------------------------------------------------------------------- */

static void test_slots_are_as_redis_counts_them(void **state)
{
  (void)state;
  static const char *const keys[] = {
      "foo",     "123456789", "parley:user:{31}:unread", "a{}b", "{a}{b}x", "{", "}{x}", "",
      "x{{y}}z", "parley:all"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    assert_int_equal(key_slot(slice_of(keys[i])),
                     atoi(redis_ask(&masters[0], "CLUSTER KEYSLOT %s", keys[i])));
}

static void test_users_everywhere_get_what_is_sent(void **state)
{
  (void)state;
  bool used[MASTERS] = {false};
  for (int i = 0; i < 60; i++) {
    char user[16], channel[48];
    snprintf(user, sizeof user, "u%d", i);
    snprintf(channel, sizeof channel, "parley:user:{%s}", user);
    node_hear(&node, channel);
    size_t messages = node.messages.count;
    assert_int_equal(push(&node, user, "", REST("x")).err, ERR_OK);
    WAIT(base, node.messages.count == messages + 1);
    assert_int_equal(page(&node, user, 0, 10, 1000).count, 1);
    used[owner_of(slot_of(user))] = true;
  }
  for (int i = 0; i < MASTERS; i++) assert_true(used[i]);
}

static void test_everything_else_works_on_a_cluster(void **state)
{
  (void)state;
  node_lease(&node);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(resolve(&node, OWNER_USER, "alice", true).err, ERR_OK);
  assert_int_equal(join(&node, "alice", "s1", "simple", "", PRESENCE_REFUSE).err, ERR_OK);
  assert_int_equal(enter(&node, "lobby", "alice", REST("in")).err, ERR_OK);
  assert_int_equal(attend(&node, "alice", "s1").err, ERR_OK);
  node_hear(&node, "parley:room:{lobby}");
  struct outcome said = say(&node, "lobby", "alice", "d", REST("hello"));
  assert_int_equal(said.err, ERR_OK);
  WAIT(base, node.messages.count >= 1);
  assert_int_equal(log_page(&node, "lobby", 0, 10, 10000).count, 1);
  node_hear(&node, "parley:all");
  size_t messages = node.messages.count;
  bus_publish(node.backend, SLICE("parley:all"), SLICE("{\"x\":1}"));
  WAIT(base, node.messages.count == messages + 1);
  assert_int_equal(depart(&node, "alice", "s1").err, ERR_OK);
  assert_int_equal(leave(&node, "alice", "s1", true).err, ERR_OK);
}

/* Calls are on their way all the time while the slot moves, key by key. */
static void test_a_slot_moves_under_load(void **state)
{
  (void)state;
  static struct outcome outcomes[600];
  unsigned slot = slot_of("31");
  int from = owner_of(slot), to = (from + 1) % MASTERS;
  node_hear(&node, "parley:user:{31}");
  size_t subscribed = node.subscribed.count;
  send_many("31", outcomes, 100);
  loop_turn(base);
  begin_moving(slot, from, to);
  send_many("31", outcomes + 100, 200);
  loop_turn(base);
  while (move_key(slot, from, to)) loop_turn(base);
  send_many("31", outcomes + 300, 100);
  loop_turn(base);
  end_moving(slot, to);
  send_many("31", outcomes + 400, 200);
  WAIT(base, count_done(outcomes, 600) == 600);
  expect_in_order(outcomes, 600);
  WAIT(base, node.subscribed.count > subscribed); /* the channel is at the new one */
  size_t messages = node.messages.count;
  assert_int_equal(push(&node, "31", "", REST("y")).err, ERR_OK);
  WAIT(base, node.messages.count > messages);
  assert_int_equal(page(&node, "31", 0, 1000, 1000000).count, 601);
  WAIT(base, backend_ready(node.backend, NULL));
  move_slot(slot, to, from);
  assert_true(push(&node, "31", "", REST("z")).seq > outcomes[599].seq);
}

/* Half of the keys are here, half there: TRYAGAIN, until they are together. */
static void test_a_slot_that_hangs_half_way(void **state)
{
  (void)state;
  static struct outcome outcomes[20];
  unsigned slot = slot_of("31");
  int from = owner_of(slot), to = (from + 1) % MASTERS;
  send_many("31", outcomes, 5);
  WAIT(base, count_done(outcomes, 5) == 5);
  begin_moving(slot, from, to);
  assert_true(move_key(slot, from, to));
  send_many("31", outcomes + 5, 10);
  for (int i = 0; i < 30; i++) loop_turn(base);
  assert_int_equal(count_done(outcomes, 15), 5); /* they wait */
  while (move_key(slot, from, to)) {}
  send_many("31", outcomes + 15, 5);
  end_moving(slot, to);
  WAIT(base, count_done(outcomes, 20) == 20);
  expect_in_order(outcomes, 20);
  move_slot(slot, to, from);
}

static void test_what_finds_no_place_is_given_up(void **state)
{
  (void)state;
  unsigned slot = slot_of("31");
  int from = owner_of(slot), to = (from + 1) % MASTERS;
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
  begin_moving(slot, from, to);
  assert_true(move_key(slot, from, to));
  uint64_t begin_ms = loop_now_ms();
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_UNAVAILABLE);
  assert_in_range(loop_now_ms() - begin_ms, 1900, 3000);
  assert_int_equal(push(&node, "u1", "", REST("x")).err, ERR_OK); /* others are not held up */
  while (move_key(slot, from, to)) {}
  end_moving(slot, to);
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
  move_slot(slot, to, from);
}

/* A key that is gone from here already, and single: ASK. */
static void test_one_key_is_asked_for_elsewhere(void **state)
{
  (void)state;
  unsigned slot = key_slot(SLICE("parley:blocks"));
  int from = owner_of(slot), to = (from + 1) % MASTERS;
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
  begin_moving(slot, from, to);
  while (move_key(slot, from, to)) {}
  for (int i = 0; i < 20; i++) { /* each takes a block, from there */
    char user[16];
    snprintf(user, sizeof user, "b%d", i);
    assert_int_equal(push(&node, user, "", REST("x")).err, ERR_OK);
  }
  end_moving(slot, to);
  assert_int_equal(push(&node, "c", "", REST("x")).err, ERR_OK);
  /* Each master has an epoch of its own, which leaves out some (push.c). */
  assert_int_equal(atoi(redis_ask(&masters[to], "GET parley:blocks")) % 65536, 22);
  move_slot(slot, to, from);
}

/* A node that nobody has a link to takes a slot. */
static void test_a_new_master_takes_a_slot(void **state)
{
  (void)state;
  static struct outcome outcomes[200];
  unsigned slot = slot_of("31");
  int from = owner_of(slot);
  start_master(MASTERS);
  redis_ask(&masters[0], "CLUSTER MEET 127.0.0.1 %s %s", ports[MASTERS][0], ports[MASTERS][1]);
  WAIT(base, know_each_other(ALL));
  node_hear(&node, "parley:user:{31}");
  size_t subscribed = node.subscribed.count;
  send_many("31", outcomes, 100);
  loop_turn(base);
  move_slot(slot, from, MASTERS);
  send_many("31", outcomes + 100, 100);
  WAIT(base, count_done(outcomes, 200) == 200);
  expect_in_order(outcomes, 200);
  WAIT(base, node.subscribed.count > subscribed);
  size_t messages = node.messages.count;
  assert_int_equal(push(&node, "31", "", REST("y")).err, ERR_OK);
  WAIT(base, node.messages.count > messages);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(backend_counts(node.backend).command_ups, ALL);
  move_slot(slot, MASTERS, from);
  assert_int_equal(push(&node, "31", "", REST("z")).err, ERR_OK);
}

/* Channels come and go while their slot does. */
static void test_leaving_a_channel_whose_slot_moves(void **state)
{
  (void)state;
  unsigned slot = slot_of("31");
  int from = owner_of(slot), to = (from + 1) % MASTERS;
  const struct slice channel = SLICE("parley:user:{31}");
  for (int round = 0; round < 6; round++) {
    node_hear(&node, "parley:user:{31}");
    move_slot(slot, round % 2 ? to : from, round % 2 ? from : to);
    if (round % 3 == 1) loop_turn(base);
    bus_unsubscribe(node.backend, channel);
    if (round % 3 == 2) loop_turn(base);
    bus_subscribe(node.backend, channel);
    WAIT(base,
         bus_subscribe(node.backend, channel) || (bus_unsubscribe(node.backend, channel), false));
    bus_unsubscribe(node.backend, channel);
    /* It comes, or the channel is subscribed anew, by which what was missed is made up for. */
    size_t messages = node.messages.count, subscribed = node.subscribed.count;
    assert_int_equal(push(&node, "31", "", REST("y")).err, ERR_OK);
    WAIT(base, node.messages.count > messages || node.subscribed.count > subscribed);
    messages = node.messages.count;
    assert_int_equal(push(&node, "31", "", REST("y")).err, ERR_OK);
    WAIT(base, node.messages.count > messages);
    bus_unsubscribe(node.backend, channel);
  }
}

static void test_one_master_is_away(void **state)
{
  (void)state;
  int victim = owner_of(slot_of("31"));
  char other[16];
  for (int i = 0;; i++) {
    snprintf(other, sizeof other, "o%d", i);
    if (owner_of(slot_of(other)) != victim) break;
  }
  char channel[64];
  snprintf(channel, sizeof channel, "parley:user:{%s}", other);
  node_hear(&node, "parley:user:{31}");
  node_hear(&node, channel);
  redis_kill(&masters[victim]);
  WAIT(base, told_has(&node.lost, "parley:user:{31}"));
  WAIT(base, !backend_ready(node.backend, NULL));
  uint64_t begin_ms = loop_now_ms();
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_UNAVAILABLE);
  assert_in_range(loop_now_ms() - begin_ms, 0, 500);
  assert_false(told_has(&node.lost, channel));
  assert_int_equal(node.bus_lost, 0);
  size_t subscribed = node.subscribed.count;
  redis_restart(&masters[victim]);
  const char *why = "";
  for (uint64_t until_ms = loop_now_ms() + WAIT_MS; !backend_ready(node.backend, &why);) {
    loop_turn(base);
    if (loop_now_ms() > until_ms) fail_msg("%s", why);
  }
  WAIT(base, node.subscribed.count > subscribed);
  size_t messages = node.messages.count;
  struct outcome pushed = push(&node, "31", "", REST("x"));
  while (pushed.err == ERR_UNAVAILABLE) pushed = push(&node, "31", "", REST("x"));
  assert_int_equal(pushed.err, ERR_OK);
  WAIT(base, node.messages.count > messages);
}

/* Who is refused asks again, twice, for something that lies elsewhere. */
struct insistent {
  struct store *store;
  unsigned user, refused;
};

static void insist(struct insistent *insistent);

static void on_insisted(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  struct insistent *insistent = arg;
  assert_int_equal(err, ERR_UNAVAILABLE);
  if (++insistent->refused < 3) insist(insistent);
}

static void insist(struct insistent *insistent)
{
  char user[16];
  snprintf(user, sizeof user, "%u", insistent->user + 100 * insistent->refused);
  store_begin_command(insistent->store, "EXISTS", 1);
  store_key(insistent->store, OWNER_USER, slice_of(user), "");
  store_send(insistent->store, on_insisted, insistent);
}

static void test_asking_again_while_it_is_freed(void **state)
{
  (void)state;
  struct store *store = node.backend->store;
  struct insistent all[] = {{store, 31, 0}, {store, 32, 0}, {store, 31, 0}, {store, 33, 0}};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (i) store_behind(store);
    insist(&all[i]);
  }
  node_end(&node);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) assert_int_equal(all[i].refused, 3);
}

/* Each master forgets for itself: who has ended stands there again, and nowhere else. */
static void test_what_a_master_forgot_of_who_ended_is_said_again(void **state)
{
  (void)state;
  int victim = owner_of(slot_of("31"));
  node_lease(&node);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(join(&node, "31", "gw-1-a", "simple", "", PRESENCE_SHARED).err, ERR_OK);
  assert_int_equal(join(&node, "31", "gw-1-b", "simple", "", PRESENCE_SHARED).err, ERR_OK);
  assert_int_equal(leave(&node, "31", "gw-1-a", true).err, ERR_OK);
  redis_ask(&masters[victim], "HSET parley:user:{31}:sessions gw-1-a %s", "gw-1 simple 1 ");
  redis_kill(&masters[victim]);
  WAIT(base, !backend_ready(node.backend, NULL));
  redis_restart(&masters[victim]);
  WAIT(base, told_has(&node.reaped, " 31 gw-1-a"));
  assert_string_equal(redis_ask(&masters[victim], "HKEYS parley:user:{31}:sessions"), "gw-1-b");
  assert_int_equal(node.reaped.count, 1);
  WAIT(base, backend_ready(node.backend, NULL));
}

/* Of gw-2, which is dead: cleared away by gw-1. */
static void reap_one(const char *session)
{
  int home = owner_of(key_slot(SLICE("parley:node:{gw-2}:sessions")));
  int user = owner_of(slot_of("31")), nodes = owner_of(key_slot(SLICE("parley:nodes")));
  size_t reaped = node.reaped.count;
  redis_ask(&masters[user], "HSET parley:user:{31}:sessions %s %s", session, "gw-2 simple 1 ");
  redis_ask(&masters[home], "HSET parley:node:{gw-2}:sessions %s %s", session, "simple 31");
  redis_ask(&masters[nodes], "ZADD parley:nodes -1700000000000 gw-2");
  WAIT(base, node.reaped.count == reaped + 1);
  WAIT(base, strcmp(redis_ask(&masters[nodes], "ZSCORE parley:nodes gw-2"), "(nil)") == 0);
  WAIT(base, strcmp(redis_ask(&masters[home], "EXISTS parley:node:{gw-2}:reaper"), "0") == 0);
  assert_string_equal(redis_ask(&masters[user], "EXISTS parley:user:{31}:sessions"), "0");
}

/* Its node had only been paused, and is back with it: unlike who ended here, it is not cleared away
 * once more. */
static void test_who_was_reaped_and_came_back_stays(void **state)
{
  (void)state;
  int user = owner_of(slot_of("31"));
  int home = owner_of(key_slot(SLICE("parley:node:{gw-2}:sessions")));
  node_lease(&node);
  WAIT(base, backend_ready(node.backend, NULL));
  reap_one("gw-2-back");
  assert_int_equal(join(&node, "31", "gw-1-a", "simple", "", PRESENCE_SHARED).err, ERR_OK);
  assert_int_equal(leave(&node, "31", "gw-1-a", true).err, ERR_OK);
  redis_ask(&masters[home], "HSET parley:node:{gw-2}:sessions gw-2-back %s", "simple 31");
  redis_ask(&masters[user], "HSET parley:user:{31}:sessions gw-2-back %s", "gw-2 simple 1 ");
  redis_ask(&masters[user], "HSET parley:user:{31}:sessions gw-1-a %s", "gw-1 simple 1 ");
  redis_kill(&masters[user]);
  WAIT(base, !backend_ready(node.backend, NULL));
  redis_restart(&masters[user]);
  WAIT(base, told_has(&node.reaped, " 31 gw-1-a")); /* who was reaped would have been before it */
  assert_false(told_has(&node.reaped, " 31 gw-2-back"));
  assert_string_equal(redis_ask(&masters[user], "HKEYS parley:user:{31}:sessions"), "gw-2-back");
}

/* ---- parts at other masters ---------------------------------------------------------- */

static void start_both(struct node *waiting)
{
  node_start_with(&node, base, url, "gw-1", node_limits());
  WAIT(base, backend_ready(node.backend, NULL));
  node_start_options(waiting, &(struct backend_options){.base = base,
                                                        .redis = url,
                                                        .redis_wait = 1,
                                                        .prefix = "parley:",
                                                        .node = "gw-2",
                                                        .limits = node_limits()});
  WAIT(base, backend_ready(waiting->backend, NULL));
}

/* The master `home` alone has a replica; that it gets one begins another term of it. */
static void start_replica(struct redis *replica, int home)
{
  const char *extra[] = {"--port", "0", "--replicaof", "127.0.0.1", ports[home][0], NULL};
  redis_start(replica, extra);
  WAIT(base, strstr(redis_ask(&masters[home], "INFO replication"), "state=online"));
}

static int home_of_block(unsigned long block)
{
  char key[48];
  snprintf(key, sizeof key, "parley:block:{%lu}", block);
  return owner_of(key_slot(slice_of(key)));
}

/* Takes blocks until the next one's owner would be written elsewhere. */
static void next_block_is_not_at(int home)
{
  struct redis *counter = &masters[owner_of(key_slot(SLICE("parley:blocks")))];
  for (int i = 0;
       !i || home_of_block(strtoul(redis_ask(counter, "GET parley:blocks"), NULL, 10) + 1) == home;
       i++) {
    char user[16];
    snprintf(user, sizeof user, "taker%d", i);
    assert_int_equal(push(&node, user, "", REST("x")).err, ERR_OK);
  }
}

/* A user there whose UUID is written elsewhere. */
static void find_user(int home, char user[16])
{
  for (int i = 0;; i++) {
    char uuid[UUID_TEXT_BYTES + 1], key[80];
    snprintf(user, 16, "new%d", i);
    uuid_of("user", slice_of(user), uuid);
    snprintf(key, sizeof key, "parley:uuid:{%s}", uuid);
    if (owner_of(slot_of(user)) == home && owner_of(key_slot(slice_of(key))) != home) return;
  }
}

static void on_issued(void *arg, const struct issued *issued)
{
  struct outcome *outcome = arg;
  outcome->err = issued->err;
  outcome->done = true;
}

static size_t issue_keys(struct node *waiting, const char *user, size_t count)
{
  size_t issued = 0;
  for (size_t i = 0; i < count; i++) {
    struct outcome outcome = {0};
    credential_issue(waiting->backend, slice_of(user), CREDENTIAL_IS_KEY, 1, on_issued, &outcome);
    WAIT(base, outcome.done);
    if (outcome.err != ERR_OK) assert_int_equal(outcome.err, ERR_UNAVAILABLE);
    issued += outcome.err == ERR_OK;
  }
  return issued;
}

/* Of the user's keys, those whose own entry stands there. */
static size_t count_keys_at(int home, const char *user)
{
  size_t count = 0;
  char ids[1024], *rest = ids;
  snprintf(ids, sizeof ids, "%s", redis_ask(&masters[home], "HKEYS parley:user:{%s}:keys", user));
  for (const char *id; (id = strtok_r(rest, " \n", &rest));) {
    char key[80];
    snprintf(key, sizeof key, "parley:key:{%s}", id);
    count += owner_of(key_slot(slice_of(key))) == home;
  }
  return count;
}

static void test_what_has_parts_elsewhere_is_promised_when_replicas_have_all(void **state)
{
  (void)state;
  struct node waiting;
  struct redis replica;
  char user[16];
  int home = owner_of(slot_of("31"));
  node_end(&node);
  start_replica(&replica, home);
  start_both(&waiting);
  next_block_is_not_at(home);
  assert_int_equal(push(&waiting, "31", "", REST("x")).err, ERR_UNAVAILABLE);
  assert_string_equal(redis_ask(&masters[home], "EXISTS parley:user:{31}:unread"), "0");
  find_user(home, user);
  assert_int_equal(resolve(&waiting, OWNER_USER, user, true).err, ERR_UNAVAILABLE);
  assert_int_equal(resolve(&node, OWNER_USER, user, true).err, ERR_OK);
  size_t issued = issue_keys(&waiting, user, 6);
  assert_int_equal(count_keys_at(home, user), issued);
  node_end(&waiting);
  redis_end(&replica);
}

/* The probe has a channel at each: one that delivers nothing is found. */
static void test_every_bus_link_is_probed(void **state)
{
  (void)state;
  for (int i = 0; i < MASTERS; i++) {
    const char *channels = redis_ask(&masters[i], "PUBSUB SHARDCHANNELS parley:probe:*");
    assert_non_null(strstr(channels, "parley:probe:{gw-1/"));
  }
}

static void test_script_flush_on_one_master(void **state)
{
  (void)state;
  static struct outcome outcomes[200];
  send_many("31", outcomes, 100);
  loop_turn(base);
  redis_ask(&masters[owner_of(slot_of("31"))], "SCRIPT FLUSH");
  send_many("31", outcomes + 100, 100);
  WAIT(base, count_done(outcomes, 200) == 200);
  expect_in_order(outcomes, 200);
}

static void test_freeing_while_calls_wait(void **state)
{
  (void)state;
  static struct outcome outcomes[30];
  unsigned slot = slot_of("31");
  int from = owner_of(slot), to = (from + 1) % MASTERS;
  send_many("31", outcomes, 10);
  WAIT(base, count_done(outcomes, 10) == 10);
  begin_moving(slot, from, to);
  assert_true(move_key(slot, from, to));
  send_many("31", outcomes + 10, 10);
  for (int i = 0; i < 10; i++) loop_turn(base);
  send_many("31", outcomes + 20, 10);
  node_end(&node);
  for (size_t i = 10; i < 30; i++) {
    assert_int_equal(outcomes[i].err, ERR_UNAVAILABLE);
    assert_int_equal(outcomes[i].times, 1);
  }
  while (move_key(slot, from, to)) {}
  end_moving(slot, to);
  move_slot(slot, to, from);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_slots_are_as_redis_counts_them),
      TEST(test_users_everywhere_get_what_is_sent),
      TEST(test_everything_else_works_on_a_cluster),
      TEST(test_a_slot_moves_under_load),
      TEST(test_a_slot_that_hangs_half_way),
      TEST(test_what_finds_no_place_is_given_up),
      TEST(test_one_key_is_asked_for_elsewhere),
      TEST(test_leaving_a_channel_whose_slot_moves),
      TEST(test_every_bus_link_is_probed),
      TEST(test_script_flush_on_one_master),
      TEST(test_freeing_while_calls_wait),
      TEST(test_asking_again_while_it_is_freed),
      TEST(test_one_master_is_away),
      TEST(test_what_a_master_forgot_of_who_ended_is_said_again),
      TEST(test_who_was_reaped_and_came_back_stays),
      TEST(test_what_has_parts_elsewhere_is_promised_when_replicas_have_all),
      TEST(test_a_new_master_takes_a_slot),
  };
  base = loop_new();
  make_cluster();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  loop_free(base);
  for (int i = 0; i < ALL; i++)
    if (masters[i].pid) redis_end(&masters[i]);
  return failed;
}
