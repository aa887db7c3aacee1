/* Fan-out: one sender and many receivers in the lobby, over the simple protocol.
 *
 *   sender    {"type":"send_message","payload_id":"17","message":"<text 17>"}
 *   everyone  {"type":"message_sent","message":"<text 17>","timestamp":…,"username":"s…"}
 *   sender    {"type":"reply","payload_id":"17","error":null}
 *
 * A message is done when every receiver has it; then the next one is sent, with
 * `outstanding` of them under way. Each receiver must get each message once, whole
 * and in order. A newcomer sees no history, so the sender repeats a probe (sequence
 * number 0) until everyone has heard one. */
#include <inttypes.h>
#include <stdio.h>

#include "load.h"
#include "loop.h"
#include "message.h"
#include "window.h"

enum { MAX_OUTSTANDING = 64, PATIENCE_S = 10 };

struct fanout {
  const struct load *load;
  struct loop loop;
  struct window window;
  struct client *sender; /* the last of the clients */
  uint64_t *next;        /* by client: the sequence number that must come; 0: no probe heard yet */
  unsigned ready;        /* clients that heard a probe */
  uint64_t sent, done, deliveries, replies, probes;
  unsigned received[MAX_OUTSTANDING]; /* by sequence number: receivers that have it */
  char texts[MAX_OUTSTANDING][MESSAGE_BYTES];
};

static void send_text(struct fanout *fanout, const char *id_prefix, uint64_t id, const char *text)
{
  char frame[256];
  int len =
      snprintf(frame, sizeof frame,
               "{\"type\":\"send_message\",\"payload_id\":\"%s%" PRIu64 "\",\"message\":\"%.*s\"}",
               id_prefix, id, MESSAGE_BYTES, text);
  loop_send(&fanout->loop, fanout->sender, (struct slice){frame, (size_t)len});
}

static void send_probe(struct fanout *fanout)
{
  char text[MESSAGE_BYTES];
  message_write(text, (struct message){.seq = 0});
  send_text(fanout, "probe", ++fanout->probes, text);
}

static void send_next(struct fanout *fanout)
{
  uint64_t seq = ++fanout->sent;
  char *text = fanout->texts[seq % MAX_OUTSTANDING];
  message_write(text, (struct message){.seq = seq});
  fanout->received[seq % MAX_OUTSTANDING] = 0;
  send_text(fanout, "", seq, text);
}

/* A text that is not the one that had to come: a probe, or a fault. */
static void heard_other(struct fanout *fanout, struct client *client, const char *text)
{
  struct message message = message_read(text);
  uint64_t *next = &fanout->next[client->index];
  if (message.seq != 0 || *next > 1) {
    die("client %u got message %" PRIu64 " in place of %" PRIu64, client->index, message.seq,
        *next);
  }
  if (*next == 0) fanout->ready++;
  *next = 1;
}

static void heard(struct fanout *fanout, struct client *client, const char *text)
{
  uint64_t seq = fanout->next[client->index];
  unsigned slot = seq % MAX_OUTSTANDING;
  if (seq == 0 || seq > fanout->sent || memcmp(text, fanout->texts[slot], MESSAGE_BYTES) != 0) {
    heard_other(fanout, client, text);
    return;
  }
  fanout->next[client->index]++;
  if (client == fanout->sender) return;
  fanout->deliveries++;
  if (++fanout->received[slot] == fanout->load->count) fanout->done++;
}

static void text_arrived(void *arg, struct client *client, struct slice frame)
{
  struct fanout *fanout = arg;
  struct slice rest = frame;
  if (slice_starts_with(frame, SLICE("{\"type\":\"message_sent\""))) {
    const char *text = message_find(&rest);
    if (!text || message_find(&rest)) die("not one message: %.*s", SLICE_ARG(frame));
    heard(fanout, client, text);
  } else if (slice_starts_with(frame, SLICE("{\"type\":\"reply\"")) && client == fanout->sender) {
    if (!memmem(frame.data, frame.len, "\"error\":null", 12))
      die("refused: %.*s", SLICE_ARG(frame));
    fanout->replies++;
  } else if (!slice_starts_with(frame, SLICE("{\"type\":\"user_"))) {
    die("client %u did not expect %.*s", client->index, SLICE_ARG(frame));
  }
}

static void open_clients(struct fanout *fanout)
{
  char target[128];
  for (unsigned i = 0; i < fanout->load->count; i++) {
    snprintf(target, sizeof target, "/simple?username=r%s-%u", fanout->load->tag, i);
    loop_connect(&fanout->loop, target);
    if (i % 64 == 63) loop_open_all(&fanout->loop, PATIENCE_S);
  }
  snprintf(target, sizeof target, "/simple?username=s%s-0", fanout->load->tag);
  fanout->sender = loop_connect(&fanout->loop, target);
  loop_open_all(&fanout->loop, PATIENCE_S);
}

static void probe_all(struct fanout *fanout)
{
  struct stall stall = {.patience_s = PATIENCE_S, .what = "receivers that heard the sender"};
  for (uint64_t next_ns = 0; fanout->ready < fanout->loop.count;) {
    if (now_ns() >= next_ns) {
      send_probe(fanout);
      next_ns = now_ns() + NS_PER_S / 5;
    }
    loop_pass(&fanout->loop, NS_PER_S / 20);
    stall_check(&stall, fanout->ready);
  }
}

static bool all_arrived(const struct fanout *fanout)
{
  return fanout->done == fanout->sent && fanout->next[fanout->sender->index] == fanout->sent + 1 &&
         fanout->replies == fanout->sent + fanout->probes;
}

static void measure(struct fanout *fanout)
{
  const struct load *load = fanout->load;
  struct stall stall = {.patience_s = PATIENCE_S, .what = "deliveries"};
  window_begin(&fanout->window, load);
  while (fanout->window.phase != WINDOW_DRAINING || !all_arrived(fanout)) {
    window_step(&fanout->window, fanout->deliveries);
    if (fanout->window.phase != WINDOW_DRAINING) {
      while (fanout->sent - fanout->done < load->outstanding) send_next(fanout);
    }
    loop_pass(&fanout->loop, NS_PER_S / 10);
    stall_check(&stall, fanout->deliveries + fanout->replies);
  }
}

void fanout_run(const struct load *load)
{
  if (load->outstanding > MAX_OUTSTANDING) die("at most %d outstanding", MAX_OUTSTANDING);
  struct fanout fanout = {.load = load};
  loop_init(&fanout.loop, load->port, load->count + 1,
            &(struct loop_events){.text = text_arrived, .arg = &fanout});
  fanout.next = calloc(load->count + 1, sizeof *fanout.next);
  if (!fanout.next) die("no room for %u receivers", load->count);
  open_clients(&fanout);
  probe_all(&fanout);
  measure(&fanout);
  printf("{\"scenario\":\"fanout\",\"receivers\":%u,\"outstanding\":%u,", load->count,
         load->outstanding);
  window_report(&fanout.window);
  printf("\"count\":%" PRIu64 ",\"rate\":%.0f}\n", window_count(&fanout.window),
         (double)window_count(&fanout.window) / window_seconds(&fanout.window));
  free(fanout.next);
  loop_free(&fanout.loop);
}
