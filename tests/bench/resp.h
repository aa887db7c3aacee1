/* As much of Redis's protocol (RESP2) as the bench speaks: commands are written into
 * a buffer, replies are read whole, either by waiting for them or from what arrived. */
#ifndef PARLEY_BENCH_RESP_H
#define PARLEY_BENCH_RESP_H

#include "base/slice.h"
#include "bytes.h"

/* A connection to Redis's Unix socket. */
struct resp {
  int fd;
  struct bytes out, in;
};

void resp_open(struct resp *resp, const char *path);

/* Appends a command's head; `count` calls of resp_word must follow. */
void resp_command(struct bytes *out, unsigned count);
void resp_word(struct bytes *out, struct slice word);

/* How many bytes the first reply in `data` takes; 0 when it is not there whole. An
 * error reply ends the program. */
size_t resp_reply(struct slice data);

/* The string or number of a reply, without its dressing. */
struct slice resp_value(struct slice reply);

/* The items of an array reply, whole replies each; dies where there are not `count`. */
void resp_items(struct slice reply, struct slice *items, unsigned count);

/* Writes `out` and waits for the next reply, which lives until the next call. */
struct slice resp_wait(struct resp *resp);

void resp_close(struct resp *resp);

#endif
