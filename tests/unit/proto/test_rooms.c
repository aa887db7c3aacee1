/* rooms, where a data file would not do: what borrows, the heartbeat, who may be told of
 * what, what every outcome gets. The wire itself is in tests/transcripts/rooms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_case.h"

static struct arena arena;

#define DEN   "5e4cf0a2-0a6c-4f3f-8d58-1c0d2a9e7b10"
#define ALICE "0d9a2f5e-7c41-4b7e-9a35-6f2f8c1b4e07"

static const struct session_view alice = {
    .user = {.kind = PARTY_USER, .num = 7, .id = {"alice", 5}, .uuid = {ALICE, 36}},
};

static const struct command *decode(struct slice frame)
{
  return decode_one(&protocol_rooms, &alice, &arena, frame);
}

static void what_is_sent_is_not_copied(void **state)
{
  (void)state;
  const struct slice message =
      SLICE("{\"type\":\"message\",\"key\":\"secret\",\"content\":\"hi\",\"room_id\":\"" DEN "\"}");
  const struct command *send = decode(message);
  assert_true(borrows(send->text, message));
  assert_true(borrows(send->key, message));
  assert_true(borrows(send->to.id, message));
  const struct slice ping = SLICE("{\"type\":\"ping\",\"time\":17}");
  assert_true(borrows(decode(ping)->client_id, ping));
  arena_reset(&arena);
}

/* A heartbeat, answered by a client as the seed says, is a frame that needs no answer. */
static void a_heartbeat_goes_round(void **state)
{
  (void)state;
  struct text out = {0};
  text_append(&out, SLICE("before "));
  protocol_rooms.ping(1700000000123, &out);
  assert_true(slice_is(text_slice(&out), "before {\"type\":\"ping\",\"time\":1700000000123}"));
  struct text pong = {0};
  text_append(&pong, SLICE("{\"type\":\"pong\",\"time\":"));
  text_append(&pong, json_member(slice_skip(text_slice(&out), 7), SLICE("time")));
  text_append_char(&pong, '}');
  const struct command *command = decode(text_slice(&pong));
  assert_int_equal(command->kind, COMMAND_NONE);
  const struct outcome outcome = {.err = ERR_OK};
  text_reset(&out);
  protocol_rooms.reply(&alice, command, &outcome, &out);
  assert_int_equal(out.len, 0);
  text_free(&pong);
  text_free(&out);
  arena_reset(&arena);
}

static bool is_said(enum envelope_kind kind, bool to_the_one_meant)
{
  switch (kind) {
  case KIND_MESSAGE_SENT:
  case KIND_NOTICE:
  case KIND_MESSAGE_READ:
  case KIND_ROOM_ENTERED:
  case KIND_ROOM_EXITED:
    return true;
  case KIND_ROOM_INVITED:
  case KIND_ROOM_KICKED:
    return to_the_one_meant;
  default:
    return false;
  }
}

/* Of every kind, to a room, to the user that it is about, and to another. Only who is
 * meant may take an invite or a kick for their own. */
static void what_cannot_be_said_leaves_no_trace(void **state)
{
  (void)state;
  static const char *const readers[] = {"", "bob", "carol"};
  struct text out = {0};
  for (enum envelope_kind kind = 0; kind < KIND_COUNT; kind++) {
    const struct envelope event = {
        .kind = kind,
        .from = alice.user,
        .to = {.kind = PARTY_ROOM, .num = 2, .id = SLICE("den"), .uuid = SLICE(DEN)},
        .user = {.kind = PARTY_USER, .num = 8, .id = SLICE("bob")},
        .message_id = 65537,
    };
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
      bool said = protocol_rooms.encode(&arena, &event, slice_of(readers[i]), &out);
      assert_int_equal(said, is_said(kind, i == 1));
      assert_int_equal(said, out.len > 0);
      if (said) assert_int_equal(json_check(text_slice(&out)), ERR_OK);
      text_reset(&out);
    }
  }
  text_free(&out);
  arena_reset(&arena);
}

/* A banned one is outside; who was not invited is not allowed to enter (rooms.md, errors). */
static enum err as_told(const char *request, enum err err)
{
  if (err == ERR_FORBIDDEN && strcmp(request, "message") == 0) return ERR_NOT_IN_ROOM;
  if (err == ERR_NOT_IN_ROOM && strcmp(request, "enter") == 0) return ERR_FORBIDDEN;
  return err;
}

/* Every error that dispatch can come back with has its frame, and names the request. */
static void every_error_is_told(void **state)
{
  (void)state;
  static const char *const names[] = {"message", "read", "invite", "enter", "exit", "ping", "pong"};
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    const struct command command = {.kind = COMMAND_SEND, .tag = i + 1, .client_id = SLICE("17")};
    for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++) {
      struct text out = {0};
      const struct outcome outcome = {.err = err, .already = true};
      protocol_rooms.reply(&alice, &command, &outcome, &out);
      assert_int_equal(json_check(text_slice(&out)), ERR_OK);
      struct slice code = err_code(as_told(names[i], err));
      assert_true(json_key_is(json_member(text_slice(&out), SLICE("error")), code));
      assert_true(json_key_is(json_member(text_slice(&out), SLICE("request")), slice_of(names[i])));
      text_free(&out);
    }
  }
}

/* For what the gateway refuses by itself, and for a tag that is none of the codec's. */
static void a_refusal_of_the_gateway_s_own(void **state)
{
  (void)state;
  const unsigned tags[] = {0, 8, 1000};
  for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
    const struct command refused = {
        .kind = COMMAND_REFUSED, .refusal = ERR_RATE_LIMITED, .tag = tags[i]};
    const struct outcome outcome = {.err = ERR_RATE_LIMITED};
    struct text out = {0};
    protocol_rooms.reply(&alice, &refused, &outcome, &out);
    assert_true(slice_is(text_slice(&out),
                         "{\"type\":\"error\",\"error\":\"rate_limited\",\"request\":null}"));
    text_free(&out);
  }
}

static void how_a_connection_behaves(void **state)
{
  (void)state;
  assert_int_equal(protocol_rooms.hears, HEARS_MEMBERSHIPS);
  assert_int_equal(protocol_rooms.own, OWN_ALL);
  assert_int_equal(protocol_rooms.exclusive, EXCLUSIVE_NO);
  assert_int_equal(protocol_rooms.direct_keep, KEEP_NEVER);
  assert_int_equal(protocol_rooms.room_keep, KEEP_NEVER);
  assert_false(protocol_rooms.acknowledges || protocol_rooms.shows_delivered);
  assert_true(slice_is(slice_of(protocol_rooms.paths[0]), "/rooms"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_sent_is_not_copied),
      cmocka_unit_test(a_heartbeat_goes_round),
      cmocka_unit_test(what_cannot_be_said_leaves_no_trace),
      cmocka_unit_test(every_error_is_told),
      cmocka_unit_test(a_refusal_of_the_gateway_s_own),
      cmocka_unit_test(how_a_connection_behaves),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
