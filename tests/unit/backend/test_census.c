/* Which nodes and sessions there are, as everyone who asks is told of them. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>

#include "census.h"

enum { MANY = 700 }; /* more than a small hash holds: HSCAN then gives it in parts */

/* What was answered: one line a node or session. */
struct told_of {
  enum err err;
  bool done;
  size_t count;
  struct text lines;
  char next[200];
};

static void told_of_free(struct told_of *told)
{
  text_free(&told->lines);
}

static void line(struct told_of *told, const char *format, ...)
{
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  text_append(&told->lines, slice_of(text));
}

static void on_nodes(void *arg, enum err err, const struct node_record *nodes, size_t count)
{
  struct told_of *told = arg;
  told->err = err;
  told->done = true;
  told->count = count;
  for (size_t i = 0; i < count; i++)
    line(told, "%.*s %llu %llu\n", SLICE_ARG(nodes[i].id), (unsigned long long)nodes[i].heard_ms,
         (unsigned long long)nodes[i].sessions);
  text_append_char(&told->lines, '\0');
}

static struct told_of list_nodes(void)
{
  struct told_of told = {0};
  census_nodes(node.backend, on_nodes, &told);
  WAIT(base, told.done);
  return told;
}

static void note_session(struct told_of *told, const struct session_record *session)
{
  line(told, "%.*s %.*s %.*s %.*s '%.*s' %s\n", SLICE_ARG(session->id), SLICE_ARG(session->user),
       SLICE_ARG(session->node), SLICE_ARG(session->protocol), SLICE_ARG(session->device),
       session->since_ms > 1600000000000 ? "since" : "?");
}

static void on_sessions(void *arg, enum err err, const struct session_record *sessions,
                        size_t count, struct slice next)
{
  struct told_of *told = arg;
  told->err = err;
  told->done = true;
  told->count = count;
  snprintf(told->next, sizeof told->next, "%.*s", SLICE_ARG(next));
  for (size_t i = 0; i < count; i++) note_session(told, &sessions[i]);
  text_append_char(&told->lines, '\0');
}

static struct told_of list_sessions(const char *cursor, unsigned count)
{
  struct told_of told = {0};
  census_sessions(node.backend, slice_of(cursor), count, on_sessions, &told);
  WAIT(base, told.done);
  return told;
}

static void on_session(void *arg, enum err err, const struct session_record *session)
{
  struct told_of *told = arg;
  told->err = err;
  told->done = true;
  if (session) note_session(told, session);
  text_append_char(&told->lines, '\0');
}

static struct told_of find(const char *id)
{
  struct told_of told = {0};
  census_find(node.backend, slice_of(id), on_session, &told);
  WAIT(base, told.done);
  return told;
}

static void beats(const char *name, const char *score)
{
  redis_ask(&redis, "ZADD parley:nodes %s %s", score, name);
}

/* ---- nodes -------------------------------------------------------------------------- */

static void test_nodes_are_told_with_heartbeat_and_sessions(void **state)
{
  (void)state;
  struct told_of none = list_nodes();
  assert_int_equal(none.err, ERR_OK);
  assert_int_equal(none.count, 0);
  told_of_free(&none);
  join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  join(&node, "b", "gw-1-b", "chat", "", PRESENCE_SHARED);
  beats("gw-1", "1700000000123");
  beats("gw-0", "-1600000000456"); /* held for dead, and being cleared away */
  struct told_of nodes = list_nodes();
  assert_int_equal(nodes.err, ERR_OK);
  assert_string_equal(nodes.lines.data, "gw-0 1600000000456 0\ngw-1 1700000000123 2\n");
  told_of_free(&nodes);
}

/* ---- sessions ----------------------------------------------------------------------- */

static void test_a_session_is_found_by_its_id(void **state)
{
  (void)state;
  join(&node, "a b", "gw-1-a", "messaging", "my phone", PRESENCE_REPLACE);
  struct told_of told = find("gw-1-a");
  assert_int_equal(told.err, ERR_OK);
  assert_string_equal(told.lines.data, "gw-1-a a b gw-1 messaging 'my phone' since\n");
  told_of_free(&told);
  static const char *const others[] = {"gw-1-b", "gw-2-a", "nonsense", "", "-"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    told = find(others[i]);
    assert_int_equal(told.err, ERR_NOT_FOUND);
    told_of_free(&told);
  }
  /* Its grace period runs: it is with its node alone. */
  leave(&node, "a b", "gw-1-a", false);
  told = find("gw-1-a");
  assert_int_equal(told.err, ERR_NOT_FOUND);
  told_of_free(&told);
}

static void test_sessions_of_all_nodes_are_told_in_parts(void **state)
{
  (void)state;
  struct node other;
  node_start(&other, base, &redis, "gw-2");
  beats("gw-1", "1");
  beats("gw-2", "1");
  beats("gw-15", "1"); /* has none */
  join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  join(&node, "b", "gw-1-b", "chat", "x", PRESENCE_SHARED);
  join(&node, "gone", "gw-1-c", "chat", "", PRESENCE_SHARED);
  join(&node, "d", "gw-1-d", "chat", "", PRESENCE_SHARED);
  join(&other, "a", "gw-2-a", "rooms", "", PRESENCE_SHARED);
  leave(&node, "gone", "gw-1-c", false);
  struct told_of all = list_sessions("", 100);
  assert_int_equal(all.err, ERR_OK);
  assert_string_equal(all.lines.data, "gw-1-a a gw-1 simple '' since\n"
                                      "gw-1-b b gw-1 chat 'x' since\n"
                                      "gw-1-d d gw-1 chat '' since\n"
                                      "gw-2-a a gw-2 rooms '' since\n");
  assert_string_equal(all.next, "");
  told_of_free(&all);
  struct told_of first = list_sessions("", 2);
  assert_string_equal(first.lines.data, "gw-1-a a gw-1 simple '' since\n"
                                        "gw-1-b b gw-1 chat 'x' since\n");
  assert_string_equal(first.next, "0~gw-1~b");
  struct told_of second = list_sessions(first.next, 2);
  assert_string_equal(second.lines.data, "gw-1-d d gw-1 chat '' since\n"
                                         "gw-2-a a gw-2 rooms '' since\n");
  assert_string_equal(second.next, "");
  told_of_free(&first);
  told_of_free(&second);
  node_end(&other);
}

static void test_a_cursor_goes_on_where_its_node_is_gone(void **state)
{
  (void)state;
  beats("gw-1", "1");
  join(&node, "a", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  struct told_of told = list_sessions("99~gw-0~z", 10);
  assert_int_equal(told.count, 1);
  told_of_free(&told);
  told = list_sessions("0~gw-2~", 10);
  assert_int_equal(told.err, ERR_OK);
  assert_int_equal(told.count, 0);
  assert_string_equal(told.next, "");
  told_of_free(&told);
  static const char *const broken[] = {"x", "~", "0~", "x~gw-1~a", "~gw-1~a", "1"};
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    told = list_sessions(broken[i], 10);
    assert_int_equal(told.err, ERR_MALFORMED);
    told_of_free(&told);
  }
}

static void test_many_sessions_are_told_once_each(void **state)
{
  (void)state;
  struct text all = {0};
  char id[32], cursor[200] = "";
  size_t total = 0, parts = 0;
  beats("gw-1", "1");
  for (int i = 0; i < MANY; i++) {
    redis_ask(&redis, "HSET parley:node:{gw-1}:sessions gw-1-%04d %b", i, "chat u", (size_t)6);
    redis_ask(&redis, "HSET parley:user:{u}:sessions gw-1-%04d %b", i, "gw-1 chat 1700000000000 ",
              (size_t)24);
  }
  do {
    struct told_of told = list_sessions(cursor, 30);
    assert_int_equal(told.err, ERR_OK);
    assert_in_range(told.count, 0, 30);
    text_append(&all, slice_of(told.lines.data));
    memcpy(cursor, told.next, sizeof cursor);
    total += told.count;
    parts++;
    told_of_free(&told);
  } while (*cursor);
  text_append_char(&all, '\0');
  assert_int_equal(total, MANY);
  assert_in_range(parts, MANY / 30, MANY / 30 + 2);
  for (int i = 0; i < MANY; i++) {
    snprintf(id, sizeof id, "gw-1-%04d ", i);
    assert_non_null(strstr(all.data, id));
  }
  text_free(&all);
}

/* ---- ending one --------------------------------------------------------------------- */

static void test_a_revoked_session_is_told_of(void **state)
{
  (void)state;
  struct outcome outcome = {0};
  node_hear(&node, "parley:user:{a}");
  census_revoke(node.backend, SLICE("a"), SLICE("gw-2-x"), 1700000000123, on_err, &outcome);
  WAIT(base, outcome.done && node.messages.count == 1);
  assert_int_equal(outcome.err, ERR_OK);
  assert_string_equal(told_at(&node.messages, 0),
                      "parley:user:{a} {\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"session.revoked\","
                      "\"ts\":1700000000123,\"body\":{\"session\":\"gw-2-x\"}}");
}

static void test_redis_away_is_said(void **state)
{
  (void)state;
  struct outcome outcome = {0};
  redis_kill(&redis);
  WAIT(base, !backend_ready(node.backend, NULL));
  struct told_of told[] = {list_nodes(), list_sessions("", 10), find("gw-1-a")};
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(told[i].err, ERR_UNAVAILABLE);
    told_of_free(&told[i]);
  }
  census_revoke(node.backend, SLICE("a"), SLICE("gw-1-a"), 1, on_err, &outcome);
  WAIT(base, outcome.done);
  assert_int_equal(outcome.err, ERR_UNAVAILABLE);
  redis_restart(&redis);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_nodes_are_told_with_heartbeat_and_sessions),
      TEST(test_a_session_is_found_by_its_id),
      TEST(test_sessions_of_all_nodes_are_told_in_parts),
      TEST(test_a_cursor_goes_on_where_its_node_is_gone),
      TEST(test_many_sessions_are_told_once_each),
      TEST(test_a_revoked_session_is_told_of),
      TEST(test_redis_away_is_said),
  };
  return RUN_STAGE(tests);
}
