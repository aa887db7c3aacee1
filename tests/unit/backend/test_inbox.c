/* Inboxes against a real Redis: scripts/inbox_*.lua and list_page.lua. */
#include "redis_fixture.h"

#include <inttypes.h>
#include <stdio.h>

static struct redis redis;
static struct event_base *base;
static struct node node;

#define REST(text) "\"kind\":\"message.sent\",\"body\":{\"text\":\"" text "\"}}"
#define LINE(id, seq, text) "{\"v\":1,\"id\":" id ",\"seq\":" seq "," REST(text)

static int before(void **state)
{
  (void)state;
  redis_ask(&redis, "FLUSHALL");
  node_start(&node, base, &redis, "gw-1");
  return 0;
}

static int after(void **state)
{
  (void)state;
  node_end(&node);
  return 0;
}

static void test_push_stamps_stores_and_publishes(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{31}");
  struct outcome first = push(&node, "31", "", REST("one"));
  assert_int_equal(first.err, ERR_OK);
  assert_int_equal(first.id, 65537);
  assert_int_equal(first.seq, 1);
  struct outcome second = push(&node, "31", "", REST("two"));
  assert_int_equal(second.id, 65538);
  assert_int_equal(second.seq, 2);
  WAIT(base, node.messages.count == 2);
  assert_string_equal(told_at(&node.messages, 0), "parley:user:{31} " LINE("65537", "1", "one"));
  assert_string_equal(redis_ask(&redis, "LRANGE parley:user:{31}:unread 0 -1"), "65537 65538");
  assert_string_equal(redis_ask(&redis, "HGET parley:user:{31}:unread:messages 65538"),
                      LINE("65538", "2", "two"));
  assert_string_equal(redis_ask(&redis, "GET parley:block:{1}"), "user:31");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_push_stamps_stores_and_publishes, before, after),
  };
  redis_start(&redis, NULL);
  base = loop_new();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  loop_free(base);
  redis_end(&redis);
  return failed;
}
