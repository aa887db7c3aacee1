/* See loop.h. The slots are indexed by file descriptor, for that is all that
 * libwebsockets knows a connection by when it is served. A slot's write event is
 * made when it is first needed: most idle connections never wait for one.
 *
 *   fd readable ──► gate (new connections only) ──► lws_service_fd
 *                                                        │ once per turn of the loop
 *                              after_service ◄───────────┘  (ripe timers, buffered input)
 */
#include "loop.h"

#include <poll.h>
#include <stdlib.h>

#include "base/memory.h"

enum {
  MAX_SLEEP_MS = 500,
  FIRST_SLOTS = 256,
  READS_A_TURN = 16,
  FULL_READ_BYTES = 300, /* of payload: there is probably more */
  SCANT_READ_BYTES = 64, /* less of it is hardly worth a read */
};

struct slot {
  struct lws *wsi;
  struct event *read, *write;
  bool read_on, write_on; /* what libwebsockets wants */
  bool gated, held;
};

/* Lives in the per-thread area that libwebsockets reserves for us, zeroed. */
struct loop {
  struct event_base *base;
  struct lws_context *context;
  const struct loop_gate *gate;
  struct event *timer; /* the next timer of libwebsockets, at most MAX_SLEEP_MS away */
  struct slot *slots;
  int slot_count;
  int thread;
  bool after_service_due;
  size_t received; /* by the descriptor that is being served */
  bool counted;    /* that, see loop_read_counted */
};

/* libwebsockets hands our init one pointer, the foreign loop; the gate travels with it. */
struct foreign {
  struct event_base *base;
  const struct loop_gate *gate;
};

static struct loop *loop_of(struct lws *wsi)
{
  return lws_evlib_wsi_to_evlib_pt(wsi);
}

static struct slot *slot_find(struct loop *loop, int fd)
{
  return fd >= 0 && fd < loop->slot_count ? &loop->slots[fd] : NULL;
}

static struct slot *slot_make(struct loop *loop, int fd)
{
  if (fd < 0) return NULL;
  if (fd >= loop->slot_count) {
    int count = loop->slot_count ? loop->slot_count : FIRST_SLOTS;
    while (count <= fd) count *= 2;
    loop->slots = memory_resize(loop->slots, (size_t)count * sizeof *loop->slots);
    memset(loop->slots + loop->slot_count, 0,
           (size_t)(count - loop->slot_count) * sizeof *loop->slots);
    loop->slot_count = count;
  }
  return &loop->slots[fd];
}

static void slot_clear(struct slot *slot)
{
  if (!slot) return;
  if (slot->read) event_free(slot->read);
  if (slot->write) event_free(slot->write);
  memset(slot, 0, sizeof *slot);
}

/* Runs what libwebsockets has due: ripe timers, and input that it has buffered
 * already, for which no descriptor will become readable. */
static void on_after_service(evutil_socket_t fd, short what, void *arg)
{
  struct loop *loop = arg;
  (void)fd;
  (void)what;
  loop->after_service_due = false;
  int sleep_ms = lws_service_adjust_timeout(loop->context, MAX_SLEEP_MS, loop->thread);
  if (sleep_ms == 0) {
    _lws_plat_service_forced_tsi(loop->context, loop->thread);
    sleep_ms = lws_service_adjust_timeout(loop->context, MAX_SLEEP_MS, loop->thread);
    if (sleep_ms == 0) sleep_ms = 1;
  }
  struct timeval after = {sleep_ms / 1000, (sleep_ms % 1000) * 1000};
  event_add(loop->timer, &after);
}

/* Once per turn of the loop, however many descriptors were served in it. */
static void after_service(struct loop *loop)
{
  if (loop->after_service_due || !loop->timer) return;
  loop->after_service_due = true;
  event_active(loop->timer, EV_TIMEOUT, 0);
}

/* libwebsockets reads one small buffer at a time. What a busy sender has pipelined belongs
 * into one turn of the loop, so that it goes to Redis and to its receivers together. */
static void read_on(struct loop *loop, int fd)
{
  for (int round = 0; round < READS_A_TURN && loop->received >= FULL_READ_BYTES; round++) {
    const struct slot *slot = slot_find(loop, fd);
    loop->received = 0;
    if (!slot || !slot->read_on || slot->gated) return;
    struct lws_pollfd poll_fd = {.fd = fd, .events = POLLIN, .revents = POLLIN};
    lws_service_fd_tsi(loop->context, &poll_fd, loop->thread);
  }
  loop->received = 0;
}

void loop_received(struct lws *wsi, size_t bytes)
{
  struct loop *loop = loop_of(wsi);
  if (loop) loop->received += bytes;
}

void loop_read_counted(struct lws *wsi)
{
  struct loop *loop = loop_of(wsi);
  if (loop) loop->counted = true;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
  struct loop *loop = arg;
  struct slot *slot = slot_find(loop, fd);
  const struct lws *wsi = slot ? slot->wsi : NULL;
  if (slot && slot->gated && (what & EV_READ) && (slot->held || !loop->gate->readable(slot->wsi))) {
    what &= ~EV_READ;
    if (!(what & EV_WRITE)) return;
  }
  if (slot && (what & EV_WRITE)) loop->gate->writable(slot->wsi);
  short ready = (short)(((what & EV_READ) ? POLLIN : 0) | ((what & EV_WRITE) ? POLLOUT : 0));
  struct lws_pollfd poll_fd = {.fd = fd, .events = ready, .revents = ready};
  loop->received = 0;
  loop->counted = !(what & EV_READ);
  lws_service_fd_tsi(loop->context, &poll_fd, loop->thread);
  slot = slot_find(loop, fd);
  bool same = wsi && slot && slot->wsi == wsi && !slot->gated; /* it may have ended meanwhile */
  if (same && !loop->counted && loop->received < SCANT_READ_BYTES) loop->gate->scant(slot->wsi);
  if (what & EV_READ) read_on(loop, fd);
  after_service(loop);
}

static void slot_arm_read(struct slot *slot)
{
  if (!slot->read) return;
  if (slot->read_on && !slot->held)
    event_add(slot->read, NULL);
  else
    event_del(slot->read);
}

/* libwebsockets begins or ceases to be interested in a descriptor. */
static void on_interest(struct lws *wsi, unsigned int flags)
{
  struct loop *loop = loop_of(wsi);
  int fd = lws_get_socket_fd(wsi);
  struct slot *slot = loop ? slot_find(loop, fd) : NULL;
  if (!slot || !slot->read) return;
  bool on = flags & LWS_EV_START;
  if ((flags & LWS_EV_READ) && slot->read_on != on) {
    slot->read_on = on;
    slot_arm_read(slot);
  }
  if ((flags & LWS_EV_WRITE) && slot->write_on != on) {
    if (!slot->write)
      slot->write = event_new(loop->base, fd, EV_WRITE | EV_PERSIST, on_ready, loop);
    if (!slot->write) return;
    slot->write_on = on;
    if (on)
      event_add(slot->write, NULL);
    else
      event_del(slot->write);
  }
}

static int begin(struct lws *wsi, bool gated)
{
  struct loop *loop = loop_of(wsi);
  int fd = lws_get_socket_fd(wsi);
  struct slot *slot = slot_make(loop, fd);
  if (!slot) return 1;
  slot_clear(slot);
  slot->read = event_new(loop->base, fd, EV_READ | EV_PERSIST, on_ready, loop);
  if (!slot->read) return 1;
  slot->wsi = wsi;
  slot->gated = gated;
  slot->read_on = true;
  event_add(slot->read, NULL);
  return 0;
}

static int on_listen(struct lws *wsi)
{
  return begin(wsi, false);
}

static int on_accept(struct lws *wsi)
{
  return begin(wsi, loop_of(wsi)->gate != NULL);
}

static int on_close(struct lws *wsi)
{
  struct loop *loop = loop_of(wsi);
  if (loop) slot_clear(slot_find(loop, lws_get_socket_fd(wsi)));
  return 0;
}

static int on_init(struct lws_context *context, void *foreign, int thread)
{
  struct loop *loop = lws_evlib_tsi_to_evlib_pt(context, thread);
  if (!foreign) return -1;
  loop->base = ((struct foreign *)foreign)->base;
  loop->gate = ((struct foreign *)foreign)->gate;
  loop->context = context;
  loop->thread = thread;
  loop->timer = event_new(loop->base, -1, 0, on_after_service, loop);
  if (!loop->timer) return -1;
  struct timeval soon = {0, 1000};
  return event_add(loop->timer, &soon);
}

static void on_destroy(struct lws_context *context, int thread)
{
  struct loop *loop = lws_evlib_tsi_to_evlib_pt(context, thread);
  for (int fd = 0; fd < loop->slot_count; fd++) slot_clear(&loop->slots[fd]);
  free(loop->slots);
  loop->slots = NULL;
  loop->slot_count = 0;
  if (loop->timer) event_free(loop->timer);
  loop->timer = NULL;
}

static void on_run(struct lws_context *context, int thread)
{
  struct loop *loop = lws_evlib_tsi_to_evlib_pt(context, thread);
  event_base_dispatch(loop->base);
}

void loop_use(struct lws_context_creation_info *info, struct event_base *base,
              const struct loop_gate *gate)
{
  static const struct lws_event_loop_ops operations = {
      .name = "parley-libevent",
      .init_pt = on_init,
      .init_vhost_listen_wsi = on_listen,
      .sock_accept = on_accept,
      .io = on_interest,
      .wsi_logical_close = on_close,
      .run_pt = on_run,
      .destroy_pt = on_destroy,
      .evlib_size_pt = sizeof(struct loop),
  };
  static const lws_plugin_evlib_t plugin = {
      .hdr = {"parley libevent loop", "lws_evlib_plugin", LWS_BUILD_HASH, LWS_PLUGIN_API_MAGIC},
      .ops = &operations,
  };
  static struct foreign foreign;
  static void *foreign_loops[1] = {&foreign};
  foreign = (struct foreign){base, gate};
  info->event_lib_custom = &plugin;
  info->foreign_loops = foreign_loops;
}

void loop_set_gated(struct lws *wsi, bool gated)
{
  struct slot *slot = slot_find(loop_of(wsi), lws_get_socket_fd(wsi));
  if (slot && slot->wsi == wsi) slot->gated = gated;
}

void loop_hold(struct lws *wsi, bool held)
{
  struct slot *slot = slot_find(loop_of(wsi), lws_get_socket_fd(wsi));
  if (!slot || slot->wsi != wsi || slot->held == held) return;
  slot->held = held;
  slot_arm_read(slot);
}
