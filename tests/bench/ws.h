/* WebSocket frames and the opening handshake (RFC 6455), as far as a load generator
 * and the bare servers that it is compared with need them: no extensions, no
 * fragments, nothing over 65,535 bytes written. */
#ifndef PARLEY_BENCH_WS_H
#define PARLEY_BENCH_WS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "bytes.h"

enum ws_opcode { WS_TEXT = 1, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

/* The sample key of RFC 6455, 1.3, and what a server must answer to it. Every
 * connection of the load generator uses it, so that the bare servers need no SHA-1. */
#define WS_KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

struct ws_frame {
  enum ws_opcode opcode;
  char *payload; /* inside the bytes that were read; unmasked in place */
  size_t len;
};

/* The first frame of `data`. Returns how many bytes it takes, 0 when it is not there
 * whole. What neither side may send here (fragments, extensions, a mask where there
 * must be none or the reverse) ends the program. */
size_t ws_frame_read(char *data, size_t len, bool masked, struct ws_frame *frame);

/* Appends one frame. A client masks, with a fresh key for each frame. */
void ws_frame_write(struct bytes *out, enum ws_opcode opcode, struct slice payload, bool masked);

#endif
