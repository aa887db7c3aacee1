/* The table of protocols: found by name and by subprotocol; every row complete, and
 * documented. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol.h"

static void by_name(void **state)
{
  (void)state;
  assert_ptr_equal(protocol_by_name(SLICE("simple")), &protocol_simple);
  assert_ptr_equal(protocol_by_name(SLICE("messaging")), &protocol_messaging);
  assert_null(protocol_by_name(SLICE("Simple")));
  assert_null(protocol_by_name(SLICE("simpler")));
  assert_null(protocol_by_name((struct slice){NULL, 0}));
}

static void by_subprotocol(void **state)
{
  (void)state;
  assert_ptr_equal(protocol_by_subprotocol(SLICE("parley.simple.v1")), &protocol_simple);
  assert_ptr_equal(protocol_by_subprotocol(SLICE("chat, \tparley.messaging.v1 ,parley.simple.v1")),
                   &protocol_messaging);
  assert_ptr_equal(protocol_by_subprotocol(SLICE(",,parley.none.v1,parley.simple.v1")),
                   &protocol_simple);
  static const char *const none[] = {
      "",
      ",",
      "parley",
      "parley.simple",
      "parley.simple.v2",
      "simple",
      "parley..v1",
      "parley.",
      "parley.v1",
      "parley.simple.v1x",
      "xparley.simple.v1",
      "parley.native.v1", /* which has no WebSocket */
      "parley.simple.v1 x",
  };
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    assert_null(protocol_by_subprotocol(slice_of(none[i])));
  }
  assert_null(protocol_by_subprotocol((struct slice){NULL, 0}));
}

static void every_row_is_complete(void **state)
{
  (void)state;
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    const struct protocol *protocol = protocols[i];
    assert_non_null(protocol->name);
    assert_ptr_equal(protocol_by_name(slice_of(protocol->name)), protocol);
    if (!protocol_has_websocket(protocol)) {
      assert_non_null(protocol->http);
      continue;
    }
    for (const char *const *path = protocol->paths; *path; path++) assert_int_equal(**path, '/');
    assert_true(protocol->identify && protocol->decode && protocol->encode && protocol->reply);
    if (protocol->exclusive == EXCLUSIVE_REFUSE) assert_true(protocol->exclusive_error != ERR_OK);
    if (protocol->batch.max_items) {
      assert_true(protocol->batch.open.len && protocol->batch.close.len);
      assert_true(protocol->batch.max_bytes > 0);
    }
  }
}

/* protocols.md: how each one behaves. */
static void simple_and_messaging_as_contracted(void **state)
{
  (void)state;
  assert_int_equal(protocol_simple.hears, HEARS_ONE_ROOM);
  assert_int_equal(protocol_simple.own, OWN_ALL);
  assert_int_equal(protocol_simple.exclusive, EXCLUSIVE_REFUSE);
  assert_int_equal(protocol_simple.exclusive_error, ERR_FORBIDDEN);
  assert_false(protocol_simple.acknowledges);
  assert_int_equal(protocol_simple.direct_keep, KEEP_UNTIL_READ);
  assert_int_equal(protocol_simple.room_keep, KEEP_LOG);
  assert_int_equal(protocol_messaging.hears, HEARS_MEMBERSHIPS);
  assert_int_equal(protocol_messaging.own, OWN_NONE);
  assert_int_equal(protocol_messaging.exclusive, EXCLUSIVE_REPLACE);
  assert_true(protocol_messaging.acknowledges);
  assert_int_equal(protocol_messaging.direct_keep, KEEP_UNTIL_READ);
  assert_int_equal(protocol_messaging.batch.max_items, 100);
  assert_int_equal(protocol_messaging.batch.max_bytes, 65536);
}

/* Whoever can say that somebody came or went is told it, also late (gateway/roll_call.h). */
static void who_tells_of_attendance(void **state)
{
  (void)state;
  const struct party alice = {PARTY_USER, 7, SLICE("alice"), SLICE("uuid"), SLICE("alice")};
  struct envelope event = {.kind = KIND_ROOM_ENTERED, .from = alice, .to = party_lobby};
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    if (!protocol_has_websocket(protocols[i])) continue;
    struct arena arena = {0};
    struct text out = {0};
    bool said = protocols[i]->encode(&arena, &event, (struct slice){0}, &out);
    assert_int_equal(said, protocols[i]->tells_attendance);
    text_free(&out);
    arena_free(&arena);
  }
}

/* What REST asks for on its own behalf is kept, and shown to all. */
static void native_has_no_websocket(void **state)
{
  (void)state;
  assert_false(protocol_has_websocket(&protocol_native));
  assert_true(protocol_has_websocket(&protocol_rooms));
  assert_int_equal(protocol_native.direct_keep, KEEP_LOG);
  assert_int_equal(protocol_native.room_keep, KEEP_LOG);
  assert_int_equal(protocol_native.own, OWN_ALL);
}

/* Whatever the protocol, what is no JSON object is refused in front of it. */
static void what_is_no_json_reaches_no_codec(void **state)
{
  (void)state;
  static const char *const broken[] = {"", "{", "[]", "17", "{\"a\":NaN}", "{\"a\":\"\xff\"}"};
  const struct session_view view = {.user = {.kind = PARTY_USER, .id = SLICE("21")}};
  for (size_t i = 0; i < PROTOCOL_COUNT * (sizeof broken / sizeof broken[0]); i++) {
    const struct protocol *protocol = protocols[i % PROTOCOL_COUNT];
    if (!protocol_has_websocket(protocol)) continue;
    struct arena arena = {0};
    struct decoding decoding = {.arena = &arena};
    protocol_decode(protocol, &view, slice_of(broken[i / PROTOCOL_COUNT]), &decoding);
    assert_int_equal(decoding.first->kind, COMMAND_REFUSED);
    assert_int_equal(decoding.first->refusal, ERR_MALFORMED);
    assert_int_equal(decoding.first->client_id.len + decoding.first->tag, 0);
    assert_null(decoding.first->next);
    arena_free(&arena);
  }
}

/* A row comes with its page and its transcripts. */
static void every_protocol_has_a_page_and_transcripts(void **state)
{
  (void)state;
  char path[512];
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    snprintf(path, sizeof path, TESTS_FOLDER "/../proto/%s.md", protocols[i]->name);
    assert_int_equal(access(path, R_OK), 0);
    if (!protocol_has_websocket(protocols[i])) continue;
    snprintf(path, sizeof path, TESTS_FOLDER "/transcripts/%s/codec.json", protocols[i]->name);
    assert_int_equal(access(path, R_OK), 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(by_name),
      cmocka_unit_test(by_subprotocol),
      cmocka_unit_test(every_row_is_complete),
      cmocka_unit_test(simple_and_messaging_as_contracted),
      cmocka_unit_test(who_tells_of_attendance),
      cmocka_unit_test(native_has_no_websocket),
      cmocka_unit_test(what_is_no_json_reaches_no_codec),
      cmocka_unit_test(every_protocol_has_a_page_and_transcripts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
