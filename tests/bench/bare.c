/* The limits: servers that do nothing but move bytes between WebSocket connections,
 * on one epoll in one thread, without Redis, JSON, names or memory of anything. What
 * they reach is what the kernel and the load generator allow on this machine.
 *
 *   fanout    what a sender says goes to every receiver: one ready-made frame, one
 *             send for each receiver and message
 *   coalesce  the same, with all frames of one pass of the loop in one send
 *   relay     what sender 17 says goes to receiver 17, re-framed; the sender hears nothing
 *   answer    the same, and the sender gets messaging's `sent` for it
 *
 * A connection's part is told by its name, in the query's last parameter: s<tag>-17 is
 * sender 17, r<tag>-17 receiver 17, any other name is merely connected. With --fault,
 * now and then something goes wrong: the load generator must notice (check.sh). */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message.h"
#include "ws.h"

enum { BUFFER_BYTES = 256 * 1024, EVENTS_PER_PASS = 512, PEERS = 20000, FAULT_EVERY = 100 };

enum part { PART_NONE, PART_SENDER, PART_RECEIVER };

struct peer {
  int fd;
  bool open;
  enum part part;
  unsigned number;
  struct bytes in, out;
};

struct bare;
struct mode {
  const char *name;
  /* A sender said something. */
  void (*said)(struct bare *bare, struct peer *peer, struct slice payload);
  /* All that a sender said in one read was handed over; may be NULL. */
  void (*read_done)(struct bare *bare, struct peer *peer);
  /* The pass is over; may be NULL. */
  void (*pass_done)(struct bare *bare);
};

struct bare {
  int epoll, listener;
  const struct mode *mode;
  const char *fault; /* NULL: none */
  unsigned written;  /* frames, for faults */
  struct bytes held; /* by fault swap */
  struct peer **receivers;
  unsigned receiver_count;
  struct peer *speaker;      /* fanout, coalesce: who spoke in this pass */
  struct peer *pairs[PEERS]; /* relay: receivers by number */
  struct bytes shared;       /* fanout: the frame; coalesce: the frames of this pass */
  char buffer[BUFFER_BYTES];
};

/* ---- writing ----------------------------------------------------------------------------- */

/* A limit that had to wait for a socket would not be one, so that is not provided for. */
static void send_all(const struct peer *peer, const struct bytes *bytes)
{
  ssize_t sent = send(peer->fd, bytes->data, bytes->len, MSG_NOSIGNAL);
  if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return; /* its end is read soon */
  if (sent != (ssize_t)bytes->len) die("a socket took %zd of %zu bytes", sent, bytes->len);
}

static void frame_write(struct bytes *out, struct slice payload)
{
  ws_frame_write(out, WS_TEXT, payload, false);
}

static void frame_write_damaged(struct bytes *out, struct slice payload)
{
  frame_write(out, payload);
  char *text = memchr(out->data + out->len - payload.len, '~', payload.len);
  if (text) text[MESSAGE_BYTES / 2] ^= 1;
}

/* A frame with a message in it: where faults happen. */
static void message_frame_write(struct bare *bare, struct bytes *out, struct slice payload)
{
  bool faulty = bare->fault && ++bare->written % FAULT_EVERY == 0;
  if (faulty && strcmp(bare->fault, "damage") == 0)
    frame_write_damaged(out, payload);
  else if (faulty && strcmp(bare->fault, "swap") == 0)
    frame_write(&bare->held, payload);
  else if (!faulty || strcmp(bare->fault, "lose") != 0)
    frame_write(out, payload);
  if (faulty && strcmp(bare->fault, "repeat") == 0) frame_write(out, payload);
  if (!faulty && bare->held.len) {
    bytes_append(out, bare->held.data, bare->held.len);
    bare->held.len = 0;
  }
}

/* ---- the modes --------------------------------------------------------------------------- */

/* The JSON string behind `"name":` in a payload; dies where there is none. */
static struct slice member(struct slice payload, const char *name)
{
  char wanted[32];
  int len = snprintf(wanted, sizeof wanted, "\"%s\":\"", name);
  const char *at = memmem(payload.data, payload.len, wanted, (size_t)len);
  const char *end =
      at ? memchr(at + len, '"', payload.len - (size_t)(at + len - payload.data)) : NULL;
  if (!end) die("no %s in %.*s", name, SLICE_ARG(payload));
  return (struct slice){at + len, (size_t)(end - at - len)};
}

/* What simple would show of it, and its reply. */
static void simple_write(struct bare *bare, struct peer *peer, struct slice payload)
{
  char text[512];
  struct slice message = member(payload, "message"), id = member(payload, "payload_id");
  int len = snprintf(text, sizeof text,
                     "{\"type\":\"message_sent\",\"message\":\"%.*s\",\"timestamp\":1700000000123,"
                     "\"username\":\"s%u\"}",
                     SLICE_ARG(message), peer->number);
  message_frame_write(bare, &bare->shared, (struct slice){text, (size_t)len});
  len = snprintf(text, sizeof text, "{\"type\":\"reply\",\"payload_id\":\"%.*s\",\"error\":null}",
                 SLICE_ARG(id));
  frame_write(&peer->out, (struct slice){text, (size_t)len});
}

static void flush(struct peer *peer)
{
  if (peer->out.len) send_all(peer, &peer->out);
  peer->out.len = 0;
}

static void shared_send(struct bare *bare, struct peer *speaker)
{
  for (unsigned i = 0; i < bare->receiver_count && bare->shared.len; i++) {
    send_all(bare->receivers[i], &bare->shared);
  }
  bytes_append(&bare->shared, speaker->out.data, speaker->out.len);
  send_all(speaker, &bare->shared);
  bare->shared.len = speaker->out.len = 0;
}

static void fanout_said(struct bare *bare, struct peer *peer, struct slice payload)
{
  simple_write(bare, peer, payload);
  shared_send(bare, peer);
}

static void coalesce_said(struct bare *bare, struct peer *peer, struct slice payload)
{
  simple_write(bare, peer, payload);
  bare->speaker = peer;
}

static void coalesce_pass_done(struct bare *bare)
{
  if (bare->speaker) shared_send(bare, bare->speaker);
  bare->speaker = NULL;
}

static void relay_said(struct bare *bare, struct peer *peer, struct slice payload)
{
  struct peer *receiver = bare->pairs[peer->number];
  if (!receiver) die("sender %u has no receiver", peer->number);
  message_frame_write(bare, &receiver->out, payload);
}

static void relay_read_done(struct bare *bare, struct peer *peer)
{
  if (bare->pairs[peer->number]) flush(bare->pairs[peer->number]);
  flush(peer);
}

static void answer_said(struct bare *bare, struct peer *peer, struct slice payload)
{
  relay_said(bare, peer, payload);
  struct slice start = SLICE("{\"send\":[{\"id\":"), receiver = member(payload, "rid");
  if (!slice_starts_with(payload, start)) die("not messaging's send: %.*s", SLICE_ARG(payload));
  char text[128];
  int len = snprintf(text, sizeof text, "{\"sent\":[{\"id\":%lu,\"rid\":\"%.*s\"}]}",
                     strtoul(payload.data + start.len, NULL, 10), SLICE_ARG(receiver));
  frame_write(&peer->out, (struct slice){text, (size_t)len});
}

static const struct mode modes[] = {
    {"fanout", fanout_said, NULL, NULL},
    {"coalesce", coalesce_said, NULL, coalesce_pass_done},
    {"relay", relay_said, relay_read_done, NULL},
    {"answer", answer_said, relay_read_done, NULL},
};

/* ---- connections ------------------------------------------------------------------------- */

static void watch(struct bare *bare, int fd, void *data)
{
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
  if (epoll_ctl(bare->epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl: %m");
}

static void accept_all(struct bare *bare)
{
  int fd, on = 1;
  while ((fd = accept4(bare->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    struct peer *peer = calloc(1, sizeof *peer);
    if (!peer) die("no room for a connection");
    peer->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(bare, fd, peer);
  }
  if (errno != EAGAIN) die("accept: %m");
}

static void peer_close(struct bare *bare, struct peer *peer)
{
  for (unsigned i = 0; i < bare->receiver_count; i++) {
    if (bare->receivers[i] != peer) continue;
    bare->receivers[i] = bare->receivers[--bare->receiver_count];
    break;
  }
  if (peer->part == PART_RECEIVER && bare->pairs[peer->number] == peer)
    bare->pairs[peer->number] = NULL;
  if (bare->speaker == peer) bare->speaker = NULL;
  close(peer->fd);
  bytes_free(&peer->in);
  bytes_free(&peer->out);
  free(peer);
}

/* From the request's first line, "GET …=s<tag>-17 HTTP/1.1". */
static void peer_name(struct bare *bare, struct peer *peer, const char *head, const char *end)
{
  const char *blank = memmem(head, (size_t)(end - head), " HTTP/", 6);
  const char *name = blank ? memrchr(head, '=', (size_t)(blank - head)) : NULL;
  const char *dash = name ? memrchr(name, '-', (size_t)(blank - name)) : NULL;
  if (!dash) die("a connection without a name");
  peer->number = (unsigned)strtoul(dash + 1, NULL, 10);
  if (peer->number >= PEERS) die("number %u is too high", peer->number);
  if (name[1] == 's') peer->part = PART_SENDER;
  if (name[1] != 'r') return;
  peer->part = PART_RECEIVER;
  if (bare->receiver_count == PEERS) die("too many receivers");
  bare->receivers[bare->receiver_count++] = peer;
  bare->pairs[peer->number] = peer;
}

/* The request of the upgrade; its length, 0 when it is not there whole. */
static size_t upgrade(struct bare *bare, struct peer *peer, const char *data, size_t len)
{
  static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Accept: " WS_ACCEPT "\r\n\r\n";
  const char *end = memmem(data, len, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t head = (size_t)(end - data) + 4;
  if (!memmem(data, head, WS_KEY, strlen(WS_KEY))) die("a key that is not the load generator's");
  peer_name(bare, peer, data, end);
  bytes_append(&peer->out, answer, sizeof answer - 1);
  flush(peer);
  peer->open = true;
  return head;
}

/* Returns how much of `data` was used. */
static size_t take_bytes(struct bare *bare, struct peer *peer, char *data, size_t len)
{
  size_t used = 0, frame_bytes;
  if (!peer->open) {
    used = upgrade(bare, peer, data, len);
    if (used == 0) return 0;
  }
  struct ws_frame frame;
  bool said = false;
  while ((frame_bytes = ws_frame_read(data + used, len - used, true, &frame)) > 0) {
    used += frame_bytes;
    said = frame.opcode == WS_TEXT && peer->part == PART_SENDER;
    if (said) bare->mode->said(bare, peer, (struct slice){frame.payload, frame.len});
  }
  if (said && bare->mode->read_done) bare->mode->read_done(bare, peer);
  return used;
}

static void read_in(struct bare *bare, struct peer *peer)
{
  ssize_t got = recv(peer->fd, bare->buffer, sizeof bare->buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    peer_close(bare, peer);
  } else if (peer->in.len == 0) {
    size_t used = take_bytes(bare, peer, bare->buffer, (size_t)got);
    bytes_append(&peer->in, bare->buffer + used, (size_t)got - used);
  } else {
    bytes_append(&peer->in, bare->buffer, (size_t)got);
    bytes_drop(&peer->in, take_bytes(bare, peer, peer->in.data, peer->in.len));
  }
}

static _Noreturn void serve(struct bare *bare)
{
  for (;;) {
    struct epoll_event ready[EVENTS_PER_PASS];
    int count = epoll_wait(bare->epoll, ready, EVENTS_PER_PASS, -1);
    if (count < 0 && errno != EINTR) die("epoll_wait: %m");
    for (int i = 0; i < count; i++) {
      if (ready[i].data.ptr)
        read_in(bare, ready[i].data.ptr);
      else
        accept_all(bare);
    }
    if (bare->mode->pass_done) bare->mode->pass_done(bare);
  }
}

static void listen_on_any_port(struct bare *bare)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  bare->epoll = epoll_create1(EPOLL_CLOEXEC);
  bare->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (bare->epoll < 0 || bind(bare->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(bare->listener, SOMAXCONN) != 0 ||
      getsockname(bare->listener, (struct sockaddr *)&address, &len) != 0) {
    die("cannot listen: %m");
  }
  watch(bare, bare->listener, NULL);
  printf("port %u\n", ntohs(address.sin_port));
  fflush(stdout);
}

int main(int argc, char **argv)
{
  static struct bare bare;
  for (unsigned i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++) {
    if (strcmp(argv[1], modes[i].name) == 0) bare.mode = &modes[i];
  }
  if (!bare.mode || argc > 3)
    die("usage: bare fanout|coalesce|relay|answer [lose|repeat|swap|damage]");
  bare.fault = argc == 3 ? argv[2] : NULL;
  bare.receivers = calloc(PEERS, sizeof(struct peer *));
  if (!bare.receivers) die("no room for receivers");
  signal(SIGPIPE, SIG_IGN);
  listen_on_any_port(&bare);
  serve(&bare);
}
