/* See outbox.h. */
#include "outbox.h"

#include <stdlib.h>

#include "base/memory.h"

enum { FIRST_CAPACITY = 4, MAX_CAPACITY = 32768 };

static bool grow(struct outbox *outbox)
{
  if (outbox->capacity >= MAX_CAPACITY) return false;
  uint16_t capacity = outbox->capacity ? (uint16_t)(outbox->capacity * 2) : FIRST_CAPACITY;
  struct frame **ring = memory_alloc(capacity * sizeof *ring);
  for (uint16_t i = 0; i < outbox->count; i++)
    ring[i] = outbox->ring[(outbox->first + i) & (outbox->capacity - 1)];
  free(outbox->ring);
  outbox->ring = ring;
  outbox->first = 0;
  outbox->capacity = capacity;
  return true;
}

bool outbox_push(struct outbox *outbox, struct frame *frame)
{
  if (outbox->count == outbox->capacity && !grow(outbox)) {
    frame_release(frame);
    return false;
  }
  outbox->ring[(outbox->first + outbox->count) & (outbox->capacity - 1)] = frame;
  outbox->count++;
  outbox->bytes += frame->len;
  return true;
}

struct frame *outbox_pop(struct outbox *outbox)
{
  if (outbox->count == 0) return NULL;
  struct frame *frame = outbox->ring[outbox->first];
  outbox->first = (uint16_t)((outbox->first + 1) & (outbox->capacity - 1));
  outbox->count--;
  outbox->bytes -= frame->len;
  if (outbox->count == 0 && outbox->capacity > FIRST_CAPACITY) outbox_clear(outbox);
  return frame;
}

size_t outbox_take(struct outbox *outbox, char *buffer, size_t room)
{
  size_t used = 0;
  while (outbox->count > 0 && outbox->ring[outbox->first]->len <= room - used) {
    struct frame *frame = outbox_pop(outbox);
    memcpy(buffer + used, frame->bytes, frame->len);
    used += frame->len;
    frame_release(frame);
  }
  return used;
}

void outbox_clear(struct outbox *outbox)
{
  while (outbox->count > 0) {
    frame_release(outbox->ring[outbox->first]);
    outbox->first = (uint16_t)((outbox->first + 1) & (outbox->capacity - 1));
    outbox->count--;
  }
  free(outbox->ring);
  *outbox = (struct outbox){0};
}
