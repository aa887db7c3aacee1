/* What a text-only protocol shows of a message (protocols.md, the bridge). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "envelope.h"

static void assert_shown(const char *text, const char *fields, const char *attachments,
                         const char *expected)
{
  struct arena arena = {0};
  const struct envelope envelope = {
      .kind = KIND_MESSAGE_SENT,
      .text = slice_of(text),
      .fields = slice_of(fields),
      .attachments = slice_of(attachments),
  };
  struct slice shown = envelope_shown_text(&arena, &envelope);
  if (!slice_is(shown, expected)) print_error("%.*s\n", SLICE_ARG(shown));
  assert_true(slice_is(shown, expected));
  arena_free(&arena);
}

static void text_alone_is_the_text(void **state)
{
  (void)state;
  assert_shown("\"hello\"", NULL, NULL, "\"hello\"");
  assert_shown("\"\\u0041\\/\\ud800\"", "{\"url\":\"https://a\"}", NULL, "\"\\u0041\\/\\ud800\"");
  assert_shown("\"\"", "{\"url\":\"https://a\"}", NULL, "\"\"");
}

static void and_no_copy(void **state)
{
  (void)state;
  struct arena arena = {0};
  const struct envelope envelope = {.text = SLICE("\"hello\"")};
  assert_ptr_equal(envelope_shown_text(&arena, &envelope).data, envelope.text.data);
  assert_null(arena.blocks);
}

static void without_text_its_url(void **state)
{
  (void)state;
  assert_shown(NULL, "{\"url\":\"https://web.com/pic.png\"}", NULL, "\"https://web.com/pic.png\"");
  assert_shown(NULL, "{\"size\":1,\"u\\u0072l\":\"https:\\/\\/a\"}", NULL, "\"https:\\/\\/a\"");
}

static void without_both_its_fields_as_compact_json(void **state)
{
  (void)state;
  assert_shown(NULL, "{\"a\": 1.0, \"b\":\"\\\"x\\\"\"}", NULL,
               "\"{\\\"a\\\":1.0,\\\"b\\\":\\\"\\\\\\\"x\\\\\\\"\\\"}\"");
  /* a url that is none */
  assert_shown(NULL, "{\"url\":17}", NULL, "\"{\\\"url\\\":17}\"");
  assert_shown(NULL, "{\"url\":\"\"}", NULL, "\"{\\\"url\\\":\\\"\\\"}\"");
  assert_shown(NULL, "{\"text\":null}", NULL, "\"{\\\"text\\\":null}\"");
}

static void without_anything_nothing(void **state)
{
  (void)state;
  assert_shown(NULL, NULL, NULL, "\"\"");
}

static void attachments_follow_as_their_urls(void **state)
{
  (void)state;
  assert_shown("\"look\"", NULL, "[\"https://a\", {\"url\":\"https://b\",\"size\":1}]",
               "\"look https://a https://b\"");
  assert_shown("\"look\"", NULL, "[]", "\"look\"");
  assert_shown("\"look\"", NULL, "[1,null,{\"url\":2},[\"x\"],{}]", "\"look\"");
  assert_shown("\"\"", NULL, "[\"https://a\"]", "\"https://a\"");
  assert_shown(NULL, "{\"url\":\"https://u\"}", "[\"https://a\"]", "\"https://u https://a\"");
}

static void attachments_without_urls_and_text_are_shown_as_they_are(void **state)
{
  (void)state;
  assert_shown(NULL, NULL, "[{\"id\": 7}]", "\"[{\\\"id\\\":7}]\"");
}

/* Whatever comes together, it is one JSON string. */
static void it_is_a_json_string(void **state)
{
  (void)state;
  struct arena arena = {0};
  const struct envelope envelope = {
      .text = SLICE("\"a\\\\\\ud83d\""),
      .attachments = SLICE("[\"\\ude02\\\"\",\"\\\\\"]"),
  };
  struct text object = {0};
  text_append(&object, SLICE("{\"shown\":"));
  text_append(&object, envelope_shown_text(&arena, &envelope));
  text_append(&object, SLICE("}"));
  assert_int_equal(json_check(text_slice(&object)), ERR_OK);
  text_free(&object);
  arena_free(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_alone_is_the_text),
      cmocka_unit_test(and_no_copy),
      cmocka_unit_test(without_text_its_url),
      cmocka_unit_test(without_both_its_fields_as_compact_json),
      cmocka_unit_test(without_anything_nothing),
      cmocka_unit_test(attachments_follow_as_their_urls),
      cmocka_unit_test(attachments_without_urls_and_text_are_shown_as_they_are),
      cmocka_unit_test(it_is_a_json_string),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
