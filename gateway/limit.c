#include "limit.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/memory.h"

#define FLOOD_FACTOR 10 /* protocols.md, small print */

/* `level` less what came back in `elapsed_ms` at `per_second`. */
static uint64_t drained(uint64_t level, uint64_t elapsed_ms, uint64_t per_second)
{
  /* Divides rather than multiplies first: a long pause times a large rate overflows. */
  if (elapsed_ms > level / per_second) return 0;
  return level - elapsed_ms * per_second;
}

enum bucket_verdict bucket_take(struct bucket *bucket, struct bucket_rate rate, uint64_t amount,
                                uint64_t now_ms)
{
  if (rate.per_second == 0) return BUCKET_OK;
  uint64_t elapsed_ms = now_ms > bucket->asked_ms ? now_ms - bucket->asked_ms : 0;
  if (now_ms > bucket->asked_ms) bucket->asked_ms = now_ms;
  bucket->taken = drained(bucket->taken, elapsed_ms, rate.per_second);
  bucket->flooded = drained(bucket->flooded, elapsed_ms, rate.per_second * FLOOD_FACTOR);

  uint64_t wanted = amount * 1000;
  uint64_t flood_limit = rate.burst * 1000 * FLOOD_FACTOR;
  if (bucket->flooded + wanted > flood_limit) {
    bucket->flooded = flood_limit;
    return BUCKET_FLOODED;
  }
  bucket->flooded += wanted;
  if (bucket->taken + wanted > rate.burst * 1000) return BUCKET_EMPTY;
  bucket->taken += wanted;
  return BUCKET_OK;
}

static uint64_t less(uint64_t level, uint64_t amount)
{
  return level > amount ? level - amount : 0;
}

void bucket_give(struct bucket *bucket, uint64_t amount)
{
  bucket->taken = less(bucket->taken, amount * 1000);
  bucket->flooded = less(bucket->flooded, amount * 1000);
}

struct address_count {
  struct ip ip;
  unsigned connections; /* never 0 */
  UT_hash_handle hh;
};

bool address_counts_enter(struct address_counts *counts, const struct ip *ip, unsigned limit)
{
  struct address_count *entry;
  HASH_FIND(hh, counts->table, ip, sizeof *ip, entry);
  if (!entry) {
    entry = memory_zalloc(sizeof *entry);
    entry->ip = *ip;
    HASH_ADD(hh, counts->table, ip, sizeof *ip, entry);
  } else if (limit > 0 && entry->connections >= limit) {
    return false;
  }
  entry->connections++;
  return true;
}

void address_counts_leave(struct address_counts *counts, const struct ip *ip)
{
  struct address_count *entry;
  HASH_FIND(hh, counts->table, ip, sizeof *ip, entry);
  assert(entry);
  if (--entry->connections > 0) return;
  HASH_DELETE(hh, counts->table, entry);
  free(entry);
}

void address_counts_free(struct address_counts *counts)
{
  struct address_count *entry = counts->table;
  HASH_CLEAR(hh, counts->table); /* the table alone: the entries stay linked */
  while (entry) {
    struct address_count *next = entry->hh.next;
    free(entry);
    entry = next;
  }
}
