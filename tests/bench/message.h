/* The text that every benchmark sends: 128 bytes that name their sender and their
 * place in that sender's sequence, and whose rest follows from these two, so that a
 * receiver can tell a lost, repeated, reordered or damaged message.
 *
 *   ~000017.0000004711.lmnopqrst…
 *
 * '~' occurs nowhere else in a frame. */
#ifndef PARLEY_BENCH_MESSAGE_H
#define PARLEY_BENCH_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

enum { MESSAGE_BYTES = 128 };

struct message {
  unsigned sender;
  uint64_t seq;
};

void message_write(char out[MESSAGE_BYTES], struct message message);

/* The first message of `frame`, whole; what follows it stays in `frame`. NULL when
 * there is none. One that is cut short ends the program. */
const char *message_find(struct slice *frame);

/* What a text says it is; checked to the last byte. A damaged one ends the program. */
struct message message_read(const char *text);

#endif
