/* Contacts: who they are, and what they know of one another, whatever dies or overtakes
 * on the way. */
#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "contacts.h"

/* ---- calls, waited for --------------------------------------------------------------- */

struct answer {
  bool done;
  enum err err;
  enum contacts_told tell; /* what there is to tell */
  uint64_t num;
  char uuid[40], name[40];
  char contacts[512]; /* in some order, a blank behind each; of a look "+" or "-" in front */
};

static void note(struct answer *answer, struct slice id)
{
  size_t at = strlen(answer->contacts);
  snprintf(answer->contacts + at, sizeof answer->contacts - at, "%.*s ", SLICE_ARG(id));
}

static void on_news(void *arg, const struct contacts_news *news)
{
  struct answer *answer = arg;
  answer->done = true;
  answer->err = news->err;
  answer->tell = news->tell;
  answer->num = news->num;
  snprintf(answer->uuid, sizeof answer->uuid, "%.*s", SLICE_ARG(news->uuid));
  snprintf(answer->name, sizeof answer->name, "%.*s", SLICE_ARG(news->name));
  for (size_t i = 0; i < news->count; i++) note(answer, news->contacts[i]);
}

static struct answer news(const char *session, enum contacts_told told)
{
  struct answer answer = {0};
  contacts_news(node.backend, SLICE("a"), slice_of(session), told, on_news, &answer);
  WAIT(base, answer.done);
  assert_int_equal(answer.err, ERR_OK);
  return answer;
}

static void on_join(void *arg, const struct presence_joined *joined)
{
  struct answer *answer = arg;
  answer->done = true;
  answer->err = joined->err;
  answer->tell = joined->tell_contacts ? TOLD_ONLINE : TOLD_NOTHING;
  for (size_t i = 0; i < joined->contact_count; i++) note(answer, joined->contacts[i]);
}

static struct answer come(const char *session, bool contacts)
{
  struct answer answer = {0};
  struct presence_join join = {.user = SLICE("a"),
                               .session = slice_of(session),
                               .protocol = SLICE("chat"),
                               .contacts = contacts,
                               .page_count = 10,
                               .page_bytes = 1000,
                               .now_ms = 1700000000000};
  presence_join(node.backend, &join, on_join, &answer);
  WAIT(base, answer.done);
  assert_int_equal(answer.err, ERR_OK);
  return answer;
}

static void go(const char *session)
{
  assert_int_equal(leave(&node, "a", session, false).err, ERR_OK);
}

static void on_done(void *arg, enum err err)
{
  struct answer *answer = arg;
  answer->done = true;
  answer->err = err;
}

static void befriend(const char *a, const char *b)
{
  struct answer answer = {0};
  contacts_add(node.backend, slice_of(a), slice_of(b), on_done, &answer);
  WAIT(base, answer.done);
  assert_int_equal(answer.err, ERR_OK);
}

static const char *shown(void)
{
  return redis_ask(&redis, "HGET parley:user:{a}:profile shown");
}

/* The user is online, and b knows. */
static void come_and_tell(const char *session)
{
  befriend("a", "b");
  assert_int_equal(come(session, false).tell, TOLD_ONLINE);
  assert_int_equal(news("", TOLD_ONLINE).tell, TOLD_NOTHING);
  assert_string_equal(shown(), "online");
}

/* ---- who they are -------------------------------------------------------------------- */

static void test_a_dialog_makes_contacts(void **state)
{
  (void)state;
  assert_int_equal(resolve(&node, OWNER_DIALOG, "a|b", false).err, ERR_NOT_FOUND);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{a}:contacts"), "0");
  assert_int_equal(resolve(&node, OWNER_DIALOG, "a|b", true).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{a}:contacts"), "b");
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{b}:contacts"), "a");
  assert_int_equal(resolve(&node, OWNER_DIALOG, "a|a", true).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{a}:contacts"), "b");
  assert_int_equal(resolve(&node, OWNER_USER, "c", true).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{c}:contacts"), "0");
}

/* A dialog that stands has its contacts: what a crash left half done has no record. */
static void test_what_a_crash_left_is_completed(void **state)
{
  (void)state;
  redis_ask(&redis, "SADD parley:user:{a}:contacts b");
  assert_int_equal(resolve(&node, OWNER_DIALOG, "a|b", true).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{b}:contacts"), "a");
}

static void test_a_dialog_that_is_known_costs_nothing(void **state)
{
  (void)state;
  assert_int_equal(resolve(&node, OWNER_DIALOG, "a|b", true).err, ERR_OK);
  redis_ask(&redis, "DEL parley:user:{a}:contacts");
  assert_int_equal(resolve(&node, OWNER_DIALOG, "a|b", true).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{a}:contacts"), "0");
}

static void test_contacts_are_bounded(void **state)
{
  (void)state;
  for (int i = 0; i < 999; i++) redis_ask(&redis, "SADD parley:user:{a}:contacts n%d", i);
  befriend("a", "b");
  befriend("a", "c");
  assert_string_equal(redis_ask(&redis, "SCARD parley:user:{a}:contacts"), "1000");
  assert_string_equal(redis_ask(&redis, "SISMEMBER parley:user:{a}:contacts b"), "1");
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{c}:contacts"), "a");
}

/* ---- what they know ------------------------------------------------------------------ */

static void test_the_first_session_is_told_once(void **state)
{
  (void)state;
  befriend("a", "b");
  struct answer first = come("s1", false);
  assert_int_equal(first.tell, TOLD_ONLINE);
  assert_string_equal(first.contacts, "b ");
  assert_string_equal(shown(), "coming");
  struct answer second = come("s2", false);
  assert_int_equal(second.tell, TOLD_NOTHING);
  assert_string_equal(second.contacts, "");
  assert_int_equal(news("", TOLD_ONLINE).tell, TOLD_NOTHING);
  assert_string_equal(shown(), "online");
  struct answer again = come("s1", true);
  assert_int_equal(again.tell, TOLD_NOTHING);
  assert_string_equal(again.contacts, "b ");
}

static void test_the_last_session_is_told_after_its_grace(void **state)
{
  (void)state;
  come_and_tell("s1");
  come("s2", false);
  go("s1");
  assert_string_equal(shown(), "online");
  go("s2");
  assert_string_equal(shown(), "left s2");
  assert_int_equal(news("s1", TOLD_NOTHING).tell, TOLD_NOTHING);
  assert_string_equal(shown(), "left s2");
  struct answer last = news("s2", TOLD_NOTHING);
  assert_int_equal(last.tell, TOLD_OFFLINE);
  assert_string_equal(last.contacts, "b ");
  assert_int_equal(last.num, 1);
  assert_string_equal(last.uuid, redis_ask(&redis, "HGET parley:user:{a}:profile uuid"));
  assert_string_equal(last.name, "");
  assert_string_equal(shown(), "going s2");
  assert_int_equal(news("s1", TOLD_NOTHING).tell, TOLD_NOTHING); /* another node's, as late */
  assert_string_equal(shown(), "going s2");
  assert_int_equal(news("s2", TOLD_OFFLINE).tell, TOLD_NOTHING);
  assert_string_equal(shown(), "(nil)");
  assert_int_equal(news("s2", TOLD_NOTHING).tell, TOLD_NOTHING);
}

static void test_who_comes_back_within_the_grace_does_not_flap(void **state)
{
  (void)state;
  come_and_tell("s1");
  go("s1");
  assert_int_equal(come("s2", false).tell, TOLD_NOTHING);
  assert_string_equal(shown(), "online");
  assert_int_equal(news("s1", TOLD_NOTHING).tell, TOLD_NOTHING);
  go("s2"); /* its grace is its own */
  assert_int_equal(news("s1", TOLD_NOTHING).tell, TOLD_NOTHING);
  assert_int_equal(news("s2", TOLD_NOTHING).tell, TOLD_OFFLINE);
}

static void test_leaving_again_is_leaving_once(void **state)
{
  (void)state;
  come_and_tell("s1");
  go("s1");
  go("s1");
  assert_string_equal(shown(), "left s1");
  news("s1", TOLD_NOTHING);
  go("s1");
  assert_string_equal(shown(), "going s1");
}

/* Who comes while they are being told offline: whoever tells that tells it behind it. Where
 * two nodes tell at the same time, whoever is done last tells what is so. */
static void test_what_was_overtaken_is_told_again(void **state)
{
  (void)state;
  come_and_tell("s1");
  go("s1");
  assert_int_equal(news("s1", TOLD_NOTHING).tell, TOLD_OFFLINE);
  assert_int_equal(come("s2", false).tell, TOLD_NOTHING);
  assert_string_equal(shown(), "back");
  assert_int_equal(news("s1", TOLD_OFFLINE).tell, TOLD_ONLINE);
  assert_string_equal(shown(), "coming");
  assert_int_equal(news("s1", TOLD_ONLINE).tell, TOLD_NOTHING);
  assert_string_equal(shown(), "online");
  go("s2");
  assert_int_equal(news("s2", TOLD_NOTHING).tell, TOLD_OFFLINE);
  assert_int_equal(news("", TOLD_ONLINE).tell, TOLD_OFFLINE);
  assert_int_equal(news("", TOLD_OFFLINE).tell, TOLD_NOTHING);
  assert_string_equal(shown(), "(nil)");
}

/* Gone before the telling of its coming is done: that is no end of the grace. */
static void test_a_short_visit_is_told_in_order(void **state)
{
  (void)state;
  befriend("a", "b");
  come("s1", false);
  go("s1");
  assert_int_equal(news("", TOLD_ONLINE).tell, TOLD_NOTHING);
  assert_int_equal(news("s1", TOLD_NOTHING).tell, TOLD_OFFLINE);
}

static void test_who_died_while_telling_is_made_up_for(void **state)
{
  (void)state;
  befriend("a", "b");
  come("s1", false); /* and its node dies */
  come("s2", false);
  go("s1");
  assert_int_equal(news("s1", TOLD_NOTHING).tell, TOLD_ONLINE);
  assert_string_equal(shown(), "coming"); /* and this one dies */
  go("s2");
  assert_int_equal(come("s3", false).tell, TOLD_ONLINE);
  go("s3");
  assert_int_equal(news("s3", TOLD_NOTHING).tell, TOLD_OFFLINE); /* and this one */
  assert_int_equal(news("s3", TOLD_NOTHING).tell, TOLD_OFFLINE);
  assert_int_equal(come("s4", false).tell, TOLD_NOTHING);
  assert_int_equal(news("s3", TOLD_NOTHING).tell, TOLD_ONLINE);
  go("s4");
  assert_int_equal(news("s4", TOLD_NOTHING).tell, TOLD_OFFLINE);
  come("s5", false);
  go("s5");
  assert_string_equal(shown(), "back");
  assert_int_equal(come("s6", false).tell, TOLD_ONLINE);
  assert_string_equal(shown(), "coming");
}

static void test_without_contacts_nobody_is_told(void **state)
{
  (void)state;
  assert_int_equal(come("s1", true).tell, TOLD_NOTHING);
  assert_string_equal(shown(), "online");
  go("s1");
  assert_int_equal(news("s1", TOLD_NOTHING).tell, TOLD_NOTHING);
  assert_string_equal(shown(), "(nil)");
  /* Whom they meet while they are there is told when they go. */
  come("s2", false);
  befriend("a", "b");
  go("s2");
  assert_int_equal(news("s2", TOLD_NOTHING).tell, TOLD_OFFLINE);
}

static void on_contact(void *arg, const struct contact *contact)
{
  struct answer *answer = arg;
  char line[200];
  snprintf(line, sizeof line, "%c%.*s/%.*s/%d/%d", contact->online ? '+' : '-',
           SLICE_ARG(contact->id), SLICE_ARG(contact->name), (int)contact->num,
           (int)contact->uuid.len);
  note(answer, slice_of(line));
}

static void test_who_of_them_is_online(void **state)
{
  (void)state;
  static const struct slice asked[] = {{"a", 1}, {"b", 1}, {"nobody", 6}, {"c", 1}, {"d", 1}};
  struct answer answer = {0};
  for (size_t i = 0; i < 5; i++)
    if (i != 2) resolve(&node, OWNER_USER, asked[i].data, true);
  redis_ask(&redis, "HSET parley:user:{a}:profile shown online");
  redis_ask(&redis, "HSET parley:user:{b}:profile shown %s name bob", "going s1");
  redis_ask(&redis, "HSET parley:user:{c}:profile shown %s", "left s1");
  contacts_look(node.backend, asked, 5, on_contact, on_done, &answer);
  WAIT(base, answer.done);
  assert_int_equal(answer.err, ERR_OK);
  assert_string_equal(answer.contacts, "+a/a/1/36 -b/bob/2/36 +c/c/3/36 -d/d/4/36 ");
}

static void test_each_of_them_is_told(void **state)
{
  (void)state;
  static const struct slice contacts[] = {{"b", 1}, {"c", 1}};
  struct answer answer = {0};
  node_hear(&node, "parley:user:{b}");
  node_hear(&node, "parley:user:{c}");
  contacts_tell(node.backend, contacts, 2, SLICE("\"kind\":\"presence.online\"}"), on_done,
                &answer);
  assert_false(answer.done);
  WAIT(base, answer.done && node.messages.count == 2);
  assert_int_equal(answer.err, ERR_OK);
  assert_string_equal(told_at(&node.messages, 0),
                      "parley:user:{b} {\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"presence.online\"}");
  assert_true(told_has(&node.messages, "parley:user:{c} {\"v\":1,\"id\":0,\"seq\":0,"
                                       "\"kind\":\"presence.online\"}"));
}

/* While Redis is away everything is refused, and nothing is forgotten. */
static void test_redis_away(void **state)
{
  (void)state;
  static const struct slice contacts[] = {{"b", 1}};
  struct answer asked = {0}, told = {0}, looked = {0};
  come_and_tell("s1");
  redis_kill(&redis);
  WAIT(base, !backend_ready(node.backend, NULL));
  leave(&node, "a", "s1", false);
  contacts_news(node.backend, SLICE("a"), SLICE("s1"), TOLD_NOTHING, on_news, &asked);
  contacts_tell(node.backend, contacts, 1, SLICE("}"), on_done, &told);
  contacts_look(node.backend, contacts, 1, on_contact, on_done, &looked);
  WAIT(base, asked.done && told.done && looked.done);
  assert_int_equal(asked.err, ERR_UNAVAILABLE);
  assert_int_equal(told.err, ERR_UNAVAILABLE);
  assert_int_equal(looked.err, ERR_UNAVAILABLE);
  redis_restart(&redis);
  WAIT(base, strcmp(shown(), "left s1") == 0);
  assert_int_equal(news("s1", TOLD_NOTHING).tell, TOLD_OFFLINE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_dialog_makes_contacts),
      TEST(test_what_a_crash_left_is_completed),
      TEST(test_a_dialog_that_is_known_costs_nothing),
      TEST(test_contacts_are_bounded),
      TEST(test_the_first_session_is_told_once),
      TEST(test_the_last_session_is_told_after_its_grace),
      TEST(test_who_comes_back_within_the_grace_does_not_flap),
      TEST(test_leaving_again_is_leaving_once),
      TEST(test_what_was_overtaken_is_told_again),
      TEST(test_a_short_visit_is_told_in_order),
      TEST(test_who_died_while_telling_is_made_up_for),
      TEST(test_without_contacts_nobody_is_told),
      TEST(test_who_of_them_is_online),
      TEST(test_each_of_them_is_told),
      TEST(test_redis_away),
  };
#undef TEST
  return RUN_STAGE(tests);
}
