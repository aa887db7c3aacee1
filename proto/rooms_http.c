/* The REST surface of rooms (protocols.md, proto/rooms.md): users and their keys, rooms and
 * who is what in them. Everything has a UUID; the key of who asks stands in the query (?key=).
 *
 *   POST   /user {username,password}            REGISTER      {"user_id":"…","key":"…"}
 *   PUT    /user {username}                     EDIT_USER     {"username":"alice"}
 *   GET    /user/…                              GET_USER      {"username":"alice","user_id":"…"}
 *   POST   /key {user_id,password}              LOG_IN        {"key":"…"}
 *   DELETE /key {key,user_id}                   REVOKE        204
 *   POST   /room {name,open}                    CREATE_ROOM   room
 *   GET    /room/…                              GET_ROOM      room
 *   PUT    /room/… {name,open}                  EDIT_ROOM     room
 *   GET    /room/…/users|admins|bans            LIST_PEOPLE   {"users":["…"],"index":0,
 *            ?limit&offset                                     "user_count":1}
 *   GET    /room/…/users/…                      GET_STANDING  {"present":true}
 *   PUT    /room/…/users {user_id}              INVITE        204
 *   DELETE /room/…/users {user_id,message}      SET_ROLE      204: a kick
 *   PUT    /room/…/bans {user_id,message}       SET_ROLE      204: a kick for good
 *   DELETE /room/…/bans {user_id}               SET_ROLE      204
 *   PUT    /room/…/admins, DELETE {user_id}     SET_ROLE      204
 *   GET    /room/…/owner                        GET_ROOM      {"owner":"…"}
 *   POST   /room/…/owner {user_id}              SET_ROLE      204
 *
 * A room is {"open":true,"name":"Den","user_count":1,"owner":"…","room_id":"…"}; any failure
 * {"error":"no_key"}. */
#include "rooms_http.h"

#include "protocol.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 100 };

/* ---- errors ---- */

/* A key is all that one is known by; and outside of rooms only users are looked for. */
static enum err as_told(const struct http_call *call, enum err err)
{
  if (err == ERR_UNAUTHORIZED) return ERR_BAD_KEY;
  if (err != ERR_NOT_FOUND || slice_starts_with(call->head->path, SLICE("/room"))) return err;
  return ERR_NO_SUCH_USER;
}

static int error(const struct http_call *call, enum err err, struct text *out)
{
  err = as_told(call, err);
  text_append_named_string(out, SLICE("{\"error\":"), err_code(err));
  text_append_char(out, '}');
  return err_http_status(err);
}

/* ---- what is read in more than one route ---- */

static enum err read_body(const struct http_call *call)
{
  return call->body.len ? ERR_OK : ERR_MALFORMED_JSON;
}

/* A member of the body, else of the query. Empty, or missing: `missing`. */
static enum err read_given(struct arena *arena, const struct http_call *call, const char *name,
                           enum err missing, struct slice *value)
{
  enum err err = http_string(arena, call, name, false, value);
  if (err != ERR_OK) return err;
  if (value->len == 0) *value = http_query(arena, call, name);
  return value->len ? ERR_OK : missing;
}

static enum err read_user(struct arena *arena, const struct http_call *call,
                          struct command *command)
{
  struct slice uuid;
  enum err err = read_given(arena, call, "user_id", ERR_USER_ID_MISSING, &uuid);
  return err == ERR_OK ? address_parse_uuid(arena, uuid, &command->user) : err;
}

/* A name that must be there, and not empty. */
static enum err read_username(struct arena *arena, const struct http_call *call,
                              struct user_change *user)
{
  enum err err = http_string(arena, call, "username", true, &user->name);
  return err == ERR_OK && user->name.len == 0 ? ERR_MALFORMED : err;
}

static enum err read_password(struct arena *arena, const struct http_call *call,
                              struct user_change *user)
{
  enum err err = http_string(arena, call, "password", false, &user->password);
  return err == ERR_OK && user->password.len == 0 ? ERR_PASSWORD_MISSING : err;
}

/* ---- users and keys ---- */

static enum err decode_register(struct arena *arena, const struct http_call *call,
                                struct command *command)
{
  struct user_change *user = arena_zalloc(arena, sizeof *user);
  command->kind = COMMAND_REGISTER;
  command->credential = CREDENTIAL_KEY;
  command->user_change = user;
  enum err err = read_body(call);
  if (err == ERR_OK) err = read_username(arena, call, user);
  return err == ERR_OK ? read_password(arena, call, user) : err;
}

static enum err decode_rename(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  struct user_change *user = arena_zalloc(arena, sizeof *user);
  command->kind = COMMAND_EDIT_USER;
  command->user_change = user;
  enum err err = read_body(call);
  return err == ERR_OK ? read_username(arena, call, user) : err;
}

static enum err decode_user(struct arena *arena, const struct http_call *call,
                            struct command *command)
{
  command->kind = COMMAND_GET_USER;
  return address_parse_uuid(arena, call->params[0], &command->user);
}

static enum err decode_log_in(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  struct user_change *user = arena_zalloc(arena, sizeof *user);
  command->kind = COMMAND_LOG_IN;
  command->credential = CREDENTIAL_KEY;
  command->user_change = user;
  enum err err = read_body(call);
  if (err == ERR_OK) err = read_user(arena, call, command);
  return err == ERR_OK ? read_password(arena, call, user) : err;
}

/* Who has the key may end it. */
static enum err decode_revoke(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  command->kind = COMMAND_REVOKE;
  enum err err = read_given(arena, call, "key", ERR_NO_KEY, &command->key);
  return err == ERR_OK ? read_user(arena, call, command) : err;
}

static int encode_registered(struct arena *arena, const struct http_call *call,
                             const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append_named_string(out, SLICE("{\"user_id\":"), outcome->users[0].party.uuid);
  text_append_named_string(out, SLICE(",\"key\":"), outcome->credential);
  text_append_char(out, '}');
  return HTTP_OK;
}

static int encode_key(struct arena *arena, const struct http_call *call,
                      const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append_named_string(out, SLICE("{\"key\":"), outcome->credential);
  text_append_char(out, '}');
  return HTTP_OK;
}

static int encode_renamed(struct arena *arena, const struct http_call *call,
                          const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append_named_string(out, SLICE("{\"username\":"), party_name(&outcome->users[0].party));
  text_append_char(out, '}');
  return HTTP_OK;
}

static int encode_user(struct arena *arena, const struct http_call *call,
                       const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  const struct party *user = &outcome->users[0].party;
  text_append_named_string(out, SLICE("{\"username\":"), party_name(user));
  text_append_named_string(out, SLICE(",\"user_id\":"), user->uuid);
  text_append_char(out, '}');
  return HTTP_OK;
}

/* ---- rooms ---- */

/* `name` and `open`, as far as they are there. */
static enum err read_room(struct arena *arena, const struct http_call *call,
                          struct room_change *room)
{
  enum err err = http_string(arena, call, "name", false, &room->name);
  if (err != ERR_OK) return err;
  if (room->name.data && room->name.len == 0) return ERR_MALFORMED;
  return http_choice(call, "open", &room->open);
}

/* Open unless it says otherwise; nothing of it is stored, and only its members hear it. */
static enum err decode_new_room(struct arena *arena, const struct http_call *call,
                                struct command *command)
{
  struct room_change *room = arena_zalloc(arena, sizeof *room);
  command->kind = COMMAND_CREATE_ROOM;
  command->room_change = room;
  room->open = (struct choice){.set = true, .value = true};
  room->is_public = room->logged = (struct choice){.set = true, .value = false};
  return read_room(arena, call, room);
}

static enum err about_room(struct arena *arena, const struct http_call *call,
                           enum command_kind kind, struct command *command)
{
  command->kind = kind;
  return address_parse_uuid(arena, call->params[0], &command->to);
}

static enum err decode_edit_room(struct arena *arena, const struct http_call *call,
                                 struct command *command)
{
  struct room_change *room = arena_zalloc(arena, sizeof *room);
  command->room_change = room;
  enum err err = about_room(arena, call, COMMAND_EDIT_ROOM, command);
  if (err == ERR_OK) err = read_body(call);
  if (err == ERR_OK) err = read_room(arena, call, room);
  if (err != ERR_OK) return err;
  return room->name.data || room->open.set ? ERR_OK : ERR_MALFORMED;
}

static enum err decode_room(struct arena *arena, const struct http_call *call,
                            struct command *command)
{
  return about_room(arena, call, COMMAND_GET_ROOM, command);
}

static int encode_room(struct arena *arena, const struct http_call *call,
                       const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  const struct room_info *room = &outcome->rooms[0];
  text_append_named_flag(out, SLICE("{\"open\":"), room->open);
  text_append_named_string(out, SLICE(",\"name\":"), party_name(&room->party));
  text_append_named_number(out, SLICE(",\"user_count\":"), room->member_count);
  text_append_named_or_null(out, SLICE(",\"owner\":"), room->owner.uuid);
  text_append_named_string(out, SLICE(",\"room_id\":"), room->party.uuid);
  text_append_char(out, '}');
  return HTTP_OK;
}

static int encode_owner(struct arena *arena, const struct http_call *call,
                        const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append_named_or_null(out, SLICE("{\"owner\":"), outcome->rooms[0].owner.uuid);
  text_append_char(out, '}');
  return HTTP_OK;
}

/* ---- who is what in a room: asking ---- */

static enum err read_offset(struct arena *arena, const struct http_call *call, uint64_t *offset)
{
  return http_query_number(arena, call, "offset", 0, UINT32_MAX, offset);
}

static enum err list_people(struct arena *arena, const struct http_call *call, enum role role,
                            struct command *command)
{
  uint64_t limit = LIMIT_DEFAULT;
  enum err err = about_room(arena, call, COMMAND_LIST_PEOPLE, command);
  if (err == ERR_OK) err = http_query_number(arena, call, "limit", 1, LIMIT_MAX, &limit);
  command->role = role;
  command->count = (unsigned)limit;
  return err == ERR_OK ? read_offset(arena, call, &command->offset) : err;
}

static enum err decode_users(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  return list_people(arena, call, ROLE_MEMBER, command);
}

static enum err decode_admins(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  return list_people(arena, call, ROLE_ADMIN, command);
}

static enum err decode_bans(struct arena *arena, const struct http_call *call,
                            struct command *command)
{
  return list_people(arena, call, ROLE_BANNED, command);
}

static enum err decode_standing(struct arena *arena, const struct http_call *call,
                                struct command *command)
{
  enum err err = about_room(arena, call, COMMAND_GET_STANDING, command);
  return err == ERR_OK ? address_parse_uuid(arena, call->params[1], &command->user) : err;
}

static int encode_people(struct arena *arena, const struct http_call *call,
                         const struct outcome *outcome, struct text *out)
{
  uint64_t index = 0;
  enum err err = read_offset(arena, call, &index);
  if (err != ERR_OK) return error(call, err, out);
  text_append(out, SLICE("{\"users\":["));
  for (size_t i = 0; i < outcome->count; i++) {
    text_append_named_string(out, i ? SLICE(",") : SLICE(""), outcome->people[i].uuid);
  }
  text_append_named_number(out, SLICE("],\"index\":"), index);
  text_append_named_number(out, SLICE(",\"user_count\":"), outcome->total);
  text_append_char(out, '}');
  return HTTP_OK;
}

static int encode_standing(struct arena *arena, const struct http_call *call,
                           const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append_named_flag(out, SLICE("{\"present\":"), outcome->present);
  text_append_char(out, '}');
  return HTTP_OK;
}

/* ---- who is what in a room: changing ---- */

static enum err about_user(struct arena *arena, const struct http_call *call,
                           enum command_kind kind, struct command *command)
{
  enum err err = about_room(arena, call, kind, command);
  return err == ERR_OK ? read_user(arena, call, command) : err;
}

static enum err set_role(struct arena *arena, const struct http_call *call, enum role role,
                         bool adding, struct command *command)
{
  command->role = role;
  command->adding = adding;
  return about_user(arena, call, COMMAND_SET_ROLE, command);
}

static enum err decode_invite(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  return about_user(arena, call, COMMAND_INVITE, command);
}

/* A kick may say why. */
static enum err decode_kick(struct arena *arena, const struct http_call *call,
                            struct command *command)
{
  enum err err = set_role(arena, call, ROLE_MEMBER, false, command);
  return err == ERR_OK ? http_raw_text(call, "message", &command->text) : err;
}

static enum err decode_ban(struct arena *arena, const struct http_call *call,
                           struct command *command)
{
  enum err err = set_role(arena, call, ROLE_BANNED, true, command);
  return err == ERR_OK ? http_raw_text(call, "message", &command->text) : err;
}

static enum err decode_unban(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  return set_role(arena, call, ROLE_BANNED, false, command);
}

static enum err decode_new_admin(struct arena *arena, const struct http_call *call,
                                 struct command *command)
{
  return set_role(arena, call, ROLE_ADMIN, true, command);
}

static enum err decode_end_admin(struct arena *arena, const struct http_call *call,
                                 struct command *command)
{
  return set_role(arena, call, ROLE_ADMIN, false, command);
}

static enum err decode_new_owner(struct arena *arena, const struct http_call *call,
                                 struct command *command)
{
  return set_role(arena, call, ROLE_OWNER, true, command);
}

/* What was so before is a conflict here. */
static int encode_changed(struct arena *arena, const struct http_call *call,
                          const struct outcome *outcome, struct text *out)
{
  (void)arena;
  return outcome->already ? error(call, ERR_CONFLICT, out) : HTTP_NO_CONTENT;
}

/* ---- who asks ---- */

/* As the WebSocket's door, but for the name of what is missing. */
static enum err identify(struct arena *arena, const struct request *request, struct claim *claim)
{
  enum err err = protocol_rooms.identify(arena, request, claim);
  return err == ERR_UNAUTHORIZED && !claim->user.len && !claim->token.len ? ERR_NO_KEY : err;
}

/* ---- routes ---- */

static const struct http_route routes[] = {
    {HTTP_POST, "/user", HTTP_ANYONE, decode_register, encode_registered},
    {HTTP_PUT, "/user", HTTP_USER, decode_rename, encode_renamed},
    {HTTP_GET, "/user/{}", HTTP_USER, decode_user, encode_user},
    {HTTP_POST, "/key", HTTP_ANYONE, decode_log_in, encode_key},
    {HTTP_DELETE, "/key", HTTP_ANYONE, decode_revoke, NULL},
    {HTTP_POST, "/room", HTTP_USER, decode_new_room, encode_room},
    {HTTP_POST, "/room/", HTTP_USER, decode_new_room, encode_room}, /* the original's spelling */
    {HTTP_GET, "/room/{}", HTTP_USER, decode_room, encode_room},
    {HTTP_PUT, "/room/{}", HTTP_USER, decode_edit_room, encode_room},
    {HTTP_GET, "/room/{}/users", HTTP_USER, decode_users, encode_people},
    {HTTP_PUT, "/room/{}/users", HTTP_USER, decode_invite, encode_changed},
    {HTTP_DELETE, "/room/{}/users", HTTP_USER, decode_kick, encode_changed},
    {HTTP_GET, "/room/{}/users/{}", HTTP_USER, decode_standing, encode_standing},
    {HTTP_GET, "/room/{}/admins", HTTP_USER, decode_admins, encode_people},
    {HTTP_PUT, "/room/{}/admins", HTTP_USER, decode_new_admin, encode_changed},
    {HTTP_DELETE, "/room/{}/admins", HTTP_USER, decode_end_admin, encode_changed},
    {HTTP_GET, "/room/{}/bans", HTTP_USER, decode_bans, encode_people},
    {HTTP_PUT, "/room/{}/bans", HTTP_USER, decode_ban, encode_changed},
    {HTTP_DELETE, "/room/{}/bans", HTTP_USER, decode_unban, encode_changed},
    {HTTP_GET, "/room/{}/owner", HTTP_USER, decode_room, encode_owner},
    {HTTP_POST, "/room/{}/owner", HTTP_USER, decode_new_owner, encode_changed},
};

const struct http_api rooms_http = {
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .identify = identify,
    .error = error,
};
