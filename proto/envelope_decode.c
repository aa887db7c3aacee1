/* Reading envelopes, in one pass: the line is checked to be strict JSON while it is taken
 * apart (json_scan); every object has a table of its members. Strings become slices of the
 * line, or of the arena where they hold escapes; what peers chose stays raw.
 *
 * A line comes from Redis, where anybody may publish: each value's type is looked at,
 * and what does not fit makes the whole line malformed. Members that this version does
 * not know are passed over. */
#include "envelope.h"

#include <stddef.h>

#include "base/json.h"
#include "base/json_scan.h"

/* The fields of a peer's frame may stand a few levels deeper here than they stood there. */
enum { ENVELOPE_MAX_DEPTH = JSON_MAX_DEPTH + 8 };

struct reading {
  struct arena *arena;
  struct json_scan scan;
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

/* Reads the value that the scan stands at, to `target`; false where it has the wrong type
 * or is broken. */
typedef bool read_fn(struct reading *reading, void *target);

/* One member of an object: its name with the quotes, how its value is read, where in the
 * struct it goes, and what is then there of what no envelope lacks. */
struct member {
  struct slice quoted_name;
  read_fn *read;
  size_t offset;
  unsigned seen;
};

#define NAME(literal)                                  \
  {                                                    \
    ("\"" literal "\""), sizeof("\"" literal "\"") - 1 \
  }

/* The members of an object, in the order in which envelope.c writes them. */
struct members {
  const struct member *rows;
  size_t count;
};

#define MEMBERS(table) ((struct members){(table), sizeof(table) / sizeof((table)[0])})

static const struct member *find_escaped(struct members members, struct slice key)
{
  for (size_t i = 0; i < members.count; i++) {
    struct slice name = slice_skip(members.rows[i].quoted_name, 1);
    name.len--;
    if (json_key_is(key, name)) return &members.rows[i];
  }
  return NULL;
}

/* The row of that name, NULL where it is unknown. `next` is where the last one was found:
 * in a line of our own the one wanted stands close behind. */
static const struct member *find(struct members members, struct slice key, size_t *next)
{
  for (size_t tried = 0; tried < members.count; tried++) {
    const struct member *row = &members.rows[*next];
    *next = *next + 1 < members.count ? *next + 1 : 0;
    if (slice_equal(row->quoted_name, key)) return row;
  }
  return memchr(key.data, '\\', key.len) ? find_escaped(members, key) : NULL;
}

/* Reads an object; `base` is the struct that the members' offsets count from. */
static bool read_members(struct reading *reading, void *base, struct members members)
{
  if (!json_scan_open(&reading->scan, '{')) return false;
  struct slice key, ignored;
  size_t next = 0;
  while (json_scan_member(&reading->scan, &key)) {
    const struct member *row = find(members, key, &next);
    bool good = row ? row->read(reading, (char *)base + row->offset)
                    : json_scan_value(&reading->scan, &ignored);
    if (!good) return false;
    if (row) reading->seen |= row->seen;
  }
  return !reading->scan.broken;
}

/* ---- values ---- */

static struct slice take_raw(struct reading *reading)
{
  struct slice raw = {NULL, 0};
  json_scan_value(&reading->scan, &raw); /* empty where it is broken: of no type at all */
  return raw;
}

static bool keep(bool fits, struct slice raw, void *target)
{
  if (fits) *(struct slice *)target = raw;
  return fits;
}

static bool read_raw_string(struct reading *reading, void *target)
{
  struct slice raw = take_raw(reading);
  return keep(json_is_string(raw), raw, target);
}

static bool read_raw_number(struct reading *reading, void *target)
{
  struct slice raw = take_raw(reading);
  return keep(json_is_number(raw), raw, target);
}

static bool read_raw_array(struct reading *reading, void *target)
{
  struct slice raw = take_raw(reading);
  return keep(json_is_array(raw), raw, target);
}

static bool read_raw_object(struct reading *reading, void *target)
{
  struct slice raw = take_raw(reading);
  return keep(json_is_object(raw), raw, target);
}

/* An id as a peer's frame had it. */
static bool read_raw_id(struct reading *reading, void *target)
{
  struct slice raw = take_raw(reading);
  return keep(json_is_string(raw) || json_is_number(raw), raw, target);
}

static bool read_number(struct reading *reading, void *target)
{
  struct slice raw = take_raw(reading);
  return json_is_number(raw) && json_whole_number(raw, target);
}

static bool read_bool(struct reading *reading, void *target)
{
  struct slice raw = take_raw(reading);
  *(bool *)target = slice_equal(raw, SLICE("true"));
  return *(bool *)target || slice_equal(raw, SLICE("false"));
}

static bool read_plain(struct reading *reading, void *target)
{
  struct slice raw = take_raw(reading);
  return keep(json_is_string(raw), json_string(reading->arena, raw), target);
}

static bool read_version(struct reading *reading, void *target)
{
  (void)target;
  return slice_equal(take_raw(reading), SLICE("1"));
}

/* ---- names ---- */

static bool read_kind(struct reading *reading, void *target)
{
  struct slice name;
  if (!read_plain(reading, &name)) return false;
  for (enum envelope_kind kind = 0; kind < KIND_COUNT; kind++) {
    if (!slice_equal(name, envelope_kind_name(kind))) continue;
    *(enum envelope_kind *)target = kind;
    return true;
  }
  return false;
}

static bool read_keep(struct reading *reading, void *target)
{
  static const char *const names[] = {
      [KEEP_NEVER] = "never",
      [KEEP_UNTIL_READ] = "until_read",
      [KEEP_LOG] = "log",
  };
  struct slice name;
  if (!read_plain(reading, &name)) return false;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (!slice_is(name, names[i])) continue;
    *(enum keep *)target = (enum keep)i;
    return true;
  }
  return false;
}

static bool read_recipient_kind(struct reading *reading, void *target)
{
  static const struct {
    const char *name;
    enum party_kind kind;
  } kinds[] = {{"user", PARTY_USER}, {"room", PARTY_ROOM}, {"all", PARTY_ALL}};
  struct slice name;
  if (!read_plain(reading, &name)) return false;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (!slice_is(name, kinds[i].name)) continue;
    *(enum party_kind *)target = kinds[i].kind;
    return true;
  }
  return false;
}

/* ---- parties ---- */

#define PROJECTIONS                                                \
  {NAME("id"), read_plain, offsetof(struct party, id), 0},         \
      {NAME("num"), read_number, offsetof(struct party, num), 0},  \
      {NAME("uuid"), read_plain, offsetof(struct party, uuid), 0}, \
  {                                                                \
    NAME("name"), read_plain, offsetof(struct party, name), 0      \
  }

static bool read_party(struct reading *reading, enum party_kind kind, struct party *party)
{
  static const struct member members[] = {PROJECTIONS};
  *party = (struct party){.kind = kind};
  return read_members(reading, party, MEMBERS(members)) && party->id.len > 0;
}

static bool read_user(struct reading *reading, void *target)
{
  return read_party(reading, PARTY_USER, target);
}

static bool read_dialog(struct reading *reading, void *target)
{
  return read_party(reading, PARTY_DIALOG, target);
}

/* Only a recipient says of what kind it is. */
static bool read_recipient(struct reading *reading, void *target)
{
  static const struct member members[] = {
      {NAME("kind"), read_recipient_kind, offsetof(struct party, kind), 0},
      PROJECTIONS,
  };
  struct party *party = target;
  *party = (struct party){.kind = PARTY_NONE};
  if (!read_members(reading, party, MEMBERS(members))) return false;
  return party->kind == PARTY_ALL || (party->kind != PARTY_NONE && party->id.len > 0);
}

/* ---- origin, body, the whole ---- */

static bool read_origin(struct reading *reading, void *target)
{
  static const struct member members[] = {
      {NAME("protocol"), read_plain, offsetof(struct envelope, origin.protocol), 0},
      {NAME("node"), read_plain, offsetof(struct envelope, origin.node), 0},
      {NAME("session"), read_plain, offsetof(struct envelope, origin.session), 0},
      {NAME("client_id"), read_raw_id, offsetof(struct envelope, origin.client_id), 0},
      {NAME("from"), read_raw_id, offsetof(struct envelope, origin.from), 0},
      {NAME("to"), read_raw_id, offsetof(struct envelope, origin.to), 0},
  };
  return read_members(reading, target, MEMBERS(members));
}

static bool read_body(struct reading *reading, void *target)
{
  static const struct member members[] = {
      {NAME("text"), read_raw_string, offsetof(struct envelope, text), 0},
      {NAME("thread"), read_raw_number, offsetof(struct envelope, thread), 0},
      {NAME("attachments"), read_raw_array, offsetof(struct envelope, attachments), 0},
      {NAME("fields"), read_raw_object, offsetof(struct envelope, fields), 0},
      {NAME("reactions"), read_raw_object, offsetof(struct envelope, reactions), 0},
      {NAME("message"), read_number, offsetof(struct envelope, message_id), 0},
      {NAME("user"), read_user, offsetof(struct envelope, user), 0},
      {NAME("permanent"), read_bool, offsetof(struct envelope, permanent), 0},
      {NAME("edited"), read_number, offsetof(struct envelope, edited_ms), 0},
      {NAME("session"), read_plain, offsetof(struct envelope, session), 0},
      {NAME("credential"), read_plain, offsetof(struct envelope, credential), 0},
  };
  return read_members(reading, target, MEMBERS(members));
}

static bool read_envelope(struct reading *reading)
{
  static const struct member members[] = {
      {NAME("v"), read_version, 0, SEEN_V},
      {NAME("id"), read_number, offsetof(struct envelope, id), SEEN_ID},
      {NAME("seq"), read_number, offsetof(struct envelope, seq), SEEN_SEQ},
      {NAME("kind"), read_kind, offsetof(struct envelope, kind), SEEN_KIND},
      {NAME("ts"), read_number, offsetof(struct envelope, ts_ms), SEEN_TS},
      {NAME("from"), read_user, offsetof(struct envelope, from), 0},
      {NAME("to"), read_recipient, offsetof(struct envelope, to), 0},
      {NAME("dialog"), read_dialog, offsetof(struct envelope, dialog), 0},
      {NAME("keep"), read_keep, offsetof(struct envelope, keep), 0},
      {NAME("origin"), read_origin, 0, 0}, /* their offsets count from the envelope */
      {NAME("body"), read_body, 0, 0},
  };
  return read_members(reading, reading->envelope, MEMBERS(members)) &&
         json_scan_end(&reading->scan);
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
  struct reading reading = {
      .arena = arena,
      .scan = json_scan(line, ENVELOPE_MAX_DEPTH),
      .envelope = envelope,
  };
  if (read_envelope(&reading) && is_whole(&reading)) return ERR_OK;
  *envelope = (struct envelope){0}; /* nothing partial comes out */
  return ERR_MALFORMED;
}
