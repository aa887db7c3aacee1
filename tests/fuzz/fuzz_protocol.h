/* A fuzzer of one protocol's codec is one line: FUZZ_PROTOCOL(name). The first byte of the
 * input says what the rest is: a frame, or the query and the credentials of an upgrade. */
#ifndef PARLEY_TESTS_FUZZ_PROTOCOL_H
#define PARLEY_TESTS_FUZZ_PROTOCOL_H

#include "codec_properties.h"

static inline void fuzz_identify(const struct protocol *protocol, struct slice input)
{
  const char *end = input.len ? memchr(input.data, '\n', input.len) : NULL;
  size_t query_len = end ? (size_t)(end - input.data) : input.len;
  const struct request request = {
      .method = SLICE("GET"),
      .path = slice_of(protocol->paths[0]),
      .query = {input.data, query_len},
      .authorization = slice_skip(input, query_len + 1),
  };
  struct arena arena = {0};
  struct claim claim;
  enum err err = protocol->identify(&arena, &request, &claim);
  assert(err == ERR_OK || err == ERR_UNAUTHORIZED || err == ERR_FORBIDDEN);
  if (err == ERR_OK) {
    assert(claim.user.len > 0 || claim.token.len > 0);
    assert(claim.user.len == 0 || identity_check(claim.user) == ERR_OK);
    assert(claim.room.len == 0 || identity_check_room(claim.room) == ERR_OK);
  }
  arena_free(&arena);
}

static inline int fuzz_protocol(const struct protocol *protocol, const uint8_t *data, size_t size)
{
  if (size == 0) return 0;
  const struct slice rest = {(const char *)data + 1, size - 1};
  if (data[0] == '?') {
    fuzz_identify(protocol, rest);
  } else {
    check_codec(protocol, (struct slice){(const char *)data, size});
  }
  return 0;
}

#define FUZZ_PROTOCOL(name)                                    \
  int LLVMFuzzerTestOneInput(const uint8_t *, size_t);         \
  int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) \
  {                                                            \
    return fuzz_protocol(&protocol_##name, data, size);        \
  }

#endif
