/* What the tests of several codecs ask of a frame. */
#ifndef PARLEY_TEST_CODEC_CASE_H
#define PARLEY_TEST_CODEC_CASE_H

#include "protocol.h"

/* The one command that the frame is; in the arena. */
static inline const struct command *decode_one(const struct protocol *protocol,
                                               const struct session_view *view, struct arena *arena,
                                               struct slice frame)
{
  struct decoding decoding = {.arena = arena};
  protocol_decode(protocol, view, frame, &decoding);
  assert_non_null(decoding.first);
  assert_ptr_equal(decoding.first, decoding.last);
  return decoding.first;
}

/* Is it a part of the frame's own bytes? */
static inline bool borrows(struct slice part, struct slice frame)
{
  return part.data > frame.data && part.data + part.len < frame.data + frame.len;
}

#endif
