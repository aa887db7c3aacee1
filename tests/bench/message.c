/* See message.h. */
#include "message.h"

#include <stdio.h>

#include "die.h"

enum {
  SENDER_AT = 1,
  SENDER_DIGITS = 6,
  SEQ_AT = 8,
  SEQ_DIGITS = 10,
  FILLER_AT = 19,
  LETTERS = 26
};

static void digits_write(char *out, unsigned count, uint64_t number)
{
  for (unsigned i = count; i-- > 0; number /= 10) out[i] = (char)('0' + number % 10);
}

static uint64_t digits_read(const char *text, unsigned count)
{
  uint64_t number = 0;
  for (unsigned i = 0; i < count; i++) {
    if (text[i] < '0' || text[i] > '9') die("a damaged message: %.*s", MESSAGE_BYTES, text);
    number = number * 10 + (uint64_t)(text[i] - '0');
  }
  return number;
}

/* Letters from `first` on, for the longest filler. */
static const char *filler(unsigned first)
{
  static char letters[LETTERS + MESSAGE_BYTES];
  if (!letters[0]) {
    for (unsigned i = 0; i < sizeof letters; i++) letters[i] = (char)('a' + i % LETTERS);
  }
  return letters + first % LETTERS;
}

static unsigned filler_first(struct message message)
{
  return (unsigned)((message.seq + message.sender) % LETTERS);
}

void message_write(char out[MESSAGE_BYTES], struct message message)
{
  out[0] = '~';
  digits_write(out + SENDER_AT, SENDER_DIGITS, message.sender);
  out[SENDER_AT + SENDER_DIGITS] = '.';
  digits_write(out + SEQ_AT, SEQ_DIGITS, message.seq);
  out[SEQ_AT + SEQ_DIGITS] = '.';
  memcpy(out + FILLER_AT, filler(filler_first(message)), MESSAGE_BYTES - FILLER_AT);
}

const char *message_find(struct slice *frame)
{
  const char *text = frame->len ? memchr(frame->data, '~', frame->len) : NULL;
  if (!text) return NULL;
  size_t rest = (size_t)(frame->data + frame->len - text);
  if (rest < MESSAGE_BYTES) die("a message cut short: %.*s", SLICE_ARG(*frame));
  *frame = (struct slice){text + MESSAGE_BYTES, rest - MESSAGE_BYTES};
  return text;
}

struct message message_read(const char *text)
{
  struct message message = {.sender = (unsigned)digits_read(text + SENDER_AT, SENDER_DIGITS),
                            .seq = digits_read(text + SEQ_AT, SEQ_DIGITS)};
  char expected[MESSAGE_BYTES];
  message_write(expected, message);
  if (memcmp(expected, text, MESSAGE_BYTES) != 0)
    die("a damaged message: %.*s", MESSAGE_BYTES, text);
  return message;
}
