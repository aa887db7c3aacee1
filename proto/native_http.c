/* See native_http.h. */
#include "native_http.h"

#include "command.h"

static enum err decode_self(struct arena *arena, const struct http_call *call,
                            struct command *command)
{
  (void)arena;
  (void)call;
  command->kind = COMMAND_LIST_CREDENTIALS;
  return ERR_OK;
}

static int encode_credentials(struct arena *arena, const struct http_call *call,
                              const struct outcome *outcome, struct text *out)
{
  (void)arena;
  (void)call;
  (void)outcome;
  text_append(out, SLICE("{\"credentials\":[]}"));
  return 200;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/api/v1/tokens", HTTP_USER, decode_self, encode_credentials},
};

const struct http_api native_http = {
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .identify = request_claim,
};
