/* The head of a request, as the door reads it (RFC 9112; request smuggling). */
#include "request_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct request_head head;

static enum head_result read_head(const char *text)
{
  return request_head_read(slice_of(text), &head);
}

static void reads_an_upgrade(void **state)
{
  (void)state;
  assert_int_equal(read_head("GET /messaging?client_id=31&x=%20 HTTP/1.1\r\n"
                             "Host: here\r\nuPGRADE:  WebSocket \r\n"
                             "Connection: keep-alive, Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                             "Sec-WebSocket-Version: 13\r\nAuthorization: Basic YTpi\r\n"
                             "Sec-WebSocket-Protocol: a, b\r\nOrigin: http://x\r\n"
                             "X-Forwarded-For: 10.0.0.1\r\n\r\nbody"),
                   HEAD_WHOLE);
  assert_true(head.upgrade);
  assert_true(slice_is(head.request.method, "GET"));
  assert_true(slice_is(head.request.path, "/messaging"));
  assert_true(slice_is(head.request.query, "client_id=31&x=%20"));
  assert_true(slice_is(head.version, "13"));
  assert_true(slice_is(head.request.authorization, "Basic YTpi"));
  assert_true(slice_is(head.request.subprotocols, "a, b"));
  assert_true(slice_is(head.request.origin, "http://x"));
  assert_true(slice_is(head.request.forwarded_for, "10.0.0.1"));
}

static void a_plain_request_is_no_upgrade(void **state)
{
  (void)state;
  assert_int_equal(read_head("GET / HTTP/1.1\r\nHost: here\r\n\r\n"), HEAD_WHOLE);
  assert_false(head.upgrade);
  assert_false(head.has_body);
  assert_true(head.known_method);
  assert_int_equal(read_head("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n\n\1"),
                   HEAD_WHOLE);
  assert_true(head.has_body && head.has_length);
  assert_int_equal(head.more, 2);
  assert_int_equal(head.length, 30);
  assert_int_equal(read_head("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
                   HEAD_WHOLE);
  assert_true(head.chunked);
  assert_int_equal(read_head("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n"), HEAD_WHOLE);
  assert_false(head.upgrade);
  assert_int_equal(read_head("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n"),
                   HEAD_WHOLE);
  assert_true(head.expects_continue);
  assert_int_equal(read_head("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), HEAD_WHOLE);
  assert_false(head.expects_continue); /* RFC 9110, 10.1.1 */
  assert_int_equal(read_head("GET / HTTP/1.0\r\n\r\n"), HEAD_WHOLE);
  assert_int_equal(read_head("get / HTTP/1.1\r\nHost: a\r\n\r\n"), HEAD_WHOLE);
  assert_false(head.known_method);
}

static void waits_for_the_end(void **state)
{
  (void)state;
  const char *whole = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
  for (size_t len = 0; len < strlen(whole); len++)
    assert_int_equal(request_head_read((struct slice){whole, len}, &head), HEAD_PARTIAL);
}

static void assert_broken(const char *const *heads, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (read_head(heads[i]) != HEAD_BROKEN) print_error("taken: %s\n", heads[i]);
    assert_int_equal(read_head(heads[i]), HEAD_BROKEN);
  }
}

#define ASSERT_BROKEN(heads) assert_broken(heads, sizeof(heads) / sizeof(heads)[0])

/* RFC 9112, 2.2, 3, 5, 6. */
static void refuses_what_two_readers_could_read_in_two_ways(void **state)
{
  (void)state;
  static const char *const broken[] = {
      "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1x\r\nHost: a\r\n\r\n",
      "GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
      "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : here\r\n\r\n",
      "GET / HTTP/1.1\r\nHost\t: here\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n: empty name\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nOrigin: a\r\nOrigin: b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\n",
      "\x16\x03\x01 no HTTP at all\r\n\r\n",
  };
  ASSERT_BROKEN(broken);
}

/* Not waited for: the end of such a head may never come. */
static void refuses_control_characters_at_sight(void **state)
{
  (void)state;
  static const char *const broken[] = {
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nX: a\nContent-Length: 1",
      "GET / HTTP/1.1\r\nX: a\rb",
      "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
      "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nX: \x7f",
      "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n",
      "\x16\x03\x01\x02",
  };
  ASSERT_BROKEN(broken);
  assert_int_equal(request_head_read(SLICE("GET /\0"), &head), HEAD_BROKEN);
}

static void refuses_targets_that_are_none(void **state)
{
  (void)state;
  static const char *const broken[] = {
      "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",        "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n",         "GET /?a=% HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /a#fragment HTTP/1.1\r\nHost: a\r\n\r\n", "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
  };
  ASSERT_BROKEN(broken);
  char many[512] = "GET /?";
  for (int i = 0; i < 70; i++) strcat(many, "a&");
  strcat(many, " HTTP/1.1\r\nHost: a\r\n\r\n");
  assert_int_equal(read_head(many), HEAD_BROKEN);
}

#define UPGRADE "Host: a\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define CONNECT "Connection: upgrade\r\n"

/* RFC 6455, 4.1 and 4.2.1. */
static void refuses_upgrades_that_are_none(void **state)
{
  (void)state;
  static const char *const broken[] = {
      "POST / HTTP/1.1\r\n" UPGRADE CONNECT KEY "Content-Length: 0\r\n\r\n",
      "GET / HTTP/1.0\r\n" UPGRADE CONNECT KEY "\r\n",
      "GET / HTTP/1.1\r\n" UPGRADE KEY "\r\n",
      "GET / HTTP/1.1\r\n" UPGRADE "Connection: upgraded\r\n" KEY "\r\n",
      "GET / HTTP/1.1\r\n" UPGRADE CONNECT "\r\n",
      "GET / HTTP/1.1\r\n" UPGRADE CONNECT "Sec-WebSocket-Key: short\r\n\r\n",
      "GET / HTTP/1.1\r\n" UPGRADE CONNECT "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n\r\n",
      "GET / HTTP/1.1\r\n" UPGRADE CONNECT KEY KEY "\r\n",
      "GET / HTTP/1.1\r\n" UPGRADE "Upgrade: h2c\r\n" CONNECT KEY "\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: other\r\n" CONNECT KEY "\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket, other\r\n" CONNECT KEY "\r\n",
      "GET / HTTP/1.1\r\n" UPGRADE CONNECT KEY "Content-Length: 5\r\n\r\n",
      "GET / HTTP/1.1\r\n" UPGRADE CONNECT KEY "Transfer-Encoding: chunked\r\n\r\n",
  };
  ASSERT_BROKEN(broken);
  assert_int_equal(read_head("GET / HTTP/1.1\r\n" UPGRADE CONNECT KEY "\r\n"), HEAD_WHOLE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_an_upgrade),
      cmocka_unit_test(a_plain_request_is_no_upgrade),
      cmocka_unit_test(waits_for_the_end),
      cmocka_unit_test(refuses_what_two_readers_could_read_in_two_ways),
      cmocka_unit_test(refuses_control_characters_at_sight),
      cmocka_unit_test(refuses_targets_that_are_none),
      cmocka_unit_test(refuses_upgrades_that_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
