/* pager: short texts to a user or a room, and nothing else (pager.md).
 *
 * From the client:
 *   {"type":"page","to":"bob","text":"come"}                     COMMAND_SEND
 *   anything else                                                COMMAND_REFUSED
 *
 * To the client:
 *   message.sent, notice   {"type":"page","id":65537,"from":"alice","to":"bob","text":"come"}
 *   an outcome             {"type":"paged","id":65537} or {"type":"failed","error":"not_found"}
 *
 * REST:
 *   POST /pages {to,text}  SEND          201 {"id":65537}
 *   GET  /pages/…          GET_MESSAGE   200, the page as above */
#include "protocol.h"
#include "typed_frame.h"

/* ---- frames ---- */

enum { TO = TYPED_FRAME_TYPE + 1, TEXT, MEMBER_COUNT };

static const struct slice member_names[MEMBER_COUNT] = {
    [TYPED_FRAME_TYPE] = {"type", 4},
    [TO] = {"to", 2},
    [TEXT] = {"text", 4},
};

/* The same in a frame and in a body. */
static enum err read_page(struct arena *arena, struct slice to, struct slice text,
                          struct command *send)
{
  enum err err = command_read_text(text, &send->text);
  return err == ERR_OK ? address_read(arena, to, &send->to) : err;
}

static enum err read_page_frame(struct arena *arena, const struct slice *members,
                                struct command *command)
{
  return read_page(arena, members[TO], members[TEXT], command);
}

static void decode(const struct session_view *session, struct slice frame,
                   struct decoding *decoding)
{
  (void)session;
  static const struct typed_frame types[] = {{{"page", 4}, COMMAND_SEND, read_page_frame}};
  static const struct typed_frames frames = {member_names, MEMBER_COUNT, types, 1};
  typed_frame_decode(&frames, frame, decoding);
}

static void append_page(struct arena *arena, const struct envelope *event, struct text *out)
{
  text_append_named_number(out, SLICE("{\"type\":\"page\",\"id\":"), event->id);
  text_append_named_string(out, SLICE(",\"from\":"), event->from.id);
  text_append(out, SLICE(",\"to\":"));
  address_append(out, &event->to, event->to.id);
  text_append(out, SLICE(",\"text\":"));
  text_append(out, envelope_shown_text(arena, event));
  text_append_char(out, '}');
}

static bool encode(struct arena *arena, const struct envelope *event, struct slice reader,
                   struct text *out)
{
  (void)reader; /* all see the same */
  if (event->kind != KIND_MESSAGE_SENT && event->kind != KIND_NOTICE) return false;
  append_page(arena, event, out);
  return true;
}

static void reply(const struct session_view *session, const struct command *command,
                  const struct outcome *outcome, struct text *out)
{
  (void)session;
  enum err err = command_err(command, outcome);
  if (err == ERR_OK)
    text_append_named_number(out, SLICE("{\"type\":\"paged\",\"id\":"), outcome->message_id);
  else
    text_append_named_string(out, SLICE("{\"type\":\"failed\",\"error\":"), err_code(err));
  text_append_char(out, '}');
}

/* ---- REST ---- */

static enum err decode_send(struct arena *arena, const struct http_call *call,
                            struct command *command)
{
  command->kind = COMMAND_SEND;
  return read_page(arena, http_member(call, "to"), http_member(call, "text"), command);
}

static int encode_sent(struct arena *arena, const struct http_call *call,
                       const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  text_append_named_number(out, SLICE("{\"id\":"), outcome->message_id);
  text_append_char(out, '}');
  return HTTP_CREATED;
}

static enum err decode_get(struct arena *arena, const struct http_call *call,
                           struct command *command)
{
  (void)arena;
  command->kind = COMMAND_GET_MESSAGE;
  return http_param_number(call, 0, &command->message_id);
}

static int encode_got(struct arena *arena, const struct http_call *call,
                      const struct outcome *outcome, struct text *out)
{
  (void)call;
  append_page(arena, outcome->messages, out);
  return HTTP_OK;
}

static const struct http_route routes[] = {
    {HTTP_POST, "/pages", HTTP_USER, decode_send, encode_sent},
    {HTTP_GET, "/pages/{}", HTTP_USER, decode_get, encode_got},
};

static const struct http_api http = {
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};

/* ---- the protocol ---- */

static const char *const paths[] = {"/pager", NULL};

const struct protocol protocol_pager = {
    .name = "pager",
    .paths = paths,
    .hears = HEARS_ONE_ROOM,
    .own = OWN_NONE,
    .exclusive = EXCLUSIVE_NO,
    .direct_keep = KEEP_LOG,
    .room_keep = KEEP_LOG,
    .http = &http,
    .identify = request_claim,
    .decode = decode,
    .encode = encode,
    .reply = reply,
};
