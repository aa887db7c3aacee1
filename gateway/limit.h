/* Limits: token buckets, and connections per address. Pure: the clock and the
 * configuration are arguments. */
#ifndef PARLEY_GATEWAY_LIMIT_H
#define PARLEY_GATEWAY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "ip.h"

/* What was taken and has not come back yet, in thousandths, so that a rate of so
 * many a second is as many thousandths a millisecond, without a remainder. All zero
 * bytes: nothing was taken. */
struct bucket {
  uint64_t asked_ms;
  uint64_t taken;   /* by what was let through: comes back at the rate */
  uint64_t flooded; /* by everything: comes back at ten times the rate */
};

/* What a bucket is held against; the same one for many buckets. */
struct bucket_rate {
  uint64_t per_second; /* 0: no limit */
  uint64_t burst;
};

enum bucket_verdict {
  BUCKET_OK,
  BUCKET_EMPTY,   /* over the rate and the burst: refuse */
  BUCKET_FLOODED, /* over ten times the rate and the burst: close (protocols.md, small print) */
};

/* Takes `amount`, at most 2^40. `now_ms` is of a monotonic clock. */
enum bucket_verdict bucket_take(struct bucket *bucket, struct bucket_rate rate, uint64_t amount,
                                uint64_t now_ms);

/* Gives back what was let through and, as it turned out, need not be counted. */
void bucket_give(struct bucket *bucket, uint64_t amount);

/* How many connections each address has; bounded by the connections that are open.
 * All zero bytes: empty. */
struct address_counts {
  struct address_count *table;
};

/* One more. False, and not counted: it has `limit` already (0: no limit). */
bool address_counts_enter(struct address_counts *counts, const struct ip *ip, unsigned limit);

/* One less, of those that entered. */
void address_counts_leave(struct address_counts *counts, const struct ip *ip);

void address_counts_free(struct address_counts *counts);

#endif
