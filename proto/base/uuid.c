/* See uuid.h. ASCII alone, whatever the locale. */
#include "base/uuid.h"

bool uuid_is_dash(size_t at)
{
  return at == 8 || at == 13 || at == 18 || at == 23;
}

static bool is_hexadecimal(char c)
{
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool uuid_is(struct slice text)
{
  if (text.len != UUID_TEXT_BYTES) return false;
  for (size_t i = 0; i < text.len; i++) {
    if (uuid_is_dash(i) ? text.data[i] != '-' : !is_hexadecimal(text.data[i])) return false;
  }
  return true;
}

static bool is_upper(char c)
{
  return c >= 'A' && c <= 'F';
}

bool uuid_is_lower(struct slice uuid)
{
  for (size_t i = 0; i < uuid.len; i++)
    if (is_upper(uuid.data[i])) return false;
  return true;
}

void uuid_lower(struct slice uuid, char out[UUID_TEXT_BYTES + 1])
{
  for (size_t i = 0; i < UUID_TEXT_BYTES; i++) {
    char c = uuid.data[i];
    out[i] = (char)(is_upper(c) ? c - 'A' + 'a' : c);
  }
  out[UUID_TEXT_BYTES] = '\0';
}
