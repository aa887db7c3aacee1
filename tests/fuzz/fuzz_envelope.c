/* Lines from Redis, where anybody may publish: what is read as an envelope can be written,
 * read again and shown by every protocol. */
#include "codec_properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *exact = malloc(size ? size : 1);
  if (size) memcpy(exact, data, size);
  struct arena arena = {0};
  struct envelope event;
  if (envelope_decode(&arena, (struct slice){exact, size}, &event) == ERR_OK) {
    check_event(&arena, &event);
  }
  arena_free(&arena);
  free(exact);
  return 0;
}
