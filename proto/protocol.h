/* The contract of a protocol: one constant of this type per protocol, in its own
 * file, listed in protocols.def. How to add one: proto/README.md.
 *
 * Codecs are pure. They do no I/O, read no clock, keep no state, and know neither
 * Redis nor libwebsockets; whatever they need stands in their arguments. */
#ifndef PARLEY_PROTO_PROTOCOL_H
#define PARLEY_PROTO_PROTOCOL_H

#include "base/text.h"
#include "command.h"
#include "envelope.h"
#include "http.h"
#include "identity.h"

/* Which conversations a connection hears besides its user's own events. */
enum hears {
  HEARS_ONE_ROOM = 1 << 0,    /* the claim's room, else the lobby */
  HEARS_MEMBERSHIPS = 1 << 1, /* every room that its user entered */
  HEARS_PUBLIC = 1 << 2,      /* every public room */
};

/* Which of its user's connections a message of the user's own is shown to. */
enum own { OWN_NONE, OWN_OTHERS, OWN_ALL };

/* A second live connection of the same user, protocol and device. */
enum exclusive { EXCLUSIVE_NO, EXCLUSIVE_REFUSE, EXCLUSIVE_REPLACE };

/* What a codec is told of the session that it works for. */
struct session_view {
  struct party user;
  struct slice room; /* the claim's room id; empty: none */
  uint64_t now_ms;
};

struct protocol {
  const char *name;         /* "simple"; the subprotocol is parley.<name>.v1 */
  const char *const *paths; /* default routes, NULL at the end; none (the first is NULL): it has
                             * no WebSocket, and all below but http, the storage classes and
                             * `own` is unused */
  unsigned hears;           /* enum hears */
  enum own own;
  enum exclusive exclusive;
  enum err exclusive_error;         /* EXCLUSIVE_REFUSE: what the newcomer gets */
  bool acknowledges;                /* its clients mark messages as read: entries wait for that */
  bool shows_delivered;             /* its senders are told when a message was received */
  bool tells_attendance;            /* its clients are told who comes to the lobby and goes */
  enum keep direct_keep, room_keep; /* the storage class of what is sent in it */

  /* Where several stored messages fit into one frame: what goes around them, and
   * how many of them and of their bytes at most. encode then writes one item, and
   * the gateway the frame. max_items 0: one event a frame. */
  struct {
    struct slice open, separator, close;
    size_t max_items, max_bytes;
  } batch;

  /* Its REST surface; NULL: it has none. */
  const struct http_api *http;

  /* What the head of an upgrade claims. ERR_OK; ERR_UNAUTHORIZED, ERR_FORBIDDEN as
   * identity_check says. Neither believed nor checked against anything here. */
  enum err (*identify)(struct arena *arena, const struct request *request, struct claim *claim);

  /* One whole text frame, checked JSON (protocol_decode), to commands. Always adds at least
   * one where the protocol answers anything; a frame that cannot be read becomes a
   * COMMAND_REFUSED. */
  void (*decode)(const struct session_view *session, struct slice frame, struct decoding *decoding);

  /* One event as the user `reader` (canonical id) sees it in this protocol, appended
   * to `out`. In a room's events `reader` is empty: all see the same. False: the
   * protocol has no way to say it; nothing was appended. */
  bool (*encode)(struct arena *arena, const struct envelope *event, struct slice reader,
                 struct text *out);

  /* A heartbeat in the protocol's own frames instead of the WebSocket's ping, appended to
   * `out`; whatever the client sends answers it. NULL: the WebSocket's. */
  void (*ping)(uint64_t now_ms, struct text *out);

  /* The outcome of a command as one frame, appended to `out`; nothing appended:
   * the protocol answers nothing. */
  void (*reply)(const struct session_view *session, const struct command *command,
                const struct outcome *outcome, struct text *out);

  /* Where clients name messages by ids of the senders' making (COMMAND_READ with
   * client_id and match_sid): the raw JSON by which `reader` was shown this message and
   * its sender, in the arena or the event. NULL: messages are named by message_id. */
  void (*shown_as)(struct arena *arena, const struct envelope *event, struct slice reader,
                   struct slice *id, struct slice *sender);
};

/* The protocols of protocols.def, in its order; PROTOCOL_COUNT of them. */
enum {
#define X(name) PROTOCOL_INDEX_##name,
#include "protocols.def"
#undef X
  PROTOCOL_COUNT
};
extern const struct protocol *const protocols[PROTOCOL_COUNT];

#define X(name) extern const struct protocol protocol_##name;
#include "protocols.def"
#undef X

/* Can one connect in it, or does it have REST alone? */
static inline bool protocol_has_websocket(const struct protocol *protocol)
{
  return protocol->paths[0] != NULL;
}

/* What came in one text frame, any bytes, to commands. What is no JSON object becomes one
 * COMMAND_REFUSED, without an id; anything else is the protocol's to decode. */
void protocol_decode(const struct protocol *protocol, const struct session_view *session,
                     struct slice frame, struct decoding *decoding);

/* NULL where there is none of that name. */
const struct protocol *protocol_by_name(struct slice name);

/* The first of the comma-separated subprotocols (RFC 6455, 11.3.4) that is one of
 * ours, "parley.<name>.v1", and has a WebSocket; NULL where none is. */
const struct protocol *protocol_by_subprotocol(struct slice offered);

#endif
