/* The envelope: the canonical event, one line of JSON in Redis (design.md, "The
 * envelope"; envelope.schema.json).
 *
 *   {"v":1,"id":65537,"seq":1,"kind":"message.sent","ts":1700000000123, ...}
 *    \______ stamp ______/\______________ rest ______________________________/
 *
 * The gateway writes the rest; the store allocates id and seq and splices the
 * stamp in front. Reading goes the other way: the whole line is decoded once per
 * node, into slices of that line. Codecs see `struct envelope`, never its text.
 *
 * Values that peers chose (text, fields, client ids) are kept as raw JSON, to the
 * byte, so that nothing is unescaped on one side to be escaped on the other. */
#ifndef PARLEY_PROTO_ENVELOPE_H
#define PARLEY_PROTO_ENVELOPE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/text.h"

#define ENVELOPE_KINDS(X)                   \
  X(MESSAGE_SENT, "message.sent")           \
  X(MESSAGE_EDITED, "message.edited")       \
  X(MESSAGE_DELETED, "message.deleted")     \
  X(MESSAGE_DELIVERED, "message.delivered") \
  X(MESSAGE_READ, "message.read")           \
  X(REACTION_UPDATED, "reaction.updated")   \
  X(TYPING, "typing")                       \
  X(ROOM_ENTERED, "room.entered")           \
  X(ROOM_EXITED, "room.exited")             \
  X(ROOM_INVITED, "room.invited")           \
  X(ROOM_KICKED, "room.kicked")             \
  X(ROOM_CREATED, "room.created")           \
  X(ROOM_DELETED, "room.deleted")           \
  X(ROOM_CHANGED, "room.changed")           \
  X(USER_CHANGED, "user.changed")           \
  X(PRESENCE_ONLINE, "presence.online")     \
  X(PRESENCE_OFFLINE, "presence.offline")   \
  X(NOTICE, "notice")                       \
  X(SESSION_REPLACED, "session.replaced")   \
  X(SESSION_REVOKED, "session.revoked")     \
  X(PROBE, "probe")

enum envelope_kind {
#define X(name, text) KIND_##name,
  ENVELOPE_KINDS(X)
#undef X
      KIND_COUNT
};

/* The storage class of a message (protocols.md, common rules). */
enum keep { KEEP_NEVER, KEEP_UNTIL_READ, KEEP_LOG };

enum party_kind { PARTY_NONE, PARTY_USER, PARTY_ROOM, PARTY_DIALOG, PARTY_ALL };

/* A user, a room or a dialog with every projection that a protocol shows. The
 * strings are plain UTF-8, not JSON. */
struct party {
  enum party_kind kind;
  uint64_t num;
  struct slice id, uuid, name;
};

/* What it is called; its id where it has no name. */
static inline struct slice party_name(const struct party *party)
{
  return party->name.len ? party->name : party->id;
}

struct envelope {
  uint64_t id;  /* the message's; 0 in events that are no message */
  uint64_t seq; /* in its inbox or conversation; 0 where the channel does not count it */
  enum envelope_kind kind;
  uint64_t ts_ms;
  enum keep keep;
  struct party from;
  struct party to;     /* a user, a room, or all */
  struct party dialog; /* the conversation of a direct message; PARTY_NONE elsewhere */

  struct {                                /* where it came in; any of them may be empty */
    struct slice protocol, node, session; /* plain */
    struct slice client_id; /* raw JSON, the id that the sender's client gave: 11 or "11" */
    struct slice from, to;  /* raw JSON, how the sender's frame named both: sid, rid */
  } origin;

  /* The body; what a kind does not use is empty. */
  struct slice text;        /* raw JSON string */
  struct slice thread;      /* raw JSON number */
  struct slice attachments; /* raw JSON array */
  struct slice fields;      /* raw JSON object: the sender's other fields, untouched */
  struct slice reactions;   /* raw JSON object: reaction -> count */
  uint64_t message_id;      /* the message that an edit, receipt or reaction is about */
  struct party user;        /* the user that an invite or kick is about */
  bool permanent;           /* of a kick: a ban */
  uint64_t edited_ms;       /* of a message: when it was last edited; 0: never */
  struct slice session;     /* of session.*: the session meant, plain; empty: all of the user's;
                             * of presence.*: the session that came or went */
  struct slice credential;  /* of session.revoked: the credential's id, plain; all sessions that
                             * came in with it are meant */
};

/* The room that always is (protocols.md, "conversations"), and the author of notices, whom
 * nobody can be. */
extern const struct party party_lobby, party_server;

/* A copy whose strings stand in the arena. */
struct party party_copy(struct arena *arena, struct party party);

struct slice envelope_kind_name(enum envelope_kind kind);

/* The conversation that the event is in, by which those that name one by a number or a UUID
 * name it: the room, the dialog, the lobby for what goes to all, and the server's own for what
 * it writes to one user. NULL where it is in none. */
const struct party *envelope_place(const struct envelope *envelope);

/* Appends the rest, from `"kind"` on to the closing brace: what a script puts
 * behind the stamp. id and seq are not looked at. */
void envelope_write_rest(struct text *out, const struct envelope *envelope);

/* Appends the whole line with the stamp that `envelope` holds. */
void envelope_write(struct text *out, const struct envelope *envelope);

/* Appends the stamp, `{"v":1,"id":…,"seq":…,`, as the scripts do. */
void envelope_write_stamp(struct text *out, uint64_t id, uint64_t seq);

/* Fills `envelope` with slices of `line` (escaped strings go into the arena).
 * ERR_MALFORMED for what is no envelope of version 1; never trusts the line. */
MUST_CHECK enum err envelope_decode(struct arena *arena, struct slice line,
                                    struct envelope *envelope);

/* What a text-only protocol shows of a message, as one raw JSON string: its text;
 * without one its `url` field, else its other fields as compact JSON; and the
 * URLs of its attachments behind the text (protocols.md, the bridge). A slice of
 * the envelope where the text stands alone, else in the arena. */
struct slice envelope_shown_text(struct arena *arena, const struct envelope *envelope);

#endif
