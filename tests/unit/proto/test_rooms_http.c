/* rooms' REST surface: each route to its command, each outcome to its response, and what may
 * be wrong with a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol.h"
#include "rooms_http.h"
#include "route_case.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define MALFORMED    "400 {\"error\":\"malformed_payload\"}"
#define NO_JSON      "400 {\"error\":\"malformed_json\"}"
#define NO_PASSWORD  "400 {\"error\":\"password_missing\"}"
#define NO_USER_ID   "400 {\"error\":\"user_id_missing\"}"
#define NO_KEY       "401 {\"error\":\"no_key\"}"
#define BAD_KEY      "401 {\"error\":\"bad_key\"}"
#define NO_SUCH_USER "404 {\"error\":\"no_such_user\"}"
#define NOT_FOUND    "404 {\"error\":\"not_found\"}"
#define FORBIDDEN    "403 {\"error\":\"forbidden\"}"
#define OUTSIDE      "403 {\"error\":\"not_in_room\"}"
#define CONFLICT     "409 {\"error\":\"conflict\"}"

#define ACCOUNT "{\"username\":\"Al\",\"password\":\"secret\"}"
#define BY_BOB  "{\"user_id\":\"" BOB_UUID "\"}"
#define LOG_IN  "{\"user_id\":\"" BOB_UUID "\",\"password\":\"secret\"}"
#define NIL     "00000000-0000-0000-0000-000000000000"
#define KEY     "0123456789-abcdefghijklmnop_QRST"

/* ---- requests ---- */

static const struct route_case requests[] = {
    {"POST /user", ACCOUNT, "register wants=key name=Al password=secret"},
    {"POST /user", "{\"username\":\"server\",\"password\":\"secret\"}", /* names are not ids */
     "register wants=key name=server password=secret"},
    {"POST /user", NULL, NO_JSON},
    {"POST /user", "{}", MALFORMED},
    {"POST /user", "{\"password\":\"secret\"}", MALFORMED},
    {"POST /user", "{\"username\":\"\",\"password\":\"secret\"}", MALFORMED},
    {"POST /user", "{\"username\":7,\"password\":\"secret\"}", MALFORMED},
    {"POST /user", "{\"username\":\"Al\"}", NO_PASSWORD},
    {"POST /user", "{\"username\":\"Al\",\"password\":null}", NO_PASSWORD},
    {"POST /user", "{\"username\":\"Al\",\"password\":\"\"}", NO_PASSWORD},
    {"POST /user", "{\"username\":\"Al\",\"password\":7}", MALFORMED},
    {"PUT /user?key=" KEY, "{\"username\":\"Alice\"}", "edit_user name=Alice"},
    {"PUT /user?key=" KEY, NULL, NO_JSON},
    {"PUT /user?key=" KEY, "{}", MALFORMED},
    {"PUT /user?key=" KEY, "{\"username\":\"\"}", MALFORMED},
    {"GET /user/" BOB_UUID, NULL, "get_user user=uuid:" BOB_UUID},
    {"GET /user/1E8B3A6F-8D52-4C8F-8B46-7A3A9D2C5F18", NULL, "get_user user=uuid:" BOB_UUID},
    {"GET /user/bob", NULL, NO_SUCH_USER},
    {"GET /user/" NIL, NULL, NO_SUCH_USER},
    {"POST /key", LOG_IN, "log_in user=uuid:" BOB_UUID " wants=key password=secret"},
    {"POST /key", NULL, NO_JSON},
    {"POST /key", "{}", NO_USER_ID},
    {"POST /key", "{\"password\":\"secret\"}", NO_USER_ID},
    {"POST /key", BY_BOB, NO_PASSWORD},
    {"POST /key", "{\"user_id\":\"bob\",\"password\":\"secret\"}", NO_SUCH_USER},
    {"POST /key", "{\"user_id\":7,\"password\":\"secret\"}", MALFORMED},
    {"DELETE /key", "{\"key\":\"" KEY "\",\"user_id\":\"" BOB_UUID "\"}",
     "revoke user=uuid:" BOB_UUID " key=" KEY},
    {"DELETE /key?key=" KEY "&user_id=" BOB_UUID, NULL, "revoke user=uuid:" BOB_UUID " key=" KEY},
    {"DELETE /key?key=other", "{\"key\":\"" KEY "\",\"user_id\":\"" BOB_UUID "\"}",
     "revoke user=uuid:" BOB_UUID " key=" KEY},
    {"DELETE /key?key=" KEY, BY_BOB, "revoke user=uuid:" BOB_UUID " key=" KEY},
    {"DELETE /key", NULL, NO_KEY},
    {"DELETE /key", BY_BOB, NO_KEY},
    {"DELETE /key?key=", BY_BOB, NO_KEY},
    {"DELETE /key?key=" KEY, NULL, NO_USER_ID},
    {"DELETE /key?key=" KEY "&user_id=bob", NULL, NO_SUCH_USER},
    {"DELETE /key", "{\"key\":7,\"user_id\":\"" BOB_UUID "\"}", MALFORMED},

    {"POST /room", "{\"name\":\"Den\",\"open\":false}",
     "create_room name=Den open=0 public=0 logged=0"},
    {"POST /room", "{\"name\":\"Den\"}", "create_room name=Den open=1 public=0 logged=0"},
    {"POST /room/", "{}", "create_room open=1 public=0 logged=0"},
    {"POST /room", NULL, "create_room open=1 public=0 logged=0"},
    {"POST /room", "{\"name\":\"\"}", MALFORMED},
    {"POST /room", "{\"name\":1}", MALFORMED},
    {"POST /room", "{\"open\":1}", MALFORMED},
    {"POST /room", "{\"open\":null}", MALFORMED},
    {"GET /room/" DEN_UUID, NULL, "get_room to=uuid:" DEN_UUID},
    {"GET /room/den", NULL, NOT_FOUND},
    {"GET /room/" NIL, NULL, NOT_FOUND},
    {"PUT /room/" DEN_UUID, "{\"name\":\"Cave\"}", "edit_room to=uuid:" DEN_UUID " name=Cave"},
    {"PUT /room/" DEN_UUID, "{\"open\":false}", "edit_room to=uuid:" DEN_UUID " open=0"},
    {"PUT /room/" DEN_UUID, "{\"open\":true,\"name\":\"Cave\"}",
     "edit_room to=uuid:" DEN_UUID " name=Cave open=1"},
    {"PUT /room/" DEN_UUID, NULL, NO_JSON},
    {"PUT /room/" DEN_UUID, "{}", MALFORMED},
    {"PUT /room/" DEN_UUID, "{\"name\":\"\"}", MALFORMED},
    {"PUT /room/" DEN_UUID, "{\"open\":\"yes\"}", MALFORMED},
    {"PUT /room/den", "{\"name\":\"Cave\"}", NOT_FOUND},

    {"GET /room/" DEN_UUID "/users", NULL,
     "list_people to=uuid:" DEN_UUID " role=member count=100"},
    {"GET /room/" DEN_UUID "/users?limit=5&offset=10", NULL,
     "list_people to=uuid:" DEN_UUID " role=member count=5 offset=10"},
    {"GET /room/" DEN_UUID "/users?limit=0", NULL,
     "list_people to=uuid:" DEN_UUID " role=member count=1"},
    {"GET /room/" DEN_UUID "/users?limit=101&offset=99999999999999999999", NULL,
     "list_people to=uuid:" DEN_UUID " role=member count=100 offset=4294967295"},
    {"GET /room/" DEN_UUID "/users?limit=all", NULL, MALFORMED},
    {"GET /room/" DEN_UUID "/users?offset=-1", NULL, MALFORMED},
    {"GET /room/den/users", NULL, NOT_FOUND},
    {"GET /room/" DEN_UUID "/admins?offset=1", NULL,
     "list_people to=uuid:" DEN_UUID " role=admin count=100 offset=1"},
    {"GET /room/" DEN_UUID "/bans?limit=1", NULL,
     "list_people to=uuid:" DEN_UUID " role=banned count=1"},
    {"GET /room/" DEN_UUID "/users/" BOB_UUID, NULL,
     "get_standing to=uuid:" DEN_UUID " user=uuid:" BOB_UUID},
    {"GET /room/" DEN_UUID "/users/bob", NULL, NOT_FOUND},
    {"GET /room/den/users/" BOB_UUID, NULL, NOT_FOUND},
    {"GET /room/" DEN_UUID "/owner", NULL, "get_room to=uuid:" DEN_UUID},

    {"PUT /room/" DEN_UUID "/users", BY_BOB, "invite to=uuid:" DEN_UUID " user=uuid:" BOB_UUID},
    {"PUT /room/" DEN_UUID "/users?user_id=" BOB_UUID, NULL,
     "invite to=uuid:" DEN_UUID " user=uuid:" BOB_UUID},
    {"PUT /room/" DEN_UUID "/users", NULL, NO_USER_ID},
    {"PUT /room/" DEN_UUID "/users", "{\"user_id\":null}", NO_USER_ID},
    {"PUT /room/" DEN_UUID "/users", "{\"user_id\":\"\"}", NO_USER_ID},
    {"PUT /room/" DEN_UUID "/users", "{\"user_id\":8}", MALFORMED},
    {"PUT /room/" DEN_UUID "/users", "{\"user_id\":\"bob\"}", NOT_FOUND},
    {"PUT /room/den/users", BY_BOB, NOT_FOUND},
    {"DELETE /room/" DEN_UUID "/users", BY_BOB,
     "set_role to=uuid:" DEN_UUID " user=uuid:" BOB_UUID " role=member adding=0"},
    {"DELETE /room/" DEN_UUID "/users",
     "{\"user_id\":\"" BOB_UUID "\",\"message\":\"out \\u0021\"}",
     "set_role to=uuid:" DEN_UUID " user=uuid:" BOB_UUID
     " role=member adding=0 text=\"out \\u0021\""},
    {"DELETE /room/" DEN_UUID "/users", "{\"user_id\":\"" BOB_UUID "\",\"message\":null}",
     "set_role to=uuid:" DEN_UUID " user=uuid:" BOB_UUID " role=member adding=0"},
    {"DELETE /room/" DEN_UUID "/users", "{\"user_id\":\"" BOB_UUID "\",\"message\":{}}", MALFORMED},
    {"DELETE /room/" DEN_UUID "/users", NULL, NO_USER_ID},
    {"PUT /room/" DEN_UUID "/bans", "{\"user_id\":\"" BOB_UUID "\",\"message\":\"for good\"}",
     "set_role to=uuid:" DEN_UUID " user=uuid:" BOB_UUID " role=banned adding=1 text=\"for good\""},
    {"PUT /room/" DEN_UUID "/bans", "{\"user_id\":\"" BOB_UUID "\",\"message\":7}", MALFORMED},
    {"PUT /room/" DEN_UUID "/bans", "{}", NO_USER_ID},
    {"DELETE /room/" DEN_UUID "/bans", BY_BOB,
     "set_role to=uuid:" DEN_UUID " user=uuid:" BOB_UUID " role=banned adding=0"},
    {"PUT /room/" DEN_UUID "/admins", BY_BOB,
     "set_role to=uuid:" DEN_UUID " user=uuid:" BOB_UUID " role=admin adding=1"},
    {"PUT /room/" DEN_UUID "/admins", "{}", NO_USER_ID},
    {"DELETE /room/" DEN_UUID "/admins", BY_BOB,
     "set_role to=uuid:" DEN_UUID " user=uuid:" BOB_UUID " role=admin adding=0"},
    {"POST /room/" DEN_UUID "/owner", BY_BOB,
     "set_role to=uuid:" DEN_UUID " user=uuid:" BOB_UUID " role=owner adding=1"},
    {"POST /room/" DEN_UUID "/owner", "{}", NO_USER_ID},
    {"POST /room/den/owner", BY_BOB, NOT_FOUND},
};

static void every_request_is_its_command(void **state)
{
  (void)state;
  check_routes(&rooms_http, requests, COUNT(requests));
}

/* ---- responses ---- */

static const struct user_info user = {.party = ALICE, .created_ms = 5};
static const struct room_info rooms[] = {
    {.party = DEN, .owner = ALICE, .creator = ALICE, .member_count = 2, .open = true},
    {.party = {.kind = PARTY_ROOM, .num = 1, .id = SLICE("lobby"), .uuid = SLICE(DEN_UUID)}},
};
static const struct party people[] = {ALICE, BOB};
static const char the_den[] = "200 {\"open\":true,\"name\":\"Den\",\"user_count\":2,"
                              "\"owner\":\"" ALICE_UUID "\",\"room_id\":\"" DEN_UUID "\"}";

static const struct answer_case outcomes[] = {
    {"POST /user",
     ACCOUNT,
     {.users = &user, .count = 1, .credential = SLICE(KEY)},
     "200 {\"user_id\":\"" ALICE_UUID "\",\"key\":\"" KEY "\"}"},
    {"POST /user", ACCOUNT, {.err = ERR_OVERLOADED}, "503 {\"error\":\"overloaded\"}"},
    {"PUT /user",
     "{\"username\":\"Al\"}",
     {.users = &user, .count = 1},
     "200 {\"username\":\"Al\"}"},
    {"PUT /user", "{\"username\":\"Al\"}", {.err = ERR_UNAUTHORIZED}, BAD_KEY},
    {"GET /user/" ALICE_UUID,
     NULL,
     {.users = &user, .count = 1},
     "200 {\"username\":\"Al\",\"user_id\":\"" ALICE_UUID "\"}"},
    {"GET /user/" BOB_UUID, NULL, {.err = ERR_NOT_FOUND}, NO_SUCH_USER},
    {"GET /user/" BOB_UUID, NULL, {.err = ERR_NO_SUCH_USER}, NO_SUCH_USER},
    {"POST /key", LOG_IN, {.credential = SLICE(KEY)}, "200 {\"key\":\"" KEY "\"}"},
    {"POST /key", LOG_IN, {.err = ERR_BAD_PASSWORD}, "401 {\"error\":\"bad_password\"}"},
    {"POST /key", LOG_IN, {.err = ERR_NOT_FOUND}, NO_SUCH_USER},
    {"DELETE /key?key=" KEY "&user_id=" BOB_UUID, NULL, {.err = ERR_OK}, "204"},
    {"DELETE /key?key=" KEY "&user_id=" BOB_UUID, NULL, {.err = ERR_UNAUTHORIZED}, BAD_KEY},
    {"POST /room", "{\"name\":\"Den\"}", {.rooms = rooms, .count = 1}, the_den},
    {"POST /room/", "{\"name\":\"Den\"}", {.rooms = rooms, .count = 1}, the_den},
    {"POST /room", "{\"name\":\"Den\"}", {.err = ERR_NO_KEY}, NO_KEY},
    {"GET /room/" DEN_UUID, NULL, {.rooms = rooms, .count = 1}, the_den},
    {"GET /room/" DEN_UUID,
     NULL,
     {.rooms = &rooms[1], .count = 1},
     "200 {\"open\":false,\"name\":\"lobby\",\"user_count\":0,\"owner\":null,"
     "\"room_id\":\"" DEN_UUID "\"}"},
    {"GET /room/" DEN_UUID, NULL, {.err = ERR_NOT_FOUND}, NOT_FOUND},
    {"PUT /room/" DEN_UUID, "{\"name\":\"Den\"}", {.rooms = rooms, .count = 1}, the_den},
    {"PUT /room/" DEN_UUID, "{\"name\":\"Den\"}", {.err = ERR_FORBIDDEN}, FORBIDDEN},
    {"GET /room/" DEN_UUID "/users",
     NULL,
     {.people = people, .count = 2, .total = 2},
     "200 {\"users\":[\"" ALICE_UUID "\",\"" BOB_UUID "\"],\"index\":0,\"user_count\":2}"},
    {"GET /room/" DEN_UUID "/users?offset=1&limit=1",
     NULL,
     {.people = &people[1], .count = 1, .total = 2},
     "200 {\"users\":[\"" BOB_UUID "\"],\"index\":1,\"user_count\":2}"},
    {"GET /room/" DEN_UUID "/users", NULL, {.err = ERR_FORBIDDEN}, FORBIDDEN},
    {"GET /room/" DEN_UUID "/admins",
     NULL,
     {.people = people, .count = 1, .total = 1},
     "200 {\"users\":[\"" ALICE_UUID "\"],\"index\":0,\"user_count\":1}"},
    {"GET /room/" DEN_UUID "/bans?offset=9",
     NULL,
     {.total = 3},
     "200 {\"users\":[],\"index\":9,\"user_count\":3}"},
    {"GET /room/" DEN_UUID "/users/" BOB_UUID, NULL, {.present = true}, "200 {\"present\":true}"},
    {"GET /room/" DEN_UUID "/users/" BOB_UUID, NULL, {.present = false}, "200 {\"present\":false}"},
    {"GET /room/" DEN_UUID "/users/" BOB_UUID, NULL, {.err = ERR_NO_SUCH_USER}, NO_SUCH_USER},
    {"GET /room/" DEN_UUID "/owner",
     NULL,
     {.rooms = rooms, .count = 1},
     "200 {\"owner\":\"" ALICE_UUID "\"}"},
    {"GET /room/" DEN_UUID "/owner",
     NULL,
     {.rooms = &rooms[1], .count = 1},
     "200 {\"owner\":null}"},
    {"POST /room/" DEN_UUID "/owner", BY_BOB, {.err = ERR_OK}, "204"},
    {"POST /room/" DEN_UUID "/owner", BY_BOB, {.err = ERR_NOT_IN_ROOM}, OUTSIDE},
    {"PUT /room/" DEN_UUID "/users", BY_BOB, {.err = ERR_OK}, "204"},
    {"PUT /room/" DEN_UUID "/users", BY_BOB, {.already = true}, CONFLICT},
    {"PUT /room/" DEN_UUID "/users", BY_BOB, {.err = ERR_FORBIDDEN}, FORBIDDEN},
    {"DELETE /room/" DEN_UUID "/users", BY_BOB, {.err = ERR_OK}, "204"},
    {"DELETE /room/" DEN_UUID "/users", BY_BOB, {.already = true}, CONFLICT},
    {"PUT /room/" DEN_UUID "/bans", BY_BOB, {.err = ERR_OK}, "204"},
    {"PUT /room/" DEN_UUID "/bans", BY_BOB, {.already = true}, CONFLICT},
    {"DELETE /room/" DEN_UUID "/bans", BY_BOB, {.err = ERR_OK}, "204"},
    {"DELETE /room/" DEN_UUID "/bans", BY_BOB, {.already = true}, CONFLICT},
    {"PUT /room/" DEN_UUID "/admins", BY_BOB, {.err = ERR_OK}, "204"},
    {"PUT /room/" DEN_UUID "/admins", BY_BOB, {.already = true}, CONFLICT},
    {"DELETE /room/" DEN_UUID "/admins", BY_BOB, {.err = ERR_OK}, "204"},
    {"DELETE /room/" DEN_UUID "/admins", BY_BOB, {.already = true}, CONFLICT},
};

static void every_outcome_is_its_response(void **state)
{
  (void)state;
  check_answers(&rooms_http, outcomes, COUNT(outcomes));
}

static void every_failure_is_told(void **state)
{
  (void)state;
  check_failures(&rooms_http);
}

/* The event that dispatch makes of a request, as the kicked one is told of it. */
static void a_kick_says_what_the_request_said(void **state)
{
  (void)state;
  static const struct {
    bool permanent;
    const char *text, *frame;
  } cases[] = {
      {false, NULL, "\"message\":\"\",\"permanent\":false}"},
      {false, "\"out \\u0021\"", "\"message\":\"out \\u0021\",\"permanent\":false}"},
      {true, "\"for good\"", "\"message\":\"for good\",\"permanent\":true}"},
  };
  struct arena arena = {0};
  for (size_t i = 0; i < COUNT(cases); i++) {
    const struct envelope event = {.kind = KIND_ROOM_KICKED,
                                   .from = ALICE,
                                   .to = DEN,
                                   .user = BOB,
                                   .text = slice_of(cases[i].text),
                                   .permanent = cases[i].permanent};
    const struct slice head = SLICE("{\"type\":\"kick\",\"room_id\":\"" DEN_UUID "\",");
    struct text frame = {0};
    assert_true(protocol_rooms.encode(&arena, &event, SLICE("bob"), &frame));
    assert_true(slice_starts_with(text_slice(&frame), head));
    assert_true(slice_is(slice_skip(text_slice(&frame), head.len), cases[i].frame));
    text_free(&frame);
  }
  arena_free(&arena);
}

/* The key; in its place what the WebSocket's door takes too. */
static void who_asks(void **state)
{
  (void)state;
  static const struct {
    const char *query, *authorization;
    enum err err;
    const char *user, *token;
  } cases[] = {
      {"key=" KEY, "", ERR_OK, "", KEY},
      {"user=alice&key=" KEY, "", ERR_OK, "alice", KEY},
      {"token=a.b.c", "", ERR_OK, "", "a.b.c"},
      {"", "Bearer a.b.c", ERR_OK, "", "a.b.c"},
      {"user=alice", "", ERR_OK, "alice", ""},
      {"", "", ERR_NO_KEY, "", ""},
      {"key=", "", ERR_NO_KEY, "", ""},
      {"user=", "", ERR_NO_KEY, "", ""},
      {"user=%23a", "", ERR_UNAUTHORIZED, "#a", ""},
      {"user=server", "", ERR_FORBIDDEN, "server", ""},
  };
  struct arena arena = {0};
  for (size_t i = 0; i < COUNT(cases); i++) {
    const struct request request = {.query = slice_of(cases[i].query),
                                    .authorization = slice_of(cases[i].authorization)};
    struct claim claim;
    assert_int_equal(rooms_http.identify(&arena, &request, &claim), cases[i].err);
    assert_true(slice_is(claim.user, cases[i].user));
    assert_true(slice_is(claim.token, cases[i].token));
  }
  arena_free(&arena);
}

/* Who comes without a key can get one, or has it in what they ask. */
static void what_needs_no_key(void **state)
{
  (void)state;
  for (size_t i = 0; i < rooms_http.route_count; i++) {
    const struct http_route *route = &rooms_http.routes[i];
    bool open = slice_is(slice_of(route->path), "/key") ||
                (slice_is(slice_of(route->path), "/user") && route->method == HTTP_POST);
    assert_int_equal(route->access, open ? HTTP_ANYONE : HTTP_USER);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_request_is_its_command),
      cmocka_unit_test(every_outcome_is_its_response),
      cmocka_unit_test(every_failure_is_told),
      cmocka_unit_test(a_kick_says_what_the_request_said),
      cmocka_unit_test(who_asks),
      cmocka_unit_test(what_needs_no_key),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
