/* A frame is a ready-made outbound message, written once and shared by the
 * queues of all its receivers. The last one that releases it frees it. In front
 * of the payload there is room for the WebSocket header (RFC 6455, 5.2), which
 * frame_new_websocket fills, so that the bytes go to the socket as they are.
 * One thread per process: the count is plain. */
#ifndef PARLEY_BASE_FRAME_H
#define PARLEY_BASE_FRAME_H

#include <stdint.h>

#include "slice.h"

enum websocket_opcode {
  WEBSOCKET_TEXT = 1,
  WEBSOCKET_CLOSE = 8,
  WEBSOCKET_PING = 9,
  WEBSOCKET_PONG = 10,
};

struct frame {
  uint32_t references;
  uint32_t len;
  char bytes[]; /* `len` bytes as they go on the wire */
};

/* An unmasked, final WebSocket frame with this payload (copied); the caller owns
 * one reference. The payload is below 4 GiB. */
struct frame *frame_new_websocket(enum websocket_opcode opcode, struct slice payload);

/* One more reference; returns the frame. */
struct frame *frame_hold(struct frame *frame);

/* One reference less; the last one frees. NULL is allowed. */
void frame_release(struct frame *frame);

static inline struct slice frame_slice(const struct frame *frame)
{
  return (struct slice){frame->bytes, frame->len};
}

#endif
