/* UUIDs on OpenSSL's SHA-1 and libsodium's random numbers. */
#include "uuid.h"

#include <assert.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "base/text.h"

/* The URL namespace, 6ba7b811-9dad-11d1-80b4-00c04fd430c8 (RFC 9562, 6.6). */
static const unsigned char url_namespace[16] = {
    0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
};

static void mark(unsigned char bytes[16], unsigned version)
{
  bytes[6] = (unsigned char)((bytes[6] & 0x0f) | version << 4);
  bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80); /* the RFC's variant */
}

static void write_text(const unsigned char bytes[16], char out[UUID_TEXT_BYTES + 1])
{
  static const char digits[] = "0123456789abcdef";
  size_t at = 0;
  for (size_t i = 0; i < 16; i++) {
    if (uuid_is_dash(at)) out[at++] = '-';
    out[at++] = digits[bytes[i] >> 4];
    out[at++] = digits[bytes[i] & 15];
  }
  out[at] = '\0';
}

/* Looked up once: OpenSSL takes longer for that than for hashing a name. */
static const EVP_MD *sha1(void)
{
  static const EVP_MD *fetched;
  if (!fetched) fetched = EVP_MD_fetch(NULL, "SHA1", NULL);
  assert(fetched);
  return fetched;
}

void uuid_of(const char *kind, struct slice id, char out[UUID_TEXT_BYTES + 1])
{
  if (uuid_is(id)) {
    uuid_lower(id, out);
    return;
  }
  struct text name = {0};
  text_append(&name, (struct slice){(const char *)url_namespace, sizeof url_namespace});
  text_append(&name, SLICE("parley:"));
  text_append(&name, slice_of(kind));
  text_append_char(&name, ':');
  text_append(&name, id);
  unsigned char hash[EVP_MAX_MD_SIZE];
  int hashed = EVP_Digest(name.data, name.len, hash, NULL, sha1(), NULL);
  assert(hashed == 1);
  (void)hashed;
  text_free(&name);
  mark(hash, 5);
  write_text(hash, out);
}

void uuid_random(char out[UUID_TEXT_BYTES + 1])
{
  unsigned char bytes[16];
  randombytes_buf(bytes, sizeof bytes);
  mark(bytes, 4);
  write_text(bytes, out);
}
