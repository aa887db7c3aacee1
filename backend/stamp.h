/* What the store allocates for a message: id = block x 65536 + n, and seq, dense in its inbox or
 * conversation (design.md, Redis) but for a jump in each term of a master (epoch.h). */
#ifndef PARLEY_BACKEND_STAMP_H
#define PARLEY_BACKEND_STAMP_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct stamp {
  enum err err;      /* ERR_OK, or why there is no stamp */
  uint64_t id, seq;  /* seq 0: not counted, nothing was stored */
  bool repeated;     /* the same send again: this is the stamp of the first one */
  struct slice rest; /* dialog_append, repeated: what the log holds behind the stamp now */
};

typedef void stamp_fn(void *arg, const struct stamp *stamp);

/* One stored message: its whole line. `reactions` is filled by message_get and messages_latest
 * alone: the users of each, [["<reaction>","<user>",...],...], JSON; empty: none. */
struct stored {
  uint64_t id, seq;
  struct slice line, reactions;
};

/* A run of a list, oldest first. */
struct page {
  enum err err;
  const struct stored *messages;
  size_t count;
  bool more;    /* there are further ones behind the last */
  uint64_t seq; /* the newest seq given out, stored or not */
};

typedef void page_fn(void *arg, const struct page *page);
typedef void err_fn(void *arg, enum err err);

/* Ids of users or rooms, in no order. */
typedef void ids_fn(void *arg, enum err err, const struct slice *ids, size_t count);

#endif
