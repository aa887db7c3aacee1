/* See concord_http.h. Chats, by the channel that they are in and by their own number. */
#include "concord_body.h"
#include "concord_http.h"

enum {
  CHATS_DEFAULT = 50, /* the original's size of a page */
  CHATS_MAX = 100,
  PAGE_MAX = 1000000,
};

/* ---- decode: a channel's, and those that are looked for ---- */

static enum err read_size(struct arena *arena, const struct http_call *call,
                          struct command *command)
{
  uint64_t size = CHATS_DEFAULT;
  enum err err = http_query_number(arena, call, "size", 1, CHATS_MAX, &size);
  command->count = (unsigned)size;
  return err;
}

enum err concord_decode_latest(struct arena *arena, const struct http_call *call,
                               struct command *command)
{
  enum err err = concord_path_channel(call, COMMAND_GET_MESSAGES, command);
  return err == ERR_OK ? read_size(arena, call, command) : err;
}

/* The time is the server's, whatever `sentAt` says. */
enum err concord_decode_send(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  (void)arena;
  enum err err = concord_path_channel(call, COMMAND_SEND, command);
  if (err == ERR_OK) err = command_read_text(http_member(call, "content"), &command->text);
  if (err == ERR_OK) err = concord_read_thread(http_member(call, "threadId"), &command->thread);
  return err;
}

/* ?authorId or ?channelId. 0, the server's, cannot be looked for. */
static enum err read_address(struct arena *arena, const struct http_call *call, const char *name,
                             struct address *address)
{
  if (http_query(arena, call, name).len == 0) return ERR_OK;
  enum err err = http_query_number(arena, call, name, 0, HTTP_NUMBER_MAX, &address->num);
  if (err != ERR_OK) return err;
  address->kind = ADDRESS_NUMBER;
  return address->num ? ERR_OK : ERR_NOT_FOUND;
}

/* -1 asks for what is in no thread. */
static enum err read_search_thread(struct arena *arena, const struct http_call *call,
                                   struct search *search, struct command *command)
{
  struct slice thread = http_query(arena, call, "threadId");
  uint64_t number;
  search->no_thread = slice_is(thread, "-1");
  if (thread.len == 0 || search->no_thread) return ERR_OK;
  if (json_is_string(thread) || !json_whole_number(thread, &number)) return ERR_MALFORMED;
  command->thread = thread;
  return ERR_OK;
}

static enum err read_page(struct arena *arena, const struct http_call *call,
                          struct command *command)
{
  uint64_t page = 0;
  enum err err = http_query_number(arena, call, "page", 0, PAGE_MAX, &page);
  if (err == ERR_OK) err = read_size(arena, call, command);
  command->offset = page * command->count;
  return err;
}

static enum err read_times(struct arena *arena, const struct http_call *call, struct search *search)
{
  enum err err = http_query_number(arena, call, "before", 0, UINT64_MAX, &search->before_ms);
  if (err != ERR_OK) return err;
  return http_query_number(arena, call, "after", 0, UINT64_MAX, &search->after_ms);
}

enum err concord_decode_search(struct arena *arena, const struct http_call *call,
                               struct command *command)
{
  struct search *search = arena_zalloc(arena, sizeof *search);
  search->query = http_query(arena, call, "query");
  command->kind = COMMAND_SEARCH;
  command->search = search;
  enum err err = read_page(arena, call, command);
  if (err == ERR_OK) err = read_address(arena, call, "authorId", &command->user);
  if (err == ERR_OK) err = read_address(arena, call, "channelId", &command->to);
  if (err == ERR_OK) err = read_search_thread(arena, call, search, command);
  return err == ERR_OK ? read_times(arena, call, search) : err;
}

/* ---- decode: one chat ---- */

static enum err path_chat(const struct http_call *call, enum command_kind kind,
                          struct command *command)
{
  command->kind = kind;
  return http_param_number(call, 0, &command->message_id);
}

enum err concord_decode_chat(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  (void)arena;
  return path_chat(call, COMMAND_GET_MESSAGE, command);
}

enum err concord_decode_edit(struct arena *arena, const struct http_call *call,
                             struct command *command)
{
  (void)arena;
  enum err err = path_chat(call, COMMAND_EDIT, command);
  return err == ERR_OK ? command_read_text(http_member(call, "content"), &command->text) : err;
}

enum err concord_decode_delete(struct arena *arena, const struct http_call *call,
                               struct command *command)
{
  (void)arena;
  return path_chat(call, COMMAND_DELETE, command);
}

enum err concord_decode_reactions(struct arena *arena, const struct http_call *call,
                                  struct command *command)
{
  (void)arena;
  return path_chat(call, COMMAND_GET_REACTIONS, command);
}

enum err concord_decode_react(struct arena *arena, const struct http_call *call,
                              struct command *command)
{
  enum err err = path_chat(call, COMMAND_REACT, command);
  if (err != ERR_OK) return err;
  return concord_read_reaction(arena, http_member(call, "reaction"), http_member(call, "adding"),
                               command);
}

/* ---- encode ---- */

/* What was sent is in the request, but for the id and the time. */
int concord_encode_sent(struct arena *arena, const struct http_call *call,
                        const struct outcome *outcome, struct text *out)
{
  struct envelope sent = {.id = outcome->message_id,
                          .ts_ms = outcome->ts_ms,
                          .from = call->user,
                          .to = {.kind = PARTY_ROOM}};
  struct command send = {0};
  enum err err = concord_decode_send(arena, call, &send);
  if (err != ERR_OK) return concord_http_error(call, err, out);
  sent.to.num = send.to.num;
  sent.text = send.text;
  sent.thread = send.thread;
  concord_append_chat(out, arena, &sent);
  return HTTP_OK;
}

int concord_encode_chat(struct arena *arena, const struct http_call *call,
                        const struct outcome *outcome, struct text *out)
{
  bool shown = outcome->message_count && concord_append_chat(out, arena, outcome->messages);
  return shown ? HTTP_OK : concord_http_error(call, ERR_NOT_FOUND, out);
}

/* In the order in which they come, or backwards. */
static int encode_chats(struct arena *arena, const struct outcome *outcome, bool backwards,
                        struct text *out)
{
  size_t count = outcome->message_count;
  text_append_char(out, '[');
  size_t start = out->len;
  for (size_t i = 0; i < count; i++) {
    size_t end = out->len;
    if (end > start) text_append_char(out, ',');
    const struct envelope *message = &outcome->messages[backwards ? count - 1 - i : i];
    if (!concord_append_chat(out, arena, message)) out->len = end;
  }
  text_append_char(out, ']');
  return HTTP_OK;
}

int concord_encode_latest(struct arena *arena, const struct http_call *call,
                          const struct outcome *outcome, struct text *out)
{
  (void)call;
  return encode_chats(arena, outcome, true, out);
}

int concord_encode_found(struct arena *arena, const struct http_call *call,
                         const struct outcome *outcome, struct text *out)
{
  (void)call;
  return encode_chats(arena, outcome, false, out);
}

static void append_numbers(struct text *out, const struct party *users, size_t count)
{
  text_append_char(out, '[');
  for (size_t i = 0; i < count; i++) {
    if (i) text_append_char(out, ',');
    text_append_number(out, users[i].num);
  }
  text_append_char(out, ']');
}

int concord_encode_reactions(struct arena *arena, const struct http_call *call,
                             const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append(out, SLICE("{\"reactingUsers\":{"));
  for (size_t i = 0; i < outcome->count; i++) {
    const struct reaction_info *reaction = &outcome->reactions[i];
    text_append_named_string(out, i ? SLICE(",") : SLICE(""), reaction->reaction);
    text_append_char(out, ':');
    append_numbers(out, reaction->users, reaction->count);
  }
  text_append(out, SLICE("},\"reactions\":{"));
  for (size_t i = 0; i < outcome->count; i++) {
    text_append_named_string(out, i ? SLICE(",") : SLICE(""), outcome->reactions[i].reaction);
    text_append_named_number(out, SLICE(":"), outcome->reactions[i].count);
  }
  text_append(out, SLICE("}}"));
  return HTTP_OK;
}
