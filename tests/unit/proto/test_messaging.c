/* messaging, where a data file would not do: many items, the frame that the gateway
 * makes of them, what borrows. The wire itself is in tests/transcripts/messaging. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol.h"

static struct arena arena;

static const struct session_view user_21 = {
    .user = {.kind = PARTY_USER, .num = 21, .id = {"21", 2}},
};

static struct decoding decode(struct slice frame)
{
  struct decoding decoding = {.arena = &arena};
  protocol_decode(&protocol_messaging, &user_21, frame, &decoding);
  return decoding;
}

static void a_frame_full_of_items(void **state)
{
  (void)state;
  struct text frame = {0};
  text_append(&frame, SLICE("{\"send\":["));
  for (unsigned i = 0; i < 2000; i++) {
    text_append_format(&frame, "%s{\"id\":%u,\"rid\":%u,\"sid\":21,\"n\":%u}", i ? "," : "", i,
                       i + 100, i);
  }
  text_append(&frame, SLICE("]}"));
  struct decoding decoding = decode(text_slice(&frame));
  uint64_t count = 0, number;
  for (const struct command *send = decoding.first; send; send = send->next) {
    assert_int_equal(send->kind, COMMAND_SEND);
    assert_true(json_whole_number(send->client_id, &number));
    assert_int_equal(number, count);
    assert_true(json_whole_number(json_member(send->fields, SLICE("n")), &number));
    assert_int_equal(number, count);
    count++;
  }
  assert_int_equal(count, 2000);
  text_free(&frame);
  arena_reset(&arena);
}

static void items_make_the_seed_s_notification(void **state)
{
  (void)state;
  struct envelope event = {
      .id = 1,
      .kind = KIND_MESSAGE_SENT,
      .from = {.kind = PARTY_USER, .id = SLICE("21")},
      .to = {.kind = PARTY_USER, .id = SLICE("31")},
      .origin = {.protocol = SLICE("messaging"),
                 .client_id = SLICE("15"),
                 .from = SLICE("21"),
                 .to = SLICE("31")},
      .text = SLICE("\"hello\""),
  };
  struct text frame = {0};
  text_append(&frame, protocol_messaging.batch.open);
  assert_true(protocol_messaging.encode(&arena, &event, SLICE("31"), &frame));
  text_append(&frame, protocol_messaging.batch.separator);
  event.origin.client_id = SLICE("14");
  event.origin.from = SLICE("22");
  event.text = (struct slice){NULL, 0};
  event.fields = SLICE("{\"url\":\"https://web.com/pic.png\"}");
  assert_true(protocol_messaging.encode(&arena, &event, SLICE("31"), &frame));
  text_append(&frame, protocol_messaging.batch.close);
  assert_true(slice_is(text_slice(&frame),
                       "{\"messages\":[{\"id\":15,\"rid\":31,\"sid\":21,\"text\":\"hello\"},"
                       "{\"id\":14,\"rid\":31,\"sid\":22,\"url\":\"https://web.com/pic.png\"}]}"));
  text_free(&frame);
  arena_reset(&arena);
}

/* A number that is the sender's id by value but not by its digits is another's. */
static void sid_is_one_s_own_client_id(void **state)
{
  (void)state;
  static const struct {
    const char *sid;
    enum command_kind kind;
  } sids[] = {
      {"21", COMMAND_SEND},
      {"\"21\"", COMMAND_SEND},
      {"\"\\u0032\\u0031\"", COMMAND_SEND},
      {"21.0", COMMAND_REFUSED},
      {"2.1e1", COMMAND_REFUSED},
      {"\" 21\"", COMMAND_REFUSED},
      {"\"21\\u0000\"", COMMAND_REFUSED},
      {"\"\"", COMMAND_REFUSED},
  };
  for (size_t i = 0; i < sizeof sids / sizeof sids[0]; i++) {
    struct text frame = {0};
    text_append_format(&frame, "{\"send\":[{\"id\":1,\"rid\":31,\"sid\":%s}]}", sids[i].sid);
    struct decoding decoding = decode(text_slice(&frame));
    assert_int_equal(decoding.first->kind, sids[i].kind);
    if (sids[i].kind == COMMAND_REFUSED) assert_int_equal(decoding.first->refusal, ERR_FORBIDDEN);
    text_free(&frame);
    arena_reset(&arena);
  }
}

/* For what the gateway refuses by itself, whatever its tag: a null section and id. */
static void a_refusal_of_the_gateway_s_own(void **state)
{
  (void)state;
  struct decoding decoding = {.arena = &arena};
  const struct command *refused = decoding_refuse(&decoding, ERR_RATE_LIMITED, SLICE(""));
  const struct outcome outcome = {.err = ERR_RATE_LIMITED};
  struct text out = {0};
  protocol_messaging.reply(&user_21, refused, &outcome, &out);
  assert_true(slice_is(text_slice(&out),
                       "{\"errors\":[{\"section\":null,\"id\":null,\"code\":\"rate_limited\","
                       "\"message\":\"too much in too short a time\"}]}"));
  text_free(&out);
  arena_reset(&arena);
}

static void what_cannot_be_said_leaves_no_trace(void **state)
{
  (void)state;
  struct text out = {0};
  for (enum envelope_kind kind = 0; kind < KIND_COUNT; kind++) {
    const struct envelope event = {.kind = kind, .from = user_21.user, .to = user_21.user};
    bool said = protocol_messaging.encode(&arena, &event, SLICE("31"), &out);
    assert_int_equal(said, kind == KIND_MESSAGE_SENT || kind == KIND_NOTICE);
    assert_int_equal(said, out.len > 0);
    text_reset(&out);
  }
  text_free(&out);
  arena_reset(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_frame_full_of_items),
      cmocka_unit_test(items_make_the_seed_s_notification),
      cmocka_unit_test(sid_is_one_s_own_client_id),
      cmocka_unit_test(a_refusal_of_the_gateway_s_own),
      cmocka_unit_test(what_cannot_be_said_leaves_no_trace),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
