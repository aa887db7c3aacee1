/* Writing envelopes. Members stand in one fixed order, so that a person with redis-cli
 * finds them where they were the last time; what is empty is left out. Values that
 * peers chose are spliced as the raw JSON that they are. */
#include "envelope.h"

#include "base/json.h"

static const struct slice kind_names[KIND_COUNT] = {
#define X(name, text) [KIND_##name] = {(text), sizeof(text) - 1},
    ENVELOPE_KINDS(X)
#undef X
};

static const struct slice keep_names[] = {
    [KEEP_NEVER] = {"never", 5},
    [KEEP_UNTIL_READ] = {"until_read", 10},
    [KEEP_LOG] = {"log", 3},
};

static const struct slice recipient_names[] = {
    [PARTY_USER] = {"user", 4},
    [PARTY_ROOM] = {"room", 4},
    [PARTY_ALL] = {"all", 3},
};

/* The UUIDs: version 5 in the URL namespace of "parley:room:lobby", and the nil one
 * (protocols.md, "who you are"). */
const struct party party_lobby = {
    .kind = PARTY_ROOM,
    .num = 1,
    .id = {"lobby", 5},
    .name = {"lobby", 5},
    .uuid = {"189d48d4-e23d-5fa1-a938-6a97095a488c", 36},
};
const struct party party_server = {
    .kind = PARTY_USER,
    .id = {"server", 6},
    .name = {"server", 6},
    .uuid = {"00000000-0000-0000-0000-000000000000", 36},
};

struct party party_copy(struct arena *arena, struct party party)
{
  party.id = arena_copy(arena, party.id);
  party.uuid = arena_copy(arena, party.uuid);
  party.name = arena_copy(arena, party.name);
  return party;
}

const struct party *envelope_place(const struct envelope *envelope)
{
  switch (envelope->to.kind) {
  case PARTY_ROOM:
    return &envelope->to;
  case PARTY_USER:
    if (envelope->kind == KIND_NOTICE) return &party_server;
    return envelope->dialog.kind == PARTY_NONE ? NULL : &envelope->dialog;
  case PARTY_ALL:
    return envelope->to.num ? &envelope->to : &party_lobby;
  default:
    return NULL;
  }
}

struct slice envelope_kind_name(enum envelope_kind kind)
{
  return kind_names[kind];
}

/* An object that is being written: members know whether a comma or the opening brace
 * goes before them, and an object without any is never opened. */
struct object {
  struct text *out;
  bool open;
};

static struct text *member(struct object *object, struct slice name)
{
  size_t before = object->out->len;
  text_append(object->out, name);
  if (!object->open) object->out->data[before] = '{';
  object->open = true;
  return object->out;
}

/* `name` as it stands in the text, behind a comma that becomes the brace of the first. */
#define MEMBER(object, name) member(object, SLICE(",\"" name "\":"))

static void object_close(struct object *object)
{
  if (object->open) text_append_char(object->out, '}');
}

static void write_projections(struct object *object, const struct party *party)
{
  text_append_json_string(MEMBER(object, "id"), party->id);
  text_append_number(MEMBER(object, "num"), party->num);
  if (party->uuid.len) text_append_json_string(MEMBER(object, "uuid"), party->uuid);
  if (party->name.len) text_append_json_string(MEMBER(object, "name"), party->name);
}

static void write_party(struct text *out, const struct party *party)
{
  struct object object = {.out = out};
  write_projections(&object, party);
  object_close(&object);
}

static void write_recipient(struct text *out, const struct party *party)
{
  struct object object = {.out = out};
  text_append_json_string(MEMBER(&object, "kind"), recipient_names[party->kind]);
  if (party->kind != PARTY_ALL) write_projections(&object, party);
  object_close(&object);
}

static bool has_origin(const struct envelope *envelope)
{
  return envelope->origin.protocol.len || envelope->origin.node.len ||
         envelope->origin.session.len || envelope->origin.client_id.len ||
         envelope->origin.from.len || envelope->origin.to.len;
}

static void write_origin(struct text *out, const struct envelope *envelope)
{
  struct object object = {.out = out};
  if (envelope->origin.protocol.len) {
    text_append_json_string(MEMBER(&object, "protocol"), envelope->origin.protocol);
  }
  if (envelope->origin.node.len) {
    text_append_json_string(MEMBER(&object, "node"), envelope->origin.node);
  }
  if (envelope->origin.session.len) {
    text_append_json_string(MEMBER(&object, "session"), envelope->origin.session);
  }
  if (envelope->origin.client_id.len) {
    text_append(MEMBER(&object, "client_id"), envelope->origin.client_id);
  }
  if (envelope->origin.from.len) text_append(MEMBER(&object, "from"), envelope->origin.from);
  if (envelope->origin.to.len) text_append(MEMBER(&object, "to"), envelope->origin.to);
  object_close(&object);
}

static bool has_body(const struct envelope *envelope)
{
  return envelope->text.len || envelope->thread.len || envelope->attachments.len ||
         envelope->fields.len || envelope->reactions.len || envelope->message_id ||
         envelope->user.kind != PARTY_NONE || envelope->permanent || envelope->edited_ms ||
         envelope->session.len || envelope->credential.len;
}

static void write_body(struct text *out, const struct envelope *envelope)
{
  struct object object = {.out = out};
  if (envelope->text.len) text_append(MEMBER(&object, "text"), envelope->text);
  if (envelope->thread.len) text_append(MEMBER(&object, "thread"), envelope->thread);
  if (envelope->attachments.len) {
    text_append_json(MEMBER(&object, "attachments"), envelope->attachments);
  }
  if (envelope->fields.len) text_append_json(MEMBER(&object, "fields"), envelope->fields);
  if (envelope->reactions.len) text_append_json(MEMBER(&object, "reactions"), envelope->reactions);
  if (envelope->message_id) text_append_number(MEMBER(&object, "message"), envelope->message_id);
  if (envelope->user.kind != PARTY_NONE) write_party(MEMBER(&object, "user"), &envelope->user);
  if (envelope->permanent) text_append(MEMBER(&object, "permanent"), SLICE("true"));
  if (envelope->edited_ms) text_append_number(MEMBER(&object, "edited"), envelope->edited_ms);
  if (envelope->session.len) text_append_json_string(MEMBER(&object, "session"), envelope->session);
  if (envelope->credential.len) {
    text_append_json_string(MEMBER(&object, "credential"), envelope->credential);
  }
  object_close(&object);
}

void envelope_write_rest(struct text *out, const struct envelope *envelope)
{
  /* The stamp opened the object. */
  text_append(out, SLICE("\"kind\":\""));
  text_append(out, kind_names[envelope->kind]);
  text_append(out, SLICE("\",\"ts\":"));
  text_append_number(out, envelope->ts_ms);
  struct object object = {.out = out, .open = true};
  if (envelope->from.kind != PARTY_NONE) write_party(MEMBER(&object, "from"), &envelope->from);
  if (envelope->to.kind != PARTY_NONE) write_recipient(MEMBER(&object, "to"), &envelope->to);
  if (envelope->dialog.kind != PARTY_NONE) {
    write_party(MEMBER(&object, "dialog"), &envelope->dialog);
  }
  if (envelope->kind == KIND_MESSAGE_SENT || envelope->kind == KIND_NOTICE) {
    text_append_json_string(MEMBER(&object, "keep"), keep_names[envelope->keep]);
  }
  if (has_origin(envelope)) write_origin(MEMBER(&object, "origin"), envelope);
  if (has_body(envelope)) write_body(MEMBER(&object, "body"), envelope);
  object_close(&object);
}

void envelope_write_stamp(struct text *out, uint64_t id, uint64_t seq)
{
  text_append(out, SLICE("{\"v\":1,\"id\":"));
  text_append_number(out, id);
  text_append(out, SLICE(",\"seq\":"));
  text_append_number(out, seq);
  text_append_char(out, ',');
}

void envelope_write(struct text *out, const struct envelope *envelope)
{
  envelope_write_stamp(out, envelope->id, envelope->seq);
  envelope_write_rest(out, envelope);
}
