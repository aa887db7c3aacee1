/* A crowd: many connections that do nothing, over the messaging protocol.
 *
 *   connect   how many a second are accepted, with `outstanding` of them in flight,
 *             and whether the last thousand come as fast as the first
 *   idle      what each costs in memory: of the server's processes (their proportional
 *             set size) and of Redis
 *
 * At the end the first one writes to the last one, which shows that they are more than
 * open sockets; a bare server (--no-replies) is spared that. */
#include <inttypes.h>
#include <stdio.h>

#include "load.h"
#include "loop.h"
#include "message.h"
#include "stored.h"

enum { PATIENCE_S = 10, THOUSAND = 1000, STEADY_LOOKS = 5 };

struct crowd {
  const struct load *load;
  struct loop loop;
  uint64_t *opened_ns; /* by how many were open then */
  bool delivered, answered;
};

static void connect_next(struct crowd *crowd)
{
  char target[128];
  if (crowd->loop.count == crowd->load->count) return;
  snprintf(target, sizeof target, "/messaging?client_id=c%s-%u", crowd->load->tag,
           crowd->loop.count);
  loop_connect(&crowd->loop, target);
}

static void opened(void *arg, struct client *client)
{
  struct crowd *crowd = arg;
  (void)client;
  crowd->opened_ns[crowd->loop.open] = now_ns();
  connect_next(crowd);
}

static void text_arrived(void *arg, struct client *client, struct slice frame)
{
  struct crowd *crowd = arg;
  struct slice rest = frame;
  const char *text = message_find(&rest);
  if (client->index == 0 && slice_starts_with(frame, SLICE("{\"sent\":["))) {
    crowd->answered = true;
  } else if (client->index == crowd->load->count - 1 && text && message_read(text).seq == 1) {
    crowd->delivered = true;
  } else {
    die("client %u did not expect %.*s", client->index, SLICE_ARG(frame));
  }
}

static void open_all(struct crowd *crowd, const struct load *load)
{
  crowd->load = load;
  loop_init(&crowd->loop, load->port, load->count,
            &(struct loop_events){.opened = opened, .text = text_arrived, .arg = crowd});
  crowd->opened_ns = calloc(load->count + 1, sizeof *crowd->opened_ns);
  if (!crowd->opened_ns) die("no room for %u connections", load->count);
  crowd->opened_ns[0] = now_ns();
  for (unsigned i = 0; i < load->outstanding; i++) connect_next(crowd);
  loop_open_all(&crowd->loop, PATIENCE_S);
}

static void prove(struct crowd *crowd)
{
  if (!crowd->load->replies) return;
  char text[MESSAGE_BYTES], frame[512];
  const char *tag = crowd->load->tag;
  message_write(text, (struct message){.seq = 1});
  int len =
      snprintf(frame, sizeof frame,
               "{\"send\":[{\"id\":1,\"rid\":\"c%s-%u\",\"sid\":\"c%s-0\",\"text\":\"%.*s\"}]}",
               tag, crowd->load->count - 1, tag, MESSAGE_BYTES, text);
  loop_send(&crowd->loop, &crowd->loop.clients[0], (struct slice){frame, (size_t)len});
  struct stall stall = {.patience_s = PATIENCE_S, .what = "halves of the last message"};
  while (!crowd->delivered || !crowd->answered) {
    loop_pass(&crowd->loop, NS_PER_S / 10);
    stall_check(&stall, (uint64_t)crowd->delivered + crowd->answered);
  }
}

/* Connections a second while the number of open ones grew from `from` to `to`. */
static double rate_between(const struct crowd *crowd, unsigned from, unsigned to)
{
  uint64_t took = crowd->opened_ns[to] - crowd->opened_ns[from];
  return (double)(to - from) * (double)NS_PER_S / (double)(took ? took : 1);
}

void connect_run(const struct load *load)
{
  struct crowd crowd = {0};
  if (load->count < 2 * THOUSAND) die("at least %d connections", 2 * THOUSAND);
  struct cpu_mark from = cpu_mark(load->trees, load->tree_count);
  open_all(&crowd, load);
  struct cpu_mark to = cpu_mark(load->trees, load->tree_count);
  prove(&crowd);
  double first = rate_between(&crowd, 0, THOUSAND),
         last = rate_between(&crowd, load->count - THOUSAND, load->count);
  printf("{\"scenario\":\"connect\",\"in_flight\":%u,", load->outstanding);
  cpu_report(load->trees, load->tree_count, &from, &to);
  printf("\"count\":%u,\"first_thousand\":%.0f,\"last_thousand\":%.0f,\"last_to_first\":%.3f,"
         "\"rate\":%.0f}\n",
         load->count, first, last, last / first, rate_between(&crowd, 0, load->count));
  free(crowd.opened_ns);
  loop_free(&crowd.loop);
}

/* Of the first tree, the server's; Redis tells its own better than its pages do. */
static uint64_t pss_bytes(const struct load *load)
{
  return load->tree_count ? process_tree_pss_bytes(&load->trees[0]) : 0;
}

/* The processes' memory, once it has stopped to change. */
static uint64_t steady_pss_bytes(struct crowd *crowd)
{
  uint64_t bytes = 0, deadline = now_ns() + PATIENCE_S * NS_PER_S;
  for (unsigned same = 0; same < STEADY_LOOKS;) {
    if (now_ns() > deadline) die("the memory does not come to rest: %" PRIu64 " bytes", bytes);
    uint64_t next_ns = now_ns() + NS_PER_S / 10, before = bytes;
    while (now_ns() < next_ns) loop_pass(&crowd->loop, NS_PER_S / 10);
    bytes = pss_bytes(crowd->load);
    same = bytes == before ? same + 1 : 0;
  }
  return bytes;
}

void idle_run(const struct load *load)
{
  struct crowd crowd = {0};
  uint64_t pss = pss_bytes(load), redis = load->redis ? stored_memory_bytes(load->redis) : 0;
  open_all(&crowd, load);
  uint64_t pss_after = steady_pss_bytes(&crowd),
           redis_after = load->redis ? stored_memory_bytes(load->redis) : 0;
  prove(&crowd);
  printf("{\"scenario\":\"idle\",\"count\":%u,\"pss_before\":%" PRIu64 ",\"pss_after\":%" PRIu64
         ",\"node_bytes_each\":%.0f,\"redis_bytes_each\":%.0f}\n",
         load->count, pss, pss_after, ((double)pss_after - (double)pss) / load->count,
         ((double)redis_after - (double)redis) / load->count);
  free(crowd.opened_ns);
  loop_free(&crowd.loop);
}
