/* A command: what a client asks for, in canonical form. A codec's decode makes a
 * list of them from one frame; dispatch carries them out in order and gives each
 * one's outcome to the codec's reply. */
#ifndef PARLEY_PROTO_COMMAND_H
#define PARLEY_PROTO_COMMAND_H

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "base/slice.h"
#include "envelope.h"

enum command_kind {
  COMMAND_REFUSED,     /* the codec could not read it: `refusal` says why, reply tells the client */
  COMMAND_NONE,        /* nothing to carry out; answered with ERR_OK (a ping, say) */
  COMMAND_SEND,        /* to, text, thread, attachments, fields, client_id, wire_from, wire_to */
  COMMAND_READ,        /* by match (messaging), or message_id: all up to it where `up_to` */
  COMMAND_ENTER,       /* to: a room */
  COMMAND_EXIT,        /* to: a room */
  COMMAND_EDIT,        /* message_id, text */
  COMMAND_DELETE,      /* message_id */
  COMMAND_REACT,       /* message_id, reaction, adding */
  COMMAND_TYPING,      /* to, thread */
  COMMAND_DELIVERED,   /* message_id, up_to */
  COMMAND_INVITE,      /* to: a room; user */
  COMMAND_GET_MESSAGE, /* message_id */
  COMMAND_GET_MESSAGES, /* to, count, message_id: the newest wanted, 0 for the last */
  COMMAND_GET_CHAT,     /* to */
  COMMAND_COUNT
};

/* How a frame names a recipient. */
struct address {
  enum { ADDRESS_NONE, ADDRESS_USER, ADDRESS_ROOM, ADDRESS_NUMBER, ADDRESS_UUID } kind;
  struct slice id; /* USER, ROOM: canonical id, without '#'; UUID: in lower case */
  uint64_t num;    /* NUMBER */
};

/* Borrows from the frame and its arena until dispatch has begun it. reply is
 * called later, with a copy in which these are kept: kind, tag, refusal,
 * client_id, wire_to, to, message_id. All else is empty then. */
struct command {
  struct command *next;
  enum command_kind kind;
  enum err refusal;
  unsigned tag;                    /* the codec's own, for its reply (a section, a request type) */
  struct slice client_id;          /* raw JSON; empty: the client gave none */
  struct slice wire_from, wire_to; /* raw JSON, how the frame names sender and recipient */
  struct address to;
  struct slice text;        /* raw JSON string */
  struct slice thread;      /* raw JSON number */
  struct slice attachments; /* raw JSON array */
  struct slice fields;      /* raw JSON object of the other fields */
  struct slice key;         /* a credential inside the frame (rooms), plain */
  struct slice reaction;    /* plain UTF-8 */
  struct address user;      /* of an invite */
  struct slice match_sid;   /* READ: raw JSON sender, narrows client_id; empty: any sender */
  uint64_t message_id;
  unsigned count;
  bool up_to, adding;
};

/* Where decode puts what it finds. `commands` is in order. */
struct decoding {
  struct arena *arena;
  struct json_reader *json;
  struct command *first, *last;
};

/* A new command at the end of the list, zeroed but for its kind. */
struct command *decoding_add(struct decoding *decoding, enum command_kind kind);

/* The same for a refusal. */
struct command *decoding_refuse(struct decoding *decoding, enum err refusal,
                                struct slice client_id);

/* "#room" is a room, anything else a user (protocols.md, addresses). ERR_OK, or
 * ERR_NOT_FOUND for what can be no id at all. */
MUST_CHECK enum err address_parse(struct slice text, struct address *address);

/* A user's, room's or dialog's UUID, in either case; the address has it in lower case, in the
 * arena or a slice of `text`. ERR_NOT_FOUND for what is no UUID, and for the nil one. */
MUST_CHECK enum err address_parse_uuid(struct arena *arena, struct slice text,
                                       struct address *address);

/* The other way, as a JSON string: "#<room id>"; "#lobby" for what goes to all. */
void address_append_room(struct text *out, const struct party *to);

/* Since when the others have a message, and have read it, as its author may see; 0: not yet. */
struct receipt {
  uint64_t delivered_ms, read_ms;
};

/* What GET_CHAT tells of a conversation, as the asking user sees it. */
struct conversation_info {
  struct party party; /* a room, or the other user of a dialog */
  uint64_t last_id;   /* of its newest message; 0: there is none */
  uint64_t unread;    /* messages that the asking user has not read */
};

/* What became of a command. */
struct outcome {
  enum err err;
  uint64_t message_id;             /* SEND, EDIT, ...: the message's */
  uint64_t ts_ms;                  /* when it happened, by the server's clock */
  const struct envelope *messages; /* GET_MESSAGE, GET_MESSAGES: oldest first */
  const struct receipt *receipts;  /* one for each of `messages` */
  size_t message_count;
  struct conversation_info conversation; /* GET_CHAT */
  bool already; /* ENTER, EXIT: it was so before, and no event tells anybody of it */
};

/* What the client is told of a command: why it was refused, or its outcome. What only
 * members may do is `forbidden` here; `not_in_room` is a code of rooms' own. */
enum err command_err(const struct command *command, const struct outcome *outcome);

#endif
