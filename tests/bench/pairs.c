/* Pairs: `count` senders with a receiver each, over one of two ways:
 *
 *   direct, messaging
 *     sender    {"send":[{"id":17,"rid":"r…-3","sid":"s…-3","text":"<text 17>"}]}
 *     receiver  {"messages":[{"id":17,…,"text":"<text 17>"}]}
 *     sender    {"sent":[{"id":17,"rid":"r…-3"}]}
 *     receiver  {"read":[{"id":17,"sid":"s…-3"}]}           with --reads
 *   room, simple, both in ?room=b…-3
 *     sender    {"type":"send_message","payload_id":"17","message":"<text 17>"}
 *     both      {"type":"message_sent","message":"<text 17>",…}
 *     sender    {"type":"reply","payload_id":"17","error":null}
 *
 * A direct message is done when its receiver has it and its sender knows that it is
 * stored; a room message when its receiver has it. Each pair has `outstanding` under
 * way, or, with --rate, sends at that pace whatever becomes of them, and the time
 * from when a message was due to its arrival is measured. Each receiver must get
 * each message of its own sender once, whole and in order; each sender one answer. */
#include <inttypes.h>
#include <stdio.h>

#include "load.h"
#include "loop.h"
#include "message.h"
#include "stored.h"
#include "window.h"

/* PACED: how many one pair may be behind when paced. */
enum { PATIENCE_S = 10, PACED = 4096, NAME_BYTES = 48 };

struct pair {
  struct client *sender, *receiver;
  char sender_name[NAME_BYTES], receiver_name[NAME_BYTES];
  bool ready; /* room: the receiver heard a probe */
  uint64_t sent, probes, delivered, answered, own;
  uint64_t *due_ns; /* paced: by sequence number */
};

struct pairs {
  const struct load *load;
  struct loop loop;
  struct window window;
  struct pair *pairs;
  bool direct;
  unsigned ready;
  uint64_t sent, done, answered, own, probes;
  struct histogram latencies;
};

static uint64_t pair_done(const struct pairs *pairs, const struct pair *pair)
{
  if (!pairs->direct || !pairs->load->replies) return pair->delivered;
  return pair->delivered < pair->answered ? pair->delivered : pair->answered;
}

/* ---- sending ----------------------------------------------------------------------------- */

static void send_text(struct pairs *pairs, struct pair *pair, const char *id_prefix, uint64_t id,
                      const char *text)
{
  char frame[512];
  int len = pairs->direct
                ? snprintf(frame, sizeof frame,
                           "{\"send\":[{\"id\":%" PRIu64
                           ",\"rid\":\"%s\",\"sid\":\"%s\",\"text\":\"%.*s\"}]}",
                           id, pair->receiver_name, pair->sender_name, MESSAGE_BYTES, text)
                : snprintf(frame, sizeof frame,
                           "{\"type\":\"send_message\",\"payload_id\":\"%s%" PRIu64
                           "\",\"message\":\"%.*s\"}",
                           id_prefix, id, MESSAGE_BYTES, text);
  loop_send(&pairs->loop, pair->sender, (struct slice){frame, (size_t)len});
}

static void send_next(struct pairs *pairs, struct pair *pair)
{
  char text[MESSAGE_BYTES];
  message_write(text, (struct message){(unsigned)(pair - pairs->pairs), ++pair->sent});
  send_text(pairs, pair, "", pair->sent, text);
  pairs->sent++;
}

static void fill(struct pairs *pairs, struct pair *pair)
{
  if (pairs->load->rate > 0 || pairs->window.phase == WINDOW_DRAINING) return;
  while (pair->sent - pair_done(pairs, pair) < pairs->load->outstanding) send_next(pairs, pair);
}

/* One more of the pair is done, or was already: it is done when both of its halves are. */
static void progressed(struct pairs *pairs, struct pair *pair, uint64_t done_before)
{
  pairs->done += pair_done(pairs, pair) - done_before;
  fill(pairs, pair);
}

/* ---- receiving --------------------------------------------------------------------------- */

static void heard(struct pairs *pairs, struct pair *pair, const char *text)
{
  struct message message = message_read(text);
  unsigned number = (unsigned)(pair - pairs->pairs);
  if (message.sender != number)
    die("receiver %u got a message of sender %u", number, message.sender);
  if (message.seq == 0 && pair->delivered == 0 && pair->probes) {
    pairs->ready += !pair->ready;
    pair->ready = true;
    return;
  }
  if (message.seq != pair->delivered + 1 || message.seq > pair->sent) {
    die("receiver %u got message %" PRIu64 " in place of %" PRIu64, number, message.seq,
        pair->delivered + 1);
  }
  pair->delivered++;
  if (pair->due_ns && pairs->window.phase == WINDOW_MEASURING) {
    histogram_add(&pairs->latencies, now_ns() - pair->due_ns[message.seq % PACED]);
  }
}

static void mark_read(struct pairs *pairs, struct pair *pair, uint64_t first, uint64_t last)
{
  char frame[8192];
  size_t len = (size_t)snprintf(frame, sizeof frame, "{\"read\":[");
  for (uint64_t id = first; id <= last; id++) {
    len +=
        (size_t)snprintf(frame + len, sizeof frame - len, "%s{\"id\":%" PRIu64 ",\"sid\":\"%s\"}",
                         id > first ? "," : "", id, pair->sender_name);
    if (len > sizeof frame - 128) die("too many messages in one frame");
  }
  len += (size_t)snprintf(frame + len, sizeof frame - len, "]}");
  loop_send(&pairs->loop, pair->receiver, (struct slice){frame, len});
}

static void receiver_text(struct pairs *pairs, struct pair *pair, struct slice frame)
{
  uint64_t done = pair_done(pairs, pair), first = pair->delivered + 1;
  struct slice rest = frame;
  const char *text = message_find(&rest);
  if (!text && !slice_starts_with(frame, SLICE("{\"type\":\"user_"))) {
    die("%s did not expect %.*s", pair->receiver_name, SLICE_ARG(frame));
  }
  for (; text; text = message_find(&rest)) heard(pairs, pair, text);
  if (pairs->load->reads && pair->delivered >= first)
    mark_read(pairs, pair, first, pair->delivered);
  progressed(pairs, pair, done);
}

/* messaging's answer; ids come back in the order of the sends. */
static void answers_read(struct pairs *pairs, struct pair *pair, struct slice frame)
{
  static const char wanted[] = "\"id\":";
  if (!slice_starts_with(frame, SLICE("{\"sent\":["))) {
    die("%s did not expect %.*s", pair->sender_name, SLICE_ARG(frame));
  }
  const char *at = frame.data, *end = frame.data + frame.len;
  while ((at = memmem(at, (size_t)(end - at), wanted, sizeof wanted - 1))) {
    at += sizeof wanted - 1;
    uint64_t id = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) id = id * 10 + (uint64_t)(*at - '0');
    if (id != pair->answered + 1)
      die("%s: %" PRIu64 " was answered, not %" PRIu64, pair->sender_name, id, pair->answered + 1);
    pair->answered++;
    pairs->answered++;
  }
}

static void sender_text(struct pairs *pairs, struct pair *pair, struct slice frame)
{
  uint64_t done = pair_done(pairs, pair);
  struct slice rest = frame;
  if (pairs->direct) {
    answers_read(pairs, pair, frame);
  } else if (slice_starts_with(frame, SLICE("{\"type\":\"message_sent\""))) {
    if (!message_find(&rest)) die("%s did not expect %.*s", pair->sender_name, SLICE_ARG(frame));
    pairs->own++;
  } else if (slice_starts_with(frame, SLICE("{\"type\":\"reply\""))) {
    if (memmem(frame.data, frame.len, "\"not_found\"", 11))
      die_not_offered("there is no such room");
    if (!memmem(frame.data, frame.len, "\"error\":null", 12))
      die("refused: %.*s", SLICE_ARG(frame));
    pairs->answered++;
  } else if (!slice_starts_with(frame, SLICE("{\"type\":\"user_"))) {
    die("%s did not expect %.*s", pair->sender_name, SLICE_ARG(frame));
  }
  progressed(pairs, pair, done);
}

static void text_arrived(void *arg, struct client *client, struct slice frame)
{
  struct pairs *pairs = arg;
  struct pair *pair = &pairs->pairs[client->index / 2];
  if (client == pair->sender)
    sender_text(pairs, pair, frame);
  else
    receiver_text(pairs, pair, frame);
}

/* ---- the run ----------------------------------------------------------------------------- */

static void refused(void *arg, struct client *client, unsigned status)
{
  (void)arg;
  die_not_offered("client %u was refused with %u", client->index, status);
}

static struct client *pair_connect(struct pairs *pairs, const char *name, unsigned number)
{
  char target[256];
  if (pairs->direct)
    snprintf(target, sizeof target, "/messaging?client_id=%s", name);
  else
    snprintf(target, sizeof target, "/simple?room=b%s-%u&username=%s", pairs->load->tag, number,
             name);
  return loop_connect(&pairs->loop, target);
}

static void open_pairs(struct pairs *pairs)
{
  for (unsigned i = 0; i < pairs->load->count; i++) {
    struct pair *pair = &pairs->pairs[i];
    snprintf(pair->sender_name, NAME_BYTES, "s%s-%u", pairs->load->tag, i);
    snprintf(pair->receiver_name, NAME_BYTES, "r%s-%u", pairs->load->tag, i);
    pair->sender = pair_connect(pairs, pair->sender_name, i);
    pair->receiver = pair_connect(pairs, pair->receiver_name, i);
    if (pairs->load->rate > 0) pair->due_ns = calloc(PACED, sizeof *pair->due_ns);
    if (i % 32 == 31) loop_open_all(&pairs->loop, PATIENCE_S);
  }
  loop_open_all(&pairs->loop, PATIENCE_S);
}

/* A newcomer in a room sees no history, and may hear it only a moment after its
 * handshake: the senders repeat themselves until everyone was heard. */
static void probe_all(struct pairs *pairs)
{
  struct stall stall = {.patience_s = PATIENCE_S, .what = "receivers that heard their sender"};
  for (uint64_t next_ns = 0; pairs->ready < pairs->load->count;) {
    for (unsigned i = 0; now_ns() >= next_ns && i < pairs->load->count; i++) {
      struct pair *pair = &pairs->pairs[i];
      if (pair->ready) continue;
      char text[MESSAGE_BYTES];
      message_write(text, (struct message){i, 0});
      send_text(pairs, pair, "probe", ++pair->probes, text);
      pairs->probes++;
    }
    if (now_ns() >= next_ns) next_ns = now_ns() + NS_PER_S / 5;
    loop_pass(&pairs->loop, NS_PER_S / 20);
    stall_check(&stall, pairs->ready);
  }
}

/* Sends what is due, in turn over the pairs; gives the time until the next is. */
static uint64_t pace(struct pairs *pairs, uint64_t began_ns)
{
  double interval_ns = (double)NS_PER_S / pairs->load->rate;
  for (;;) {
    uint64_t due = began_ns + (uint64_t)((double)pairs->sent * interval_ns), now = now_ns();
    if (due > now) return due - now;
    struct pair *pair = &pairs->pairs[pairs->sent % pairs->load->count];
    if (pair->sent - pair->delivered >= PACED)
      die("%.0f messages a second are too many", pairs->load->rate);
    pair->due_ns[(pair->sent + 1) % PACED] = due;
    send_next(pairs, pair);
  }
}

static bool all_arrived(const struct pairs *pairs)
{
  bool answered = !pairs->load->replies || pairs->answered == pairs->sent + pairs->probes;
  bool own = pairs->direct || !pairs->load->replies || pairs->own >= pairs->sent;
  return pairs->done == pairs->sent && answered && own;
}

static void measure(struct pairs *pairs)
{
  struct stall stall = {.patience_s = PATIENCE_S, .what = "messages"};
  uint64_t began_ns = now_ns();
  window_begin(&pairs->window, pairs->load);
  for (unsigned i = 0; i < pairs->load->count; i++) fill(pairs, &pairs->pairs[i]);
  while (pairs->window.phase != WINDOW_DRAINING || !all_arrived(pairs)) {
    uint64_t wait_ns = NS_PER_S / 10;
    window_step(&pairs->window, pairs->done);
    if (pairs->load->rate > 0 && pairs->window.phase != WINDOW_DRAINING)
      wait_ns = pace(pairs, began_ns);
    loop_pass(&pairs->loop, wait_ns);
    stall_check(&stall, pairs->done + pairs->answered + pairs->own);
  }
  loop_pass(&pairs->loop, 0); /* writes the last marks */
}

static void report(const struct pairs *pairs)
{
  printf("{\"scenario\":\"%s\",\"pairs\":%u,\"outstanding\":%u,\"reads\":%s,",
         pairs->direct ? "direct" : "room", pairs->load->count, pairs->load->outstanding,
         pairs->load->reads ? "true" : "false");
  window_report(&pairs->window);
  if (pairs->load->rate > 0) {
    printf("\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,",
           (double)histogram_quantile_ns(&pairs->latencies, 0.5) / 1e3,
           (double)histogram_quantile_ns(&pairs->latencies, 0.99) / 1e3,
           (double)histogram_quantile_ns(&pairs->latencies, 0.999) / 1e3);
  }
  printf("\"count\":%" PRIu64 ",\"rate\":%.0f}\n", window_count(&pairs->window),
         (double)window_count(&pairs->window) / window_seconds(&pairs->window));
}

static void pairs_run(const struct load *load, bool direct)
{
  static struct pairs pairs;
  pairs.load = load;
  pairs.direct = direct;
  pairs.pairs = calloc(load->count, sizeof *pairs.pairs);
  if (!pairs.pairs) die("no room for %u pairs", load->count);
  loop_init(&pairs.loop, load->port, 2 * load->count,
            &(struct loop_events){
                .text = text_arrived, .refused = direct ? NULL : refused, .arg = &pairs});
  open_pairs(&pairs);
  if (!direct) probe_all(&pairs);
  measure(&pairs);
  if (direct && load->redis) stored_check(load, load->reads ? 0 : pairs.sent);
  report(&pairs);
  for (unsigned i = 0; i < load->count; i++) free(pairs.pairs[i].due_ns);
  free(pairs.pairs);
  loop_free(&pairs.loop);
}

void direct_run(const struct load *load)
{
  pairs_run(load, true);
}

void room_run(const struct load *load)
{
  pairs_run(load, false);
}
