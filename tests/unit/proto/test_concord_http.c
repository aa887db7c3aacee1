/* concord's REST surface: each route to its command, each outcome to its response, and what
 * may be wrong with a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "concord_body.h"
#include "protocol.h"
#include "route_case.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define MALFORMED                         \
  "400 {\"error\":\"malformed_payload\"," \
  "\"message\":\"the payload is not what the protocol asks for\"}"
#define NOT_FOUND "404 {\"error\":\"not_found\",\"message\":\"there is no such thing\"}"
#define TAKEN \
  "400 {\"error\":\"conflict\",\"message\":\"it exists already, or belongs to someone else\"}"
#define BAD_PASSWORD "400 {\"error\":\"bad_password\",\"message\":\"the password is wrong\"}"
#define FORBIDDEN    "403 {\"error\":\"forbidden\",\"message\":\"not allowed\"}"

#define ACCOUNT "{\"username\":\"alice\",\"password\":\"secret\"}"

/* ---- requests ---- */

static const struct route_case accounts[] = {
    {"POST /api/users/register", ACCOUNT, "register id=alice name=alice password=secret"},
    {"POST /api/users/register", "{\"username\":\"\\u00e9 b\",\"password\":\"\",\"more\":1}",
     "register id=\xc3\xa9 b name=\xc3\xa9 b password="},
    {"POST /api/users/register", NULL, MALFORMED},
    {"POST /api/users/register", "{}", MALFORMED},
    {"POST /api/users/register", "{\"username\":\"alice\"}", MALFORMED},
    {"POST /api/users/register", "{\"username\":\"alice\",\"password\":null}", MALFORMED},
    {"POST /api/users/register", "{\"username\":\"alice\",\"password\":1}", MALFORMED},
    {"POST /api/users/register", "{\"username\":7,\"password\":\"secret\"}", MALFORMED},
    {"POST /api/users/register", "{\"username\":\"\",\"password\":\"secret\"}", MALFORMED},
    {"POST /api/users/register", "{\"username\":\"#a\",\"password\":\"secret\"}", MALFORMED},
    {"POST /api/users/register", "{\"username\":\"a|b\",\"password\":\"secret\"}", MALFORMED},
    {"POST /api/users/register", "{\"username\":\"a\\n\",\"password\":\"secret\"}", MALFORMED},
    {"POST /api/users/register", "{\"username\":\"server\",\"password\":\"secret\"}", TAKEN},
    {"POST /api/tokens", ACCOUNT, "log_in user=user:alice wants=token name=alice password=secret"},
    {"POST /api/tokens", NULL, MALFORMED},
    {"POST /api/tokens", "{\"username\":\"alice\"}", MALFORMED},
    {"POST /api/tokens", "{\"password\":\"secret\"}", MALFORMED},
    {"POST /api/tokens", "{\"username\":\"\",\"password\":\"secret\"}", BAD_PASSWORD},
    {"POST /api/tokens", "{\"username\":\"a|b\",\"password\":\"secret\"}", BAD_PASSWORD},
    {"POST /api/tokens", "{\"username\":\"server\",\"password\":\"secret\"}", BAD_PASSWORD},
    {"GET /api/tokens/recycle", NULL, "renew wants=token"},
};

static const struct route_case users[] = {
    {"GET /api/users", NULL, "list_users count=1000"},
    {"GET /api/users?size=5&after=7", NULL, "list_users count=5 cursor=7"},
    {"GET /api/users?size=0&after=0", NULL, "list_users count=1"},
    {"GET /api/users?size=99999", NULL, "list_users count=1000"},
    {"GET /api/users?size=many", NULL, MALFORMED},
    {"GET /api/users?after=-1", NULL, MALFORMED},
    {"GET /api/users/8", NULL, "get_user user=number:8"},
    {"GET /api/users/bob", NULL, NOT_FOUND},
    {"GET /api/users/%228%22", NULL, NOT_FOUND},
    {"GET /api/users/0", NULL, NOT_FOUND},
    {"GET /api/users/-8", NULL, NOT_FOUND},
    {"GET /api/users/9007199254740992", NULL, NOT_FOUND},
    {"GET /api/self", NULL, "get_user"},
    {"GET /api/server", NULL, "none"},
};

static const struct route_case channels[] = {
    {"GET /api/channels", NULL, "list_rooms count=1000"},
    {"GET /api/channels?size=2&after=1", NULL, "list_rooms count=2 cursor=1"},
    {"GET /api/channels?size=", NULL, MALFORMED},
    {"POST /api/channels", "{\"name\":\"Den\",\"description\":\"where bears live\"}",
     "create_room name=Den description=where bears live open=1 public=1 logged=1"},
    {"POST /api/channels", "{\"name\":\"Den\",\"description\":null,\"parentChannelId\":1}",
     "create_room name=Den open=1 public=1 logged=1"},
    {"POST /api/channels", NULL, MALFORMED},
    {"POST /api/channels", "{\"description\":\"of nothing\"}", MALFORMED},
    {"POST /api/channels", "{\"name\":\"\"}", MALFORMED},
    {"POST /api/channels", "{\"name\":1}", MALFORMED},
    {"POST /api/channels", "{\"name\":\"Den\",\"description\":1}", MALFORMED},
    {"GET /api/channels/1", NULL, "get_room to=number:1"},
    {"GET /api/channels/lobby", NULL, NOT_FOUND},
    {"GET /api/channels/0", NULL, NOT_FOUND},
    {"DELETE /api/channels/2", NULL, "delete_room to=number:2"},
    {"DELETE /api/channels/den", NULL, NOT_FOUND},
    {"GET /api/channels/1/chats/latest", NULL, "get_messages to=number:1 count=50"},
    {"GET /api/channels/1/chats/latest?size=7", NULL, "get_messages to=number:1 count=7"},
    {"GET /api/channels/1/chats/latest?size=0", NULL, "get_messages to=number:1 count=1"},
    {"GET /api/channels/1/chats/latest?size=101", NULL, "get_messages to=number:1 count=100"},
    {"GET /api/channels/1/chats/latest?size=1e3", NULL, MALFORMED},
    {"GET /api/channels/0/chats/latest", NULL, NOT_FOUND},
    {"POST /api/channels/1/chats", "{\"sentAt\":1,\"threadId\":7.50,\"content\":\"h\\u0069\"}",
     "send to=number:1 text=\"h\\u0069\" thread=7.50"},
    {"POST /api/channels/1/chats", "{\"sentAt\":\"soon\",\"threadId\":null,\"content\":\"\"}",
     "send to=number:1 text=\"\""},
    {"POST /api/channels/1/chats", "{\"content\":\"hi\"}", "send to=number:1 text=\"hi\""},
    {"POST /api/channels/1/chats", NULL, MALFORMED},
    {"POST /api/channels/1/chats", "{}", MALFORMED},
    {"POST /api/channels/1/chats", "{\"content\":null}", MALFORMED},
    {"POST /api/channels/1/chats", "{\"content\":{}}", MALFORMED},
    {"POST /api/channels/1/chats", "{\"content\":\"hi\",\"threadId\":\"7\"}", MALFORMED},
    {"POST /api/channels/x/chats", "{\"content\":\"hi\"}", NOT_FOUND},
};

static const struct route_case chats[] = {
    {"GET /api/chats", NULL, "search count=50"},
    {"GET /api/chats?page=3&size=20&authorId=7&channelId=1&threadId=5&before=1700000000123&after="
     "1600000000000&query=bears+%26%20all",
     NULL,
     "search to=number:1 user=number:7 thread=5 count=20 offset=60 query=bears & all "
     "before=1700000000123 after=1600000000000"},
    {"GET /api/chats?threadId=-1", NULL, "search count=50 no_thread"},
    {"GET /api/chats?threadId=&authorId=&channelId=", NULL, "search count=50"},
    {"GET /api/chats?threadId=0", NULL, "search thread=0 count=50"},
    {"GET /api/chats?page=99999999999999999999&size=500", NULL,
     "search count=100 offset=100000000"},
    {"GET /api/chats?threadId=-2", NULL, MALFORMED},
    {"GET /api/chats?threadId=%225%22", NULL, MALFORMED},
    {"GET /api/chats?page=x", NULL, MALFORMED},
    {"GET /api/chats?size=-1", NULL, MALFORMED},
    {"GET /api/chats?authorId=alice", NULL, MALFORMED},
    {"GET /api/chats?authorId=0", NULL, NOT_FOUND},
    {"GET /api/chats?channelId=x", NULL, MALFORMED},
    {"GET /api/chats?before=now", NULL, MALFORMED},
    {"GET /api/chats?after=1.5", NULL, MALFORMED},
    {"GET /api/chats/65537", NULL, "get_message message=65537"},
    {"GET /api/chats/0", NULL, NOT_FOUND},
    {"GET /api/chats/first", NULL, NOT_FOUND},
    {"PATCH /api/chats/65537", "{\"content\":\"hi!\"}", "edit message=65537 text=\"hi!\""},
    {"PATCH /api/chats/65537", "{}", MALFORMED},
    {"PATCH /api/chats/65537", "{\"content\":7}", MALFORMED},
    {"PATCH /api/chats/65537", NULL, MALFORMED},
    {"PATCH /api/chats/x", "{\"content\":\"hi!\"}", NOT_FOUND},
    {"DELETE /api/chats/65537", NULL, "delete message=65537"},
    {"DELETE /api/chats/x", NULL, NOT_FOUND},
    {"GET /api/chats/65537/reactions", NULL, "get_reactions message=65537"},
    {"GET /api/chats/x/reactions", NULL, NOT_FOUND},
    {"POST /api/chats/65537/reactions", "{\"reaction\":\"\\ud83d\\ude02\",\"adding\":true}",
     "react adding=1 message=65537 reaction=\xf0\x9f\x98\x82"},
    {"POST /api/chats/65537/reactions", "{\"reaction\":\"+1\",\"adding\":false}",
     "react adding=0 message=65537 reaction=+1"},
    {"POST /api/chats/65537/reactions", "{\"reaction\":\"+1\"}", MALFORMED},
    {"POST /api/chats/65537/reactions", "{\"reaction\":\"+1\",\"adding\":1}", MALFORMED},
    {"POST /api/chats/65537/reactions", "{\"reaction\":\"\",\"adding\":true}", MALFORMED},
    {"POST /api/chats/65537/reactions", "{\"reaction\":1,\"adding\":true}", MALFORMED},
    {"POST /api/chats/65537/reactions", "{\"adding\":true}", MALFORMED},
    {"POST /api/chats/65537/reactions", NULL, MALFORMED},
    {"POST /api/chats/0/reactions", "{\"reaction\":\"+1\",\"adding\":true}", NOT_FOUND},
};

/* All of them, for every route is to be in one. */
static void every_request_is_its_command(void **state)
{
  (void)state;
  static const struct {
    const struct route_case *cases;
    size_t count;
  } tables[] = {{accounts, COUNT(accounts)},
                {users, COUNT(users)},
                {channels, COUNT(channels)},
                {chats, COUNT(chats)}};
  struct route_case all[COUNT(accounts) + COUNT(users) + COUNT(channels) + COUNT(chats)];
  size_t count = 0;
  for (size_t i = 0; i < COUNT(tables); i++) {
    for (size_t j = 0; j < tables[i].count; j++) all[count++] = tables[i].cases[j];
  }
  check_routes(&concord_http, all, count);
}

/* ---- responses ---- */

#define DIALOG                                                \
  {                                                           \
    .kind = PARTY_DIALOG, .num = 90, .id = { "alice|bob", 9 } \
  }
#define LOBBY                                          \
  {                                                    \
    .kind = PARTY_ROOM, .num = 1, .id = { "lobby", 5 } \
  }

#define REACTED "\"reactions\":{\"\xf0\x9f\x98\x82\":2,\"+1\":1}"

static const struct user_info both[] = {
    {.party = ALICE, .created_ms = 1700000000123, .online = true},
    {.party = {.kind = PARTY_USER, .num = 8, .id = SLICE("bob")},
     .nickname = SLICE("Bobby \"B\""),
     .bio = SLICE("a bear"),
     .avatar = SLICE("https://web.com/bob.png"),
     .created_ms = 5},
};
static const struct room_info rooms[] = {
    {.party = LOBBY, .created_ms = 1, .is_public = true, .open = true, .logged = true},
    {.party = DEN,
     .creator = ALICE,
     .owner = BOB,
     .description = SLICE("where bears live"),
     .created_ms = 1700000000123},
};
static const struct envelope messages[] = {
    {.id = 65537,
     .kind = KIND_MESSAGE_SENT,
     .ts_ms = 1,
     .from = ALICE,
     .to = LOBBY,
     .text = SLICE("\"hi\"")},
    {.id = 65538,
     .kind = KIND_MESSAGE_SENT,
     .ts_ms = 2,
     .from = BOB,
     .to = ALICE, /* nowhere */
     .text = SLICE("\"lost\"")},
    {.id = 65539,
     .kind = KIND_MESSAGE_SENT,
     .ts_ms = 3,
     .from = BOB,
     .to = ALICE,
     .dialog = DIALOG,
     .text = SLICE("\"psst\""),
     .thread = SLICE("7"),
     .edited_ms = 4,
     .reactions = SLICE("{\"+1\":1}")},
};
static const struct party reacted[] = {ALICE, BOB};
static const struct reaction_info reactions[] = {
    {.reaction = SLICE("\xf0\x9f\x98\x82"), .users = reacted, .count = 2},
    {.reaction = SLICE("+1"), .users = reacted, .count = 1},
};
static const char first[] = "200 {\"id\":65537,\"createdAt\":1,\"authorId\":7,\"channelId\":1,"
                            "\"threadId\":null,\"content\":\"hi\",\"edited\":false,"
                            "\"reactions\":{}}";

static const struct answer_case outcomes[] = {
    {"POST /api/users/register",
     ACCOUNT,
     {.users = both, .count = 1},
     "200 {\"id\":7,\"username\":\"Al\"}"},
    {"POST /api/users/register", ACCOUNT, {.err = ERR_CONFLICT}, TAKEN},
    {"POST /api/users/register", ACCOUNT, {.err = ERR_MALFORMED}, MALFORMED},
    {"POST /api/tokens", ACCOUNT, {.credential = SLICE("a.b.c")}, "200 {\"token\":\"a.b.c\"}"},
    {"POST /api/tokens", ACCOUNT, {.err = ERR_BAD_PASSWORD}, BAD_PASSWORD},
    {"POST /api/tokens", ACCOUNT, {.err = ERR_NO_SUCH_USER}, BAD_PASSWORD},
    {"POST /api/tokens", ACCOUNT, {.err = ERR_NOT_FOUND}, BAD_PASSWORD},
    {"GET /api/tokens/recycle", NULL, {.credential = SLICE("d.e.f")}, "200 {\"token\":\"d.e.f\"}"},
    {"GET /api/tokens/recycle",
     NULL,
     {.err = ERR_UNAUTHORIZED},
     "401 {\"error\":\"unauthorized\","
     "\"message\":\"credentials are missing, wrong, expired or revoked\"}"},
    {"GET /api/users",
     NULL,
     {.users = both, .count = 2},
     "200 [{\"id\":7,\"username\":\"Al\",\"profile\":{\"createdAt\":1700000000123,"
     "\"nickname\":\"Al\",\"bio\":null,\"avatarId\":null},"
     "\"status\":{\"onlineStatus\":\"ONLINE\"}},"
     "{\"id\":8,\"username\":\"bob\",\"profile\":{\"createdAt\":5,"
     "\"nickname\":\"Bobby \\\"B\\\"\",\"bio\":\"a bear\",\"avatarId\":null},"
     "\"status\":{\"onlineStatus\":\"OFFLINE\"}}]"},
    {"GET /api/users", NULL, {.count = 0}, "200 []"},
    {"GET /api/users/7",
     NULL,
     {.users = both, .count = 1},
     "200 {\"id\":7,\"username\":\"Al\",\"profile\":{\"createdAt\":1700000000123,"
     "\"nickname\":\"Al\",\"bio\":null,\"avatarId\":null},"
     "\"status\":{\"onlineStatus\":\"ONLINE\"}}"},
    {"GET /api/users/9", NULL, {.err = ERR_NO_SUCH_USER}, NOT_FOUND},
    {"GET /api/self",
     NULL,
     {.users = &both[1], .count = 1},
     "200 {\"id\":8,\"username\":\"bob\",\"profile\":{\"createdAt\":5,"
     "\"nickname\":\"Bobby \\\"B\\\"\",\"bio\":\"a bear\",\"avatarId\":null},"
     "\"status\":{\"onlineStatus\":\"OFFLINE\"}}"},
    {"GET /api/server",
     NULL,
     {.err = ERR_OK},
     "200 {\"name\":\"Parley\",\"description\":\"A gateway between messaging protocols\","
     "\"iconId\":null,\"defaultChannelId\":1}"},
    {"GET /api/channels",
     NULL,
     {.rooms = rooms, .count = 2},
     "200 [{\"id\":1,\"ordinality\":0,\"name\":\"lobby\",\"description\":null,"
     "\"capabilities\":[],\"createdAt\":1,\"createdByUserId\":0,\"children\":[]},"
     "{\"id\":2,\"ordinality\":0,\"name\":\"Den\",\"description\":\"where bears live\","
     "\"capabilities\":[],\"createdAt\":1700000000123,\"createdByUserId\":7,\"children\":[]}]"},
    {"POST /api/channels",
     "{\"name\":\"Den\"}",
     {.rooms = &rooms[1], .count = 1},
     "200 {\"id\":2,\"parentChannelId\":null,\"ordinality\":0,\"name\":\"Den\","
     "\"description\":\"where bears live\",\"capabilities\":[],\"createdAt\":1700000000123,"
     "\"createdByUserId\":7}"},
    {"GET /api/channels/1",
     NULL,
     {.rooms = rooms, .count = 1},
     "200 {\"id\":1,\"parentChannelId\":null,\"ordinality\":0,\"name\":\"lobby\","
     "\"description\":null,\"capabilities\":[],\"createdAt\":1,\"createdByUserId\":0}"},
    {"GET /api/channels/3", NULL, {.err = ERR_NOT_FOUND}, NOT_FOUND},
    {"GET /api/channels/2", NULL, {.err = ERR_NOT_IN_ROOM}, FORBIDDEN},
    {"DELETE /api/channels/2", NULL, {.err = ERR_OK}, "200"},
    {"DELETE /api/channels/1", NULL, {.err = ERR_FORBIDDEN}, FORBIDDEN},
    {"GET /api/channels/1/chats/latest",
     NULL,
     {.messages = messages, .message_count = 3},
     "200 [{\"id\":65539,\"createdAt\":3,\"authorId\":8,\"channelId\":90,\"threadId\":7,"
     "\"content\":\"psst\",\"edited\":true,\"reactions\":{\"+1\":1}},"
     "{\"id\":65537,\"createdAt\":1,\"authorId\":7,\"channelId\":1,\"threadId\":null,"
     "\"content\":\"hi\",\"edited\":false,\"reactions\":{}}]"},
    {"GET /api/channels/1/chats/latest", NULL, {.message_count = 0}, "200 []"},
    {"POST /api/channels/1/chats",
     "{\"content\":\"h\\u0069\",\"threadId\":7.50}",
     {.message_id = 65540, .ts_ms = 1700000000123},
     "200 {\"id\":65540,\"createdAt\":1700000000123,\"authorId\":7,\"channelId\":1,"
     "\"threadId\":7.50,\"content\":\"h\\u0069\",\"edited\":false,\"reactions\":{}}"},
    {"POST /api/channels/2/chats", "{\"content\":\"hi\"}", {.err = ERR_NOT_IN_ROOM}, FORBIDDEN},
    {"GET /api/chats",
     NULL,
     {.messages = messages, .message_count = 3},
     "200 [{\"id\":65537,\"createdAt\":1,\"authorId\":7,\"channelId\":1,\"threadId\":null,"
     "\"content\":\"hi\",\"edited\":false,\"reactions\":{}},"
     "{\"id\":65539,\"createdAt\":3,\"authorId\":8,\"channelId\":90,\"threadId\":7,"
     "\"content\":\"psst\",\"edited\":true,\"reactions\":{\"+1\":1}}]"},
    {"GET /api/chats", NULL, {.messages = &messages[1], .message_count = 1}, "200 []"},
    {"GET /api/chats/65537", NULL, {.messages = messages, .message_count = 1}, first},
    {"GET /api/chats/65538", NULL, {.messages = &messages[1], .message_count = 1}, NOT_FOUND},
    {"GET /api/chats/65541", NULL, {.err = ERR_NOT_FOUND}, NOT_FOUND},
    {"PATCH /api/chats/65539",
     "{\"content\":\"psst\"}",
     {.messages = &messages[2], .message_count = 1},
     "200 {\"id\":65539,\"createdAt\":3,\"authorId\":8,\"channelId\":90,\"threadId\":7,"
     "\"content\":\"psst\",\"edited\":true,\"reactions\":{\"+1\":1}}"},
    {"PATCH /api/chats/65539", "{\"content\":\"mine\"}", {.err = ERR_FORBIDDEN}, FORBIDDEN},
    {"DELETE /api/chats/65537", NULL, {.err = ERR_OK}, "200"},
    {"GET /api/chats/65537/reactions",
     NULL,
     {.reactions = reactions, .count = 2},
     "200 {\"reactingUsers\":{\"\xf0\x9f\x98\x82\":[7,8],\"+1\":[7]}," REACTED "}"},
    {"GET /api/chats/65537/reactions",
     NULL,
     {.count = 0},
     "200 {\"reactingUsers\":{},\"reactions\":{}}"},
    {"POST /api/chats/65537/reactions",
     "{\"reaction\":\"+1\",\"adding\":true}",
     {.err = ERR_OK},
     "200"},
    {"POST /api/chats/65537/reactions",
     "{\"reaction\":\"+1\",\"adding\":true}",
     {.err = ERR_NOT_FOUND},
     NOT_FOUND},
};

static void every_outcome_is_its_response(void **state)
{
  (void)state;
  check_answers(&concord_http, outcomes, COUNT(outcomes));
}

static void every_failure_is_told(void **state)
{
  (void)state;
  check_failures(&concord_http);
}

/* What a request makes is told in frames: the same chat, the same channel. */
static void frames_show_what_responses_show(void **state)
{
  (void)state;
  struct arena arena = {0};
  struct text frame = {0}, body = {0};
  text_append(&body, SLICE("{\"type\":\"chat_sent\",\"chat\":"));
  assert_true(concord_append_chat(&body, &arena, &messages[2]));
  text_append_char(&body, '}');
  assert_true(protocol_concord.encode(&arena, &messages[2], SLICE("alice"), &frame));
  assert_true(slice_equal(text_slice(&frame), text_slice(&body)));
  text_reset(&frame);
  text_reset(&body);
  const struct envelope created = {.kind = KIND_ROOM_CREATED,
                                   .ts_ms = rooms[1].created_ms,
                                   .from = rooms[1].creator,
                                   .to = rooms[1].party,
                                   .text = SLICE("\"where \\u0062ears live\"")};
  text_append(&body, SLICE("{\"type\":\"channel_created\",\"channel\":"));
  concord_append_channel(&body, &rooms[1], CONCORD_CHANNEL_ALONE);
  text_append_char(&body, '}');
  assert_true(protocol_concord.encode(&arena, &created, SLICE(""), &frame));
  assert_true(slice_equal(text_slice(&frame), text_slice(&body)));
  text_free(&frame);
  text_free(&body);
  arena_free(&arena);
}

/* Registering and logging in are all that one may do as nobody. */
static void all_but_two_ask_who_one_is(void **state)
{
  (void)state;
  for (size_t i = 0; i < concord_http.route_count; i++) {
    const struct http_route *route = &concord_http.routes[i];
    bool open = slice_is(slice_of(route->path), "/api/users/register") ||
                slice_is(slice_of(route->path), "/api/tokens");
    assert_int_equal(route->access, open ? HTTP_ANYONE : HTTP_USER);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_request_is_its_command),
      cmocka_unit_test(every_outcome_is_its_response),
      cmocka_unit_test(every_failure_is_told),
      cmocka_unit_test(frames_show_what_responses_show),
      cmocka_unit_test(all_but_two_ask_who_one_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
