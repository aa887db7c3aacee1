/* Who may do what in a room, and invitations; how many rooms one may be in; against a real Redis. */
#include "stage.h"

#include <stdio.h>

#include "messages.h"
#include "rooms.h"

#define INVITED      "\"kind\":\"room.invited\"}"
#define INVITED_LINE "{\"v\":1,\"id\":0,\"seq\":0," INVITED

/* `den` is open, `vault` is not; boss owns both, chief is an admin, alice a member, mallory
 * banned. */
static void make_room(const char *room, const char *open)
{
  redis_ask(&redis,
            "HSET parley:room:{%s}:record num 5 uuid u name n open %s public 0 keep log owner boss",
            room, open);
  redis_ask(&redis, "SADD parley:room:{%s}:members boss chief alice", room);
  redis_ask(&redis, "SADD parley:room:{%s}:admins chief", room);
  redis_ask(&redis, "SADD parley:room:{%s}:bans mallory", room);
}

static int before(void **state)
{
  stage_clear(state);
  make_room("den", "1");
  make_room("vault", "0");
  return 0;
}

struct standing_outcome {
  struct room_standing standing;
  bool done;
};

static void on_standing(void *arg, const struct room_standing *standing)
{
  struct standing_outcome *outcome = arg;
  assert_false(outcome->done);
  *outcome = (struct standing_outcome){*standing, true};
}

/* "member admin owner banned open public", those that are so. */
static const char *standing(const char *room, const char *user)
{
  static struct text words;
  struct standing_outcome outcome = {.done = false};
  room_standing(node.backend, slice_of(room), slice_of(user), on_standing, &outcome);
  assert_false(outcome.done);
  WAIT(base, outcome.done);
  const struct room_standing *is = &outcome.standing;
  text_reset(&words);
  if (is->err != ERR_OK) text_append_format(&words, "%d ", (int)is->err);
  if (is->member) text_append(&words, SLICE("member "));
  if (is->admin) text_append(&words, SLICE("admin "));
  if (is->owner) text_append(&words, SLICE("owner "));
  if (is->banned) text_append(&words, SLICE("banned "));
  if (is->open) text_append(&words, SLICE("open "));
  if (is->is_public) text_append(&words, SLICE("public "));
  text_append_char(&words, '\0');
  return words.data;
}

static enum err invite(const char *room, const char *by, const char *user)
{
  struct outcome outcome = {0};
  struct room_change_role change = {.room = slice_of(room),
                                    .by = slice_of(by),
                                    .user = slice_of(user),
                                    .role = ROOM_INVITES,
                                    .given = true,
                                    .user_event = SLICE(INVITED)};
  room_change_role(node.backend, &change, on_stamp, &outcome);
  assert_false(outcome.done);
  WAIT(base, outcome.done);
  assert_int_equal(outcome.times, 1);
  return outcome.err;
}

static void test_standing(void **state)
{
  (void)state;
  assert_string_equal(standing("den", "alice"), "member open ");
  assert_string_equal(standing("den", "nobody"), "open ");
  assert_string_equal(standing("vault", "boss"), "member owner ");
  assert_string_equal(standing("vault", "chief"), "member admin ");
  assert_string_equal(standing("vault", "mallory"), "banned ");
  assert_string_equal(standing("lobby", "alice"), "open public ");
  char missing[16];
  snprintf(missing, sizeof missing, "%d ", (int)ERR_NOT_FOUND);
  assert_string_equal(standing("nowhere", "alice"), missing);
}

static void test_any_member_invites_to_an_open_room(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{bob}");
  assert_int_equal(invite("den", "alice", "bob"), ERR_OK);
  WAIT(base, node.messages.count == 1);
  assert_string_equal(told_at(&node.messages, 0), "parley:user:{bob} " INVITED_LINE);
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:room:{den}:invites"), "bob");
  assert_int_equal(invite("den", "stranger", "bob"), ERR_NOT_IN_ROOM);
  assert_int_equal(invite("nowhere", "alice", "bob"), ERR_NOT_FOUND);
  node_hear(&node, "parley:user:{alice}"); /* what was published before has come by now */
  assert_int_equal(node.messages.count, 1);
}

static void test_admins_and_the_owner_invite_to_a_closed_room(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{bob}");
  assert_int_equal(enter(&node, "vault", "bob", INVITED).err, ERR_NOT_IN_ROOM);
  assert_int_equal(invite("vault", "alice", "bob"), ERR_FORBIDDEN);
  assert_int_equal(invite("vault", "stranger", "bob"), ERR_NOT_IN_ROOM);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{vault}:invites"), "0");
  node_hear(&node, "parley:user:{alice}");
  assert_int_equal(node.messages.count, 0);
  assert_int_equal(invite("vault", "chief", "bob"), ERR_OK);
  assert_int_equal(invite("vault", "boss", "carol"), ERR_OK);
  WAIT(base, node.messages.count == 1);
  assert_int_equal(enter(&node, "vault", "bob", INVITED).err, ERR_OK);
  assert_int_equal(enter(&node, "vault", "carol", INVITED).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{vault}:invites"), "0");
}

static void test_who_is_banned_cannot_be_invited(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{mallory}");
  assert_int_equal(invite("den", "alice", "mallory"), ERR_FORBIDDEN);
  assert_int_equal(invite("vault", "boss", "mallory"), ERR_FORBIDDEN);
  assert_int_equal(invite("den", "mallory", "bob"), ERR_NOT_IN_ROOM);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{den}:invites"), "0");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{vault}:invites"), "0");
  node_hear(&node, "parley:user:{alice}");
  assert_int_equal(node.messages.count, 0);
}

/* Else it would let them in again after a kick. */
static void test_a_member_keeps_no_invitation(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{alice}");
  assert_int_equal(invite("vault", "boss", "alice"), ERR_OK);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{vault}:invites"), "0");
  node_hear(&node, "parley:user:{bob}"); /* what was published before has come by now */
  assert_int_equal(node.messages.count, 0);
}

static enum err place(const char *room, const char *user, unsigned most)
{
  struct outcome outcome = {0};
  room_place(node.backend, slice_of(room), slice_of(user), most, on_err, &outcome);
  assert_false(outcome.done);
  WAIT(base, outcome.done);
  assert_int_equal(outcome.times, 1);
  return outcome.err;
}

static void test_there_is_place_up_to_the_bound(void **state)
{
  (void)state;
  assert_int_equal(place("den", "bob", 1), ERR_OK);
  assert_int_equal(place("", "bob", 1), ERR_OK); /* one that is yet to be made */
  assert_int_equal(enter(&node, "den", "bob", INVITED).err, ERR_OK);
  assert_int_equal(place("vault", "bob", 1), ERR_TOO_MANY_ROOMS);
  assert_int_equal(place("", "bob", 1), ERR_TOO_MANY_ROOMS);
  assert_int_equal(place("vault", "bob", 2), ERR_OK);
  assert_int_equal(place("den", "bob", 1), ERR_OK); /* the same again */
  assert_int_equal(leave_room(&node, "den", "bob", INVITED).err, ERR_OK);
  assert_int_equal(place("vault", "bob", 1), ERR_OK);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{bob}:rooms"),
                      "0"); /* it reserves nothing */
  redis_ask(&redis, "SET parley:user:{bob}:rooms none");
  assert_int_equal(place("den", "bob", 1), ERR_INTERNAL);
}

#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, before, stage_leave)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST_OF(test_standing),
      TEST_OF(test_any_member_invites_to_an_open_room),
      TEST_OF(test_admins_and_the_owner_invite_to_a_closed_room),
      TEST_OF(test_who_is_banned_cannot_be_invited),
      TEST_OF(test_a_member_keeps_no_invitation),
      TEST_OF(test_there_is_place_up_to_the_bound),
  };
  return RUN_STAGE(tests);
}
