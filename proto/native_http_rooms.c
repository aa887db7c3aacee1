/* See native_http.h. Rooms and who is what in them. */
#include <stddef.h>

#include "base/json.h"
#include "native_body.h"
#include "native_http.h"

/* ---- rooms ---- */

/* What a body may say of a room, besides `keep`. */
static const struct native_text room_texts[] = {
    {"id", offsetof(struct room_change, id)},
    {"name", offsetof(struct room_change, name)},
    {"description", offsetof(struct room_change, description)},
};

/* Its messages are kept in a log, or nowhere. */
static enum err read_keep(struct arena *arena, const struct http_call *call, struct choice *logged)
{
  struct slice keep;
  enum err err = http_string(arena, call, "keep", false, &keep);
  if (err != ERR_OK || !keep.data) return err;
  *logged = (struct choice){.set = true, .value = slice_is(keep, "log")};
  return logged->value || slice_is(keep, "none") ? ERR_OK : ERR_MALFORMED;
}

static enum err read_room_change(struct arena *arena, const struct http_call *call,
                                 struct room_change **made)
{
  struct room_change *change = *made = arena_zalloc(arena, sizeof *change);
  size_t count = sizeof room_texts / sizeof room_texts[0];
  enum err err = native_read_texts(arena, call, room_texts, count, change);
  if (err == ERR_OK) err = http_choice(call, "open", &change->open);
  if (err == ERR_OK) err = http_choice(call, "public", &change->is_public);
  return err == ERR_OK ? read_keep(arena, call, &change->logged) : err;
}

static enum err about_room(const struct http_call *call, enum command_kind kind,
                           struct command *command)
{
  command->kind = kind;
  return native_path_room(call, command);
}

enum err native_decode_rooms(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  command->kind = COMMAND_LIST_ROOMS;
  return native_read_page(arena, call, command);
}

enum err native_decode_new_room(struct arena *arena, const struct http_call *call,
                                struct command *command)
{
  struct room_change *change;
  enum err err = read_room_change(arena, call, &change);
  command->kind = COMMAND_CREATE_ROOM;
  command->room_change = change;
  if (err != ERR_OK) return err;
  if (change->id.data && identity_check_room(change->id) != ERR_OK) return ERR_MALFORMED;
  return native_read_on_behalf(arena, call, "owner", &command->user);
}

enum err native_decode_room(struct arena *arena, const struct http_call *call,
                            struct command *command)
{
  (void)arena;
  return about_room(call, COMMAND_GET_ROOM, command);
}

/* An id never changes: one in the body is as good as none. */
enum err native_decode_edit_room(struct arena *arena, const struct http_call *call,
                                 struct command *command)
{
  struct room_change *change;
  enum err err = read_room_change(arena, call, &change);
  change->id = (struct slice){NULL, 0};
  command->room_change = change;
  return err == ERR_OK ? about_room(call, COMMAND_EDIT_ROOM, command) : err;
}

enum err native_decode_delete_room(struct arena *arena, const struct http_call *call,
                                   struct command *command)
{
  (void)arena;
  return about_room(call, COMMAND_DELETE_ROOM, command);
}

int native_encode_rooms(struct arena *arena, const struct http_call *call,
                        const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  native_begin_list(out, "rooms");
  for (size_t i = 0; i < outcome->count; i++) {
    if (i) text_append_char(out, ',');
    native_append_room(out, &outcome->rooms[i]);
  }
  return native_end_list(out, outcome->cursor);
}

int native_encode_room(struct arena *arena, const struct http_call *call,
                       const struct outcome *outcome, struct text *out)
{
  (void)arena;
  if (!outcome->count) return native_error(call, ERR_NOT_FOUND, out);
  native_append_room(out, outcome->rooms);
  return HTTP_OK;
}

int native_encode_new_room(struct arena *arena, const struct http_call *call,
                           const struct outcome *outcome, struct text *out)
{
  int status = native_encode_room(arena, call, outcome, out);
  return status == HTTP_OK ? HTTP_CREATED : status;
}

/* ---- people: who they are ---- */

/* A list of people goes on by how many there were: its cursor counts them. */
static enum err read_offset(struct arena *arena, const struct http_call *call, uint64_t *offset)
{
  *offset = 0;
  return http_query_number(arena, call, "cursor", 0, HTTP_NUMBER_MAX, offset);
}

static enum err list_people(struct arena *arena, const struct http_call *call, enum role role,
                            struct command *command)
{
  command->role = role;
  enum err err = about_room(call, COMMAND_LIST_PEOPLE, command);
  if (err == ERR_OK) err = native_read_page(arena, call, command);
  return err == ERR_OK ? read_offset(arena, call, &command->offset) : err;
}

/* Where the list goes on, as a text in the arena; empty at its end. */
static struct slice next_offset(struct arena *arena, const struct http_call *call,
                                const struct outcome *outcome)
{
  uint64_t offset;
  struct slice none = {NULL, 0};
  if (read_offset(arena, call, &offset) != ERR_OK || !outcome->count) return none;
  offset += outcome->count;
  if (offset >= outcome->total) return none;
  struct text text = {0};
  text_append_number(&text, offset);
  return text_move(&text, arena);
}

static int show_people(struct arena *arena, const struct http_call *call,
                       const struct outcome *outcome, const char *name, struct text *out)
{
  native_begin_list(out, name);
  for (size_t i = 0; i < outcome->count; i++) {
    if (i) text_append_char(out, ',');
    native_append_person(out, &outcome->people[i]);
  }
  text_append_named_number(out, SLICE("],\"total\":"), outcome->total);
  text_append_named_or_null(out, SLICE(",\"cursor\":"), next_offset(arena, call, outcome));
  text_append_char(out, '}');
  return HTTP_OK;
}

/* ---- people: what is changed ---- */

/* Who is meant: the second {} of the path. */
static enum err about_person(const struct http_call *call, enum command_kind kind,
                             struct command *command)
{
  enum err err = about_room(call, kind, command);
  return err == ERR_OK ? native_path_user(call, 1, &command->user) : err;
}

static enum err set_role(const struct http_call *call, enum role role, bool adding,
                         struct command *command)
{
  command->role = role;
  command->adding = adding;
  return about_person(call, COMMAND_SET_ROLE, command);
}

static bool is_oneself(const struct http_call *call)
{
  return !call->admin && slice_equal(call->params[1], call->user.id);
}

enum err native_decode_new_member(struct arena *arena, const struct http_call *call,
                                  struct command *command)
{
  (void)arena;
  if (is_oneself(call)) return about_room(call, COMMAND_ENTER, command);
  return set_role(call, ROLE_MEMBER, true, command);
}

/* The body may say why somebody is kicked, or banned. */
enum err native_decode_end_member(struct arena *arena, const struct http_call *call,
                                  struct command *command)
{
  (void)arena;
  if (is_oneself(call)) return about_room(call, COMMAND_EXIT, command);
  enum err err = set_role(call, ROLE_MEMBER, false, command);
  return err == ERR_OK ? http_raw_text(call, "text", &command->text) : err;
}

enum err native_decode_new_invite(struct arena *arena, const struct http_call *call,
                                  struct command *command)
{
  (void)arena;
  return about_person(call, COMMAND_INVITE, command);
}

enum err native_decode_new_ban(struct arena *arena, const struct http_call *call,
                               struct command *command)
{
  (void)arena;
  enum err err = set_role(call, ROLE_BANNED, true, command);
  return err == ERR_OK ? http_raw_text(call, "text", &command->text) : err;
}

/* ---- people: what is the same of each role ---- */

#define LIST(role, names)                                                           \
  enum err native_decode_##names(struct arena *arena, const struct http_call *call, \
                                 struct command *command)                           \
  {                                                                                 \
    return list_people(arena, call, role, command);                                 \
  }                                                                                 \
  int native_encode_##names(struct arena *arena, const struct http_call *call,      \
                            const struct outcome *outcome, struct text *out)        \
  {                                                                                 \
    return show_people(arena, call, outcome, #names, out);                          \
  }

LIST(ROLE_MEMBER, members)
LIST(ROLE_ADMIN, admins)
LIST(ROLE_INVITED, invites)
LIST(ROLE_BANNED, bans)

#define CHANGE(change, role, adding)                                                 \
  enum err native_decode_##change(struct arena *arena, const struct http_call *call, \
                                  struct command *command)                           \
  {                                                                                  \
    (void)arena;                                                                     \
    return set_role(call, role, adding, command);                                    \
  }

CHANGE(new_admin, ROLE_ADMIN, true)
CHANGE(end_admin, ROLE_ADMIN, false)
CHANGE(end_invite, ROLE_INVITED, false)
CHANGE(end_ban, ROLE_BANNED, false)
CHANGE(new_owner, ROLE_OWNER, true)
