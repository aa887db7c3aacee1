/* The roster: who attends the lobby, as this node's clients were told. What comes in live is told
 * where it changes that; what a reading of Redis' attendance shows differently (roll_call.h) is told
 * as well, unless something live came in since that reading began, which is newer.
 *
 * A set of ids, and no I/O. It costs 43 to 54 bytes a user: 32 for an id of up to 16 bytes, the
 * rest for the table, which is between three eighths and three quarters full. */
#ifndef PARLEY_GATEWAY_ROSTER_H
#define PARLEY_GATEWAY_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct roster_member;

/* All zeros: nothing is known of anybody. */
struct roster {
  struct roster_member **slots; /* open addressing, a power of two of them */
  size_t capacity, count;
  size_t at;        /* where roster_missing goes on */
  uint32_t reading; /* the number of the last one */
  bool under_way;   /* it is not finished */
  bool complete;    /* one was: whoever is not here is not there */
};

void roster_free(struct roster *roster); /* all zeros again */

/* An event: the user came (`there`) or went. True: it is to be told. */
bool roster_heard(struct roster *roster, struct slice user, bool there);

/* A reading begins, anew where one was under way. */
void roster_begin(struct roster *roster);

/* It shows this user. True: a coming that was not told, to be settled. The first reading of all
 * tells nobody: those were there before anybody here heard of them. Or came just now: so their
 * coming is told all the same where the event is yet to come, until the next reading. */
bool roster_seen(struct roster *roster, struct slice user);

/* All that it shows was seen: the next one who is not there any more, to be settled. False: that
 * is all. `user` is valid until the next call. */
bool roster_missing(struct roster *roster, struct slice *user);

/* Who the user is has become known. True: it is to be told, unless something live came in first. */
bool roster_settle(struct roster *roster, struct slice user, bool there);

/* The reading is done. */
void roster_finish(struct roster *roster);

#endif
