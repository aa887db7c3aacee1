/* From a flat frame to its command, by a table of types. */
#include "typed_frame.h"

#include <assert.h>

/* The type's place in the table, counted from 1; 0 where it is unknown. */
static unsigned find_type(const struct typed_frames *frames, struct slice raw_type)
{
  for (unsigned i = 0; i < frames->type_count; i++) {
    if (json_key_is(raw_type, frames->types[i].type)) return i + 1;
  }
  return 0;
}

void typed_frame_decode(const struct typed_frames *frames, struct slice frame,
                        struct decoding *decoding)
{
  const struct slice no_id = {NULL, 0};
  struct slice members[TYPED_FRAME_MEMBERS_MAX];
  assert(frames->member_count <= TYPED_FRAME_MEMBERS_MAX);
  json_members(frame, frames->member_names, frames->member_count, members);
  struct slice raw_type = members[TYPED_FRAME_TYPE];
  if (!json_is_string(raw_type)) {
    decoding_refuse(decoding, ERR_MALFORMED, no_id);
    return;
  }
  unsigned tag = find_type(frames, raw_type);
  if (tag == 0) {
    decoding_refuse(decoding, ERR_UNSUPPORTED, raw_type);
    return;
  }
  const struct typed_frame *type = &frames->types[tag - 1];
  struct command read = {.kind = type->kind, .tag = tag};
  enum err err = type->read(decoding->arena, members, &read);
  if (err == ERR_OK) {
    *decoding_add(decoding, read.kind) = read;
  } else {
    decoding_refuse(decoding, err, no_id)->tag = tag;
  }
}
