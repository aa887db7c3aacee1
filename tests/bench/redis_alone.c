/* Redis alone: how many stored direct messages a second it can take, with the very
 * script that the gateway runs for each, the same bounds, and as many under way as the
 * gateway has when `count` pairs have `outstanding` messages each. What a node does
 * with the answers is left out; what Redis does for a node is not: the recipients'
 * channels are subscribed on a second connection, and a message is done when its
 * answer and its publication are both there.
 *
 * Keys and arguments are those of inbox_push in backend/inbox.c. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "load.h"
#include "message.h"
#include "resp.h"
#include "window.h"

enum {
  PATIENCE_S = 10,
  READ_BYTES = 256 * 1024,
  KEY_BYTES = 128,
  SECONDS_PER_DAY = 86400,
  SHA1_HEX_BYTES = 40
};

/* As gateway/config.def has them. */
#define INBOX_MESSAGES "10000"
#define INBOX_SECONDS  "2678400" /* 31 days */
#define INBOX_DAYS     30
#define DEDUPE_MS      "300000"

struct alone {
  const struct load *load;
  struct resp commands, subscriber;
  struct window window;
  char hash[SHA1_HEX_BYTES];
  char day[24], kept_from[24];
  struct progress {
    uint64_t sent, answered, published;
  } * pairs;
  unsigned *order; /* a ring: which pairs the answers to come are of */
  uint64_t asked, answered, done;
};

static void word(struct alone *alone, const char *text)
{
  resp_word(&alone->commands.out, slice_of(text));
}

static void key(struct alone *alone, unsigned pair, const char *suffix)
{
  char name[KEY_BYTES];
  snprintf(name, sizeof name, "parley:user:{r%s-%u}%s", alone->load->tag, pair, suffix);
  word(alone, name);
}

/* An envelope behind its stamp, as long as the gateway's for the same message. */
static void envelope(struct alone *alone, unsigned pair)
{
  char rest[1024], text[MESSAGE_BYTES];
  const char *tag = alone->load->tag;
  message_write(text, (struct message){pair, alone->pairs[pair].sent});
  int len = snprintf(
      rest, sizeof rest,
      "\"kind\":\"message.sent\",\"ts\":1700000000123,"
      "\"from\":{\"id\":\"s%s-%u\",\"num\":%u,\"uuid\":\"0f4c9d4e-3c1c-5a56-9e0f-3a3a8d1b7c11\","
      "\"name\":\"s%s-%u\"},"
      "\"to\":{\"kind\":\"user\",\"id\":\"r%s-%u\",\"num\":%u,\"uuid\":\"5d1f7a0e-9b57-5b0a-8c39-"
      "1f2e3d4c5b6a\",\"name\":\"r%s-%u\"},"
      "\"dialog\":{\"id\":\"r%s-%u|s%s-%u\",\"num\":%u,\"uuid\":\"a3b2c1d0-e4f5-5768-9a0b-"
      "1c2d3e4f5061\"},"
      "\"keep\":\"until_read\",\"origin\":{\"protocol\":\"messaging\",\"node\":\"gw-bench.0\","
      "\"session\":\"gw-bench.0-5k2j9x1\",\"client_id\":%" PRIu64
      ",\"from\":\"s%s-%u\",\"to\":\"r%s-%u\"},"
      "\"body\":{\"text\":\"%.*s\"}}",
      tag, pair, 2 * pair + 1, tag, pair, tag, pair, 2 * pair + 2, tag, pair, tag, pair, tag, pair,
      pair + 2, alone->pairs[pair].sent, tag, pair, tag, pair, MESSAGE_BYTES, text);
  resp_word(&alone->commands.out, (struct slice){rest, (size_t)len});
}

static void push(struct alone *alone, unsigned pair, const char *block)
{
  char dedupe[64];
  uint64_t seq = ++alone->pairs[pair].sent;
  snprintf(dedupe, sizeof dedupe, ":sent:%032" PRIx64, seq * 0x9e3779b97f4a7c15u);
  resp_command(&alone->commands.out, 18);
  word(alone, "EVALSHA");
  resp_word(&alone->commands.out, (struct slice){alone->hash, SHA1_HEX_BYTES});
  word(alone, "4");
  key(alone, pair, ":unread");
  key(alone, pair, ":unread:messages");
  key(alone, pair, ":inbox");
  key(alone, pair, dedupe);
  envelope(alone, pair);
  key(alone, pair, "");
  word(alone, INBOX_MESSAGES);
  word(alone, INBOX_SECONDS);
  word(alone, alone->day);
  word(alone, alone->kept_from);
  word(alone, DEDUPE_MS);
  word(alone, "1");
  word(alone, "w:gw-bench.0");
  word(alone, "0000000000000"); /* the epoch of a first term */
  word(alone, block);
  unsigned slots = alone->load->count * alone->load->outstanding;
  alone->order[alone->asked++ % slots] = pair;
}

/* ---- answers ------------------------------------------------------------------------------ */

static uint64_t done_of(const struct progress *pair)
{
  return pair->answered < pair->published ? pair->answered : pair->published;
}

static void progressed(struct alone *alone, unsigned pair, uint64_t done_before)
{
  if (done_of(&alone->pairs[pair]) == done_before) return;
  alone->done++;
  if (alone->window.phase != WINDOW_DRAINING) push(alone, pair, "");
}

static void answered(struct alone *alone, struct slice reply)
{
  unsigned slots = alone->load->count * alone->load->outstanding;
  unsigned pair = alone->order[alone->answered++ % slots];
  uint64_t done = done_of(&alone->pairs[pair]);
  struct slice stamp = resp_value(reply);
  const char *blank = memchr(stamp.data, ' ', stamp.len);
  /* "id seq": seq is dense in the inbox, which is this pair's alone. */
  uint64_t seq = blank ? strtoull(blank, NULL, 10) : 0;
  if (seq != ++alone->pairs[pair].answered) die("the script answers %.*s", SLICE_ARG(stamp));
  progressed(alone, pair, done);
}

static void published(struct alone *alone, struct slice reply)
{
  struct slice items[3];
  resp_items(reply, items, 3);
  struct slice rest = resp_value(items[2]);
  const char *text = message_find(&rest);
  if (!text) die("a publication without a message: %.*s", SLICE_ARG(reply));
  struct message message = message_read(text);
  if (message.sender >= alone->load->count ||
      message.seq != alone->pairs[message.sender].published + 1) {
    die("message %" PRIu64 " of pair %u was published out of turn", message.seq, message.sender);
  }
  uint64_t done = done_of(&alone->pairs[message.sender]);
  alone->pairs[message.sender].published++;
  progressed(alone, message.sender, done);
}

static void read_in(struct alone *alone, struct resp *resp,
                    void (*take)(struct alone *alone, struct slice reply))
{
  ssize_t got = recv(resp->fd, bytes_reserve(&resp->in, READ_BYTES), READ_BYTES, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) die("Redis ended the connection");
  resp->in.len += (size_t)got;
  size_t used = 0, len;
  while ((len = resp_reply((struct slice){resp->in.data + used, resp->in.len - used})) > 0) {
    take(alone, (struct slice){resp->in.data + used, len});
    used += len;
  }
  bytes_drop(&resp->in, used);
}

static void write_out(struct resp *resp)
{
  if (resp->out.len == 0) return;
  ssize_t sent = send(resp->fd, resp->out.data, resp->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN) die("Redis: %m");
  if (sent > 0) bytes_drop(&resp->out, (size_t)sent);
}

/* ---- the run ------------------------------------------------------------------------------ */

static void script_load(struct alone *alone)
{
  struct bytes text = {0};
  FILE *file = alone->load->script ? fopen(alone->load->script, "re") : NULL;
  if (!file) die("--script: %m");
  size_t got;
  while ((got = fread(bytes_reserve(&text, 4096), 1, 4096, file)) > 0) text.len += got;
  fclose(file);
  resp_command(&alone->commands.out, 3);
  word(alone, "SCRIPT");
  word(alone, "LOAD");
  resp_word(&alone->commands.out, (struct slice){text.data, text.len});
  struct slice hash = resp_value(resp_wait(&alone->commands));
  if (hash.len != SHA1_HEX_BYTES) die("SCRIPT LOAD answers %.*s", SLICE_ARG(hash));
  memcpy(alone->hash, hash.data, SHA1_HEX_BYTES);
  bytes_free(&text);
}

static void subscribe_all(struct alone *alone)
{
  for (unsigned i = 0; i < alone->load->count; i++) {
    char channel[KEY_BYTES];
    snprintf(channel, sizeof channel, "parley:user:{r%s-%u}", alone->load->tag, i);
    resp_command(&alone->subscriber.out, 2);
    resp_word(&alone->subscriber.out, SLICE("SUBSCRIBE"));
    resp_word(&alone->subscriber.out, slice_of(channel));
    resp_wait(&alone->subscriber);
  }
}

/* The first message of each inbox, which brings a block of ids. */
static void begin_inboxes(struct alone *alone)
{
  for (unsigned i = 0; i < alone->load->count; i++) {
    char block[16];
    snprintf(block, sizeof block, "%u", i + 1);
    push(alone, i, block);
    resp_wait(&alone->commands);
    resp_wait(&alone->subscriber);
    alone->pairs[i].answered = alone->pairs[i].published = 1;
    alone->answered++;
    alone->done++;
  }
  /* The last replies, which resp_wait keeps. */
  alone->commands.in.len = alone->subscriber.in.len = 0;
}

static void measure(struct alone *alone)
{
  struct stall stall = {.patience_s = PATIENCE_S, .what = "messages"};
  window_begin(&alone->window, alone->load);
  for (unsigned i = 0; i < alone->load->count * alone->load->outstanding; i++)
    push(alone, i % alone->load->count, "");
  while (alone->window.phase != WINDOW_DRAINING || alone->done < alone->asked) {
    window_step(&alone->window, alone->done);
    write_out(&alone->commands);
    short commands_wanted = alone->commands.out.len ? POLLIN | POLLOUT : POLLIN;
    struct pollfd ready[] = {{alone->commands.fd, commands_wanted, 0},
                             {alone->subscriber.fd, POLLIN, 0}};
    if (poll(ready, 2, 100) < 0 && errno != EINTR) die("poll: %m");
    if (ready[0].revents & ~POLLOUT) read_in(alone, &alone->commands, answered);
    if (ready[1].revents) read_in(alone, &alone->subscriber, published);
    stall_check(&stall, alone->done);
  }
}

static void days_write(struct alone *alone)
{
  long today = (long)(time(NULL) / SECONDS_PER_DAY);
  snprintf(alone->day, sizeof alone->day, "%ld", today);
  snprintf(alone->kept_from, sizeof alone->kept_from, "%ld", today - INBOX_DAYS);
}

void redis_run(const struct load *load)
{
  if (!load->redis) die("--redis is needed");
  struct alone alone = {.load = load};
  alone.pairs = calloc(load->count, sizeof *alone.pairs);
  alone.order = calloc((size_t)load->count * load->outstanding, sizeof *alone.order);
  if (!alone.pairs || !alone.order) die("no room for %u pairs", load->count);
  resp_open(&alone.commands, load->redis);
  resp_open(&alone.subscriber, load->redis);
  days_write(&alone);
  script_load(&alone);
  subscribe_all(&alone);
  begin_inboxes(&alone);
  measure(&alone);
  printf("{\"scenario\":\"redis\",\"pairs\":%u,\"outstanding\":%u,", load->count,
         load->outstanding);
  window_report(&alone.window);
  printf("\"count\":%" PRIu64 ",\"rate\":%.0f}\n", window_count(&alone.window),
         (double)window_count(&alone.window) / window_seconds(&alone.window));
  free(alone.pairs);
  free(alone.order);
  resp_close(&alone.commands);
  resp_close(&alone.subscriber);
}
