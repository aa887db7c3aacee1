/* Inboxes: what is unread for a user. A list of ids, oldest first, and a hash id ->
 * envelope; see scripts/inbox_*.lua. */
#ifndef PARLEY_BACKEND_INBOX_H
#define PARLEY_BACKEND_INBOX_H

#include "backend.h"
#include "stamp.h"

struct inbox_push {
  struct slice user;   /* recipient, canonical id */
  struct slice dedupe; /* printable hash of (sender, recipient, client id, content); empty: none */
  struct slice rest;   /* the envelope behind its stamp (envelope_write_rest) */
  bool stored;         /* false: stamped (seq 0) and published, kept nowhere */
  /* Not 0: the message stands in a dialog's log under this id, and gets it here too, with
   * the inbox's own seq. Not `dedupe` but the id tells a repeated push, also when the first
   * was deleted meanwhile. */
  uint64_t id;
};

/* One script on the recipient's tag: dedupe, stamp, push, publish on the user's
 * channel. ERR_INBOX_FULL refuses and leaves no trace. Pushes to one user from one
 * node happen in the order of the calls, also when the first needs a block.
 * A repeated push publishes nothing. */
void inbox_push(struct backend *backend, const struct inbox_push *push, stamp_fn *done, void *arg);

/* The receiving client proved that it has everything up to and including the entry
 * `id` (a WebSocket pong). Where the user has used a protocol that acknowledges in
 * the last reader_days, nothing leaves; else these entries do. `done`'s page holds the
 * lines that had not been proven before, so that their senders can be told. An unknown
 * id is a no-op.
 * Where that is more than 1,000 entries or 2 MiB it goes in parts, and `done` is called
 * for each: while `more` is true another call follows. */
void inbox_confirm(struct backend *backend, struct slice user, uint64_t id, page_fn *done,
                   void *arg);

/* Takes these entries out of the unread list: they were read. `done`'s page holds
 * the lines of those that were still there. */
void inbox_read(struct backend *backend, struct slice user, const uint64_t *ids, size_t count,
                page_fn *done, void *arg);

#endif
