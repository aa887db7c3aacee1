/* Sessions of users: joining, takeover, refusal, leaving; what an idle user costs. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>

#include "bus.h"

#define REST(text) "\"kind\":\"message.sent\",\"body\":{\"text\":\"" text "\"}}"

static void test_a_new_user_is_made(void **state)
{
  (void)state;
  struct outcome joined = join(&node, "alice", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  assert_int_equal(joined.err, ERR_OK);
  assert_int_equal(joined.times, 1);
  assert_int_equal(joined.num, 1);
  assert_string_equal(joined.uuid, "b74032dc-1c20-5c18-8650-b6eea596a200");
  assert_string_equal(joined.name, "alice");
  assert_int_equal(joined.sessions, 1);
  assert_int_equal(joined.count, 0);
  assert_string_equal(redis_ask(&redis, "GET parley:number:{u1}"), "user:alice");
  assert_string_equal(redis_ask(&redis, "HGET parley:node:{gw-1}:sessions gw-1-a"), "simple alice");
  const char *record = redis_ask(&redis, "HGET parley:user:{alice}:sessions gw-1-a");
  assert_memory_equal(record, "gw-1 simple 1", 13);
  assert_int_equal(record[strlen(record) - 1], ' ');
  assert_non_null(directory_find(node.backend, OWNER_USER, SLICE("alice")));
  assert_int_equal(join(&node, "alice", "gw-1-b", "chat", "", PRESENCE_SHARED).sessions, 2);
  assert_string_equal(redis_ask(&redis, "GET parley:numbers:users"), "1");
}

struct bans {
  bool done;
  char ids[64]; /* a blank behind each */
};

static void on_bans(void *arg, const struct presence_joined *joined)
{
  struct bans *bans = arg;
  size_t at = 0;
  assert_int_equal(joined->err, ERR_OK);
  assert_int_equal(joined->room_count, 1);
  assert_int_equal(joined->contact_count, 1);
  assert_int_equal(joined->unread.count, 1);
  for (size_t i = 0; i < joined->ban_count; i++)
    at += (size_t)snprintf(bans->ids + at, sizeof bans->ids - at, "%.*s ",
                           SLICE_ARG(joined->bans[i]));
  bans->done = true;
}

static void test_joining_brings_the_rooms_that_one_is_banned_from(void **state)
{
  (void)state;
  enter(&node, "lobby", "31", "\"kind\":\"room.entered\"}");
  push(&node, "31", "", REST("x"));
  redis_ask(&redis, "HSET parley:user:{31}:profile num 7 uuid u");
  redis_ask(&redis, "SADD parley:user:{31}:contacts bob");
  redis_ask(&redis, "SADD parley:user:{31}:bans den");
  struct presence_join call = {.user = SLICE("31"),
                               .session = SLICE("gw-1-a"),
                               .protocol = SLICE("concord"),
                               .contacts = true,
                               .page_count = 100,
                               .page_bytes = 65536};
  struct bans bans = {0};
  presence_join(node.backend, &call, on_bans, &bans);
  WAIT(base, bans.done);
  assert_string_equal(bans.ids, "den ");
}

static void test_joining_brings_unread_messages_and_rooms(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++) push(&node, "31", "", REST("x"));
  enter(&node, "lobby", "31", "\"kind\":\"room.entered\"}");
  struct outcome joined = join(&node, "31", "gw-1-a", "messaging", "phone", PRESENCE_REPLACE);
  assert_int_equal(joined.err, ERR_OK);
  assert_int_equal(joined.count, 3);
  assert_int_equal(joined.seq, 3);
  assert_int_equal(joined.id, 65539);
  assert_string_equal(joined.rooms, "lobby ");
  assert_true(atoll(redis_ask(&redis, "HGET parley:user:{31}:profile reader")) > 0);
}

static void test_refusal_is_by_protocol_and_device(void **state)
{
  (void)state;
  assert_int_equal(join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE).err, ERR_OK);
  assert_int_equal(join(&node, "a", "gw-1-b", "simple", "", PRESENCE_REFUSE).err, ERR_REPLACED);
  assert_string_equal(redis_ask(&redis, "HKEYS parley:user:{a}:sessions"), "gw-1-a");
  WAIT(base, strcmp(redis_ask(&redis, "HKEYS parley:node:{gw-1}:sessions"), "gw-1-a") == 0);
  assert_int_equal(join(&node, "a", "gw-1-c", "simple", "phone two", PRESENCE_REFUSE).err, ERR_OK);
  assert_int_equal(join(&node, "a", "gw-1-d", "simple", "phone two", PRESENCE_REFUSE).err,
                   ERR_REPLACED);
  assert_int_equal(join(&node, "a", "gw-1-e", "simple", "phone", PRESENCE_REFUSE).err, ERR_OK);
  assert_int_equal(join(&node, "a", "gw-1-f", "chat", "", PRESENCE_REFUSE).err, ERR_OK);
  /* The same session again is no other one: so it rejoins. */
  assert_int_equal(join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE).err, ERR_OK);
}

static void test_takeover_tells_the_older_session(void **state)
{
  (void)state;
  struct node other;
  node_start(&other, base, &redis, "gw-2");
  node_hear(&node, "parley:user:{31}");
  join(&node, "31", "gw-1-a", "messaging", "d", PRESENCE_REPLACE);
  join(&node, "31", "gw-1-b", "messaging", "other", PRESENCE_REPLACE);
  struct outcome newer = join(&other, "31", "gw-2-c", "messaging", "d", PRESENCE_REPLACE);
  assert_int_equal(newer.err, ERR_OK);
  assert_int_equal(newer.sessions, 2);
  WAIT(base, node.messages.count == 1);
  const char *told = told_at(&node.messages, 0);
  const char *begin =
      "parley:user:{31} {\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"session.replaced\",\"ts\":1";
  assert_memory_equal(told, begin, strlen(begin));
  assert_non_null(strstr(told, ",\"body\":{\"session\":\"gw-1-a\"}}"));
  assert_string_equal(redis_ask(&redis, "HEXISTS parley:user:{31}:sessions gw-1-a"), "0");
  assert_string_equal(redis_ask(&redis, "HEXISTS parley:user:{31}:sessions gw-2-c"), "1");
  node_end(&other);
}

static struct outcome join_at(const char *session, uint64_t now_ms, uint64_t since_ms)
{
  struct outcome outcome = {0};
  struct presence_join join = {.user = SLICE("31"),
                               .session = slice_of(session),
                               .protocol = SLICE("messaging"),
                               .exclusive = PRESENCE_REPLACE,
                               .now_ms = now_ms,
                               .since_ms = since_ms,
                               .again = since_ms};
  presence_join(node.backend, &join, on_joined, &outcome);
  WAIT(base, outcome.done);
  return outcome;
}

/* Also where they come in another order than they began: one that hung on its way, and one that
 * joins again and finds a ghost, or whoever took its place, there. */
static void test_the_place_is_whose_session_began_later(void **state)
{
  (void)state;
  assert_int_equal(join_at("gw-1-b", 1001, 0).err, ERR_OK);
  assert_int_equal(join_at("gw-1-a", 1000, 0).err, ERR_REPLACED);
  assert_int_equal(join_at("gw-1-a", 2000, 1000).err, ERR_REPLACED);
  assert_int_equal(join_at("gw-1-a", 2000, 1001).err, ERR_REPLACED);
  assert_string_equal(redis_ask(&redis, "HKEYS parley:user:{31}:sessions"), "gw-1-b");
  assert_int_equal(join_at("gw-1-c", 2000, 1002).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "HGETALL parley:user:{31}:sessions"),
                      "gw-1-c gw-1 messaging 1002 ");
  assert_int_equal(join_at("gw-1-d", 1002, 0).err, ERR_OK); /* at once: as they come */
  assert_string_equal(redis_ask(&redis, "HKEYS parley:user:{31}:sessions"), "gw-1-d");
  /* Of two who began at once, or so the nodes think, the one that was replaced stays that. */
  assert_int_equal(join_at("gw-1-c", 2000, 1003).err, ERR_REPLACED);
  assert_string_equal(redis_ask(&redis, "HGETALL parley:user:{31}:sessions"),
                      "gw-1-d gw-1 messaging 1003 ");
}

static void test_leaving_is_idempotent_and_in_two_steps(void **state)
{
  (void)state;
  join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  assert_int_equal(leave(&node, "a", "gw-1-a", false).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{a}:sessions"), "0");
  assert_string_equal(redis_ask(&redis, "HLEN parley:node:{gw-1}:sessions"), "1");
  assert_int_equal(leave(&node, "a", "gw-1-a", true).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:node:{gw-1}:sessions"), "0");
  assert_int_equal(leave(&node, "a", "gw-1-a", true).err, ERR_OK);
}

static struct outcome join_with(const char *credential, uint64_t now_ms)
{
  struct outcome outcome = {0};
  struct presence_join join = {.user = SLICE("31"),
                               .session = SLICE("gw-1-k"),
                               .protocol = SLICE("messaging"),
                               .credential = slice_of(credential),
                               .exclusive = PRESENCE_REPLACE,
                               .acknowledges = true,
                               .now_ms = now_ms};
  presence_join(node.backend, &join, on_joined, &outcome);
  assert_false(outcome.done);
  WAIT(base, outcome.done);
  return outcome;
}

/* No session slips in beside a revocation: nothing has changed where it is refused. */
static void test_a_credential_is_looked_at_where_the_session_begins(void **state)
{
  (void)state;
  assert_int_equal(join_with("k1", 1000).err, ERR_UNAUTHORIZED);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{31}:profile"), "0");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:numbers:users"), "0");
  redis_ask(&redis, "HSET parley:user:{31}:keys k1 %s k2 %s k3 what", "key 500 2000",
            "token 500 1000");
  assert_int_equal(join_with("k1", 1000).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "HGET parley:user:{31}:profile created"), "1000");
  assert_string_equal(redis_ask(&redis, "HGET parley:user:{31}:profile reader"), "1000");
  assert_int_equal(join_with("k2", 999).err, ERR_OK);
  static const char *const refused[] = {"k2", "k3", "k4", "key 500 2000"};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    assert_int_equal(join_with(refused[i], 1000).err, ERR_UNAUTHORIZED);
  assert_int_equal(join_with("k1", 1999).err, ERR_OK);
  join(&node, "31", "gw-1-old", "messaging", "", PRESENCE_REPLACE);
  assert_int_equal(join_with("k1", 2000).err, ERR_UNAUTHORIZED);
  assert_string_equal(redis_ask(&redis, "HKEYS parley:user:{31}:sessions"), "gw-1-old");
  WAIT(base, strcmp(redis_ask(&redis, "HKEYS parley:node:{gw-1}:sessions"), "gw-1-old") == 0);
}

static void test_a_user_whose_uuid_is_anothers_cannot_join(void **state)
{
  (void)state;
  join(&node, "alice", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  struct outcome thief =
      join(&node, "b74032dc-1c20-5c18-8650-b6eea596a200", "gw-1-b", "simple", "", PRESENCE_REFUSE);
  assert_int_equal(thief.err, ERR_CONFLICT);
  WAIT(base, strcmp(redis_ask(&redis, "HKEYS parley:node:{gw-1}:sessions"), "gw-1-a") == 0);
}

/* No ghost: what could not be said to Redis is said when it is back. */
static void test_leaving_while_redis_is_away_is_made_up_for(void **state)
{
  (void)state;
  join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  join(&node, "b", "gw-1-b", "simple", "", PRESENCE_REFUSE);
  redis_kill(&redis);
  WAIT(base, !backend_ready(node.backend, NULL));
  assert_int_equal(leave(&node, "a", "gw-1-a", true).err, ERR_UNAVAILABLE);
  redis_restart(&redis);
  WAIT(base, strcmp(redis_ask(&redis, "HKEYS parley:node:{gw-1}:sessions"), "gw-1-b") == 0);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{a}:sessions"), "0");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{b}:sessions"), "1");
}

/* A join that Redis carried out, and whose answer was lost. */
static void test_a_join_of_unknown_outcome_leaves_no_ghost(void **state)
{
  (void)state;
  struct node quick;
  struct backend_limits limits = node_limits();
  limits.command_timeout_ms = 200;
  node_start_with(&quick, base, redis.url, "gw-2", limits);
  WAIT(base, backend_ready(quick.backend, NULL));
  resolve(&quick, OWNER_USER, "a", true);
  redis_pause(&redis);
  struct outcome joined = join(&quick, "a", "gw-2-a", "simple", "", PRESENCE_REFUSE);
  assert_int_equal(joined.err, ERR_UNAVAILABLE);
  redis_resume(&redis);
  WAIT(base, backend_ready(quick.backend, NULL));
  WAIT(base,
       strcmp(redis_ask(&redis, "EXISTS parley:user:{a}:sessions parley:node:{gw-2}:sessions"),
              "0") == 0);
  assert_int_equal(join(&quick, "a", "gw-2-b", "simple", "", PRESENCE_REFUSE).err, ERR_OK);
  node_end(&quick);
}

/* A session that joins again has its place: whether that was heard or not, it keeps it. */
static void test_joining_again_of_unknown_outcome_takes_nothing_back(void **state)
{
  (void)state;
  struct node quick;
  struct backend_limits limits = node_limits();
  limits.command_timeout_ms = 200;
  node_start_with(&quick, base, redis.url, "gw-2", limits);
  WAIT(base, backend_ready(quick.backend, NULL));
  assert_int_equal(join(&quick, "a", "gw-2-a", "simple", "", PRESENCE_REFUSE).err, ERR_OK);
  redis_pause(&redis);
  struct outcome again = {0};
  struct presence_join second = {.user = SLICE("a"),
                                 .session = SLICE("gw-2-a"),
                                 .protocol = SLICE("simple"),
                                 .exclusive = PRESENCE_REFUSE,
                                 .now_ms = 1,
                                 .again = true};
  presence_join(quick.backend, &second, on_joined, &again);
  WAIT(base, again.done);
  assert_int_equal(again.err, ERR_UNAVAILABLE);
  redis_resume(&redis);
  WAIT(base, backend_ready(quick.backend, NULL));
  resolve(&quick, OWNER_USER, "b", true); /* what was sent before is carried out by now */
  assert_string_equal(redis_ask(&redis, "HKEYS parley:user:{a}:sessions"), "gw-2-a");
  assert_string_equal(redis_ask(&redis, "HKEYS parley:node:{gw-2}:sessions"), "gw-2-a");
  node_end(&quick);
}

static void on_refused_kill(void *arg, const struct presence_joined *joined)
{
  on_joined(arg, joined);
  redis_kill(&redis);
}

/* A join that was refused stands in the node's hash until that is taken back, also where Redis
 * goes away at that moment. */
static void test_a_refused_join_leaves_no_ghost_where_redis_goes(void **state)
{
  (void)state;
  join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  struct outcome refused = {0};
  struct presence_join second = {.user = SLICE("a"),
                                 .session = SLICE("gw-1-b"),
                                 .protocol = SLICE("simple"),
                                 .exclusive = PRESENCE_REFUSE,
                                 .now_ms = 1};
  presence_join(node.backend, &second, on_refused_kill, &refused);
  WAIT(base, refused.done);
  assert_int_equal(refused.err, ERR_REPLACED);
  redis_restart(&redis);
  WAIT(base, backend_ready(node.backend, NULL));
  WAIT(base, strcmp(redis_ask(&redis, "HKEYS parley:node:{gw-1}:sessions"), "gw-1-a") == 0);
}

static long memory_of(const char *key)
{
  return strtol(redis_ask(&redis, "MEMORY USAGE %s SAMPLES 0", key), NULL, 10);
}

/* targets.md: an idle connection costs Redis at most 1 KiB, presence included. */
static void test_an_idle_user_is_cheap(void **state)
{
  (void)state;
  enum { USERS = 2000 };
  static struct outcome outcomes[USERS];
  long before_bytes =
      strtol(strstr(redis_ask(&redis, "INFO memory"), "used_memory:") + 12, NULL, 10);
  for (int i = 0; i < USERS; i++) {
    char user[32], session[32];
    snprintf(user, sizeof user, "bench-user-%06d", i);
    snprintf(session, sizeof session, "gw-3f2a.0-%07d", i);
    struct presence_join join = {.user = slice_of(user),
                                 .session = slice_of(session),
                                 .protocol = SLICE("messaging"),
                                 .acknowledges = true,
                                 .now_ms = 1700000000123};
    presence_join(node.backend, &join, on_joined, &outcomes[i]);
    char channel[64];
    snprintf(channel, sizeof channel, "parley:user:{%s}", user);
    bus_subscribe(node.backend, slice_of(channel));
  }
  for (int i = 0; i < USERS; i++) {
    WAIT(base, outcomes[i].done);
    assert_int_equal(outcomes[i].err, ERR_OK);
  }
  WAIT(base, node.subscribed.count > USERS);
  char uuid_key[80];
  snprintf(uuid_key, sizeof uuid_key, "parley:uuid:{%s}",
           redis_ask(&redis, "HGET parley:user:{bench-user-000007}:profile uuid"));
  long keys = memory_of("parley:user:{bench-user-000007}:profile") +
              memory_of("parley:user:{bench-user-000007}:sessions") +
              memory_of("parley:number:{u8}") + memory_of(uuid_key) +
              memory_of("parley:node:{gw-1}:sessions") / USERS;
  long used = strtol(strstr(redis_ask(&redis, "INFO memory"), "used_memory:") + 12, NULL, 10);
  print_message("an idle user: %ld bytes of keys, %ld of used_memory\n", keys,
                (used - before_bytes) / USERS);
  assert_in_range(keys, 1, 900);
  assert_in_range((used - before_bytes) / USERS, 1, 1024);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_new_user_is_made),
      TEST(test_joining_brings_unread_messages_and_rooms),
      TEST(test_joining_brings_the_rooms_that_one_is_banned_from),
      TEST(test_refusal_is_by_protocol_and_device),
      TEST(test_takeover_tells_the_older_session),
      TEST(test_the_place_is_whose_session_began_later),
      TEST(test_leaving_is_idempotent_and_in_two_steps),
      TEST(test_a_credential_is_looked_at_where_the_session_begins),
      TEST(test_a_user_whose_uuid_is_anothers_cannot_join),
      TEST(test_leaving_while_redis_is_away_is_made_up_for),
      TEST(test_a_join_of_unknown_outcome_leaves_no_ghost),
      TEST(test_an_idle_user_is_cheap),
      TEST(test_joining_again_of_unknown_outcome_takes_nothing_back),
      TEST(test_a_refused_join_leaves_no_ghost_where_redis_goes),
  };
  return RUN_STAGE(tests);
}
