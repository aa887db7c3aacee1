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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(commands_stand_in_order),
      cmocka_unit_test(addresses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
