/* pager's REST surface: each route to its command, each outcome to its response. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol.h"
#include "route_case.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define MALFORMED                                                                            \
  "400 {\"error\":\"malformed_payload\",\"message\":\"the payload is not what the protocol " \
  "asks for\"}"
#define NOT_FOUND "404 {\"error\":\"not_found\",\"message\":\"there is no such thing\"}"

#define PAGE "{\"to\":\"bob\",\"text\":\"come\"}"

static const struct route_case requests[] = {
    {"POST /pages", PAGE, "send to=user:bob text=\"come\""},
    {"POST /pages", "{\"to\":\"#den\",\"text\":\"come\"}", "send to=room:den text=\"come\""},
    {"POST /pages", NULL, MALFORMED},
    {"POST /pages", "{\"to\":\"bob\"}", MALFORMED},
    {"POST /pages", "{\"to\":8,\"text\":\"come\"}", MALFORMED},
    {"POST /pages", "{\"to\":\"a|b\",\"text\":\"come\"}", NOT_FOUND},
    {"GET /pages/65537", NULL, "get_message message=65537"},
    {"GET /pages/first", NULL, NOT_FOUND},
};

static const struct envelope page = {
    .id = 65537, .from = ALICE, .to = BOB, .text = SLICE("\"come\"")};

static const struct answer_case outcomes[] = {
    {"POST /pages", PAGE, {.message_id = 65537}, "201 {\"id\":65537}"},
    {"POST /pages", PAGE, {.err = ERR_NOT_FOUND}, NOT_FOUND},
    {"GET /pages/65537",
     NULL,
     {.messages = &page, .message_count = 1},
     "200 {\"type\":\"page\",\"id\":65537,\"from\":\"alice\",\"to\":\"bob\",\"text\":\"come\"}"},
    {"GET /pages/65537", NULL, {.err = ERR_NOT_FOUND}, NOT_FOUND},
};

static void every_request_is_its_command(void **state)
{
  (void)state;
  check_routes(protocol_pager.http, requests, COUNT(requests));
}

static void every_outcome_is_its_response(void **state)
{
  (void)state;
  check_answers(protocol_pager.http, outcomes, COUNT(outcomes));
}

static void every_failure_is_told(void **state)
{
  (void)state;
  check_failures(protocol_pager.http);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_request_is_its_command),
      cmocka_unit_test(every_outcome_is_its_response),
      cmocka_unit_test(every_failure_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
