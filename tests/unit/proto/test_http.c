/* What REST surfaces share: how a request finds its route, the common form of an error, and
 * what is read from bodies and queries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "http.h"
#include "protocol.h"

static const struct http_route first_routes[] = {
    {HTTP_GET, "/a", HTTP_ANYONE, NULL, NULL},
    {HTTP_GET, "/a/{}", HTTP_ANYONE, NULL, NULL},
    {HTTP_PUT, "/a/{}", HTTP_ANYONE, NULL, NULL},
    {HTTP_POST, "/a/new", HTTP_ANYONE, NULL, NULL},
    {HTTP_DELETE, "/a/{}/b/{}", HTTP_ANYONE, NULL, NULL},
    {HTTP_DELETE, "/a/{}/b/me", HTTP_ANYONE, NULL, NULL},
    {HTTP_PATCH, "/a/{}/{}/c", HTTP_ANYONE, NULL, NULL},
};
static const struct http_route second_routes[] = {
    {HTTP_GET, "/", HTTP_ANYONE, NULL, NULL},
    {HTTP_GET, "/a/{}/other", HTTP_ANYONE, NULL, NULL},
};
static const struct http_api first_api = {
    .routes = first_routes, .route_count = sizeof first_routes / sizeof first_routes[0]};
static const struct http_api second_api = {
    .routes = second_routes, .route_count = sizeof second_routes / sizeof second_routes[0]};
static const struct protocol test_protocols[] = {
    {.name = "none"},
    {.name = "first", .http = &first_api},
    {.name = "second", .http = &second_api},
};
static const struct protocol *const first = &test_protocols[1], *const second = &test_protocols[2];

/* In place of the registry's, which is then not linked: ours, and all others without REST. */
const struct protocol *const protocols[PROTOCOL_COUNT] = {
#define X(name) &test_protocols[PROTOCOL_INDEX_##name < 3 ? PROTOCOL_INDEX_##name : 0],
#include "protocols.def"
#undef X
};

static struct arena arena;

static int forget(void **state)
{
  (void)state;
  arena_free(&arena);
  return 0;
}

static void assert_slice(struct slice slice, const char *wanted)
{
  assert_int_equal(slice.len, strlen(wanted));
  assert_memory_equal(slice.data, wanted, slice.len);
}

static void a_request_finds_its_route(void **state)
{
  (void)state;
  static const struct {
    const char *method, *path;
    const struct http_route *route;
    const char *params[HTTP_PARAMS_MAX];
  } cases[] = {
      {"GET", "/a", &first_routes[0], {NULL}},
      {"HEAD", "/a", &first_routes[0], {NULL}},
      {"GET", "/", &second_routes[0], {NULL}},
      {"GET", "/a/x", &first_routes[1], {"x"}},
      {"PUT", "/a/x", &first_routes[2], {"x"}},
      {"GET", "/a/newer", &first_routes[1], {"newer"}},
      {"POST", "/a/new", &first_routes[3], {NULL}},
      {"DELETE", "/a/x/b/y", &first_routes[4], {"x", "y"}},
      {"DELETE", "/a/x/b/me", &first_routes[5], {"x"}},
      {"PATCH", "/a/x/y/c", &first_routes[6], {"x", "y"}},
      {"GET", "/a/x/other", &second_routes[1], {"x"}},
      /* Encoded, each segment alone; a plus is itself. */
      {"GET", "/%61/a%2Fb", &first_routes[1], {"a/b"}},
      {"GET", "/a/a%20b+%2B%e6%bc%a2", &first_routes[1], {"a b++漢"}},
      {"GET", "/a/漢", &first_routes[1], {"漢"}},
      {"GET", "/a/..", &first_routes[1], {".."}},
      {"GET", "/a/{}", &first_routes[1], {"{}"}},
      {"POST", "/a/%6eew", &first_routes[3], {NULL}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct http_match match;
    assert_int_equal(http_find(&arena, slice_of(cases[i].method), slice_of(cases[i].path), &match),
                     ERR_OK);
    assert_ptr_equal(match.route, cases[i].route);
    bool is_second = cases[i].route == &second_routes[0] || cases[i].route == &second_routes[1];
    assert_ptr_equal(match.protocol, is_second ? second : first);
    for (size_t j = 0; j < HTTP_PARAMS_MAX; j++)
      assert_slice(match.params[j], cases[i].params[j] ? cases[i].params[j] : "");
  }
}

static void other_paths_are_not_found(void **state)
{
  (void)state;
  static const char *const paths[] = {
      "",           "a",      "//",
      "/b",         "/a/",    "/A",
      "/a//b/y",    "/a/x/b", "/a/x/b/y/",
      "/a/x/b/y/z", "/a/%",   "/a/%2",
      "/a/%zz",     "/a/%00", "/a/%ff",
      "/a/\xff",    "/a/%c3", "/a/x/b/%c0",
      "/a%2Fnew",   "/%2Fa",  "/a/x/y/c/1/2/3/4/5/6",
      "*",          "/{}",    "http://h/a",
  };
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    struct http_match match;
    assert_int_equal(http_find(&arena, SLICE("GET"), slice_of(paths[i]), &match), ERR_NOT_FOUND);
    assert_null(match.route);
    assert_null(match.protocol);
  }
  struct http_match match;
  assert_int_equal(http_find(&arena, SLICE("GET"), SLICE("/a/\0"), &match), ERR_NOT_FOUND);
  assert_int_equal(http_find(&arena, SLICE("GET"), (struct slice){NULL, 0}, &match), ERR_NOT_FOUND);
}

static void another_method_is_told_which_there_are(void **state)
{
  (void)state;
  static const struct {
    const char *method, *path, *allowed;
  } cases[] = {
      {"POST", "/a", "GET"},
      {"DELETE", "/a/x", "GET, PUT"},
      {"OPTIONS", "/a/x", "GET, PUT"},
      {"GET", "/a/new", "POST"}, /* though /a/{} knows it: the literal one is meant */
      {"HEAD", "/a/new", "POST"},
      {"get", "/a", "GET"},
      {"", "/a", "GET"},
      {"GET", "/a/x/b/me", "DELETE"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct http_match match;
    assert_int_equal(http_find(&arena, slice_of(cases[i].method), slice_of(cases[i].path), &match),
                     ERR_BAD_METHOD);
    assert_null(match.route);
    assert_ptr_equal(match.protocol, first);
    assert_slice(match.allowed, cases[i].allowed);
  }
}

static void errors_have_one_form(void **state)
{
  (void)state;
  struct text out = {0};
  assert_int_equal(http_error(NULL, ERR_NOT_FOUND, &out), 404);
  assert_slice(text_slice(&out),
               "{\"error\":\"not_found\",\"message\":\"there is no such thing\"}");
  text_free(&out);
  for (int err = 1; err < ERR_COUNT; err++) {
    assert_true(http_error(NULL, (enum err)err, &out) >= 400);
    assert_int_equal(json_check(text_slice(&out)), ERR_OK);
    text_free(&out);
  }
}

static void numbers_of_a_path(void **state)
{
  (void)state;
  static const struct {
    const char *param;
    enum err err;
    uint64_t number;
  } cases[] = {
      {"1", ERR_OK, 1},
      {"0065537", ERR_OK, 65537},
      {"9007199254740991", ERR_OK, 9007199254740991},
      {"9007199254740992", ERR_NOT_FOUND, 0},
      {"99999999999999999999999999", ERR_NOT_FOUND, 0},
      {"0", ERR_NOT_FOUND, 0},
      {"-1", ERR_NOT_FOUND, 0},
      {"1.0", ERR_NOT_FOUND, 0},
      {"\"1\"", ERR_NOT_FOUND, 0},
      {"x", ERR_NOT_FOUND, 0},
      {" 1", ERR_NOT_FOUND, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct http_call call = {.params = {SLICE("x"), slice_of(cases[i].param)}};
    uint64_t number;
    assert_int_equal(http_param_number(&call, 1, &number), cases[i].err);
    if (cases[i].err == ERR_OK) assert_int_equal(number, cases[i].number);
  }
}

/* ---- bodies ---- */

static struct http_call with_body(const char *body)
{
  static const struct request head;
  return (struct http_call){.head = &head, .body = slice_of(body)};
}

static void strings_of_a_body(void **state)
{
  (void)state;
  static const struct {
    const char *body;
    enum err optional, required;
    const char *value; /* NULL: none */
  } cases[] = {
      {"{\"a\":\"x\"}", ERR_OK, ERR_OK, "x"},
      {"{\"a\":\"\"}", ERR_OK, ERR_OK, ""},
      {"{\"a\":\"\\u00e9\\n\"}", ERR_OK, ERR_OK, "é\n"},
      {"{\"b\":1, \"a\" : \"x\" }", ERR_OK, ERR_OK, "x"},
      {"{\"b\":\"x\"}", ERR_OK, ERR_MALFORMED, NULL},
      {"{\"a\":null}", ERR_OK, ERR_MALFORMED, NULL},
      {"", ERR_OK, ERR_MALFORMED, NULL},
      {"{\"a\":1}", ERR_MALFORMED, ERR_MALFORMED, NULL},
      {"{\"a\":true}", ERR_MALFORMED, ERR_MALFORMED, NULL},
      {"{\"a\":[\"x\"]}", ERR_MALFORMED, ERR_MALFORMED, NULL},
      {"{\"a\":{\"a\":\"x\"}}", ERR_MALFORMED, ERR_MALFORMED, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct http_call call = with_body(cases[i].body);
    struct slice value;
    assert_int_equal(http_string(&arena, &call, "a", true, &value), cases[i].required);
    assert_int_equal(http_string(&arena, &call, "a", false, &value), cases[i].optional);
    assert_int_equal(value.data != NULL, cases[i].value != NULL);
    assert_slice(value, cases[i].value ? cases[i].value : "");
  }
}

static void choices_of_a_body(void **state)
{
  (void)state;
  static const struct {
    const char *body;
    enum err err;
    struct choice choice; /* true before, though nobody said so */
  } cases[] = {
      {"{\"a\":true}", ERR_OK, {true, true}},
      {"{\"a\":false}", ERR_OK, {true, false}},
      {"{}", ERR_OK, {false, true}},
      {"", ERR_OK, {false, true}},
      {"{\"a\":null}", ERR_MALFORMED, {false, true}},
      {"{\"a\":1}", ERR_MALFORMED, {false, true}},
      {"{\"a\":\"true\"}", ERR_MALFORMED, {false, true}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct http_call call = with_body(cases[i].body);
    struct choice choice = {.value = true};
    assert_int_equal(http_choice(&call, "a", &choice), cases[i].err);
    assert_int_equal(choice.set, cases[i].choice.set);
    assert_int_equal(choice.value, cases[i].choice.value);
  }
}

static void raw_texts_of_a_body(void **state)
{
  (void)state;
  struct slice raw = {NULL, 0};
  struct http_call call = with_body("{\"a\":\"\\u0061\",\"b\":null,\"c\":17}");
  assert_int_equal(http_raw_text(&call, "b", &raw), ERR_OK);
  assert_int_equal(http_raw_text(&call, "d", &raw), ERR_OK);
  assert_int_equal(http_raw_text(&call, "c", &raw), ERR_MALFORMED);
  assert_int_equal(raw.len, 0);
  assert_int_equal(http_raw_text(&call, "a", &raw), ERR_OK);
  assert_true(slice_is(raw, "\"\\u0061\""));
}

static void raw_members_of_a_body(void **state)
{
  (void)state;
  struct http_call call = with_body("{\"a\": [1, 2] ,\"b\":{}}");
  assert_slice(http_member(&call, "a"), "[1, 2]");
  assert_slice(http_member(&call, "b"), "{}");
  assert_slice(http_member(&call, "c"), "");
  call = with_body("");
  assert_slice(http_member(&call, "a"), "");
}

/* ---- queries ---- */

static void numbers_of_a_query(void **state)
{
  (void)state;
  static const struct {
    const char *query;
    enum err err;
    uint64_t value; /* 50 before; from 2 to 100 */
  } cases[] = {
      {"", ERR_OK, 50},
      {"m=7", ERR_OK, 50},
      {"n=7", ERR_OK, 7},
      {"m=1&n=007", ERR_OK, 7},
      {"n=7&n=8", ERR_OK, 7},
      {"n=%37", ERR_OK, 7},
      {"n=0", ERR_OK, 2},
      {"n=100", ERR_OK, 100},
      {"n=101", ERR_OK, 100},
      {"n=18446744073709551616", ERR_OK, 100},
      {"n=99999999999999999999999999999999999999999", ERR_OK, 100},
      {"n=", ERR_MALFORMED, 50},
      {"n", ERR_MALFORMED, 50},
      {"n=-1", ERR_MALFORMED, 50},
      {"n=+1", ERR_MALFORMED, 50},
      {"n=1.5", ERR_MALFORMED, 50},
      {"n=1e1", ERR_MALFORMED, 50},
      {"n=\"7\"", ERR_MALFORMED, 50},
      {"n=seven", ERR_MALFORMED, 50},
      {"n=99999999999999999999x", ERR_MALFORMED, 50},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct request head = {.query = slice_of(cases[i].query)};
    const struct http_call call = {.head = &head};
    uint64_t value = 50;
    assert_int_equal(http_query_number(&arena, &call, "n", 2, 100, &value), cases[i].err);
    assert_int_equal(value, cases[i].value);
  }
  const struct request head = {.query = SLICE("n=18446744073709551615&m=18446744073709551614")};
  const struct http_call call = {.head = &head};
  uint64_t value = 0;
  assert_int_equal(http_query_number(&arena, &call, "n", 0, UINT64_MAX, &value), ERR_OK);
  assert_true(value == UINT64_MAX);
  assert_int_equal(http_query_number(&arena, &call, "m", 0, UINT64_MAX, &value), ERR_OK);
  assert_true(value == UINT64_MAX - 1);
}

static void texts_of_a_query(void **state)
{
  (void)state;
  const struct request head = {.query = SLICE("a=x+y%2B&b=&c=%zz&d=%ff&e")};
  const struct http_call call = {.head = &head};
  assert_slice(http_query(&arena, &call, "a"), "x y+");
  for (const char *name = "bcdef"; *name; name++)
    assert_slice(http_query(&arena, &call, (char[]){*name, '\0'}), "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(a_request_finds_its_route, forget),
      cmocka_unit_test_teardown(other_paths_are_not_found, forget),
      cmocka_unit_test_teardown(another_method_is_told_which_there_are, forget),
      cmocka_unit_test_teardown(errors_have_one_form, forget),
      cmocka_unit_test_teardown(numbers_of_a_path, forget),
      cmocka_unit_test_teardown(strings_of_a_body, forget),
      cmocka_unit_test_teardown(choices_of_a_body, forget),
      cmocka_unit_test_teardown(raw_texts_of_a_body, forget),
      cmocka_unit_test_teardown(raw_members_of_a_body, forget),
      cmocka_unit_test_teardown(numbers_of_a_query, forget),
      cmocka_unit_test_teardown(texts_of_a_query, forget),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
