/* concord, where a data file would not do: what borrows, what is left alone, what every
 * outcome gets. The wire itself is in tests/transcripts/concord. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_case.h"

static struct arena arena;

static const struct session_view alice = {
    .user = {.kind = PARTY_USER, .num = 7, .id = {"alice", 5}},
};

static const struct command *decode(struct slice frame)
{
  return decode_one(&protocol_concord, &alice, &arena, frame);
}

static void what_is_sent_is_not_copied(void **state)
{
  (void)state;
  const struct slice written = SLICE(
      "{\"type\":\"chat_written\",\"channelId\":1,\"threadId\":7,\"sentAt\":1,\"content\":\"hi\"}");
  const struct command *send = decode(written);
  assert_true(borrows(send->text, written));
  assert_true(borrows(send->thread, written));
  const struct slice reaction =
      SLICE("{\"type\":\"chat_reaction\",\"chatId\":65537,\"reaction\":\"+1\",\"adding\":true}");
  assert_true(borrows(decode(reaction)->reaction, reaction));
  arena_reset(&arena);
}

/* A client's clock and a client's word on who it is never go further. */
static void no_frame_says_when_or_who(void **state)
{
  (void)state;
  const struct command *typing = decode(SLICE(
      "{\"type\":\"chat_typing\",\"userId\":8,\"channelId\":1,\"threadId\":null,\"sentAt\":99}"));
  assert_int_equal(typing->kind, COMMAND_TYPING);
  assert_int_equal(typing->user.kind, ADDRESS_NONE);
  assert_int_equal(typing->wire_from.len, 0);
  assert_int_equal(typing->fields.len, 0);
  assert_int_equal(typing->client_id.len, 0);
  arena_reset(&arena);
}

static bool is_said(enum envelope_kind kind)
{
  switch (kind) {
  case KIND_MESSAGE_SENT:
  case KIND_NOTICE:
  case KIND_MESSAGE_EDITED:
  case KIND_MESSAGE_DELETED:
  case KIND_REACTION_UPDATED:
  case KIND_TYPING:
  case KIND_PRESENCE_ONLINE:
  case KIND_PRESENCE_OFFLINE:
  case KIND_ROOM_CREATED:
  case KIND_ROOM_DELETED:
    return true;
  default:
    return false;
  }
}

/* Of every kind, in a room and with nobody to go to at all. */
static void what_cannot_be_said_leaves_no_trace(void **state)
{
  (void)state;
  struct text out = {0};
  text_append(&out, SLICE("before "));
  for (enum envelope_kind kind = 0; kind < KIND_COUNT; kind++) {
    struct envelope event = {
        .kind = kind,
        .from = alice.user,
        .to = {.kind = PARTY_ROOM, .num = 2, .id = SLICE("den")},
        .message_id = 65537,
    };
    bool said = protocol_concord.encode(&arena, &event, SLICE(""), &out);
    assert_int_equal(said, is_said(kind));
    assert_int_equal(said, out.len > 7);
    if (said) assert_int_equal(json_check(slice_skip(text_slice(&out), 7)), ERR_OK);
    out.len = 7;
    event.to = (struct party){.kind = PARTY_NONE};
    said = protocol_concord.encode(&arena, &event, SLICE(""), &out);
    assert_int_equal(said, kind == KIND_PRESENCE_ONLINE || kind == KIND_PRESENCE_OFFLINE);
    assert_int_equal(said, out.len > 7);
    out.len = 7;
  }
  text_free(&out);
  arena_reset(&arena);
}

/* The seed answers nothing; a failure of any kind has its code and a sentence. */
static void only_failures_are_answered(void **state)
{
  (void)state;
  static const enum command_kind kinds[] = {COMMAND_SEND, COMMAND_TYPING, COMMAND_REACT};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    const struct command command = {.kind = kinds[i], .tag = (unsigned)i + 1};
    for (enum err err = ERR_OK; err < ERR_COUNT; err++) {
      struct text out = {0};
      const struct outcome outcome = {.err = err, .message_id = 65537};
      protocol_concord.reply(&alice, &command, &outcome, &out);
      assert_int_equal(out.len > 0, err != ERR_OK);
      if (err != ERR_OK) {
        assert_int_equal(json_check(text_slice(&out)), ERR_OK);
        assert_true(slice_is(json_member(text_slice(&out), SLICE("type")), "\"error\""));
        assert_true(json_is_string(json_member(text_slice(&out), SLICE("code"))));
        assert_true(json_is_string(json_member(text_slice(&out), SLICE("message"))));
      }
      text_free(&out);
    }
  }
}

static void how_a_connection_behaves(void **state)
{
  (void)state;
  assert_int_equal(protocol_concord.hears, HEARS_PUBLIC | HEARS_MEMBERSHIPS);
  assert_int_equal(protocol_concord.own, OWN_ALL);
  assert_int_equal(protocol_concord.exclusive, EXCLUSIVE_NO);
  assert_int_equal(protocol_concord.direct_keep, KEEP_LOG);
  assert_int_equal(protocol_concord.room_keep, KEEP_LOG);
  assert_false(protocol_concord.acknowledges || protocol_concord.shows_delivered);
  assert_null(protocol_concord.ping);
  assert_true(slice_is(slice_of(protocol_concord.paths[0]), "/client"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_sent_is_not_copied),
      cmocka_unit_test(no_frame_says_when_or_who),
      cmocka_unit_test(what_cannot_be_said_leaves_no_trace),
      cmocka_unit_test(only_failures_are_answered),
      cmocka_unit_test(how_a_connection_behaves),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
