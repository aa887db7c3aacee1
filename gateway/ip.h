/* IP addresses and networks, and which address a connection is counted under.
 * Pure: nothing here touches a socket. */
#ifndef PARLEY_GATEWAY_IP_H
#define PARLEY_GATEWAY_IP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/slice.h"

/* An IPv4 address is kept as ::ffff:a.b.c.d, so that both of its forms are the same. */
struct ip {
  uint8_t bytes[16];
};

#define IP_TEXT_BYTES 46

/* False: neither an IPv4 nor an IPv6 address. A port behind it ("[::1]:80",
 * "10.0.0.1:80") is passed over, for some proxies write one. */
bool ip_read(struct slice text, struct ip *ip);

/* False: the socket is of another family. */
bool ip_from_socket(const struct sockaddr *address, struct ip *ip);

/* As people write it; IPv4 in its own form. */
void ip_write(const struct ip *ip, char text[IP_TEXT_BYTES]);

bool ip_is_v4(const struct ip *ip);
bool ip_is_loopback(const struct ip *ip);

struct ip_network {
  struct ip ip;
  unsigned bits; /* 0 to 128, of the 16 bytes */
};

struct ip_networks {
  const struct ip_network *networks;
  size_t count;
};

/* "10.0.0.0/8", "2001:db8::/32", or one address. False: it is none of these, or has
 * bits set behind its prefix. */
bool ip_network_read(struct slice text, struct ip_network *network);

bool ip_networks_hold(const struct ip_networks *networks, const struct ip *ip);

/* The address that a connection is counted under. Where `peer` is a trusted proxy:
 * the first address in X-Forwarded-For, read from the right, that is not trusted; an
 * entry that is no address ends the search at the one to its right. Else `peer`.
 * Several headers count as one, in their order, with commas between. */
struct ip ip_of_client(const struct ip *peer, struct slice forwarded_for,
                       const struct ip_networks *trusted);

#endif
