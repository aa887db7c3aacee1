/* See dedupe.h. BLAKE2b, 128 bits: two different messages do not meet by chance, and
 * nobody can make two that do. */
#include "dedupe.h"

#include <sodium.h>

enum { HASH_BYTES = 16 };

/* With its length in front, so that no two lists of parts read the same. */
static void add(crypto_generichash_state *state, struct slice part)
{
  uint64_t len = part.len;
  crypto_generichash_update(state, (const unsigned char *)&len, sizeof len);
  crypto_generichash_update(state, (const unsigned char *)part.data, part.len);
}

struct slice dedupe_hash(const struct envelope *message, char buffer[DEDUPE_BYTES])
{
  unsigned char hash[HASH_BYTES];
  crypto_generichash_state state;
  if (!message->origin.client_id.len) return (struct slice){0};
  crypto_generichash_init(&state, NULL, 0, sizeof hash);
  add(&state, message->from.id);
  add(&state, message->to.kind == PARTY_ROOM ? SLICE("room") : SLICE("user"));
  add(&state, message->to.id);
  /* A room that was made anew under the same name is another. */
  add(&state, (struct slice){(const char *)&message->to.num, sizeof message->to.num});
  add(&state, message->origin.client_id);
  add(&state, message->text);
  add(&state, message->thread);
  add(&state, message->attachments);
  add(&state, message->fields);
  crypto_generichash_final(&state, hash, sizeof hash);
  sodium_bin2hex(buffer, DEDUPE_BYTES, hash, sizeof hash);
  return (struct slice){buffer, DEDUPE_BYTES - 1};
}
