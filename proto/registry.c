/* Which protocols there are: protocols.def as a table, found by name or by the
 * subprotocols that a client offers. */
#include "protocol.h"

const struct protocol *const protocols[PROTOCOL_COUNT] = {
#define X(name) [PROTOCOL_INDEX_##name] = &protocol_##name,
#include "protocols.def"
#undef X
};

const struct protocol *protocol_by_name(struct slice name)
{
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    if (slice_is(name, protocols[i]->name)) return protocols[i];
  }
  return NULL;
}

/* Without the white space around it (RFC 9110, 5.6.1). */
static struct slice trim(struct slice text)
{
  while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) text = slice_skip(text, 1);
  while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
    text.len--;
  }
  return text;
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

const struct protocol *protocol_by_subprotocol(struct slice offered)
{
  while (offered.len > 0) {
    const char *comma = memchr(offered.data, ',', offered.len);
    struct slice one = {offered.data, comma ? (size_t)(comma - offered.data) : offered.len};
    const struct protocol *protocol = by_one_subprotocol(trim(one));
    if (protocol) return protocol;
    offered = slice_skip(offered, comma ? one.len + 1 : one.len);
  }
  return NULL;
}
