/* Reading envelopes: everything that is written comes back, and a line that anybody
 * published is believed in nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/sample.h"
#include "envelope.h"

static struct arena arena;

static void assert_party(const struct party *actual, const struct party *expected)
{
  assert_int_equal(actual->kind, expected->kind);
  assert_int_equal(actual->num, expected->num);
  assert_true(slice_equal(actual->id, expected->id));
  assert_true(slice_equal(actual->uuid, expected->uuid));
  assert_true(slice_equal(actual->name, expected->name));
}

static const struct party awkward = {
    PARTY_USER, UINT64_C(9007199254740991), {"a\"b\\c\né😂", 13}, {"u", 1}, {"N\t", 2}};

static void everything_comes_back(void **state)
{
  (void)state;
  struct envelope in = {
      .id = 65537,
      .seq = 2,
      .ts_ms = 1700000000123,
      .from = awkward,
      .to = awkward,
      .dialog = awkward,
      .keep = KEEP_UNTIL_READ,
      .origin = {SLICE("p\"q"), SLICE("n"), SLICE("s"), SLICE("1.50"), SLICE("\"\\u0032\""),
                 SLICE("3")},
      .text = SLICE("\"\\ud800\""),
      .thread = SLICE("-4.0"),
      .attachments = SLICE("[1.0]"),
      .fields = SLICE("{\"a\":1e3}"),
      .reactions = SLICE("{\"x\":5}"),
      .message_id = 6,
      .user = awkward,
      .permanent = true,
      .edited_ms = 1700000000456,
      .session = SLICE("gw 1"),
      .credential = SLICE("3f\"2a"),
  };
  in.dialog.kind = PARTY_DIALOG;
  for (enum envelope_kind kind = 0; kind < KIND_COUNT; kind++) {
    in.kind = kind;
    struct text line = {0};
    envelope_write(&line, &in);
    struct envelope out;
    assert_int_equal(envelope_decode(&arena, text_slice(&line), &out), ERR_OK);
    assert_int_equal(out.id, in.id);
    assert_int_equal(out.seq, in.seq);
    assert_int_equal(out.kind, kind);
    assert_int_equal(out.ts_ms, in.ts_ms);
    bool message = kind == KIND_MESSAGE_SENT || kind == KIND_NOTICE;
    assert_int_equal(out.keep, message ? KEEP_UNTIL_READ : KEEP_NEVER);
    assert_party(&out.from, &in.from);
    assert_party(&out.to, &in.to);
    assert_party(&out.dialog, &in.dialog);
    assert_party(&out.user, &in.user);
    assert_true(slice_equal(out.origin.protocol, in.origin.protocol));
    assert_true(slice_equal(out.origin.node, in.origin.node));
    assert_true(slice_equal(out.origin.session, in.origin.session));
    assert_true(slice_equal(out.origin.client_id, in.origin.client_id));
    assert_true(slice_equal(out.origin.from, in.origin.from));
    assert_true(slice_equal(out.origin.to, in.origin.to));
    assert_true(slice_equal(out.text, in.text));
    assert_true(slice_equal(out.thread, in.thread));
    assert_true(slice_equal(out.attachments, in.attachments));
    assert_true(slice_equal(out.fields, in.fields));
    assert_true(slice_equal(out.reactions, in.reactions));
    assert_int_equal(out.message_id, in.message_id);
    assert_true(out.permanent);
    assert_int_equal(out.edited_ms, in.edited_ms);
    assert_true(slice_equal(out.session, in.session));
    assert_true(slice_equal(out.credential, in.credential));
    text_free(&line);
    arena_reset(&arena);
  }
}

static enum err decode(const char *line, struct envelope *envelope)
{
  return envelope_decode(&arena, slice_of(line), envelope);
}

static void the_least_there_is(void **state)
{
  (void)state;
  struct envelope envelope;
  assert_int_equal(decode("{\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"probe\",\"ts\":1}", &envelope),
                   ERR_OK);
  assert_int_equal(envelope.kind, KIND_PROBE);
  assert_int_equal(envelope.from.kind, PARTY_NONE);
  assert_int_equal(envelope.to.kind, PARTY_NONE);
  assert_int_equal(envelope.text.len, 0);
}

static void order_escapes_and_white_space_mean_nothing(void **state)
{
  (void)state;
  struct envelope envelope;
  assert_int_equal(
      decode(" {\"ts\": 1 , \"k\\u0069nd\" :\"\\u0074yping\",\"seq\":3,\"to\":{\"id\":\"x\","
             "\"kind\":\"room\"},\"id\":2,\"v\":1 }\n",
             &envelope),
      ERR_OK);
  assert_int_equal(envelope.kind, KIND_TYPING);
  assert_int_equal(envelope.id, 2);
  assert_int_equal(envelope.to.kind, PARTY_ROOM);
  assert_true(slice_is(envelope.to.id, "x"));
}

/* Newer nodes may know more than this one. */
static void unknown_members_are_passed_over(void **state)
{
  (void)state;
  struct envelope envelope;
  assert_int_equal(
      decode("{\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"typing\",\"ts\":1,\"new\":{\"id\":[]},"
             "\"from\":{\"id\":\"a\",\"num\":1,\"avatar\":null},\"body\":{\"x\":1}}",
             &envelope),
      ERR_OK);
  assert_true(slice_is(envelope.from.id, "a"));
}

#define STAMP "\"v\":1,\"id\":1,\"seq\":1,\"ts\":1"
#define SENT  "{" STAMP ",\"kind\":\"message.sent\","
#define FROM  "\"from\":{\"id\":\"a\",\"num\":1}"
#define TO    "\"to\":{\"kind\":\"user\",\"id\":\"b\",\"num\":2}"
#define WHOLE SENT FROM "," TO

static const char *const bad_lines[] = {
    "",
    "{}",
    "[]",
    "null",
    "hello",
    "{\"v\":1}",
    /* each of the five is needed, and of its type */
    "{\"id\":0,\"seq\":0,\"kind\":\"probe\",\"ts\":1}",
    "{\"v\":1,\"seq\":0,\"kind\":\"probe\",\"ts\":1}",
    "{\"v\":1,\"id\":0,\"kind\":\"probe\",\"ts\":1}",
    "{\"v\":1,\"id\":0,\"seq\":0,\"ts\":1}",
    "{\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"probe\"}",
    "{\"v\":2,\"id\":0,\"seq\":0,\"kind\":\"probe\",\"ts\":1}",
    "{\"v\":\"1\",\"id\":0,\"seq\":0,\"kind\":\"probe\",\"ts\":1}",
    "{\"v\":1,\"id\":\"0\",\"seq\":0,\"kind\":\"probe\",\"ts\":1}",
    "{\"v\":1,\"id\":-1,\"seq\":0,\"kind\":\"probe\",\"ts\":1}",
    "{\"v\":1,\"id\":1.5,\"seq\":0,\"kind\":\"probe\",\"ts\":1}",
    "{\"v\":1,\"id\":9007199254740992,\"seq\":0,\"kind\":\"probe\",\"ts\":1}",
    "{\"v\":1,\"id\":0,\"seq\":null,\"kind\":\"probe\",\"ts\":1}",
    "{\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"message\",\"ts\":1}",
    "{\"v\":1,\"id\":0,\"seq\":0,\"kind\":1,\"ts\":1}",
    "{\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"probe\",\"ts\":\"1\"}",
    /* a message has an author and a recipient */
    SENT FROM "}",
    SENT TO "}",
    SENT "\"from\":{\"num\":1}," TO "}",
    SENT "\"from\":{\"id\":\"\"}," TO "}",
    SENT "\"from\":\"a\"," TO "}",
    SENT FROM ",\"to\":{\"id\":\"b\",\"num\":2}}",
    SENT FROM ",\"to\":{\"kind\":\"dialog\",\"id\":\"b\"}}",
    SENT FROM ",\"to\":{\"kind\":\"user\",\"num\":2}}",
    SENT FROM ",\"to\":{\"kind\":1,\"id\":\"b\"}}",
    SENT FROM ",\"to\":null}",
    /* a value of the wrong type anywhere */
    WHOLE ",\"keep\":\"forever\"}",
    WHOLE ",\"keep\":1}",
    WHOLE ",\"dialog\":{}}",
    WHOLE ",\"origin\":[]}",
    WHOLE ",\"origin\":{\"protocol\":1}}",
    WHOLE ",\"origin\":{\"client_id\":{}}}",
    WHOLE ",\"origin\":{\"from\":true}}",
    WHOLE ",\"body\":\"x\"}",
    WHOLE ",\"body\":{\"text\":1}}",
    WHOLE ",\"body\":{\"text\":null}}",
    WHOLE ",\"body\":{\"thread\":\"1\"}}",
    WHOLE ",\"body\":{\"attachments\":{}}}",
    WHOLE ",\"body\":{\"fields\":[]}}",
    WHOLE ",\"body\":{\"reactions\":5}}",
    WHOLE ",\"body\":{\"message\":\"5\"}}",
    WHOLE ",\"body\":{\"user\":7}}",
    WHOLE ",\"body\":{\"permanent\":1}}",
    WHOLE ",\"body\":{\"edited\":true}}",
    WHOLE ",\"body\":{\"edited\":\"1\"}}",
    WHOLE ",\"body\":{\"session\":9}}",
    WHOLE ",\"body\":{\"credential\":[\"x\"]}}",
    /* what would spoil a frame if it were spliced into one */
    WHOLE ",\"body\":{\"text\":\"\n\"}}",
    WHOLE ",\"body\":{\"text\":\"\xff\"}}",
    WHOLE ",\"body\":{\"fields\":{\"a\":NaN}}}",
    WHOLE ",\"body\":{\"fields\":{\"a\"}}}",
    WHOLE "}}",
    WHOLE "} {}",
};

static void what_is_no_envelope(void **state)
{
  (void)state;
  struct envelope envelope;
  assert_int_equal(decode(WHOLE "}", &envelope), ERR_OK);
  for (size_t i = 0; i < sizeof bad_lines / sizeof bad_lines[0]; i++) {
    memset(&envelope, 0xff, sizeof envelope);
    enum err err = decode(bad_lines[i], &envelope);
    if (err == ERR_OK) print_error("read: %s\n", bad_lines[i]);
    assert_int_equal(err, ERR_MALFORMED);
    /* Nothing partial comes out. */
    static const struct envelope nothing;
    assert_int_equal(envelope.id, 0);
    assert_party(&envelope.from, &nothing.from);
    assert_party(&envelope.to, &nothing.to);
    arena_reset(&arena);
  }
}

/* Fields may nest as deep as a frame may, and a few levels more when wrapped. */
static void fields_of_full_depth_fit(void **state)
{
  (void)state;
  struct text fields = {0}, line = {0};
  sample_nested(&fields, JSON_MAX_DEPTH, false, "1");
  const struct envelope in = {.kind = KIND_TYPING, .fields = text_slice(&fields)};
  envelope_write(&line, &in);
  struct envelope out;
  assert_int_equal(envelope_decode(&arena, text_slice(&line), &out), ERR_OK);
  assert_true(slice_equal(out.fields, in.fields));
  text_free(&line);
  text_free(&fields);
}

static void every_truncation_is_malformed(void **state)
{
  (void)state;
  static const char line[] =
      WHOLE ",\"keep\":\"log\",\"origin\":{\"protocol\":\"simple\",\"client_id\":"
            "\"17\"},\"body\":{\"text\":\"h\\u00e9\",\"fields\":{\"a\":[1]}}}";
  struct envelope envelope;
  assert_int_equal(decode(line, &envelope), ERR_OK);
  for (size_t len = 0; len < sizeof line - 1; len++) {
    struct slice exact = sample_exact((struct slice){line, len});
    assert_int_equal(envelope_decode(&arena, exact, &envelope), ERR_MALFORMED);
    free((char *)exact.data);
  }
}

/* What holds no escape is no copy: nothing is allocated for an ordinary line. */
static void strings_are_slices_of_the_line(void **state)
{
  (void)state;
  struct arena own = {0};
  struct envelope envelope;
  assert_int_equal(envelope_decode(&own, slice_of(WHOLE ",\"body\":{\"text\":\"x\"}}"), &envelope),
                   ERR_OK);
  assert_null(own.blocks);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_comes_back),
      cmocka_unit_test(the_least_there_is),
      cmocka_unit_test(order_escapes_and_white_space_mean_nothing),
      cmocka_unit_test(unknown_members_are_passed_over),
      cmocka_unit_test(what_is_no_envelope),
      cmocka_unit_test(fields_of_full_depth_fit),
      cmocka_unit_test(every_truncation_is_malformed),
      cmocka_unit_test(strings_are_slices_of_the_line),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
