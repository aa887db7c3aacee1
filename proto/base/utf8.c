/* UTF-8 by the table of well-formed byte sequences (RFC 3629, 4). */
#include "base/utf8.h"

static bool in_range(unsigned char byte, unsigned char low, unsigned char high)
{
  return byte >= low && byte <= high;
}

/* The rows of RFC 3629, 4: lead bytes, the range of the second byte, and how many
 * bytes there are; third and fourth bytes are always 80..BF. */
static const struct lead {
  unsigned char first, last, second_low, second_high, len;
} leads[] = {
    {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t utf8_sequence(struct slice bytes)
{
  if (bytes.len == 0) return 0;
  const unsigned char *data = (const unsigned char *)bytes.data;
  for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
    const struct lead *lead = &leads[i];
    if (!in_range(data[0], lead->first, lead->last)) continue;
    if (bytes.len < lead->len) return 0;
    if (lead->len > 1 && !in_range(data[1], lead->second_low, lead->second_high)) return 0;
    for (size_t at = 2; at < lead->len; at++) {
      if (!in_range(data[at], 0x80, 0xbf)) return 0;
    }
    return lead->len;
  }
  return 0;
}

bool utf8_valid(struct slice bytes)
{
  size_t at = 0;
  while (at < bytes.len) {
    if ((unsigned char)bytes.data[at] < 0x80) {
      at++;
      continue;
    }
    size_t len = utf8_sequence(slice_skip(bytes, at));
    if (len == 0) return false;
    at += len;
  }
  return true;
}

bool utf8_has_control(struct slice bytes)
{
  const unsigned char *data = (const unsigned char *)bytes.data;
  for (size_t i = 0; i < bytes.len; i++) {
    if (data[i] < 0x20 || data[i] == 0x7f) return true;
    /* C1 is C2 80 to C2 9F. */
    if (data[i] == 0xc2 && i + 1 < bytes.len && data[i + 1] < 0xa0) return true;
  }
  return false;
}

size_t utf8_encode(uint32_t code_point, char out[4])
{
  if (code_point < 0x80) {
    out[0] = (char)code_point;
    return 1;
  }
  size_t len = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
  static const unsigned char lead_bits[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = len - 1; i > 0; i--) {
    out[i] = (char)(0x80 | (code_point & 0x3f));
    code_point >>= 6;
  }
  out[0] = (char)(lead_bits[len] | code_point);
  return len;
}
