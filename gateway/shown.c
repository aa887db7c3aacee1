/* See shown.h. Open addressing would need tombstones and resizing; a plain array in
 * the order of delivery is what clients mark anyhow, oldest first. */
#include "shown.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct name {
  uint64_t message_id, id_hash, sender_hash, ts_ms;
};

struct shown {
  size_t count, capacity;
  struct name names[];
};

enum { FIRST_CAPACITY = 8 };

/* Keyed per process, so that nobody can choose colliding ids. */
static uint64_t hash(struct slice raw)
{
  static unsigned char key[crypto_shorthash_KEYBYTES];
  static bool ready;
  if (!ready) {
    crypto_shorthash_keygen(key);
    ready = true;
  }
  uint64_t hash;
  crypto_shorthash((unsigned char *)&hash, (const unsigned char *)raw.data, raw.len, key);
  return hash;
}

void shown_add(struct shown **shown, struct slice id, struct slice sender, uint64_t message_id,
               uint64_t ts_ms)
{
  struct shown *table = *shown;
  if (!table || table->count == table->capacity) {
    size_t count = table ? table->count : 0;
    size_t capacity = count ? count * 2 : FIRST_CAPACITY;
    table = memory_resize(table, sizeof *table + capacity * sizeof table->names[0]);
    table->count = count;
    table->capacity = capacity;
    *shown = table;
  }
  table->names[table->count++] = (struct name){message_id, hash(id), hash(sender), ts_ms};
}

size_t shown_find(const struct shown *shown, struct slice id, struct slice sender,
                  uint64_t *message_ids, size_t room)
{
  uint64_t id_hash = hash(id), sender_hash = hash(sender);
  size_t found = 0;
  for (size_t i = 0; shown && i < shown->count && found < room; i++) {
    const struct name *name = &shown->names[i];
    if (name->id_hash == id_hash && (!sender.len || name->sender_hash == sender_hash))
      message_ids[found++] = name->message_id;
  }
  return found;
}

size_t shown_find_up_to(const struct shown *shown, struct slice sender, uint64_t last_id,
                        uint64_t *message_ids, size_t room)
{
  size_t last = 0, found = 0;
  while (shown && last < shown->count && shown->names[last].message_id != last_id) last++;
  if (!shown || last == shown->count) return 0;
  uint64_t sender_hash = hash(sender);
  for (size_t i = 0; i <= last && found < room; i++)
    if (shown->names[i].sender_hash == sender_hash)
      message_ids[found++] = shown->names[i].message_id;
  return found;
}

uint64_t shown_newest(const struct shown *shown, struct slice sender, uint64_t *ts_ms)
{
  uint64_t sender_hash = hash(sender);
  for (size_t i = shown ? shown->count : 0; i > 0; i--) {
    const struct name *name = &shown->names[i - 1];
    if (name->sender_hash != sender_hash) continue;
    *ts_ms = name->ts_ms;
    return name->message_id;
  }
  return 0;
}

size_t shown_count(const struct shown *shown, struct slice sender)
{
  size_t count = 0;
  uint64_t sender_hash = hash(sender);
  for (size_t i = 0; shown && i < shown->count; i++)
    count += shown->names[i].sender_hash == sender_hash;
  return count;
}

void shown_forget(struct shown **shown, uint64_t message_id)
{
  struct shown *table = *shown;
  if (!table) return;
  for (size_t i = 0; i < table->count; i++) {
    if (table->names[i].message_id != message_id) continue;
    memmove(&table->names[i], &table->names[i + 1], (--table->count - i) * sizeof table->names[0]);
    break;
  }
  if (table->count == 0) shown_free(shown);
}

void shown_free(struct shown **shown)
{
  free(*shown);
  *shown = NULL;
}
