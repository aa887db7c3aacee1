/* Cases of a REST surface's routes, for the tests that hold each one against what it is to
 * make of a request, and of an outcome. Alice asks, her number 7. */
#ifndef PARLEY_TESTS_ROUTE_CASE_H
#define PARLEY_TESTS_ROUTE_CASE_H

#include <stddef.h>

#include "http.h"

#define ALICE_UUID "0d9a2f5e-7c41-4b7e-9a35-6f2f8c1b4e07"
#define BOB_UUID   "1e8b3a6f-8d52-4c8f-8b46-7a3a9d2c5f18"
#define DEN_UUID   "5e4cf0a2-0a6c-4f3f-8d58-1c0d2a9e7b10"

/* Parties, as initializers. */
#define ALICE                                                                             \
  {                                                                                       \
    .kind = PARTY_USER, .num = 7, .id = {"alice", 5}, .uuid = {ALICE_UUID, 36}, .name = { \
      "Al",                                                                               \
      2                                                                                   \
    }                                                                                     \
  }
#define BOB                                                                                      \
  {                                                                                              \
    .kind = PARTY_USER, .num = 8, .id = {"bob", 3}, .uuid = {BOB_UUID, 36}, .name = { "bob", 3 } \
  }
#define DEN                                                                                      \
  {                                                                                              \
    .kind = PARTY_ROOM, .num = 2, .id = {"den", 3}, .uuid = {DEN_UUID, 36}, .name = { "Den", 3 } \
  }

/* `expected`: the command, as route_command writes it; or the response, where it is refused:
 * "400 {...}". body NULL: the request has none. */
struct route_case {
  const char *request; /* "GET /api/users?size=5"; "admin GET ...": the operator asks */
  const char *body;
  const char *expected;
};

/* `expected`: the response to that outcome: "200 {...}", "204". */
struct answer_case {
  const char *request;
  const char *body;
  struct outcome outcome;
  const char *expected;
};

/* Fail the test, and say where, for each case that differs. Every route of the API must be
 * in some case. */
void check_routes(const struct http_api *api, const struct route_case *cases, size_t count);
void check_answers(const struct http_api *api, const struct answer_case *cases, size_t count);

/* Every error that there is has a status and a body of JSON, on every route. */
void check_failures(const struct http_api *api);

#endif
