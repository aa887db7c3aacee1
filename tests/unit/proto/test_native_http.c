/* The native REST API: each route to its command, each outcome to its response, as
 * tests/transcripts/native/codec.json has them; and its document, which says the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "native_http.h"
#include "native_openapi.h"
#include "protocol.h"
#include "route_case.h"
#include "transcript_data.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct arena arena;
static struct json_object *data;

static int load(void **state)
{
  (void)state;
  data = transcript_load("native", "codec.json");
  return 0;
}

static int forget(void **state)
{
  (void)state;
  json_object_put(data);
  arena_free(&arena);
  return 0;
}

/* ---- the outcomes that codec.json names ---- */

/* Initializers. */
#define TEXT(literal)           \
  {                             \
    literal, sizeof literal - 1 \
  }
#define SERVER                               \
  {                                          \
    .kind = PARTY_USER, .id = TEXT("server") \
  }

static const struct user_info users[] = {
    {.party = ALICE,
     .nickname = TEXT("al"),
     .bio = TEXT("writes \"a\""),
     .avatar = TEXT("https://a/1.png"),
     .created_ms = 1700000000000,
     .online = true},
    {.party = BOB},
};
static const struct room_info rooms[] = {
    {.party = {.kind = PARTY_ROOM, .num = 1, .id = TEXT("lobby"), .uuid = TEXT(DEN_UUID)},
     .open = true,
     .is_public = true,
     .logged = true},
    {.party = DEN,
     .owner = ALICE,
     .creator = BOB,
     .description = TEXT("ours"),
     .created_ms = 1700000000000,
     .member_count = 2},
};
static const struct party people[] = {ALICE, BOB};
static const struct envelope unread[] = {
    {.id = 131073,
     .ts_ms = 1700000000001,
     .keep = KEEP_UNTIL_READ,
     .from = BOB,
     .to = ALICE,
     .text = TEXT("\"hi\"")},
    {.kind = KIND_NOTICE,
     .id = 131074,
     .ts_ms = 1700000000002,
     .keep = KEEP_UNTIL_READ,
     .from = SERVER,
     .to = ALICE,
     .text = TEXT("\"soon\"")},
};
static const struct envelope messages[] = {
    {.id = 65537,
     .ts_ms = 1700000000001,
     .keep = KEEP_LOG,
     .from = ALICE,
     .to = DEN,
     .text = TEXT("\"first\"")},
    {.id = 65538,
     .ts_ms = 1700000000002,
     .keep = KEEP_LOG,
     .from = BOB,
     .to = DEN,
     .text = TEXT("\"better\""),
     .edited_ms = 1700000000009,
     .reactions = TEXT("{\"+1\":2,\"😂\":1}"),
     .thread = TEXT("7")},
    {.id = 65539,
     .ts_ms = 1700000000003,
     .keep = KEEP_LOG,
     .from = BOB,
     .to = DEN,
     .text = TEXT("\"look\""),
     .attachments = TEXT("[{\"url\": \"https://a/1.png\"}]"),
     .fields = TEXT("{\"a\" :[1]}")},
};
static const struct envelope textless[] = {
    {.id = 65541,
     .ts_ms = 1700000000005,
     .keep = KEEP_LOG,
     .from = BOB,
     .to = DEN,
     .fields = TEXT("{\"url\":\"https://web.com/pic.png\"}")},
    {.kind = KIND_NOTICE,
     .id = 65542,
     .ts_ms = 1700000000006,
     .from = SERVER,
     .to = {.kind = PARTY_ALL},
     .text = TEXT("\"soon\"")},
};
static const struct credential_info credentials[] = {
    {TEXT("c1"), CREDENTIAL_TOKEN, 1700000000000, 1700000001000},
    {TEXT("c2"), CREDENTIAL_KEY, 1700000000001, 1700000001001},
};
static const struct session_info sessions[] = {
    {.id = TEXT("gw-1.0:17"),
     .node = TEXT("gw-1.0"),
     .protocol = TEXT("messaging"),
     .device = TEXT("phone"),
     .user = ALICE,
     .since_ms = 1700000000000},
    {.id = TEXT("gw-2.0:3"),
     .node = TEXT("gw-2.0"),
     .protocol = TEXT("chat"),
     .user = BOB,
     .since_ms = 1700000000001},
};
static const struct node_info nodes[] = {
    {TEXT("gw-1.0"), 1700000000000, 2},
    {TEXT("gw-2.0"), 1700000000001, 0},
};

static const struct {
  const char *name;
  struct outcome outcome;
} outcomes[] = {
    {"nothing", {.err = ERR_OK}},
    {"already", {.already = true}},
    {"two users of more", {.users = users, .count = 2, .cursor = TEXT("8")}},
    {"bob", {.users = &users[1], .count = 1}},
    {"two rooms of more", {.rooms = rooms, .count = 2, .cursor = TEXT("2")}},
    {"den", {.rooms = &rooms[1], .count = 1}},
    {"people", {.people = people, .count = 2, .total = 5}},
    {"one person", {.people = people, .count = 1, .total = 1}},
    {"nobody of five", {.total = 5}},
    {"two unread of more", {.messages = unread, .message_count = 2, .cursor = TEXT("131074")}},
    {"messages", {.messages = messages, .message_count = 3}},
    {"messages of more", {.messages = messages, .message_count = 3, .cursor = TEXT("65537")}},
    {"what no text tells", {.messages = textless, .message_count = 2}},
    {"one message", {.messages = &messages[1], .message_count = 1}},
    {"sent", {.message_id = 65540, .ts_ms = 1700000000004}},
    {"told", {.ts_ms = 1700000000004}},
    {"credentials", {.credentials = credentials, .count = 2, .total = 2}},
    {"issued", {.credential = TEXT("a.b.c"), .expires_ms = 1700000001000}},
    {"sessions", {.sessions = sessions, .count = 2, .cursor = TEXT("gw-2.0:3")}},
    {"nodes", {.nodes = nodes, .count = 2}},
};

/* Any other name is an error's. */
static struct outcome outcome_of(struct slice name)
{
  for (size_t i = 0; i < COUNT(outcomes); i++) {
    if (slice_is(name, outcomes[i].name)) return outcomes[i].outcome;
  }
  return (struct outcome){.err = transcript_err(name)};
}

/* ---- the cases ---- */

static const char *text_of(struct text *text)
{
  struct slice copy = arena_copy(&arena, text_slice(text));
  text_free(text);
  return copy.data;
}

static const char *member(struct json_object *entry, const char *name)
{
  return transcript_text(&arena, entry, name).data;
}

static const char *refusal(enum err err)
{
  struct text response = {0}, body = {0};
  text_append_number(&response, (uint64_t)native_error(NULL, err, &body));
  text_append_char(&response, ' ');
  text_append(&response, text_slice(&body));
  text_free(&body);
  return text_of(&response);
}

static void every_request_is_its_command(void **state)
{
  (void)state;
  struct json_object *entries = json_object_object_get(data, "requests");
  size_t count = json_object_array_length(entries);
  struct route_case *cases = arena_alloc(&arena, count * sizeof *cases);
  for (size_t i = 0; i < count; i++) {
    struct json_object *entry = json_object_array_get_idx(entries, i);
    const char *command = member(entry, "command");
    struct slice refused = transcript_text(&arena, entry, "refused");
    assert_true(!command == (refused.len > 0));
    if (!command) command = refusal(transcript_err(refused));
    cases[i] = (struct route_case){member(entry, "request"), member(entry, "body"), command};
  }
  check_routes(&native_http, cases, count);
}

static const char *response(struct json_object *entry)
{
  struct text text = {0};
  text_append_number(&text, transcript_number(entry, "status"));
  struct slice body = transcript_text(&arena, entry, "answer");
  if (body.len) text_append_char(&text, ' ');
  text_append(&text, slice_is(body, "native.openapi.json") ? native_openapi() : body);
  return text_of(&text);
}

static void every_outcome_is_its_response(void **state)
{
  (void)state;
  struct json_object *entries = json_object_object_get(data, "answers");
  size_t count = json_object_array_length(entries);
  struct answer_case *cases = arena_alloc(&arena, count * sizeof *cases);
  for (size_t i = 0; i < count; i++) {
    struct json_object *entry = json_object_array_get_idx(entries, i);
    cases[i] = (struct answer_case){member(entry, "request"), member(entry, "body"),
                                    outcome_of(transcript_text(&arena, entry, "outcome")),
                                    response(entry)};
  }
  check_answers(&native_http, cases, count);
}

static void every_failure_is_told(void **state)
{
  (void)state;
  check_failures(&native_http);
}

/* Codes of other protocols' own become shared ones; what happened is told by the text. */
static void errors_have_shared_codes(void **state)
{
  (void)state;
  static const struct {
    enum err err;
    const char *response;
  } cases[] = {
      {ERR_BAD_PASSWORD, "401 {\"error\":\"unauthorized\",\"message\":\"the password is wrong\"}"},
      {ERR_BAD_KEY,
       "401 {\"error\":\"unauthorized\",\"message\":\"the key is not a key of this user\"}"},
      {ERR_MALFORMED_JSON,
       "400 {\"error\":\"malformed_payload\",\"message\":\"the body is not JSON\"}"},
      {ERR_USER_ID_MISSING,
       "400 {\"error\":\"malformed_payload\",\"message\":\"a user id is missing\"}"},
      {ERR_TOO_LARGE, "413 {\"error\":\"too_large\",\"message\":\"larger than the limit\"}"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_string_equal(refusal(cases[i].err), cases[i].response);
  }
}

/* ---- who asks ---- */

/* The header goes before the query, there as at the door. */
static void a_token_revokes_itself(void **state)
{
  (void)state;
  const struct request head = {.query = SLICE("token=other"),
                               .authorization = SLICE("Bearer a.b.c")};
  const struct http_call call = {.head = &head, .user = ALICE};
  struct http_match match;
  struct command command = {0};
  assert_int_equal(http_find(&arena, SLICE("DELETE"), SLICE("/api/v1/tokens"), &match), ERR_OK);
  assert_int_equal(match.route->decode(&arena, &call, &command), ERR_OK);
  assert_true(slice_is(command.key, "a.b.c"));
}

/* ---- the document ---- */

/* "/api/v1/users/{user}" as the table of routes has it. */
static struct slice pattern_of(const char *path)
{
  struct text pattern = {0};
  for (bool inside = false; *path; path++) {
    if (*path == '}') inside = false;
    if (!inside) text_append_char(&pattern, *path);
    if (*path == '{') inside = true;
  }
  return slice_of(text_of(&pattern));
}

static const struct http_route *route_of(struct slice path, const char *method)
{
  static const char *const methods[] = {"get", "post", "put", "patch", "delete"};
  for (size_t i = 0; i < native_http.route_count; i++) {
    const struct http_route *route = &native_http.routes[i];
    if (slice_is(path, route->path) && strcmp(method, methods[route->method]) == 0) return route;
  }
  return NULL;
}

static void assert_access(const struct http_route *route, struct json_object *operation)
{
  static const char *const security[] = {
      [HTTP_USER] = NULL, /* as all of the document */
      [HTTP_ADMIN] = "[{\"admin\":[]}]",
      [HTTP_ANYONE] = "[]",
  };
  const char *told = member(operation, "security");
  /* Where the operator can ask for more than anyone, both are there. */
  if (route->access == HTTP_ANYONE && told && strcmp(told, "[{},{\"admin\":[]}]") == 0) return;
  if (security[route->access]) {
    assert_non_null(told);
    assert_string_equal(told, security[route->access]);
  } else {
    assert_null(told);
  }
}

static void the_document_has_every_route_and_no_other(void **state)
{
  (void)state;
  struct slice text = native_openapi();
  struct json_object *document = json_tokener_parse(arena_copy(&arena, text).data);
  assert_non_null(document);
  assert_string_equal(member(document, "openapi"), "3.1.0");
  size_t count = 0;
  json_object_object_foreach(json_object_object_get(document, "paths"), path, item)
  {
    json_object_object_foreach(item, method, operation)
    {
      if (strcmp(method, "parameters") == 0) continue;
      const struct http_route *route = route_of(pattern_of(path), method);
      if (!route) print_error("%s %s is no route\n", method, path);
      assert_non_null(route);
      assert_access(route, operation);
      count++;
    }
  }
  assert_int_equal(count, native_http.route_count);
  json_object_put(document);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_request_is_its_command),
      cmocka_unit_test(every_outcome_is_its_response),
      cmocka_unit_test(every_failure_is_told),
      cmocka_unit_test(errors_have_shared_codes),
      cmocka_unit_test(a_token_revokes_itself),
      cmocka_unit_test(the_document_has_every_route_and_no_other),
  };
  return cmocka_run_group_tests(tests, load, forget);
}
