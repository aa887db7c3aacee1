/* What must hold of every REST surface whatever it is asked, as one function that aborts where
 * it does not. Shared by fuzz_http.c and tests/unit/proto/test_http_bytes.c, which feeds it
 * whole and broken requests.
 *
 *   find     one route, or one error; what stands for a {} is not empty, and is UTF-8
 *   decode   an error that has a status, or a command of a known kind whose raw values are JSON
 *            of their types, whose plain ones are UTF-8, whose addresses have the form of ids
 *   send     is a message as any other (codec_properties.h)
 *   encode   whatever became of it, a status and a body that is JSON, or none
 */
#ifndef PARLEY_TESTS_HTTP_PROPERTIES_H
#define PARLEY_TESTS_HTTP_PROPERTIES_H

#include "base/utf8.h"
#include "codec_properties.h"
#include "http.h"

/* ---- what is asked --------------------------------------------------------------------- */

/* "GET /path?query\n" and the body; '!' in front: the operator asks. */
struct http_question {
  struct request head;
  struct slice body;
  bool admin;
};

static inline struct http_question http_question(struct slice bytes)
{
  struct http_question question = {.admin = bytes.len > 0 && bytes.data[0] == '!'};
  bytes = slice_skip(bytes, question.admin);
  struct slice line = slice_cut(&bytes, '\n');
  question.head.method = slice_cut(&line, ' ');
  question.head.path = slice_cut(&line, '?');
  question.head.query = line;
  /* As the gateway does before it asks a route. */
  if (json_check(bytes) == ERR_OK) question.body = bytes;
  return question;
}

/* ---- commands -------------------------------------------------------------------------- */

static inline void check_raw(struct slice raw, bool fits)
{
  assert(raw.len == 0 || fits);
  struct text wrapped = {0};
  text_append(&wrapped, SLICE("{\"value\":"));
  text_append(&wrapped, raw.len ? raw : SLICE("null"));
  text_append_char(&wrapped, '}');
  check_is_json(text_slice(&wrapped));
  text_free(&wrapped);
}

static inline void check_plain(struct slice plain)
{
  assert(plain.data || plain.len == 0);
  assert(utf8_valid(plain));
}

static inline void check_address(const struct address *address)
{
  if (address->kind == ADDRESS_USER) assert(identity_check(address->id) == ERR_OK);
  if (address->kind == ADDRESS_ROOM) assert(identity_check_room(address->id) == ERR_OK);
  if (address->kind == ADDRESS_UUID) assert(address->id.len == 36);
}

static inline void check_changes(const struct command *command)
{
  const struct user_change none = {0}, *user = command->user_change;
  const struct room_change nothing = {0}, *room = command->room_change;
  if (!user) user = &none;
  if (!room) room = &nothing;
  const struct slice texts[] = {user->id,       user->name, user->password,
                                user->nickname, user->bio,  user->avatar,
                                room->id,       room->name, room->description};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) check_plain(texts[i]);
  if (command->search) check_plain(command->search->query);
}

static inline void check_command(const struct command *command)
{
  assert(command->kind > COMMAND_REFUSED && command->kind < COMMAND_COUNT);
  assert(command->refusal == ERR_OK && !command->next);
  check_raw(command->text, json_is_string(command->text));
  check_raw(command->thread, json_is_number(command->thread));
  check_raw(command->attachments, json_is_array(command->attachments));
  check_raw(command->fields, json_is_object(command->fields));
  check_raw(command->client_id,
            json_is_string(command->client_id) || json_is_number(command->client_id));
  check_plain(command->reaction);
  check_plain(command->cursor);
  check_address(&command->to);
  check_address(&command->user);
  check_changes(command);
  assert(command->role < ROLE_COUNT);
}

/* ---- outcomes -------------------------------------------------------------------------- */

#define HTTP_PARTY(which, name)                                          \
  {                                                                      \
    .kind = (which), .num = 7, .id = {(name), 3}, .uuid = {"uuid-7", 6}, \
  }

static inline bool is_list(enum command_kind kind)
{
  static const bool lists[COMMAND_COUNT] = {
      [COMMAND_GET_MESSAGES] = true,  [COMMAND_GET_UNREAD] = true,
      [COMMAND_GET_REACTIONS] = true, [COMMAND_SEARCH] = true,
      [COMMAND_LIST_USERS] = true,    [COMMAND_LIST_CREDENTIALS] = true,
      [COMMAND_LIST_ROOMS] = true,    [COMMAND_LIST_PEOPLE] = true,
      [COMMAND_LIST_SESSIONS] = true, [COMMAND_LIST_NODES] = true,
  };
  return lists[kind];
}

static inline void check_response(int status, const struct text *body)
{
  assert(status >= 200 && status < 600);
  check_raw(text_slice(body), true);
}

/* There is one of everything that any outcome has; of a list, also none. */
static inline void check_encode(struct arena *arena, const struct http_route *route,
                                const struct http_call *call, const struct command *command)
{
  static const struct party bob = HTTP_PARTY(PARTY_USER, "bob"),
                            den = HTTP_PARTY(PARTY_ROOM, "den");
  const struct user_info user = {.party = bob, .bio = SLICE("\"b\"")};
  const struct room_info room = {.party = den, .owner = bob, .creator = bob, .member_count = 1};
  const struct reaction_info reaction = {SLICE("+1"), &bob, 1};
  const struct session_info session = {.id = SLICE("1"), .user = bob};
  const struct node_info node = {.id = SLICE("gw-1")};
  const struct credential_info credential = {.id = SLICE("c"), .kind = CREDENTIAL_KEY};
  const struct envelope message = {.id = command->message_id ? command->message_id : 65537,
                                   .from = bob,
                                   .to = den,
                                   .text = command->text,
                                   .thread = command->thread,
                                   .attachments = command->attachments,
                                   .fields = command->fields,
                                   .reactions = SLICE("{\"+1\":1}")};
  struct outcome outcome = {.message_id = 65537,
                            .messages = &message,
                            .message_count = 1,
                            .already = call->admin,
                            .users = &user,
                            .rooms = &room,
                            .people = &bob,
                            .reactions = &reaction,
                            .sessions = &session,
                            .nodes = &node,
                            .credentials = &credential,
                            .count = 1,
                            .total = 2,
                            .cursor = SLICE("7"),
                            .credential = SLICE("a.b.c")};
  for (int none = 0; route->encode && none <= is_list(command->kind); none++) {
    struct text body = {0};
    if (none) outcome.count = outcome.message_count = 0;
    check_response(route->encode(arena, call, &outcome, &body), &body);
    text_free(&body);
  }
}

/* ---- the whole of it ------------------------------------------------------------------- */

static inline void check_error(const struct http_api *api, const struct http_call *call,
                               enum err err)
{
  struct text body = {0};
  assert(err > ERR_OK && err < ERR_COUNT);
  int status = (api->error ? api->error : http_error)(call, err, &body);
  assert(status >= 400 && body.len > 0);
  check_response(status, &body);
  text_free(&body);
}

static inline void check_route(struct arena *arena, const struct protocol *protocol,
                               const struct http_route *route, const struct http_call *call)
{
  const struct session_view view = {.user = call->user, .now_ms = 1700000000123};
  struct command command = {0};
  enum err err = route->decode(arena, call, &command);
  if (err != ERR_OK) {
    check_error(protocol->http, call, err);
    return;
  }
  check_command(&command);
  if (command.kind == COMMAND_SEND) check_send(protocol, arena, &view, &command);
  check_encode(arena, route, call, &command);
}

static inline void check_identify(struct arena *arena, const struct http_api *api,
                                  const struct http_call *call)
{
  struct claim claim;
  enum err err = (api->identify ? api->identify : request_claim)(arena, call->head, &claim);
  if (err != ERR_OK)
    check_error(api, call, err);
  else
    assert(claim.user.len > 0 || claim.token.len > 0);
}

/* Asks the route that the bytes name; and with the same query, body and what stood in the path
 * every other route that there is. */
static inline void check_http(struct slice bytes)
{
  char *exact = malloc(bytes.len ? bytes.len : 1);
  if (bytes.len) memcpy(exact, bytes.data, bytes.len);
  const struct http_question question = http_question((struct slice){exact, bytes.len});
  struct arena arena = {0};
  struct http_match match;
  struct http_call call = {.head = &question.head, .body = question.body, .admin = question.admin};
  call.user = (struct party)HTTP_PARTY(PARTY_USER, "bob");
  enum err err = http_find(&arena, question.head.method, question.head.path, &match);
  assert(err == ERR_OK || err == ERR_NOT_FOUND || err == ERR_BAD_METHOD);
  assert((err == ERR_OK) == (match.route != NULL) && (err == ERR_NOT_FOUND) == !match.protocol);
  assert((err == ERR_BAD_METHOD) == (match.allowed.len > 0));
  for (size_t i = 0; i < HTTP_PARAMS_MAX; i++) {
    check_plain(match.params[i]);
    call.params[i] = match.params[i].len ? match.params[i] : SLICE("7");
  }
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    const struct http_api *api = protocols[i]->http;
    if (api) check_identify(&arena, api, &call);
    for (size_t j = 0; api && j < api->route_count; j++)
      check_route(&arena, protocols[i], &api->routes[j], &call);
  }
  arena_free(&arena);
  free(exact);
}

#endif
