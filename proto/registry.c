/* Which protocols there are: protocols.def as a table, found by name or by the
 * subprotocols that a client offers; and what stands in front of every codec. */
#include "protocol.h"

const struct protocol *const protocols[PROTOCOL_COUNT] = {
#define X(name) [PROTOCOL_INDEX_##name] = &protocol_##name,
#include "protocols.def"
#undef X
};

void protocol_decode(const struct protocol *protocol, const struct session_view *session,
                     struct slice frame, struct decoding *decoding)
{
  if (json_check(frame) == ERR_OK) {
    protocol->decode(session, frame, decoding);
  } else {
    decoding_refuse(decoding, ERR_MALFORMED, (struct slice){NULL, 0});
  }
}

const struct protocol *protocol_by_name(struct slice name)
{
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    if (slice_is(name, protocols[i]->name)) return protocols[i];
  }
  return NULL;
}

/* "parley.<name>.v1" */
static const struct protocol *by_one_subprotocol(struct slice subprotocol)
{
  const struct slice prefix = SLICE("parley."), suffix = SLICE(".v1");
  if (!slice_starts_with(subprotocol, prefix)) return NULL;
  struct slice name = slice_skip(subprotocol, prefix.len);
  if (name.len < suffix.len) return NULL;
  name.len -= suffix.len;
  if (!slice_equal(slice_skip(subprotocol, prefix.len + name.len), suffix)) return NULL;
  const struct protocol *protocol = protocol_by_name(name);
  return protocol && protocol_has_websocket(protocol) ? protocol : NULL;
}

/* White space may stand around each of them (RFC 9110, 5.6.1). */
const struct protocol *protocol_by_subprotocol(struct slice offered)
{
  while (offered.len > 0) {
    const struct protocol *protocol = by_one_subprotocol(slice_trim(slice_cut(&offered, ',')));
    if (protocol) return protocol;
  }
  return NULL;
}
