/* The one event loop: runs libwebsockets (4.3 or newer) on a libevent base through
 * its public custom event library interface, so that hiredis and every timer of the
 * node share one base, with the distribution's package as well as with a build of
 * our own.
 *
 * Besides, it holds the gate that libwebsockets does not have: a new connection's
 * readability is first shown to `readable`, which may keep libwebsockets from
 * reading until it has made up its mind (see door.h). */
#ifndef PARLEY_GATEWAY_LOOP_H
#define PARLEY_GATEWAY_LOOP_H

#include <event2/event.h>
#include <libwebsockets.h>
#include <stdbool.h>

struct loop_gate {
  /* The connection has bytes to read (or ended). True: libwebsockets reads them.
   * False: not now; called again at the next readability, unless it is held. */
  bool (*readable)(struct lws *wsi);

  /* libwebsockets was given something to read, and what it made of it is nearly nothing: pings,
   * empty fragments, a message drop by drop. The connection may be closed here, not freed. */
  void (*scant)(struct lws *wsi);

  /* libwebsockets is about to write to the connection. */
  void (*writable)(struct lws *wsi);
};

/* Sets event_lib_custom and foreign_loops in `info`; `base` and `gate` outlive the
 * context. Before lws_create_context. */
void loop_use(struct lws_context_creation_info *info, struct event_base *base,
              const struct loop_gate *gate);

/* From now on libwebsockets reads as it likes (false), or the gate is asked again
 * (true: the next request of a kept-alive connection). */
void loop_set_gated(struct lws *wsi, bool gated);

/* So many bytes of payload came in: where that is much for one read, more is read in this
 * turn. */
void loop_received(struct lws *wsi, size_t bytes);

/* What came in is accounted for: not scant, however short it was. */
void loop_read_counted(struct lws *wsi);

/* Not readable until it is let go; the gate is not called meanwhile. Letting go asks
 * it again at once. libwebsockets may still have read bytes before. */
void loop_hold(struct lws *wsi, bool held);

#endif
