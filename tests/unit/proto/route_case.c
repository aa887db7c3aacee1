/* See route_case.h. */
#include "route_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "protocol.h"

enum { ROUTES_MAX = 64 };

static const struct party alice = ALICE;
static const struct party server = {.kind = PARTY_USER, .id = {"server", 6}};

/* ---- a request ---- */

struct asked {
  struct arena arena;
  struct request head;
  struct http_match match;
  struct http_call call;
};

static void ask(struct asked *asked, const struct http_api *api, const char *request,
                const char *body)
{
  struct slice rest = slice_of(request);
  bool admin = slice_starts_with(rest, SLICE("admin "));
  if (admin) (void)slice_cut(&rest, ' ');
  *asked = (struct asked){
      .call = {.body = slice_of(body), .user = admin ? server : alice, .admin = admin}};
  asked->head.method = slice_cut(&rest, ' ');
  asked->head.path = slice_cut(&rest, '?');
  asked->head.query = rest;
  asked->call.head = &asked->head;
  enum err err = http_find(&asked->arena, asked->head.method, asked->head.path, &asked->match);
  if (err != ERR_OK) print_error("%s is no route\n", request);
  assert_int_equal(err, ERR_OK);
  assert_ptr_equal(asked->match.protocol->http, api);
  assert_true(!body || json_check(asked->call.body) == ERR_OK);
  memcpy(asked->call.params, asked->match.params, sizeof asked->call.params);
  if (asked->match.route->access == HTTP_ANYONE) asked->call.user = (struct party){0};
}

static void assert_same(const char *request, const char *body, struct slice actual,
                        const char *expected)
{
  if (!slice_is(actual, expected)) {
    print_error("%s %s\n  is        %.*s\n  should be %s\n", request, body ? body : "",
                SLICE_ARG(actual), expected);
  }
  assert_true(slice_is(actual, expected));
}

/* Which of the API's routes there was a case of. */
static void mark(const struct http_api *api, const struct http_route *route, bool *seen)
{
  assert_true(api->route_count <= ROUTES_MAX);
  seen[route - api->routes] = true;
}

static void assert_all(const struct http_api *api, const bool *seen)
{
  for (size_t i = 0; i < api->route_count; i++) {
    if (!seen[i]) print_error("no case of %s\n", api->routes[i].path);
    assert_true(seen[i]);
  }
}

/* ---- commands as text ---- */

static const char *const kinds[COMMAND_COUNT] = {
    [COMMAND_NONE] = "none",
    [COMMAND_SEND] = "send",
    [COMMAND_ENTER] = "enter",
    [COMMAND_EXIT] = "exit",
    [COMMAND_EDIT] = "edit",
    [COMMAND_DELETE] = "delete",
    [COMMAND_REACT] = "react",
    [COMMAND_INVITE] = "invite",
    [COMMAND_GET_MESSAGE] = "get_message",
    [COMMAND_GET_MESSAGES] = "get_messages",
    [COMMAND_GET_REACTIONS] = "get_reactions",
    [COMMAND_GET_UNREAD] = "get_unread",
    [COMMAND_SEARCH] = "search",
    [COMMAND_REGISTER] = "register",
    [COMMAND_LOG_IN] = "log_in",
    [COMMAND_RENEW] = "renew",
    [COMMAND_REVOKE] = "revoke",
    [COMMAND_REVOKE_LISTED] = "revoke_listed",
    [COMMAND_LIST_CREDENTIALS] = "list_credentials",
    [COMMAND_GET_USER] = "get_user",
    [COMMAND_LIST_USERS] = "list_users",
    [COMMAND_EDIT_USER] = "edit_user",
    [COMMAND_DELETE_USER] = "delete_user",
    [COMMAND_CREATE_ROOM] = "create_room",
    [COMMAND_GET_ROOM] = "get_room",
    [COMMAND_LIST_ROOMS] = "list_rooms",
    [COMMAND_EDIT_ROOM] = "edit_room",
    [COMMAND_DELETE_ROOM] = "delete_room",
    [COMMAND_LIST_PEOPLE] = "list_people",
    [COMMAND_GET_STANDING] = "get_standing",
    [COMMAND_SET_ROLE] = "set_role",
    [COMMAND_LIST_SESSIONS] = "list_sessions",
    [COMMAND_DISCONNECT] = "disconnect",
    [COMMAND_LIST_NODES] = "list_nodes",
    [COMMAND_NOTICE] = "notice",
};

static const char *const roles[ROLE_COUNT] = {
    [ROLE_MEMBER] = "member",   [ROLE_ADMIN] = "admin",   [ROLE_OWNER] = "owner",
    [ROLE_INVITED] = "invited", [ROLE_BANNED] = "banned",
};

static void describe_slice(struct text *out, const char *name, struct slice value)
{
  if (!value.data) return;
  text_append_format(out, " %s=%.*s", name, SLICE_ARG(value));
}

static void describe_number(struct text *out, const char *name, uint64_t number)
{
  if (number) text_append_format(out, " %s=%llu", name, (unsigned long long)number);
}

/* to=user:alice, to=number:7 */
static void describe_address(struct text *out, const char *name, const struct address *address)
{
  static const char *const forms[] = {
      [ADDRESS_USER] = "user", [ADDRESS_ROOM] = "room", [ADDRESS_UUID] = "uuid"};
  if (address->kind == ADDRESS_NONE) return;
  if (address->kind == ADDRESS_NUMBER) {
    text_append_format(out, " %s=number:%llu", name, (unsigned long long)address->num);
  } else {
    text_append_format(out, " %s=%s:%.*s", name, forms[address->kind], SLICE_ARG(address->id));
  }
}

static void describe_user_change(struct text *out, const struct user_change *change)
{
  if (!change) return;
  describe_slice(out, "id", change->id);
  describe_slice(out, "name", change->name);
  describe_slice(out, "password", change->password);
  describe_slice(out, "nickname", change->nickname);
  describe_slice(out, "bio", change->bio);
  describe_slice(out, "avatar", change->avatar);
}

static void describe_room_change(struct text *out, const struct room_change *change)
{
  if (!change) return;
  describe_slice(out, "id", change->id);
  describe_slice(out, "name", change->name);
  describe_slice(out, "description", change->description);
  if (change->open.set) text_append_format(out, " open=%d", change->open.value);
  if (change->is_public.set) text_append_format(out, " public=%d", change->is_public.value);
  if (change->logged.set) text_append_format(out, " logged=%d", change->logged.value);
}

static void describe_search(struct text *out, const struct search *search)
{
  if (!search) return;
  describe_slice(out, "query", search->query);
  describe_number(out, "before", search->before_ms);
  describe_number(out, "after", search->after_ms);
  if (search->no_thread) text_append(out, SLICE(" no_thread"));
}

/* "get_messages to=number:1 count=50": what is set, in this order. */
static void describe(struct text *out, const struct command *command)
{
  assert_non_null(kinds[command->kind]);
  text_append(out, slice_of(kinds[command->kind]));
  describe_address(out, "to", &command->to);
  describe_address(out, "user", &command->user);
  if (command->kind == COMMAND_SET_ROLE || command->kind == COMMAND_LIST_PEOPLE)
    text_append_format(out, " role=%s", roles[command->role]);
  if (command->kind == COMMAND_SET_ROLE || command->kind == COMMAND_REACT)
    text_append_format(out, " adding=%d", command->adding);
  describe_number(out, "message", command->message_id);
  describe_slice(out, "text", command->text);
  describe_slice(out, "thread", command->thread);
  describe_slice(out, "attachments", command->attachments);
  describe_slice(out, "fields", command->fields);
  describe_slice(out, "client_id", command->client_id);
  describe_slice(out, "reaction", command->reaction);
  describe_slice(out, "key", command->key);
  describe_number(out, "count", command->count);
  describe_number(out, "offset", command->offset);
  describe_slice(out, "cursor", command->cursor);
  if (command->credential == CREDENTIAL_KEY) text_append(out, SLICE(" wants=key"));
  if (command->credential == CREDENTIAL_TOKEN) text_append(out, SLICE(" wants=token"));
  describe_user_change(out, command->user_change);
  describe_room_change(out, command->room_change);
  describe_search(out, command->search);
}

/* ---- responses as text ---- */

static void finish_response(struct text *out, int status, const struct text *body)
{
  text_append_format(out, "%d", status);
  if (!body->len) return;
  text_append_char(out, ' ');
  text_append(out, text_slice(body));
}

/* An array is none of the texts that json_check takes. */
static void assert_json(struct slice body)
{
  struct text wrapped = {0};
  text_append(&wrapped, SLICE("{\"body\":"));
  text_append(&wrapped, body);
  text_append_char(&wrapped, '}');
  assert_true(body.len == 0 || json_check(text_slice(&wrapped)) == ERR_OK);
  text_free(&wrapped);
}

static void fail_with(const struct http_api *api, const struct asked *asked, enum err err,
                      struct text *out)
{
  struct text body = {0};
  int status = (api->error ? api->error : http_error)(&asked->call, err, &body);
  finish_response(out, status, &body);
  assert_json(text_slice(&body));
  text_free(&body);
}

/* ---- the checks ---- */

void check_routes(const struct http_api *api, const struct route_case *cases, size_t count)
{
  bool seen[ROUTES_MAX] = {false};
  for (size_t i = 0; i < count; i++) {
    struct asked asked;
    struct command command = {0};
    struct text actual = {0};
    ask(&asked, api, cases[i].request, cases[i].body);
    enum err err = asked.match.route->decode(&asked.arena, &asked.call, &command);
    if (err == ERR_OK) {
      describe(&actual, &command);
    } else {
      fail_with(api, &asked, err, &actual);
    }
    assert_same(cases[i].request, cases[i].body, text_slice(&actual), cases[i].expected);
    mark(api, asked.match.route, seen);
    text_free(&actual);
    arena_free(&asked.arena);
  }
  assert_all(api, seen);
}

static void answer(const struct http_api *api, struct asked *asked, const struct outcome *outcome,
                   struct text *out)
{
  const struct http_route *route = asked->match.route;
  struct text body = {0};
  if (outcome->err != ERR_OK) {
    fail_with(api, asked, outcome->err, out);
    return;
  }
  int status = route->encode ? route->encode(&asked->arena, &asked->call, outcome, &body) : 204;
  assert_json(text_slice(&body));
  finish_response(out, status, &body);
  text_free(&body);
}

void check_answers(const struct http_api *api, const struct answer_case *cases, size_t count)
{
  bool seen[ROUTES_MAX] = {false};
  for (size_t i = 0; i < count; i++) {
    struct asked asked;
    struct text actual = {0};
    ask(&asked, api, cases[i].request, cases[i].body);
    answer(api, &asked, &cases[i].outcome, &actual);
    assert_same(cases[i].request, cases[i].body, text_slice(&actual), cases[i].expected);
    if (cases[i].outcome.err == ERR_OK) mark(api, asked.match.route, seen);
    text_free(&actual);
    arena_free(&asked.arena);
  }
  assert_all(api, seen);
}

void check_failures(const struct http_api *api)
{
  for (size_t i = 0; i < api->route_count; i++) {
    const struct request head = {.path = slice_of(api->routes[i].path)};
    const struct asked asked = {.call = {.head = &head}};
    for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++) {
      struct text response = {0};
      fail_with(api, &asked, err, &response);
      assert_true(response.data[0] == '4' || response.data[0] == '5');
      assert_true(response.len > 4); /* there is a body */
      text_free(&response);
    }
  }
}
