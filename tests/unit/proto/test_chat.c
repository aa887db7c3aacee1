/* chat, where a data file would not do: exactly one answer to each request, pages of
 * messages, what borrows, the contract's flags. The wire itself is in
 * tests/transcripts/chat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol.h"

extern const struct protocol protocol_chat;

static struct arena arena;

static const struct session_view alice = {
    .user = {.kind = PARTY_USER, .num = 7, .id = {"alice", 5}},
    .now_ms = 1700000000999,
};

static struct decoding decode(struct slice frame)
{
  struct decoding decoding = {.arena = &arena};
  protocol_decode(&protocol_chat, &alice, frame, &decoding);
  return decoding;
}

static void flags(void **state)
{
  (void)state;
  assert_string_equal(protocol_chat.name, "chat");
  assert_string_equal(protocol_chat.paths[0], "/chat");
  assert_null(protocol_chat.paths[1]);
  assert_int_equal(protocol_chat.hears, HEARS_MEMBERSHIPS);
  assert_int_equal(protocol_chat.own, OWN_OTHERS);
  assert_int_equal(protocol_chat.exclusive, EXCLUSIVE_NO);
  assert_true(protocol_chat.acknowledges && protocol_chat.shows_delivered);
  assert_int_equal(protocol_chat.direct_keep, KEEP_LOG);
  assert_int_equal(protocol_chat.room_keep, KEEP_LOG);
  assert_int_equal(protocol_chat.batch.max_items, 0);
  assert_true(!protocol_chat.ping && !protocol_chat.shown_as);
}

/* Whatever a request asks for, one command and one response with its id come of it. */
static void one_response_to_a_request(void **state)
{
  (void)state;
  static const char *const types[] = {"new",     "newMessage",  "edit",   "delete", "dlvrd",
                                      "read",    "getMessage",  "typing", "enter",  "exit",
                                      "getChat", "getMessages", "ack",    "",       "x"};
  static const char *const payloads[] = {
      "{\"chatId\":\"bob\",\"message\":\"hi\",\"messageId\":5,\"count\":5}",
      "{\"chatId\":\"#den\",\"message\":\"hi\",\"messageId\":5,\"count\":5}",
      "{}",
      "null",
  };
  static const enum err errs[] = {ERR_OK, ERR_NOT_FOUND, ERR_UNAVAILABLE};
  for (size_t i = 0; i < sizeof types / sizeof types[0] * 4 * 3; i++) {
    struct text frame = {0}, out = {0};
    text_append_format(&frame,
                       "{\"type\":\"request\",\"id\":\"r\",\"payloadType\":\"%s\",\"payload\":%s}",
                       types[i / 12], payloads[i / 3 % 4]);
    struct decoding decoding = decode(text_slice(&frame));
    assert_non_null(decoding.first);
    assert_ptr_equal(decoding.first, decoding.last);
    const struct outcome outcome = {.err = errs[i % 3], .message_id = 9, .ts_ms = 1};
    protocol_chat.reply(&alice, decoding.first, &outcome, &out);
    assert_int_equal(json_check(text_slice(&out)), ERR_OK);
    assert_true(slice_is(json_member(text_slice(&out), SLICE("type")), "\"response\""));
    assert_true(slice_is(json_member(text_slice(&out), SLICE("id")), "\"r\""));
    assert_true(slice_is(json_member(text_slice(&out), SLICE("timestamp")), "1700000000999"));
    struct slice payload = json_member(text_slice(&out), SLICE("payload"));
    bool failed = decoding.first->kind == COMMAND_REFUSED || outcome.err != ERR_OK ||
                  decoding.first->kind == COMMAND_GET_MESSAGE; /* the outcome holds none */
    assert_int_equal(failed, json_member(payload, SLICE("error")).len > 0);
    text_free(&frame);
    text_free(&out);
    arena_reset(&arena);
  }
}

/* The time in a payload is the outcome's, that of the response is now. */
static void times(void **state)
{
  (void)state;
  const struct command send = {.kind = COMMAND_SEND, .client_id = SLICE("1")};
  const struct outcome outcome = {.message_id = 65537, .ts_ms = 1700000000123};
  struct text out = {0};
  protocol_chat.reply(&alice, &send, &outcome, &out);
  assert_true(slice_is(text_slice(&out),
                       "{\"type\":\"response\",\"timestamp\":1700000000999,\"id\":1,"
                       "\"payload\":{\"messageId\":65537,\"timestamp\":1700000000123}}"));
  text_free(&out);
}

/* Texts that stand for others are made for each message anew. */
static void a_hundred_messages(void **state)
{
  (void)state;
  struct envelope messages[100];
  struct receipt receipts[100];
  for (size_t i = 0; i < 100; i++) {
    messages[i] = (struct envelope){
        .id = 65537 + i,
        .kind = KIND_MESSAGE_SENT,
        .ts_ms = 1700000000000 + i,
        .from = {.kind = PARTY_USER, .id = SLICE("bob")},
        .fields = SLICE("{\"url\":\"https://web.com/pic.png\"}"),
        .attachments = SLICE("[\"https://a\"]"),
    };
    receipts[i] = (struct receipt){.delivered_ms = i % 2, .read_ms = i % 3};
  }
  const struct command get = {.kind = COMMAND_GET_MESSAGES, .client_id = SLICE("\"r\"")};
  const struct outcome outcome = {.messages = messages, .receipts = receipts, .message_count = 100};
  struct text out = {0};
  protocol_chat.reply(&alice, &get, &outcome, &out);
  assert_int_equal(json_check(text_slice(&out)), ERR_OK);
  struct json_walk walk = json_walk(json_member(text_slice(&out), SLICE("payload")));
  struct slice key, item;
  uint64_t number, count = 0;
  while (json_walk_next(&walk, &key, &item)) {
    assert_true(json_whole_number(json_member(item, SLICE("messageId")), &number));
    assert_int_equal(number, 65537 + count);
    assert_true(slice_is(json_member(item, SLICE("message")), "\"https://web.com/pic.png\""));
    assert_int_equal(json_member(item, SLICE("delivered")).len > 0, count % 2 > 0);
    assert_int_equal(json_member(item, SLICE("read")).len > 0, count % 3 > 0);
    count++;
  }
  assert_int_equal(count, 100);
  text_free(&out);
}

/* For what the gateway refuses by itself. */
static void a_refusal_of_the_gateway_s_own(void **state)
{
  (void)state;
  struct decoding decoding = {.arena = &arena};
  const struct command *refused = decoding_refuse(&decoding, ERR_RATE_LIMITED, SLICE(""));
  const struct outcome outcome = {.err = ERR_RATE_LIMITED};
  struct text out = {0};
  protocol_chat.reply(&alice, refused, &outcome, &out);
  assert_true(slice_is(text_slice(&out),
                       "{\"type\":\"response\",\"timestamp\":1700000000999,\"id\":null,"
                       "\"payload\":{\"error\":\"rate_limited\",\"status\":429,"
                       "\"message\":\"too much in too short a time\"}}"));
  text_free(&out);
  arena_reset(&arena);
}

/* An event that is shown again has the id that it had; another one has another. */
static void ids_of_events(void **state)
{
  (void)state;
  const struct party bob = {.kind = PARTY_USER, .num = 8, .id = SLICE("bob")};
  struct envelope event = {
      .id = 65537, .kind = KIND_MESSAGE_SENT, .ts_ms = 5, .from = alice.user, .to = bob};
  struct text first = {0}, again = {0};
  assert_true(protocol_chat.encode(&arena, &event, bob.id, &first));
  assert_true(protocol_chat.encode(&arena, &event, bob.id, &again));
  assert_true(slice_equal(text_slice(&first), text_slice(&again)));
  text_reset(&again);
  event.id = 65538;
  assert_true(protocol_chat.encode(&arena, &event, bob.id, &again));
  assert_false(slice_equal(json_member(text_slice(&first), SLICE("id")),
                           json_member(text_slice(&again), SLICE("id"))));
  text_free(&first);
  text_free(&again);
  arena_reset(&arena);
}

static void what_cannot_be_said_leaves_no_trace(void **state)
{
  (void)state;
  static const bool said[KIND_COUNT] = {
      [KIND_MESSAGE_SENT] = true,    [KIND_MESSAGE_EDITED] = true,
      [KIND_MESSAGE_DELETED] = true, [KIND_MESSAGE_DELIVERED] = true,
      [KIND_MESSAGE_READ] = true,    [KIND_TYPING] = true,
      [KIND_PRESENCE_ONLINE] = true, [KIND_PRESENCE_OFFLINE] = true,
      [KIND_NOTICE] = true,
  };
  struct text out = {0};
  for (enum envelope_kind kind = 0; kind < KIND_COUNT; kind++) {
    const struct envelope event = {.kind = kind, .from = alice.user, .to = alice.user};
    assert_int_equal(protocol_chat.encode(&arena, &event, SLICE("bob"), &out), said[kind]);
    assert_int_equal(said[kind], out.len > 0);
    if (out.len) assert_int_equal(json_check(text_slice(&out)), ERR_OK);
    text_reset(&out);
  }
  text_free(&out);
  arena_reset(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(flags),
      cmocka_unit_test(one_response_to_a_request),
      cmocka_unit_test(times),
      cmocka_unit_test(a_hundred_messages),
      cmocka_unit_test(a_refusal_of_the_gateway_s_own),
      cmocka_unit_test(ids_of_events),
      cmocka_unit_test(what_cannot_be_said_leaves_no_trace),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
