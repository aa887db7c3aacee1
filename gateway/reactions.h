/* Reactions as they are kept with a message, in the forms that codecs know:
 *
 *   [["+1","alice","bob"],["joy","alice"]]      kept: who reacted, the oldest reaction first
 *   {"+1":2,"joy":1}                            counts, as envelopes have them
 *   struct reaction_info                        with the users themselves
 *
 * And stored messages with their counts, for whoever asks for messages. */
#ifndef PARLEY_GATEWAY_REACTIONS_H
#define PARLEY_GATEWAY_REACTIONS_H

#include "command.h"
#include "stamp.h"

/* The counts, a raw JSON object in the arena; empty where there are none. */
struct slice reactions_counts(struct arena *arena, struct slice kept);

/* The ids of those who reacted, reaction by reaction, at most `most` of them. In the arena or
 * slices of `kept`. */
const struct slice *reactions_users(struct arena *arena, struct slice kept, size_t most,
                                    size_t *count);

/* The same with parties, which stand in the order of those ids (parties_find); whose id is
 * none of theirs is left out. The infos are in the arena, their users are `parties`'. */
const struct reaction_info *reactions_read(struct arena *arena, struct slice kept,
                                           const struct party *parties, size_t party_count,
                                           size_t *count);

/* A stored message with the counts of its reactions: slices of the line, or in the arena.
 * ERR_MALFORMED: it is no envelope. */
MUST_CHECK enum err stored_decode(struct arena *arena, const struct stored *stored,
                                  struct envelope *message);

/* All messages of a page that can be read, in its order; in the arena. */
const struct envelope *page_decode(struct arena *arena, const struct page *page, size_t *count);

#endif
