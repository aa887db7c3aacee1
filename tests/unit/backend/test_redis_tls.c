/* TLS to Redis: whose certificate is believed, and who is shown one. */
#include "redis_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "link.h"
#include "redis_tls.h"

static struct event_base *base;
static struct redis redis;
static char folder[] = "/tmp/parley-tls-XXXXXX";
static char port[8];

/* A CA that signed Redis' certificate (for localhost and 127.0.0.2) and a client's; and a
 * stranger. */
static void make_certificates(void)
{
  static const char script[] =
      "cd %s || exit 1; exec 2>openssl.log; set -e\n"
      "make() { name=$1; shift; openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
      " -nodes -keyout $name.key -subj /CN=$name \"$@\"; }\n"
      "sign() { openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2"
      " -extfile $1.names -out $1.crt; }\n"
      "make ca -x509 -days 2 -out ca.crt; make stranger -x509 -days 2 -out stranger.crt\n"
      "make redis -out redis.csr; make client -out client.csr\n"
      "echo subjectAltName=DNS:localhost,IP:127.0.0.2 >redis.names; : >client.names\n"
      "sign redis; sign client\n";
  char command[1500];
  assert_non_null(mkdtemp(folder));
  snprintf(command, sizeof command, script, folder);
  assert_int_equal(system(command), 0);
}

static const char *file(const char *name)
{
  static char paths[8][96];
  static unsigned turn;
  char *path = paths[turn++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void on_change(void *arg)
{
  (void)arg;
}

enum { PATIENT_MS = 20000, TWO_TRIES_MS = 700 };

/* Does a link to `host` come up within that time? */
static bool comes_up(const char *host, const struct redis_tls_options *options, uint64_t within_ms)
{
  char text[64], error[300];
  struct redis_url url;
  snprintf(text, sizeof text, "rediss://%s:%s", host, port);
  assert_true(redis_url_parse(&url, text, error, sizeof error));
  struct redis_tls *tls = redis_tls_new(options, error, sizeof error);
  if (!tls) fail_msg("%s", error);
  uint64_t until_ms = loop_now_ms() + within_ms;
  struct link *link = link_new(&(struct link_options){.base = base,
                                                      .url = &url,
                                                      .tls = tls,
                                                      .name = "test",
                                                      .timeout_ms = 2000,
                                                      .up = on_change,
                                                      .down = on_change});
  while (!link_is_up(link) && loop_now_ms() < until_ms) loop_turn(base);
  bool up = link_is_up(link);
  link_free(link);
  redis_tls_free(tls);
  redis_url_free(&url);
  return up;
}

static void test_a_certificate_for_the_host_is_believed(void **state)
{
  (void)state;
  struct redis_tls_options options = {file("ca.crt"), file("client.crt"), file("client.key"), 0};
  assert_true(comes_up("localhost", &options, PATIENT_MS));
  assert_true(comes_up("127.0.0.2", &options, PATIENT_MS)); /* an address in the certificate */
}

static void test_a_certificate_for_another_host_is_not(void **state)
{
  (void)state;
  struct redis_tls_options options = {file("ca.crt"), file("client.crt"), file("client.key"), 0};
  assert_false(comes_up("127.0.0.1", &options, TWO_TRIES_MS));
  options.verify = REDIS_VERIFY_CA;
  assert_true(comes_up("127.0.0.1", &options, PATIENT_MS));
}

static void test_a_stranger_s_signature_is_not_believed(void **state)
{
  (void)state;
  struct redis_tls_options options = {file("stranger.crt"), file("client.crt"), file("client.key"),
                                      0};
  assert_false(comes_up("localhost", &options, TWO_TRIES_MS));
  options.verify = REDIS_VERIFY_CA;
  assert_false(comes_up("localhost", &options, TWO_TRIES_MS));
  options.ca = NULL; /* those of the system */
  assert_false(comes_up("localhost", &options, TWO_TRIES_MS));
  options.verify = REDIS_VERIFY_NONE;
  assert_true(comes_up("localhost", &options, PATIENT_MS));
}

static void test_redis_asks_for_a_certificate(void **state)
{
  (void)state;
  struct redis_tls_options options = {.ca = file("ca.crt")};
  assert_false(comes_up("localhost", &options, TWO_TRIES_MS));
}

static void test_files_that_cannot_be_used_are_told(void **state)
{
  (void)state;
  const struct redis_tls_options bad[] = {
      {.ca = "/nowhere/ca.crt"},
      {.ca = file("ca.key")},
      {.cert = file("client.crt")},
      {.key = file("client.key")},
      {.cert = file("client.crt"), .key = file("ca.key")},
      {.cert = file("client.key"), .key = file("client.key")},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char error[300] = "";
    assert_null(redis_tls_new(&bad[i], error, sizeof error));
    assert_true(strlen(error) > 20);
  }
}

/* A whole backend: messages larger than a TLS record and than a socket's buffer. */
static void test_a_backend_over_tls(void **state)
{
  (void)state;
  char url[64];
  snprintf(url, sizeof url, "rediss://localhost:%s", port);
  struct node node = {.base = base};
  struct backend_options options = {
      .base = base,
      .redis = url,
      .redis_tls = {file("ca.crt"), file("client.crt"), file("client.key"), REDIS_VERIFY_HOST},
      .prefix = "parley:",
      .node = "gw-1",
      .limits = node_limits(),
  };
  node_start_options(&node, &options);
  WAIT(base, backend_ready(node.backend, NULL));
  node_hear(&node, "parley:user:{31}");
  struct text rest = {0};
  text_append(&rest, SLICE("\"kind\":\"message.sent\",\"body\":{\"text\":\""));
  for (int i = 0; i < 3000000; i++) text_append_char(&rest, 'x');
  text_append(&rest, SLICE("\"}}"));
  text_append_char(&rest, '\0');
  for (int round = 0; round < 3; round++) {
    assert_int_equal(push(&node, "31", "", rest.data).err, ERR_OK);
    WAIT(base, node.messages.count == (size_t)round + 1);
  }
  assert_true(strlen(told_at(&node.messages, 2)) > 3000000);
  text_free(&rest);
  redis_kill(&redis);
  WAIT(base, !backend_ready(node.backend, NULL));
  redis_restart(&redis);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(page(&node, "31", 0, 10, 65536).seq, 3);
  node_end(&node);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_certificate_for_the_host_is_believed),
      cmocka_unit_test(test_a_certificate_for_another_host_is_not),
      cmocka_unit_test(test_a_stranger_s_signature_is_not_believed),
      cmocka_unit_test(test_redis_asks_for_a_certificate),
      cmocka_unit_test(test_files_that_cannot_be_used_are_told),
      cmocka_unit_test(test_a_backend_over_tls),
  };
  make_certificates();
  snprintf(port, sizeof port, "%d", free_port());
  char *ca = strdup(file("ca.crt")), *cert = strdup(file("redis.crt")),
       *key = strdup(file("redis.key"));
  const char *const extra[] = {
      "--tls-port", port,     "--tls-ca-cert-file",  ca,  "--tls-cert-file", cert, "--tls-key-file",
      key,          "--bind", "127.0.0.1 127.0.0.2", NULL};
  redis_start(&redis, extra);
  base = loop_new();
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  loop_free(base);
  redis_end(&redis);
  free(ca);
  free(cert);
  free(key);
  char command[64];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command) || failed;
}
