/* An outbox: the frames that wait for one connection's socket, oldest first. A ring
 * of shared frames; what it grew beyond its first few places is given back when it
 * runs empty. Bounded in bytes by its user. */
#ifndef PARLEY_GATEWAY_OUTBOX_H
#define PARLEY_GATEWAY_OUTBOX_H

#include <stdint.h>

#include "base/frame.h"

struct outbox {
  struct frame **ring;
  uint32_t bytes; /* of all frames in it */
  uint16_t first, count, capacity;
};

/* Takes over one reference. False when the ring has no more room (32,768 frames);
 * the reference is released then. */
bool outbox_push(struct outbox *outbox, struct frame *frame);

/* Appends the bytes of the oldest frames to `buffer`, as many whole frames as fit
 * into `room`; at least one, if that one alone fits. Returns how many bytes; 0 when
 * the outbox is empty or its first frame is larger than `room`. Gives the frames
 * back. */
size_t outbox_take(struct outbox *outbox, char *buffer, size_t room);

/* The oldest frame, with its reference; NULL when empty. */
struct frame *outbox_pop(struct outbox *outbox);

void outbox_clear(struct outbox *outbox);

#endif
