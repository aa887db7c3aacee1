/* See ws.h. */
#include "ws.h"

enum { FINAL = 0x80, MASKED = 0x80, EXTENDED_16 = 126, EXTENDED_64 = 127, KEY_BYTES = 4 };

/* Eight bytes at a time: the bare servers must not be slowed by a naive loop. */
static void mask(char *data, size_t len, const unsigned char key[KEY_BYTES])
{
  uint32_t word;
  memcpy(&word, key, sizeof word);
  uint64_t wide = (uint64_t)word << 32 | word;
  size_t i = 0;
  for (; i + sizeof wide <= len; i += sizeof wide) {
    uint64_t chunk;
    memcpy(&chunk, data + i, sizeof chunk);
    chunk ^= wide;
    memcpy(data + i, &chunk, sizeof chunk);
  }
  for (; i < len; i++) data[i] = (char)((unsigned char)data[i] ^ key[i % KEY_BYTES]);
}

size_t ws_frame_read(char *data, size_t len, bool masked, struct ws_frame *frame)
{
  const unsigned char *head = (const unsigned char *)data;
  if (len < 2) return 0;
  if (!(head[0] & FINAL) || (head[0] & 0x70))
    die("a fragment or an extension: first byte %#x", head[0]);
  if (!(head[1] & MASKED) != !masked) die("a frame that is %smasked", masked ? "not " : "");
  size_t at = 2, payload_bytes = head[1] & 0x7f;
  if (payload_bytes >= EXTENDED_16) {
    at += payload_bytes == EXTENDED_16 ? 2 : 8;
    if (len < at) return 0;
    payload_bytes = 0;
    for (size_t i = 2; i < at; i++) payload_bytes = payload_bytes << 8 | head[i];
  }
  size_t key_at = at;
  if (masked) at += KEY_BYTES;
  if (len < at || len - at < payload_bytes) return 0;
  *frame = (struct ws_frame){.opcode = head[0] & 0x0f, .payload = data + at, .len = payload_bytes};
  if (masked) mask(frame->payload, frame->len, head + key_at);
  return at + payload_bytes;
}

/* xorshift: RFC 6455, 5.3 wants keys that content cannot foresee; here the content is ours. */
static uint32_t fresh_key(void)
{
  static uint32_t state = 2463534242u;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

void ws_frame_write(struct bytes *out, enum ws_opcode opcode, struct slice payload, bool masked)
{
  if (payload.len > UINT16_MAX) die("a frame over 65,535 bytes was to be written");
  unsigned char *frame = (unsigned char *)bytes_reserve(out, 4 + KEY_BYTES + payload.len);
  size_t at = 2;
  frame[0] = (unsigned char)(FINAL | opcode);
  frame[1] = masked ? MASKED : 0;
  if (payload.len < EXTENDED_16) {
    frame[1] |= (unsigned char)payload.len;
  } else {
    frame[1] |= EXTENDED_16;
    frame[2] = (unsigned char)(payload.len >> 8);
    frame[3] = (unsigned char)payload.len;
    at = 4;
  }
  if (masked) {
    uint32_t key = fresh_key();
    memcpy(frame + at, &key, sizeof key);
    at += KEY_BYTES;
  }
  if (payload.len) memcpy(frame + at, payload.data, payload.len);
  if (masked) mask((char *)frame + at, payload.len, frame + at - KEY_BYTES);
  out->len += at + payload.len;
}
