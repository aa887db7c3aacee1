/* The native protocol: Parley's own REST API (native_http.c). It has no WebSocket and no
 * frames; it is a row of protocols.def for what REST asks for on its own behalf: the storage
 * class of what is sent, and whether it is shown to its sender's connections. */
#include "native_http.h"
#include "protocol.h"

static const char *const no_paths[] = {NULL};

const struct protocol protocol_native = {
    .name = "native",
    .paths = no_paths,
    .own = OWN_ALL,
    .direct_keep = KEEP_LOG,
    .room_keep = KEEP_LOG,
    .http = &native_http,
};
