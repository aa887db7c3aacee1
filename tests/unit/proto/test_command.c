/* Lists of commands, and addresses in free text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "command.h"

static void commands_stand_in_order(void **state)
{
  (void)state;
  struct arena arena = {0};
  struct decoding decoding = {.arena = &arena};
  struct command *first = decoding_add(&decoding, COMMAND_SEND);
  struct command *second = decoding_refuse(&decoding, ERR_FORBIDDEN, SLICE("11"));
  struct command *third = decoding_add(&decoding, COMMAND_READ);
  assert_ptr_equal(decoding.first, first);
  assert_ptr_equal(first->next, second);
  assert_ptr_equal(second->next, third);
  assert_null(third->next);
  assert_ptr_equal(decoding.last, third);
  assert_int_equal(first->kind, COMMAND_SEND);
  assert_int_equal(first->refusal, ERR_OK);
  assert_int_equal(first->text.len, 0);
  assert_int_equal(second->kind, COMMAND_REFUSED);
  assert_int_equal(second->refusal, ERR_FORBIDDEN);
  assert_true(slice_is(second->client_id, "11"));
  arena_free(&arena);
}

static void addresses(void **state)
{
  (void)state;
  struct address address;
  assert_int_equal(address_parse(SLICE("alice"), &address), ERR_OK);
  assert_int_equal(address.kind, ADDRESS_USER);
  assert_true(slice_is(address.id, "alice"));
  assert_int_equal(address_parse(SLICE("#lobby"), &address), ERR_OK);
  assert_int_equal(address.kind, ADDRESS_ROOM);
  assert_true(slice_is(address.id, "lobby"));
  assert_int_equal(address_parse(SLICE("#server"), &address), ERR_OK);
  static const char *const none[] = {"",       "#",    "##a",
                                     "server", "a|b",  "#a{b",
                                     "a\nb",   "\xff", "00000000-0000-0000-0000-000000000000"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    assert_int_equal(address_parse(slice_of(none[i]), &address), ERR_NOT_FOUND);
    assert_int_equal(address.kind, ADDRESS_NONE);
  }
  assert_int_equal(address_parse((struct slice){NULL, 0}, &address), ERR_NOT_FOUND);
}

static void assert_named(const struct party *to, const char *expected)
{
  struct text out = {0};
  text_append(&out, SLICE("\"rid\":"));
  address_append(&out, to, SLICE("bob"));
  assert_true(slice_is(text_slice(&out), expected));
  text_free(&out);
}

static void recipients_as_free_text(void **state)
{
  (void)state;
  assert_named(&(struct party){.kind = PARTY_ROOM, .id = SLICE("den")}, "\"rid\":\"#den\"");
  assert_named(&(struct party){.kind = PARTY_ROOM, .id = SLICE("\"é\" \\")},
               "\"rid\":\"#\\\"é\\\" \\\\\"");
  assert_named(&(struct party){.kind = PARTY_ALL}, "\"rid\":\"#lobby\"");
  assert_named(&(struct party){.kind = PARTY_USER, .id = SLICE("alice")}, "\"rid\":\"bob\"");
}

/* What a frame's member may be, besides a text that address_parse knows. */
static void recipients_in_frames(void **state)
{
  (void)state;
  struct arena arena = {0};
  struct address address;
  assert_int_equal(address_read(&arena, SLICE("\"b\\u006fb\""), &address), ERR_OK);
  assert_true(address.kind == ADDRESS_USER && slice_is(address.id, "bob"));
  assert_int_equal(address_read(&arena, SLICE("31"), &address), ERR_MALFORMED);
  assert_int_equal(address_read(&arena, (struct slice){NULL, 0}, &address), ERR_MALFORMED);
  assert_int_equal(address_read_room(&arena, SLICE("\"#den\""), &address), ERR_OK);
  assert_int_equal(address_read_room(&arena, SLICE("\"den\""), &address), ERR_MALFORMED);
  assert_int_equal(address_read_room(&arena, SLICE("\"#\""), &address), ERR_NOT_FOUND);
  assert_int_equal(address_read_uuid(&arena, SLICE("17"), &address), ERR_MALFORMED);
  assert_int_equal(address_read_uuid(&arena, SLICE("\"17\""), &address), ERR_NOT_FOUND);
  arena_free(&arena);
}

static void numbers_in_frames(void **state)
{
  (void)state;
  uint64_t number = 0;
  assert_int_equal(command_read_number(SLICE("\"65537\""), &number), ERR_OK);
  assert_int_equal(number, 65537);
  assert_int_equal(command_read_number(SLICE("0"), &number), ERR_NOT_FOUND);
  assert_int_equal(command_read_number(SLICE("-1"), &number), ERR_MALFORMED);
  assert_int_equal(command_read_number((struct slice){NULL, 0}, &number), ERR_MALFORMED);
}

static void what_the_client_is_told(void **state)
{
  (void)state;
  const struct command send = {.kind = COMMAND_SEND};
  const struct command refused = {.kind = COMMAND_REFUSED, .refusal = ERR_MALFORMED};
  assert_int_equal(command_err(&send, &(struct outcome){.err = ERR_OK}), ERR_OK);
  assert_int_equal(command_err(&send, &(struct outcome){.err = ERR_NOT_FOUND}), ERR_NOT_FOUND);
  assert_int_equal(command_err(&send, &(struct outcome){.err = ERR_NOT_IN_ROOM}), ERR_FORBIDDEN);
  assert_int_equal(command_err(&refused, &(struct outcome){.err = ERR_OK}), ERR_MALFORMED);
}

static void addresses_by_uuid(void **state)
{
  (void)state;
  struct arena arena = {0};
  struct address address;
  const struct slice lower = SLICE("5e4cf0a2-0a6c-4f3f-8d58-1c0d2a9e7b10");
  assert_int_equal(address_parse_uuid(&arena, lower, &address), ERR_OK);
  assert_int_equal(address.kind, ADDRESS_UUID);
  assert_ptr_equal(address.id.data, lower.data); /* nothing to change, nothing to copy */
  assert_true(slice_equal(address.id, lower));
  const struct slice upper = SLICE("5E4CF0A2-0a6c-4F3f-8d58-1C0D2A9E7B10");
  assert_int_equal(address_parse_uuid(&arena, upper, &address), ERR_OK);
  assert_true(slice_equal(address.id, lower));
  static const char *const none[] = {
      "",
      "lobby",
      "00000000-0000-0000-0000-000000000000", /* the server's */
      "5e4cf0a2-0a6c-4f3f-8d58-1c0d2a9e7b1",
      "5e4cf0a2-0a6c-4f3f-8d58-1c0d2a9e7b100",
      "5e4cf0a200a6c-4f3f-8d58-1c0d2a9e7b10",
      "5e4cf0a2-0a6c-4f3f-8d58-1c0d2a9e7b1g",
      "5e4cf0a2-0a6c-4f3f-8d58-1c0d2a9e7b1G",
      "{5e4cf0a-0a6c-4f3f-8d58-1c0d2a9e7b1}",
      "-e4cf0a2-0a6c-4f3f-8d58-1c0d2a9e7b10",
  };
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    assert_int_equal(address_parse_uuid(&arena, slice_of(none[i]), &address), ERR_NOT_FOUND);
    assert_int_equal(address.kind, ADDRESS_NONE);
  }
  assert_int_equal(address_parse_uuid(&arena, (struct slice){NULL, 0}, &address), ERR_NOT_FOUND);
  arena_free(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(commands_stand_in_order), cmocka_unit_test(addresses),
      cmocka_unit_test(addresses_by_uuid),       cmocka_unit_test(recipients_as_free_text),
      cmocka_unit_test(recipients_in_frames),    cmocka_unit_test(numbers_in_frames),
      cmocka_unit_test(what_the_client_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
