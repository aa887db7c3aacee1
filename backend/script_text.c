/* See script_text.h. */
#include "script_text.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"

/* The scripts' texts: generated from scripts/ by embed_scripts.cmake. */
static const char *const script_texts[SCRIPT_COUNT] = {
#define X(name, text) [SCRIPT_##name] = text,
#include "scripts.def"
#undef X
};

static void write_hash(struct script_text *script)
{
  static const char digits[] = "0123456789abcdef";
  unsigned char hash[EVP_MAX_MD_SIZE];
  int hashed = EVP_Digest(script->text.data, script->text.len, hash, NULL, EVP_sha1(), NULL);
  assert(hashed == 1);
  (void)hashed;
  for (size_t at = 0; at < SHA1_HEX_BYTES; at++)
    script->hash[at] = digits[at % 2 ? hash[at / 2] & 15 : hash[at / 2] >> 4];
}

/* In a cluster channels are sharded ones, on their owner's own master. */
static char *sharded(const char *script)
{
  static const char plain[] = "'PUBLISH'";
  struct text out = {0};
  for (const char *at; (at = strstr(script, plain)); script = at + sizeof plain - 1) {
    text_append(&out, (struct slice){script, (size_t)(at - script)});
    text_append(&out, SLICE("'SPUBLISH'"));
  }
  text_append(&out, slice_of(script));
  char *text = memory_copy(out.data, out.len);
  text_free(&out);
  return text;
}

void script_texts_read(struct script_text texts[SCRIPT_COUNT], bool in_cluster)
{
  for (size_t i = 0; i < SCRIPT_COUNT; i++) {
    assert(script_texts[i]); /* a row of STORE_SCRIPTS has its file */
    texts[i].own = in_cluster ? sharded(script_texts[i]) : NULL;
    texts[i].text = slice_of(in_cluster ? texts[i].own : script_texts[i]);
    write_hash(&texts[i]);
  }
}

void script_texts_free(struct script_text texts[SCRIPT_COUNT])
{
  for (size_t i = 0; i < SCRIPT_COUNT; i++) free(texts[i].own);
}
