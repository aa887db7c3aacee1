/* Reading envelopes: the line is checked to be strict JSON, then walked once; every
 * object has a table of its members. Strings become slices of the line, or of the arena
 * where they hold escapes; what peers chose stays raw.
 *
 * A line comes from Redis, where anybody may publish: each value's type is looked at,
 * and what does not fit makes the whole line malformed. Members that this version does
 * not know are passed over. */
#include "envelope.h"

#include <stddef.h>

#include "base/json.h"

/* The fields of a peer's frame may stand a few levels deeper here than they stood there. */
enum { ENVELOPE_MAX_DEPTH = JSON_MAX_DEPTH + 8 };

struct reading {
  struct arena *arena;
  struct envelope *envelope;
  unsigned seen; /* enum required */
};

/* What no envelope lacks. */
enum required {
  SEEN_V = 1 << 0,
  SEEN_ID = 1 << 1,
  SEEN_SEQ = 1 << 2,
  SEEN_KIND = 1 << 3,
  SEEN_TS = 1 << 4,
  SEEN_ALL = SEEN_V | SEEN_ID | SEEN_SEQ | SEEN_KIND | SEEN_TS,
};

/* Reads one raw value to `target`; false where it has the wrong type. */
typedef bool read_fn(struct reading *reading, struct slice raw, void *target);

/* One member of an object: how its value is read, and where in the struct it goes. */
struct member {
  struct slice name;
  read_fn *read;
  size_t offset;
};

#define NAME(literal)              \
  {                                \
    (literal), sizeof(literal) - 1 \
  }

/* Walks an object; `base` is the struct that the members' offsets count from. */
static bool read_members(struct reading *reading, struct slice raw, void *base,
                         const struct member *members, size_t count)
{
  if (!json_is_object(raw)) return false;
  struct json_walk walk = json_walk(raw);
  struct slice key, value;
  while (json_walk_next(&walk, &key, &value)) {
    for (size_t i = 0; i < count; i++) {
      if (!json_key_is(key, members[i].name)) continue;
      if (!members[i].read(reading, value, (char *)base + members[i].offset)) return false;
      break;
    }
  }
  return true;
}

/* ---- values ---- */

static bool read_number(struct reading *reading, struct slice raw, void *target)
{
  (void)reading;
  return json_is_number(raw) && json_whole_number(raw, target);
}

static bool read_plain(struct reading *reading, struct slice raw, void *target)
{
  if (!json_is_string(raw)) return false;
  *(struct slice *)target = json_string(reading->arena, raw);
  return true;
}

static bool keep_raw(bool fits, struct slice raw, void *target)
{
  if (fits) *(struct slice *)target = raw;
  return fits;
}

static bool read_raw_string(struct reading *reading, struct slice raw, void *target)
{
  (void)reading;
  return keep_raw(json_is_string(raw), raw, target);
}

static bool read_raw_number(struct reading *reading, struct slice raw, void *target)
{
  (void)reading;
  return keep_raw(json_is_number(raw), raw, target);
}

static bool read_raw_array(struct reading *reading, struct slice raw, void *target)
{
  (void)reading;
  return keep_raw(json_is_array(raw), raw, target);
}

static bool read_raw_object(struct reading *reading, struct slice raw, void *target)
{
  (void)reading;
  return keep_raw(json_is_object(raw), raw, target);
}

/* An id as a peer's frame had it. */
static bool read_raw_id(struct reading *reading, struct slice raw, void *target)
{
  (void)reading;
  return keep_raw(json_is_string(raw) || json_is_number(raw), raw, target);
}

static bool read_bool(struct reading *reading, struct slice raw, void *target)
{
  (void)reading;
  *(bool *)target = slice_is(raw, "true");
  return *(bool *)target || slice_is(raw, "false");
}

static bool read_version(struct reading *reading, struct slice raw, void *target)
{
  (void)target;
  reading->seen |= SEEN_V;
  return slice_is(raw, "1");
}

static bool read_id(struct reading *reading, struct slice raw, void *target)
{
  reading->seen |= SEEN_ID;
  return read_number(reading, raw, target);
}

static bool read_seq(struct reading *reading, struct slice raw, void *target)
{
  reading->seen |= SEEN_SEQ;
  return read_number(reading, raw, target);
}

static bool read_ts(struct reading *reading, struct slice raw, void *target)
{
  reading->seen |= SEEN_TS;
  return read_number(reading, raw, target);
}

static bool read_kind(struct reading *reading, struct slice raw, void *target)
{
  reading->seen |= SEEN_KIND;
  if (!json_is_string(raw)) return false;
  struct slice name = json_string(reading->arena, raw);
  for (enum envelope_kind kind = 0; kind < KIND_COUNT; kind++) {
    if (!slice_equal(name, envelope_kind_name(kind))) continue;
    *(enum envelope_kind *)target = kind;
    return true;
  }
  return false;
}

static bool read_keep(struct reading *reading, struct slice raw, void *target)
{
  static const char *const names[] = {
      [KEEP_NEVER] = "never",
      [KEEP_UNTIL_READ] = "until_read",
      [KEEP_LOG] = "log",
  };
  if (!json_is_string(raw)) return false;
  struct slice name = json_string(reading->arena, raw);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (!slice_is(name, names[i])) continue;
    *(enum keep *)target = (enum keep)i;
    return true;
  }
  return false;
}

/* ---- parties ---- */

static bool read_recipient_kind(struct reading *reading, struct slice raw, void *target)
{
  static const struct {
    const char *name;
    enum party_kind kind;
  } kinds[] = {{"user", PARTY_USER}, {"room", PARTY_ROOM}, {"all", PARTY_ALL}};
  if (!json_is_string(raw)) return false;
  struct slice name = json_string(reading->arena, raw);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (!slice_is(name, kinds[i].name)) continue;
    *(enum party_kind *)target = kinds[i].kind;
    return true;
  }
  return false;
}

static const struct member party_members[] = {
    {NAME("id"), read_plain, offsetof(struct party, id)},
    {NAME("num"), read_number, offsetof(struct party, num)},
    {NAME("uuid"), read_plain, offsetof(struct party, uuid)},
    {NAME("name"), read_plain, offsetof(struct party, name)},
    /* Only a recipient has a kind; elsewhere it is not looked at. */
    {NAME("kind"), read_recipient_kind, offsetof(struct party, kind)},
};

enum { PARTY_MEMBERS = 4, RECIPIENT_MEMBERS = 5 };

static bool read_party(struct reading *reading, struct slice raw, enum party_kind kind,
                       size_t members, struct party *party)
{
  *party = (struct party){.kind = kind};
  if (!read_members(reading, raw, party, party_members, members)) return false;
  if (party->kind == PARTY_ALL) return true;
  return party->kind != PARTY_NONE && party->id.len > 0;
}

static bool read_user(struct reading *reading, struct slice raw, void *target)
{
  return read_party(reading, raw, PARTY_USER, PARTY_MEMBERS, target);
}

static bool read_dialog(struct reading *reading, struct slice raw, void *target)
{
  return read_party(reading, raw, PARTY_DIALOG, PARTY_MEMBERS, target);
}

static bool read_recipient(struct reading *reading, struct slice raw, void *target)
{
  return read_party(reading, raw, PARTY_NONE, RECIPIENT_MEMBERS, target);
}

/* ---- origin, body, the whole ---- */

static bool read_origin(struct reading *reading, struct slice raw, void *target)
{
  static const struct member members[] = {
      {NAME("protocol"), read_plain, offsetof(struct envelope, origin.protocol)},
      {NAME("node"), read_plain, offsetof(struct envelope, origin.node)},
      {NAME("session"), read_plain, offsetof(struct envelope, origin.session)},
      {NAME("client_id"), read_raw_id, offsetof(struct envelope, origin.client_id)},
      {NAME("from"), read_raw_id, offsetof(struct envelope, origin.from)},
      {NAME("to"), read_raw_id, offsetof(struct envelope, origin.to)},
  };
  return read_members(reading, raw, target, members, sizeof members / sizeof members[0]);
}

static bool read_body(struct reading *reading, struct slice raw, void *target)
{
  static const struct member members[] = {
      {NAME("text"), read_raw_string, offsetof(struct envelope, text)},
      {NAME("thread"), read_raw_number, offsetof(struct envelope, thread)},
      {NAME("attachments"), read_raw_array, offsetof(struct envelope, attachments)},
      {NAME("fields"), read_raw_object, offsetof(struct envelope, fields)},
      {NAME("reactions"), read_raw_object, offsetof(struct envelope, reactions)},
      {NAME("message"), read_number, offsetof(struct envelope, message_id)},
      {NAME("user"), read_user, offsetof(struct envelope, user)},
      {NAME("permanent"), read_bool, offsetof(struct envelope, permanent)},
      {NAME("edited"), read_number, offsetof(struct envelope, edited_ms)},
      {NAME("session"), read_plain, offsetof(struct envelope, session)},
  };
  return read_members(reading, raw, target, members, sizeof members / sizeof members[0]);
}

static bool read_envelope(struct reading *reading, struct slice line)
{
  static const struct member members[] = {
      {NAME("v"), read_version, 0},
      {NAME("id"), read_id, offsetof(struct envelope, id)},
      {NAME("seq"), read_seq, offsetof(struct envelope, seq)},
      {NAME("kind"), read_kind, offsetof(struct envelope, kind)},
      {NAME("ts"), read_ts, offsetof(struct envelope, ts_ms)},
      {NAME("from"), read_user, offsetof(struct envelope, from)},
      {NAME("to"), read_recipient, offsetof(struct envelope, to)},
      {NAME("dialog"), read_dialog, offsetof(struct envelope, dialog)},
      {NAME("keep"), read_keep, offsetof(struct envelope, keep)},
      {NAME("origin"), read_origin, 0}, /* its offsets count from the envelope */
      {NAME("body"), read_body, 0},
  };
  return read_members(reading, line, reading->envelope, members,
                      sizeof members / sizeof members[0]);
}

/* A message without an author or a recipient could be shown to nobody. */
static bool is_whole(const struct reading *reading)
{
  const struct envelope *envelope = reading->envelope;
  if (reading->seen != SEEN_ALL) return false;
  if (envelope->kind != KIND_MESSAGE_SENT && envelope->kind != KIND_NOTICE) return true;
  return envelope->from.kind != PARTY_NONE && envelope->to.kind != PARTY_NONE;
}

enum err envelope_decode(struct arena *arena, struct slice line, struct envelope *envelope)
{
  *envelope = (struct envelope){0};
  if (json_check_depth(line, ENVELOPE_MAX_DEPTH) != ERR_OK) return ERR_MALFORMED;
  struct reading reading = {.arena = arena, .envelope = envelope};
  size_t brace = 0; /* json_check lets white space stand in front */
  while (line.data[brace] != '{') brace++;
  if (read_envelope(&reading, slice_skip(line, brace)) && is_whole(&reading)) return ERR_OK;
  *envelope = (struct envelope){0}; /* nothing partial comes out */
  return ERR_MALFORMED;
}
