/* Names: keys and channels, UUIDs, Redis URLs. No Redis needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys.h"
#include "redis_url.h"
#include "uuid.h"

static void assert_key(enum owner_kind kind, const char *id, const char *suffix,
                       const char *expected)
{
  struct text out = {0};
  key_write(&out, "parley:", kind, slice_of(id), suffix);
  assert_int_equal(out.len, strlen(expected));
  assert_memory_equal(out.data, expected, out.len);
  assert_int_equal(key_length("parley:", kind, slice_of(id), suffix), out.len);
  text_free(&out);
}

static void test_keys(void **state)
{
  (void)state;
  assert_key(OWNER_USER, "31", ":unread", "parley:user:{31}:unread");
  assert_key(OWNER_ROOM, "lobby", "", "parley:room:{lobby}");
  assert_key(OWNER_DIALOG, "a|b", ":record", "parley:dialog:{a|b}:record");
  assert_key(OWNER_NODE, "gw-3f2a.0", ":sessions", "parley:node:{gw-3f2a.0}:sessions");
  assert_key(OWNER_NUMBER, "u7", "", "parley:number:{u7}");
  assert_key(OWNER_UUID, "x", "", "parley:uuid:{x}");
  assert_key(OWNER_BLOCK, "12", "", "parley:block:{12}");
  assert_key(OWNER_KEY, "3f2a", "", "parley:key:{3f2a}");
}

static void test_channels_are_read_back(void **state)
{
  (void)state;
  enum owner_kind kind;
  struct slice id;
  assert_true(channel_read(SLICE("parley:user:{31}"), "parley:", &kind, &id));
  assert_int_equal(kind, OWNER_USER);
  assert_true(slice_is(id, "31"));
  assert_true(channel_read(SLICE("parley:room:{#a b}"), "parley:", &kind, &id));
  assert_int_equal(kind, OWNER_ROOM);
  assert_true(slice_is(id, "#a b"));
  static const char *const others[] = {
      "parley:all",      "parley:user:31",
      "parley:user:{31", "other:user:{31}",
      "parley:use:{31}", "parley:user:{31}:unread",
      "parley:",         "parley:user",
      "parley:user:",    "",
  };
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    assert_false(channel_read(slice_of(others[i]), "parley:", &kind, &id));
}

static void assert_uuid(const char *kind, const char *id, const char *expected)
{
  char out[UUID_TEXT_BYTES + 1];
  uuid_of(kind, slice_of(id), out);
  assert_string_equal(out, expected);
}

/* Expected values: Python's uuid.uuid5(uuid.NAMESPACE_URL, "parley:user:alice"). */
static void test_uuids(void **state)
{
  (void)state;
  assert_uuid("user", "alice", "b74032dc-1c20-5c18-8650-b6eea596a200");
  assert_uuid("user", "J\xc3\xbcrgen", "70c0f424-1824-573e-a69e-5f3521a4dfe6");
  assert_uuid("dialog", "alice|bob", "7deebe8b-cd62-552d-a43a-97d5dd35e675");
  assert_uuid("room", "lobby", "189d48d4-e23d-5fa1-a938-6a97095a488c");
  assert_uuid("user", "0A1B2C3D-0000-4000-8000-AABBCCDDEEFF",
              "0a1b2c3d-0000-4000-8000-aabbccddeeff");
}

static void test_random_uuids(void **state)
{
  (void)state;
  char one[UUID_TEXT_BYTES + 1], other[UUID_TEXT_BYTES + 1];
  for (int i = 0; i < 100; i++) {
    uuid_random(one);
    uuid_random(other);
    assert_true(uuid_is(slice_of(one)));
    assert_int_equal(one[14], '4');
    assert_non_null(strchr("89ab", one[19]));
    assert_string_not_equal(one, other);
  }
}

static struct redis_url parsed(const char *text)
{
  struct redis_url url;
  char error[200];
  if (!redis_url_parse(&url, text, error, sizeof error)) fail_msg("%s: %s", text, error);
  return url;
}

static void test_urls(void **state)
{
  (void)state;
  struct redis_url url = parsed("redis://localhost");
  assert_string_equal(url.hosts[0].name, "localhost");
  assert_int_equal(url.hosts[0].port, 6379);
  assert_null(url.user);
  assert_null(url.password);
  assert_int_equal(url.db, 0);
  redis_url_free(&url);

  url = parsed("redis://al%40ice:p%3Aw+%2F@[::1]:7000/15");
  assert_string_equal(url.hosts[0].name, "::1");
  assert_int_equal(url.hosts[0].port, 7000);
  assert_string_equal(url.user, "al@ice");
  assert_string_equal(url.password, "p:w+/");
  assert_int_equal(url.db, 15);
  redis_url_free(&url);

  url = parsed("redis://:secret@10.0.0.1/");
  assert_null(url.user);
  assert_string_equal(url.password, "secret");
  assert_string_equal(url.hosts[0].name, "10.0.0.1");
  redis_url_free(&url);

  url = parsed("unix:///run/redis.sock?db=3");
  assert_string_equal(url.hosts[0].path, "/run/redis.sock");
  assert_null(url.hosts[0].name);
  assert_int_equal(url.db, 3);
  redis_url_free(&url);
}

static void test_urls_of_sentinels_and_clusters(void **state)
{
  (void)state;
  struct redis_url url = parsed("rediss://me:x@host");
  assert_int_equal(url.shape, REDIS_ALONE);
  assert_true(url.tls);
  redis_url_free(&url);

  url = parsed("redis+sentinel://me:p%2Cw@a,b:7,[::1]/my%20master?db=2&sentinel_auth=yes");
  assert_int_equal(url.shape, REDIS_SENTINEL);
  assert_false(url.tls);
  assert_string_equal(url.password, "p,w");
  assert_int_equal(url.host_count, 3);
  assert_string_equal(url.hosts[0].name, "a");
  assert_int_equal(url.hosts[0].port, 26379);
  assert_int_equal(url.hosts[1].port, 7);
  assert_string_equal(url.hosts[2].name, "::1");
  assert_string_equal(url.master, "my master");
  assert_int_equal(url.db, 2);
  assert_true(url.sentinel_auth);
  redis_url_free(&url);

  url = parsed("rediss+cluster://a:1,b/");
  assert_int_equal(url.shape, REDIS_CLUSTER);
  assert_true(url.tls);
  assert_int_equal(url.host_count, 2);
  assert_int_equal(url.hosts[1].port, 6379);
  redis_url_free(&url);
}

static void test_bad_urls_are_refused_with_a_reason(void **state)
{
  (void)state;
  static const char *const bad[][2] = {
      {"redis://a,b", "several"},
      {"redis+sentinel://a,b", "master"},
      {"redis+sentinel://a,b/", "master"},
      {"redis+sentinel://a,/m", "host"},
      {"redis+sentinel://a/m?", "question"},
      {"redis+sentinel://a/m?x=1", "sentinel_auth"},
      {"redis+sentinel://a/%zz", "percent"},
      {"redis+cluster://a,b/1", "database"},
      {"redis+cluster://", "host"},
      {"http://host", "http"},
      {"localhost:6379", "redis://"},
      {"", "redis://"},
      {"redis://", "host"},
      {"redis://:6379", "host"},
      {"redis://host:0", "port"},
      {"redis://host:65536", "port"},
      {"redis://host:x", "port"},
      {"redis://host/x", "database"},
      {"redis://user@host/x", "database"},
      {"redis://[::1", "bracket"},
      {"redis://[::1]x", "between"},
      {"redis://%zz:a@host", "percent"},
      {"redis://a:%zz@host", "percent"},
      {"redis://a:%00@host", "percent"},
      {"redis://a:@host", "password"},
      {"unix://", "path"},
      {"unix:///s?x=1", "?db="},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct redis_url url;
    char error[200] = "";
    if (redis_url_parse(&url, bad[i][0], error, sizeof error)) fail_msg("%s was taken", bad[i][0]);
    if (!strstr(error, bad[i][1])) fail_msg("%s: %s", bad[i][0], error);
  }
}

static void test_an_error_does_not_tell_the_password(void **state)
{
  (void)state;
  struct redis_url url;
  char error[200];
  assert_false(redis_url_parse(&url, "redis://me:geheim@host:99999", error, sizeof error));
  assert_null(strstr(error, "geheim"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_keys),
      cmocka_unit_test(test_channels_are_read_back),
      cmocka_unit_test(test_uuids),
      cmocka_unit_test(test_random_uuids),
      cmocka_unit_test(test_urls),
      cmocka_unit_test(test_urls_of_sentinels_and_clusters),
      cmocka_unit_test(test_bad_urls_are_refused_with_a_reason),
      cmocka_unit_test(test_an_error_does_not_tell_the_password),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
