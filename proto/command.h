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
  COMMAND_SEND,        /* to, text, thread, attachments, fields, client_id, wire_from, wire_to;
                        * user: the author, where the operator speaks for one */
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
  COMMAND_GET_MESSAGES, /* to, count; message_id: those before it, 0: the newest; with `up_to` it and
                          * those before. It need not be there (any more) */
  COMMAND_GET_CHAT,     /* to */
  COMMAND_GET_REACTIONS, /* message_id */
  COMMAND_GET_UNREAD,    /* user; count, cursor */
  COMMAND_SEARCH,        /* search; to, user, thread: of whom, where; count, offset */

  /* Accounts. `user` is whom it is about, the caller where there is none. */
  COMMAND_REGISTER,         /* user_change; credential: wanted besides */
  COMMAND_LOG_IN,           /* user, user_change.password; credential: which kind */
  COMMAND_RENEW,            /* a new credential for the caller, or, asked by the operator, for
                             * `user`; credential: which kind */
  COMMAND_REVOKE,           /* key: the credential itself; user, where given: must be its user */
  COMMAND_REVOKE_LISTED,    /* user; key: the id that LIST_CREDENTIALS tells */
  COMMAND_LIST_CREDENTIALS, /* user */
  COMMAND_GET_USER,         /* user */
  COMMAND_LIST_USERS,       /* count, cursor */
  COMMAND_EDIT_USER,        /* user; user_change */
  COMMAND_DELETE_USER,      /* user */

  /* Rooms. */
  COMMAND_CREATE_ROOM,  /* room_change; user: the owner, where the operator makes it for one */
  COMMAND_GET_ROOM,     /* to */
  COMMAND_LIST_ROOMS,   /* count, cursor: those that the caller may know of */
  COMMAND_EDIT_ROOM,    /* to; room_change */
  COMMAND_DELETE_ROOM,  /* to */
  COMMAND_LIST_PEOPLE,  /* to; role; count, offset */
  COMMAND_GET_STANDING, /* to, user */
  COMMAND_SET_ROLE,     /* to, user; role, adding; text: of a kick or ban, a raw JSON string */

  /* The operator's. */
  COMMAND_LIST_SESSIONS, /* count, cursor */
  COMMAND_DISCONNECT,    /* key: the session's id */
  COMMAND_LIST_NODES,
  COMMAND_NOTICE, /* to (ADDRESS_NONE: all), text */
  COMMAND_COUNT
};

/* How a frame names a recipient. */
struct address {
  enum { ADDRESS_NONE, ADDRESS_USER, ADDRESS_ROOM, ADDRESS_NUMBER, ADDRESS_UUID } kind;
  struct slice id; /* USER, ROOM: canonical id, without '#'; UUID: in lower case */
  uint64_t num;    /* NUMBER */
};

/* What a user may be in a room. */
enum role { ROLE_MEMBER, ROLE_ADMIN, ROLE_OWNER, ROLE_INVITED, ROLE_BANNED, ROLE_COUNT };

/* What one authenticates with later: a session key is looked up by its hash, a token (a JWT)
 * says itself whose it is. Both can be listed and revoked. */
enum credential { CREDENTIAL_NONE, CREDENTIAL_KEY, CREDENTIAL_TOKEN };

/* Of a user, what is made or changed. Plain UTF-8; data NULL: not given, left as it is. */
struct user_change {
  struct slice id; /* REGISTER: the canonical id; not given: a new random UUID */
  struct slice name, password, nickname, bio, avatar;
};

/* Yes or no, where something is said at all. */
struct choice {
  bool set, value;
};

/* The same of a room. */
struct room_change {
  struct slice id; /* CREATE_ROOM: it must be this one; not given: the name, or a UUID where
                    * that is taken or can be no id */
  struct slice name, description;
  struct choice open, is_public, logged;
};

/* What is looked for in the logs that the caller may read. */
struct search {
  struct slice query;           /* plain; a message's text holds it, whatever the case of ASCII */
  uint64_t before_ms, after_ms; /* neither of them included; 0: no bound */
  bool no_thread;               /* only what is in no thread */
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
  struct address user;      /* whom it is about, or in whose name it is */
  struct slice match_sid;   /* READ: raw JSON sender, narrows client_id; empty: any sender */
  uint64_t message_id;
  unsigned count;
  bool up_to, adding;

  /* Of requests alone, whose memory lives until they are answered. */
  const struct user_change *user_change;
  const struct room_change *room_change;
  const struct search *search;
  struct slice cursor; /* where a list goes on: outcome.cursor of the part before; empty: from the
                        * start; of users and rooms, the decimal number of the last one */
  uint64_t offset;     /* the same, counted */
  enum role role;
  enum credential credential;
};

/* Where decode puts what it finds. `commands` is in order. */
struct decoding {
  struct arena *arena;
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

/* The same of a raw JSON value, or of one that must be a room. ERR_MALFORMED besides: it is no
 * string, or no room. */
MUST_CHECK enum err address_read(struct arena *arena, struct slice raw, struct address *address);
MUST_CHECK enum err address_read_room(struct arena *arena, struct slice raw,
                                      struct address *address);
MUST_CHECK enum err address_read_uuid(struct arena *arena, struct slice raw,
                                      struct address *address);

/* The other way, as a JSON string: "#<room id>" ("#lobby" for what goes to all), or the id of
 * the user by whom the conversation is named. */
void address_append(struct text *out, const struct party *to, struct slice user);

/* What is said: a raw JSON string, which stays as it is. ERR_MALFORMED where it is none. */
MUST_CHECK enum err command_read_text(struct slice raw, struct slice *text);

/* The number of a message, a room or a dialog, from a raw JSON number or string of digits.
 * ERR_MALFORMED where it is none; ERR_NOT_FOUND for 0, which is nobody's. */
MUST_CHECK enum err command_read_number(struct slice raw, uint64_t *number);

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

/* A user as others may see them. Plain UTF-8, empty where it is not set. */
struct user_info {
  struct party party;
  struct slice nickname, bio, avatar;
  uint64_t created_ms;
  bool online;
};

struct room_info {
  struct party party, owner, creator; /* PARTY_NONE: nobody */
  struct slice description;
  uint64_t created_ms, member_count;
  bool open, is_public, logged;
};

/* Who reacted so to a message. */
struct reaction_info {
  struct slice reaction;
  const struct party *users;
  size_t count;
};

struct session_info {
  struct slice id, node, protocol, device;
  struct party user;
  uint64_t since_ms;
};

struct node_info {
  struct slice id;
  uint64_t heard_ms; /* its last heartbeat */
  uint64_t sessions;
};

/* A credential that was issued and is still good. */
struct credential_info {
  struct slice id; /* names it; is not it */
  enum credential kind;
  uint64_t created_ms, expires_ms;
};

/* What became of a command. */
struct outcome {
  enum err err;
  uint64_t message_id;             /* SEND, EDIT, ...: the message's */
  uint64_t ts_ms;                  /* when it happened, by the server's clock */
  const struct envelope *messages; /* GET_MESSAGE, GET_REACTIONS, EDIT (as it is now): one;
                                    * GET_MESSAGES, GET_UNREAD: oldest first; SEARCH: newest
                                    * first. With the counts of their reactions but for
                                    * GET_UNREAD */
  const struct receipt *receipts;  /* one for each of `messages` */
  size_t message_count;
  struct conversation_info conversation; /* GET_CHAT */
  bool already; /* ENTER, EXIT, SET_ROLE: it was so before, and no event tells anybody of it;
                 * INVITE: is a member */

  /* Of requests: each list is of `count` of its kind, `total` in all where that is known. */
  const struct user_info *users;             /* GET_USER, REGISTER, EDIT_USER: one */
  const struct room_info *rooms;             /* GET_ROOM, CREATE_ROOM, EDIT_ROOM: one */
  const struct party *people;                /* LIST_PEOPLE */
  const struct reaction_info *reactions;     /* GET_REACTIONS */
  const struct session_info *sessions;       /* LIST_SESSIONS */
  const struct node_info *nodes;             /* LIST_NODES */
  const struct credential_info *credentials; /* LIST_CREDENTIALS */
  size_t count;
  uint64_t total;
  struct slice cursor;     /* where the list goes on; empty: this was its end. Of GET_MESSAGES the
                            * id of the oldest of them: there are older ones, and the part
                            * before ends with it */
  struct slice credential; /* REGISTER, LOG_IN, RENEW: the credential itself, told this once */
  uint64_t expires_ms;     /* its end */
  bool present;            /* GET_STANDING: is a member */
};

/* What the client is told of a command: why it was refused, or its outcome. What only
 * members may do is `forbidden` here; `not_in_room` is a code of rooms' own. */
enum err command_err(const struct command *command, const struct outcome *outcome);

#endif
