/* Names of hosts, without holding up the loop. */
#include "redis_fixture.h"

#include <stdio.h>

#include "resolver.h"

struct heard {
  unsigned times;
  char address[64], error[160];
};

static void on_heard(void *arg, const char *address, const char *error)
{
  struct heard *heard = arg;
  heard->times++;
  snprintf(heard->address, sizeof heard->address, "%s", address ? address : "");
  snprintf(heard->error, sizeof heard->error, "%s", error ? error : "");
}

static void test_addresses_are_answered_at_once(void **state)
{
  (void)state;
  static const char *const addresses[] = {"127.0.0.1", "::1", "2001:db8::7"};
  struct event_base *base = loop_new();
  struct resolver *resolver = resolver_new(base);
  for (size_t i = 0; i < 3; i++) {
    struct heard heard = {0};
    resolver_ask(resolver, addresses[i], 0, on_heard, &heard);
    assert_int_equal(heard.times, 1);
    assert_string_equal(heard.address, addresses[i]);
  }
  resolver_free(resolver);
  loop_free(base);
}

static void test_names_are_resolved(void **state)
{
  (void)state;
  struct event_base *base = loop_new();
  struct resolver *resolver = resolver_new(base);
  for (unsigned turn = 0; turn < 4; turn++) {
    struct heard heard = {0};
    resolver_ask(resolver, "localhost", turn, on_heard, &heard);
    WAIT(base, heard.times == 1);
    assert_true(strcmp(heard.address, "127.0.0.1") == 0 || strcmp(heard.address, "::1") == 0);
  }
  resolver_free(resolver);
  loop_free(base);
}

static void test_a_name_that_is_none_is_told(void **state)
{
  (void)state;
  struct event_base *base = loop_new();
  struct resolver *resolver = resolver_new(base);
  struct heard heard = {0};
  resolver_ask(resolver, "not a name", 0, on_heard, &heard);
  WAIT(base, heard.times == 1);
  assert_string_equal(heard.address, "");
  assert_string_not_equal(heard.error, "");
  resolver_free(resolver);
  loop_free(base);
}

static void test_who_cancels_is_not_called(void **state)
{
  (void)state;
  struct event_base *base = loop_new();
  struct resolver *resolver = resolver_new(base);
  struct heard first = {0}, second = {0};
  resolver_ask(resolver, "localhost", 0, on_heard, &first);
  resolver_cancel(resolver);
  resolver_ask(resolver, "localhost", 0, on_heard, &second);
  WAIT(base, second.times == 1);
  assert_int_equal(first.times, 0);
  resolver_ask(resolver, "localhost", 0, on_heard, &first);
  resolver_free(resolver); /* with a question under way */
  loop_free(base);
  assert_int_equal(first.times, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_addresses_are_answered_at_once),
      cmocka_unit_test(test_names_are_resolved),
      cmocka_unit_test(test_a_name_that_is_none_is_told),
      cmocka_unit_test(test_who_cancels_is_not_called),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
