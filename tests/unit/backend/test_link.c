/* The command link under faults: what is refused, what is told, what heals. */
#include "stage.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "resp.h"
#include "store.h"

#define REST(text) "\"kind\":\"message.sent\",\"body\":{\"text\":\"" text "\"}}"

/* ---- a backend's own link ------------------------------------------------------------ */

static void send_many(struct outcome *outcomes, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    struct inbox_push push = {SLICE("31"), {0}, SLICE(REST("x")), true, 0};
    outcomes[i] = (struct outcome){0};
    inbox_push(node.backend, &push, on_stamp, &outcomes[i]);
  }
}

static bool all_done(const struct outcome *outcomes, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (!outcomes[i].done) return false;
  return true;
}

static const char *client_id(const char *name)
{
  static char id[32];
  char wanted[80];
  snprintf(wanted, sizeof wanted, " name=%s ", name);
  const char *list = redis_ask(&redis, "CLIENT LIST");
  const char *at = strstr(list, wanted);
  if (!at) return NULL;
  while (at > list && at[-1] != '\n') at--;
  snprintf(id, sizeof id, "%ld", strtol(at + strlen("id="), NULL, 10));
  return id;
}

static void test_connections_have_names(void **state)
{
  (void)state;
  assert_non_null(client_id("parley:gw-1:commands"));
  assert_non_null(client_id("parley:gw-1:bus"));
}

static void test_both_links_come_back_after_client_kill(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{31}");
  for (int round = 0; round < 3; round++) {
    unsigned lost = node.bus_lost;
    size_t subscribed = node.subscribed.count;
    assert_string_equal(redis_ask(&redis, "CLIENT KILL ID %s", client_id("parley:gw-1:bus")), "1");
    assert_string_equal(redis_ask(&redis, "CLIENT KILL ID %s", client_id("parley:gw-1:commands")),
                        "1");
    WAIT(base, node.bus_lost == lost + 1);
    WAIT(base, node.subscribed.count == subscribed + 2); /* the node's own, and the user's */
    WAIT(base, store_is_up(node.backend->store));
    size_t messages = node.messages.count;
    assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
    WAIT(base, node.messages.count == messages + 1);
    WAIT(base, backend_ready(node.backend, NULL));
  }
}

/* Every call is answered once, whether it was sent before the connection broke or not. */
static void test_pending_calls_are_told_once_when_the_connection_breaks(void **state)
{
  (void)state;
  static struct outcome outcomes[200];
  redis_pause(&redis);
  send_many(outcomes, 100);
  for (int i = 0; i < 5; i++) loop_turn(base); /* they are on their way */
  redis_kill(&redis);
  send_many(outcomes + 100, 100);
  WAIT(base, all_done(outcomes, 200));
  for (int i = 0; i < 20; i++) loop_turn(base);
  for (size_t i = 0; i < 200; i++) {
    assert_int_equal(outcomes[i].err, ERR_UNAVAILABLE);
    assert_int_equal(outcomes[i].times, 1);
  }
  redis_restart(&redis);
  WAIT(base, backend_ready(node.backend, NULL));
}

static void test_commands_are_refused_at_once_while_redis_is_down(void **state)
{
  (void)state;
  redis_kill(&redis);
  WAIT(base, !store_is_up(node.backend->store));
  uint64_t begin_ms = loop_now_ms();
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_UNAVAILABLE);
  assert_int_equal(page(&node, "31", 0, 10, 1000).err, ERR_UNAVAILABLE);
  assert_int_equal(say(&node, "lobby", "a", "", REST("x")).err, ERR_UNAVAILABLE);
  assert_int_equal(join(&node, "a", "s", "simple", "", PRESENCE_REFUSE).err, ERR_UNAVAILABLE);
  assert_int_equal(resolve(&node, OWNER_USER, "a", true).err, ERR_UNAVAILABLE);
  assert_int_equal(enter(&node, "lobby", "a", REST("x")).err, ERR_UNAVAILABLE);
  assert_int_equal(attend(&node, "a", "s").err, ERR_UNAVAILABLE);
  assert_in_range(loop_now_ms() - begin_ms, 0, 500);
  const char *why = NULL;
  assert_false(backend_ready(node.backend, &why));
  assert_non_null(why);
  redis_restart(&redis);
  WAIT(base, backend_ready(node.backend, NULL));
}

static void test_what_was_acknowledged_survives_kill_9(void **state)
{
  (void)state;
  for (int i = 0; i < 20; i++) assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
  redis_kill(&redis);
  WAIT(base, !store_is_up(node.backend->store));
  redis_restart(&redis);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(page(&node, "31", 0, 100, 65536).count, 20);
  assert_true(push(&node, "31", "", REST("x")).seq > 20); /* test_epoch.c */
}

static void test_a_hanging_redis_is_given_up_after_the_timeout(void **state)
{
  (void)state;
  redis_pause(&redis);
  uint64_t begin_ms = loop_now_ms();
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_UNAVAILABLE);
  assert_in_range(loop_now_ms() - begin_ms, 1900, 2600);
  begin_ms = loop_now_ms();
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_UNAVAILABLE);
  assert_in_range(loop_now_ms() - begin_ms, 0, 500);
  WAIT(base, !backend_ready(node.backend, NULL));
  redis_resume(&redis);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
}

static void test_a_pause_below_the_timeout_is_waited_for(void **state)
{
  (void)state;
  static struct outcome outcomes[10];
  redis_pause(&redis);
  send_many(outcomes, 10);
  uint64_t begin_ms = loop_now_ms();
  WAIT(base, loop_now_ms() > begin_ms + 800);
  assert_false(outcomes[0].done);
  redis_resume(&redis);
  WAIT(base, all_done(outcomes, 10));
  for (size_t i = 0; i < 10; i++) assert_int_equal(outcomes[i].err, ERR_OK);
}

static void test_script_flush_keeps_the_order_of_calls(void **state)
{
  (void)state;
  static struct outcome outcomes[300];
  send_many(outcomes, 1);
  WAIT(base, outcomes[0].done);
  for (int round = 0; round < 5; round++) {
    unsigned first_seq = (unsigned)outcomes[round ? 299 : 0].seq;
    send_many(outcomes, 100);
    loop_turn(base);
    redis_ask(&redis, "SCRIPT FLUSH");
    send_many(outcomes + 100, 100);
    loop_turn(base);
    send_many(outcomes + 200, 100);
    WAIT(base, all_done(outcomes, 300));
    for (size_t i = 0; i < 300; i++) {
      assert_int_equal(outcomes[i].err, ERR_OK);
      assert_int_equal(outcomes[i].times, 1);
      assert_int_equal(outcomes[i].seq, first_seq + i + 1);
    }
  }
}

static void test_a_master_that_became_a_replica_is_let_go(void **state)
{
  (void)state;
  uint64_t ups = backend_counts(node.backend).command_ups;
  redis_ask(&redis, "REPLICAOF 127.0.0.1 1");
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_UNAVAILABLE);
  redis_ask(&redis, "REPLICAOF NO ONE");
  WAIT(base, backend_ready(node.backend, NULL));
  assert_true(backend_counts(node.backend).command_ups > ups);
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
}

static void test_redis_refuses_writes(void **state)
{
  (void)state;
  redis_ask(&redis, "CONFIG SET maxmemory 1");
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_UNAVAILABLE);
  redis_ask(&redis, "CONFIG SET maxmemory 0");
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
}

static void test_a_key_of_the_wrong_type_is_our_fault(void **state)
{
  (void)state;
  redis_ask(&redis, "SET parley:user:{31}:inbox nonsense");
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_INTERNAL);
  redis_ask(&redis, "DEL parley:user:{31}:inbox");
  assert_int_equal(push(&node, "31", "", REST("x")).err, ERR_OK);
}

static void test_freeing_answers_what_is_pending(void **state)
{
  (void)state;
  static struct outcome outcomes[50];
  struct node other;
  node_start(&other, base, &redis, "gw-2");
  struct node kept = node;
  node = other;
  send_many(outcomes, 25);
  loop_turn(base);
  send_many(outcomes + 25, 25);
  node = kept;
  backend_free(other.backend);
  other.backend = NULL;
  for (size_t i = 0; i < 50; i++) assert_int_equal(outcomes[i].times, 1);
  node_end(&other);
}

/* ---- a link alone --------------------------------------------------------------------- */

struct ups {
  unsigned up, down;
};

static void on_up(void *arg)
{
  ((struct ups *)arg)->up++;
}

static void on_down(void *arg)
{
  ((struct ups *)arg)->down++;
}

static struct link *open_link(struct redis_url *url, const char *text, struct ups *ups)
{
  char error[200];
  assert_true(redis_url_parse(url, text, error, sizeof error));
  *ups = (struct ups){0};
  return link_new(&(struct link_options){.base = base,
                                         .url = url,
                                         .name = "test",
                                         .timeout_ms = 300,
                                         .up = on_up,
                                         .down = on_down,
                                         .arg = ups});
}

static void close_link(struct link *link, struct redis_url *url)
{
  link_free(link);
  redis_url_free(url);
}

static void test_password_and_database(void **state)
{
  (void)state;
  struct redis_url url;
  struct ups ups;
  char text[200];
  redis_ask(&redis, "ACL SETUSER me on >pass:word ~* &* +@all");
  snprintf(text, sizeof text, "%s?db=3", redis.url);
  struct link *link = open_link(&url, text, &ups);
  url.user = strdup("me");
  url.password = strdup("pass:word");
  WAIT(base, link_is_up(link));
  assert_non_null(strstr(redis_ask(&redis, "CLIENT LIST"), " name=test "));
  const char *client = strstr(redis_ask(&redis, "CLIENT LIST"), " name=test ");
  assert_memory_equal(strstr(client, " db="), " db=3 ", 6);
  assert_memory_equal(strstr(client, " user="), " user=me ", 9);
  close_link(link, &url);

  link = open_link(&url, redis.url, &ups);
  url.user = strdup("me");
  url.password = strdup("wrong");
  for (int i = 0; i < 40; i++) loop_turn(base);
  assert_int_equal(ups.up, 0);
  close_link(link, &url);
  redis_ask(&redis, "ACL DELUSER me");
}

/* A listener that takes connections and says nothing, like a host that hangs. */
static void test_a_greeting_without_an_answer_is_given_up(void **state)
{
  (void)state;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(listener, 16), 0);
  getsockname(listener, (struct sockaddr *)&address, &size);
  struct redis_url url;
  struct ups ups;
  char text[64];
  snprintf(text, sizeof text, "redis://127.0.0.1:%d", ntohs(address.sin_port));
  struct link *link = open_link(&url, text, &ups);
  unsigned accepted = 0;
  int last = -1;
  while (accepted < 3) { /* it tries again and again */
    int connection = -1;
    WAIT(base, (connection = accept(listener, NULL, NULL)) >= 0);
    if (last >= 0) close(last);
    last = connection;
    accepted++;
  }
  assert_int_equal(ups.up, 0);
  close_link(link, &url);
  close(last);
  close(listener);
}

static void test_tcp_comes_up_too(void **state)
{
  (void)state;
  struct redis tcp;
  struct redis_url url;
  struct ups ups;
  char port[8], text[64];
  snprintf(port, sizeof port, "%d", free_port());
  redis_start(&tcp, (const char *const[]){"--port", port, "--bind", "127.0.0.1", NULL});
  snprintf(text, sizeof text, "redis://localhost:%s", port);
  struct link *link = open_link(&url, text, &ups);
  WAIT(base, link_is_up(link));
  redis_kill(&tcp);
  WAIT(base, ups.down == 1);
  redis_restart(&tcp);
  WAIT(base, ups.up == 2);
  close_link(link, &url);
  redis_end(&tcp);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_connections_have_names),
      TEST(test_both_links_come_back_after_client_kill),
      TEST(test_pending_calls_are_told_once_when_the_connection_breaks),
      TEST(test_commands_are_refused_at_once_while_redis_is_down),
      TEST(test_what_was_acknowledged_survives_kill_9),
      TEST(test_a_hanging_redis_is_given_up_after_the_timeout),
      TEST(test_a_pause_below_the_timeout_is_waited_for),
      TEST(test_script_flush_keeps_the_order_of_calls),
      TEST(test_a_master_that_became_a_replica_is_let_go),
      TEST(test_redis_refuses_writes),
      TEST(test_a_key_of_the_wrong_type_is_our_fault),
      TEST(test_freeing_answers_what_is_pending),
      TEST(test_password_and_database),
      TEST(test_a_greeting_without_an_answer_is_given_up),
      TEST(test_tcp_comes_up_too),
  };
  return RUN_STAGE(tests);
}
