/* Every protocol's codec alone against its data files (tests/transcripts/README.md): the
 * cases of codec.json to the byte; and every frame that a client sends anywhere in them,
 * whole, cut off at each byte, and mutated; what must hold then is in
 * tests/fuzz/codec_properties.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../fuzz/codec_properties.h"
#include "protocol.h"
#include "transcript_data.h"

static struct arena arena;
static struct text out;

static const struct slice nothing = {NULL, 0};

/* ---- codec.json ---- */

static struct json_object *cases; /* the protocol's codec.json */
static const struct protocol *protocol;
static unsigned checked;

static void assert_same(const char *what, struct slice actual, struct slice expected,
                        struct slice name)
{
  if (!slice_equal(actual, expected)) {
    print_error("%s, %.*s, %s\n  is        %.*s\n  should be %.*s\n", protocol->name,
                SLICE_ARG(name), what, SLICE_ARG(actual), SLICE_ARG(expected));
  }
  assert_true(slice_equal(actual, expected));
}

typedef void case_fn(struct json_object *entry, struct slice name);

static void each_case(const char *section, case_fn *check)
{
  struct json_object *list;
  assert_true(json_object_object_get_ex(cases, section, &list));
  assert_true(json_object_array_length(list) > 0);
  for (size_t i = 0; i < json_object_array_length(list); i++) {
    struct json_object *entry = json_object_array_get_idx(list, i);
    check(entry, transcript_text(&arena, entry, "name"));
    checked++;
    text_reset(&out);
    arena_reset(&arena);
  }
}

static struct session_view view_of(struct json_object *entry)
{
  return (struct session_view){
      .user = {.kind = PARTY_USER,
               .num = 1,
               .id = transcript_text(&arena, entry, "user"),
               .uuid = SLICE("6ba7b811-9dad-11d1-80b4-00c04fd40001")},
      .room = transcript_text(&arena, entry, "room"),
      .now_ms = 1700000000123,
  };
}

static struct slice kind_name(enum command_kind kind)
{
  static const char *const names[COMMAND_COUNT] = {
      [COMMAND_REFUSED] = "refused",
      [COMMAND_NONE] = "none",
      [COMMAND_SEND] = "send",
      [COMMAND_READ] = "read",
      [COMMAND_ENTER] = "enter",
      [COMMAND_EXIT] = "exit",
      [COMMAND_EDIT] = "edit",
      [COMMAND_DELETE] = "delete",
      [COMMAND_REACT] = "react",
      [COMMAND_TYPING] = "typing",
      [COMMAND_DELIVERED] = "delivered",
      [COMMAND_INVITE] = "invite",
      [COMMAND_GET_MESSAGE] = "get_message",
      [COMMAND_GET_MESSAGES] = "get_messages",
      [COMMAND_GET_CHAT] = "get_chat",
  };
  return slice_of(names[kind]);
}

/* "#room", "user", "number:7" or "uuid:…". */
static struct slice address_name(const struct address *address)
{
  struct text name = {0};
  if (address->kind == ADDRESS_ROOM) text_append(&name, SLICE("#"));
  if (address->kind == ADDRESS_UUID) text_append(&name, SLICE("uuid:"));
  if (address->kind == ADDRESS_NUMBER) {
    text_append_format(&name, "number:%llu", (unsigned long long)address->num);
  }
  text_append(&name, address->id);
  struct slice copy = arena_copy(&arena, text_slice(&name));
  text_free(&name);
  return copy;
}

static void check_command(struct json_object *expected, const struct command *command,
                          struct slice name)
{
  const struct {
    const char *member;
    struct slice actual;
  } members[] = {
      {"kind", kind_name(command->kind)}, {"client_id", command->client_id},
      {"from", command->wire_from},       {"to_raw", command->wire_to},
      {"to", address_name(&command->to)}, {"text", command->text},
      {"thread", command->thread},        {"attachments", command->attachments},
      {"fields", command->fields},        {"key", command->key},
      {"reaction", command->reaction},    {"invited", address_name(&command->user)},
      {"match_sid", command->match_sid},
  };
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    assert_same(members[i].member, members[i].actual,
                transcript_text(&arena, expected, members[i].member), name);
  }
  assert_int_equal(command->refusal, transcript_err(transcript_text(&arena, expected, "refusal")));
  assert_int_equal(command->message_id, transcript_number(expected, "message_id"));
  assert_int_equal(command->count, transcript_number(expected, "count"));
  assert_int_equal(command->up_to, transcript_number(expected, "up_to"));
  assert_int_equal(command->adding, transcript_number(expected, "adding"));
}

static void check_decode(struct json_object *entry, struct slice name)
{
  struct session_view view = view_of(entry);
  struct decoding decoding = {.arena = &arena};
  protocol_decode(protocol, &view, transcript_text(&arena, entry, "frame"), &decoding);
  struct json_object *commands;
  assert_true(json_object_object_get_ex(entry, "commands", &commands));
  const struct command *command = decoding.first;
  for (size_t i = 0; i < json_object_array_length(commands); i++) {
    if (!command) print_error("%.*s: too few commands\n", SLICE_ARG(name));
    assert_non_null(command);
    if (!command) return; /* for the analyzer, which does not know that assert_ leaves */
    check_command(json_object_array_get_idx(commands, i), command, name);
    command = command->next;
  }
  if (command) print_error("%.*s: too many commands\n", SLICE_ARG(name));
  assert_null(command);
}

/* What the gateway keeps of a command until its outcome is there (command.h). */
static struct command kept(const struct command *command)
{
  return (struct command){
      .kind = command->kind,
      .tag = command->tag,
      .refusal = command->refusal,
      .client_id = command->client_id,
      .wire_to = command->wire_to,
      .to = command->to,
      .message_id = command->message_id,
  };
}

/* The messages that the outcome found, and the receipts of each. */
static void fill_messages(struct json_object *given, struct outcome *outcome)
{
  struct json_object *messages = NULL, *receipts = NULL;
  if (!json_object_object_get_ex(given, "messages", &messages)) return;
  outcome->message_count = json_object_array_length(messages);
  struct envelope *decoded = arena_zalloc(&arena, outcome->message_count * sizeof *decoded);
  struct receipt *read = arena_zalloc(&arena, outcome->message_count * sizeof *read);
  json_object_object_get_ex(given, "receipts", &receipts);
  for (size_t i = 0; i < outcome->message_count; i++) {
    struct slice line = transcript_line(&arena, json_object_array_get_idx(messages, i));
    assert_int_equal(envelope_decode(&arena, line, &decoded[i]), ERR_OK);
    struct json_object *receipt = receipts ? json_object_array_get_idx(receipts, i) : NULL;
    if (!receipt) continue;
    read[i].delivered_ms = transcript_number(receipt, "delivered");
    read[i].read_ms = transcript_number(receipt, "read");
  }
  outcome->messages = decoded;
  outcome->receipts = receipts ? read : NULL;
}

static void fill_conversation(struct json_object *given, struct outcome *outcome)
{
  struct json_object *conversation = NULL, *party = NULL;
  if (!json_object_object_get_ex(given, "conversation", &conversation)) return;
  assert_true(json_object_object_get_ex(conversation, "party", &party));
  bool room = slice_is(transcript_text(&arena, party, "kind"), "room");
  outcome->conversation = (struct conversation_info){
      .party = {.kind = room ? PARTY_ROOM : PARTY_USER,
                .num = transcript_number(party, "num"),
                .id = transcript_text(&arena, party, "id"),
                .uuid = transcript_text(&arena, party, "uuid"),
                .name = transcript_text(&arena, party, "name")},
      .last_id = transcript_number(conversation, "last_id"),
      .unread = transcript_number(conversation, "unread"),
  };
}

static void check_reply(struct json_object *entry, struct slice name)
{
  struct session_view view = view_of(entry);
  struct decoding decoding = {.arena = &arena};
  enum err err = transcript_err(transcript_text(&arena, entry, "err"));
  if (json_object_object_get_ex(entry, "frame", NULL)) {
    protocol_decode(protocol, &view, transcript_text(&arena, entry, "frame"), &decoding);
  } else {
    decoding_refuse(&decoding, err, nothing);
  }
  struct json_object *index = NULL;
  json_object_object_get_ex(entry, "command", &index);
  const struct command *command = decoding.first;
  for (int i = json_object_get_int(index); i > 0 && command; i--) command = command->next;
  assert_non_null(command);
  if (!command) return; /* for the analyzer, which does not know that assert_ leaves */
  struct command copy = kept(command);
  struct outcome outcome = {.err = err, .message_id = 65537, .ts_ms = view.now_ms};
  struct json_object *given = NULL;
  if (json_object_object_get_ex(entry, "outcome", &given)) {
    if (json_object_object_get_ex(given, "message_id", NULL)) {
      outcome.message_id = transcript_number(given, "message_id");
    }
    outcome.already = transcript_number(given, "already");
    fill_messages(given, &outcome);
    fill_conversation(given, &outcome);
  }
  protocol->reply(&view, &copy, &outcome, &out);
  assert_same("answer", text_slice(&out), transcript_text(&arena, entry, "answer"), name);
}

static void check_encode(struct json_object *entry, struct slice name)
{
  struct envelope event;
  struct slice line = transcript_text(&arena, entry, "envelope");
  if (envelope_decode(&arena, line, &event) != ERR_OK) {
    print_error("%.*s: no envelope\n", SLICE_ARG(name));
    fail();
  }
  bool said = protocol->encode(&arena, &event, transcript_text(&arena, entry, "reader"), &out);
  assert_int_equal(said, !transcript_is_null(entry, "frame"));
  assert_same("frame", text_slice(&out), transcript_text(&arena, entry, "frame"), name);
}

static void check_identify(struct json_object *entry, struct slice name)
{
  const struct request request = {
      .method = SLICE("GET"),
      .path = slice_of(protocol->paths[0]),
      .query = transcript_text(&arena, entry, "query"),
      .authorization = transcript_text(&arena, entry, "authorization"),
  };
  struct claim claim;
  enum err err = protocol->identify(&arena, &request, &claim);
  enum err expected_err = transcript_err(transcript_text(&arena, entry, "err"));
  if (err != expected_err) print_error("%.*s\n", SLICE_ARG(name));
  assert_int_equal(err, expected_err);
  if (err != ERR_OK) return;
  struct json_object *expected;
  assert_true(json_object_object_get_ex(entry, "claim", &expected));
  assert_same("user", claim.user, transcript_text(&arena, expected, "user"), name);
  assert_same("device", claim.device, transcript_text(&arena, expected, "device"), name);
  assert_same("room", claim.room, transcript_text(&arena, expected, "room"), name);
  assert_same("token", claim.token, transcript_text(&arena, expected, "token"), name);
}

static void the_cases_of_every_protocol(void **state)
{
  (void)state;
  for (size_t i = 0; (protocol = codec_at(i)); i++) {
    cases = transcript_load(protocol->name, "codec.json");
    checked = 0;
    each_case("decode", check_decode);
    each_case("reply", check_reply);
    each_case("encode", check_encode);
    each_case("identify", check_identify);
    print_message("%s: %u cases\n", protocol->name, checked);
    json_object_put(cases);
  }
}

/* ---- any bytes ---- */

enum { LONGEST_CUT = 2048, MUTANTS = 60 };

static uint32_t random_state;

/* Numerical Recipes' generator; the seed is the frame's length, so that a failure comes
 * again. */
static uint32_t random_below(uint32_t limit)
{
  random_state = random_state * 1664525 + 1013904223;
  return (uint32_t)(((uint64_t)random_state * limit) >> 32);
}

/* Overwrites, removes or doubles a few bytes. */
static struct slice mutate(struct slice frame, char *buffer)
{
  static const char bytes[] = "{}[]\",:\\u0deE+-.1234567890 \n\t\x01\x7f\xc3\xa9\xff#";
  memcpy(buffer, frame.data, frame.len);
  size_t len = frame.len;
  for (uint32_t change = random_below(4) + 1; change > 0 && len > 0; change--) {
    size_t at = random_below((uint32_t)len);
    switch (random_below(3)) {
    case 0:
      buffer[at] = bytes[random_below(sizeof bytes - 1)];
      break;
    case 1:
      memmove(buffer + at, buffer + at + 1, --len - at);
      break;
    default:
      memmove(buffer + at + 1, buffer + at, len++ - at);
      break;
    }
  }
  return (struct slice){buffer, len};
}

static void whole_cut_and_mutated(void *arg, struct slice frame)
{
  (void)arg;
  check_codec(protocol, frame);
  if (frame.len == 0 || frame.len > LONGEST_CUT) return;
  for (size_t len = 0; len < frame.len; len++)
    check_codec(protocol, (struct slice){frame.data, len});
  char *buffer = malloc(frame.len + 8);
  random_state = (uint32_t)frame.len;
  for (int i = 0; i < MUTANTS; i++) check_codec(protocol, mutate(frame, buffer));
  free(buffer);
}

static void any_bytes_are_answered(void **state)
{
  (void)state;
  for (size_t i = 0; (protocol = codec_at(i)); i++) {
    size_t frames = transcript_frames(protocol->name, whole_cut_and_mutated, NULL);
    print_message("%s: %zu frames\n", protocol->name, frames);
    assert_true(frames >= 20);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_cases_of_every_protocol),
      cmocka_unit_test(any_bytes_are_answered),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  text_free(&out);
  return failed;
}
