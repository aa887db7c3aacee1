/* Rooms against a real Redis: scripts/room_*.lua, attendance_*.lua, cursor_set.lua. */
#include "stage.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REST(text)          "\"kind\":\"message.sent\",\"body\":{\"text\":\"" text "\"}}"
#define LINE(id, seq, text) "{\"v\":1,\"id\":" id ",\"seq\":" seq "," REST(text)
#define ENTERED             "\"kind\":\"room.entered\"}"
#define EXITED              "\"kind\":\"room.exited\"}"

static void make_room(const char *room, const char *open, const char *public, const char *keep)
{
  redis_ask(&redis,
            "HSET parley:room:{%s}:record num 5 uuid u name n open %s public %s keep %s owner boss",
            room, open, public, keep);
}

static void test_the_lobby_is_there_from_the_start(void **state)
{
  (void)state;
  assert_string_equal(
      redis_ask(&redis, "HMGET parley:room:{lobby}:record num uuid name open public keep"),
      "1 189d48d4-e23d-5fa1-a938-6a97095a488c lobby 1 1 log");
  assert_string_equal(redis_ask(&redis, "GET parley:number:{c1}"), "room:lobby");
  assert_string_equal(redis_ask(&redis, "GET parley:numbers:conversations"), "1");
}

static void test_the_server_is_known_and_has_no_number(void **state)
{
  (void)state;
  struct outcome server = resolve(&node, OWNER_USER, "server", true);
  assert_int_equal(server.err, ERR_OK);
  assert_int_equal(server.num, 0);
  assert_string_equal(server.uuid, "00000000-0000-0000-0000-000000000000");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:numbers:users"), "0");
}

static void test_the_server_may_send_to_any_room(void **state)
{
  (void)state;
  make_room("den", "0", "0", "log");
  redis_ask(&redis, "SADD parley:room:{den}:bans bob");
  assert_int_equal(say(&node, "den", "alice", "", REST("x")).err, ERR_NOT_IN_ROOM);
  assert_int_equal(say(&node, "den", "bob", "", REST("x")).err, ERR_FORBIDDEN);
  struct outcome told = say(&node, "den", "", "", REST("x"));
  assert_int_equal(told.err, ERR_OK);
  assert_int_equal(told.seq, 1);
}

static void test_a_lobby_that_is_there_is_left_as_it_is(void **state)
{
  (void)state;
  redis_ask(&redis, "HSET parley:room:{lobby}:record name Hall");
  redis_ask(&redis, "SET parley:numbers:conversations 9");
  struct node other;
  node_start(&other, base, &redis, "gw-2");
  assert_string_equal(redis_ask(&redis, "HGET parley:room:{lobby}:record name"), "Hall");
  assert_string_equal(redis_ask(&redis, "GET parley:numbers:conversations"), "9");
  node_end(&other);
}

static void test_send_stamps_logs_and_publishes(void **state)
{
  (void)state;
  node_hear(&node, "parley:room:{lobby}");
  struct outcome first = say(&node, "lobby", "alice", "aaaa", REST("one"));
  struct outcome again = say(&node, "lobby", "alice", "aaaa", REST("one"));
  struct outcome second = say(&node, "lobby", "bob", "", REST("two"));
  assert_int_equal(first.err, ERR_OK);
  assert_int_equal(first.id, 65537);
  assert_int_equal(first.seq, 1);
  assert_true(again.repeated);
  assert_int_equal(again.id, 65537);
  assert_int_equal(second.seq, 2);
  WAIT(base, node.messages.count >= 2);
  assert_int_equal(node.messages.count, 2);
  assert_string_equal(told_at(&node.messages, 1), "parley:room:{lobby} " LINE("65538", "2", "two"));
  assert_string_equal(redis_ask(&redis, "LRANGE parley:room:{lobby}:log 0 -1"), "65537 65538");
  assert_string_equal(redis_ask(&redis, "GET parley:block:{1}"), "room:lobby");
  struct outcome log = log_page(&node, "lobby", 0, 10, 65536);
  assert_string_equal(log.lines, LINE("65537", "1", "one") "\n" LINE("65538", "2", "two") "\n");
}

static void test_who_may_send(void **state)
{
  (void)state;
  make_room("den", "1", "0", "log");
  assert_int_equal(say(&node, "nowhere", "alice", "", REST("x")).err, ERR_NOT_FOUND);
  assert_int_equal(say(&node, "den", "alice", "", REST("x")).err, ERR_NOT_IN_ROOM);
  assert_int_equal(enter(&node, "den", "alice", ENTERED).err, ERR_OK);
  assert_int_equal(say(&node, "den", "alice", "", REST("x")).err, ERR_OK);
  redis_ask(&redis, "SADD parley:room:{den}:bans alice");
  assert_int_equal(say(&node, "den", "alice", "", REST("x")).err, ERR_FORBIDDEN);
  redis_ask(&redis, "SADD parley:room:{lobby}:bans mallory");
  assert_int_equal(say(&node, "lobby", "mallory", "", REST("x")).err, ERR_FORBIDDEN);
  assert_int_equal(say(&node, "lobby", "alice", "", REST("x")).err, ERR_OK);
}

static void test_what_is_not_stored_is_published_only(void **state)
{
  (void)state;
  make_room("whisper", "1", "1", "none");
  node_hear(&node, "parley:room:{whisper}");
  struct outcome sent = say(&node, "whisper", "alice", "", REST("x"));
  assert_int_equal(sent.err, ERR_OK);
  assert_int_equal(sent.seq, 0);
  struct room_send ephemeral = {SLICE("lobby"), SLICE("alice"), {0}, SLICE(REST("y")), false};
  struct outcome outcome = {0};
  room_send(node.backend, &ephemeral, on_stamp, &outcome);
  WAIT(base, outcome.done && node.messages.count == 1);
  assert_int_equal(outcome.seq, 0);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{whisper}:log parley:room:{lobby}:log"),
                      "0");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{whisper}:messages"), "0");
}

static void test_the_log_is_trimmed(void **state)
{
  (void)state;
  struct node small;
  struct backend_limits limits = node_limits();
  limits.log_messages = 5;
  node_start_with(&small, base, redis.url, "gw-2", limits);
  WAIT(base, backend_ready(small.backend, NULL));
  for (int i = 0; i < 12; i++)
    assert_int_equal(say(&small, "lobby", "a", "", REST("x")).seq, i + 1);
  assert_string_equal(redis_ask(&redis, "LRANGE parley:room:{lobby}:log 0 -1"),
                      "65544 65545 65546 65547 65548");
  assert_string_equal(redis_ask(&redis, "HLEN parley:room:{lobby}:messages"), "5");
  struct outcome read = log_page(&small, "lobby", 3, 100, 65536);
  assert_int_equal(read.count, 5);
  assert_int_equal(read.seq, 12);
  node_end(&small);
}

static void test_a_long_log_is_never_longer_than_its_bound(void **state)
{
  (void)state;
  for (int i = 0; i < 1100; i++) {
    say(&node, "lobby", "a", "", REST("x"));
    if (i < 995) continue;
    int length = atoi(redis_ask(&redis, "LLEN parley:room:{lobby}:log"));
    assert_in_range(length, 960, 1000);
    assert_int_equal(length, atoi(redis_ask(&redis, "HLEN parley:room:{lobby}:messages")));
  }
}

static void test_old_log_entries_are_dropped_when_paging(void **state)
{
  (void)state;
  for (int i = 0; i < 4; i++) say(&node, "lobby", "a", "", REST("x"));
  long today = (long)(time(NULL) / 86400);
  redis_ask(&redis, "HSET parley:room:{lobby}:record old %ld d%ld 1 d%ld 3", today - 8, today - 8,
            today);
  assert_int_equal(log_page(&node, "lobby", 0, 100, 65536).count, 2);
  assert_in_range(atoi(redis_ask(&redis, "TTL parley:room:{lobby}:log")), 7 * 86400, 8 * 86400);
}

static void test_blocks_roll_over_in_order(void **state)
{
  (void)state;
  static struct outcome outcomes[20];
  say(&node, "lobby", "a", "", REST("x"));
  redis_ask(&redis, "HSET parley:room:{lobby}:record n 65530");
  for (size_t i = 0; i < 20; i++) {
    struct room_send send = {SLICE("lobby"), SLICE("a"), {0}, SLICE(REST("x")), true};
    outcomes[i] = (struct outcome){0};
    room_send(node.backend, &send, on_stamp, &outcomes[i]);
  }
  uint64_t last = 0;
  for (size_t i = 0; i < 20; i++) {
    WAIT(base, outcomes[i].done);
    assert_int_equal(outcomes[i].seq, i + 2);
    assert_true(outcomes[i].id > last);
    last = outcomes[i].id;
  }
  assert_int_equal(last, 2 * 65536 + 15);
}

static void test_entering_twice_is_once_told_once(void **state)
{
  (void)state;
  make_room("den", "1", "0", "log");
  node_hear(&node, "parley:room:{den}");
  node_hear(&node, "parley:user:{alice}");
  redis_ask(&redis, "HSET parley:room:{den}:record seq 7");
  assert_false(enter(&node, "den", "alice", ENTERED).repeated);
  WAIT(base, node.messages.count == 2);
  assert_true(told_has(&node.messages, "parley:room:{den} {\"v\":1,\"id\":0,\"seq\":0," ENTERED));
  assert_true(told_has(&node.messages, "parley:user:{alice} {\"v\":1,\"id\":0,\"seq\":0," ENTERED));
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{alice}:rooms"), "den");
  assert_string_equal(redis_ask(&redis, "HGET parley:room:{den}:cursors alice"), "7");
  assert_true(enter(&node, "den", "alice", ENTERED).repeated);
  WAIT(base, node.messages.count == 3);
  assert_string_equal(told_at(&node.messages, 2),
                      "parley:user:{alice} {\"v\":1,\"id\":0,\"seq\":0," ENTERED);
}

static void test_leaving(void **state)
{
  (void)state;
  make_room("den", "1", "0", "log");
  enter(&node, "den", "alice", ENTERED);
  node_hear(&node, "parley:room:{den}");
  assert_int_equal(leave_room(&node, "den", "alice", EXITED).err, ERR_OK);
  WAIT(base, node.messages.count == 1);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{alice}:rooms"), "0");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{den}:cursors"), "0");
  assert_int_equal(leave_room(&node, "den", "alice", EXITED).err, ERR_OK);
  assert_int_equal(leave_room(&node, "nowhere", "alice", EXITED).err, ERR_NOT_FOUND);
  assert_int_equal(say(&node, "den", "alice", "", REST("x")).err, ERR_NOT_IN_ROOM);
  node_hear(&node, "parley:user:{alice}"); /* what was published before has come by now */
  assert_int_equal(node.messages.count, 1);
}

static void test_who_may_enter(void **state)
{
  (void)state;
  make_room("closed", "0", "0", "log");
  assert_int_equal(enter(&node, "nowhere", "alice", ENTERED).err, ERR_NOT_FOUND);
  assert_int_equal(enter(&node, "closed", "alice", ENTERED).err, ERR_NOT_IN_ROOM);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{alice}:rooms"), "0");
  redis_ask(&redis, "SADD parley:room:{closed}:invites alice");
  assert_int_equal(enter(&node, "closed", "alice", ENTERED).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{closed}:invites"), "0");
  assert_int_equal(enter(&node, "closed", "boss", ENTERED).err, ERR_OK);
  redis_ask(&redis, "SADD parley:room:{closed}:invites mallory");
  redis_ask(&redis, "SADD parley:room:{closed}:bans mallory");
  assert_int_equal(enter(&node, "closed", "mallory", ENTERED).err, ERR_FORBIDDEN);
}

/* A crash between the room's tag and the user's: entering again completes it. */
static void test_entering_again_completes_the_users_side(void **state)
{
  (void)state;
  make_room("den", "1", "0", "log");
  redis_ask(&redis, "SADD parley:room:{den}:members alice");
  assert_int_equal(enter(&node, "den", "alice", ENTERED).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{alice}:rooms"), "den");
}

static struct outcome cursor(const char *user)
{
  struct outcome outcome = {0};
  room_cursor_get(node.backend, SLICE("den"), slice_of(user), on_page, &outcome);
  WAIT(base, outcome.done);
  return outcome;
}

static void test_cursors_go_forward_only_and_are_members(void **state)
{
  (void)state;
  make_room("den", "1", "0", "log");
  enter(&node, "den", "alice", ENTERED);
  room_cursor_set(node.backend, SLICE("den"), SLICE("alice"), 5);
  assert_int_equal(cursor("alice").err, ERR_OK);
  assert_int_equal(cursor("alice").seq, 5);
  room_cursor_set(node.backend, SLICE("den"), SLICE("alice"), 3);
  assert_int_equal(cursor("alice").seq, 5);
  room_cursor_set(node.backend, SLICE("den"), SLICE("bob"), 5);
  assert_int_equal(cursor("bob").err, ERR_NOT_IN_ROOM);
}

static void test_attendance_tells_the_first_and_the_last(void **state)
{
  (void)state;
  node_hear(&node, "parley:room:{lobby}");
  assert_int_equal(attend(&node, "alice", "gw-1-a").seq, 1);
  assert_int_equal(attend(&node, "alice", "gw-1-b").seq, 0);
  assert_int_equal(attend(&node, "alice", "gw-1-b").seq, 2);
  assert_int_equal(attend(&node, "bob", "gw-1-c").seq, 1);
  assert_string_equal(redis_ask(&redis, "HGET parley:room:{lobby}:attendance alice"),
                      "gw-1-a gw-1-b");
  assert_int_equal(depart(&node, "alice", "gw-1-a").seq, 0);
  assert_int_equal(depart(&node, "alice", "gw-1-a").seq, 0);
  assert_int_equal(depart(&node, "alice", "gw-1").seq, 0);
  assert_int_equal(depart(&node, "alice", "gw-1-b").seq, 1);
  assert_int_equal(depart(&node, "alice", "gw-1-b").seq, 0);
  assert_int_equal(depart(&node, "nobody", "gw-1-b").seq, 0);
  assert_string_equal(redis_ask(&redis, "HGETALL parley:room:{lobby}:attendance"), "bob gw-1-c");
  WAIT(base, node.messages.count >= 3);
  assert_int_equal(node.messages.count, 3);
  assert_string_equal(told_at(&node.messages, 2),
                      "parley:room:{lobby} {\"v\":1,\"id\":0,\"seq\":0," EXITED);
}

enum { MANY = 1500 };

struct attendees {
  unsigned seen[MANY]; /* how often each was in a part */
  unsigned parts;
  uint64_t next;
  enum err err;
  bool done;
};

static void on_attendees(void *arg, enum err err, uint64_t next, const struct slice *users,
                         size_t count)
{
  struct attendees *attendees = arg;
  for (size_t i = 0; i < count; i++) {
    unsigned number = (unsigned)strtoul(users[i].data + strlen("user-"), NULL, 10);
    assert_true(slice_starts_with(users[i], SLICE("user-")) && number < MANY);
    attendees->seen[number]++;
  }
  attendees->parts++;
  attendees->next = next;
  attendees->err = err;
  attendees->done = true;
}

static void read_attendees(struct attendees *attendees)
{
  do {
    attendees->done = false;
    attendance_page(node.backend, SLICE("lobby"), attendees->next, 100, on_attendees, attendees);
    WAIT(base, attendees->done);
  } while (attendees->next);
}

static void test_attendance_is_read_in_parts(void **state)
{
  (void)state;
  struct attendees attendees = {0};
  read_attendees(&attendees);
  assert_int_equal(attendees.err, ERR_OK);
  for (unsigned i = 0; i < MANY; i++)
    redis_ask(&redis, "HSET parley:room:{lobby}:attendance user-%u gw-1-%u", i, i);
  read_attendees(&attendees);
  assert_int_equal(attendees.err, ERR_OK);
  assert_true(attendees.parts > 5);
  for (unsigned i = 0; i < MANY; i++) assert_true(attendees.seen[i] > 0);
  redis_ask(&redis, "SET parley:room:{lobby}:attendance 1");
  read_attendees(&attendees);
  assert_int_equal(attendees.err, ERR_INTERNAL);
  redis_ask(&redis, "DEL parley:room:{lobby}:attendance");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_the_lobby_is_there_from_the_start),
      TEST(test_the_server_is_known_and_has_no_number),
      TEST(test_the_server_may_send_to_any_room),
      TEST(test_a_lobby_that_is_there_is_left_as_it_is),
      TEST(test_send_stamps_logs_and_publishes),
      TEST(test_who_may_send),
      TEST(test_what_is_not_stored_is_published_only),
      TEST(test_the_log_is_trimmed),
      TEST(test_a_long_log_is_never_longer_than_its_bound),
      TEST(test_old_log_entries_are_dropped_when_paging),
      TEST(test_blocks_roll_over_in_order),
      TEST(test_entering_twice_is_once_told_once),
      TEST(test_leaving),
      TEST(test_who_may_enter),
      TEST(test_entering_again_completes_the_users_side),
      TEST(test_cursors_go_forward_only_and_are_members),
      TEST(test_attendance_tells_the_first_and_the_last),
      TEST(test_attendance_is_read_in_parts),
  };
  return RUN_STAGE(tests);
}
