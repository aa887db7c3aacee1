/* See roster.h. While a reading is under way, and until the first one is finished, whoever goes
 * stays in the table as gone: else an older page would bring them back. */
#include "roster.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { FIRST_CAPACITY = 16 };

struct roster_member {
  uint32_t reading; /* the one that it was confirmed in, or heard of since it began */
  uint32_t there : 1;
  uint32_t untold : 1; /* known from the first reading alone: an event may be on its way yet */
  uint32_t len : 30;
  char id[];
};

/* Keyed per process, so that nobody can choose colliding ids. */
static size_t hash(struct slice id)
{
  static unsigned char key[crypto_shorthash_KEYBYTES];
  static bool ready;
  if (!ready) {
    crypto_shorthash_keygen(key);
    ready = true;
  }
  uint64_t hash;
  crypto_shorthash((unsigned char *)&hash, (const unsigned char *)id.data, id.len, key);
  return (size_t)hash;
}

static struct slice id_of(const struct roster_member *member)
{
  return (struct slice){member->id, member->len};
}

/* Where the id stands, or would. */
static size_t slot_of(const struct roster *roster, struct slice id)
{
  size_t at = hash(id) & (roster->capacity - 1);
  while (roster->slots[at] && !slice_equal(id_of(roster->slots[at]), id))
    at = (at + 1) & (roster->capacity - 1);
  return at;
}

static struct roster_member *find(const struct roster *roster, struct slice id)
{
  return roster->capacity ? roster->slots[slot_of(roster, id)] : NULL;
}

static void resize(struct roster *roster, size_t capacity)
{
  struct roster_member **old = roster->slots;
  size_t old_capacity = roster->capacity;
  roster->slots = memory_zalloc(capacity * sizeof(struct roster_member *));
  roster->capacity = capacity;
  for (size_t i = 0; i < old_capacity; i++)
    if (old[i]) roster->slots[slot_of(roster, id_of(old[i]))] = old[i];
  free(old);
  roster->at = 0;
}

static struct roster_member *add(struct roster *roster, struct slice id)
{
  if ((roster->count + 1) * 4 > roster->capacity * 3)
    resize(roster, roster->capacity ? roster->capacity * 2 : FIRST_CAPACITY);
  struct roster_member *member = memory_alloc(sizeof *member + id.len);
  member->len = (uint32_t)id.len & 0x3fffffff;
  memcpy(member->id, id.data, id.len);
  roster->slots[slot_of(roster, id)] = member;
  roster->count++;
  return member;
}

/* What stands behind it moves up: a gap would hide it. */
static void take_out(struct roster *roster, size_t gap)
{
  size_t mask = roster->capacity - 1;
  free(roster->slots[gap]);
  roster->count--;
  for (size_t at = (gap + 1) & mask; roster->slots[at]; at = (at + 1) & mask) {
    size_t home = hash(id_of(roster->slots[at])) & mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue; /* it begins behind the gap */
    roster->slots[gap] = roster->slots[at];
    gap = at;
  }
  roster->slots[gap] = NULL;
}

static void shrink(struct roster *roster)
{
  size_t capacity = roster->capacity;
  while (capacity > FIRST_CAPACITY && roster->count * 8 < capacity * 3 / 2) capacity /= 2;
  if (capacity != roster->capacity) resize(roster, capacity);
}

void roster_free(struct roster *roster)
{
  for (size_t i = 0; i < roster->capacity; i++) free(roster->slots[i]);
  free(roster->slots);
  *roster = (struct roster){0};
}

bool roster_heard(struct roster *roster, struct slice user, bool there)
{
  struct roster_member *member = find(roster, user);
  bool told = member ? member->there != there || member->untold : there || !roster->complete;
  if (!there && roster->complete && !roster->under_way) {
    if (member) take_out(roster, slot_of(roster, user));
    return told;
  }
  if (!member) member = add(roster, user);
  member->there = there;
  member->untold = false;
  member->reading = roster->reading;
  return told;
}

/* ---- reading ------------------------------------------------------------------------- */

void roster_begin(struct roster *roster)
{
  roster->reading++;
  roster->under_way = true;
  roster->at = 0;
}

bool roster_seen(struct roster *roster, struct slice user)
{
  struct roster_member *member = find(roster, user);
  if (!member && roster->complete) return true;
  if (!member) {
    (void)roster_heard(roster, user, true);
    find(roster, user)->untold = true;
    return false;
  }
  if (member->reading == roster->reading) return false;
  if (member->there) {
    member->reading = roster->reading;
    member->untold = false;
  }
  return !member->there; /* of an earlier reading, which did not come to its end */
}

bool roster_missing(struct roster *roster, struct slice *user)
{
  while (roster->at < roster->capacity) {
    const struct roster_member *member = roster->slots[roster->at++];
    if (!member || !member->there || member->reading == roster->reading) continue;
    *user = id_of(member);
    return true;
  }
  return false;
}

bool roster_settle(struct roster *roster, struct slice user, bool there)
{
  const struct roster_member *member = find(roster, user);
  if (member && member->reading == roster->reading) return false;
  return roster_heard(roster, user, there);
}

void roster_finish(struct roster *roster)
{
  roster->under_way = false;
  roster->complete = true;
  for (size_t i = 0; i < roster->capacity;) {
    if (roster->slots[i] && !roster->slots[i]->there)
      take_out(roster, i); /* another one may stand there now */
    else
      i++;
  }
  shrink(roster);
}
