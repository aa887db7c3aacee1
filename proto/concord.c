/* concord (seed 003, protocols.md, proto/concord.md): channels by number, threads, typing,
 * edits, deletions, reactions. What a client sends is answered by what it causes; only a
 * failure has an answer of its own.
 *
 * From the client:
 *   {"type":"chat_written","channelId":1,"threadId":null,"sentAt":1,"content":"hi"}  COMMAND_SEND
 *   {"type":"chat_typing","channelId":1,"threadId":null,"sentAt":1}                COMMAND_TYPING
 *   {"type":"chat_reaction","chatId":65537,"reaction":"+1","adding":true}           COMMAND_REACT
 *   anything else                                                                 COMMAND_REFUSED
 *
 * To the client:
 *   message.sent, notice  {"type":"chat_sent","chat":{"id":65537,"createdAt":1,"authorId":7,
 *                          "channelId":1,"threadId":null,"content":"hi","edited":false,
 *                          "reactions":{}}}
 *   message.edited        {"type":"chat_edited","chatId":65537,"channelId":1,"threadId":null,
 *                          "content":"hi!"}
 *   message.deleted       {"type":"chat_deleted","chatId":65537,"channelId":1,"threadId":null}
 *   reaction.updated      {"type":"chat_reactions_updated","chatId":65537,"channelId":1,
 *                          "threadId":null,"reactions":{"+1":5}}
 *   typing                {"type":"chat_typing","userId":7,"channelId":1,"threadId":null,"sentAt":1}
 *   presence.*            {"type":"user_status_updated","userId":7,"status":"ONLINE"}   additive
 *   room.created          {"type":"channel_created","channel":{"id":2,"parentChannelId":null,
 *                          "ordinality":0,"name":"Den","description":null,"capabilities":[],
 *                          "createdAt":1,"createdByUserId":7}}                          additive
 *   room.deleted          {"type":"channel_deleted","channelId":2}                      additive
 *   any failure           {"type":"error","code":"forbidden","message":"not allowed"}   additive
 *
 * Members stand in the order in which the seed, or the original system, writes them. */
#include "concord_body.h"
#include "protocol.h"
#include "typed_frame.h"

/* ---- decode ---- */

/* The members of a client's frame that have a meaning. `sentAt` has none: the time is the
 * server's. */
enum member {
  MEMBER_TYPE = TYPED_FRAME_TYPE,
  MEMBER_CHANNEL_ID,
  MEMBER_THREAD_ID,
  MEMBER_CONTENT,
  MEMBER_CHAT_ID,
  MEMBER_REACTION,
  MEMBER_ADDING,
  MEMBER_COUNT
};

static const struct slice member_names[MEMBER_COUNT] = {
    [MEMBER_TYPE] = {"type", 4},          [MEMBER_CHANNEL_ID] = {"channelId", 9},
    [MEMBER_THREAD_ID] = {"threadId", 8}, [MEMBER_CONTENT] = {"content", 7},
    [MEMBER_CHAT_ID] = {"chatId", 6},     [MEMBER_REACTION] = {"reaction", 8},
    [MEMBER_ADDING] = {"adding", 6},
};

static enum err read_channel(const struct slice *members, struct address *to)
{
  to->kind = ADDRESS_NUMBER;
  return command_read_number(members[MEMBER_CHANNEL_ID], &to->num);
}

static enum err read_written(struct arena *arena, const struct slice *members, struct command *send)
{
  (void)arena;
  enum err err = command_read_text(members[MEMBER_CONTENT], &send->text);
  if (err == ERR_OK) err = concord_read_thread(members[MEMBER_THREAD_ID], &send->thread);
  return err == ERR_OK ? read_channel(members, &send->to) : err;
}

static enum err read_typing(struct arena *arena, const struct slice *members,
                            struct command *typing)
{
  (void)arena;
  enum err err = concord_read_thread(members[MEMBER_THREAD_ID], &typing->thread);
  return err == ERR_OK ? read_channel(members, &typing->to) : err;
}

static enum err read_reaction(struct arena *arena, const struct slice *members,
                              struct command *react)
{
  enum err err =
      concord_read_reaction(arena, members[MEMBER_REACTION], members[MEMBER_ADDING], react);
  return err == ERR_OK ? command_read_number(members[MEMBER_CHAT_ID], &react->message_id) : err;
}

static const struct typed_frame types[] = {
    {{"chat_written", 12}, COMMAND_SEND, read_written},
    {{"chat_typing", 11}, COMMAND_TYPING, read_typing},
    {{"chat_reaction", 13}, COMMAND_REACT, read_reaction},
};

static const struct typed_frames frames = {
    .member_names = member_names,
    .member_count = MEMBER_COUNT,
    .types = types,
    .type_count = sizeof types / sizeof types[0],
};

static void decode(const struct session_view *session, struct slice frame,
                   struct decoding *decoding)
{
  (void)session;
  typed_frame_decode(&frames, frame, decoding);
}

/* ---- encode ---- */

static bool encode_sent(struct arena *arena, const struct envelope *event, struct text *out)
{
  size_t start = out->len;
  text_append(out, SLICE("{\"type\":\"chat_sent\",\"chat\":"));
  if (!concord_append_chat(out, arena, event)) {
    out->len = start;
    return false;
  }
  text_append_char(out, '}');
  return true;
}

/* What edits, deletions and reactions begin with, from the type on:
 * {"type":"chat_deleted","chatId":65537,"channelId":1,"threadId":null */
static bool append_chat(const struct envelope *event, struct slice opening, struct text *out)
{
  const struct party *channel = envelope_place(event);
  if (!channel) return false;
  text_append_named_number(out, opening, event->message_id);
  text_append_char(out, ',');
  concord_append_place(out, channel, event->thread);
  return true;
}

static bool encode_edited(struct arena *arena, const struct envelope *event, struct text *out)
{
  if (!append_chat(event, SLICE("{\"type\":\"chat_edited\",\"chatId\":"), out)) return false;
  text_append(out, SLICE(",\"content\":"));
  text_append(out, envelope_shown_text(arena, event));
  text_append_char(out, '}');
  return true;
}

static bool encode_deleted(struct arena *arena, const struct envelope *event, struct text *out)
{
  (void)arena;
  if (!append_chat(event, SLICE("{\"type\":\"chat_deleted\",\"chatId\":"), out)) return false;
  text_append_char(out, '}');
  return true;
}

static bool encode_reactions(struct arena *arena, const struct envelope *event, struct text *out)
{
  (void)arena;
  if (!append_chat(event, SLICE("{\"type\":\"chat_reactions_updated\",\"chatId\":"), out)) {
    return false;
  }
  concord_append_reactions(out, event->reactions);
  text_append_char(out, '}');
  return true;
}

static bool encode_typing(struct arena *arena, const struct envelope *event, struct text *out)
{
  (void)arena;
  const struct party *channel = envelope_place(event);
  if (!channel) return false;
  text_append_named_number(out, SLICE("{\"type\":\"chat_typing\",\"userId\":"), event->from.num);
  text_append_char(out, ',');
  concord_append_place(out, channel, event->thread);
  text_append_named_number(out, SLICE(",\"sentAt\":"), event->ts_ms);
  text_append_char(out, '}');
  return true;
}

static bool encode_presence(struct arena *arena, const struct envelope *event, struct text *out)
{
  (void)arena;
  bool online = event->kind == KIND_PRESENCE_ONLINE;
  text_append_named_number(out, SLICE("{\"type\":\"user_status_updated\",\"userId\":"),
                           event->from.num);
  text_append(out, online ? SLICE(",\"status\":\"ONLINE\"}") : SLICE(",\"status\":\"OFFLINE\"}"));
  return true;
}

/* The text of the event is the room's description. */
static bool encode_created(struct arena *arena, const struct envelope *event, struct text *out)
{
  if (event->to.kind != PARTY_ROOM) return false;
  const struct room_info room = {.party = event->to,
                                 .creator = event->from,
                                 .description = json_string(arena, event->text),
                                 .created_ms = event->ts_ms};
  text_append(out, SLICE("{\"type\":\"channel_created\",\"channel\":"));
  concord_append_channel(out, &room, CONCORD_CHANNEL_ALONE);
  text_append_char(out, '}');
  return true;
}

static bool encode_removed(struct arena *arena, const struct envelope *event, struct text *out)
{
  (void)arena;
  if (event->to.kind != PARTY_ROOM) return false;
  text_append_named_number(out, SLICE("{\"type\":\"channel_deleted\",\"channelId\":"),
                           event->to.num);
  text_append_char(out, '}');
  return true;
}

/* What this protocol can say. */
static bool (*const encoders[KIND_COUNT])(struct arena *arena, const struct envelope *event,
                                          struct text *out) = {
    [KIND_MESSAGE_SENT] = encode_sent,          [KIND_NOTICE] = encode_sent,
    [KIND_MESSAGE_EDITED] = encode_edited,      [KIND_MESSAGE_DELETED] = encode_deleted,
    [KIND_REACTION_UPDATED] = encode_reactions, [KIND_TYPING] = encode_typing,
    [KIND_PRESENCE_ONLINE] = encode_presence,   [KIND_PRESENCE_OFFLINE] = encode_presence,
    [KIND_ROOM_CREATED] = encode_created,       [KIND_ROOM_DELETED] = encode_removed,
};

static bool encode(struct arena *arena, const struct envelope *event, struct slice reader,
                   struct text *out)
{
  (void)reader; /* a number names the same conversation to everybody */
  return encoders[event->kind] && encoders[event->kind](arena, event, out);
}

/* ---- reply ---- */

static void reply(const struct session_view *session, const struct command *command,
                  const struct outcome *outcome, struct text *out)
{
  (void)session;
  enum err err = command_err(command, outcome);
  if (err == ERR_OK) return; /* its sender is shown what it caused, as all are */
  text_append_named_string(out, SLICE("{\"type\":\"error\",\"code\":"), err_code(err));
  text_append_named_string(out, SLICE(",\"message\":"), err_text(err));
  text_append_char(out, '}');
}

/* The first one is the original system's. */
static const char *const paths[] = {"/client", "/concord", NULL};

const struct protocol protocol_concord = {
    .name = "concord",
    .paths = paths,
    .hears = HEARS_PUBLIC | HEARS_MEMBERSHIPS,
    .own = OWN_ALL,
    .exclusive = EXCLUSIVE_NO,
    .direct_keep = KEEP_LOG,
    .room_keep = KEEP_LOG,
    .http = &concord_http,
    .identify = request_claim,
    .decode = decode,
    .encode = encode,
    .reply = reply,
};
