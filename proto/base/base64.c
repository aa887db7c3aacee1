/* Base64 (RFC 4648, 4), strictly: padded, nothing but the alphabet, and no bits set
 * behind the last byte (RFC 4648, 3.5). */
#include "base/base64.h"

#include <stdint.h>

static int digit_of(char c)
{
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

static size_t padding_of(struct slice text)
{
  if (text.len == 0 || text.data[text.len - 1] != '=') return 0;
  return text.data[text.len - 2] == '=' ? 2 : 1;
}

bool base64_decode(struct arena *arena, struct slice text, struct slice *bytes)
{
  if (text.len % 4) return false;
  size_t digits = text.len - padding_of(text);
  unsigned char *out = arena_alloc(arena, digits * 3 / 4 + 1);
  size_t len = 0;
  uint32_t bits = 0;
  unsigned held = 0; /* how many of the low bits are still to be written */
  for (size_t i = 0; i < digits; i++) {
    int digit = digit_of(text.data[i]);
    if (digit < 0) return false;
    bits = (bits << 6 | (uint32_t)digit) & 0x3fff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out[len++] = (unsigned char)(bits >> held);
  }
  if (bits & ((1u << held) - 1)) return false;
  out[len] = '\0';
  *bytes = (struct slice){(char *)out, len};
  return true;
}
