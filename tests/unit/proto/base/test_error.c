/* The error table, held against what protocols.md says of codes and close codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

static void every_row_is_complete(void **state)
{
  (void)state;
  for (enum err err = 0; err < ERR_COUNT; err++) {
    assert_true(err_code(err).len > 0);
    assert_true(err_text(err).len > 0);
    int status = err_http_status(err);
    assert_true(status == 200 || (status >= 400 && status < 600));
    unsigned code = err_close_code(err);
    assert_true(code == 0 || (code >= 1001 && code <= 1013) || (code >= 4400 && code < 4500));
    for (enum err other = 0; other < err; other++) {
      assert_false(slice_equal(err_code(err), err_code(other)));
    }
  }
}

static void the_contract_s_numbers(void **state)
{
  (void)state;
  static const struct {
    enum err err;
    const char *code;
    int http_status;
    unsigned close_code;
  } rows[] = {
      {ERR_MALFORMED, "malformed_payload", 400, 4400},
      {ERR_UNAUTHORIZED, "unauthorized", 401, 4401},
      {ERR_FORBIDDEN, "forbidden", 403, 4403},
      {ERR_NOT_FOUND, "not_found", 404, 0},
      {ERR_CONFLICT, "conflict", 409, 4409},
      {ERR_TOO_LARGE, "too_large", 413, 1009},
      {ERR_RATE_LIMITED, "rate_limited", 429, 4429},
      {ERR_UNSUPPORTED, "unsupported", 501, 0},
      {ERR_UNAVAILABLE, "unavailable", 503, 1013},
      {ERR_RESTART, "restart", 503, 1012},
      {ERR_NO_PONG, "no_pong", 408, 4408},
      {ERR_REPLACED, "replaced", 409, 4409},
      {ERR_TOO_SLOW, "too_slow", 429, 4429},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_true(slice_is(err_code(rows[i].err), rows[i].code));
    assert_int_equal(err_http_status(rows[i].err), rows[i].http_status);
    assert_int_equal(err_close_code(rows[i].err), rows[i].close_code);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_is_complete),
      cmocka_unit_test(the_contract_s_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
