/* Outbound frames: payload copied once behind its WebSocket header (RFC 6455, 5.2):
 *
 *   byte 0      FIN and opcode
 *   byte 1      length below 126, or 126 (two bytes follow), or 127 (eight follow)
 *   then        the length, big endian; a server's frames carry no mask */
#include "base/frame.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

enum { FINAL = 0x80, LENGTH_16 = 126, LENGTH_64 = 127, HEADER_MAX = 10 };

static size_t write_big_endian(char *out, uint64_t number, size_t bytes)
{
  for (size_t i = 0; i < bytes; i++) out[i] = (char)(number >> (8 * (bytes - 1 - i)));
  return bytes;
}

static size_t write_header(char out[HEADER_MAX], enum websocket_opcode opcode, size_t len)
{
  out[0] = (char)(FINAL | opcode);
  if (len < LENGTH_16) {
    out[1] = (char)len;
    return 2;
  }
  if (len <= UINT16_MAX) {
    out[1] = LENGTH_16;
    return 2 + write_big_endian(out + 2, len, 2);
  }
  out[1] = LENGTH_64;
  return 2 + write_big_endian(out + 2, len, 8);
}

struct frame *frame_new_websocket(enum websocket_opcode opcode, struct slice payload)
{
  assert(payload.len <= UINT32_MAX - HEADER_MAX);
  char header[HEADER_MAX];
  size_t header_len = write_header(header, opcode, payload.len);
  size_t len = header_len + payload.len;
  struct frame *frame = memory_alloc(sizeof *frame + len);
  frame->references = 1;
  frame->len = (uint32_t)len;
  memcpy(frame->bytes, header, header_len);
  if (payload.len) memcpy(frame->bytes + header_len, payload.data, payload.len);
  return frame;
}

struct frame *frame_hold(struct frame *frame)
{
  assert(frame->references > 0 && frame->references < UINT32_MAX);
  frame->references++;
  return frame;
}

void frame_release(struct frame *frame)
{
  if (!frame) return;
  assert(frame->references > 0);
  if (--frame->references == 0) free(frame);
}
