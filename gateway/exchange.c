/* See exchange.h. */
#include "exchange.h"

#include <stdlib.h>

#include "auth.h"
#include "base/memory.h"
#include "commands.h"
#include "directory.h"
#include "dispatch.h"
#include "metrics.h"

struct exchange {
  struct caller caller; /* first, for its answer */
  struct exchange *next_orphan;
  struct door *door;   /* NULL: the connection is gone */
  struct arena arena;  /* the head, and what is made of it */
  struct request head; /* slices of the arena */
  struct http_match match;
  struct http_call call;
  struct text body;
  struct http_response response;
  uint64_t length, received;                 /* of the body: as the head has it, and so far */
  bool too_large, running, preflight, known; /* known: it is a caller */
  bool ready;                                /* the response is */
};

/* ---- responses --------------------------------------------------------------------- */

static void exchange_free(struct exchange *exchange)
{
  if (exchange->known) {
    dispatch_forget(&exchange->caller);
    caller_remove(&exchange->caller);
  }
  text_free(&exchange->body);
  text_free(&exchange->response.body);
  arena_free(&exchange->arena);
  free(exchange);
}

/* Answered, with nobody there to read it: given back when dispatch has let go of them. */
static struct exchange *orphans;

void exchanges_sweep(void)
{
  while (orphans) {
    struct exchange *exchange = orphans;
    orphans = exchange->next_orphan;
    exchange_free(exchange);
  }
}

static void finish(struct exchange *exchange, enum err err, int status)
{
  exchange->response.status = status;
  exchange->ready = true;
  metric_add_at(METRIC_HTTP_REQUESTS, err, 1);
  if (exchange->door) {
    lws_callback_on_writable(exchange->door->wsi);
    return;
  }
  exchange->next_orphan = orphans;
  orphans = exchange;
}

static void fail(struct exchange *exchange, enum err err)
{
  const struct protocol *protocol = exchange->match.protocol;
  const struct http_api *api = protocol ? protocol->http : NULL;
  text_reset(&exchange->response.body);
  finish(exchange, err,
         (api && api->error ? api->error : http_error)(&exchange->call, err,
                                                       &exchange->response.body));
}

static void answer(struct caller *caller, const struct command *command,
                   const struct outcome *outcome)
{
  struct exchange *exchange = (struct exchange *)caller; /* its first member */
  const struct http_route *route = exchange->match.route;
  (void)command;
  if (outcome->err != ERR_OK)
    fail(exchange, outcome->err);
  else
    finish(exchange, ERR_OK,
           route->encode
               ? route->encode(&exchange->arena, &exchange->call, outcome, &exchange->response.body)
               : HTTP_STATUS_NO_CONTENT);
}

const struct http_response *exchange_response(const struct exchange *exchange)
{
  return exchange->ready ? &exchange->response : NULL;
}

void exchange_end(struct exchange *exchange)
{
  exchange->door = NULL;
  if (exchange->ready || !exchange->running) exchange_free(exchange);
}

/* ---- who asks ---------------------------------------------------------------------- */

/* True: there is somebody to answer. Else it is given back. */
static bool awaited(struct exchange *exchange)
{
  if (exchange->door) return true;
  exchange_free(exchange);
  return false;
}

static void carry_out(struct exchange *exchange)
{
  struct command command = {.kind = COMMAND_NONE};
  enum err err = exchange->match.route->decode(&exchange->arena, &exchange->call, &command);
  if (err != ERR_OK) {
    fail(exchange, err);
    return;
  }
  exchange->known = true;
  exchange->caller.user = exchange->call.user;
  exchange->caller.admin = exchange->call.admin;
  caller_add(&exchange->caller);
  dispatch(&exchange->caller, &command);
}

static void on_user(void *arg, enum err err, const struct entry *entry)
{
  struct exchange *exchange = arg;
  if (!awaited(exchange)) return;
  if (err != ERR_OK) {
    fail(exchange, err);
    return;
  }
  exchange->call.user = party_copy(&exchange->arena, command_party(entry));
  carry_out(exchange);
}

/* The operator asks in the server's name (protocols.md, "reserved and not claimable"). */
static void as_server(struct exchange *exchange)
{
  exchange->call.admin = true;
  exchange->call.user = party_server;
  carry_out(exchange);
}

static void on_identity(void *arg, const struct identity *identity)
{
  struct exchange *exchange = arg;
  if (!awaited(exchange)) return;
  enum err err = identity->err;
  bool admin_only = exchange->match.route->access == HTTP_ADMIN;
  if (err == ERR_OK && admin_only && !identity->admin) err = ERR_FORBIDDEN;
  if (err != ERR_OK)
    fail(exchange, err);
  else if (identity->admin)
    as_server(exchange);
  else
    directory_resolve(exchange->caller.node->backend, OWNER_USER, identity->user, true, on_user,
                      exchange);
}

/* What anyone may ask, the operator may ask for somebody. */
static void ask_as_anyone(struct exchange *exchange)
{
  struct slice token = {0};
  if (request_token(&exchange->arena, &exchange->head, &token) &&
      auth_is_admin(exchange->caller.node, token))
    as_server(exchange);
  else
    carry_out(exchange);
}

static void ask_who(struct exchange *exchange)
{
  const struct http_api *api = exchange->match.protocol->http;
  struct claim claim = {0};
  enum err err =
      (api->identify ? api->identify : request_claim)(&exchange->arena, &exchange->head, &claim);
  if (err != ERR_OK)
    fail(exchange, err);
  else
    auth_check(exchange->caller.node, &claim, on_identity, exchange);
}

/* ---- the request ------------------------------------------------------------------- */

static struct slice keep(struct exchange *exchange, struct slice text)
{
  return arena_copy(&exchange->arena, text);
}

struct exchange *exchange_begin(struct door *door, const struct request_head *head)
{
  struct exchange *exchange = memory_zalloc(sizeof *exchange);
  exchange->door = door;
  exchange->head = (struct request){
      .method = keep(exchange, head->request.method),
      .path = keep(exchange, head->request.path),
      .query = keep(exchange, head->request.query),
      .authorization = keep(exchange, head->request.authorization),
      .origin = keep(exchange, head->request.origin),
  };
  exchange->call.head = &exchange->head;
  exchange->caller.node = door->node;
  exchange->caller.answer = answer;
  exchange->caller.ip =
      ip_of_client(&door->ip, head->request.forwarded_for, &door->node->config->trusted_networks);
  exchange->length = head->length;
  exchange->response.content_type = "application/json";
  exchange->response.last = head->has_body && !head->has_length;
  enum err err =
      http_find(&exchange->arena, exchange->head.method, exchange->head.path, &exchange->match);
  if (err == ERR_NOT_FOUND) return exchange;
  exchange->caller.protocol = exchange->match.protocol;
  exchange->caller.protocol_index = metric_protocol_index(exchange->match.protocol);
  exchange->response.origin = exchange->head.origin;
  exchange->response.allowed = exchange->match.allowed;
  exchange->preflight = slice_is(exchange->head.method, "OPTIONS");
  memcpy(exchange->call.params, exchange->match.params, sizeof exchange->call.params);
  return exchange;
}

bool exchange_body(struct exchange *exchange, struct slice piece)
{
  size_t most = exchange->caller.node->config->message_bytes;
  uint64_t missing = exchange->length - exchange->received;
  if (piece.len > missing) {
    piece.len = missing;
    exchange->response.last = true;
  }
  exchange->received += piece.len;
  exchange->too_large = exchange->too_large || exchange->body.len + piece.len > most;
  if (!exchange->too_large) text_append(&exchange->body, piece);
  return exchange->received == exchange->length;
}

static bool asks_too_often(struct exchange *exchange)
{
  struct node *node = exchange->caller.node;
  struct bucket_rate rate = {node->config->frames_per_second, node->config->frames_burst};
  return bucket_take(&exchange->door->requests, rate, 1, node->now_ms) != BUCKET_OK;
}

/* Before anything is asked of Redis. */
static enum err check(struct exchange *exchange)
{
  if (!exchange->match.route) return ERR_BAD_METHOD;
  if (asks_too_often(exchange)) return ERR_RATE_LIMITED;
  if (exchange->too_large) return ERR_TOO_LARGE;
  exchange->call.body = text_slice(&exchange->body);
  if (!exchange->body.len) return ERR_OK;
  return json_check(exchange->call.body) == ERR_OK ? ERR_OK : ERR_MALFORMED_JSON;
}

bool exchange_is_head(const struct exchange *exchange)
{
  return slice_is(exchange->head.method, "HEAD");
}

bool exchange_has_run(const struct exchange *exchange)
{
  return exchange->running;
}

bool exchange_is_page(const struct exchange *exchange)
{
  return !exchange->match.protocol;
}

static void answer_page(struct exchange *exchange)
{
  struct http_response *response = &exchange->response;
  if (asks_too_often(exchange)) {
    fail(exchange, ERR_RATE_LIMITED);
    return;
  }
  enum err err =
      http_page(exchange->caller.node, exchange->head.method, exchange->head.path, response);
  finish(exchange, err, response->status);
}

void exchange_run(struct exchange *exchange)
{
  if (exchange->running) return;
  exchange->running = true;
  if (exchange_is_page(exchange)) {
    answer_page(exchange);
    return;
  }
  bool welcome = config_allows_origin(exchange->caller.node->config, exchange->head.origin);
  enum err err = !welcome ? ERR_FORBIDDEN : exchange->preflight ? ERR_OK : check(exchange);
  if (!welcome) exchange->response.origin = (struct slice){0};
  if (err == ERR_OK && exchange->preflight)
    finish(exchange, ERR_OK, HTTP_STATUS_NO_CONTENT);
  else if (err != ERR_OK)
    fail(exchange, err);
  else if (exchange->match.route->access == HTTP_ANYONE)
    ask_as_anyone(exchange);
  else
    ask_who(exchange);
}

void exchange_start(struct exchange *exchange)
{
  if (exchange->length > exchange->caller.node->config->hard_message_bytes) {
    exchange->running = exchange->response.last = true;
    fail(exchange, ERR_TOO_LARGE);
  } else if (!exchange->length) {
    exchange_run(exchange);
  }
}
