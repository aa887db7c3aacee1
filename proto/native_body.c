/* See native_body.h. */
#include "native_body.h"

#include "base/json.h"
#include "identity.h"

/* ---- reading ---- */

enum err native_read_user(struct slice id, enum err missing, struct address *user)
{
  *user = (struct address){.kind = ADDRESS_USER, .id = id};
  return identity_check(id) == ERR_OK ? ERR_OK : missing;
}

enum err native_path_user(const struct http_call *call, size_t index, struct address *user)
{
  return native_read_user(call->params[index], ERR_NOT_FOUND, user);
}

enum err native_path_room(const struct http_call *call, struct command *command)
{
  command->to = (struct address){.kind = ADDRESS_ROOM, .id = call->params[0]};
  return identity_check_room(call->params[0]) == ERR_OK ? ERR_OK : ERR_NOT_FOUND;
}

enum err native_read_on_behalf(struct arena *arena, const struct http_call *call, const char *name,
                               struct address *user)
{
  struct slice id;
  enum err err = http_string(arena, call, name, false, &id);
  if (err != ERR_OK || !id.data) return err;
  if (call->admin) return native_read_user(id, ERR_MALFORMED, user);
  return slice_equal(id, call->user.id) ? ERR_OK : ERR_FORBIDDEN;
}

enum err native_read_texts(struct arena *arena, const struct http_call *call,
                           const struct native_text *texts, size_t count, void *change)
{
  for (size_t i = 0; i < count; i++) {
    struct slice *value = (struct slice *)(void *)((char *)change + texts[i].offset);
    enum err err = http_string(arena, call, texts[i].name, false, value);
    if (err != ERR_OK) return err;
  }
  return ERR_OK;
}

enum err native_read_page(struct arena *arena, const struct http_call *call,
                          struct command *command)
{
  uint64_t limit = NATIVE_LIMIT;
  enum err err = http_query_number(arena, call, "limit", 1, NATIVE_LIMIT_MAX, &limit);
  command->count = (unsigned)limit;
  command->cursor = http_query(arena, call, "cursor");
  return err;
}

/* ---- writing ---- */

/* All but the closing brace. */
static void append_party(struct text *out, const struct party *party)
{
  text_append_named_string(out, SLICE("{\"id\":"), party->id);
  text_append_named_string(out, SLICE(",\"name\":"), party_name(party));
  text_append_named_number(out, SLICE(",\"num\":"), party->num);
  text_append_named_string(out, SLICE(",\"uuid\":"), party->uuid);
}

void native_append_person(struct text *out, const struct party *user)
{
  append_party(out, user);
  text_append_char(out, '}');
}

void native_append_user(struct text *out, const struct user_info *user)
{
  append_party(out, &user->party);
  text_append_named_flag(out, SLICE(",\"online\":"), user->online);
  text_append_named_or_null(out, SLICE(",\"nickname\":"), user->nickname);
  text_append_named_or_null(out, SLICE(",\"bio\":"), user->bio);
  text_append_named_or_null(out, SLICE(",\"avatar\":"), user->avatar);
  text_append_named_number(out, SLICE(",\"created\":"), user->created_ms);
  text_append_char(out, '}');
}

void native_append_room(struct text *out, const struct room_info *room)
{
  append_party(out, &room->party);
  text_append_named_flag(out, SLICE(",\"open\":"), room->open);
  text_append_named_flag(out, SLICE(",\"public\":"), room->is_public);
  text_append_named_string(out, SLICE(",\"keep\":"), room->logged ? SLICE("log") : SLICE("none"));
  text_append_named_or_null(out, SLICE(",\"owner\":"), room->owner.id);
  text_append_named_number(out, SLICE(",\"members\":"), room->member_count);
  text_append_named_or_null(out, SLICE(",\"description\":"), room->description);
  text_append_named_or_null(out, SLICE(",\"creator\":"), room->creator.id);
  text_append_named_number(out, SLICE(",\"created\":"), room->created_ms);
  text_append_char(out, '}');
}

/* A member that is raw JSON; nothing where it is empty. */
static void append_raw(struct text *out, struct slice name, struct slice raw)
{
  if (!raw.len) return;
  text_append(out, name);
  text_append_json(out, raw);
}

/* Nothing of what is kept nowhere, nor of what was just sent: its room decides. */
static struct slice keep_name(enum keep keep)
{
  if (keep == KEEP_LOG) return SLICE("\"log\"");
  return keep == KEEP_UNTIL_READ ? SLICE("\"until_read\"") : (struct slice){NULL, 0};
}

void native_append_message(struct text *out, struct arena *arena, const struct envelope *message)
{
  text_append_named_number(out, SLICE("{\"id\":"), message->id);
  text_append_named_string(out, SLICE(",\"from\":"), message->from.id);
  text_append(out, SLICE(",\"to\":"));
  address_append(out, &message->to, message->to.id);
  text_append(out, SLICE(",\"text\":"));
  text_append(out, message->text.len ? message->text : envelope_shown_text(arena, message));
  text_append_named_number(out, SLICE(",\"ts\":"), message->ts_ms);
  text_append_named_flag(out, SLICE(",\"edited\":"), message->edited_ms > 0);
  text_append_named_raw(out, SLICE(",\"reactions\":"), message->reactions, SLICE("{}"));
  if (message->edited_ms)
    text_append_named_number(out, SLICE(",\"edited_ts\":"), message->edited_ms);
  append_raw(out, SLICE(",\"thread\":"), message->thread);
  append_raw(out, SLICE(",\"attachments\":"), message->attachments);
  append_raw(out, SLICE(",\"fields\":"), message->fields);
  append_raw(out, SLICE(",\"keep\":"), keep_name(message->keep));
  text_append_char(out, '}');
}

void native_begin_list(struct text *out, const char *name)
{
  text_append_named_string(out, SLICE("{"), slice_of(name));
  text_append(out, SLICE(":["));
}

int native_end_list(struct text *out, struct slice cursor)
{
  text_append_named_or_null(out, SLICE("],\"cursor\":"), cursor);
  text_append_char(out, '}');
  return HTTP_OK;
}
