/* rooms (seed 004, protocols.md, proto/rooms.md): rooms and users by UUID, invites, kicks,
 * receipts, pings of its own. Messages are never stored. What a client sends is answered by
 * what it causes; only a ping and a failure have an answer of their own.
 *
 * From the client; "key" may stand in every one:
 *   {"type":"message","key":"…","content":"hi","room_id":"…"}                      COMMAND_SEND
 *   {"type":"read","message_id":65537}                                             COMMAND_READ
 *   {"type":"invite","key":"…","user_id":"…","room_id":"…"}                      COMMAND_INVITE
 *   {"type":"enter","key":"…","room_id":"…"}                              additive COMMAND_ENTER
 *   {"type":"exit","key":"…","room_id":"…"}                                additive COMMAND_EXIT
 *   {"type":"ping","time":17}, {"type":"pong","time":17}                           COMMAND_NONE
 *   anything else                                                               COMMAND_REFUSED
 *
 * To the client:
 *   message.sent, notice  {"type":"message","time":1700000000,"content":"hi","user_id":"…",
 *                          "message_id":65537,"room_id":"…"}
 *   message.read          {"type":"read","message_id":65537,"user_id":"…"}
 *   room.invited          {"type":"invite","user_id":"…","room_id":"…"}
 *   room.kicked           {"type":"kick","room_id":"…","message":"","permanent":false}
 *   room.entered          {"type":"enter","user_id":"…","room_id":"…"}
 *   room.exited           {"type":"exit","user_id":"…","room_id":"…"}
 *   the heartbeat         {"type":"ping","time":1700000000123}
 *   a ping's outcome      {"type":"pong","time":17}
 *   any failure           {"type":"error","error":"not_in_room","request":"message"}   additive
 *
 * Members stand in the order of the seed's tables. */
#include "protocol.h"
#include "rooms_http.h"
#include "typed_frame.h"

/* ---- decode ---- */

/* The members of a client's frame that have a meaning. */
enum member {
  MEMBER_TYPE = TYPED_FRAME_TYPE,
  MEMBER_KEY,
  MEMBER_TIME,
  MEMBER_CONTENT,
  MEMBER_ROOM_ID,
  MEMBER_USER_ID,
  MEMBER_MESSAGE_ID,
  MEMBER_COUNT
};

static const struct slice member_names[MEMBER_COUNT] = {
    [MEMBER_TYPE] = {"type", 4},
    [MEMBER_KEY] = {"key", 3},
    [MEMBER_TIME] = {"time", 4},
    [MEMBER_CONTENT] = {"content", 7},
    [MEMBER_ROOM_ID] = {"room_id", 7},
    [MEMBER_USER_ID] = {"user_id", 7},
    [MEMBER_MESSAGE_ID] = {"message_id", 10},
};

/* A key that is there must be one; whose it is, the gateway knows. */
static enum err read_key(struct arena *arena, const struct slice *members, struct slice *key)
{
  struct slice raw = members[MEMBER_KEY];
  if (!json_is_given(raw)) return ERR_OK;
  *key = json_string(arena, raw);
  return key->len ? ERR_OK : ERR_BAD_KEY; /* also what is no string */
}

/* The key and the room: all that there is to `enter` and `exit`. */
static enum err read_room(struct arena *arena, const struct slice *members, struct command *command)
{
  enum err err = read_key(arena, members, &command->key);
  return err == ERR_OK ? address_read_uuid(arena, members[MEMBER_ROOM_ID], &command->to) : err;
}

static enum err read_message(struct arena *arena, const struct slice *members, struct command *send)
{
  enum err err = command_read_text(members[MEMBER_CONTENT], &send->text);
  return err == ERR_OK ? read_room(arena, members, send) : err;
}

static enum err read_invite(struct arena *arena, const struct slice *members,
                            struct command *invite)
{
  enum err err = address_read_uuid(arena, members[MEMBER_USER_ID], &invite->user);
  return err == ERR_OK ? read_room(arena, members, invite) : err;
}

static enum err read_read(struct arena *arena, const struct slice *members, struct command *read)
{
  enum err err = command_read_number(members[MEMBER_MESSAGE_ID], &read->message_id);
  return err == ERR_OK ? read_key(arena, members, &read->key) : err;
}

/* The time is the client's to choose; it comes back as it stands. */
static enum err read_ping(struct arena *arena, const struct slice *members, struct command *ping)
{
  (void)arena;
  ping->client_id = members[MEMBER_TIME];
  return ping->client_id.len ? ERR_OK : ERR_MALFORMED;
}

/* That it came is all that matters. */
static enum err read_pong(struct arena *arena, const struct slice *members, struct command *pong)
{
  (void)arena;
  (void)members;
  (void)pong;
  return ERR_OK;
}

/* The types of a client's frames, as the tag of their commands. */
enum type {
  TYPE_NONE,
  TYPE_MESSAGE,
  TYPE_READ,
  TYPE_INVITE,
  TYPE_ENTER,
  TYPE_EXIT,
  TYPE_PING,
  TYPE_PONG,
  TYPE_COUNT
};

/* Tags count from 1. */
static const struct typed_frame types[] = {
    [TYPE_MESSAGE - 1] = {{"message", 7}, COMMAND_SEND, read_message},
    [TYPE_READ - 1] = {{"read", 4}, COMMAND_READ, read_read},
    [TYPE_INVITE - 1] = {{"invite", 6}, COMMAND_INVITE, read_invite},
    [TYPE_ENTER - 1] = {{"enter", 5}, COMMAND_ENTER, read_room},
    [TYPE_EXIT - 1] = {{"exit", 4}, COMMAND_EXIT, read_room},
    [TYPE_PING - 1] = {{"ping", 4}, COMMAND_NONE, read_ping},
    [TYPE_PONG - 1] = {{"pong", 4}, COMMAND_NONE, read_pong},
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

/* The UUID of the room that the event is in; empty where it is in none. */
static struct slice room_uuid(const struct envelope *event)
{
  const struct party *room = envelope_place(event);
  return room ? room->uuid : (struct slice){NULL, 0};
}

static bool encode_message(struct arena *arena, const struct envelope *event, struct slice reader,
                           struct text *out)
{
  (void)reader; /* a UUID names the same conversation to everybody */
  struct slice room = room_uuid(event);
  if (!room.len || !event->from.uuid.len) return false;
  text_append_named_number(out, SLICE("{\"type\":\"message\",\"time\":"), event->ts_ms / 1000);
  text_append(out, SLICE(",\"content\":"));
  text_append(out, envelope_shown_text(arena, event));
  text_append_named_string(out, SLICE(",\"user_id\":"), event->from.uuid);
  text_append_named_number(out, SLICE(",\"message_id\":"), event->id);
  text_append_named_string(out, SLICE(",\"room_id\":"), room);
  text_append_char(out, '}');
  return true;
}

/* That the reader has read it on another connection is no receipt. */
static bool encode_read(struct arena *arena, const struct envelope *event, struct slice reader,
                        struct text *out)
{
  (void)arena;
  if (!event->from.uuid.len || slice_equal(reader, event->from.id)) return false;
  text_append_named_number(out, SLICE("{\"type\":\"read\",\"message_id\":"), event->message_id);
  text_append_named_string(out, SLICE(",\"user_id\":"), event->from.uuid);
  text_append_char(out, '}');
  return true;
}

static struct slice type_name(enum type type)
{
  return types[type - 1].type;
}

/* {"type":"enter","user_id":"…","room_id":"…"} */
static void append_who_and_where(struct text *out, enum type type, struct slice user,
                                 struct slice room)
{
  text_append_named_string(out, SLICE("{\"type\":"), type_name(type));
  text_append_named_string(out, SLICE(",\"user_id\":"), user);
  text_append_named_string(out, SLICE(",\"room_id\":"), room);
  text_append_char(out, '}');
}

static bool encode_membership(struct arena *arena, const struct envelope *event,
                              struct slice reader, struct text *out)
{
  (void)arena;
  (void)reader;
  enum type type = event->kind == KIND_ROOM_ENTERED ? TYPE_ENTER : TYPE_EXIT;
  struct slice room = room_uuid(event);
  if (!room.len || !event->from.uuid.len) return false;
  append_who_and_where(out, type, event->from.uuid, room);
  return true;
}

/* Invites and kicks speak of "you": nobody else can be told of them. */
static bool is_about(const struct envelope *event, struct slice reader)
{
  return reader.len && slice_equal(event->user.id, reader);
}

static bool encode_invite(struct arena *arena, const struct envelope *event, struct slice reader,
                          struct text *out)
{
  (void)arena;
  struct slice room = room_uuid(event);
  if (!is_about(event, reader) || !room.len || !event->from.uuid.len) return false;
  append_who_and_where(out, TYPE_INVITE, event->from.uuid, room);
  return true;
}

static bool encode_kick(struct arena *arena, const struct envelope *event, struct slice reader,
                        struct text *out)
{
  (void)arena;
  struct slice room = room_uuid(event);
  if (!is_about(event, reader) || !room.len) return false;
  text_append_named_string(out, SLICE("{\"type\":\"kick\",\"room_id\":"), room);
  text_append_named_raw(out, SLICE(",\"message\":"), event->text, SLICE("\"\""));
  text_append_named_flag(out, SLICE(",\"permanent\":"), event->permanent);
  text_append_char(out, '}');
  return true;
}

/* What this protocol can say. */
static bool (*const encoders[KIND_COUNT])(struct arena *arena, const struct envelope *event,
                                          struct slice reader, struct text *out) = {
    [KIND_MESSAGE_SENT] = encode_message,   [KIND_NOTICE] = encode_message,
    [KIND_MESSAGE_READ] = encode_read,      [KIND_ROOM_INVITED] = encode_invite,
    [KIND_ROOM_KICKED] = encode_kick,       [KIND_ROOM_ENTERED] = encode_membership,
    [KIND_ROOM_EXITED] = encode_membership,
};

static bool encode(struct arena *arena, const struct envelope *event, struct slice reader,
                   struct text *out)
{
  return encoders[event->kind] && encoders[event->kind](arena, event, reader, out);
}

/* The client echoes the time; nobody looks at it. */
static void ping(uint64_t now_ms, struct text *out)
{
  text_append_named_number(out, SLICE("{\"type\":\"ping\",\"time\":"), now_ms);
  text_append_char(out, '}');
}

/* ---- reply ---- */

/* An unknown type is told as it came. */
static void reply_error(const struct command *command, enum err err, struct text *out)
{
  const struct slice request = SLICE(",\"request\":");
  text_append_named_string(out, SLICE("{\"type\":\"error\",\"error\":"), err_code(err));
  if (command->tag > TYPE_NONE && command->tag < TYPE_COUNT) {
    text_append_named_string(out, request, type_name((enum type)command->tag));
  } else {
    text_append_named_raw(out, request, command->client_id, SLICE("null"));
  }
  text_append_char(out, '}');
}

/* Who may not say something in a room is not in it, banned or not; who may not enter one is
 * not allowed to, invited or not. */
static enum err as_told(const struct command *command, enum err err)
{
  if (command->tag == TYPE_MESSAGE && err == ERR_FORBIDDEN) return ERR_NOT_IN_ROOM;
  if (command->tag == TYPE_ENTER && err == ERR_NOT_IN_ROOM) return ERR_FORBIDDEN;
  return err;
}

static void reply(const struct session_view *session, const struct command *command,
                  const struct outcome *outcome, struct text *out)
{
  enum err err = command->kind == COMMAND_REFUSED ? command->refusal : outcome->err;
  if (err != ERR_OK) {
    reply_error(command, as_told(command, err), out);
  } else if (command->tag == TYPE_PING) {
    text_append(out, SLICE("{\"type\":\"pong\",\"time\":"));
    text_append(out, command->client_id);
    text_append_char(out, '}');
  } else if (outcome->already && (command->tag == TYPE_ENTER || command->tag == TYPE_EXIT)) {
    /* It was so before, and the room is told nothing; but who asks gets its answer. */
    append_who_and_where(out, (enum type)command->tag, session->user.uuid, command->to.id);
  }
}

/* ---- identify ---- */

static enum err identify(struct arena *arena, const struct request *request, struct claim *claim)
{
  *claim = (struct claim){0};
  (void)request_parameter(arena, request, "key", &claim->token);
  return claim_complete(arena, request, "user", claim);
}

static const char *const paths[] = {"/rooms", NULL};

const struct protocol protocol_rooms = {
    .name = "rooms",
    .paths = paths,
    .hears = HEARS_MEMBERSHIPS,
    .own = OWN_ALL,
    .exclusive = EXCLUSIVE_NO,
    .tells_attendance = true,
    .direct_keep = KEEP_NEVER,
    .room_keep = KEEP_NEVER,
    .http = &rooms_http,
    .identify = identify,
    .decode = decode,
    .encode = encode,
    .ping = ping,
    .reply = reply,
};
