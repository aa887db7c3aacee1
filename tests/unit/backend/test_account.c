/* Accounts: made, claimed, read, changed, deleted, listed; their passwords. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "password.h"

#define NOW_MS     UINT64_C(1700000000123)
#define ALICE_UUID "b74032dc-1c20-5c18-8650-b6eea596a200"

/* Not given. */
#define NOTHING ((struct slice){0})

/* ---- calls, waited for --------------------------------------------------------------- */

struct answer {
  unsigned times;
  enum err err;
  uint64_t num, created_ms, next;
  bool online;
  char id[140], uuid[40], name[140], texts[300]; /* nickname/bio/avatar */
  char list[512];                                /* "1:alice 3:bob " */
  size_t count;
};

static void on_account(void *arg, enum err err, const struct account *account)
{
  struct answer *answer = arg;
  answer->times++;
  answer->err = err;
  assert_int_equal(err == ERR_OK, account != NULL);
  if (!account) return;
  answer->num = account->num;
  answer->created_ms = account->created_ms;
  answer->online = account->online;
  snprintf(answer->id, sizeof answer->id, "%.*s", SLICE_ARG(account->id));
  snprintf(answer->uuid, sizeof answer->uuid, "%.*s", SLICE_ARG(account->uuid));
  snprintf(answer->name, sizeof answer->name, "%.*s", SLICE_ARG(account->name));
  snprintf(answer->texts, sizeof answer->texts, "%.*s/%.*s/%.*s", SLICE_ARG(account->nickname),
           SLICE_ARG(account->bio), SLICE_ARG(account->avatar));
}

static void on_done(void *arg, enum err err)
{
  struct answer *answer = arg;
  answer->times++;
  answer->err = err;
}

static void on_list(void *arg, enum err err, const struct account *accounts, size_t count,
                    uint64_t next)
{
  struct answer *answer = arg;
  size_t at = 0;
  answer->times++;
  answer->err = err;
  answer->count = count;
  answer->next = next;
  for (size_t i = 0; i < count && at < sizeof answer->list; i++)
    at += (size_t)snprintf(answer->list + at, sizeof answer->list - at, "%d:%.*s ",
                           (int)accounts[i].num, SLICE_ARG(accounts[i].name));
}

#define ANSWER(call)                 \
  struct answer answer = {0};        \
  call;                              \
  assert_int_equal(answer.times, 0); \
  WAIT(base, answer.times);          \
  assert_int_equal(answer.times, 1); \
  return answer

static struct answer make(const struct account_new *new)
{
  ANSWER(account_make(node.backend, new, on_account, &answer));
}

static struct answer make_named(const char *id, const char *password, bool claim)
{
  return make(&(struct account_new){.id = slice_of(id),
                                    .change = {.password = slice_of(password)},
                                    .claim = claim,
                                    .now_ms = NOW_MS});
}

static struct answer get(const char *user)
{
  ANSWER(account_get(node.backend, slice_of(user), on_account, &answer));
}

static enum err edit_err(const char *user, struct account_change change, const char *event)
{
  struct answer answer = {0};
  account_edit(node.backend, slice_of(user), &change, slice_of(event), on_done, &answer);
  assert_int_equal(answer.times, 0);
  WAIT(base, answer.times);
  return answer.err;
}

static enum err erase(const char *user)
{
  struct answer answer = {0};
  account_delete(node.backend, slice_of(user), NOW_MS + 5, on_done, &answer);
  assert_int_equal(answer.times, 0);
  WAIT(base, answer.times);
  return answer.err;
}

static enum err check(const char *user, const char *password)
{
  struct answer answer = {0};
  account_check_password(node.backend, slice_of(user), slice_of(password), on_done, &answer);
  assert_int_equal(answer.times, 0);
  WAIT(base, answer.times);
  return answer.err;
}

static struct answer list(uint64_t after_num, unsigned count)
{
  ANSWER(account_list(node.backend, after_num, count, on_list, &answer));
}

/* ---- making ------------------------------------------------------------------------- */

static void test_an_account_is_made(void **state)
{
  (void)state;
  const struct account_new new = {.id = SLICE("alice"),
                                  .change = {.name = SLICE("Alice \xe2\x9c\x93"),
                                             .password = SLICE("s3cret!"),
                                             .nickname = SLICE("al"),
                                             .bio = SLICE("b"),
                                             .avatar = SLICE("a.png")},
                                  .now_ms = NOW_MS};
  struct answer made = make(&new);
  assert_int_equal(made.err, ERR_OK);
  assert_int_equal(made.num, 1);
  assert_string_equal(made.id, "alice");
  assert_string_equal(made.uuid, ALICE_UUID);
  assert_string_equal(made.name, "Alice \xe2\x9c\x93");
  assert_string_equal(made.texts, "al/b/a.png");
  assert_int_equal(made.created_ms, NOW_MS);
  assert_false(made.online);
  assert_string_equal(redis_ask(&redis, "GET parley:number:{u1}"), "user:alice");
  assert_string_equal(redis_ask(&redis, "GET parley:uuid:{" ALICE_UUID "}"), "user:alice");
  assert_memory_equal(redis_ask(&redis, "HGET parley:user:{alice}:profile password"), "$argon2id$",
                      10);
  assert_false(redis_holds(&redis, "s3cret!"));
  const struct entry *entry = directory_find(node.backend, OWNER_USER, SLICE("alice"));
  assert_true(slice_is(entry->name, "Alice \xe2\x9c\x93"));
  struct answer got = get("alice");
  assert_string_equal(got.texts, "al/b/a.png");
  assert_int_equal(got.created_ms, NOW_MS);
}

static void test_without_an_id_it_gets_a_random_one(void **state)
{
  (void)state;
  struct answer one = make(&(struct account_new){.change = {.name = SLICE("x")}, .now_ms = 1});
  struct answer other = make(&(struct account_new){.change = {.name = SLICE("x")}, .now_ms = 1});
  assert_int_equal(one.err, ERR_OK);
  assert_int_equal(strlen(one.id), 36);
  assert_string_equal(one.id, one.uuid);
  assert_string_equal(one.name, "x");
  assert_int_equal(other.err, ERR_OK);
  assert_string_not_equal(one.id, other.id);
  assert_int_equal(other.num, 2);
  assert_int_equal(get(one.id).num, 1);
}

static void test_an_id_is_made_once(void **state)
{
  (void)state;
  assert_int_equal(make_named("alice", "one", false).err, ERR_OK);
  assert_int_equal(make_named("alice", "two", false).err, ERR_CONFLICT);
  assert_int_equal(make_named("alice", "two", true).err, ERR_CONFLICT);
  assert_int_equal(make_named("alice", NULL, true).err, ERR_CONFLICT);
  assert_int_equal(check("alice", "one"), ERR_OK);
  /* Nor by the UUID of somebody else. */
  assert_int_equal(make_named(ALICE_UUID, "two", true).err, ERR_CONFLICT);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{" ALICE_UUID "}:profile"), "0");
}

/* Who registered without a password is no less registered. */
static void test_who_registered_is_not_claimed(void **state)
{
  (void)state;
  assert_int_equal(make_named("alice", NULL, true).err, ERR_OK);
  assert_int_equal(make_named("alice", "one", true).err, ERR_CONFLICT);
  assert_int_equal(check("alice", "one"), ERR_BAD_PASSWORD);
  /* Nor who was given a password. */
  resolve(&node, OWNER_USER, "bob", true);
  assert_int_equal(edit_err("bob", (struct account_change){.password = SLICE("b")}, NULL), ERR_OK);
  assert_int_equal(make_named("bob", "c", true).err, ERR_CONFLICT);
}

static void test_who_never_registered_can_be_claimed(void **state)
{
  (void)state;
  struct outcome joined = join(&node, "alice", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  assert_int_equal(make_named("alice", "one", false).err, ERR_CONFLICT);
  struct answer claimed = make_named("alice", "one", true);
  assert_int_equal(claimed.err, ERR_OK);
  assert_int_equal(claimed.num, joined.num);
  assert_string_equal(claimed.uuid, joined.uuid);
  assert_true(claimed.online);
  assert_true(claimed.created_ms > 0);
  assert_int_equal(check("alice", "one"), ERR_OK);
  assert_string_equal(redis_ask(&redis, "GET parley:numbers:users"), "1");
}

/* Two at once on two nodes: one of them has it, whoever's number it is. */
static void race(bool known)
{
  struct node other;
  struct answer ours = {0}, theirs = {0};
  if (known) resolve(&node, OWNER_USER, "alice", true);
  node_start(&other, base, &redis, "gw-2");
  struct account_new new = {.id = SLICE("alice"), .claim = true, .now_ms = NOW_MS};
  new.change.name = SLICE("ours");
  account_make(node.backend, &new, on_account, &ours);
  new.change.name = SLICE("theirs");
  account_make(other.backend, &new, on_account, &theirs);
  WAIT(base, ours.times && theirs.times);
  assert_int_equal((ours.err == ERR_OK) + (theirs.err == ERR_OK), 1);
  assert_int_equal((ours.err == ERR_CONFLICT) + (theirs.err == ERR_CONFLICT), 1);
  struct answer winner = ours.err == ERR_OK ? ours : theirs;
  assert_string_equal(get("alice").name, winner.name);
  assert_int_equal(get("alice").num, winner.num);
  assert_string_equal(redis_ask(&redis, "GET parley:number:{u%d}", (int)winner.num), "user:alice");
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS parley:number:{u1} parley:number:{u2}"), "1") == 0);
  node_end(&other);
}

static void test_two_who_make_the_same_account(void **state)
{
  (void)state;
  race(false);
}

static void test_two_who_claim_the_same_user(void **state)
{
  (void)state;
  race(true);
}

/* Somebody connects as the user between our two questions: the number is theirs. */
static void test_who_connects_meanwhile_is_the_one(void **state)
{
  (void)state;
  struct node other;
  struct answer made = {0};
  struct outcome entry = {0};
  node_start(&other, base, &redis, "gw-2");
  struct account_new new = {.id = SLICE("alice"), .claim = true, .now_ms = NOW_MS};
  account_make(node.backend, &new, on_account, &made);
  directory_resolve(other.backend, OWNER_USER, SLICE("alice"), true, on_entry, &entry);
  WAIT(base, made.times && entry.done);
  assert_int_equal(made.err, ERR_OK);
  assert_int_equal(made.num, entry.num);
  node_end(&other);
}

static struct slice long_text(size_t len)
{
  static char text[ACCOUNT_TEXT_BYTES + 1];
  memset(text, 'x', sizeof text);
  return (struct slice){text, len};
}

static void test_what_does_not_fit_is_refused(void **state)
{
  (void)state;
  const struct account_change bad[] = {
      {.name = long_text(ACCOUNT_NAME_BYTES + 1)},
      {.nickname = long_text(ACCOUNT_NAME_BYTES + 1)},
      {.bio = long_text(ACCOUNT_TEXT_BYTES + 1)},
      {.avatar = long_text(ACCOUNT_TEXT_BYTES + 1)},
      {.password = long_text(ACCOUNT_PASSWORD_BYTES + 1)},
      {.password = SLICE("")},
      {.name = SLICE("a\nb")},
      {.nickname = SLICE("\x7f")},
      {.bio = SLICE("a\0b")},
      {.avatar = SLICE("\xc2\x85")},
      {.name = SLICE("\xff")},
  };
  resolve(&node, OWNER_USER, "bob", true);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct account_new new = {.id = SLICE("alice"), .change = bad[i], .now_ms = NOW_MS};
    assert_int_equal(make(&new).err, ERR_MALFORMED);
    assert_int_equal(edit_err("bob", bad[i], NULL), ERR_MALFORMED);
  }
  assert_int_equal(get("alice").err, ERR_NO_SUCH_USER);
  const struct account_change good = {.name = long_text(ACCOUNT_NAME_BYTES),
                                      .nickname = long_text(ACCOUNT_NAME_BYTES),
                                      .bio = long_text(ACCOUNT_TEXT_BYTES),
                                      .avatar = long_text(ACCOUNT_TEXT_BYTES),
                                      .password = long_text(ACCOUNT_PASSWORD_BYTES)};
  struct account_new new = {.id = SLICE("alice"), .change = good, .now_ms = NOW_MS};
  assert_int_equal(make(&new).err, ERR_OK);
  assert_int_equal(edit_err("bob", good, NULL), ERR_OK);
}

/* ---- reading and changing ------------------------------------------------------------ */

static void test_users_who_only_connected_are_known(void **state)
{
  (void)state;
  assert_int_equal(get("alice").err, ERR_NO_SUCH_USER);
  join(&node, "alice", "gw-1-a", "simple", "", PRESENCE_REFUSE);
  struct answer online = get("alice");
  assert_int_equal(online.err, ERR_OK);
  assert_true(online.online);
  assert_string_equal(online.name, "alice");
  assert_string_equal(online.texts, "//");
  assert_true(online.created_ms > NOW_MS);
  leave(&node, "alice", "gw-1-a", true);
  assert_false(get("alice").online);
  /* What an older version made has no time. */
  redis_ask(&redis, "HDEL parley:user:{alice}:profile created");
  assert_int_equal(get("alice").created_ms, 0);
  redis_ask(&redis, "HSET parley:user:{alice}:profile num what");
  assert_int_equal(get("alice").err, ERR_INTERNAL);
}

static void test_an_edit_leaves_what_is_not_given(void **state)
{
  (void)state;
  assert_int_equal(edit_err("alice", (struct account_change){.bio = SLICE("b")}, NULL),
                   ERR_NO_SUCH_USER);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{alice}:profile"), "0");
  make_named("alice", "one", false);
  assert_int_equal(edit_err("alice", (struct account_change){.bio = SLICE("b")}, NULL), ERR_OK);
  assert_string_equal(get("alice").texts, "/b/");
  assert_int_equal(edit_err("alice",
                            (struct account_change){
                                .nickname = SLICE("n"), .avatar = SLICE("a"), .bio = NOTHING},
                            NULL),
                   ERR_OK);
  assert_string_equal(get("alice").texts, "n/b/a");
  assert_int_equal(check("alice", "one"), ERR_OK);
  /* Empty is taken out. */
  assert_int_equal(edit_err("alice", (struct account_change){.bio = SLICE("")}, NULL), ERR_OK);
  assert_string_equal(get("alice").texts, "n//a");
  assert_string_equal(redis_ask(&redis, "HEXISTS parley:user:{alice}:profile bio"), "0");
  assert_int_equal(edit_err("alice", (struct account_change){.name = NOTHING}, NULL), ERR_OK);
  assert_int_equal(edit_err("bob", (struct account_change){.name = NOTHING}, NULL),
                   ERR_NO_SUCH_USER);
}

static void test_a_new_name_is_told_to_all(void **state)
{
  (void)state;
  make_named("alice", NULL, false);
  node_hear(&node, "parley:all");
  assert_true(slice_is(directory_find(node.backend, OWNER_USER, SLICE("alice"))->name, "alice"));
  assert_int_equal(edit_err("alice", (struct account_change){.name = SLICE("Al")},
                            "\"kind\":\"user.changed\",\"ts\":1}"),
                   ERR_OK);
  assert_null(directory_find(node.backend, OWNER_USER, SLICE("alice")));
  WAIT(base, node.messages.count);
  assert_string_equal(told_at(&node.messages, 0),
                      "parley:all {\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"user.changed\",\"ts\":1}");
  assert_string_equal(resolve(&node, OWNER_USER, "alice", false).name, "Al");
  /* Nobody is told of what was not done. */
  edit_err("nobody", (struct account_change){.name = SLICE("x")}, "\"kind\":\"user.changed\"}");
  edit_err("alice", (struct account_change){.name = SLICE("\n")}, "\"kind\":\"user.changed\"}");
  assert_int_equal(edit_err("alice", (struct account_change){.name = SLICE("")}, NULL), ERR_OK);
  assert_string_equal(get("alice").name, "alice");
  assert_int_equal(node.messages.count, 1);
}

/* ---- passwords ---------------------------------------------------------------------- */

static void test_passwords_are_compared(void **state)
{
  (void)state;
  make_named("alice", "one", false);
  resolve(&node, OWNER_USER, "bob", true);
  assert_int_equal(check("alice", "one"), ERR_OK);
  assert_int_equal(check("alice", "two"), ERR_BAD_PASSWORD);
  assert_int_equal(check("alice", ""), ERR_BAD_PASSWORD);
  assert_int_equal(check("bob", "one"), ERR_BAD_PASSWORD);
  assert_int_equal(check("bob", ""), ERR_BAD_PASSWORD);
  assert_int_equal(check("nobody", "one"), ERR_NO_SUCH_USER);
  assert_int_equal(edit_err("alice", (struct account_change){.password = SLICE("two")}, NULL),
                   ERR_OK);
  assert_int_equal(check("alice", "one"), ERR_BAD_PASSWORD);
  assert_int_equal(check("alice", "two"), ERR_OK);
  assert_false(redis_holds(&redis, "two"));
}

static uint64_t cpu_us(void)
{
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

/* Whether there is such a user, or a password, is not to be had from how long it takes. */
static void test_every_answer_takes_as_long(void **state)
{
  (void)state;
  static const char *const users[] = {"alice", "bob", "nobody"};
  uint64_t best_us[3] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
  make_named("alice", "one", false);
  resolve(&node, OWNER_USER, "bob", true);
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < 3; i++) {
      uint64_t begun_us = cpu_us();
      assert_int_not_equal(check(users[i], "wrong"), ERR_OK);
      uint64_t took_us = cpu_us() - begun_us;
      if (took_us < best_us[i]) best_us[i] = took_us;
    }
  }
  for (size_t i = 1; i < 3; i++) {
    assert_true(best_us[i] > best_us[0] / 2);
    assert_true(best_us[i] < best_us[0] * 2);
  }
}

/* 64 wait at most, in all; the rest is told so at once, and nothing of theirs is done. */
static void test_too_many_at_once(void **state)
{
  (void)state;
  enum { COUNT = PASSWORDS_WAITING_MAX + 20 };
  static struct answer answers[COUNT];
  memset(answers, 0, sizeof answers);
  resolve(&node, OWNER_USER, "bob", true);
  for (int i = 0; i < COUNT; i++) {
    char id[16];
    snprintf(id, sizeof id, "u%d", i);
    struct account_new new = {.id = slice_of(id), .change = {.password = SLICE("x")}};
    if (i % 2)
      account_make(node.backend, &new, on_account, &answers[i]);
    else
      account_edit(node.backend, SLICE("bob"), &new.change, NOTHING, on_done, &answers[i]);
  }
  static struct answer checked;
  checked = (struct answer){0};
  account_check_password(node.backend, SLICE("bob"), SLICE("x"), on_done, &checked);
  WAIT(base, answers[COUNT - 1].times);
  assert_int_equal(answers[COUNT - 1].err, ERR_OVERLOADED);
  assert_int_equal(answers[COUNT - 2].err, ERR_OVERLOADED);
  char last[64];
  snprintf(last, sizeof last, "EXISTS parley:user:{u%d}:profile", COUNT - 1);
  assert_string_equal(redis_ask(&redis, last), "0");
  /* The end waits for one of them, and answers all. */
  node_end(&node);
  for (int i = 0; i < COUNT; i++) assert_int_equal(answers[i].times, 1);
  assert_int_equal(checked.times, 1);
  assert_true(checked.err == ERR_OVERLOADED || checked.err == ERR_UNAVAILABLE ||
              checked.err == ERR_OK || checked.err == ERR_BAD_PASSWORD);
  node_start(&node, base, &redis, "gw-1");
}

/* ---- deleting ----------------------------------------------------------------------- */

static void test_what_was_theirs_is_gone(void **state)
{
  (void)state;
  make(&(struct account_new){.id = SLICE("alice"),
                             .change = {.name = SLICE("Ally"),
                                        .password = SLICE("one"),
                                        .nickname = SLICE("nickname-of-alice"),
                                        .bio = SLICE("bio-of-alice"),
                                        .avatar = SLICE("avatar-of-alice")},
                             .now_ms = NOW_MS});
  push(&node, "alice", "", "\"kind\":\"message.sent\",\"body\":{\"text\":\"to be gone\"}}");
  redis_ask(&redis, "HSET parley:user:{alice}:keys k1 %s", "key 1 9999999999999");
  redis_ask(&redis, "SET parley:key:{k1} alice");
  node_hear(&node, "parley:user:{alice}");
  assert_int_equal(erase("alice"), ERR_OK);
  WAIT(base, node.messages.count == 1);
  assert_string_equal(
      told_at(&node.messages, 0),
      "parley:user:{alice} {\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"session.revoked\","
      "\"ts\":1700000000128}");
  static const char *const gone[] = {"Ally",         "nickname-of-alice", "bio-of-alice",
                                     "avatar-of-al", "to be gone",        "argon2id"};
  for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
    assert_false(redis_holds(&redis, gone[i]));
  WAIT(base,
       strcmp(redis_ask(&redis, "EXISTS parley:user:{alice}:keys parley:key:{k1}"), "0") == 0);
  assert_null(directory_find(node.backend, OWNER_USER, SLICE("alice")));
  assert_int_equal(get("alice").err, ERR_NO_SUCH_USER);
  assert_int_equal(check("alice", "one"), ERR_NO_SUCH_USER);
  assert_int_equal(edit_err("alice", (struct account_change){.bio = SLICE("b")}, NULL),
                   ERR_NO_SUCH_USER);
  assert_int_equal(erase("alice"), ERR_NO_SUCH_USER);
  assert_int_equal(erase("nobody"), ERR_NO_SUCH_USER);
  assert_int_equal(page(&node, "alice", 0, 10, 1000).count, 0);
}

/* Nobody else becomes them. */
static void test_who_they_were_stays(void **state)
{
  (void)state;
  make_named("alice", "one", false);
  resolve(&node, OWNER_USER, "bob", true);
  assert_int_equal(erase("alice"), ERR_OK);
  assert_int_equal(erase("bob"), ERR_OK);
  static const char *const users[] = {"alice", "bob"};
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(make_named(users[i], "two", false).err, ERR_CONFLICT);
    assert_int_equal(make_named(users[i], "two", true).err, ERR_CONFLICT);
  }
  assert_string_equal(redis_ask(&redis, "GET parley:number:{u1}"), "user:alice");
  assert_string_equal(redis_ask(&redis, "HGET parley:user:{alice}:profile num"), "1");
  /* Where names are believed, whoever bears the name is back. */
  assert_int_equal(join(&node, "alice", "gw-1-a", "simple", "", PRESENCE_REFUSE).num, 1);
  assert_int_equal(get("alice").err, ERR_OK);
  assert_int_equal(make_named("alice", "two", true).err, ERR_CONFLICT);
}

/* The inbox counts on: an id is no other message's. */
static void test_the_inbox_of_who_comes_back_counts_on(void **state)
{
  (void)state;
  struct outcome first = push(&node, "alice", "", "\"kind\":\"message.sent\"}");
  resolve(&node, OWNER_USER, "alice", true);
  assert_int_equal(erase("alice"), ERR_OK);
  struct outcome second = push(&node, "alice", "", "\"kind\":\"message.sent\"}");
  assert_int_equal(second.err, ERR_OK);
  assert_int_equal(second.id, first.id + 1);
  assert_int_equal(second.seq, first.seq + 1);
  assert_int_equal(page(&node, "alice", 0, 10, 1000).count, 1);
}

/* ---- lists -------------------------------------------------------------------------- */

static void test_users_are_listed_by_number(void **state)
{
  (void)state;
  struct answer none = list(0, 10);
  assert_int_equal(none.err, ERR_OK);
  assert_int_equal(none.count, 0);
  assert_int_equal(none.next, 0);
  static const char *const users[] = {"e", "d", "c", "b", "a"};
  for (size_t i = 0; i < 5; i++) make_named(users[i], NULL, false);
  struct answer all = list(0, 10);
  assert_string_equal(all.list, "1:e 2:d 3:c 4:b 5:a ");
  assert_int_equal(all.next, 0);
  struct answer first = list(0, 2);
  assert_string_equal(first.list, "1:e 2:d ");
  assert_int_equal(first.next, 2);
  struct answer second = list(2, 2);
  assert_string_equal(second.list, "3:c 4:b ");
  assert_int_equal(second.next, 4);
  struct answer last = list(4, 2);
  assert_string_equal(last.list, "5:a ");
  assert_int_equal(last.next, 0);
  assert_int_equal(list(3, 2).next, 0); /* just filled by the last one */
  assert_int_equal(list(5, 2).count, 0);
  assert_int_equal(list(1000, 2).count, 0);
  assert_int_equal(list(UINT64_MAX, 2).err, ERR_OK);
  assert_int_equal(list(0, 0).count, 0);
}

/* Numbers that were lost to a faster node, or whose user is deleted. */
static void test_numbers_have_holes(void **state)
{
  (void)state;
  make_named("a", NULL, false);
  redis_ask(&redis, "SET parley:numbers:users 3");
  redis_ask(&redis, "SET parley:number:{u2} user:a");       /* disclaimed in a moment */
  redis_ask(&redis, "SET parley:number:{u3} user:nowhere"); /* its record is on its way */
  make_named("b", NULL, false);
  make_named("c", NULL, false);
  make_named("d", NULL, false);
  erase("c");
  assert_string_equal(list(0, 10).list, "1:a 4:b 6:d ");
  struct answer two = list(0, 2);
  assert_string_equal(two.list, "1:a 4:b ");
  assert_int_equal(two.next, 4);
  assert_string_equal(list(4, 2).list, "6:d ");
}

/* More than one look is needed, but no call looks for ever. */
static void test_wide_holes_are_gone_over(void **state)
{
  (void)state;
  make_named("a", NULL, false);
  redis_ask(&redis, "SET parley:numbers:users 349");
  make_named("b", NULL, false);
  redis_ask(&redis, "SET parley:numbers:users 2999");
  make_named("c", NULL, false);
  struct answer found = list(0, 2);
  assert_string_equal(found.list, "1:a 350:b ");
  assert_int_equal(found.next, 350);
  struct text all = {0};
  unsigned calls = 0;
  uint64_t next = 0;
  do {
    struct answer part = list(next, 10);
    assert_int_equal(part.err, ERR_OK);
    assert_true(part.next == 0 || part.next > next);
    text_append(&all, slice_of(part.list));
    next = part.next;
    calls++;
  } while (next);
  assert_true(slice_is(text_slice(&all), "1:a 350:b 3000:c "));
  text_free(&all);
  assert_int_equal(calls, 3);
}

/* ---- Redis away --------------------------------------------------------------------- */

static void test_redis_away(void **state)
{
  (void)state;
  make_named("alice", "one", false);
  redis_kill(&redis);
  WAIT(base, !backend_ready(node.backend, NULL));
  assert_int_equal(make_named("bob", "two", false).err, ERR_UNAVAILABLE);
  assert_int_equal(make_named("bob", NULL, false).err, ERR_UNAVAILABLE);
  assert_int_equal(get("alice").err, ERR_UNAVAILABLE);
  assert_int_equal(edit_err("alice", (struct account_change){.bio = SLICE("b")}, NULL),
                   ERR_UNAVAILABLE);
  assert_int_equal(edit_err("alice", (struct account_change){.password = SLICE("b")}, NULL),
                   ERR_UNAVAILABLE);
  assert_int_equal(check("alice", "one"), ERR_UNAVAILABLE);
  assert_int_equal(list(0, 10).err, ERR_UNAVAILABLE);
  assert_int_equal(erase("alice"), ERR_UNAVAILABLE);
  redis_restart(&redis);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(check("alice", "one"), ERR_OK);
  assert_string_equal(list(0, 10).list, "1:alice ");
}

/* The node ends while calls are under way: each is answered, once. */
static void test_the_end_answers_all(void **state)
{
  (void)state;
  struct answer answers[5] = {{0}};
  struct account_new new = {.id = SLICE("bob"), .change = {.password = SLICE("x")}};
  make_named("alice", "one", false);
  account_make(node.backend, &new, on_account, &answers[0]);
  account_get(node.backend, SLICE("alice"), on_account, &answers[1]);
  account_check_password(node.backend, SLICE("alice"), SLICE("one"), on_done, &answers[2]);
  account_list(node.backend, 0, 10, on_list, &answers[3]);
  account_delete(node.backend, SLICE("alice"), NOW_MS, on_done, &answers[4]);
  node_end(&node);
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(answers[i].times, 1);
    assert_int_equal(answers[i].err, ERR_UNAVAILABLE);
  }
  node_start(&node, base, &redis, "gw-1");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_an_account_is_made),
      TEST(test_without_an_id_it_gets_a_random_one),
      TEST(test_an_id_is_made_once),
      TEST(test_who_registered_is_not_claimed),
      TEST(test_who_never_registered_can_be_claimed),
      TEST(test_two_who_make_the_same_account),
      TEST(test_two_who_claim_the_same_user),
      TEST(test_who_connects_meanwhile_is_the_one),
      TEST(test_what_does_not_fit_is_refused),
      TEST(test_users_who_only_connected_are_known),
      TEST(test_an_edit_leaves_what_is_not_given),
      TEST(test_a_new_name_is_told_to_all),
      TEST(test_passwords_are_compared),
      TEST(test_every_answer_takes_as_long),
      TEST(test_too_many_at_once),
      TEST(test_what_was_theirs_is_gone),
      TEST(test_who_they_were_stays),
      TEST(test_the_inbox_of_who_comes_back_counts_on),
      TEST(test_users_are_listed_by_number),
      TEST(test_numbers_have_holes),
      TEST(test_wide_holes_are_gone_over),
      TEST(test_redis_away),
      TEST(test_the_end_answers_all),
  };
  return RUN_STAGE(tests);
}
