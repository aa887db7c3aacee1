/* See concord_body.h. */
#include "concord_body.h"

#include "base/json.h"

/* ---- reading ---- */

enum err concord_read_thread(struct slice raw, struct slice *thread)
{
  if (!json_is_given(raw)) return ERR_OK;
  if (!json_is_number(raw)) return ERR_MALFORMED;
  *thread = raw;
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

void concord_append_place(struct text *out, const struct party *channel, struct slice thread)
{
  text_append_named_number(out, SLICE("\"channelId\":"), channel->num);
  text_append_named_raw(out, SLICE(",\"threadId\":"), thread, SLICE("null"));
}

void concord_append_reactions(struct text *out, struct slice reactions)
{
  text_append_named_raw(out, SLICE(",\"reactions\":"), reactions, SLICE("{}"));
}

bool concord_append_chat(struct text *out, struct arena *arena, const struct envelope *message)
{
  const struct party *channel = envelope_place(message);
  if (!channel) return false;
  text_append_named_number(out, SLICE("{\"id\":"), message->id);
  text_append_named_number(out, SLICE(",\"createdAt\":"), message->ts_ms);
  text_append_named_number(out, SLICE(",\"authorId\":"), message->from.num);
  text_append_char(out, ',');
  concord_append_place(out, channel, message->thread);
  text_append(out, SLICE(",\"content\":"));
  text_append(out, envelope_shown_text(arena, message));
  text_append_named_flag(out, SLICE(",\"edited\":"), message->edited_ms > 0);
  concord_append_reactions(out, message->reactions);
  text_append_char(out, '}');
  return true;
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
  text_append_named_or_null(out, SLICE(",\"description\":"), room->description);
  text_append_named_number(out, SLICE(",\"capabilities\":[],\"createdAt\":"), room->created_ms);
  text_append_named_number(out, SLICE(",\"createdByUserId\":"), room->creator.num);
  text_append(out, listed ? SLICE(",\"children\":[]}") : SLICE("}"));
}
