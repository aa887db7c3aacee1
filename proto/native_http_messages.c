/* See native_http.h. What is said, in rooms and in dialogs. */
#include <stddef.h>

#include "base/json.h"
#include "native_body.h"
#include "native_http.h"

/* ---- sending ---- */

/* What a body may say of a message: raw values, which go on as they are. */
static const struct {
  const char *name;
  bool (*fits)(struct slice raw);
  bool required;
  size_t offset;
} message_members[] = {
    {"text", json_is_string, true, offsetof(struct command, text)},
    {"fields", json_is_object, false, offsetof(struct command, fields)},
    {"attachments", json_is_array, false, offsetof(struct command, attachments)},
    {"thread", json_is_number, false, offsetof(struct command, thread)},
    {"client_id", json_is_id, false, offsetof(struct command, client_id)},
};

static enum err read_message(const struct http_call *call, struct command *command)
{
  for (size_t i = 0; i < sizeof message_members / sizeof message_members[0]; i++) {
    struct slice raw = http_member(call, message_members[i].name);
    if (!message_members[i].required && !json_is_given(raw)) continue;
    if (!message_members[i].fits(raw)) return ERR_MALFORMED;
    *(struct slice *)(void *)((char *)command + message_members[i].offset) = raw;
  }
  return ERR_OK;
}

static enum err read_send(struct arena *arena, const struct http_call *call,
                          struct command *command)
{
  command->kind = COMMAND_SEND;
  enum err err = read_message(call, command);
  return err == ERR_OK ? native_read_on_behalf(arena, call, "from", &command->user) : err;
}

enum err native_decode_room_send(struct arena *arena, const struct http_call *call,
                                 struct command *command)
{
  enum err err = native_path_room(call, command);
  return err == ERR_OK ? read_send(arena, call, command) : err;
}

enum err native_decode_user_send(struct arena *arena, const struct http_call *call,
                                 struct command *command)
{
  enum err err = native_path_user(call, 0, &command->to);
  return err == ERR_OK ? read_send(arena, call, command) : err;
}

/* What was sent is in the request, but for its id and its time. */
static int show_sent(struct arena *arena, const struct http_call *call,
                     const struct outcome *outcome, enum party_kind to, struct text *out)
{
  struct command send = {0};
  enum err err = read_send(arena, call, &send);
  if (err != ERR_OK) return native_error(call, err, out);
  struct slice from = call->admin ? party_server.id : call->user.id;
  const struct envelope sent = {
      .id = outcome->message_id,
      .ts_ms = outcome->ts_ms,
      .from = {.kind = PARTY_USER, .id = send.user.id.len ? send.user.id : from},
      .to = {.kind = to, .id = call->params[0]},
      .text = send.text,
      .thread = send.thread,
      .attachments = send.attachments,
      .fields = send.fields,
  };
  native_append_message(out, arena, &sent);
  return HTTP_CREATED;
}

int native_encode_room_sent(struct arena *arena, const struct http_call *call,
                            const struct outcome *outcome, struct text *out)
{
  return show_sent(arena, call, outcome, PARTY_ROOM, out);
}

int native_encode_user_sent(struct arena *arena, const struct http_call *call,
                            const struct outcome *outcome, struct text *out)
{
  return show_sent(arena, call, outcome, PARTY_USER, out);
}

/* ---- looking back ---- */

/* A cursor is a message, too: the part goes on before it. */
static enum err read_messages(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  uint64_t limit = NATIVE_LIMIT, *before = &command->message_id;
  enum err err = http_query_number(arena, call, "limit", 1, NATIVE_LIMIT_MAX, &limit);
  if (err == ERR_OK) err = http_query_number(arena, call, "before", 0, HTTP_NUMBER_MAX, before);
  if (err == ERR_OK) err = http_query_number(arena, call, "cursor", 0, HTTP_NUMBER_MAX, before);
  command->kind = COMMAND_GET_MESSAGES;
  command->count = (unsigned)limit;
  return err;
}

enum err native_decode_room_messages(struct arena *arena, const struct http_call *call,
                                     struct command *command)
{
  enum err err = native_path_room(call, command);
  return err == ERR_OK ? read_messages(arena, call, command) : err;
}

enum err native_decode_user_messages(struct arena *arena, const struct http_call *call,
                                     struct command *command)
{
  enum err err = native_path_user(call, 0, &command->to);
  return err == ERR_OK ? read_messages(arena, call, command) : err;
}

enum err native_decode_unread(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  command->kind = COMMAND_GET_UNREAD;
  enum err err = native_path_user(call, 0, &command->user);
  return err == ERR_OK ? native_read_page(arena, call, command) : err;
}

int native_encode_messages(struct arena *arena, const struct http_call *call,
                           const struct outcome *outcome, struct text *out)
{
  (void)call;
  native_begin_list(out, "messages");
  for (size_t i = 0; i < outcome->message_count; i++) {
    if (i) text_append_char(out, ',');
    native_append_message(out, arena, &outcome->messages[i]);
  }
  return native_end_list(out, outcome->cursor);
}

/* ---- one message ---- */

static enum err about_message(const struct http_call *call, enum command_kind kind,
                              struct command *command)
{
  command->kind = kind;
  return http_param_number(call, 0, &command->message_id);
}

static enum err react(const struct http_call *call, bool adding, struct command *command)
{
  command->reaction = call->params[1];
  command->adding = adding;
  return about_message(call, COMMAND_REACT, command);
}

enum err native_decode_message(struct arena *arena, const struct http_call *call,
                               struct command *command)
{
  (void)arena;
  return about_message(call, COMMAND_GET_MESSAGE, command);
}

enum err native_decode_edit(struct arena *arena, const struct http_call *call,
                            struct command *command)
{
  (void)arena;
  enum err err = about_message(call, COMMAND_EDIT, command);
  return err == ERR_OK ? command_read_text(http_member(call, "text"), &command->text) : err;
}

enum err native_decode_delete(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  (void)arena;
  return about_message(call, COMMAND_DELETE, command);
}

enum err native_decode_react(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  (void)arena;
  return react(call, true, command);
}

enum err native_decode_unreact(struct arena *arena, const struct http_call *call,
                               struct command *command)
{
  (void)arena;
  return react(call, false, command);
}

int native_encode_message(struct arena *arena, const struct http_call *call,
                          const struct outcome *outcome, struct text *out)
{
  if (!outcome->message_count) return native_error(call, ERR_NOT_FOUND, out);
  native_append_message(out, arena, outcome->messages);
  return HTTP_OK;
}
