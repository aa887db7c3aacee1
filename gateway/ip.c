#include "ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool is_port(struct slice text)
{
  if (text.len < 1 || text.len > 5) return false;
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
  }
  return true;
}

/* "[::1]:80", "[::1]" and "10.0.0.1:80" without what is around the address. False:
 * what is around it is no port. */
static bool strip_port(struct slice *text)
{
  if (text->len > 0 && text->data[0] == '[') {
    const char *end = memchr(text->data, ']', text->len);
    if (!end) return false;
    struct slice behind = slice_skip(*text, (size_t)(end - text->data) + 1);
    *text = (struct slice){text->data + 1, (size_t)(end - text->data) - 1};
    return behind.len == 0 || (behind.data[0] == ':' && is_port(slice_skip(behind, 1)));
  }
  const char *colon = memchr(text->data, ':', text->len);
  if (!colon || !memchr(text->data, '.', (size_t)(colon - text->data))) return true;
  struct slice port = slice_skip(*text, (size_t)(colon - text->data) + 1);
  text->len = (size_t)(colon - text->data);
  return is_port(port);
}

bool ip_read(struct slice text, struct ip *ip)
{
  char buffer[IP_TEXT_BYTES];
  if (text.len == 0 || !strip_port(&text)) return false;
  if (text.len >= sizeof buffer || memchr(text.data, 0, text.len)) return false;
  memcpy(buffer, text.data, text.len);
  buffer[text.len] = 0;

  struct in_addr v4;
  if (inet_pton(AF_INET, buffer, &v4) == 1) {
    memcpy(ip->bytes, v4_prefix, sizeof v4_prefix);
    memcpy(ip->bytes + sizeof v4_prefix, &v4, sizeof v4);
    return true;
  }
  return inet_pton(AF_INET6, buffer, ip->bytes) == 1;
}

bool ip_from_socket(const struct sockaddr *address, struct ip *ip)
{
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in *v4 = (const void *)address;
    memcpy(ip->bytes, v4_prefix, sizeof v4_prefix);
    memcpy(ip->bytes + sizeof v4_prefix, &v4->sin_addr, 4);
    return true;
  }
  if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const void *)address;
    memcpy(ip->bytes, &v6->sin6_addr, sizeof ip->bytes);
    return true;
  }
  return false;
}

void ip_write(const struct ip *ip, char text[IP_TEXT_BYTES])
{
  bool v4 = ip_is_v4(ip);
  const uint8_t *bytes = v4 ? ip->bytes + sizeof v4_prefix : ip->bytes;
  if (!inet_ntop(v4 ? AF_INET : AF_INET6, bytes, text, IP_TEXT_BYTES)) text[0] = 0;
}

bool ip_is_v4(const struct ip *ip)
{
  return memcmp(ip->bytes, v4_prefix, sizeof v4_prefix) == 0;
}

bool ip_is_loopback(const struct ip *ip)
{
  static const uint8_t v6_loopback[16] = {[15] = 1};
  return ip_is_v4(ip) ? ip->bytes[12] == 127 : memcmp(ip->bytes, v6_loopback, 16) == 0;
}

static bool is_bit_set(const struct ip *ip, unsigned bit)
{
  return ip->bytes[bit / 8] >> (7 - bit % 8) & 1;
}

bool ip_network_read(struct slice text, struct ip_network *network)
{
  text = slice_trim(text);
  const char *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
  struct slice address = {text.data, slash ? (size_t)(slash - text.data) : text.len};
  if (!ip_read(address, &network->ip)) return false;

  /* By how it was written: ::ffff:0:0/96 is IPv6 notation with IPv6 prefixes. */
  unsigned skipped = memchr(address.data, ':', address.len) ? 0 : 96;
  network->bits = 128;
  if (slash) {
    struct slice bits = slice_skip(text, address.len + 1);
    if (bits.len < 1 || bits.len > 3 || !is_port(bits)) return false;
    unsigned number = 0;
    for (size_t i = 0; i < bits.len; i++) number = number * 10 + (unsigned)(bits.data[i] - '0');
    if (number > 128 - skipped) return false;
    network->bits = skipped + number;
  }
  for (unsigned bit = network->bits; bit < 128; bit++) {
    if (is_bit_set(&network->ip, bit)) return false;
  }
  return true;
}

static bool network_holds(const struct ip_network *network, const struct ip *ip)
{
  unsigned whole = network->bits / 8, rest = network->bits % 8;
  if (memcmp(network->ip.bytes, ip->bytes, whole) != 0) return false;
  return rest == 0 || (network->ip.bytes[whole] ^ ip->bytes[whole]) >> (8 - rest) == 0;
}

bool ip_networks_hold(const struct ip_networks *networks, const struct ip *ip)
{
  for (size_t i = 0; i < networks->count; i++) {
    if (network_holds(&networks->networks[i], ip)) return true;
  }
  return false;
}

struct ip ip_of_client(const struct ip *peer, struct slice forwarded_for,
                       const struct ip_networks *trusted)
{
  struct ip client = *peer;
  while (forwarded_for.len > 0 && ip_networks_hold(trusted, &client)) {
    const char *comma = memrchr(forwarded_for.data, ',', forwarded_for.len);
    size_t start = comma ? (size_t)(comma - forwarded_for.data) + 1 : 0;
    struct ip next;
    if (!ip_read(slice_trim(slice_skip(forwarded_for, start)), &next)) break;
    client = next;
    forwarded_for.len = comma ? start - 1 : 0;
  }
  return client;
}
