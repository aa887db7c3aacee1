/* Writing envelopes: the order of members, what is left out, raw values to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/json.h"
#include "envelope.h"

static void assert_line(const struct envelope *envelope, const char *expected)
{
  struct text line = {0};
  envelope_write(&line, envelope);
  assert_int_equal(json_check(text_slice(&line)), ERR_OK);
  text_append_char(&line, '\0');
  assert_string_equal(line.data, expected);
  text_free(&line);
}

static const struct party alice = {PARTY_USER, 7, {"alice", 5}, {"uuid-7", 6}, {"Alice", 5}};
static const struct party bob = {PARTY_USER, 8, {"bob", 3}, {"uuid-8", 6}, {"bob", 3}};
static const struct party lobby = {PARTY_ROOM, 1, {"lobby", 5}, {"uuid-1", 6}, {"Lobby", 5}};
static const struct party dialog = {PARTY_DIALOG, 9, {"alice|bob", 9}, {"uuid-9", 6}, {NULL, 0}};

/* design.md, "The envelope". */
static void the_example_of_the_design(void **state)
{
  (void)state;
  const struct envelope envelope = {
      .id = 65537,
      .seq = 1,
      .kind = KIND_MESSAGE_SENT,
      .ts_ms = 1700000000123,
      .from = alice,
      .to = lobby,
      .keep = KEEP_LOG,
      .origin = {.protocol = SLICE("simple"),
                 .node = SLICE("gw-3f2a"),
                 .client_id = SLICE("\"17\"")},
      .text = SLICE("\"hello\""),
  };
  assert_line(&envelope,
              "{\"v\":1,\"id\":65537,\"seq\":1,\"kind\":\"message.sent\",\"ts\":1700000000123,"
              "\"from\":{\"id\":\"alice\",\"num\":7,\"uuid\":\"uuid-7\",\"name\":\"Alice\"},"
              "\"to\":{\"kind\":\"room\",\"id\":\"lobby\",\"num\":1,\"uuid\":\"uuid-1\","
              "\"name\":\"Lobby\"},\"keep\":\"log\","
              "\"origin\":{\"protocol\":\"simple\",\"node\":\"gw-3f2a\",\"client_id\":\"17\"},"
              "\"body\":{\"text\":\"hello\"}}");
}

static void everything_at_once(void **state)
{
  (void)state;
  const struct envelope envelope = {
      .id = UINT64_C(9007199254740991),
      .seq = 2,
      .kind = KIND_NOTICE,
      .ts_ms = 3,
      .from = alice,
      .to = bob,
      .dialog = dialog,
      .keep = KEEP_UNTIL_READ,
      .origin = {SLICE("p"), SLICE("n"), SLICE("s"), SLICE("1.50"), SLICE("\"\\u0032\""),
                 SLICE("3")},
      .text = SLICE("\"\\/\""),
      .thread = SLICE("4.0"),
      .attachments = SLICE("[ 1.0,\n\"a b\" ]"),
      .fields = SLICE("{ \"a b\" : 1e3 }"),
      .reactions = SLICE("{\"x\": 5}"),
      .message_id = 6,
      .user = alice,
      .permanent = true,
      .edited_ms = 1700000000456,
      .session = SLICE("gw-3f2a.0-5k"),
      .credential = SLICE("3f\"2a"),
  };
  assert_line(&envelope,
              "{\"v\":1,\"id\":9007199254740991,\"seq\":2,\"kind\":\"notice\",\"ts\":3,"
              "\"from\":{\"id\":\"alice\",\"num\":7,\"uuid\":\"uuid-7\",\"name\":\"Alice\"},"
              "\"to\":{\"kind\":\"user\",\"id\":\"bob\",\"num\":8,\"uuid\":\"uuid-8\","
              "\"name\":\"bob\"},"
              "\"dialog\":{\"id\":\"alice|bob\",\"num\":9,\"uuid\":\"uuid-9\"},"
              "\"keep\":\"until_read\","
              "\"origin\":{\"protocol\":\"p\",\"node\":\"n\",\"session\":\"s\",\"client_id\":1.50,"
              "\"from\":\"\\u0032\",\"to\":3},"
              "\"body\":{\"text\":\"\\/\",\"thread\":4.0,\"attachments\":[1.0,\"a b\"],"
              "\"fields\":{\"a b\":1e3},\"reactions\":{\"x\":5},\"message\":6,"
              "\"user\":{\"id\":\"alice\",\"num\":7,\"uuid\":\"uuid-7\",\"name\":\"Alice\"},"
              "\"permanent\":true,\"edited\":1700000000456,\"session\":\"gw-3f2a.0-5k\","
              "\"credential\":\"3f\\\"2a\"}}");
}

static void what_is_empty_is_left_out(void **state)
{
  (void)state;
  const struct envelope probe = {.kind = KIND_PROBE, .ts_ms = 1};
  assert_line(&probe, "{\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"probe\",\"ts\":1}");
  const struct envelope entered = {
      .kind = KIND_ROOM_ENTERED, .keep = KEEP_LOG, .to = {.kind = PARTY_ALL}};
  assert_line(&entered, "{\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"room.entered\",\"ts\":0,"
                        "\"to\":{\"kind\":\"all\"}}");
  const struct envelope revoked = {.kind = KIND_SESSION_REVOKED, .credential = SLICE("3f2a")};
  assert_line(&revoked, "{\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"session.revoked\",\"ts\":0,"
                        "\"body\":{\"credential\":\"3f2a\"}}");
}

/* By what those name it that name conversations by numbers and UUIDs. */
static void where_an_event_is(void **state)
{
  (void)state;
  const struct party room = {.kind = PARTY_ROOM, .num = 5}, all = {.kind = PARTY_ALL};
  const struct party dialog = {.kind = PARTY_DIALOG, .num = 6}, user = {.kind = PARTY_USER};
  const struct {
    struct envelope event;
    uint64_t num;
  } cases[] = {
      {{.kind = KIND_TYPING, .to = room}, 5},
      {{.kind = KIND_MESSAGE_SENT, .to = user, .dialog = dialog}, 6},
      {{.kind = KIND_NOTICE, .to = user}, 0},
      {{.kind = KIND_NOTICE, .to = all}, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_int_equal(envelope_place(&cases[i].event)->num, cases[i].num);
  const struct envelope nowhere = {.kind = KIND_PRESENCE_ONLINE, .to = user};
  assert_null(envelope_place(&nowhere));
  assert_null(envelope_place(&(struct envelope){.kind = KIND_PROBE}));
}

static void names_are_escaped(void **state)
{
  (void)state;
  const struct envelope envelope = {
      .kind = KIND_TYPING,
      .from = {.kind = PARTY_USER, .num = 1, .id = SLICE("a\"b\\c é")},
  };
  assert_line(&envelope, "{\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"typing\",\"ts\":0,"
                         "\"from\":{\"id\":\"a\\\"b\\\\c é\",\"num\":1}}");
}

/* The scripts put their stamp in front of the rest, without looking at it. */
static void stamp_and_rest_make_the_line(void **state)
{
  (void)state;
  const struct envelope envelope = {.id = 65537, .seq = 7, .kind = KIND_TYPING, .from = alice};
  struct text whole = {0}, parts = {0};
  envelope_write(&whole, &envelope);
  envelope_write_stamp(&parts, 65537, 7);
  assert_true(slice_is(text_slice(&parts), "{\"v\":1,\"id\":65537,\"seq\":7,"));
  size_t stamp_len = parts.len;
  envelope_write_rest(&parts, &envelope);
  assert_true(slice_equal(text_slice(&whole), text_slice(&parts)));
  struct slice rest = slice_skip(text_slice(&parts), stamp_len);
  assert_true(slice_starts_with(rest, SLICE("\"kind\":")));
  text_free(&whole);
  text_free(&parts);
}

static void every_kind_has_a_name_of_its_own(void **state)
{
  (void)state;
  for (enum envelope_kind kind = 0; kind < KIND_COUNT; kind++) {
    assert_true(envelope_kind_name(kind).len > 0);
    for (enum envelope_kind other = 0; other < kind; other++) {
      assert_false(slice_equal(envelope_kind_name(kind), envelope_kind_name(other)));
    }
  }
  assert_true(slice_is(envelope_kind_name(KIND_MESSAGE_SENT), "message.sent"));
}

/* The schema knows the same kinds, and no others. */
static void the_schema_names_every_kind(void **state)
{
  (void)state;
  struct json_object *schema = json_object_from_file(TESTS_FOLDER "/../proto/envelope.schema.json");
  struct json_object *kinds = NULL;
  assert_int_equal(json_pointer_get(schema, "/properties/kind/enum", &kinds), 0);
  assert_int_equal(json_object_array_length(kinds), KIND_COUNT);
  for (enum envelope_kind kind = 0; kind < KIND_COUNT; kind++) {
    const char *name = json_object_get_string(json_object_array_get_idx(kinds, kind));
    assert_true(slice_is(envelope_kind_name(kind), name));
  }
  json_object_put(schema);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_example_of_the_design),
      cmocka_unit_test(everything_at_once),
      cmocka_unit_test(what_is_empty_is_left_out),
      cmocka_unit_test(names_are_escaped),
      cmocka_unit_test(where_an_event_is),
      cmocka_unit_test(stamp_and_rest_make_the_line),
      cmocka_unit_test(every_kind_has_a_name_of_its_own),
      cmocka_unit_test(the_schema_names_every_kind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
