/* The bus: reference counts, batches, resubscription, a link that has gone deaf. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>

#include "bus.h"
#include "bus_private.h"

static int subscribers(const char *channel)
{
  return atoi(strrchr(redis_ask(&redis, "PUBSUB NUMSUB %s", channel), ' ') + 1);
}

static void test_references_are_counted(void **state)
{
  (void)state;
  size_t channels = bus_channel_count(node.backend);
  assert_int_equal(channels, 1); /* the node's own */
  node_hear(&node, "parley:user:{31}");
  assert_true(bus_subscribe(node.backend, SLICE("parley:user:{31}")));
  assert_int_equal(bus_channel_count(node.backend), 2);
  bus_unsubscribe(node.backend, SLICE("parley:user:{31}"));
  bus_publish(node.backend, SLICE("parley:user:{31}"), SLICE("{\"hello\":1}"));
  WAIT(base, told_has(&node.messages, "parley:user:{31} {\"hello\":1}"));
  bus_unsubscribe(node.backend, SLICE("parley:user:{31}"));
  WAIT(base, subscribers("parley:user:{31}") == 0);
  WAIT(base, bus_channel_count(node.backend) == 1);
}

/* hiredis asserts where SUBSCRIBE and UNSUBSCRIBE of one channel overlap. */
static void test_wanting_and_leaving_in_quick_succession(void **state)
{
  (void)state;
  const struct slice channel = SLICE("parley:user:{31}");
  for (int round = 0; round < 200; round++) {
    bus_subscribe(node.backend, channel);
    if (round % 3 == 0) loop_turn(base);
    bus_unsubscribe(node.backend, channel);
    if (round % 7 == 0) loop_turn(base);
    bus_subscribe(node.backend, channel);
    bus_unsubscribe(node.backend, channel);
  }
  bus_subscribe(node.backend, channel);
  WAIT(base,
       bus_subscribe(node.backend, channel) || (bus_unsubscribe(node.backend, channel), false));
  assert_int_equal(subscribers("parley:user:{31}"), 1);
  bus_unsubscribe(node.backend, channel);
  bus_unsubscribe(node.backend, channel);
  WAIT(base, bus_channel_count(node.backend) == 1);
  WAIT(base, subscribers("parley:user:{31}") == 0);
}

static void test_channels_are_any_bytes(void **state)
{
  (void)state;
  const char *channel = "parley:user:{a b$5\\r\"'\xc3\xbc}";
  node_hear(&node, channel);
  redis_ask(&redis, "PUBLISH %s %s", channel, "x");
  WAIT(base, node.messages.count == 1);
}

enum { MANY = 3000, SECOND_US = 1000000 };

static struct slice many(int number)
{
  static char channel[64];
  int len = snprintf(channel, sizeof channel, "parley:user:{many-%d}", number);
  return (struct slice){channel, (size_t)len};
}

static long commands_of(const char *name)
{
  char wanted[64];
  snprintf(wanted, sizeof wanted, "cmdstat_%s:calls=", name);
  const char *at = strstr(redis_ask(&redis, "INFO commandstats"), wanted);
  return at ? strtol(at + strlen(wanted), NULL, 10) : 0;
}

static void test_many_channels_go_in_batches_and_come_back(void **state)
{
  (void)state;
  redis_ask(&redis, "CONFIG RESETSTAT");
  for (int i = 0; i < MANY; i++) assert_false(bus_subscribe(node.backend, many(i)));
  WAIT(base, node.subscribed.count == MANY + 1);
  assert_int_equal(commands_of("subscribe"), (MANY + 255) / 256);
  assert_int_equal(bus_channel_count(node.backend), MANY + 1);

  redis_ask(&redis, "CONFIG RESETSTAT");
  redis_ask(&redis, "CLIENT KILL TYPE pubsub");
  WAIT(base, node.bus_lost == 1);
  WAIT(base, node.subscribed.count == 2 * (MANY + 1));
  assert_int_equal(commands_of("subscribe"), (MANY + 1 + 255) / 256);
  assert_string_equal(told_at(&node.subscribed, MANY + 1), "parley:node:{gw-1}");
  redis_ask(&redis, "PUBLISH parley:user:{many-2999} x");
  WAIT(base, node.messages.count == 1);

  for (int i = 0; i < MANY; i++) bus_unsubscribe(node.backend, many(i));
  WAIT(base, bus_channel_count(node.backend) == 1);
  WAIT(base, strcmp(redis_ask(&redis, "PUBSUB CHANNELS *"), "parley:node:{gw-1}") == 0);
}

/* Killed in the middle of a resubscription: what was asked and not confirmed is asked again. */
static void test_a_second_fault_during_resubscription(void **state)
{
  (void)state;
  for (int i = 0; i < MANY; i++) bus_subscribe(node.backend, many(i));
  WAIT(base, node.subscribed.count == MANY + 1);
  redis_ask(&redis, "CLIENT KILL TYPE pubsub");
  WAIT(base, node.subscribed.count > MANY + 1);
  redis_ask(&redis, "CLIENT KILL TYPE pubsub");
  WAIT(base, node.bus_lost == 2);
  for (int i = 0; i < MANY / 2; i++) bus_unsubscribe(node.backend, many(i));
  WAIT(base,
       subscribers("parley:user:{many-2999}") == 1 && subscribers("parley:user:{many-1500}") == 1);
  assert_int_equal(bus_channel_count(node.backend), MANY / 2 + 1);
  assert_int_equal(subscribers("parley:user:{many-1499}"), 0);
}

static void test_channels_wanted_while_redis_is_away(void **state)
{
  (void)state;
  redis_kill(&redis);
  WAIT(base, node.bus_lost == 1);
  assert_false(bus_subscribe(node.backend, SLICE("parley:user:{31}")));
  assert_false(bus_subscribe(node.backend, SLICE("parley:user:{32}")));
  bus_unsubscribe(node.backend, SLICE("parley:user:{32}"));
  bus_publish(node.backend, SLICE("parley:user:{31}"), SLICE("lost"));
  redis_restart(&redis);
  WAIT(base, told_has(&node.subscribed, "parley:user:{31}"));
  assert_int_equal(subscribers("parley:user:{32}"), 0);
  assert_int_equal(node.messages.count, 0);
}

static void test_a_deaf_bus_is_restarted(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{31}");
  WAIT(base, backend_ready(node.backend, NULL));
  assert_true(backend_counts(node.backend).lag_us > 0);
  /* As if Redis had forgotten a subscription of a connection that lives on. */
  struct slice own = SLICE("parley:node:{gw-1}");
  bus_unsubscribe(node.backend, own);
  WAIT(base, subscribers("parley:node:{gw-1}") == 0);
  assert_int_equal(node.bus_lost, 0);
  WAIT(base, !backend_ready(node.backend, NULL));
  bus_subscribe(node.backend, SLICE("parley:user:{32}")); /* the connection is up, and works */
  WAIT(base, told_has(&node.subscribed, "parley:user:{32}"));
  WAIT(base, node.bus_lost == 1); /* and is restarted, for what is published does not come back */
  assert_true(backend_counts(node.backend).lag_us > 2 * SECOND_US);
  bus_subscribe(node.backend, own);
  WAIT(base, backend_ready(node.backend, NULL));
  WAIT(base, backend_counts(node.backend).lag_us < SECOND_US);
  WAIT(base, subscribers("parley:user:{31}") == 1);
}

static void test_the_probe_is_nobody_elses_business(void **state)
{
  (void)state;
  redis_ask(&redis, "CONFIG RESETSTAT");
  WAIT(base, commands_of("publish") >= 2);
  redis_ask(&redis, "PUBLISH parley:node:{gw-1} {\"kind\":\"x\"}");
  WAIT(base, node.messages.count);
  assert_int_equal(node.messages.count, 1);
  assert_string_equal(told_at(&node.messages, 0), "parley:node:{gw-1} {\"kind\":\"x\"}");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_references_are_counted),
      TEST(test_wanting_and_leaving_in_quick_succession),
      TEST(test_channels_are_any_bytes),
      TEST(test_many_channels_go_in_batches_and_come_back),
      TEST(test_a_second_fault_during_resubscription),
      TEST(test_channels_wanted_while_redis_is_away),
      TEST(test_a_deaf_bus_is_restarted),
      TEST(test_the_probe_is_nobody_elses_business),
  };
  return RUN_STAGE(tests);
}
