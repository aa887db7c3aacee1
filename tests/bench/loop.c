/* See loop.h. */
#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"
#include "ws.h"

enum {
  BUFFER_BYTES = 256 * 1024,
  EVENTS_PER_PASS = 512,
  CLIENTS_PER_ADDRESS = 8192, /* well below the range of ephemeral ports */
};

void loop_init(struct loop *loop, unsigned port, unsigned max, const struct loop_events *events)
{
  *loop = (struct loop){.epoll = epoll_create1(EPOLL_CLOEXEC), .max = max, .events = *events};
  loop->server = (struct sockaddr_in){.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  loop->clients = calloc(max, sizeof *loop->clients);
  loop->queue = calloc(max, sizeof(struct client *));
  loop->buffer = malloc(BUFFER_BYTES);
  if (loop->epoll < 0 || !loop->clients || !loop->queue || !loop->buffer)
    die("no room for %u clients", max);
  prctl(PR_SET_TIMERSLACK, 1UL); /* a paced load sleeps for microseconds */
}

static void watch(struct loop *loop, struct client *client, int operation, uint32_t what)
{
  struct epoll_event event = {.events = what, .data.ptr = client};
  if (epoll_ctl(loop->epoll, operation, client->fd, &event) != 0) die("epoll_ctl: %m");
}

/* Every process has loopback addresses of its own, so that connections which an
 * earlier one left in TIME_WAIT take no port from this one. */
static void bind_source(struct client *client)
{
  unsigned address =
      0x7f000001u | (unsigned)getpid() % 250 << 16 | (1 + client->index / CLIENTS_PER_ADDRESS) << 8;
  struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
  int on = 1;
  setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(client->fd, (struct sockaddr *)&source, sizeof source) != 0) die("bind: %m");
}

struct client *loop_connect(struct loop *loop, const char *target)
{
  if (loop->count == loop->max) die("more than %u clients", loop->max);
  struct client *client = &loop->clients[loop->count];
  client->index = loop->count++;
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (client->fd < 0) die("client %u: socket: %m", client->index);
  int on = 1, off = 0;
  setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(client->fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
  bind_source(client);
  if (connect(client->fd, (struct sockaddr *)&loop->server, sizeof loop->server) != 0 &&
      errno != EINPROGRESS) {
    die("client %u: connect: %m", client->index);
  }
  char request[512];
  int len =
      snprintf(request, sizeof request,
               "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: " WS_KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n",
               target);
  if (len >= (int)sizeof request) die("the target is too long: %s", target);
  bytes_append(&client->out, request, (size_t)len);
  watch(loop, client, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
  return client;
}

static void enqueue(struct loop *loop, struct client *client)
{
  if (client->queued || client->blocked || client->state == CLIENT_CONNECTING) return;
  client->queued = true;
  loop->queue[loop->queued++] = client;
}

void loop_send(struct loop *loop, struct client *client, struct slice text)
{
  ws_frame_write(&client->out, WS_TEXT, text, true);
  enqueue(loop, client);
}

static void write_out(struct loop *loop, struct client *client)
{
  ssize_t sent = send(client->fd, client->out.data, client->out.len, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) die("client %u: send: %m", client->index);
  if (sent > 0) bytes_drop(&client->out, (size_t)sent);
  bool blocked = client->out.len > 0;
  if (blocked != client->blocked)
    watch(loop, client, EPOLL_CTL_MOD, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
  client->blocked = blocked;
}

static unsigned status_of(struct slice head)
{
  struct slice version = SLICE("HTTP/1.1 ");
  if (!slice_starts_with(head, version) || head.len < version.len + 4) die("no HTTP answer");
  return (unsigned)strtoul(head.data + version.len, NULL, 10); /* ends at the blank behind it */
}

/* The head of the server's answer, where it is there whole. Returns its length, 0
 * when more must be read. */
static size_t read_upgrade(struct loop *loop, struct client *client, char *data, size_t len)
{
  const char *end = memmem(data, len, "\r\n\r\n", 4);
  if (!end) return 0;
  size_t head = (size_t)(end - data) + 4;
  unsigned status = status_of((struct slice){data, head});
  if (status != 101) {
    if (!loop->events.refused)
      die("client %u: the upgrade was refused with %u", client->index, status);
    loop->events.refused(loop->events.arg, client, status);
    die("client %u: refused with %u", client->index, status); /* `refused` does not return */
  }
  if (!memmem(data, head, WS_ACCEPT, strlen(WS_ACCEPT)))
    die("client %u: a wrong Sec-WebSocket-Accept", client->index);
  client->state = CLIENT_OPEN;
  loop->open++;
  bytes_free(&client->out);
  if (loop->events.opened) loop->events.opened(loop->events.arg, client);
  return head;
}

static void take_frame(struct loop *loop, struct client *client, const struct ws_frame *frame)
{
  struct slice payload = {frame->payload, frame->len};
  switch (frame->opcode) {
  case WS_TEXT:
    loop->events.text(loop->events.arg, client, payload);
    break;
  case WS_PING:
    ws_frame_write(&client->out, WS_PONG, payload, true);
    enqueue(loop, client);
    break;
  case WS_CLOSE: {
    const unsigned char *code = (const unsigned char *)payload.data;
    die("client %u: closed by the server with %u", client->index,
        payload.len < 2 ? 1005u : code[0] * 256u + code[1]);
  }
  case WS_PONG:
  default:
    die("client %u: a frame with opcode %u", client->index, frame->opcode);
  }
}

/* Returns how much of `data` was used. */
static size_t take_bytes(struct loop *loop, struct client *client, char *data, size_t len)
{
  size_t used = 0;
  if (client->state == CLIENT_UPGRADING) {
    used = read_upgrade(loop, client, data, len);
    if (used == 0) return 0;
  }
  struct ws_frame frame;
  size_t frame_bytes;
  while ((frame_bytes = ws_frame_read(data + used, len - used, false, &frame)) > 0) {
    used += frame_bytes;
    take_frame(loop, client, &frame);
  }
  return used;
}

static void read_in(struct loop *loop, struct client *client)
{
  ssize_t got = recv(client->fd, loop->buffer, BUFFER_BYTES, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) die("client %u: recv: %m", client->index);
  if (got == 0) die("client %u: the server ended the connection", client->index);
  if (client->in.len == 0) {
    size_t used = take_bytes(loop, client, loop->buffer, (size_t)got);
    bytes_append(&client->in, loop->buffer + used, (size_t)got - used);
  } else {
    bytes_append(&client->in, loop->buffer, (size_t)got);
    bytes_drop(&client->in, take_bytes(loop, client, client->in.data, client->in.len));
  }
}

static void connected(struct loop *loop, struct client *client)
{
  int error = 0;
  socklen_t len = sizeof error;
  getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len);
  if (error) die("client %u: connect: %s", client->index, strerror(error));
  client->state = CLIENT_UPGRADING;
  client->blocked = true; /* EPOLLOUT is watched: write_out ends that */
  write_out(loop, client);
}

void loop_pass(struct loop *loop, uint64_t timeout_ns)
{
  for (unsigned i = 0; i < loop->queued; i++) {
    loop->queue[i]->queued = false;
    write_out(loop, loop->queue[i]);
  }
  loop->queued = 0;
  struct epoll_event ready[EVENTS_PER_PASS];
  struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / NS_PER_S),
                             .tv_nsec = (long)(timeout_ns % NS_PER_S)};
  int count = epoll_pwait2(loop->epoll, ready, EVENTS_PER_PASS, &timeout, NULL);
  if (count < 0 && errno != EINTR) die("epoll_pwait2: %m");
  for (int i = 0; i < count; i++) {
    struct client *client = ready[i].data.ptr;
    if (client->state == CLIENT_CONNECTING)
      connected(loop, client);
    else if (ready[i].events & EPOLLOUT)
      write_out(loop, client);
    if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_in(loop, client);
  }
}

void loop_open_all(struct loop *loop, unsigned patience_s)
{
  struct stall stall = {.patience_s = patience_s, .what = "connections"};
  while (loop->open < loop->count) {
    loop_pass(loop, NS_PER_S / 10);
    stall_check(&stall, loop->open);
  }
}

void loop_free(struct loop *loop)
{
  for (unsigned i = 0; i < loop->count; i++) {
    close(loop->clients[i].fd);
    bytes_free(&loop->clients[i].in);
    bytes_free(&loop->clients[i].out);
  }
  close(loop->epoll);
  free(loop->clients);
  free(loop->queue);
  free(loop->buffer);
}
