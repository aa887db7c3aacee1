/* The REST surface of concord (protocols.md, proto/concord.md): what its clients do before
 * they connect, and what frames are too small for.
 *
 *   POST   /api/users/register {username,password}   REGISTER       {"id":7,"username":"alice"}
 *   POST   /api/tokens {username,password}           LOG_IN         {"token":"…"}
 *   GET    /api/tokens/recycle                       RENEW          {"token":"…"}
 *   GET    /api/users                                LIST_USERS     [user,…]
 *   GET    /api/users/7, /api/self                   GET_USER       user
 *   GET    /api/server                               NONE           {"name":"Parley",…}
 *   GET    /api/channels                             LIST_ROOMS     [channel,…]
 *   POST   /api/channels {name,description}          CREATE_ROOM    channel
 *   GET    /api/channels/1                           GET_ROOM       channel
 *   DELETE /api/channels/1                           DELETE_ROOM
 *   GET    /api/channels/1/chats/latest?size         GET_MESSAGES   [chat,…], newest first
 *   POST   /api/channels/1/chats {threadId,content}  SEND           chat
 *   GET    /api/chats?page,size,authorId,…           SEARCH         [chat,…], newest first
 *   GET    /api/chats/65537                          GET_MESSAGE    chat
 *   PATCH  /api/chats/65537 {content}                EDIT           chat
 *   DELETE /api/chats/65537                          DELETE
 *   GET    /api/chats/65537/reactions                GET_REACTIONS  {"reactingUsers":{"+1":[7]},
 *                                                                    "reactions":{"+1":1}}
 *   POST   /api/chats/65537/reactions                REACT
 *            {reaction,adding}
 *
 * Where no answer stands, it is 200 without a body, the original's. Users are named by their
 * numbers, but where they log in; a channel is a room, or, where chats are concerned, a
 * dialog. */
#include "concord_http.h"

#include "concord_body.h"
#include "identity.h"

enum { LIST_MAX = 1000 }; /* the original's lists of users and channels have no pages */

/* ---- users, decoded ---- */

static enum err read_account(struct arena *arena, const struct http_call *call,
                             struct user_change *account)
{
  enum err err = http_string(arena, call, "username", true, &account->name);
  return err == ERR_OK ? http_string(arena, call, "password", true, &account->password) : err;
}

/* The name is the id. */
static enum err decode_register(struct arena *arena, const struct http_call *call,
                                struct command *command)
{
  struct user_change *account = arena_zalloc(arena, sizeof *account);
  enum err err = read_account(arena, call, account);
  if (err != ERR_OK) return err;
  account->id = account->name;
  command->kind = COMMAND_REGISTER;
  command->user_change = account;
  return identity_check_new(account->id);
}

/* What can be nobody's name is told as any other that is wrong. */
static enum err decode_log_in(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  struct user_change *account = arena_zalloc(arena, sizeof *account);
  enum err err = read_account(arena, call, account);
  if (err != ERR_OK) return err;
  command->kind = COMMAND_LOG_IN;
  command->credential = CREDENTIAL_TOKEN;
  command->user = (struct address){.kind = ADDRESS_USER, .id = account->name};
  command->user_change = account;
  return identity_check(account->name) == ERR_OK ? ERR_OK : ERR_BAD_PASSWORD;
}

static enum err decode_renew(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  (void)arena;
  (void)call;
  command->kind = COMMAND_RENEW;
  command->credential = CREDENTIAL_TOKEN;
  return ERR_OK;
}

/* ?size and ?after, the id of the last one before, are additive. */
static enum err read_list(struct arena *arena, const struct http_call *call, enum command_kind kind,
                          struct command *command)
{
  uint64_t size = LIST_MAX, after = 0;
  enum err err = http_query_number(arena, call, "size", 1, LIST_MAX, &size);
  if (err == ERR_OK) err = http_query_number(arena, call, "after", 0, HTTP_NUMBER_MAX, &after);
  command->kind = kind;
  command->count = (unsigned)size;
  if (err != ERR_OK || after == 0) return err;
  struct text cursor = {0};
  text_append_number(&cursor, after);
  command->cursor = text_move(&cursor, arena);
  return ERR_OK;
}

static enum err decode_users(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  return read_list(arena, call, COMMAND_LIST_USERS, command);
}

static enum err decode_user(struct arena *arena, const struct http_call *call,
                            struct command *command)
{
  (void)arena;
  command->kind = COMMAND_GET_USER;
  command->user.kind = ADDRESS_NUMBER;
  return http_param_number(call, 0, &command->user.num);
}

static enum err decode_self(struct arena *arena, const struct http_call *call,
                            struct command *command)
{
  (void)arena;
  (void)call;
  command->kind = COMMAND_GET_USER;
  return ERR_OK;
}

/* ---- users, encoded ---- */

static int encode_registered(struct arena *arena, const struct http_call *call,
                             const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  const struct party *user = &outcome->users[0].party;
  text_append_named_number(out, SLICE("{\"id\":"), user->num);
  text_append_named_string(out, SLICE(",\"username\":"), party_name(user));
  text_append_char(out, '}');
  return HTTP_OK;
}

static int encode_token(struct arena *arena, const struct http_call *call,
                        const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append_named_string(out, SLICE("{\"token\":"), outcome->credential);
  text_append_char(out, '}');
  return HTTP_OK;
}

/* An avatar is a number of the original's own store of images, which is not here. Where no
 * nickname was chosen it is the name, as after registering there. */
static void append_user(struct text *out, const struct user_info *user)
{
  struct slice name = party_name(&user->party);
  text_append_named_number(out, SLICE("{\"id\":"), user->party.num);
  text_append_named_string(out, SLICE(",\"username\":"), name);
  text_append_named_number(out, SLICE(",\"profile\":{\"createdAt\":"), user->created_ms);
  text_append_named_string(out, SLICE(",\"nickname\":"),
                           user->nickname.len ? user->nickname : name);
  text_append_named_or_null(out, SLICE(",\"bio\":"), user->bio);
  text_append(out, SLICE(",\"avatarId\":null},\"status\":{\"onlineStatus\":"));
  text_append(out, user->online ? SLICE("\"ONLINE\"}}") : SLICE("\"OFFLINE\"}}"));
}

static int encode_user(struct arena *arena, const struct http_call *call,
                       const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  append_user(out, &outcome->users[0]);
  return HTTP_OK;
}

static int encode_users(struct arena *arena, const struct http_call *call,
                        const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append_char(out, '[');
  for (size_t i = 0; i < outcome->count; i++) {
    if (i) text_append_char(out, ',');
    append_user(out, &outcome->users[i]);
  }
  text_append_char(out, ']');
  return HTTP_OK;
}

/* ---- channels ---- */

enum err concord_path_channel(const struct http_call *call, enum command_kind kind,
                              struct command *command)
{
  command->kind = kind;
  command->to.kind = ADDRESS_NUMBER;
  return http_param_number(call, 0, &command->to.num);
}

static enum err decode_channels(struct arena *arena, const struct http_call *call,
                                struct command *command)
{
  return read_list(arena, call, COMMAND_LIST_ROOMS, command);
}

/* A channel is everybody's, and remembers. */
static enum err decode_new_channel(struct arena *arena, const struct http_call *call,
                                   struct command *command)
{
  struct room_change *room = arena_zalloc(arena, sizeof *room);
  room->open = room->is_public = room->logged = (struct choice){.set = true, .value = true};
  command->kind = COMMAND_CREATE_ROOM;
  command->room_change = room;
  enum err err = http_string(arena, call, "name", true, &room->name);
  if (err == ERR_OK && room->name.len == 0) err = ERR_MALFORMED;
  return err == ERR_OK ? http_string(arena, call, "description", false, &room->description) : err;
}

static enum err decode_channel(struct arena *arena, const struct http_call *call,
                               struct command *command)
{
  (void)arena;
  return concord_path_channel(call, COMMAND_GET_ROOM, command);
}

static enum err decode_delete_channel(struct arena *arena, const struct http_call *call,
                                      struct command *command)
{
  (void)arena;
  return concord_path_channel(call, COMMAND_DELETE_ROOM, command);
}

static int encode_channel(struct arena *arena, const struct http_call *call,
                          const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  concord_append_channel(out, &outcome->rooms[0], CONCORD_CHANNEL_ALONE);
  return HTTP_OK;
}

static int encode_channels(struct arena *arena, const struct http_call *call,
                           const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append_char(out, '[');
  for (size_t i = 0; i < outcome->count; i++) {
    if (i) text_append_char(out, ',');
    concord_append_channel(out, &outcome->rooms[i], CONCORD_CHANNEL_LISTED);
  }
  text_append_char(out, ']');
  return HTTP_OK;
}

/* ---- the server ---- */

static int encode_server(struct arena *arena, const struct http_call *call,
                         const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  (void)outcome;
  text_append(out, SLICE("{\"name\":\"Parley\",\"description\":\"A gateway between messaging "
                         "protocols\",\"iconId\":null,"));
  text_append_named_number(out, SLICE("\"defaultChannelId\":"), party_lobby.num);
  text_append_char(out, '}');
  return HTTP_OK;
}

int concord_encode_nothing(struct arena *arena, const struct http_call *call,
                           const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  (void)outcome;
  (void)out;
  return HTTP_OK;
}

/* ---- errors ---- */

/* What the original calls a bad request. Who logs in is not told whether it was the name. */
static const struct {
  const char *path;
  enum err err, told;
} bad_requests[] = {
    {"/api/users/register", ERR_CONFLICT, ERR_CONFLICT},
    {"/api/tokens", ERR_BAD_PASSWORD, ERR_BAD_PASSWORD},
    {"/api/tokens", ERR_NO_SUCH_USER, ERR_BAD_PASSWORD},
    {"/api/tokens", ERR_NOT_FOUND, ERR_BAD_PASSWORD},
};

int concord_http_error(const struct http_call *call, enum err err, struct text *out)
{
  for (size_t i = 0; i < sizeof bad_requests / sizeof bad_requests[0]; i++) {
    if (bad_requests[i].err != err || !slice_is(call->head->path, bad_requests[i].path)) continue;
    http_error(call, bad_requests[i].told, out);
    return HTTP_BAD_REQUEST;
  }
  if (err == ERR_NOT_IN_ROOM) err = ERR_FORBIDDEN;
  if (err == ERR_NO_SUCH_USER) err = ERR_NOT_FOUND;
  return http_error(call, err, out);
}

/* ---- routes ---- */

static const struct http_route routes[] = {
    {HTTP_POST, "/api/users/register", HTTP_ANYONE, decode_register, encode_registered},
    {HTTP_POST, "/api/tokens", HTTP_ANYONE, decode_log_in, encode_token},
    {HTTP_GET, "/api/tokens/recycle", HTTP_USER, decode_renew, encode_token},
    {HTTP_GET, "/api/users", HTTP_USER, decode_users, encode_users},
    {HTTP_GET, "/api/users/{}", HTTP_USER, decode_user, encode_user},
    {HTTP_GET, "/api/self", HTTP_USER, decode_self, encode_user},
    {HTTP_GET, "/api/server", HTTP_USER, http_decode_nothing, encode_server},
    {HTTP_GET, "/api/channels", HTTP_USER, decode_channels, encode_channels},
    {HTTP_POST, "/api/channels", HTTP_USER, decode_new_channel, encode_channel},
    {HTTP_GET, "/api/channels/{}", HTTP_USER, decode_channel, encode_channel},
    {HTTP_DELETE, "/api/channels/{}", HTTP_USER, decode_delete_channel, concord_encode_nothing},
    {HTTP_GET, "/api/channels/{}/chats/latest", HTTP_USER, concord_decode_latest,
     concord_encode_latest},
    {HTTP_POST, "/api/channels/{}/chats", HTTP_USER, concord_decode_send, concord_encode_sent},
    {HTTP_GET, "/api/chats", HTTP_USER, concord_decode_search, concord_encode_found},
    {HTTP_GET, "/api/chats/{}", HTTP_USER, concord_decode_chat, concord_encode_chat},
    {HTTP_PATCH, "/api/chats/{}", HTTP_USER, concord_decode_edit, concord_encode_chat},
    {HTTP_DELETE, "/api/chats/{}", HTTP_USER, concord_decode_delete, concord_encode_nothing},
    {HTTP_GET, "/api/chats/{}/reactions", HTTP_USER, concord_decode_reactions,
     concord_encode_reactions},
    {HTTP_POST, "/api/chats/{}/reactions", HTTP_USER, concord_decode_react, concord_encode_nothing},
};

const struct http_api concord_http = {
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .error = concord_http_error,
};
