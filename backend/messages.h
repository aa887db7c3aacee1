/* Messages where they are kept: the logs of rooms and dialogs, and the unread copies in
 * inboxes. All of them are a list of ids with a hash id -> line; what is the same for
 * them is here once.
 *
 * A message's id names its block, and a block belongs to one owner for ever: so an id
 * alone finds its message (design.md, Redis). */
#ifndef PARLEY_BACKEND_MESSAGES_H
#define PARLEY_BACKEND_MESSAGES_H

#include "backend.h"
#include "keys.h"
#include "stamp.h"

/* OWNER_USER: an inbox; OWNER_ROOM, OWNER_DIALOG: a log. */
struct owner {
  enum owner_kind kind;
  struct slice id;
};

/* Whose the message is, by its id's block. ERR_NOT_FOUND: nobody's. Cached: blocks are
 * immutable. The owner lives until `done` returns. */
typedef void owner_fn(void *arg, enum err err, const struct owner *owner);
void message_owner(struct backend *backend, uint64_t message_id, owner_fn *done, void *arg);

/* Appends to a dialog's log: dedupe, stamp, append, trim; publishes nothing. What follows
 * is inbox_push with this id (struct inbox_push.id), which is idempotent: a retry after a
 * crash in between completes it. An ephemeral message gets its stamp alone, with seq 0: from its
 * id its dialog is known. ERR_OK with `repeated` for the same send again; it may have been
 * edited meanwhile: what is pushed then is the stamp's `rest`, where it has one. */
struct dialog_append {
  struct slice dialog; /* "a|b" */
  struct slice dedupe, rest;
  bool ephemeral;
};
void dialog_append(struct backend *backend, const struct dialog_append *append, stamp_fn *done,
                   void *arg);

/* The one message with its reactions, a page of none or one. */
void message_get(struct backend *backend, struct owner owner, uint64_t message_id, page_fn *done,
                 void *arg);

/* Those with a seq above `after_seq`, oldest first, at most `max_count` of them and, but for the
 * first, `max_bytes` together; without reactions. Entries past their age are dropped. With
 * max_count 0 only `seq` is told. */
void messages_after(struct backend *backend, struct owner owner, uint64_t after_seq,
                    unsigned max_count, size_t max_bytes, page_fn *done, void *arg);

/* The newest `count` messages of a log, or of those in it whose id is smaller than `before_id`
 * (0: of all), which need not be there; of these, but for the newest, so many as `max_bytes` hold.
 * Oldest first, with their reactions; `more`: there are older ones, those before the first. */
void messages_latest(struct backend *backend, struct owner owner, uint64_t before_id,
                     unsigned count, size_t max_bytes, page_fn *done, void *arg);

/* Puts `rest` behind the message's own stamp, in place. ERR_NOT_FOUND where it is not kept
 * (any more). Where `event` is not empty, publishes it (stamp 0, 0) on the owner's channel
 * in the same script, also when the message is not kept. */
void message_edit(struct backend *backend, struct owner owner, uint64_t message_id,
                  struct slice rest, struct slice event, err_fn *done, void *arg);

/* Takes the message out, its reactions with it: it is in no key afterwards. The rest as
 * message_edit. */
void message_delete(struct backend *backend, struct owner owner, uint64_t message_id,
                    struct slice event, err_fn *done, void *arg);

/* Adds the user to the set of a reaction, or takes them out; idempotent. `counts` is a JSON
 * object reaction -> count, "{}" where none are left. An event is published on the owner's
 * channel where something changed and event_head is not empty:
 * <event_head><counts><event_tail>. ERR_NOT_FOUND: no such
 * message is kept. ERR_TOO_LARGE: over 64 different reactions. */
struct reaction_change {
  struct owner owner;
  uint64_t message_id;
  struct slice user, reaction; /* plain UTF-8 */
  bool adding;
  struct slice event_head, event_tail;
};
typedef void counts_fn(void *arg, enum err err, struct slice counts);
void message_react(struct backend *backend, const struct reaction_change *change, counts_fn *done,
                   void *arg);

/* How far a user has read a conversation (its seq; never goes back), and how many of the messages
 * that are kept lie behind it: done's page has no messages; `seq` is their number. */
void read_cursor_set(struct backend *backend, struct owner owner, struct slice user, uint64_t seq,
                     err_fn *done, void *arg);
void unread_count(struct backend *backend, struct owner owner, struct slice user, page_fn *done,
                  void *arg);

/* Since when a user has received and read a dialog up to a message: of the last one that was
 * marked, which stands for all before it (a message's ids grow in its dialog). What was marked
 * before is forgotten, so that of an older message the time tells by when at the latest. */
enum receipt_kind { RECEIPT_DELIVERED, RECEIPT_READ, RECEIPT_KINDS };

/* Never goes back. Nobody waits for it. */
void receipt_set(struct backend *backend, struct slice dialog, struct slice user,
                 enum receipt_kind kind, uint64_t message_id, uint64_t now_ms);

/* Of each kind: up to which message, since when; 0: nothing yet. */
struct receipts {
  enum err err;
  struct {
    uint64_t id, at_ms;
  } last[RECEIPT_KINDS];
};
typedef void receipts_fn(void *arg, const struct receipts *receipts);
void receipts_get(struct backend *backend, struct slice dialog, struct slice user,
                  receipts_fn *done, void *arg);

/* Who may do what in a room. */
struct room_standing {
  enum err err; /* ERR_NOT_FOUND */
  bool member, admin, owner, banned, invited, open, is_public;
};
typedef void standing_fn(void *arg, const struct room_standing *standing);
void room_standing(struct backend *backend, struct slice room, struct slice user, standing_fn *done,
                   void *arg);

#endif
