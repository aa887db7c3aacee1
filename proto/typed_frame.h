/* Frames that are one flat object and say by its member `type` what they are, one command
 * each (concord, rooms): a protocol gives the table of its types, and how each is read. */
#ifndef PARLEY_PROTO_TYPED_FRAME_H
#define PARLEY_PROTO_TYPED_FRAME_H

#include "command.h"

#define TYPED_FRAME_MEMBERS_MAX 8

/* Fills in a command of the type's kind from the raw members, in the order of their names;
 * one that is missing is empty. ERR_OK, or why the frame is refused. */
typedef enum err typed_frame_fn(struct arena *arena, const struct slice *members,
                                struct command *command);

struct typed_frame {
  struct slice type;
  enum command_kind kind;
  typed_frame_fn *read;
};

/* The member of that name comes first: TYPED_FRAME_TYPE. */
enum { TYPED_FRAME_TYPE = 0 };

struct typed_frames {
  const struct slice *member_names;
  size_t member_count;
  const struct typed_frame *types;
  size_t type_count;
};

/* Adds exactly one command. Its tag is the place of its type in the table, counted from 1;
 * 0 where the frame is of none. What can't be read is refused without an id: malformed, what
 * `read` says, or, with the raw type for its client_id, unsupported. */
void typed_frame_decode(const struct typed_frames *frames, struct slice frame,
                        struct decoding *decoding);

#endif
