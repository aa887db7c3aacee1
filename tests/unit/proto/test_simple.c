/* simple, where a data file would not do: what borrows, what is left alone. The wire
 * itself is in tests/transcripts/simple. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol.h"

static const struct session_view alice = {
    .user = {.kind = PARTY_USER, .num = 7, .id = {"alice", 5}},
};

static const struct command *decode(struct arena *arena, const struct session_view *session,
                                    struct slice frame)
{
  struct decoding decoding = {.arena = arena};
  protocol_decode(&protocol_simple, session, frame, &decoding);
  assert_non_null(decoding.first);
  assert_ptr_equal(decoding.first, decoding.last); /* always exactly one */
  return decoding.first;
}

static void a_message_is_not_copied(void **state)
{
  (void)state;
  struct arena arena = {0};
  const struct slice frame =
      SLICE("{\"type\":\"send_message\",\"payload_id\":\"17\",\"message\":\"hello\"}");
  const struct command *send = decode(&arena, &alice, frame);
  assert_true(send->text.data > frame.data && send->text.data < frame.data + frame.len);
  assert_true(send->client_id.data > frame.data && send->client_id.data < frame.data + frame.len);
  arena_free(&arena);
}

static void without_to_it_goes_to_the_session_s_room(void **state)
{
  (void)state;
  struct arena arena = {0};
  const struct slice frame =
      SLICE("{\"type\":\"send_message\",\"payload_id\":\"17\",\"message\":\"hello\"}");
  assert_true(slice_is(decode(&arena, &alice, frame)->to.id, "lobby"));
  struct session_view in_den = alice;
  in_den.room = SLICE("den");
  const struct command *send = decode(&arena, &in_den, frame);
  assert_int_equal(send->to.kind, ADDRESS_ROOM);
  assert_true(slice_is(send->to.id, "den"));
  arena_free(&arena);
}

static void encode_appends(void **state)
{
  (void)state;
  struct arena arena = {0};
  struct text out = {0};
  text_append(&out, SLICE("before "));
  const struct envelope entered = {.kind = KIND_ROOM_ENTERED, .ts_ms = 5, .from = alice.user};
  assert_true(protocol_simple.encode(&arena, &entered, SLICE(""), &out));
  assert_true(slice_is(text_slice(&out), "before {\"type\":\"user_connected\",\"timestamp\":5,"
                                         "\"username\":\"alice\"}"));
  size_t len = out.len;
  const struct envelope typing = {.kind = KIND_TYPING, .ts_ms = 5, .from = alice.user};
  assert_false(protocol_simple.encode(&arena, &typing, SLICE(""), &out));
  assert_int_equal(out.len, len); /* what cannot be said leaves no trace */
  text_free(&out);
  arena_free(&arena);
}

/* Every error that dispatch can come back with has its reply. */
static void every_error_is_a_reply(void **state)
{
  (void)state;
  const struct command send = {.kind = COMMAND_SEND, .client_id = SLICE("\"17\"")};
  for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++) {
    struct text out = {0};
    const struct outcome outcome = {.err = err};
    protocol_simple.reply(&alice, &send, &outcome, &out);
    assert_int_equal(json_check(text_slice(&out)), ERR_OK);
    assert_true(slice_is(json_member(text_slice(&out), SLICE("payload_id")), "\"17\""));
    assert_true(json_is_string(json_member(text_slice(&out), SLICE("error"))));
    text_free(&out);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_message_is_not_copied),
      cmocka_unit_test(without_to_it_goes_to_the_session_s_room),
      cmocka_unit_test(encode_appends),
      cmocka_unit_test(every_error_is_a_reply),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
