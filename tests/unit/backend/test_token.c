/* Tokens: what is written is read, and nothing else is. The tokens that are refused here are
 * made by hand, with libsodium's HMAC, so that each is wrong in one thing alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "base/json.h"
#include "base/text.h"
#include "token.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_MS UINT64_C(1700000000500)

static struct arena arena;

static void append_base64(struct text *out, const void *bytes, size_t len)
{
  char text[1024];
  sodium_bin2base64(text, sizeof text, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  text_append(out, slice_of(text));
}

/* A token of that head and body, signed with SECRET by that hash. */
static struct slice made_with(const EVP_MD *hash, const char *head, const char *body)
{
  struct text text = {0};
  append_base64(&text, head, strlen(head));
  text_append_char(&text, '.');
  append_base64(&text, body, strlen(body));
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned mac_len;
  assert_non_null(HMAC(hash, SECRET, (int)strlen(SECRET), (const unsigned char *)text.data,
                       text.len, mac, &mac_len));
  text_append_char(&text, '.');
  append_base64(&text, mac, mac_len);
  struct slice copy = arena_copy(&arena, text_slice(&text));
  text_free(&text);
  return copy;
}

#define HEAD "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define BODY "{\"exp\":1700000001,\"jti\":\"3f2a\",\"sub\":\"31\"}"

static struct slice made(const char *body)
{
  return made_with(EVP_sha256(), HEAD, body);
}

static enum err read_token(struct slice text)
{
  struct token token;
  memset(&token, 0xff, sizeof token);
  enum err err = token_read(&arena, slice_of(SECRET), text, NOW_MS, &token);
  if (err != ERR_OK) {
    assert_int_equal(token.user.len, 0);
    assert_int_equal(token.id.len, 0);
    assert_int_equal(token.expires_ms, 0);
  }
  return err;
}

static void what_is_written_is_read(void **state)
{
  (void)state;
  const struct token in = {SLICE("J\xc3\xbcrgen \"\\ #"), SLICE("3f2a"), NOW_MS, NOW_MS + 1};
  struct token out;
  struct slice text;
  assert_int_equal(token_write(&arena, slice_of(SECRET), &in, &text), ERR_OK);
  assert_true(token_has_form(text));
  assert_int_equal(token_read(&arena, slice_of(SECRET), text, NOW_MS, &out), ERR_OK);
  assert_true(slice_equal(out.user, in.user));
  assert_true(slice_equal(out.id, in.id));
  assert_int_equal(out.expires_ms, 1700000001000); /* rounded up */
  assert_int_equal(token_read(&arena, slice_of(SECRET), text, 1700000000999, &out), ERR_OK);
  assert_int_equal(token_read(&arena, slice_of(SECRET), text, 1700000001000, &out),
                   ERR_UNAUTHORIZED);
}

/* Others may read what we write: the signature is that of the standard. */
static void what_is_written_is_a_jwt(void **state)
{
  (void)state;
  const struct token in = {SLICE("31"), SLICE("3f2a"), NOW_MS, 1700000001000};
  struct slice text;
  assert_int_equal(token_write(&arena, slice_of(SECRET), &in, &text), ERR_OK);
  struct slice rest = text;
  struct slice head = slice_cut(&rest, '.');
  struct slice body = slice_cut(&rest, '.');
  char json[512];
  size_t len;
  assert_int_equal(sodium_base642bin((unsigned char *)json, sizeof json - 1, head.data, head.len,
                                     NULL, &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                   0);
  json[len] = '\0';
  assert_non_null(strstr(json, "\"alg\":\"HS256\""));
  assert_int_equal(sodium_base642bin((unsigned char *)json, sizeof json - 1, body.data, body.len,
                                     NULL, &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                   0);
  json[len] = '\0';
  assert_string_equal(json,
                      "{\"exp\":1700000001,\"iat\":1700000000,\"jti\":\"3f2a\",\"sub\":\"31\"}");
  unsigned char mac[32], expected[crypto_auth_hmacsha256_BYTES];
  assert_int_equal(sodium_base642bin(mac, sizeof mac, rest.data, rest.len, NULL, &len, NULL,
                                     sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                   0);
  assert_int_equal(len, sizeof mac);
  crypto_auth_hmacsha256(expected, (const unsigned char *)text.data, head.len + 1 + body.len,
                         (const unsigned char *)SECRET);
  assert_memory_equal(mac, expected, sizeof mac);
}

static void another_algorithm_is_refused(void **state)
{
  (void)state;
  assert_int_equal(read_token(made(BODY)), ERR_OK);
  static const char *const heads[] = {
      "{\"alg\":\"none\"}",
      "{\"alg\":\"None\"}",
      "{\"alg\":\"\"}",
      "{\"typ\":\"JWT\"}",
      "{\"alg\":\"HS384\"}",
      "{\"alg\":\"HS512\"}",
      "{\"alg\":\"RS256\"}",
      "{\"alg\":\"ES256\"}",
      "{\"alg\":256}",
      "{\"alg\":null}",
      "[]",
      "",
      "{\"alg\":\"HS256\"",
  };
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
    assert_int_equal(read_token(made_with(EVP_sha256(), heads[i], BODY)), ERR_UNAUTHORIZED);
  /* Well signed, but not as ours are. */
  assert_int_equal(read_token(made_with(EVP_sha384(), "{\"alg\":\"HS384\"}", BODY)),
                   ERR_UNAUTHORIZED);
  assert_int_equal(read_token(made_with(EVP_sha512(), "{\"alg\":\"HS512\"}", BODY)),
                   ERR_UNAUTHORIZED);
}

static void without_a_signature_it_is_refused(void **state)
{
  (void)state;
  static const char *const heads[] = {"{\"alg\":\"none\"}", HEAD};
  for (size_t i = 0; i < 2; i++) {
    struct slice token = made_with(EVP_sha256(), heads[i], BODY);
    while (token.data[token.len - 1] != '.') token.len--;
    assert_int_equal(read_token(token), ERR_UNAUTHORIZED);
    token.len--;
    assert_int_equal(read_token(token), ERR_UNAUTHORIZED);
  }
}

/* Every byte counts: head, body and signature. */
static void tampered_with_it_is_refused(void **state)
{
  (void)state;
  struct slice good = made(BODY);
  assert_int_equal(read_token(good), ERR_OK);
  for (size_t i = 0; i < good.len; i++) {
    struct slice bad = arena_copy(&arena, good);
    char *byte = (char *)bad.data + i;
    *byte = *byte == 'A' ? 'B' : 'A';
    assert_int_equal(read_token(bad), ERR_UNAUTHORIZED);
    assert_int_equal(read_token((struct slice){good.data, i}), ERR_UNAUTHORIZED);
  }
  /* Another's secret. */
  struct token token;
  assert_int_equal(
      token_read(&arena, SLICE("0123456789abcdef0123456789abcdeF"), good, NOW_MS, &token),
      ERR_UNAUTHORIZED);
}

static void each_claim_is_needed(void **state)
{
  (void)state;
  static const char *const bodies[] = {
      "{}",
      "[]",
      "",
      "null",
      "{\"jti\":\"3f2a\",\"sub\":\"31\"}",
      "{\"exp\":1700000001,\"sub\":\"31\"}",
      "{\"exp\":1700000001,\"jti\":\"3f2a\"}",
      "{\"exp\":1700000001,\"jti\":\"\",\"sub\":\"31\"}",
      "{\"exp\":1700000001,\"jti\":\"3f2a\",\"sub\":\"\"}",
      "{\"exp\":1700000001,\"jti\":3,\"sub\":\"31\"}",
      "{\"exp\":1700000001,\"jti\":\"3f2a\",\"sub\":31}",
      "{\"exp\":1700000001,\"jti\":\"3f2a\",\"sub\":[\"31\"]}",
      "{\"exp\":\"1700000001\",\"jti\":\"3f2a\",\"sub\":\"31\"}",
      "{\"exp\":1700000001.5,\"jti\":\"3f2a\",\"sub\":\"31\"}",
      "{\"exp\":true,\"jti\":\"3f2a\",\"sub\":\"31\"}",
      "{\"exp\":null,\"jti\":\"3f2a\",\"sub\":\"31\"}",
      "{\"exp\":0,\"jti\":\"3f2a\",\"sub\":\"31\"}",
      "{\"exp\":-1700000001,\"jti\":\"3f2a\",\"sub\":\"31\"}",
      "{\"exp\":1700000000,\"jti\":\"3f2a\",\"sub\":\"31\"}", /* in the past */
      "{\"exp\":9223372036854775807,\"jti\":\"3f2a\",\"sub\":\"31\"}",
      "{\"exp\":9223372036854775808,\"jti\":\"3f2a\",\"sub\":\"31\"}",
      "{\"exp\":1700000001,\"jti\":\"3f2a\",\"sub\":\"3\\u00001\"}",
      "{\"exp\":1700000001,\"jti\":\"3f2a\",\"sub\":\"31\"",
  };
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    if (read_token(made(bodies[i])) == ERR_OK) fail_msg("read: %s", bodies[i]);
  }
}

static void what_is_no_token_at_all(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "",         ".",       "..",       "...",       "a.b.c",          "a.b",
      "a.b.c.d",  "a b.c.d", "e30.e30.", "e30.e30.=", "\xff.\xff.\xff", "..e30",
      ".e30.e30", "e30..e30"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    assert_int_equal(read_token(slice_of(texts[i])), ERR_UNAUTHORIZED);
  assert_int_equal(read_token(SLICE("a\0b.c.d")), ERR_UNAUTHORIZED);
  struct text large = {0};
  text_append(&large, made(BODY));
  assert_true(token_has_form(text_slice(&large)));
  while (large.len <= TOKEN_BYTES_MAX) text_append_char(&large, 'a');
  assert_false(token_has_form(text_slice(&large)));
  assert_int_equal(read_token(text_slice(&large)), ERR_UNAUTHORIZED);
  large.len = TOKEN_BYTES_MAX;
  assert_int_equal(read_token(text_slice(&large)), ERR_UNAUTHORIZED);
  text_free(&large);
}

static void a_user_that_is_no_utf8_gets_none(void **state)
{
  (void)state;
  const struct token in = {SLICE("\xff"), SLICE("3f2a"), NOW_MS, NOW_MS + 1};
  struct slice text;
  assert_int_equal(token_write(&arena, slice_of(SECRET), &in, &text), ERR_INTERNAL);
}

/* libjwt's JSON library has functions of the same names as ours: each finds its own. */
static void our_json_and_that_of_libjwt_do_not_meet(void **state)
{
  (void)state;
  const struct token in = {SLICE("31"), SLICE("3f2a"), NOW_MS, NOW_MS + 1};
  struct slice text;
  assert_true(slice_is(json_string(&arena, SLICE("\"a\\u0062\"")), "ab"));
  assert_int_equal(token_write(&arena, slice_of(SECRET), &in, &text), ERR_OK);
  assert_int_equal(read_token(text), ERR_OK);
}

static int after(void **state)
{
  (void)state;
  arena_free(&arena);
  return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, after)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(what_is_written_is_read),          TEST(what_is_written_is_a_jwt),
      TEST(another_algorithm_is_refused),     TEST(without_a_signature_it_is_refused),
      TEST(tampered_with_it_is_refused),      TEST(each_claim_is_needed),
      TEST(what_is_no_token_at_all),          TEST(our_json_and_that_of_libjwt_do_not_meet),
      TEST(a_user_that_is_no_utf8_gets_none),
  };
  if (sodium_init() < 0) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
