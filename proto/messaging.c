/* messaging (seed 001, protocols.md, proto/messaging.md): messages that wait until they
 * are read. A frame is an object of sections, each an array of items; an item is a
 * command, or a message.
 *
 * From the client, in the order in which they are carried out:
 *   {"enter":[{"rid":"#den"}]}                                       additive  COMMAND_ENTER
 *   {"send":[{"id":11,"rid":31,"sid":21,"text":"hello"}]}                      COMMAND_SEND
 *   {"read":[{"id":11},{"id":12,"sid":21}]}                                    COMMAND_READ
 *   {"exit":[{"rid":"#den"}]}                                        additive  COMMAND_EXIT
 *   an item that cannot be read                                                COMMAND_REFUSED
 *
 * To the client:
 *   message.sent, notice  {"messages":[{"id":11,"rid":31,"sid":21,"text":"hello"}]}
 *   a send's outcome      {"sent":[{"id":11,"rid":31}]}                        additive
 *   any failure           {"errors":[{"section":"send","id":11,"code":"forbidden",
 *                          "message":"not allowed"}]}                          additive
 *
 * Ids keep their JSON type, and all fields their bytes: they are spliced, never rebuilt. */
#include "protocol.h"

/* The sections that a client sends, as the tag of their commands. */
enum section {
  SECTION_NONE,
  SECTION_ENTER,
  SECTION_SEND,
  SECTION_READ,
  SECTION_EXIT,
  SECTION_COUNT
};

static const struct slice section_names[SECTION_COUNT] = {
    [SECTION_ENTER] = {"enter", 5},
    [SECTION_SEND] = {"send", 4},
    [SECTION_READ] = {"read", 4},
    [SECTION_EXIT] = {"exit", 4},
};

/* The members of an item that have a meaning here, raw. */
struct item {
  struct slice id, rid, sid, text, attachments;
};

static const struct slice nothing = {NULL, 0};

/* ---- decode ---- */

/* What an id stands for: a string's content, a number's digits. */
static struct slice id_text(struct arena *arena, struct slice raw)
{
  return json_is_string(raw) ? json_string(arena, raw) : raw;
}

/* The member of `item` that this key and value are; NULL for one of the sender's own
 * fields. A text or attachments of another type than the shared one are the sender's. */
static struct slice *item_member(struct item *item, struct slice key, struct slice value)
{
  if (json_key_is(key, SLICE("id"))) return &item->id;
  if (json_key_is(key, SLICE("rid"))) return &item->rid;
  if (json_key_is(key, SLICE("sid"))) return &item->sid;
  if (json_key_is(key, SLICE("text")) && json_is_string(value)) return &item->text;
  if (json_key_is(key, SLICE("attachments")) && json_is_array(value)) return &item->attachments;
  return NULL;
}

/* Reads an item, and gathers the sender's own fields into an object in the arena, each
 * to the byte; `fields` is empty where there are none. */
static struct item read_item(struct arena *arena, struct slice raw, struct slice *fields)
{
  struct item item = {0};
  char *gathered = NULL;
  size_t len = 0;
  struct json_walk walk = json_walk(raw);
  struct slice key, value;
  while (json_walk_next(&walk, &key, &value)) {
    struct slice *target = item_member(&item, key, value);
    if (target) {
      *target = value;
      continue;
    }
    /* What is gathered is never longer than where it comes from. */
    if (!gathered) gathered = arena_alloc(arena, raw.len);
    gathered[len] = len ? ',' : '{';
    memcpy(gathered + len + 1, key.data, key.len);
    len += 1 + key.len;
    gathered[len] = ':';
    memcpy(gathered + len + 1, value.data, value.len);
    len += 1 + value.len;
  }
  if (gathered) gathered[len++] = '}';
  *fields = (struct slice){gathered, len};
  return item;
}

static void refuse(struct decoding *decoding, enum section section, enum err err, struct slice id)
{
  decoding_refuse(decoding, err, json_is_id(id) ? id : nothing)->tag = section;
}

/* Why an item cannot be sent; ERR_OK where it can. */
static enum err check_send(const struct session_view *session, struct arena *arena,
                           const struct item *item, struct address *to)
{
  if (!json_is_id(item->id) || !json_is_id(item->rid) || !json_is_id(item->sid))
    return ERR_MALFORMED;
  if (!slice_equal(id_text(arena, item->sid), session->user.id)) return ERR_FORBIDDEN;
  return address_parse(id_text(arena, item->rid), to);
}

static void decode_send(const struct session_view *session, struct slice raw,
                        struct decoding *decoding)
{
  struct slice fields;
  struct item item = read_item(decoding->arena, raw, &fields);
  struct address to;
  enum err err = check_send(session, decoding->arena, &item, &to);
  if (err != ERR_OK) {
    refuse(decoding, SECTION_SEND, err, item.id);
    return;
  }
  struct command *send = decoding_add(decoding, COMMAND_SEND);
  send->tag = SECTION_SEND;
  send->client_id = item.id;
  send->wire_from = item.sid;
  send->wire_to = item.rid;
  send->to = to;
  send->text = item.text;
  send->attachments = item.attachments;
  send->fields = fields;
}

static void decode_read(const struct session_view *session, struct slice raw,
                        struct decoding *decoding)
{
  (void)session;
  struct slice id = json_member(raw, SLICE("id")), sid = json_member(raw, SLICE("sid"));
  if (!json_is_id(id) || (sid.len > 0 && !json_is_id(sid))) {
    refuse(decoding, SECTION_READ, ERR_MALFORMED, id);
    return;
  }
  struct command *read = decoding_add(decoding, COMMAND_READ);
  read->tag = SECTION_READ;
  read->client_id = id;
  read->match_sid = sid;
}

/* An item of `enter` or `exit` has no id of its own: its room tells which one it was. */
static void decode_membership(enum section section, enum command_kind kind, struct slice raw,
                              struct decoding *decoding)
{
  struct slice rid = json_member(raw, SLICE("rid"));
  struct address to;
  enum err err = address_read_room(decoding->arena, rid, &to);
  if (err != ERR_OK) {
    refuse(decoding, section, err, rid);
    return;
  }
  struct command *command = decoding_add(decoding, kind);
  command->tag = section;
  command->client_id = rid;
  command->wire_to = rid;
  command->to = to;
}

static void decode_enter(const struct session_view *session, struct slice raw,
                         struct decoding *decoding)
{
  (void)session;
  decode_membership(SECTION_ENTER, COMMAND_ENTER, raw, decoding);
}

static void decode_exit(const struct session_view *session, struct slice raw,
                        struct decoding *decoding)
{
  (void)session;
  decode_membership(SECTION_EXIT, COMMAND_EXIT, raw, decoding);
}

typedef void decode_item_fn(const struct session_view *session, struct slice raw,
                            struct decoding *decoding);

static decode_item_fn *const decode_items[SECTION_COUNT] = {
    [SECTION_ENTER] = decode_enter,
    [SECTION_SEND] = decode_send,
    [SECTION_READ] = decode_read,
    [SECTION_EXIT] = decode_exit,
};

static void decode_section(const struct session_view *session, enum section section,
                           struct slice raw, struct decoding *decoding)
{
  if (!json_is_array(raw)) {
    refuse(decoding, section, ERR_MALFORMED, nothing);
    return;
  }
  struct json_walk walk = json_walk(raw);
  struct slice key, item;
  while (json_walk_next(&walk, &key, &item)) {
    if (json_is_object(item)) {
      decode_items[section](session, item, decoding);
    } else {
      refuse(decoding, section, ERR_MALFORMED, nothing);
    }
  }
}

static void decode(const struct session_view *session, struct slice frame,
                   struct decoding *decoding)
{
  /* The order of the frame's members means nothing; the order of the enum is kept. */
  struct slice sections[SECTION_COUNT];
  json_members(frame, section_names, SECTION_COUNT, sections);
  for (enum section section = SECTION_ENTER; section < SECTION_COUNT; section++) {
    if (sections[section].len) decode_section(session, section, sections[section], decoding);
  }
}

/* ---- encode ---- */

/* Did the message come in by this protocol, so that its ids are to be shown as sent? */
static bool is_ours(const struct envelope *event)
{
  return slice_is(event->origin.protocol, protocol_messaging.name);
}

static void append_rid(const struct envelope *event, struct slice reader, struct text *out)
{
  if (is_ours(event) && event->origin.to.len) {
    text_append(out, event->origin.to);
  } else {
    address_append(out, &event->to, reader.len ? reader : event->to.id);
  }
}

static void shown_as(struct arena *arena, const struct envelope *event, struct slice reader,
                     struct slice *id, struct slice *sender)
{
  struct text text = {0};
  (void)reader;
  *id = is_ours(event) ? event->origin.client_id : nothing;
  *sender = is_ours(event) ? event->origin.from : nothing;
  if (!id->len) {
    text_append_number(&text, event->id);
    *id = text_move(&text, arena);
  }
  if (!sender->len) {
    text_append_json_string(&text, event->from.id);
    *sender = text_move(&text, arena);
  }
}

static void append_ids(struct arena *arena, const struct envelope *event, struct slice reader,
                       struct text *out)
{
  struct slice id, sender;
  shown_as(arena, event, reader, &id, &sender);
  text_append(out, SLICE("{\"id\":"));
  text_append(out, id);
  text_append(out, SLICE(",\"rid\":"));
  append_rid(event, reader, out);
  text_append(out, SLICE(",\"sid\":"));
  text_append(out, sender);
}

/* The sender's own fields. Those that came in by another protocol or by REST may have
 * names that mean something here; nobody is to speak with another's sid. */
static void append_fields(const struct envelope *event, struct text *out)
{
  struct json_walk walk = json_walk(event->fields);
  struct slice key, value;
  while (json_walk_next(&walk, &key, &value)) {
    if (json_key_is(key, SLICE("id")) || json_key_is(key, SLICE("rid")) ||
        json_key_is(key, SLICE("sid"))) {
      continue;
    }
    if (event->text.len && json_key_is(key, SLICE("text"))) continue;
    if (event->attachments.len && json_key_is(key, SLICE("attachments"))) continue;
    text_append_char(out, ',');
    text_append(out, key);
    text_append_char(out, ':');
    text_append(out, value);
  }
}

/* One item of a `messages` section; the gateway puts the frame around (batch). */
static bool encode(struct arena *arena, const struct envelope *event, struct slice reader,
                   struct text *out)
{
  if (event->kind != KIND_MESSAGE_SENT && event->kind != KIND_NOTICE) return false;
  append_ids(arena, event, reader, out);
  if (event->text.len) {
    text_append(out, SLICE(",\"text\":"));
    text_append(out, event->text);
  }
  if (event->attachments.len) {
    text_append(out, SLICE(",\"attachments\":"));
    text_append(out, event->attachments);
  }
  append_fields(event, out);
  text_append_char(out, '}');
  return true;
}

/* ---- reply ---- */

static void reply_error(const struct command *command, enum err err, struct text *out)
{
  enum section section = command->tag < SECTION_COUNT ? command->tag : SECTION_NONE;
  text_append_named_or_null(out, SLICE("{\"errors\":[{\"section\":"), section_names[section]);
  text_append_named_raw(out, SLICE(",\"id\":"), command->client_id, SLICE("null"));
  text_append_named_string(out, SLICE(",\"code\":"), err_code(err));
  text_append_named_string(out, SLICE(",\"message\":"), err_text(err));
  text_append(out, SLICE("}]}"));
}

static void reply(const struct session_view *session, const struct command *command,
                  const struct outcome *outcome, struct text *out)
{
  (void)session;
  enum err err = command_err(command, outcome);
  if (err != ERR_OK) {
    reply_error(command, err, out);
    return;
  }
  if (command->kind != COMMAND_SEND) return; /* the seed answers nothing */
  text_append(out, SLICE("{\"sent\":[{\"id\":"));
  text_append(out, command->client_id);
  text_append(out, SLICE(",\"rid\":"));
  text_append(out, command->wire_to);
  text_append(out, SLICE("}]}"));
}

/* ---- identify ---- */

static enum err identify(struct arena *arena, const struct request *request, struct claim *claim)
{
  *claim = (struct claim){0};
  if (request_parameter(arena, request, "device_id", &claim->device) && claim->device.len) {
    enum err err = identity_check_room(claim->device); /* the form of an id, nothing reserved */
    if (err != ERR_OK) return err;
  }
  enum err err = claim_complete(arena, request, "client_id", claim);
  /* The seed's example of a wrong one. */
  return err == ERR_OK && slice_is(claim->user, "0") ? ERR_UNAUTHORIZED : err;
}

/* The second one is the seed's own example. */
static const char *const paths[] = {"/messaging", "/messaing", NULL};

const struct protocol protocol_messaging = {
    .name = "messaging",
    .paths = paths,
    .hears = HEARS_MEMBERSHIPS,
    .own = OWN_NONE,
    .exclusive = EXCLUSIVE_REPLACE,
    .exclusive_error = ERR_REPLACED,
    .acknowledges = true,
    .direct_keep = KEEP_UNTIL_READ,
    .room_keep = KEEP_LOG,
    .batch =
        {
            .open = {"{\"messages\":[", 13},
            .separator = {",", 1},
            .close = {"]}", 2},
            .max_items = 100,
            .max_bytes = 65536, /* of the whole frame */
        },
    .identify = identify,
    .decode = decode,
    .encode = encode,
    .reply = reply,
    .shown_as = shown_as,
};
