/* Names of keys and channels (design.md, Redis). One place, so that what redis-cli
 * shows is decided here. Every name of one user, room, dialog or node carries that
 * owner as its hash tag.
 *
 *   key_write(out, backend, OWNER_USER, "31", ":unread")  ->  parley:user:{31}:unread
 */
#ifndef PARLEY_BACKEND_KEYS_H
#define PARLEY_BACKEND_KEYS_H

#include "base/slice.h"
#include "base/text.h"

enum owner_kind {
  OWNER_USER,
  OWNER_ROOM,
  OWNER_DIALOG,
  OWNER_NODE,
  OWNER_NUMBER,
  OWNER_UUID,
  OWNER_BLOCK,
  OWNER_KEY
};

/* Appends <prefix><kind>:{<id>}<suffix>. */
void key_write(struct text *out, const char *prefix, enum owner_kind kind, struct slice id,
               const char *suffix);

/* How many bytes key_write appends. */
size_t key_length(const char *prefix, enum owner_kind kind, struct slice id, const char *suffix);

/* The slot of a key or channel in a Redis Cluster (redis.io, cluster specification): of what
 * stands in its first braces, of all of it where nothing does. */
enum { KEY_SLOTS = 16384 };
unsigned key_slot(struct slice key);

/* "user", "room", ... */
const char *owner_kind_name(enum owner_kind kind);

/* What a channel name stands for: false when it is none of ours. "parley:all" is
 * not an owner's and gives false. */
bool channel_read(struct slice channel, const char *prefix, enum owner_kind *kind,
                  struct slice *id);

#endif
