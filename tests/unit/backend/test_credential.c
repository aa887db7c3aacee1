/* Credentials: issued, checked, revoked, listed, bounded; and what is no credential. */
#include "stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account.h"
#include "base/arena.h"
#include "base/log.h"
#include "token.h"

#define NOW_MS  UINT64_C(1700000000123)
#define LIFE_MS (UINT64_C(30) * 86400 * 1000)
#define SECRET  "0123456789abcdef0123456789abcdef"
#define OTHER   "fedcba9876543210fedcba9876543210"

static int before(void **state)
{
  stage_clear(state);
  assert_int_equal(resolve(&node, OWNER_USER, "31", true).err, ERR_OK);
  return 0;
}

/* ---- calls, waited for --------------------------------------------------------------- */

struct answer {
  unsigned times;
  enum err err;
  uint64_t expires_ms;
  size_t count;
  char credential[600], id[64], user[140];
  char list[8192]; /* "key 1700000000123 1702592000123 <id>\n" */
};

static void write_slice(char *to, size_t bytes, struct slice text)
{
  assert_true(text.len < bytes);
  snprintf(to, bytes, "%.*s", SLICE_ARG(text));
}

static void on_issued(void *arg, const struct issued *issued)
{
  struct answer *answer = arg;
  answer->times++;
  answer->err = issued->err;
  answer->expires_ms = issued->expires_ms;
  write_slice(answer->credential, sizeof answer->credential, issued->credential);
  write_slice(answer->id, sizeof answer->id, issued->id);
}

static void on_verified(void *arg, const struct verified *verified)
{
  struct answer *answer = arg;
  answer->times++;
  answer->err = verified->err;
  answer->expires_ms = verified->expires_ms;
  write_slice(answer->user, sizeof answer->user, verified->user);
  write_slice(answer->id, sizeof answer->id, verified->id);
}

static void on_done(void *arg, enum err err)
{
  struct answer *answer = arg;
  answer->times++;
  answer->err = err;
}

static void on_list(void *arg, enum err err, const struct credential_record *records, size_t count)
{
  struct answer *answer = arg;
  size_t at = 0;
  answer->times++;
  answer->err = err;
  answer->count = count;
  for (size_t i = 0; i < count && at < sizeof answer->list; i++)
    at += (size_t)snprintf(answer->list + at, sizeof answer->list - at, "%s %llu %llu %.*s\n",
                           records[i].kind == CREDENTIAL_IS_KEY ? "key" : "token",
                           (unsigned long long)records[i].created_ms,
                           (unsigned long long)records[i].expires_ms, SLICE_ARG(records[i].id));
}

#define ANSWER(call)                 \
  struct answer answer = {0};        \
  call;                              \
  assert_int_equal(answer.times, 0); \
  WAIT(base, answer.times);          \
  assert_int_equal(answer.times, 1); \
  return answer

static struct answer issue_at(struct node *at, const char *user, enum credential_kind kind,
                              uint64_t now_ms)
{
  ANSWER(credential_issue(at->backend, slice_of(user), kind, now_ms, on_issued, &answer));
}

static struct answer issue(enum credential_kind kind)
{
  struct answer answer = issue_at(&node, "31", kind, NOW_MS);
  assert_int_equal(answer.err, ERR_OK);
  return answer;
}

static struct answer check_at(struct node *at, struct slice credential, uint64_t now_ms)
{
  ANSWER(credential_check(at->backend, credential, now_ms, on_verified, &answer));
}

static enum err check(const char *credential)
{
  return check_at(&node, slice_of(credential), NOW_MS).err;
}

static enum err revoke_id(const char *user, const char *id)
{
  struct answer answer = {0};
  credential_revoke(node.backend, slice_of(user), slice_of(id), NOW_MS + 7, on_done, &answer);
  assert_int_equal(answer.times, 0);
  WAIT(base, answer.times);
  return answer.err;
}

static struct answer list_at(const char *user, uint64_t now_ms)
{
  ANSWER(credential_list(node.backend, slice_of(user), now_ms, on_list, &answer));
}

/* ---- keys --------------------------------------------------------------------------- */

static void test_a_key_is_its_users(void **state)
{
  (void)state;
  struct answer key = issue(CREDENTIAL_IS_KEY);
  assert_int_equal(strlen(key.credential), 32);
  assert_int_equal(strspn(key.credential, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "abcdefghijklmnopqrstuvwxyz_-"),
                   32);
  assert_int_equal(key.expires_ms, NOW_MS + LIFE_MS);
  struct answer checked = check_at(&node, slice_of(key.credential), NOW_MS);
  assert_int_equal(checked.err, ERR_OK);
  assert_string_equal(checked.user, "31");
  assert_string_equal(checked.id, key.id);
  assert_int_equal(checked.expires_ms, key.expires_ms);
  struct answer other = issue(CREDENTIAL_IS_KEY);
  assert_string_not_equal(other.credential, key.credential);
  assert_string_not_equal(other.id, key.id);
  assert_int_equal(check(key.credential), ERR_OK);
}

static void test_the_key_itself_is_kept_nowhere(void **state)
{
  (void)state;
  struct answer key = issue(CREDENTIAL_IS_KEY);
  assert_string_equal(redis_ask(&redis, "GET parley:key:{%s}", key.id), "31");
  assert_memory_equal(redis_ask(&redis, "HGET parley:user:{31}:keys %s", key.id),
                      "key 1700000000123 1702592000123", 31);
  assert_true(redis_holds(&redis, key.id));
  assert_false(redis_holds(&redis, key.credential));
  /* And what it is known by is no key. */
  assert_int_equal(check(key.id), ERR_UNAUTHORIZED);
  key.id[32] = '\0';
  assert_int_equal(check(key.id), ERR_UNAUTHORIZED);
}

/* What a key is known by is what `b2sum -l 160` makes of it: backend/README.md, recipes. */
static void test_the_id_of_a_known_key(void **state)
{
  (void)state;
  static const char id[] = "96efb2f864b6cbf00197535a6b980f82f3949481";
  redis_ask(&redis, "SET parley:key:{%s} 31", id);
  redis_ask(&redis, "HSET parley:user:{31}:keys %s %s", id, "key 1 9999999999999");
  struct answer checked = check_at(&node, SLICE("0123456789abcdef0123456789abcdef"), NOW_MS);
  assert_int_equal(checked.err, ERR_OK);
  assert_string_equal(checked.id, id);
}

static void test_keys_end_by_themselves(void **state)
{
  (void)state;
  struct answer key = issue(CREDENTIAL_IS_KEY);
  assert_true(llabs(atoll(redis_ask(&redis, "PTTL parley:key:{%s}", key.id)) - (long long)LIFE_MS) <
              60000);
  assert_true(llabs(atoll(redis_ask(&redis, "PTTL parley:user:{31}:keys")) - (long long)LIFE_MS -
                    86400000) < 60000);
  struct slice credential = slice_of(key.credential);
  assert_int_equal(check_at(&node, credential, NOW_MS + LIFE_MS - 1).err, ERR_OK);
  assert_int_equal(check_at(&node, credential, NOW_MS + LIFE_MS).err, ERR_UNAUTHORIZED);
  /* One that is shorter does not take the others along. */
  struct node hasty;
  struct backend_limits limits = node_limits();
  limits.credential_seconds = 60;
  node_start_with(&hasty, base, redis.url, "gw-2", limits);
  WAIT(base, backend_ready(hasty.backend, NULL));
  struct answer brief = issue_at(&hasty, "31", CREDENTIAL_IS_KEY, NOW_MS);
  assert_int_equal(brief.expires_ms, NOW_MS + 60000);
  assert_true(atoll(redis_ask(&redis, "PTTL parley:user:{31}:keys")) > (long long)LIFE_MS);
  assert_true(atoll(redis_ask(&redis, "PTTL parley:key:{%s}", brief.id)) <= 60000);
  node_end(&hasty);
}

static void test_what_is_no_credential(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "",
      "x",
      "0123456789abcdef0123456789abcde",
      "0123456789abcdef0123456789abcdef", /* of the form */
      "0123456789abcdef0123456789abcdef0",
      "0123456789abcdef0123456789abcde.",
      "0123456789abcdef0123456789abcde=",
      "0123456789abcdef0123456789abcd\xc3\xbc",
      "a.b.c",
      "eyJhbGciOiJub25lIn0.eyJzdWIiOiIzMSJ9.",
      "31",
      "*",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    assert_int_equal(check(texts[i]), ERR_UNAUTHORIZED);
  assert_int_equal(check_at(&node, SLICE("0123456789abcdef0123456789abcde\0"), NOW_MS).err,
                   ERR_UNAUTHORIZED);
}

/* The user's own hash decides, whatever stands elsewhere. */
static void test_a_key_is_good_while_its_user_has_it(void **state)
{
  (void)state;
  struct answer key = issue(CREDENTIAL_IS_KEY);
  redis_ask(&redis, "HSET parley:user:{31}:keys %s %s", key.id,
            "token 1700000000123 1702592000123");
  assert_int_equal(check(key.credential), ERR_UNAUTHORIZED);
  static const char *const records[] = {"",
                                        "key",
                                        "key 1700000000123",
                                        "key 1 two",
                                        "key 1 2 3",
                                        "KEY 1 9999999999999",
                                        "key 1 -999",
                                        "key 1 99999999999999999999"};
  for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
    redis_ask(&redis, "HSET parley:user:{31}:keys %s %s", key.id, records[i]);
    assert_int_equal(check(key.credential), ERR_UNAUTHORIZED);
    assert_int_equal(list_at("31", NOW_MS).count, 0);
  }
  redis_ask(&redis, "HSET parley:user:{31}:keys %s %s", key.id, "key 1 9999999999999");
  assert_int_equal(check(key.credential), ERR_OK);
  redis_ask(&redis, "SET parley:key:{%s} 32", key.id);
  assert_int_equal(check(key.credential), ERR_UNAUTHORIZED);
}

static void test_who_is_not_there_gets_none(void **state)
{
  (void)state;
  struct answer deleted = {0};
  assert_int_equal(issue_at(&node, "nobody", CREDENTIAL_IS_KEY, NOW_MS).err, ERR_NO_SUCH_USER);
  assert_int_equal(issue_at(&node, "nobody", CREDENTIAL_IS_TOKEN, NOW_MS).err, ERR_NO_SUCH_USER);
  struct answer key = issue(CREDENTIAL_IS_KEY), token = issue(CREDENTIAL_IS_TOKEN);
  account_delete(node.backend, SLICE("31"), NOW_MS, on_done, &deleted);
  WAIT(base, deleted.times);
  assert_int_equal(check(key.credential), ERR_UNAUTHORIZED);
  assert_int_equal(check(token.credential), ERR_UNAUTHORIZED);
  assert_int_equal(issue_at(&node, "31", CREDENTIAL_IS_KEY, NOW_MS).err, ERR_NO_SUCH_USER);
  assert_int_equal(issue_at(&node, "31", CREDENTIAL_IS_TOKEN, NOW_MS).err, ERR_NO_SUCH_USER);
  assert_int_equal(list_at("31", NOW_MS).count, 0);
  WAIT(base, !*redis_ask(&redis, "KEYS parley:key:*"));
}

/* ---- tokens ------------------------------------------------------------------------- */

static void test_a_token_is_its_users(void **state)
{
  (void)state;
  struct answer token = issue(CREDENTIAL_IS_TOKEN);
  assert_true(token_has_form(slice_of(token.credential)));
  struct answer checked = check_at(&node, slice_of(token.credential), NOW_MS);
  assert_int_equal(checked.err, ERR_OK);
  assert_string_equal(checked.user, "31");
  assert_string_equal(checked.id, token.id);
  assert_int_equal(checked.expires_ms, NOW_MS + LIFE_MS);
  assert_string_not_equal(issue(CREDENTIAL_IS_TOKEN).id, token.id);
  struct slice credential = slice_of(token.credential);
  assert_int_equal(check_at(&node, credential, NOW_MS + LIFE_MS - 1).err, ERR_OK);
  assert_int_equal(check_at(&node, credential, NOW_MS + LIFE_MS).err, ERR_UNAUTHORIZED);
  /* Its id is no key, and a key's id no token's. */
  assert_string_equal(redis_ask(&redis, "EXISTS parley:key:{%s}", token.id), "0");
  redis_ask(&redis, "HSET parley:user:{31}:keys %s %s", token.id, "key 1 9999999999999");
  assert_int_equal(check(token.credential), ERR_UNAUTHORIZED);
}

static void test_all_nodes_have_one_secret(void **state)
{
  (void)state;
  struct node other;
  node_start(&other, base, &redis, "gw-2");
  struct answer ours = {0}, theirs = {0};
  credential_issue(node.backend, SLICE("31"), CREDENTIAL_IS_TOKEN, NOW_MS, on_issued, &ours);
  credential_issue(other.backend, SLICE("31"), CREDENTIAL_IS_TOKEN, NOW_MS, on_issued, &theirs);
  WAIT(base, ours.times && theirs.times);
  assert_true(strlen(redis_ask(&redis, "GET parley:token-secret")) >= 2 * TOKEN_SECRET_MIN_BYTES);
  assert_int_equal(check_at(&node, slice_of(theirs.credential), NOW_MS).err, ERR_OK);
  assert_int_equal(check_at(&other, slice_of(ours.credential), NOW_MS).err, ERR_OK);
  node_end(&other);
  /* One that comes later, too. */
  node_start(&other, base, &redis, "gw-3");
  assert_int_equal(check_at(&other, slice_of(ours.credential), NOW_MS).err, ERR_OK);
  node_end(&other);
}

/* Redis was emptied while this node ran: it agrees with the others nevertheless. */
static void test_a_new_secret_is_taken_over(void **state)
{
  (void)state;
  struct node other;
  struct answer old = issue(CREDENTIAL_IS_TOKEN);
  redis_ask(&redis, "FLUSHALL");
  resolve(&node, OWNER_USER, "31", true);
  node_start(&other, base, &redis, "gw-2");
  struct answer theirs = issue_at(&other, "31", CREDENTIAL_IS_TOKEN, NOW_MS);
  assert_int_equal(check_at(&node, slice_of(theirs.credential), NOW_MS).err, ERR_OK);
  assert_int_equal(check(old.credential), ERR_UNAUTHORIZED);
  struct answer ours = issue(CREDENTIAL_IS_TOKEN);
  assert_int_equal(check_at(&other, slice_of(ours.credential), NOW_MS).err, ERR_OK);
  node_end(&other);
}

static void test_a_configured_secret_is_not_in_redis(void **state)
{
  (void)state;
  struct node ours, theirs;
  char secret[] = SECRET;
  node_start_signing(&ours, base, &redis, "gw-2", secret, NULL);
  memset(secret, 'x', sizeof secret - 1); /* it was copied */
  node_start_signing(&theirs, base, &redis, "gw-3", OTHER, NULL);
  struct answer token = issue_at(&ours, "31", CREDENTIAL_IS_TOKEN, NOW_MS);
  assert_int_equal(token.err, ERR_OK);
  assert_int_equal(check_at(&ours, slice_of(token.credential), NOW_MS).err, ERR_OK);
  assert_int_equal(check_at(&theirs, slice_of(token.credential), NOW_MS).err, ERR_UNAUTHORIZED);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:token-secret"), "0");
  struct arena arena = {0};
  struct token read;
  assert_int_equal(token_read(&arena, SLICE(SECRET), slice_of(token.credential), NOW_MS, &read),
                   ERR_OK);
  arena_free(&arena);
  node_end(&ours);
  node_end(&theirs);
}

/* One secret takes another's place, node by node: first all know the new one, then all sign with
 * it, then the old one goes. */
static void test_a_secret_is_changed_while_tokens_stay_good(void **state)
{
  (void)state;
  struct node before, between, after;
  node_start_signing(&before, base, &redis, "gw-2", SECRET, OTHER);
  node_start_signing(&between, base, &redis, "gw-3", OTHER, SECRET);
  node_start_signing(&after, base, &redis, "gw-4", OTHER, NULL);
  struct answer old = issue_at(&before, "31", CREDENTIAL_IS_TOKEN, NOW_MS);
  struct answer new = issue_at(&between, "31", CREDENTIAL_IS_TOKEN, NOW_MS);
  assert_int_equal(check_at(&between, slice_of(old.credential), NOW_MS).err, ERR_OK);
  assert_int_equal(check_at(&before, slice_of(new.credential), NOW_MS).err, ERR_OK);
  assert_int_equal(check_at(&after, slice_of(new.credential), NOW_MS).err, ERR_OK);
  assert_int_equal(check_at(&after, slice_of(old.credential), NOW_MS).err, ERR_UNAUTHORIZED);
  node_end(&before);
  node_end(&between);
  node_end(&after);
}

/* Well signed is not enough: it must have been issued, and to that user. */
static void test_a_token_of_our_own_that_was_never_issued(void **state)
{
  (void)state;
  struct node ours;
  struct arena arena = {0};
  struct slice forged;
  node_start_signing(&ours, base, &redis, "gw-2", SECRET, NULL);
  struct answer token = issue_at(&ours, "31", CREDENTIAL_IS_TOKEN, NOW_MS);
  const struct token unknown = {SLICE("31"), SLICE("unknown"), NOW_MS, NOW_MS + 5000};
  assert_int_equal(token_write(&arena, SLICE(SECRET), &unknown, &forged), ERR_OK);
  assert_int_equal(check_at(&ours, forged, NOW_MS).err, ERR_UNAUTHORIZED);
  const struct token anothers = {SLICE("32"), slice_of(token.id), NOW_MS, NOW_MS + 5000};
  assert_int_equal(token_write(&arena, SLICE(SECRET), &anothers, &forged), ERR_OK);
  assert_int_equal(check_at(&ours, forged, NOW_MS).err, ERR_UNAUTHORIZED);
  const struct token braces = {SLICE("3}:{1"), slice_of(token.id), NOW_MS, NOW_MS + 5000};
  assert_int_equal(token_write(&arena, SLICE(SECRET), &braces, &forged), ERR_OK);
  assert_int_equal(check_at(&ours, forged, NOW_MS).err, ERR_UNAUTHORIZED);
  arena_free(&arena);
  node_end(&ours);
}

static void test_a_secret_that_is_too_short_is_not_used(void **state)
{
  (void)state;
  redis_ask(&redis, "SET parley:token-secret 0123456789abcdef0123456789abcde");
  assert_int_equal(issue_at(&node, "31", CREDENTIAL_IS_TOKEN, NOW_MS).err, ERR_INTERNAL);
  assert_int_equal(check("a.b.c"), ERR_INTERNAL);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{31}:keys"), "0");
  redis_ask(&redis, "SET parley:token-secret " SECRET);
  assert_int_equal(check(issue(CREDENTIAL_IS_TOKEN).credential), ERR_OK);
}

static void test_a_token_that_was_tampered_with(void **state)
{
  (void)state;
  struct answer token = issue(CREDENTIAL_IS_TOKEN);
  size_t len = strlen(token.credential);
  const size_t places[] = {0, len / 2, len - 1};
  for (size_t i = 0; i < 3; i++) {
    struct answer bad = token;
    bad.credential[places[i]] = bad.credential[places[i]] == 'A' ? 'B' : 'A';
    assert_int_equal(check(bad.credential), ERR_UNAUTHORIZED);
  }
  assert_int_equal(check(token.credential), ERR_OK);
}

/* ---- revoking and listing ------------------------------------------------------------ */

static void test_revoking_ends_it_and_is_told(void **state)
{
  (void)state;
  struct answer key = issue(CREDENTIAL_IS_KEY), token = issue(CREDENTIAL_IS_TOKEN);
  struct answer kept = issue(CREDENTIAL_IS_KEY);
  node_hear(&node, "parley:user:{31}");
  assert_int_equal(revoke_id("31", key.id), ERR_OK);
  assert_int_equal(check(key.credential), ERR_UNAUTHORIZED);
  assert_int_equal(check(token.credential), ERR_OK);
  assert_int_equal(revoke_id("31", token.id), ERR_OK);
  assert_int_equal(check(token.credential), ERR_UNAUTHORIZED);
  assert_int_equal(check(kept.credential), ERR_OK);
  WAIT(base, node.messages.count == 2);
  char expected[200];
  snprintf(expected, sizeof expected,
           "parley:user:{31} {\"v\":1,\"id\":0,\"seq\":0,\"kind\":\"session.revoked\","
           "\"ts\":1700000000130,\"body\":{\"credential\":\"%s\"}}",
           key.id);
  assert_string_equal(told_at(&node.messages, 0), expected);
  assert_non_null(strstr(told_at(&node.messages, 1), token.id));
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS parley:key:{%s}", key.id), "0") == 0);
  /* What is not there is told to nobody. */
  assert_int_equal(revoke_id("31", key.id), ERR_NOT_FOUND);
  assert_int_equal(revoke_id("31", ""), ERR_NOT_FOUND);
  assert_int_equal(revoke_id("32", kept.id), ERR_NOT_FOUND);
  assert_int_equal(check(kept.credential), ERR_OK);
  assert_int_equal(revoke_id("31", kept.id), ERR_OK);
  WAIT(base, node.messages.count == 3);
  assert_non_null(strstr(told_at(&node.messages, 2), kept.id));
}

static void test_those_that_are_good_are_listed(void **state)
{
  (void)state;
  struct answer none = list_at("31", NOW_MS);
  assert_int_equal(none.err, ERR_OK);
  assert_int_equal(none.count, 0);
  struct answer second = issue_at(&node, "31", CREDENTIAL_IS_KEY, NOW_MS + 1);
  struct answer first = issue_at(&node, "31", CREDENTIAL_IS_TOKEN, NOW_MS);
  struct answer third = issue_at(&node, "31", CREDENTIAL_IS_KEY, NOW_MS + 2);
  char expected[400];
  snprintf(expected, sizeof expected,
           "token 1700000000123 1702592000123 %s\nkey 1700000000124 1702592000124 %s\n"
           "key 1700000000125 1702592000125 %s\n",
           first.id, second.id, third.id);
  assert_string_equal(list_at("31", NOW_MS + 2).list, expected);
  assert_int_equal(list_at("31", NOW_MS + LIFE_MS).count, 2);
  assert_int_equal(list_at("31", NOW_MS + LIFE_MS + 2).count, 0);
  assert_int_equal(list_at("nobody", NOW_MS).count, 0);
  assert_int_equal(revoke_id("31", second.id), ERR_OK);
  assert_int_equal(list_at("31", NOW_MS).count, 2);
}

/* The 101st takes the place of the one that expires first; those that have expired go before. */
static void test_a_user_has_a_hundred_at_most(void **state)
{
  (void)state;
  static struct answer keys[102];
  for (size_t i = 0; i < 100; i++)
    keys[i] = issue_at(&node, "31", i % 2 ? CREDENTIAL_IS_TOKEN : CREDENTIAL_IS_KEY,
                       NOW_MS + (i + 50) % 100); /* the 51st expires first */
  assert_int_equal(list_at("31", NOW_MS).count, 100);
  node_hear(&node, "parley:user:{31}");
  keys[100] = issue_at(&node, "31", CREDENTIAL_IS_KEY, NOW_MS + 100);
  assert_int_equal(keys[100].err, ERR_OK);
  assert_int_equal(list_at("31", NOW_MS).count, 100);
  assert_int_equal(check(keys[50].credential), ERR_UNAUTHORIZED);
  assert_int_equal(check(keys[51].credential), ERR_OK);
  assert_int_equal(check(keys[100].credential), ERR_OK);
  WAIT(base, node.messages.count == 1);
  assert_non_null(strstr(told_at(&node.messages, 0), "session.revoked"));
  assert_non_null(strstr(told_at(&node.messages, 0), keys[50].id));
  WAIT(base, strcmp(redis_ask(&redis, "EXISTS parley:key:{%s}", keys[50].id), "0") == 0);
  keys[101] = issue_at(&node, "31", CREDENTIAL_IS_KEY, NOW_MS + 101);
  assert_int_equal(check(keys[51].credential), ERR_UNAUTHORIZED);
  WAIT(base, node.messages.count == 2);
  /* Ten have expired by now: nobody is revoked for the next. */
  assert_int_equal(issue_at(&node, "31", CREDENTIAL_IS_KEY, NOW_MS + LIFE_MS + 11).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "HLEN parley:user:{31}:keys"), "91");
  assert_int_equal(node.messages.count, 2);
}

/* ---- faults ------------------------------------------------------------------------- */

static void test_redis_away(void **state)
{
  (void)state;
  struct answer key = issue(CREDENTIAL_IS_KEY), token = issue(CREDENTIAL_IS_TOKEN);
  redis_kill(&redis);
  WAIT(base, !backend_ready(node.backend, NULL));
  assert_int_equal(issue_at(&node, "31", CREDENTIAL_IS_KEY, NOW_MS).err, ERR_UNAVAILABLE);
  assert_int_equal(issue_at(&node, "31", CREDENTIAL_IS_TOKEN, NOW_MS).err, ERR_UNAVAILABLE);
  assert_int_equal(check(key.credential), ERR_UNAVAILABLE);
  assert_int_equal(check(token.credential), ERR_UNAVAILABLE);
  assert_int_equal(check("x"), ERR_UNAUTHORIZED); /* which needs no asking */
  assert_int_equal(revoke_id("31", key.id), ERR_UNAVAILABLE);
  assert_int_equal(list_at("31", NOW_MS).err, ERR_UNAVAILABLE);
  redis_restart(&redis);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(check(key.credential), ERR_OK);
  assert_int_equal(check(token.credential), ERR_OK);
}

static void test_the_end_answers_all(void **state)
{
  (void)state;
  struct answer key = issue(CREDENTIAL_IS_KEY), token = issue(CREDENTIAL_IS_TOKEN);
  struct answer answers[7] = {{0}};
  struct backend *backend = node.backend;
  credential_issue(backend, SLICE("31"), CREDENTIAL_IS_KEY, NOW_MS, on_issued, &answers[0]);
  credential_issue(backend, SLICE("31"), CREDENTIAL_IS_TOKEN, NOW_MS, on_issued, &answers[1]);
  credential_check(backend, slice_of(key.credential), NOW_MS, on_verified, &answers[2]);
  credential_check(backend, slice_of(token.credential), NOW_MS, on_verified, &answers[3]);
  credential_check(backend, SLICE("x"), NOW_MS, on_verified, &answers[4]);
  credential_revoke(backend, SLICE("31"), slice_of(key.id), NOW_MS, on_done, &answers[5]);
  credential_list(backend, SLICE("31"), NOW_MS, on_list, &answers[6]);
  node_end(&node);
  for (size_t i = 0; i < 7; i++) {
    assert_int_equal(answers[i].times, 1);
    assert_int_equal(answers[i].err, ERR_UNAVAILABLE);
  }
  node_start(&node, base, &redis, "gw-1");
}

/* Whatever goes well or wrong, at any level. */
static void test_nothing_of_it_is_in_the_log(void **state)
{
  (void)state;
  static char log[1 << 16];
  char path[] = "/tmp/parley-log-XXXXXX";
  int file = mkstemp(path), before_fd = dup(STDERR_FILENO);
  assert_true(file >= 0);
  assert_true(dup2(file, STDERR_FILENO) >= 0);
  log_start(LOG_DEBUG, LOG_KEY_VALUE, "test");
  log_event(LOG_DEBUG, "begin");
  struct answer key = issue(CREDENTIAL_IS_KEY), token = issue(CREDENTIAL_IS_TOKEN), edited = {0};
  const struct account_change change = {.password = SLICE("s3cret!")};
  account_edit(node.backend, SLICE("31"), &change, (struct slice){0}, on_done, &edited);
  WAIT(base, edited.times);
  assert_int_equal(edited.err, ERR_OK);
  redis_ask(&redis, "SET parley:user:{31}:keys x");
  assert_int_equal(check(key.credential), ERR_INTERNAL);
  assert_int_equal(check(token.credential), ERR_INTERNAL);
  dup2(before_fd, STDERR_FILENO);
  close(before_fd);
  assert_true(lseek(file, 0, SEEK_SET) == 0);
  ssize_t len = read(file, log, sizeof log - 1);
  assert_true(len > 0);
  log[len] = '\0';
  close(file);
  unlink(path);
  log_start(LOG_ERROR, LOG_KEY_VALUE, "test");
  assert_non_null(strstr(log, "begin"));
  assert_non_null(strstr(log, "redis_error"));
  assert_null(strstr(log, key.credential));
  assert_null(strstr(log, token.credential));
  assert_null(strstr(log, "s3cret!"));
}

#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, before, stage_leave)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST_OF(test_a_key_is_its_users),
      TEST_OF(test_the_key_itself_is_kept_nowhere),
      TEST_OF(test_the_id_of_a_known_key),
      TEST_OF(test_keys_end_by_themselves),
      TEST_OF(test_what_is_no_credential),
      TEST_OF(test_a_key_is_good_while_its_user_has_it),
      TEST_OF(test_who_is_not_there_gets_none),
      TEST_OF(test_a_token_is_its_users),
      TEST_OF(test_all_nodes_have_one_secret),
      TEST_OF(test_a_new_secret_is_taken_over),
      TEST_OF(test_a_configured_secret_is_not_in_redis),
      TEST_OF(test_a_secret_is_changed_while_tokens_stay_good),
      TEST_OF(test_a_token_of_our_own_that_was_never_issued),
      TEST_OF(test_a_secret_that_is_too_short_is_not_used),
      TEST_OF(test_a_token_that_was_tampered_with),
      TEST_OF(test_revoking_ends_it_and_is_told),
      TEST_OF(test_those_that_are_good_are_listed),
      TEST_OF(test_a_user_has_a_hundred_at_most),
      TEST_OF(test_redis_away),
      TEST_OF(test_the_end_answers_all),
      TEST_OF(test_nothing_of_it_is_in_the_log),
  };
  return RUN_STAGE(tests);
}
