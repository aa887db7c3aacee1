/* The form of ids (protocols.md, "who you are"), and what a request's head claims. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "identity.h"

static struct arena arena;

static void good_ids(void **state)
{
  (void)state;
  static const char *const ids[] = {
      "a",
      "0",
      "31",
      "alice",
      "Jürgen X",
      "漢字",
      "😂",
      "a#b",
      "a:b",
      "SERVER",
      "server2",
      "-1",
      "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
      " ",
      "a/b?c=d&e",
      "\"quoted\"",
      "\xc2\xa0",
  };
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    assert_int_equal(identity_check(slice_of(ids[i])), ERR_OK);
    assert_int_equal(identity_check_room(slice_of(ids[i])), ERR_OK);
  }
}

static void ids_of_bad_form(void **state)
{
  (void)state;
  static const char *const ids[] = {
      "",      "#",         "#a",       "a{",   "}a",    "a|b",          "a\nb",     "\x01",
      "a\x7f", "a\xc2\x80", "\xc2\x9f", "\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80",
  };
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    assert_int_equal(identity_check(slice_of(ids[i])), ERR_UNAUTHORIZED);
    assert_int_equal(identity_check_room(slice_of(ids[i])), ERR_UNAUTHORIZED);
  }
  assert_int_equal(identity_check(SLICE("a\0b")), ERR_UNAUTHORIZED);
}

static void at_most_128_bytes(void **state)
{
  (void)state;
  char id[130];
  memset(id, 'a', sizeof id);
  assert_int_equal(identity_check((struct slice){id, 128}), ERR_OK);
  assert_int_equal(identity_check((struct slice){id, 129}), ERR_UNAUTHORIZED);
}

static void reserved_ids(void **state)
{
  (void)state;
  const struct slice nil = SLICE("00000000-0000-0000-0000-000000000000");
  assert_int_equal(identity_check(SLICE("server")), ERR_FORBIDDEN);
  assert_int_equal(identity_check(nil), ERR_FORBIDDEN);
  assert_int_equal(identity_check_room(SLICE("server")), ERR_OK);
}

static void parameters(void **state)
{
  (void)state;
  const struct request request = {
      .query = SLICE("a=1&b&c=&&=x&d=%C3%A9+%2B&e%20e=2&a=3&f=x=y&g=%zz&h=%00&h=late"),
  };
  static const struct {
    const char *name, *value;
  } there[] = {{"a", "1"},   {"b", ""},    {"c", ""},   {"", ""},
               {"d", "é +"}, {"e e", "2"}, {"f", "x=y"}};
  struct slice value;
  for (size_t i = 0; i < sizeof there / sizeof there[0]; i++) {
    assert_true(request_parameter(&arena, &request, there[i].name, &value));
    assert_true(slice_is(value, there[i].value));
  }
  static const char *const missing[] = {"x", "A", "g", "h", "e%20e"};
  for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
    assert_false(request_parameter(&arena, &request, missing[i], &value));
  }
  const struct request without = {.query = {NULL, 0}};
  assert_false(request_parameter(&arena, &without, "a", &value));
}

static bool basic(const char *authorization, struct slice *user)
{
  const struct request request = {.authorization = slice_of(authorization)};
  return request_basic_user(&arena, &request, user);
}

static void basic_credentials(void **state)
{
  (void)state;
  struct slice user;
  assert_true(basic("Basic Ym9iOnNlY3JldA==", &user) && slice_is(user, "bob"));
  assert_true(basic("bASIC   Ym9iOnNlY3JldA==  ", &user) && slice_is(user, "bob"));
  assert_true(basic("Basic YTpiOmM=", &user) && slice_is(user, "a"));
  assert_true(basic("Basic Ym9iOg==", &user) && slice_is(user, "bob"));
  assert_true(basic("Basic OnNlY3JldA==", &user) && slice_is(user, ""));
  static const char *const none[] = {
      "",           "Basic",           "Basic ",          "Basic Ym9i",
      "Basic !!!!", "Basicx Ym9iOg==", "Bearer Ym9iOg==", "Ym9iOg==",
  };
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) assert_false(basic(none[i], &user));
}

static void bearer_tokens(void **state)
{
  (void)state;
  struct slice token;
  struct request request = {.authorization = SLICE("bearer a.b.c"), .query = SLICE("token=q")};
  assert_true(request_bearer(&request, &token) && slice_is(token, "a.b.c"));
  assert_true(request_token(&arena, &request, &token) && slice_is(token, "a.b.c"));
  request.authorization = SLICE("Bearer ");
  assert_false(request_bearer(&request, &token));
  assert_true(request_token(&arena, &request, &token) && slice_is(token, "q"));
  request.query = SLICE("token=");
  assert_false(request_token(&arena, &request, &token));
}

static void claims(void **state)
{
  (void)state;
  static const struct {
    const char *query, *authorization, *user, *token;
    enum err err;
  } heads[] = {
      {"user=alice", "", "alice", "", ERR_OK},
      {"token=t", "", "", "t", ERR_OK},
      {"user=alice&token=t", "Bearer b", "alice", "b", ERR_OK},
      {"", "", "", "", ERR_UNAUTHORIZED},
      {"token=", "Basic YTpi", "", "", ERR_UNAUTHORIZED},
      {"user=&token=t", "", "", "", ERR_UNAUTHORIZED},
      {"user=server&token=t", "", "", "", ERR_FORBIDDEN},
  };
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    const struct request request = {.query = slice_of(heads[i].query),
                                    .authorization = slice_of(heads[i].authorization)};
    struct claim claim;
    assert_int_equal(request_claim(&arena, &request, &claim), heads[i].err);
    if (heads[i].err != ERR_OK) continue;
    assert_true(slice_is(claim.user, heads[i].user));
    assert_true(slice_is(claim.token, heads[i].token));
    assert_int_equal(claim.room.len + claim.device.len, 0);
  }
}

/* A protocol's own way goes before, whatever else the head says. */
static void claims_that_were_begun(void **state)
{
  (void)state;
  const struct request request = {.query = SLICE("name=bob&user=carol&token=t")};
  struct claim claim = {.user = SLICE("alice")};
  assert_int_equal(claim_complete(&arena, &request, "name", &claim), ERR_OK);
  assert_true(slice_is(claim.user, "alice") && slice_is(claim.token, "t"));
  claim = (struct claim){.token = SLICE("key")};
  assert_int_equal(claim_complete(&arena, &request, "name", &claim), ERR_OK);
  assert_true(slice_is(claim.user, "bob") && slice_is(claim.token, "key"));
  claim = (struct claim){0};
  assert_int_equal(claim_complete(&arena, &request, "client_id", &claim), ERR_OK);
  assert_true(slice_is(claim.user, "carol"));
}

static void new_ids(void **state)
{
  (void)state;
  assert_int_equal(identity_check_new(SLICE("alice")), ERR_OK);
  assert_int_equal(identity_check_new(SLICE("server")), ERR_CONFLICT);
  assert_int_equal(identity_check_new(SLICE("a|b")), ERR_MALFORMED);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_ids),
      cmocka_unit_test(ids_of_bad_form),
      cmocka_unit_test(at_most_128_bytes),
      cmocka_unit_test(reserved_ids),
      cmocka_unit_test(parameters),
      cmocka_unit_test(basic_credentials),
      cmocka_unit_test(bearer_tokens),
      cmocka_unit_test(claims),
      cmocka_unit_test(claims_that_were_begun),
      cmocka_unit_test(new_ids),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_free(&arena);
  return failed;
}
