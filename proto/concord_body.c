/* See concord_body.h. */
#include "concord_body.h"

#include "base/json.h"

/* ---- reading ---- */

enum err concord_read_number(struct slice raw, uint64_t *number)
{
  if (!json_whole_number(raw, number)) return ERR_MALFORMED;
  return *number ? ERR_OK : ERR_NOT_FOUND;
}

enum err concord_read_thread(struct slice raw, struct slice *thread)
{
  if (raw.len == 0 || json_is_null(raw)) return ERR_OK;
  if (!json_is_number(raw)) return ERR_MALFORMED;
  *thread = raw;
  return ERR_OK;
}

enum err concord_read_content(struct slice raw, struct slice *text)
{
  if (!json_is_string(raw)) return ERR_MALFORMED;
  *text = raw;
  return ERR_OK;
}

enum err concord_read_reaction(struct arena *arena, struct slice reaction, struct slice adding,
                               struct command *react)
{
  react->adding = slice_is(adding, "true");
  if (!react->adding && !slice_is(adding, "false")) return ERR_MALFORMED;
  react->reaction = json_string(arena, reaction);
  return react->reaction.len ? ERR_OK : ERR_MALFORMED; /* also what is no string */
}

/* ---- writing ---- */

bool concord_find_channel(const struct envelope *event, uint64_t *number)
{
  switch (event->to.kind) {
  case PARTY_ROOM:
    *number = event->to.num;
    return true;
  case PARTY_USER:
    /* What the server writes to one user comes from its own channel. */
    *number = event->kind == KIND_NOTICE ? 0 : event->dialog.num;
    return event->kind == KIND_NOTICE || event->dialog.kind != PARTY_NONE;
  case PARTY_ALL:
    *number = event->to.num ? event->to.num : CONCORD_LOBBY;
    return true;
  default:
    return false;
  }
}

void concord_append_place(struct text *out, uint64_t channel, struct slice thread)
{
  text_append_named_number(out, SLICE("\"channelId\":"), channel);
  text_append(out, SLICE(",\"threadId\":"));
  text_append(out, thread.len ? thread : SLICE("null"));
}

void concord_append_reactions(struct text *out, struct slice reactions)
{
  text_append(out, SLICE(",\"reactions\":"));
  text_append(out, reactions.len ? reactions : SLICE("{}"));
}

bool concord_append_chat(struct text *out, struct arena *arena, const struct envelope *message)
{
  uint64_t channel;
  if (!concord_find_channel(message, &channel)) return false;
  text_append_named_number(out, SLICE("{\"id\":"), message->id);
  text_append_named_number(out, SLICE(",\"createdAt\":"), message->ts_ms);
  text_append_named_number(out, SLICE(",\"authorId\":"), message->from.num);
  text_append_char(out, ',');
  concord_append_place(out, channel, message->thread);
  text_append(out, SLICE(",\"content\":"));
  text_append(out, envelope_shown_text(arena, message));
  text_append(out, message->edited_ms ? SLICE(",\"edited\":true") : SLICE(",\"edited\":false"));
  concord_append_reactions(out, message->reactions);
  text_append_char(out, '}');
  return true;
}

void concord_append_or_null(struct text *out, struct slice name, struct slice value)
{
  text_append(out, name);
  if (value.len) {
    text_append_json_string(out, value);
  } else {
    text_append(out, SLICE("null"));
  }
}

/* Rooms are one flat list here: every channel is at the top, none before another, and can
 * do what every one can. */
void concord_append_channel(struct text *out, const struct room_info *room,
                            enum concord_channel shape)
{
  const struct party *party = &room->party;
  bool listed = shape == CONCORD_CHANNEL_LISTED;
  text_append_named_number(out, SLICE("{\"id\":"), party->num);
  if (!listed) text_append(out, SLICE(",\"parentChannelId\":null"));
  text_append_named_string(out, SLICE(",\"ordinality\":0,\"name\":"), party_name(party));
  concord_append_or_null(out, SLICE(",\"description\":"), room->description);
  text_append_named_number(out, SLICE(",\"capabilities\":[],\"createdAt\":"), room->created_ms);
  text_append_named_number(out, SLICE(",\"createdByUserId\":"), room->creator.num);
  text_append(out, listed ? SLICE(",\"children\":[]}") : SLICE("}"));
}
