/* Messages where they are kept, against a real Redis: scripts/message_*.lua, dialog_append.lua,
 * messages_latest.lua, read_cursor_set.lua, and pushes under an id. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bus.h"
#include "messages.h"

#define REST(text)          "\"kind\":\"message.sent\",\"body\":{\"text\":\"" text "\"}}"
#define LINE(id, seq, text) "{\"v\":1,\"id\":" id ",\"seq\":" seq "," REST(text)
#define EVENT               "\"kind\":\"message.edited\"}"
#define EVENT_LINE          "{\"v\":1,\"id\":0,\"seq\":0," EVENT
#define HEAD                "\"kind\":\"reaction.updated\",\"body\":{\"reactions\":"
#define REACTED(counts)     "{\"v\":1,\"id\":0,\"seq\":0," HEAD counts "}}"

static const struct owner dialog = {OWNER_DIALOG, {"alice|bob", 9}};
static const struct owner inbox = {OWNER_USER, {"bob", 3}};
static const struct owner lobby = {OWNER_ROOM, {"lobby", 5}};

/* ---- calls, waited for -------------------------------------------------------------- */

/* `lines`: what the log holds of a message that was appended before. */
static void on_appended(void *arg, const struct stamp *stamp)
{
  struct outcome *outcome = arg;
  on_stamp(outcome, stamp);
  snprintf(outcome->lines, sizeof outcome->lines, "%.*s", SLICE_ARG(stamp->rest));
}

static struct outcome append(const char *dedupe, const char *rest)
{
  struct dialog_append append = {dialog.id, slice_of(dedupe), slice_of(rest), false};
  OUTCOME(dialog_append(node.backend, &append, on_appended, &outcome));
}

static struct outcome stamp_only(const char *rest)
{
  struct dialog_append append = {dialog.id, {0}, slice_of(rest), true};
  OUTCOME(dialog_append(node.backend, &append, on_stamp, &outcome));
}

static struct outcome push_ephemeral(const char *user, uint64_t id, const char *rest)
{
  struct inbox_push push = {slice_of(user), {0}, slice_of(rest), false, id};
  OUTCOME(inbox_push(node.backend, &push, on_stamp, &outcome));
}

static struct outcome push_id(struct node *by, const char *user, uint64_t id, const char *rest)
{
  struct inbox_push push = {slice_of(user), {0}, slice_of(rest), true, id};
  OUTCOME(inbox_push(by->backend, &push, on_stamp, &outcome));
}

/* `rooms`: the reactions of each message, a blank behind each. */
static void on_reacted_page(void *arg, const struct page *page)
{
  struct outcome *outcome = arg;
  size_t at = 0;
  on_page(outcome, page);
  for (size_t i = 0; i < page->count; i++)
    at += (size_t)snprintf(outcome->rooms + at, sizeof outcome->rooms - at, "%.*s ",
                           SLICE_ARG(page->messages[i].reactions));
}

static struct outcome get(struct owner owner, uint64_t id)
{
  OUTCOME(message_get(node.backend, owner, id, on_reacted_page, &outcome));
}

static struct outcome latest_bytes(struct owner owner, uint64_t before_id, unsigned count,
                                   size_t max_bytes)
{
  OUTCOME(
      messages_latest(node.backend, owner, before_id, count, max_bytes, on_reacted_page, &outcome));
}

static struct outcome latest(struct owner owner, uint64_t before_id, unsigned count)
{
  return latest_bytes(owner, before_id, count, SIZE_MAX / 2);
}

static struct outcome edit(struct owner owner, uint64_t id, const char *rest, const char *event)
{
  OUTCOME(message_edit(node.backend, owner, id, slice_of(rest), slice_of(event), on_err, &outcome));
}

static struct outcome delete_one(struct owner owner, uint64_t id, const char *event)
{
  OUTCOME(message_delete(node.backend, owner, id, slice_of(event), on_err, &outcome));
}

static void on_counts(void *arg, enum err err, struct slice counts)
{
  struct outcome *outcome = arg;
  on_err(outcome, err);
  snprintf(outcome->lines, sizeof outcome->lines, "%.*s", SLICE_ARG(counts));
}

static struct outcome react(struct owner owner, uint64_t id, const char *user, const char *reaction,
                            bool adding)
{
  struct reaction_change change = {owner,  id,          slice_of(user), slice_of(reaction),
                                   adding, SLICE(HEAD), SLICE("}}")};
  OUTCOME(message_react(node.backend, &change, on_counts, &outcome));
}

static struct outcome set_read(const char *user, uint64_t seq)
{
  OUTCOME(read_cursor_set(node.backend, dialog, slice_of(user), seq, on_err, &outcome));
}

static struct outcome get_unread(const char *user)
{
  OUTCOME(unread_count(node.backend, dialog, slice_of(user), on_page, &outcome));
}

static void on_owner(void *arg, enum err err, const struct owner *owner)
{
  struct outcome *outcome = arg;
  on_err(outcome, err);
  if (!owner) return;
  snprintf(outcome->name, sizeof outcome->name, "%s:%.*s", owner_kind_name(owner->kind),
           SLICE_ARG(owner->id));
}

static struct outcome owner_of(uint64_t id)
{
  OUTCOME(message_owner(node.backend, id, on_owner, &outcome));
}

/* Everything that was published before has come by now. */
static void settle(void)
{
  node_hear(&node, "parley:room:{settled}");
  bus_unsubscribe(node.backend, SLICE("parley:room:{settled}"));
}

static bool key_holds(const char *key, const char *text)
{
  const char *type = redis_ask(&redis, "TYPE %s", key);
  const char *value = strcmp(type, "hash") == 0     ? redis_ask(&redis, "HGETALL %s", key)
                      : strcmp(type, "list") == 0   ? redis_ask(&redis, "LRANGE %s 0 -1", key)
                      : strcmp(type, "set") == 0    ? redis_ask(&redis, "SMEMBERS %s", key)
                      : strcmp(type, "zset") == 0   ? redis_ask(&redis, "ZRANGE %s 0 -1", key)
                      : strcmp(type, "string") == 0 ? redis_ask(&redis, "GET %s", key)
                                                    : NULL;
  if (!value) fail_msg("%s is of a type that nobody looks into: %s", key, type);
  return strstr(key, text) || strstr(value, text);
}

static size_t keys_that_hold(const char *text)
{
  size_t count = 0;
  redisReply *keys = redisCommand(redis.plain, "KEYS *");
  for (size_t i = 0; i < keys->elements; i++) count += key_holds(keys->element[i]->str, text);
  freeReplyObject(keys);
  return count;
}

/* ---- the log of a dialog ------------------------------------------------------------ */

static void test_append_stamps_logs_and_publishes_nothing(void **state)
{
  (void)state;
  node_hear(&node, "parley:dialog:{alice|bob}");
  struct outcome first = append("aaaa", REST("one"));
  assert_int_equal(first.err, ERR_OK);
  assert_int_equal(first.id, 65537);
  assert_int_equal(first.seq, 1);
  struct outcome again = append("aaaa", REST("one"));
  assert_true(again.repeated);
  assert_int_equal(again.id, first.id);
  assert_int_equal(again.seq, first.seq);
  assert_int_equal(append("aaaa", REST("one")).id, first.id); /* nor did that change it */
  struct outcome second = append("", REST("two"));
  assert_false(second.repeated);
  assert_int_equal(second.seq, 2);
  assert_string_equal(redis_ask(&redis, "LRANGE parley:dialog:{alice|bob}:log 0 -1"),
                      "65537 65538");
  assert_string_equal(redis_ask(&redis, "HGET parley:dialog:{alice|bob}:messages 65537"),
                      LINE("65537", "1", "one"));
  assert_string_equal(redis_ask(&redis, "GET parley:block:{1}"), "dialog:alice|bob");
  assert_in_range(atoi(redis_ask(&redis, "TTL parley:dialog:{alice|bob}:log")), 7 * 86400,
                  8 * 86400);
  settle();
  assert_int_equal(node.messages.count, 0);
}

static void test_an_ephemeral_message_has_its_dialog_s_id_and_is_kept_nowhere(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{bob}");
  append("", REST("logged"));
  struct outcome stamped = stamp_only(REST("fleeting"));
  assert_int_equal(stamped.err, ERR_OK);
  assert_int_equal(stamped.id, 65538);
  assert_int_equal(stamped.seq, 0);
  struct outcome pushed = push_ephemeral("bob", stamped.id, REST("fleeting"));
  assert_int_equal(pushed.id, stamped.id);
  assert_int_equal(pushed.seq, 0);
  assert_string_equal(owner_of(stamped.id).name, "dialog:alice|bob");
  settle();
  assert_string_equal(told_at(&node.messages, 0),
                      "parley:user:{bob} " LINE("65538", "0", "fleeting"));
  assert_int_equal(keys_that_hold("fleeting"), 0);
  assert_int_equal(keys_that_hold("65538"), 0);
  assert_int_equal(append("", REST("next")).seq, 2); /* no gap for those who count */
}

static void test_the_log_of_a_dialog_is_trimmed_with_its_reactions(void **state)
{
  (void)state;
  struct node small;
  struct backend_limits limits = node_limits();
  limits.log_messages = 3;
  node_start_with(&small, base, redis.url, "gw-2", limits);
  WAIT(base, backend_ready(small.backend, NULL));
  append("", REST("x"));
  assert_int_equal(react(dialog, 65537, "bob", "+", true).err, ERR_OK);
  for (int i = 0; i < 4; i++) {
    struct dialog_append call = {dialog.id, {0}, SLICE(REST("y")), false};
    struct outcome outcome = {0};
    dialog_append(small.backend, &call, on_stamp, &outcome);
    WAIT(base, outcome.done);
    assert_int_equal(outcome.seq, i + 2);
  }
  assert_string_equal(redis_ask(&redis, "LRANGE parley:dialog:{alice|bob}:log 0 -1"),
                      "65539 65540 65541");
  assert_string_equal(redis_ask(&redis, "HLEN parley:dialog:{alice|bob}:messages"), "3");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:dialog:{alice|bob}:reactions"), "0");
  node_end(&small);
}

/* ---- pushes under an id ------------------------------------------------------------- */

static void test_a_push_under_an_id_is_made_once(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{bob}");
  uint64_t id = append("", REST("one")).id;
  struct outcome first = push_id(&node, "bob", id, REST("one"));
  assert_int_equal(first.err, ERR_OK);
  assert_int_equal(first.id, id);
  assert_int_equal(first.seq, 1);
  assert_false(first.repeated);
  struct outcome again = push_id(&node, "bob", id, REST("one"));
  assert_true(again.repeated);
  assert_int_equal(again.id, id);
  assert_int_equal(again.seq, 1);
  /* It needs no block, and others still get theirs. */
  assert_string_equal(redis_ask(&redis, "GET parley:blocks"), "1");
  assert_string_equal(redis_ask(&redis, "HMGET parley:user:{bob}:inbox seq n block"),
                      "1 (nil) (nil)");
  struct outcome own = push(&node, "bob", "", REST("own"));
  assert_int_equal(own.id, 2 * 65536 + 1);
  assert_int_equal(own.seq, 2);
  struct outcome next = push_id(&node, "bob", id + 1, REST("next"));
  assert_int_equal(next.seq, 3);
  assert_int_equal(push(&node, "bob", "", REST("own")).id, 2 * 65536 + 2);
  settle();
  assert_int_equal(node.messages.count, 4);
  assert_string_equal(told_at(&node.messages, 0), "parley:user:{bob} " LINE("65537", "1", "one"));
  assert_string_equal(told_at(&node.messages, 2), "parley:user:{bob} " LINE("65538", "3", "next"));
  assert_string_equal(redis_ask(&redis, "LRANGE parley:user:{bob}:unread 0 -1"),
                      "65537 131073 65538 131074");
}

/* Known while it is unread, and for as long as repeated sends are; each by itself. */
static void test_a_pushed_id_is_known_in_the_inbox_and_after_it(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{bob}");
  const uint64_t ids[] = {65537, 65538};
  push_id(&node, "bob", 65537, REST("one"));
  redis_ask(&redis, "DEL parley:user:{bob}:sent:65537");
  assert_true(push_id(&node, "bob", 65537, REST("one")).repeated);
  push_id(&node, "bob", 65538, REST("two"));
  assert_int_equal(read_ids(&node, "bob", ids, 2).count, 2);
  assert_in_range(atoi(redis_ask(&redis, "PTTL parley:user:{bob}:sent:65538")), 200000, 300000);
  struct outcome again = push_id(&node, "bob", 65538, REST("two"));
  assert_true(again.repeated);
  assert_int_equal(again.seq, 2);
  settle();
  assert_int_equal(node.messages.count, 2);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{bob}:unread"), "0");
  assert_int_equal(confirm(&node, "bob", 65538).count, 0);
}

static void test_a_push_under_an_id_keeps_its_place_behind_one_that_needs_a_block(void **state)
{
  (void)state;
  struct outcome outcomes[3] = {{0}, {0}, {0}};
  for (size_t i = 0; i < 3; i++) {
    struct inbox_push push = {SLICE("bob"), {0}, SLICE(REST("x")), true, i == 1 ? 4711 : 0};
    inbox_push(node.backend, &push, on_stamp, &outcomes[i]);
  }
  for (size_t i = 0; i < 3; i++) {
    WAIT(base, outcomes[i].done);
    assert_int_equal(outcomes[i].err, ERR_OK);
    assert_int_equal(outcomes[i].seq, i + 1);
  }
  assert_string_equal(redis_ask(&redis, "LRANGE parley:user:{bob}:unread 0 -1"),
                      "65537 4711 65538");
  assert_string_equal(redis_ask(&redis, "HEXISTS parley:user:{bob}:inbox wait:gw-1"), "0");
}

/* As an earlier process of this node's name left it behind. */
static void test_a_push_under_an_id_frees_those_that_wait(void **state)
{
  (void)state;
  redis_ask(&redis, "HSET parley:user:{bob}:inbox wait:gw-1 1");
  struct outcome pushed = push_id(&node, "bob", 4711, REST("x"));
  assert_int_equal(pushed.err, ERR_OK);
  assert_int_equal(pushed.id, 4711);
  assert_int_equal(pushed.seq, 1);
  assert_string_equal(redis_ask(&redis, "HEXISTS parley:user:{bob}:inbox wait:gw-1"), "0");
  assert_int_equal(push(&node, "bob", "", REST("x")).seq, 2);
}

static void test_a_full_inbox_refuses_an_id_and_takes_it_later(void **state)
{
  (void)state;
  struct node small;
  struct backend_limits limits = node_limits();
  limits.inbox_messages = 1;
  node_start_with(&small, base, redis.url, "gw-2", limits);
  WAIT(base, backend_ready(small.backend, NULL));
  push(&small, "bob", "", REST("x"));
  assert_int_equal(push_id(&small, "bob", 4711, REST("y")).err, ERR_INBOX_FULL);
  assert_int_equal(keys_that_hold("4711"), 0);
  assert_int_equal(confirm(&small, "bob", 65537).count, 1);
  struct outcome taken = push_id(&small, "bob", 4711, REST("y"));
  assert_int_equal(taken.err, ERR_OK);
  assert_false(taken.repeated);
  assert_int_equal(taken.seq, 2);
  node_end(&small);
}

/* ---- reading ------------------------------------------------------------------------ */

static void test_one_message_by_its_id(void **state)
{
  (void)state;
  append("", REST("one"));
  append("", REST("two"));
  struct outcome got = get(dialog, 65538);
  assert_int_equal(got.err, ERR_OK);
  assert_int_equal(got.count, 1);
  assert_string_equal(got.lines, LINE("65538", "2", "two") "\n");
  struct outcome none = get(dialog, 65539);
  assert_int_equal(none.err, ERR_OK);
  assert_int_equal(none.count, 0);
  assert_int_equal(get(inbox, 65538).count, 0);
  push_id(&node, "bob", 65538, REST("two"));
  assert_string_equal(get(inbox, 65538).lines, LINE("65538", "1", "two") "\n");
}

static void test_the_latest_oldest_first(void **state)
{
  (void)state;
  assert_int_equal(latest(dialog, 0, 10).err, ERR_OK);
  assert_int_equal(latest(dialog, 0, 10).count, 0);
  for (int i = 0; i < 5; i++) append("", REST("x"));
  struct outcome two = latest(dialog, 0, 2);
  assert_int_equal(two.err, ERR_OK);
  assert_string_equal(two.lines, LINE("65540", "4", "x") "\n" LINE("65541", "5", "x") "\n");
  assert_true(two.more);
  assert_int_equal(two.seq, 5);
  struct outcome middle = latest(dialog, 65540, 2);
  assert_string_equal(middle.lines, LINE("65538", "2", "x") "\n" LINE("65539", "3", "x") "\n");
  assert_true(middle.more);
  struct outcome start = latest(dialog, 65539, 2);
  assert_int_equal(start.count, 2);
  assert_false(start.more);
  struct outcome all = latest(dialog, 0, UINT32_MAX);
  assert_int_equal(all.count, 5);
  assert_false(all.more);
  struct outcome none = latest(dialog, 0, 0);
  assert_int_equal(none.count, 0);
  assert_true(none.more);
  assert_int_equal(none.seq, 5);
  assert_int_equal(latest(dialog, 65537, 2).count, 0);
  assert_int_equal(latest(dialog, 4711, 2).count, 0);
  assert_int_equal(latest(dialog, 65543, 2).count, 2);
}

/* Who looks back part by part goes on where a message was that is deleted meanwhile. */
static void test_the_latest_before_one_that_is_gone(void **state)
{
  (void)state;
  for (int i = 0; i < 5; i++) append("", REST("x"));
  assert_int_equal(delete_one(dialog, 65539, "").err, ERR_OK);
  struct outcome before = latest(dialog, 65539, 10);
  assert_string_equal(before.lines, LINE("65537", "1", "x") "\n" LINE("65538", "2", "x") "\n");
  assert_false(before.more);
}

static void test_the_latest_fit_into_so_many_bytes(void **state)
{
  (void)state;
  for (int i = 0; i < 40; i++) append("", REST("x"));
  size_t line = strlen(LINE("65538", "2", "x"));
  struct outcome three = latest_bytes(dialog, 65541, 10, 3 * line + 1);
  assert_string_equal(three.lines, LINE("65538", "2", "x") "\n" LINE("65539", "3", "x") "\n" LINE(
                                       "65540", "4", "x") "\n");
  assert_true(three.more);
  struct outcome one = latest_bytes(dialog, 0, 10, 0);
  assert_int_equal(one.count, 1);
  assert_true(one.more);
  assert_int_equal(latest_bytes(dialog, 0, 40, 30 * (line + 1)).count, 30);
  react(dialog, 65540, "bob", "+", true);
  struct outcome with_reactions = latest_bytes(dialog, 65541, 10, 3 * line + 1);
  assert_string_equal(with_reactions.lines,
                      LINE("65539", "3", "x") "\n" LINE("65540", "4", "x") "\n");
  assert_string_equal(with_reactions.rooms, " [[\"+\",\"bob\"]] ");
  struct outcome whole = latest_bytes(dialog, 65539, 10, 2 * line);
  assert_int_equal(whole.count, 2);
  assert_false(whole.more);
}

static void test_the_latest_are_none_past_their_age(void **state)
{
  (void)state;
  for (int i = 0; i < 4; i++) append("", REST("x"));
  react(dialog, 65537, "bob", "+", true);
  react(dialog, 65540, "bob", "+", true);
  long today = (long)(time(NULL) / 86400);
  redis_ask(&redis, "HSET parley:dialog:{alice|bob}:record old %ld d%ld 1 d%ld 3", today - 8,
            today - 8, today);
  struct outcome kept = latest(dialog, 0, 10);
  assert_int_equal(kept.count, 2);
  assert_false(kept.more);
  assert_string_equal(redis_ask(&redis, "HKEYS parley:dialog:{alice|bob}:reactions"), "65540");
}

/* ---- changing ----------------------------------------------------------------------- */

static void test_edit_keeps_the_stamp_in_log_and_inbox(void **state)
{
  (void)state;
  push(&node, "bob", "", REST("earlier"));
  append("", REST("first"));
  uint64_t id = append("", REST("secret")).id;
  push_id(&node, "bob", id, REST("secret"));
  assert_true(keys_that_hold("secret") == 2);
  node_hear(&node, "parley:dialog:{alice|bob}");
  node_hear(&node, "parley:user:{bob}");
  assert_int_equal(edit(dialog, id, REST("mended"), EVENT).err, ERR_OK);
  assert_int_equal(edit(inbox, id, REST("mended"), "").err, ERR_OK);
  assert_string_equal(get(dialog, id).lines, LINE("131074", "2", "mended") "\n");
  assert_string_equal(get(inbox, id).lines, LINE("131074", "2", "mended") "\n");
  assert_int_equal(keys_that_hold("secret"), 0);
  assert_int_equal(page(&node, "bob", 1, 10, 65536).count, 1);
  settle();
  assert_int_equal(node.messages.count, 1);
  assert_string_equal(told_at(&node.messages, 0), "parley:dialog:{alice|bob} " EVENT_LINE);
}

static void test_edit_of_what_is_not_kept_tells_all_the_same(void **state)
{
  (void)state;
  node_hear(&node, "parley:user:{bob}");
  assert_int_equal(edit(inbox, 4711, REST("mended"), EVENT).err, ERR_NOT_FOUND);
  WAIT(base, node.messages.count == 1);
  assert_string_equal(told_at(&node.messages, 0), "parley:user:{bob} " EVENT_LINE);
  assert_int_equal(edit(inbox, 4711, REST("mended"), "").err, ERR_NOT_FOUND);
  settle();
  assert_int_equal(node.messages.count, 1);
  assert_int_equal(keys_that_hold("mended"), 0);
}

static void test_delete_leaves_no_trace(void **state)
{
  (void)state;
  append("aaaa", REST("before"));
  uint64_t id = append("bbbb", REST("secret")).id;
  append("cccc", REST("behind"));
  push_id(&node, "bob", id, REST("secret"));
  react(dialog, id, "bob", "tell-tale", true);
  react(inbox, id, "bob", "tell-tale", true);
  assert_int_equal(keys_that_hold("secret"), 2);
  assert_int_equal(keys_that_hold("tell-tale"), 2);
  node_hear(&node, "parley:dialog:{alice|bob}");
  assert_int_equal(delete_one(dialog, id, EVENT).err, ERR_OK);
  assert_int_equal(delete_one(inbox, id, "").err, ERR_OK);
  assert_int_equal(keys_that_hold("secret"), 0);
  assert_int_equal(keys_that_hold("tell-tale"), 0);
  assert_string_equal(redis_ask(&redis, "LRANGE parley:dialog:{alice|bob}:log 0 -1"),
                      "65537 65539");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{bob}:unread"), "0");
  WAIT(base, node.messages.count == 1);
  assert_string_equal(told_at(&node.messages, 0), "parley:dialog:{alice|bob} " EVENT_LINE);
  assert_int_equal(delete_one(dialog, id, EVENT).err, ERR_NOT_FOUND);
  WAIT(base, node.messages.count == 2);
  /* Neither does the same send again bring it back. */
  struct outcome again = append("bbbb", REST("secret"));
  assert_true(again.repeated);
  assert_int_equal(again.id, id);
  assert_true(push_id(&node, "bob", id, REST("secret")).repeated);
  assert_int_equal(keys_that_hold("secret"), 0);
}

static void test_a_room_message_goes_from_its_log(void **state)
{
  (void)state;
  say(&node, "lobby", "alice", "aaaa", REST("secret"));
  say(&node, "lobby", "alice", "bbbb", REST("other"));
  react(lobby, 65537, "bob", "tell-tale", true);
  assert_int_equal(delete_one(lobby, 65537, EVENT).err, ERR_OK);
  assert_int_equal(keys_that_hold("secret"), 0);
  assert_int_equal(keys_that_hold("tell-tale"), 0);
  struct outcome rest = log_page(&node, "lobby", 0, 10, 65536);
  assert_string_equal(rest.lines, LINE("65538", "2", "other") "\n");
}

/* A crash between log and inbox, a deletion, and then the sender's retry. */
static void test_a_late_push_of_a_deleted_message_is_none(void **state)
{
  (void)state;
  uint64_t id = append("aaaa", REST("secret")).id;
  assert_int_equal(delete_one(dialog, id, "").err, ERR_OK);
  assert_int_equal(delete_one(inbox, id, "").err, ERR_NOT_FOUND);
  struct outcome late = push_id(&node, "bob", id, REST("secret"));
  assert_int_equal(late.err, ERR_OK);
  assert_true(late.repeated);
  assert_int_equal(keys_that_hold("secret"), 0);
}

/* A crash between log and inbox, an edit, and then the sender's retry. */
static void test_a_late_push_of_an_edited_message_is_of_what_it_says_now(void **state)
{
  (void)state;
  append("", REST("other"));
  struct outcome first = append("aaaa", REST("secret"));
  assert_string_equal(first.lines, "");
  assert_int_equal(edit(inbox, first.id, REST("mended"), "").err, ERR_NOT_FOUND);
  assert_int_equal(edit(dialog, first.id, REST("mended"), "").err, ERR_OK);
  struct outcome again = append("aaaa", REST("secret"));
  assert_true(again.repeated);
  assert_int_equal(again.id, first.id);
  assert_int_equal(again.seq, 2);
  assert_string_equal(again.lines, REST("mended"));
  assert_int_equal(push_id(&node, "bob", again.id, again.lines).err, ERR_OK);
  assert_string_equal(get(inbox, first.id).lines, LINE("65538", "1", "mended") "\n");
  assert_int_equal(keys_that_hold("secret"), 0);
  delete_one(inbox, first.id, "");
  delete_one(dialog, first.id, "");
  assert_string_equal(append("aaaa", REST("secret")).lines, "");
}

/* ---- reactions ---------------------------------------------------------------------- */

static void test_reactions_are_sets(void **state)
{
  (void)state;
  uint64_t id = say(&node, "lobby", "alice", "", REST("x")).id;
  node_hear(&node, "parley:room:{lobby}");
  assert_string_equal(react(lobby, id, "bob", "\xf0\x9f\x98\x82", true).lines,
                      "{\"\xf0\x9f\x98\x82\":1}");
  assert_string_equal(react(lobby, id, "bob", "\xf0\x9f\x98\x82", true).lines,
                      "{\"\xf0\x9f\x98\x82\":1}");
  assert_string_equal(react(lobby, id, "carol", "\xf0\x9f\x98\x82", true).lines,
                      "{\"\xf0\x9f\x98\x82\":2}");
  assert_string_equal(react(lobby, id, "bob", "ok \"\\ no\n1", true).lines,
                      "{\"\xf0\x9f\x98\x82\":2,\"ok \\\"\\\\ no\\n1\":1}");
  assert_string_equal(react(lobby, id, "bob", "\xf0\x9f\x98\x82", false).lines,
                      "{\"\xf0\x9f\x98\x82\":1,\"ok \\\"\\\\ no\\n1\":1}");
  assert_string_equal(react(lobby, id, "bob", "\xf0\x9f\x98\x82", false).lines,
                      "{\"\xf0\x9f\x98\x82\":1,\"ok \\\"\\\\ no\\n1\":1}");
  assert_string_equal(react(lobby, id, "bob", "never", false).lines,
                      "{\"\xf0\x9f\x98\x82\":1,\"ok \\\"\\\\ no\\n1\":1}");
  assert_string_equal(react(lobby, id, "carol", "\xf0\x9f\x98\x82", false).lines,
                      "{\"ok \\\"\\\\ no\\n1\":1}");
  struct outcome none = react(lobby, id, "bob", "ok \"\\ no\n1", false);
  assert_int_equal(none.err, ERR_OK);
  assert_string_equal(none.lines, "{}");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{lobby}:reactions"), "0");
  settle();
  assert_int_equal(node.messages.count, 6);
  assert_string_equal(told_at(&node.messages, 1),
                      "parley:room:{lobby} " REACTED("{\"\xf0\x9f\x98\x82\":2}"));
  assert_string_equal(told_at(&node.messages, 5), "parley:room:{lobby} " REACTED("{}"));
}

static void test_reactions_that_look_like_numbers_and_one_message_from_another(void **state)
{
  (void)state;
  uint64_t one = say(&node, "lobby", "alice", "", REST("x")).id;
  uint64_t two = say(&node, "lobby", "alice", "", REST("y")).id;
  assert_string_equal(react(lobby, one, "1", "1", true).lines, "{\"1\":1}");
  assert_string_equal(react(lobby, two, "2", "2", true).lines, "{\"2\":1}");
  assert_string_equal(react(lobby, one, "2", "1", true).lines, "{\"1\":2}");
  assert_string_equal(
      redis_ask(&redis, "HGET parley:room:{lobby}:reactions %llu", (unsigned long long)one),
      "[[\"1\",\"1\",\"2\"]]");
  assert_in_range(atoi(redis_ask(&redis, "TTL parley:room:{lobby}:reactions")), 7 * 86400,
                  8 * 86400);
}

static void test_reactions_are_bounded_and_need_their_message(void **state)
{
  (void)state;
  uint64_t id = say(&node, "lobby", "alice", "", REST("x")).id;
  char reaction[16];
  for (int i = 0; i < 64; i++) {
    snprintf(reaction, sizeof reaction, "r%d", i);
    assert_int_equal(react(lobby, id, "bob", reaction, true).err, ERR_OK);
  }
  node_hear(&node, "parley:room:{lobby}");
  assert_int_equal(react(lobby, id, "bob", "r64", true).err, ERR_TOO_LARGE);
  assert_int_equal(react(lobby, id, "bob", "r0", true).err, ERR_OK);
  assert_int_equal(react(lobby, id + 1, "bob", "r0", true).err, ERR_NOT_FOUND);
  settle();
  assert_int_equal(node.messages.count, 0);
  assert_int_equal(react(lobby, id, "carol", "r0", true).err, ERR_OK);
  assert_int_equal(react(lobby, id, "bob", "r1", false).err, ERR_OK);
  assert_int_equal(react(lobby, id, "bob", "r64", true).err, ERR_OK);
}

static void test_reactions_leave_with_what_is_read(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++) push(&node, "bob", "", REST("x"));
  for (uint64_t id = 65537; id <= 65539; id++)
    assert_int_equal(react(inbox, id, "bob", "+", true).err, ERR_OK);
  const uint64_t second = 65538;
  assert_int_equal(read_ids(&node, "bob", &second, 1).count, 1);
  assert_string_equal(redis_ask(&redis, "HKEYS parley:user:{bob}:unread:reactions"), "65537 65539");
  assert_int_equal(confirm(&node, "bob", 65537).count, 1);
  assert_string_equal(redis_ask(&redis, "HKEYS parley:user:{bob}:unread:reactions"), "65539");
}

static void test_reactions_leave_with_what_is_trimmed(void **state)
{
  (void)state;
  struct node small;
  struct backend_limits limits = node_limits();
  limits.log_messages = 2;
  node_start_with(&small, base, redis.url, "gw-2", limits);
  WAIT(base, backend_ready(small.backend, NULL));
  for (int i = 0; i < 2; i++) say(&small, "lobby", "alice", "", REST("x"));
  react(lobby, 65537, "bob", "+", true);
  react(lobby, 65538, "bob", "+", true);
  say(&small, "lobby", "alice", "", REST("x"));
  assert_string_equal(redis_ask(&redis, "HKEYS parley:room:{lobby}:reactions"), "65538");
  node_end(&small);
}

static void test_reactions_are_read_with_their_messages(void **state)
{
  (void)state;
  for (int i = 0; i < 4; i++) say(&node, "lobby", "alice", "", REST("x"));
  react(lobby, 65538, "bob", "+1", true);
  react(lobby, 65538, "carol", "+1", true);
  react(lobby, 65538, "bob", "[]", true);
  react(lobby, 65540, "bob", "{", true);
  struct outcome read = latest(lobby, 0, 10);
  assert_int_equal(read.count, 4);
  assert_string_equal(read.rooms,
                      " [[\"+1\",\"bob\",\"carol\"],[\"[]\",\"bob\"]]  [[\"{\",\"bob\"]] ");
  assert_string_equal(read.lines, LINE("65537", "1", "x") "\n" LINE("65538", "2", "x") "\n" LINE(
                                      "65539", "3", "x") "\n" LINE("65540", "4", "x") "\n");
  assert_string_equal(latest(lobby, 65540, 2).rooms,
                      "[[\"+1\",\"bob\",\"carol\"],[\"[]\",\"bob\"]]  ");
  assert_string_equal(get(lobby, 65540).rooms, "[[\"{\",\"bob\"]] ");
  assert_int_equal(get(lobby, 65540).count, 1);
  assert_string_equal(get(lobby, 65537).rooms, " ");
  react(lobby, 65540, "bob", "{", false);
  assert_string_equal(get(lobby, 65540).rooms, " ");
  assert_int_equal(log_page(&node, "lobby", 0, 10, 65536).count, 4);
}

/* ---- receipts ------------------------------------------------------------------------ */

static void on_receipts(void *arg, const struct receipts *receipts)
{
  struct outcome *outcome = arg;
  on_err(outcome, receipts->err);
  snprintf(outcome->lines, sizeof outcome->lines, "%llu %llu %llu %llu",
           (unsigned long long)receipts->last[RECEIPT_DELIVERED].id,
           (unsigned long long)receipts->last[RECEIPT_DELIVERED].at_ms,
           (unsigned long long)receipts->last[RECEIPT_READ].id,
           (unsigned long long)receipts->last[RECEIPT_READ].at_ms);
}

static struct outcome get_receipts(const char *user)
{
  OUTCOME(receipts_get(node.backend, dialog.id, slice_of(user), on_receipts, &outcome));
}

static void mark(const char *user, enum receipt_kind kind, uint64_t id, uint64_t ms)
{
  receipt_set(node.backend, dialog.id, slice_of(user), kind, id, ms);
}

static void test_receipts_never_go_back(void **state)
{
  (void)state;
  assert_string_equal(get_receipts("bob").lines, "0 0 0 0");
  mark("bob", RECEIPT_DELIVERED, 65540, 1000);
  mark("bob", RECEIPT_READ, 65538, 2000);
  mark("bob", RECEIPT_READ, 65538, 3000);
  mark("bob", RECEIPT_READ, 65537, 4000);
  mark("alice", RECEIPT_READ, 65541, 5000);
  assert_string_equal(get_receipts("bob").lines, "65540 1000 65538 2000");
  mark("bob", RECEIPT_READ, 131073, 6000);
  assert_string_equal(get_receipts("bob").lines, "65540 1000 131073 6000");
  assert_string_equal(get_receipts("alice").lines, "0 0 65541 5000");
  assert_true(atoll(redis_ask(&redis, "TTL parley:dialog:{alice|bob}:receipts")) > 86400);
  redis_ask(&redis, "HSET parley:dialog:{alice|bob}:receipts %b x", "read bob", (size_t)8);
  assert_int_equal(get_receipts("bob").err, ERR_OK);
}

/* ---- cursors ------------------------------------------------------------------------ */

static void test_read_cursors_never_go_back(void **state)
{
  (void)state;
  for (int i = 0; i < 4; i++) assert_int_equal(append("", REST("x")).seq, i + 1);
  assert_int_equal(get_unread("bob").err, ERR_OK);
  assert_int_equal(get_unread("bob").seq, 4);
  assert_int_equal(set_read("bob", 3).err, ERR_OK);
  assert_int_equal(get_unread("bob").seq, 1);
  assert_int_equal(set_read("bob", 2).err, ERR_OK);
  assert_int_equal(get_unread("bob").seq, 1);
  assert_int_equal(set_read("bob", 10).err, ERR_OK);
  struct outcome unread = get_unread("bob");
  assert_int_equal(unread.seq, 0);
  assert_int_equal(unread.count, 0);
  assert_int_equal(get_unread("alice").seq, 4);
}

/* What was never given out, as behind a failover, or deleted, is not unread. */
static void test_holes_are_not_unread(void **state)
{
  (void)state;
  uint64_t first = append("", REST("x")).id;
  assert_int_equal(set_read("bob", 1).err, ERR_OK);
  redis_ask(&redis, "HSET parley:dialog:{alice|bob}:record seq 1000000");
  assert_int_equal(append("", REST("y")).seq, 1000001);
  assert_int_equal(get_unread("bob").seq, 1);
  assert_int_equal(get_unread("alice").seq, 2);
  assert_int_equal(delete_one(dialog, first, "").err, ERR_OK);
  assert_int_equal(get_unread("alice").seq, 1);
}

/* ---- owners ------------------------------------------------------------------------- */

static void test_whose_a_message_is(void **state)
{
  (void)state;
  uint64_t in_dialog = append("", REST("x")).id;
  uint64_t in_inbox = push(&node, "user: x", "", REST("x")).id;
  uint64_t in_room = say(&node, "lobby", "alice", "", REST("x")).id;
  assert_string_equal(owner_of(in_dialog).name, "dialog:alice|bob");
  assert_string_equal(owner_of(in_inbox).name, "user:user: x");
  assert_string_equal(owner_of(in_room + 9).name, "room:lobby");
  assert_int_equal(owner_of(99 * 65536 + 1).err, ERR_NOT_FOUND);
  assert_int_equal(owner_of(1).err, ERR_NOT_FOUND);
  redis_ask(&redis, "SET parley:block:{98} nonsense");
  assert_int_equal(owner_of(98 * 65536 + 1).err, ERR_INTERNAL);
}

/* A block never changes hands: it is asked for once. */
static void test_owners_are_remembered(void **state)
{
  (void)state;
  uint64_t id = append("", REST("x")).id;
  assert_string_equal(owner_of(id).name, "dialog:alice|bob");
  redis_ask(&redis, "DEL parley:block:{1}");
  struct outcome again = owner_of(id + 1);
  assert_int_equal(again.err, ERR_OK);
  assert_string_equal(again.name, "dialog:alice|bob");
}

static void test_an_answer_on_its_way_is_given_when_the_backend_goes(void **state)
{
  (void)state;
  uint64_t id = append("", REST("x")).id;
  owner_of(id);
  struct outcome outcome = {0};
  message_owner(node.backend, id, on_owner, &outcome);
  node_end(&node);
  assert_int_equal(outcome.times, 1);
  assert_int_equal(outcome.err, ERR_UNAVAILABLE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_append_stamps_logs_and_publishes_nothing),
      TEST(test_an_ephemeral_message_has_its_dialog_s_id_and_is_kept_nowhere),
      TEST(test_the_log_of_a_dialog_is_trimmed_with_its_reactions),
      TEST(test_a_push_under_an_id_is_made_once),
      TEST(test_a_pushed_id_is_known_in_the_inbox_and_after_it),
      TEST(test_a_push_under_an_id_keeps_its_place_behind_one_that_needs_a_block),
      TEST(test_a_push_under_an_id_frees_those_that_wait),
      TEST(test_a_full_inbox_refuses_an_id_and_takes_it_later),
      TEST(test_one_message_by_its_id),
      TEST(test_the_latest_oldest_first),
      TEST(test_the_latest_before_one_that_is_gone),
      TEST(test_the_latest_fit_into_so_many_bytes),
      TEST(test_the_latest_are_none_past_their_age),
      TEST(test_edit_keeps_the_stamp_in_log_and_inbox),
      TEST(test_edit_of_what_is_not_kept_tells_all_the_same),
      TEST(test_delete_leaves_no_trace),
      TEST(test_a_room_message_goes_from_its_log),
      TEST(test_a_late_push_of_a_deleted_message_is_none),
      TEST(test_a_late_push_of_an_edited_message_is_of_what_it_says_now),
      TEST(test_reactions_are_sets),
      TEST(test_reactions_that_look_like_numbers_and_one_message_from_another),
      TEST(test_reactions_are_bounded_and_need_their_message),
      TEST(test_reactions_leave_with_what_is_read),
      TEST(test_reactions_leave_with_what_is_trimmed),
      TEST(test_reactions_are_read_with_their_messages),
      TEST(test_receipts_never_go_back),
      TEST(test_read_cursors_never_go_back),
      TEST(test_holes_are_not_unread),
      TEST(test_whose_a_message_is),
      TEST(test_owners_are_remembered),
      TEST(test_an_answer_on_its_way_is_given_when_the_backend_goes),
  };
  return RUN_STAGE(tests);
}
