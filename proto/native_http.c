/* The native REST API (protocols.md, native.md): everything that there is, as JSON, for
 * programs and for operators. The table below is its list of contents; native.openapi.json
 * says the same to machines, and a test holds one against the other. */
#include "native_http.h"

#include <stddef.h>

#include "base/json.h"
#include "native_body.h"
#include "native_openapi.h"

/* ---- errors ---- */

/* Codes that only other protocols have; the text tells what happened all the same. */
static enum err shared_code(enum err err)
{
  switch (err) {
  case ERR_NOT_IN_ROOM:
    return ERR_FORBIDDEN;
  case ERR_NO_SUCH_USER:
    return ERR_NOT_FOUND;
  case ERR_BAD_PASSWORD:
  case ERR_BAD_KEY:
  case ERR_NO_KEY:
    return ERR_UNAUTHORIZED;
  case ERR_MALFORMED_JSON:
  case ERR_PASSWORD_MISSING:
  case ERR_USER_ID_MISSING:
    return ERR_MALFORMED;
  default:
    return err;
  }
}

int native_error(const struct http_call *call, enum err err, struct text *out)
{
  (void)call;
  enum err told = shared_code(err);
  text_append_named_string(out, SLICE("{\"error\":"), err_code(told));
  text_append_named_string(out, SLICE(",\"message\":"), err_text(err));
  text_append_char(out, '}');
  return err_http_status(told);
}

/* ---- users ---- */

/* What a body may say of a user. */
static const struct native_text user_texts[] = {
    {"id", offsetof(struct user_change, id)},
    {"name", offsetof(struct user_change, name)},
    {"password", offsetof(struct user_change, password)},
    {"nickname", offsetof(struct user_change, nickname)},
    {"bio", offsetof(struct user_change, bio)},
    {"avatar", offsetof(struct user_change, avatar)},
};

static enum err read_user_change(struct arena *arena, const struct http_call *call,
                                 struct user_change **change)
{
  *change = arena_zalloc(arena, sizeof **change);
  return native_read_texts(arena, call, user_texts, sizeof user_texts / sizeof user_texts[0],
                           *change);
}

static enum err about_user(const struct http_call *call, enum command_kind kind,
                           struct command *command)
{
  command->kind = kind;
  return native_path_user(call, 0, &command->user);
}

static enum err decode_users(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  command->kind = COMMAND_LIST_USERS;
  return native_read_page(arena, call, command);
}

static enum err check_new_user(const struct http_call *call, const struct user_change *change)
{
  if (!change->password.data && !call->admin) return ERR_PASSWORD_MISSING;
  return change->id.data ? identity_check_new(change->id) : ERR_OK;
}

static enum err decode_new_user(struct arena *arena, const struct http_call *call,
                                struct command *command)
{
  struct user_change *change;
  enum err err = read_user_change(arena, call, &change);
  command->kind = COMMAND_REGISTER;
  command->user_change = change;
  return err == ERR_OK ? check_new_user(call, change) : err;
}

static enum err decode_user(struct arena *arena, const struct http_call *call,
                            struct command *command)
{
  (void)arena;
  return about_user(call, COMMAND_GET_USER, command);
}

/* An id never changes: one in the body is as good as none. */
static enum err decode_edit_user(struct arena *arena, const struct http_call *call,
                                 struct command *command)
{
  struct user_change *change;
  enum err err = read_user_change(arena, call, &change);
  change->id = (struct slice){NULL, 0};
  command->user_change = change;
  return err == ERR_OK ? about_user(call, COMMAND_EDIT_USER, command) : err;
}

static enum err decode_delete_user(struct arena *arena, const struct http_call *call,
                                   struct command *command)
{
  (void)arena;
  return about_user(call, COMMAND_DELETE_USER, command);
}

static int encode_users(struct arena *arena, const struct http_call *call,
                        const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  native_begin_list(out, "users");
  for (size_t i = 0; i < outcome->count; i++) {
    if (i) text_append_char(out, ',');
    native_append_user(out, &outcome->users[i]);
  }
  return native_end_list(out, outcome->cursor);
}

static int encode_user(struct arena *arena, const struct http_call *call,
                       const struct outcome *outcome, struct text *out)
{
  (void)arena;
  if (!outcome->count) return native_error(call, ERR_NO_SUCH_USER, out);
  native_append_user(out, outcome->users);
  return HTTP_OK;
}

static int encode_new_user(struct arena *arena, const struct http_call *call,
                           const struct outcome *outcome, struct text *out)
{
  int status = encode_user(arena, call, outcome, out);
  return status == HTTP_OK ? HTTP_CREATED : status;
}

/* ---- tokens ---- */

static const struct {
  const char *name;
  enum credential kind;
} credential_names[] = {{"token", CREDENTIAL_TOKEN}, {"key", CREDENTIAL_KEY}};

/* A token, where nothing is said. */
static enum err read_credential_kind(struct arena *arena, const struct http_call *call,
                                     enum credential *kind)
{
  struct slice name;
  enum err err = http_string(arena, call, "kind", false, &name);
  *kind = CREDENTIAL_TOKEN;
  if (err != ERR_OK || !name.data) return err;
  for (size_t i = 0; i < sizeof credential_names / sizeof credential_names[0]; i++) {
    *kind = credential_names[i].kind;
    if (slice_is(name, credential_names[i].name)) return ERR_OK;
  }
  return ERR_MALFORMED;
}

/* Without a password it is the operator who vouches for the user. */
static enum err decode_new_token(struct arena *arena, const struct http_call *call,
                                 struct command *command)
{
  struct user_change *change = arena_zalloc(arena, sizeof *change);
  struct slice user;
  command->user_change = change;
  enum err err = http_string(arena, call, "user", false, &user);
  if (err == ERR_OK && !user.data) err = ERR_USER_ID_MISSING;
  if (err == ERR_OK) err = http_string(arena, call, "password", false, &change->password);
  if (err == ERR_OK && !change->password.data && !call->admin) err = ERR_PASSWORD_MISSING;
  if (err == ERR_OK) err = read_credential_kind(arena, call, &command->credential);
  if (err != ERR_OK) return err;
  command->kind = change->password.data ? COMMAND_LOG_IN : COMMAND_RENEW;
  return native_read_user(user, ERR_NO_SUCH_USER, &command->user);
}

static enum err decode_tokens(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  (void)arena;
  (void)call;
  command->kind = COMMAND_LIST_CREDENTIALS;
  return ERR_OK;
}

/* The one that it comes with. The operator's is configuration. */
static enum err decode_end_token(struct arena *arena, const struct http_call *call,
                                 struct command *command)
{
  command->kind = COMMAND_REVOKE;
  if (call->admin) return ERR_FORBIDDEN;
  return request_token(arena, call->head, &command->key) ? ERR_OK : ERR_UNAUTHORIZED;
}

/* One of one's own, wherever it is: a token that was lost is told by nobody. */
static enum err decode_end_listed(struct arena *arena, const struct http_call *call,
                                  struct command *command)
{
  (void)arena;
  command->kind = COMMAND_REVOKE_LISTED;
  command->key = call->params[0];
  return call->admin ? ERR_FORBIDDEN : ERR_OK;
}

static int encode_new_token(struct arena *arena, const struct http_call *call,
                            const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append_named_string(out, SLICE("{\"token\":"), outcome->credential);
  text_append_named_number(out, SLICE(",\"expires\":"), outcome->expires_ms);
  text_append_char(out, '}');
  return HTTP_CREATED;
}

static int encode_tokens(struct arena *arena, const struct http_call *call,
                         const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  native_begin_list(out, "tokens");
  for (size_t i = 0; i < outcome->count; i++) {
    const struct credential_info *one = &outcome->credentials[i];
    text_append_named_string(out, i ? SLICE(",{\"id\":") : SLICE("{\"id\":"), one->id);
    text_append_named_string(out, SLICE(",\"kind\":"),
                             one->kind == CREDENTIAL_KEY ? SLICE("key") : SLICE("token"));
    text_append_named_number(out, SLICE(",\"created\":"), one->created_ms);
    text_append_named_number(out, SLICE(",\"expires\":"), one->expires_ms);
    text_append_char(out, '}');
  }
  return native_end_list(out, outcome->cursor);
}

/* ---- the operator's ---- */

static enum err decode_sessions(struct arena *arena, const struct http_call *call,
                                struct command *command)
{
  command->kind = COMMAND_LIST_SESSIONS;
  return native_read_page(arena, call, command);
}

static enum err decode_disconnect(struct arena *arena, const struct http_call *call,
                                  struct command *command)
{
  (void)arena;
  command->kind = COMMAND_DISCONNECT;
  command->key = call->params[0];
  return ERR_OK;
}

static enum err decode_nodes(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  (void)arena;
  (void)call;
  command->kind = COMMAND_LIST_NODES;
  return ERR_OK;
}

static enum err decode_notice(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  struct slice to;
  command->kind = COMMAND_NOTICE;
  enum err err = http_string(arena, call, "to", true, &to);
  if (err == ERR_OK) err = command_read_text(http_member(call, "text"), &command->text);
  if (err != ERR_OK || slice_is(to, "all")) return err;
  return address_parse(to, &command->to);
}

static int encode_sessions(struct arena *arena, const struct http_call *call,
                           const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  native_begin_list(out, "sessions");
  for (size_t i = 0; i < outcome->count; i++) {
    const struct session_info *session = &outcome->sessions[i];
    text_append_named_string(out, i ? SLICE(",{\"id\":") : SLICE("{\"id\":"), session->id);
    text_append_named_string(out, SLICE(",\"user\":"), session->user.id);
    text_append_named_string(out, SLICE(",\"node\":"), session->node);
    text_append_named_string(out, SLICE(",\"protocol\":"), session->protocol);
    text_append_named_or_null(out, SLICE(",\"device\":"), session->device);
    text_append_named_number(out, SLICE(",\"since\":"), session->since_ms);
    text_append_char(out, '}');
  }
  return native_end_list(out, outcome->cursor);
}

static int encode_nodes(struct arena *arena, const struct http_call *call,
                        const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  native_begin_list(out, "nodes");
  for (size_t i = 0; i < outcome->count; i++) {
    const struct node_info *node = &outcome->nodes[i];
    text_append_named_string(out, i ? SLICE(",{\"id\":") : SLICE("{\"id\":"), node->id);
    text_append_named_number(out, SLICE(",\"heard\":"), node->heard_ms);
    text_append_named_number(out, SLICE(",\"sessions\":"), node->sessions);
    text_append_char(out, '}');
  }
  return native_end_list(out, outcome->cursor);
}

/* Has an id only where it is kept. */
static int encode_notice(struct arena *arena, const struct http_call *call,
                         const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append(out, SLICE("{\"id\":"));
  if (outcome->message_id) {
    text_append_number(out, outcome->message_id);
  } else {
    text_append(out, SLICE("null"));
  }
  text_append_named_number(out, SLICE(",\"ts\":"), outcome->ts_ms);
  text_append_char(out, '}');
  return HTTP_CREATED;
}

/* ---- this API ---- */

static int encode_openapi(struct arena *arena, const struct http_call *call,
                          const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  (void)outcome;
  text_append(out, native_openapi());
  return HTTP_OK;
}

/* ---- routes ---- */

#define ROUTE(method, path, access, decode, encode)              \
  {                                                              \
    HTTP_##method, "/api/v1" path, HTTP_##access, decode, encode \
  }

static const struct http_route routes[] = {
    /* Users. A password makes one's own account; the operator needs none. */
    ROUTE(GET, "/users", USER, decode_users, encode_users),
    ROUTE(POST, "/users", ANYONE, decode_new_user, encode_new_user),
    ROUTE(GET, "/users/{}", USER, decode_user, encode_user),
    ROUTE(PATCH, "/users/{}", USER, decode_edit_user, encode_user),
    ROUTE(DELETE, "/users/{}", USER, decode_delete_user, NULL),
    ROUTE(GET, "/users/{}/unread", USER, native_decode_unread, native_encode_messages),
    ROUTE(GET, "/users/{}/messages", USER, native_decode_user_messages, native_encode_messages),
    ROUTE(POST, "/users/{}/messages", USER, native_decode_user_send, native_encode_user_sent),

    /* Rooms. */
    ROUTE(GET, "/rooms", USER, native_decode_rooms, native_encode_rooms),
    ROUTE(POST, "/rooms", USER, native_decode_new_room, native_encode_new_room),
    ROUTE(GET, "/rooms/{}", USER, native_decode_room, native_encode_room),
    ROUTE(PATCH, "/rooms/{}", USER, native_decode_edit_room, native_encode_room),
    ROUTE(DELETE, "/rooms/{}", USER, native_decode_delete_room, NULL),
    ROUTE(GET, "/rooms/{}/messages", USER, native_decode_room_messages, native_encode_messages),
    ROUTE(POST, "/rooms/{}/messages", USER, native_decode_room_send, native_encode_room_sent),

    /* Who is what in a room. PUT and DELETE of oneself as a member: enter, exit. */
    ROUTE(GET, "/rooms/{}/members", USER, native_decode_members, native_encode_members),
    ROUTE(PUT, "/rooms/{}/members/{}", USER, native_decode_new_member, NULL),
    ROUTE(DELETE, "/rooms/{}/members/{}", USER, native_decode_end_member, NULL),
    ROUTE(GET, "/rooms/{}/admins", USER, native_decode_admins, native_encode_admins),
    ROUTE(PUT, "/rooms/{}/admins/{}", USER, native_decode_new_admin, NULL),
    ROUTE(DELETE, "/rooms/{}/admins/{}", USER, native_decode_end_admin, NULL),
    ROUTE(GET, "/rooms/{}/invites", USER, native_decode_invites, native_encode_invites),
    ROUTE(PUT, "/rooms/{}/invites/{}", USER, native_decode_new_invite, NULL),
    ROUTE(DELETE, "/rooms/{}/invites/{}", USER, native_decode_end_invite, NULL),
    ROUTE(GET, "/rooms/{}/bans", USER, native_decode_bans, native_encode_bans),
    ROUTE(PUT, "/rooms/{}/bans/{}", USER, native_decode_new_ban, NULL),
    ROUTE(DELETE, "/rooms/{}/bans/{}", USER, native_decode_end_ban, NULL),
    ROUTE(PUT, "/rooms/{}/owner/{}", USER, native_decode_new_owner, NULL),

    /* One message, wherever it is. */
    ROUTE(GET, "/messages/{}", USER, native_decode_message, native_encode_message),
    ROUTE(PATCH, "/messages/{}", USER, native_decode_edit, native_encode_message),
    ROUTE(DELETE, "/messages/{}", USER, native_decode_delete, NULL),
    ROUTE(PUT, "/messages/{}/reactions/{}", USER, native_decode_react, NULL),
    ROUTE(DELETE, "/messages/{}/reactions/{}", USER, native_decode_unreact, NULL),

    /* What one authenticates with. */
    ROUTE(GET, "/tokens", USER, decode_tokens, encode_tokens),
    ROUTE(POST, "/tokens", ANYONE, decode_new_token, encode_new_token),
    ROUTE(DELETE, "/tokens", USER, decode_end_token, NULL),
    ROUTE(DELETE, "/tokens/{}", USER, decode_end_listed, NULL),

    /* The operator's. */
    ROUTE(GET, "/sessions", ADMIN, decode_sessions, encode_sessions),
    ROUTE(DELETE, "/sessions/{}", ADMIN, decode_disconnect, NULL),
    ROUTE(GET, "/nodes", ADMIN, decode_nodes, encode_nodes),
    ROUTE(POST, "/notices", ADMIN, decode_notice, encode_notice),

    ROUTE(GET, "/openapi.json", ANYONE, http_decode_nothing, encode_openapi),
};

const struct http_api native_http = {
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .error = native_error,
};
