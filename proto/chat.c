/* chat (seed 002, protocols.md, proto/chat.md): requests, each answered by one response,
 * and events, which nobody answers.
 *
 * From the client {"type":"request","timestamp":1,"id":"req001","payloadType":T,"payload":P}:
 *   T new, newMessage  P {"chatId":"bob","message":"hi","attachments":[]}   COMMAND_SEND
 *   edit               {"chatId":"bob","messageId":5,"message":"hello"}     COMMAND_EDIT
 *   delete             {"chatId":"bob","messageId":5}                       COMMAND_DELETE
 *   dlvrd              {"chatId":"bob","messageId":5}        COMMAND_DELIVERED, up to it
 *   read               {"chatId":"bob","messageId":5}        COMMAND_READ, up to it
 *   getMessage         {"chatId":"bob","messageId":5}        COMMAND_GET_MESSAGE
 *   getMessages        {"chatId":"bob","count":50,"endId":5} COMMAND_GET_MESSAGES
 *   getChat            {"chatId":"bob"}                      COMMAND_GET_CHAT
 *   typing             {"chatId":"bob"}                      COMMAND_TYPING
 *   enter, exit        {"chatId":"#den"}  additive           COMMAND_ENTER, COMMAND_EXIT
 * {"type":"event","eventType":"typing","payload":{"chatId":"bob"}}   COMMAND_TYPING, unanswered
 * {"type":"ack","id":"new-5-1"}                                      nothing
 * anything else                                                      COMMAND_REFUSED
 *
 * To the client {"type":"event","timestamp":1,"id":"new-5-1","eventType":T,"payload":P}:
 *   message.sent, notice          T new  P {"chatId":"alice","userId":"alice","messageId":5,
 *                                           "message":"hi","attachments":[]}
 *   message.edited                edit     {"chatId":"alice","messageId":5,"message":"hello"}
 *   message.deleted               delete   {"chatId":"alice","messageId":5}
 *   message.delivered, read       dlvrd, read     {"chatId":"bob","messageId":5,"timestamp":1}
 *   typing                        typing          {"chatId":"alice","userId":"alice"}
 *   presence.online, offline      online, offline {"userId":"alice"}
 * an outcome  {"type":"response","timestamp":1,"id":"req001","payload":{"messageId":5,"timestamp":1}}
 * a failure   the same with {"error":"forbidden","status":403,"message":"not allowed"}
 *
 * A chatId is seen from the reader's side: in a dialog it is the other person's id. */
#include "protocol.h"

/* The tag of a command that came as an event: it is not answered, whatever becomes of it. */
enum { TAG_EVENT = 1 };

enum { COUNT_MAX = 100 };

static const struct slice nothing = {NULL, 0};

/* ---- decode ---- */

/* The members of a frame that have a meaning. */
enum frame_member {
  FRAME_TYPE,
  FRAME_ID,
  FRAME_PAYLOAD_TYPE,
  FRAME_EVENT_TYPE,
  FRAME_PAYLOAD,
  FRAME_MEMBERS
};

static const struct slice frame_names[FRAME_MEMBERS] = {
    [FRAME_TYPE] = {"type", 4},
    [FRAME_ID] = {"id", 2},
    [FRAME_PAYLOAD_TYPE] = {"payloadType", 11},
    [FRAME_EVENT_TYPE] = {"eventType", 9},
    [FRAME_PAYLOAD] = {"payload", 7},
};

/* The same of a payload. */
enum payload_member {
  PAYLOAD_CHAT_ID,
  PAYLOAD_MESSAGE,
  PAYLOAD_ATTACHMENTS,
  PAYLOAD_MESSAGE_ID,
  PAYLOAD_COUNT,
  PAYLOAD_END_ID,
  PAYLOAD_MEMBERS
};

static const struct slice payload_names[PAYLOAD_MEMBERS] = {
    [PAYLOAD_CHAT_ID] = {"chatId", 6},
    [PAYLOAD_MESSAGE] = {"message", 7},
    [PAYLOAD_ATTACHMENTS] = {"attachments", 11},
    [PAYLOAD_MESSAGE_ID] = {"messageId", 9},
    [PAYLOAD_COUNT] = {"count", 5},
    [PAYLOAD_END_ID] = {"endId", 5},
};

/* What a payload must hold besides a chatId, and what that must be. */
enum wants {
  WANTS_TEXT = 1 << 0,
  WANTS_ATTACHMENTS = 1 << 1, /* where there are any */
  WANTS_MESSAGE = 1 << 2,
  WANTS_UP_TO = 1 << 3, /* the message means all before it, too */
  WANTS_PAGE = 1 << 4,
  WANTS_ROOM = 1 << 5, /* the chat is a room */
};

struct request_type {
  struct slice name;
  enum command_kind command;
  unsigned wants;
};

static const struct request_type request_types[] = {
    {{"new", 3}, COMMAND_SEND, WANTS_TEXT | WANTS_ATTACHMENTS},
    {{"newMessage", 10}, COMMAND_SEND, WANTS_TEXT | WANTS_ATTACHMENTS},
    {{"edit", 4}, COMMAND_EDIT, WANTS_TEXT | WANTS_MESSAGE},
    {{"delete", 6}, COMMAND_DELETE, WANTS_MESSAGE},
    {{"dlvrd", 5}, COMMAND_DELIVERED, WANTS_MESSAGE | WANTS_UP_TO},
    {{"read", 4}, COMMAND_READ, WANTS_MESSAGE | WANTS_UP_TO},
    {{"getMessage", 10}, COMMAND_GET_MESSAGE, WANTS_MESSAGE},
    {{"getMessages", 11}, COMMAND_GET_MESSAGES, WANTS_PAGE},
    {{"getChat", 7}, COMMAND_GET_CHAT, 0},
    {{"typing", 6}, COMMAND_TYPING, 0},
    {{"enter", 5}, COMMAND_ENTER, WANTS_ROOM},
    {{"exit", 4}, COMMAND_EXIT, WANTS_ROOM},
};

static const struct request_type *request_type(struct slice raw)
{
  for (size_t i = 0; i < sizeof request_types / sizeof request_types[0]; i++) {
    if (json_key_is(raw, request_types[i].name)) return &request_types[i];
  }
  return NULL;
}

static enum err read_attachments(struct slice raw, struct command *command)
{
  if (!json_is_given(raw)) return ERR_OK;
  if (!json_is_array(raw)) return ERR_MALFORMED;
  struct json_walk walk = json_walk(raw);
  struct slice key, first;
  if (json_walk_next(&walk, &key, &first)) command->attachments = raw; /* none are none */
  return ERR_OK;
}

static enum err read_page(const struct slice *members, struct command *command)
{
  uint64_t count;
  if (!json_whole_number(members[PAYLOAD_COUNT], &count)) return ERR_MALFORMED;
  if (count == 0 || count > COUNT_MAX) return ERR_MALFORMED;
  command->count = (unsigned)count;
  struct slice end = members[PAYLOAD_END_ID];
  if (!json_is_given(end)) return ERR_OK;
  command->up_to = true;
  return json_whole_number(end, &command->message_id) ? ERR_OK : ERR_MALFORMED;
}

static enum err read_chat(struct arena *arena, unsigned wants, struct slice raw,
                          struct command *command)
{
  /* Notices come from a reserved id. That is nobody's to write to; but what it wrote can be
   * read, and marked as read. */
  if ((wants & WANTS_MESSAGE) && json_key_is(raw, SLICE("server"))) {
    command->to = (struct address){.kind = ADDRESS_USER, .id = SLICE("server")};
    return ERR_OK;
  }
  if (wants & WANTS_ROOM) return address_read_room(arena, raw, &command->to);
  return address_read(arena, raw, &command->to);
}

/* Fills the command from its payload; else says why that cannot be. */
static enum err read_payload(struct arena *arena, const struct request_type *type, struct slice raw,
                             struct command *command)
{
  struct slice members[PAYLOAD_MEMBERS];
  unsigned wants = type->wants;
  if (!json_is_object(raw)) return ERR_MALFORMED;
  json_members(raw, payload_names, PAYLOAD_MEMBERS, members);
  *command = (struct command){.kind = type->command, .up_to = wants & WANTS_UP_TO};
  enum err err = ERR_OK;
  if (wants & WANTS_TEXT) err = command_read_text(members[PAYLOAD_MESSAGE], &command->text);
  if (!err && (wants & WANTS_ATTACHMENTS)) {
    err = read_attachments(members[PAYLOAD_ATTACHMENTS], command);
  }
  if (!err && (wants & WANTS_MESSAGE))
    err = command_read_number(members[PAYLOAD_MESSAGE_ID], &command->message_id);
  if (!err && (wants & WANTS_PAGE)) err = read_page(members, command);
  if (!err) err = read_chat(arena, wants, members[PAYLOAD_CHAT_ID], command);
  return err;
}

static struct slice usable_id(struct slice raw)
{
  return json_is_id(raw) ? raw : nothing;
}

/* A request without a usable id is carried out all the same; its response has a null one. */
static void decode_request(const struct slice *frame, struct decoding *decoding)
{
  struct slice id = usable_id(frame[FRAME_ID]);
  const struct request_type *type = request_type(frame[FRAME_PAYLOAD_TYPE]);
  if (!type) {
    bool named = json_is_string(frame[FRAME_PAYLOAD_TYPE]);
    decoding_refuse(decoding, named ? ERR_UNSUPPORTED : ERR_MALFORMED, id);
    return;
  }
  struct command command;
  enum err err = read_payload(decoding->arena, type, frame[FRAME_PAYLOAD], &command);
  if (err != ERR_OK) {
    decoding_refuse(decoding, err, id);
    return;
  }
  command.client_id = id;
  *decoding_add(decoding, type->command) = command;
}

/* Of the client's events only `typing` means anything here; the others are not for us. */
static void decode_event(const struct slice *frame, struct decoding *decoding)
{
  struct command command;
  const struct request_type *type = request_type(frame[FRAME_EVENT_TYPE]);
  if (!type || type->command != COMMAND_TYPING) return;
  if (read_payload(decoding->arena, type, frame[FRAME_PAYLOAD], &command) != ERR_OK) return;
  command.tag = TAG_EVENT;
  *decoding_add(decoding, COMMAND_TYPING) = command;
}

static void decode(const struct session_view *session, struct slice frame,
                   struct decoding *decoding)
{
  (void)session;
  struct slice members[FRAME_MEMBERS];
  json_members(frame, frame_names, FRAME_MEMBERS, members);
  if (json_key_is(members[FRAME_TYPE], SLICE("request"))) {
    decode_request(members, decoding);
  } else if (json_key_is(members[FRAME_TYPE], SLICE("event"))) {
    decode_event(members, decoding);
  } else if (!json_key_is(members[FRAME_TYPE], SLICE("ack"))) {
    decoding_refuse(decoding, ERR_MALFORMED, usable_id(members[FRAME_ID]));
  }
}

/* ---- what events and responses have in common ---- */

/* ,"message":"hi" without the URLs of attachments: they stand by themselves here. */
static void append_text(struct arena *arena, const struct envelope *event, struct text *out)
{
  struct envelope bare = *event;
  bare.attachments = nothing;
  text_append(out, SLICE(",\"message\":"));
  text_append(out, envelope_shown_text(arena, &bare));
}

static void append_attachments(const struct envelope *event, struct text *out)
{
  text_append_named_raw(out, SLICE(",\"attachments\":"), event->attachments, SLICE("[]"));
}

/* ---- encode ---- */

struct event_type {
  struct slice name;
  unsigned shows; /* enum shows */
};

/* The members of an event's payload, in this order. */
enum shows {
  SHOWS_CHAT = 1 << 0,
  SHOWS_USER = 1 << 1,
  SHOWS_MESSAGE = 1 << 2,
  SHOWS_TEXT = 1 << 3,
  SHOWS_ATTACHMENTS = 1 << 4,
  SHOWS_TIME = 1 << 5,
  SHOWS_SENT = SHOWS_CHAT | SHOWS_USER | SHOWS_MESSAGE | SHOWS_TEXT | SHOWS_ATTACHMENTS,
  SHOWS_RECEIPT = SHOWS_CHAT | SHOWS_MESSAGE | SHOWS_TIME,
};

/* What is not here cannot be said. */
static const struct event_type event_types[KIND_COUNT] = {
    [KIND_MESSAGE_SENT] = {{"new", 3}, SHOWS_SENT},
    [KIND_NOTICE] = {{"new", 3}, SHOWS_SENT},
    [KIND_MESSAGE_EDITED] = {{"edit", 4}, SHOWS_CHAT | SHOWS_MESSAGE | SHOWS_TEXT},
    [KIND_MESSAGE_DELETED] = {{"delete", 6}, SHOWS_CHAT | SHOWS_MESSAGE},
    [KIND_MESSAGE_DELIVERED] = {{"dlvrd", 5}, SHOWS_RECEIPT},
    [KIND_MESSAGE_READ] = {{"read", 4}, SHOWS_RECEIPT},
    [KIND_TYPING] = {{"typing", 6}, SHOWS_CHAT | SHOWS_USER},
    [KIND_PRESENCE_ONLINE] = {{"online", 6}, SHOWS_USER},
    [KIND_PRESENCE_OFFLINE] = {{"offline", 7}, SHOWS_USER},
};

/* The message that the event is, or is about; 0 where there is none. */
static uint64_t message_of(const struct envelope *event)
{
  return event->message_id ? event->message_id : event->id;
}

/* "#den" in a room; in a dialog the other person, as `reader` sees it. */
static void append_chat_id(const struct envelope *event, struct slice reader, struct text *out)
{
  bool own = slice_equal(reader, event->from.id);
  text_append(out, SLICE(",\"chatId\":"));
  address_append(out, &event->to, own ? event->to.id : event->from.id);
}

/* Up to the payload. The id is made of what the event is, so that one which is shown again
 * is recognized: what, about which message or by whom, when. */
static void append_head(const struct envelope *event, struct slice name, struct text *out)
{
  uint64_t about = message_of(event);
  text_append_named_number(out, SLICE("{\"type\":\"event\",\"timestamp\":"), event->ts_ms);
  text_append(out, SLICE(",\"id\":\""));
  text_append(out, name);
  text_append_named_number(out, SLICE("-"), about ? about : event->from.num);
  text_append_named_number(out, SLICE("-"), event->ts_ms);
  text_append(out, SLICE("\",\"eventType\":\""));
  text_append(out, name);
  text_append(out, SLICE("\",\"payload\":"));
}

static bool encode(struct arena *arena, const struct envelope *event, struct slice reader,
                   struct text *out)
{
  struct slice name = event_types[event->kind].name;
  unsigned shows = event_types[event->kind].shows;
  if (!name.len) return false;
  append_head(event, name, out);
  size_t payload = out->len;
  if (shows & SHOWS_CHAT) append_chat_id(event, reader, out);
  if (shows & SHOWS_USER) text_append_named_string(out, SLICE(",\"userId\":"), event->from.id);
  if (shows & SHOWS_MESSAGE)
    text_append_named_number(out, SLICE(",\"messageId\":"), message_of(event));
  if (shows & SHOWS_TEXT) append_text(arena, event, out);
  if (shows & SHOWS_ATTACHMENTS) append_attachments(event, out);
  if (shows & SHOWS_TIME) text_append_named_number(out, SLICE(",\"timestamp\":"), event->ts_ms);
  out->data[payload] = '{'; /* in place of the first comma */
  text_append(out, SLICE("}}"));
  return true;
}

/* ---- reply ---- */

/* {"error":"forbidden","status":403,"message":"not allowed"} */
static void append_error(enum err err, struct text *out)
{
  text_append_named_string(out, SLICE("{\"error\":"), err_code(err));
  text_append_named_number(out, SLICE(",\"status\":"), (uint64_t)err_http_status(err));
  text_append_named_string(out, SLICE(",\"message\":"), err_text(err));
  text_append_char(out, '}');
}

/* {"messageId":5,"timestamp":1} */
static void append_done(uint64_t message_id, const struct outcome *outcome, struct text *out)
{
  text_append_named_number(out, SLICE("{\"messageId\":"), message_id);
  text_append_named_number(out, SLICE(",\"timestamp\":"), outcome->ts_ms);
  text_append_char(out, '}');
}

/* {"messageId":5,"message":"hi","attachments":[],"sender":"alice","createdAt":1,"updatedAt":1,
 *  "read":3,"delivered":2}, the last two once they happened */
static void append_message(struct arena *arena, const struct outcome *outcome, size_t index,
                           struct text *out)
{
  const struct envelope *message = &outcome->messages[index];
  text_append_named_number(out, SLICE("{\"messageId\":"), message->id);
  append_text(arena, message, out);
  append_attachments(message, out);
  text_append_named_string(out, SLICE(",\"sender\":"), message->from.id);
  text_append_named_number(out, SLICE(",\"createdAt\":"), message->ts_ms);
  text_append_named_number(out, SLICE(",\"updatedAt\":"),
                           message->edited_ms ? message->edited_ms : message->ts_ms);
  struct receipt receipt = outcome->receipts ? outcome->receipts[index] : (struct receipt){0};
  if (receipt.read_ms) text_append_named_number(out, SLICE(",\"read\":"), receipt.read_ms);
  if (receipt.delivered_ms)
    text_append_named_number(out, SLICE(",\"delivered\":"), receipt.delivered_ms);
  text_append_char(out, '}');
}

static void append_messages(struct arena *arena, const struct outcome *outcome, struct text *out)
{
  text_append_char(out, '[');
  for (size_t i = 0; i < outcome->message_count; i++) {
    if (i > 0) text_append_char(out, ',');
    append_message(arena, outcome, i, out);
  }
  text_append_char(out, ']');
}

/* {"chatId":"bob","type":"dialog","username":"bob","lastId":5,"unreadCount":0} */
static void append_conversation(const struct conversation_info *conversation, struct text *out)
{
  const struct party *party = &conversation->party;
  text_append(out, SLICE("{\"chatId\":"));
  address_append(out, party, party->id);
  if (party->kind == PARTY_ROOM) {
    text_append_named_string(out, SLICE(",\"type\":\"group\",\"groupName\":"), party_name(party));
  } else {
    text_append_named_string(out, SLICE(",\"type\":\"dialog\",\"username\":"), party->id);
  }
  if (conversation->last_id)
    text_append_named_number(out, SLICE(",\"lastId\":"), conversation->last_id);
  text_append_named_number(out, SLICE(",\"unreadCount\":"), conversation->unread);
  text_append_char(out, '}');
}

static void append_payload(struct arena *arena, const struct command *command,
                           const struct outcome *outcome, struct text *out)
{
  switch (command->kind) {
  case COMMAND_SEND:
    append_done(outcome->message_id, outcome, out);
    break;
  case COMMAND_EDIT:
  case COMMAND_DELETE:
  case COMMAND_DELIVERED:
  case COMMAND_READ:
    append_done(command->message_id, outcome, out);
    break;
  case COMMAND_GET_MESSAGE:
    append_message(arena, outcome, 0, out);
    break;
  case COMMAND_GET_MESSAGES:
    append_messages(arena, outcome, out);
    break;
  case COMMAND_GET_CHAT:
    append_conversation(&outcome->conversation, out);
    break;
  default:
    text_append(out, SLICE("{}"));
    break;
  }
}

static void reply(const struct session_view *session, const struct command *command,
                  const struct outcome *outcome, struct text *out)
{
  if (command->tag == TAG_EVENT) return;
  enum err err = command_err(command, outcome);
  if (!err && command->kind == COMMAND_GET_MESSAGE && !outcome->message_count) err = ERR_NOT_FOUND;
  text_append_named_number(out, SLICE("{\"type\":\"response\",\"timestamp\":"), session->now_ms);
  text_append_named_raw(out, SLICE(",\"id\":"), command->client_id, SLICE("null"));
  text_append(out, SLICE(",\"payload\":"));
  if (err) {
    append_error(err, out);
  } else {
    struct arena arena = {0};
    append_payload(&arena, command, outcome, out);
    arena_free(&arena);
  }
  text_append_char(out, '}');
}

static const char *const paths[] = {"/chat", NULL};

const struct protocol protocol_chat = {
    .name = "chat",
    .paths = paths,
    .hears = HEARS_MEMBERSHIPS,
    .own = OWN_OTHERS,
    .exclusive = EXCLUSIVE_NO,
    .acknowledges = true,
    .shows_delivered = true,
    .direct_keep = KEEP_LOG,
    .room_keep = KEEP_LOG,
    .identify = request_claim,
    .decode = decode,
    .encode = encode,
    .reply = reply,
};
