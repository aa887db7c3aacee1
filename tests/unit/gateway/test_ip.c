/* Addresses, networks, and whom a connection behind proxies belongs to. */
#include "ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct ip ip(const char *text)
{
  struct ip ip;
  assert_true(ip_read(slice_of(text), &ip));
  return ip;
}

static void assert_written(const struct ip *ip, const char *expected)
{
  char text[IP_TEXT_BYTES];
  ip_write(ip, text);
  assert_string_equal(text, expected);
}

static void reads_what_proxies_write(void **state)
{
  (void)state;
  static const char *const rows[][2] = {
      {"10.0.0.1", "10.0.0.1"},
      {"10.0.0.1:8080", "10.0.0.1"},
      {"::1", "::1"},
      {"[::1]", "::1"},
      {"[2001:db8::5]:443", "2001:db8::5"},
      {"::ffff:10.0.0.1", "10.0.0.1"},
      {"2001:DB8:0:0::5", "2001:db8::5"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct ip read = ip(rows[i][0]);
    assert_written(&read, rows[i][1]);
  }
}

static void refuses_what_is_no_address(void **state)
{
  (void)state;
  static const char *const rows[] = {
      "",
      "unknown",
      "10.0.0",
      "10.0.0.256",
      "10.0.0.1:",
      "10.0.0.1:x",
      "[::1",
      "[::1]x",
      "[::1]:",
      "[]",
      "[",
      "::1]",
      "10.0.0.1 ",
      "_hidden",
      "10.0.0.1/8",
      "1:2:3:4:5:6:7:8:9",
      "10.0.0.1:123456",
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct ip ip;
    if (ip_read(slice_of(rows[i]), &ip)) fail_msg("read '%s'", rows[i]);
  }
  struct ip none;
  assert_false(ip_read(SLICE("10.0.0.1\0x"), &none));
}

static void reads_sockets_of_both_families(void **state)
{
  (void)state;
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr other = {.sa_family = AF_UNIX};
  struct ip read;
  assert_true(ip_from_socket((struct sockaddr *)&v4, &read));
  assert_written(&read, "10.0.0.1");
  assert_true(ip_from_socket((struct sockaddr *)&v6, &read));
  assert_written(&read, "::1");
  assert_false(ip_from_socket(&other, &read));
}

static void knows_loopback(void **state)
{
  (void)state;
  struct ip inside[] = {ip("127.0.0.1"), ip("127.8.8.8"), ip("::1"), ip("::ffff:127.0.0.1")};
  struct ip outside[] = {ip("0.0.0.0"), ip("::"), ip("10.0.0.1"), ip("7f00::")};
  for (size_t i = 0; i < 4; i++) {
    assert_true(ip_is_loopback(&inside[i]));
    assert_false(ip_is_loopback(&outside[i]));
  }
}

static void networks_hold_what_begins_as_they_do(void **state)
{
  (void)state;
  static const struct {
    const char *network, *ip;
    bool holds;
  } rows[] = {
      {"10.0.0.0/8", "10.255.1.2", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.0.0.0/8", "::ffff:10.1.1.1", true},
      {"172.16.0.0/12", "172.31.255.255", true},
      {"172.16.0.0/12", "172.32.0.0", false},
      {"0.0.0.0/0", "203.0.113.9", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"::/0", "203.0.113.9", true},
      {"2001:db8::/32", "2001:db8:ffff::", true},
      {"2001:db8::/32", "2001:db9::", false},
      {"192.0.2.7", "192.0.2.7", true},
      {"192.0.2.7", "192.0.2.6", false},
      {"::1", "::1", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {" 10.0.0.0/8 ", "10.0.0.1", true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct ip_network network;
    struct ip address = ip(rows[i].ip);
    assert_true(ip_network_read(slice_of(rows[i].network), &network));
    struct ip_networks list = {&network, 1};
    if (ip_networks_hold(&list, &address) != rows[i].holds) {
      fail_msg("%s in %s: not %d", rows[i].ip, rows[i].network, rows[i].holds);
    }
  }
}

static void refuses_what_is_no_network(void **state)
{
  (void)state;
  static const char *const rows[] = {
      "",       "/8",           "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/x",    "10.0.0.1/8",
      "::/129", "10.0.0.0/8/8", "::1/64",    "10.0.0.0/-1", "10.0.0.0/008x", "lan",
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct ip_network network;
    if (ip_network_read(slice_of(rows[i]), &network)) fail_msg("read '%s'", rows[i]);
  }
}

static void believes_trusted_proxies_only(void **state)
{
  (void)state;
  struct ip_network networks[2];
  assert_true(ip_network_read(SLICE("10.0.0.0/8"), &networks[0]));
  assert_true(ip_network_read(SLICE("fd00::/8"), &networks[1]));
  struct ip_networks trusted = {networks, 2}, nobody = {NULL, 0};
  static const struct {
    const char *peer, *header, *client;
  } rows[] = {
      {"10.0.0.1", "203.0.113.9", "203.0.113.9"},
      {"203.0.113.1", "198.51.100.1", "203.0.113.1"}, /* not a proxy of ours: a lie */
      {"10.0.0.1", "198.51.100.1, 203.0.113.9",
       "203.0.113.9"},                                      /* the left one is the client's own */
      {"10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"}, /* two proxies */
      {"10.0.0.1", "203.0.113.9 ,fd00::2,\t10.0.0.2 ", "203.0.113.9"},
      {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"}, /* a client inside */
      {"10.0.0.1", "203.0.113.9, unknown, 10.0.0.2", "10.0.0.2"},
      {"10.0.0.1", "unknown", "10.0.0.1"},
      {"10.0.0.1", "", "10.0.0.1"},
      {"10.0.0.1", ",", "10.0.0.1"},
      {"10.0.0.1", "[2001:db8::9]:555", "2001:db8::9"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct ip peer = ip(rows[i].peer);
    struct ip client = ip_of_client(&peer, slice_of(rows[i].header), &trusted);
    assert_written(&client, rows[i].client);
    client = ip_of_client(&peer, slice_of(rows[i].header), &nobody);
    assert_written(&client, rows[i].peer);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_proxies_write),
      cmocka_unit_test(refuses_what_is_no_address),
      cmocka_unit_test(reads_sockets_of_both_families),
      cmocka_unit_test(knows_loopback),
      cmocka_unit_test(networks_hold_what_begins_as_they_do),
      cmocka_unit_test(refuses_what_is_no_network),
      cmocka_unit_test(believes_trusted_proxies_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
