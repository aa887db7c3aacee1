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
                             "Host: here\r\nuPGRADE:  WebSocket \r\nConnection: Upgrade\r\n"
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
  assert_int_equal(read_head("POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), HEAD_WHOLE);
  assert_true(head.has_body && head.has_length);
  assert_int_equal(head.length, 3);
  assert_int_equal(head.more, 3);
}

static void waits_for_the_end(void **state)
{
  (void)state;
  const char *whole = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
  for (size_t len = 0; len < strlen(whole); len++)
    assert_int_equal(request_head_read((struct slice){whole, len}, &head), HEAD_PARTIAL);
}

static void refuses_what_two_readers_could_read_in_two_ways(void **state)
{
  (void)state;
  const char *const broken[] = {
      "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 0x3\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 0000000000000003\r\n\r\n",
      "POST / HTTP/1.1\r\nX: y\nContent-Length: 3\r\n\r\n",
      "POST / HTTP/1.1\r\nX: y\rz\r\n\r\n",
      "GET  / HTTP/1.1\r\n\r\n",
      "GET /\r\n\r\n",
      "GET / HTTP/2.0\r\n\r\n",
      "GET http://elsewhere/ HTTP/1.1\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : here\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
      "GET / HTTP/1.1\r\nno colon\r\n\r\n",
      "GET / HTTP/1.1\r\n: empty name\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "\x16\x03\x01 no HTTP at all\r\n\r\n",
  };
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
    assert_int_equal(read_head(broken[i]), HEAD_BROKEN);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_an_upgrade),
      cmocka_unit_test(a_plain_request_is_no_upgrade),
      cmocka_unit_test(waits_for_the_end),
      cmocka_unit_test(refuses_what_two_readers_could_read_in_two_ways),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
