/* Names of keys and channels. */
#include "keys.h"

static const char *const kind_names[] = {
    [OWNER_USER] = "user",   [OWNER_ROOM] = "room",     [OWNER_DIALOG] = "dialog",
    [OWNER_NODE] = "node",   [OWNER_NUMBER] = "number", [OWNER_UUID] = "uuid",
    [OWNER_BLOCK] = "block", [OWNER_KEY] = "key",
};
enum { KIND_COUNT = sizeof kind_names / sizeof kind_names[0] };

const char *owner_kind_name(enum owner_kind kind)
{
  return kind_names[kind];
}

void key_write(struct text *out, const char *prefix, enum owner_kind kind, struct slice id,
               const char *suffix)
{
  text_append(out, slice_of(prefix));
  text_append(out, slice_of(kind_names[kind]));
  text_append(out, SLICE(":{"));
  text_append(out, id);
  text_append_char(out, '}');
  text_append(out, slice_of(suffix));
}

size_t key_length(const char *prefix, enum owner_kind kind, struct slice id, const char *suffix)
{
  return strlen(prefix) + strlen(kind_names[kind]) + id.len + strlen(":{}") + strlen(suffix);
}

bool channel_read(struct slice channel, const char *prefix, enum owner_kind *kind, struct slice *id)
{
  if (!slice_starts_with(channel, slice_of(prefix))) return false;
  channel = slice_skip(channel, strlen(prefix));
  for (size_t i = 0; i < KIND_COUNT; i++) {
    struct slice name = slice_of(kind_names[i]);
    if (!slice_starts_with(channel, name)) continue;
    struct slice tag = slice_skip(channel, name.len);
    if (!slice_starts_with(tag, SLICE(":{")) || tag.data[tag.len - 1] != '}') continue;
    *kind = (enum owner_kind)i;
    *id = (struct slice){tag.data + 2, tag.len - strlen(":{}")};
    return true;
  }
  return false;
}

/* CRC16 of XMODEM. */
static unsigned crc16(struct slice bytes)
{
  unsigned crc = 0;
  for (size_t i = 0; i < bytes.len; i++) {
    crc ^= (unsigned)(unsigned char)bytes.data[i] << 8;
    for (int bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}

unsigned key_slot(struct slice key)
{
  const char *open = key.len ? memchr(key.data, '{', key.len) : NULL;
  if (open) {
    struct slice rest = slice_skip(key, (size_t)(open + 1 - key.data));
    const char *close = rest.len ? memchr(rest.data, '}', rest.len) : NULL;
    if (close && close > rest.data) key = (struct slice){rest.data, (size_t)(close - rest.data)};
  }
  return crc16(key) % KEY_SLOTS;
}
