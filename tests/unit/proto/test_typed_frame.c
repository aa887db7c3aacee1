/* From a flat frame to its command, by a table of types. */
#include "typed_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct arena arena;

/* A protocol of two types: one that takes its member, one that refuses it. */
enum { MEMBER_TYPE = TYPED_FRAME_TYPE, MEMBER_NOTE, MEMBER_COUNT };

static const struct slice member_names[MEMBER_COUNT] = {{"type", 4}, {"note", 4}};

static enum err take(struct arena *in, const struct slice *members, struct command *command)
{
  assert_ptr_equal(in, &arena);
  command->text = members[MEMBER_NOTE];
  return ERR_OK;
}

static enum err refuse(struct arena *in, const struct slice *members, struct command *command)
{
  (void)in;
  (void)members;
  command->text = SLICE("\"partial\"");
  return ERR_BAD_KEY;
}

static const struct typed_frame types[] = {
    {{"take", 4}, COMMAND_SEND, take},
    {{"refuse", 6}, COMMAND_ENTER, refuse},
};

static const struct typed_frames frames = {member_names, MEMBER_COUNT, types, 2};

static const struct command *decode(const char *frame)
{
  struct decoding decoding = {.arena = &arena};
  typed_frame_decode(&frames, slice_of(frame), &decoding);
  assert_non_null(decoding.first);
  assert_ptr_equal(decoding.first, decoding.last); /* always exactly one */
  assert_null(decoding.first->next);
  return decoding.first;
}

static void assert_refused(const char *frame, enum err refusal, unsigned tag, const char *client_id)
{
  const struct command *command = decode(frame);
  assert_int_equal(command->kind, COMMAND_REFUSED);
  assert_int_equal(command->refusal, refusal);
  assert_int_equal(command->tag, tag);
  assert_true(slice_is(command->client_id, client_id));
  assert_int_equal(command->text.len, 0); /* nothing partial comes out */
}

static void a_known_type_becomes_its_command(void **state)
{
  (void)state;
  const struct command *command = decode(" {\"note\":\"a\",\"t\\u0079pe\":\"t\\u0061ke\"}");
  assert_int_equal(command->kind, COMMAND_SEND);
  assert_int_equal(command->refusal, ERR_OK);
  assert_int_equal(command->tag, 1);
  assert_true(slice_is(command->text, "\"a\""));
  assert_int_equal(decode("{\"type\":\"take\"}")->text.len, 0);
  arena_reset(&arena);
}

static void commands_follow_those_that_are_there(void **state)
{
  (void)state;
  struct decoding decoding = {.arena = &arena};
  typed_frame_decode(&frames, SLICE("{\"type\":\"take\"}"), &decoding);
  typed_frame_decode(&frames, SLICE("{\"type\":\"refuse\"}"), &decoding);
  typed_frame_decode(&frames, SLICE("{\"type\":\"take\"}"), &decoding);
  assert_int_equal(decoding.first->next->refusal, ERR_BAD_KEY);
  assert_ptr_equal(decoding.first->next->next, decoding.last);
  assert_null(decoding.last->next);
  arena_reset(&arena);
}

static void what_is_refused(void **state)
{
  (void)state;
  assert_refused("{}", ERR_MALFORMED, 0, "");
  assert_refused("{\"type\":7}", ERR_MALFORMED, 0, "");
  assert_refused("{\"type\":{\"type\":\"take\"}}", ERR_MALFORMED, 0, "");
  assert_refused("{\"type\":\"\"}", ERR_UNSUPPORTED, 0, "\"\"");
  assert_refused("{\"type\":\"takes\"}", ERR_UNSUPPORTED, 0, "\"takes\"");
  assert_refused("{\"type\":\"refuse\",\"note\":\"a\"}", ERR_BAD_KEY, 2, "");
  arena_reset(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_known_type_becomes_its_command),
      cmocka_unit_test(commands_follow_those_that_are_there),
      cmocka_unit_test(what_is_refused),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
