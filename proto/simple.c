/* simple (seed 000, protocols.md, proto/simple.md): one room, presence, replies.
 *
 * From the client:
 *   {"type":"send_message","payload_id":"17","message":"hello"}       COMMAND_SEND, its room
 *   {"type":"send_message","payload_id":"18","message":"hi","to":"bob"}   additive: to a user
 *   anything else                                                         COMMAND_REFUSED
 *
 * To the client:
 *   message.sent, a room   {"type":"message_sent","message":"hello","timestamp":1,"username":"alice"}
 *   message.sent, a user   {"type":"message_sent","message":"hi","timestamp":1,"username":"alice",
 *                           "to":"bob"}
 *   notice                 the same with "username":null
 *   room.entered           {"type":"user_connected","timestamp":1,"username":"alice"}
 *   room.exited            {"type":"user_disconnected","timestamp":1,"username":"alice"}
 *   an outcome             {"type":"reply","payload_id":"17","error":null}
 *
 * Members stand in the order in which the original system writes them. */
#include "protocol.h"

/* The members of a client's frame. */
enum member { MEMBER_TYPE, MEMBER_PAYLOAD_ID, MEMBER_MESSAGE, MEMBER_TO, MEMBER_COUNT };

static const struct slice member_names[MEMBER_COUNT] = {
    [MEMBER_TYPE] = {"type", 4},
    [MEMBER_PAYLOAD_ID] = {"payload_id", 10},
    [MEMBER_MESSAGE] = {"message", 7},
    [MEMBER_TO] = {"to", 2},
};

/* Where the message goes: what `to` names, else the room that the connection hears. */
static enum err read_recipient(const struct session_view *session, struct arena *arena,
                               struct slice to, struct address *address)
{
  if (json_is_given(to)) return address_read(arena, to, address);
  struct slice room = session->room.len ? session->room : party_lobby.id;
  *address = (struct address){.kind = ADDRESS_ROOM, .id = room};
  return ERR_OK;
}

static void decode(const struct session_view *session, struct slice frame,
                   struct decoding *decoding)
{
  struct slice members[MEMBER_COUNT];
  json_members(frame, member_names, MEMBER_COUNT, members);
  struct slice id = members[MEMBER_PAYLOAD_ID], text = members[MEMBER_MESSAGE];
  /* The id of a frame whose type is unknown means nothing, and is not echoed. */
  if (!json_key_is(members[MEMBER_TYPE], SLICE("send_message")) || !json_is_string(id)) {
    decoding_refuse(decoding, ERR_MALFORMED, (struct slice){NULL, 0});
    return;
  }
  struct address to;
  enum err err = json_is_string(text) ? ERR_OK : ERR_MALFORMED;
  if (err == ERR_OK) err = read_recipient(session, decoding->arena, members[MEMBER_TO], &to);
  if (err != ERR_OK) {
    decoding_refuse(decoding, err, id);
    return;
  }
  struct command *send = decoding_add(decoding, COMMAND_SEND);
  send->client_id = id;
  send->to = to;
  send->text = text;
}

/* ,"timestamp":1,"username":"alice" */
static void append_when_and_who(struct text *out, const struct envelope *event)
{
  bool server = event->kind == KIND_NOTICE;
  text_append_named_number(out, SLICE(",\"timestamp\":"), event->ts_ms);
  text_append_named_or_null(out, SLICE(",\"username\":"),
                            server ? (struct slice){NULL, 0} : event->from.id);
}

static void encode_message(struct arena *arena, const struct envelope *event, struct text *out)
{
  text_append(out, SLICE("{\"type\":\"message_sent\",\"message\":"));
  text_append(out, envelope_shown_text(arena, event));
  append_when_and_who(out, event);
  if (event->to.kind == PARTY_USER) text_append_named_string(out, SLICE(",\"to\":"), event->to.id);
  text_append_char(out, '}');
}

static void encode_presence(struct slice opening, const struct envelope *event, struct text *out)
{
  text_append(out, opening);
  append_when_and_who(out, event);
  text_append_char(out, '}');
}

static bool encode(struct arena *arena, const struct envelope *event, struct slice reader,
                   struct text *out)
{
  (void)reader; /* both sides of a direct message see the same */
  switch (event->kind) {
  case KIND_MESSAGE_SENT:
  case KIND_NOTICE:
    encode_message(arena, event, out);
    return true;
  case KIND_ROOM_ENTERED:
    encode_presence(SLICE("{\"type\":\"user_connected\""), event, out);
    return true;
  case KIND_ROOM_EXITED:
    encode_presence(SLICE("{\"type\":\"user_disconnected\""), event, out);
    return true;
  default:
    return false;
  }
}

static void reply(const struct session_view *session, const struct command *command,
                  const struct outcome *outcome, struct text *out)
{
  (void)session;
  enum err err = command_err(command, outcome);
  struct slice error = err == ERR_OK ? (struct slice){NULL, 0} : err_code(err);
  text_append_named_raw(out, SLICE("{\"type\":\"reply\",\"payload_id\":"), command->client_id,
                        SLICE("null"));
  text_append_named_or_null(out, SLICE(",\"error\":"), error);
  text_append_char(out, '}');
}

/* ?room=, with or without its '#'. */
static enum err identify_room(struct arena *arena, const struct request *request,
                              struct claim *claim)
{
  struct slice room;
  if (!request_parameter(arena, request, "room", &room) || room.len == 0) return ERR_OK;
  claim->room = slice_skip(room, room.data[0] == '#');
  return identity_check_room(claim->room);
}

static enum err identify(struct arena *arena, const struct request *request, struct claim *claim)
{
  *claim = (struct claim){0};
  enum err err = identify_room(arena, request, claim);
  if (err != ERR_OK) return err;
  (void)request_basic_user(arena, request, &claim->user);
  return claim_complete(arena, request, "username", claim);
}

/* "/" is for a WebSocket that asks for nothing else (protocols.md). */
static const char *const paths[] = {"/simple", "/", NULL};

const struct protocol protocol_simple = {
    .name = "simple",
    .paths = paths,
    .hears = HEARS_ONE_ROOM,
    .own = OWN_ALL,
    .exclusive = EXCLUSIVE_REFUSE,
    .exclusive_error = ERR_FORBIDDEN,
    .tells_attendance = true,
    .direct_keep = KEEP_UNTIL_READ,
    .room_keep = KEEP_LOG,
    .identify = identify,
    .decode = decode,
    .encode = encode,
    .reply = reply,
};
