/* See http_server.h. To add a page, add a row to `pages`. */
#include "http_server.h"

#include <stdlib.h>

#include "backend.h"
#include "console.h"
#include "door.h"
#include "exchange.h"
#include "loop.h"
#include "metrics.h"
#include "protocol.h"

enum {
  HEADER_BYTES = 2048 + REQUEST_HEAD_MAX_BYTES, /* an Origin comes back */
  LENGTH_TEXT_BYTES = 24,
  STATUS_TOO_MANY_REQUESTS = 429,
};

static void write_error(struct http_response *response, enum err err)
{
  response->content_type = "application/json";
  response->status = http_error(NULL, err, &response->body);
}

/* The process lives and its loop turns. */
static enum err show_health(struct node *node, struct http_response *response)
{
  (void)node;
  text_append(&response->body, SLICE("ok\n"));
  return ERR_OK;
}

/* What it would accept now would be delivered (design.md, "readiness is proof"). */
static enum err show_readiness(struct node *node, struct http_response *response)
{
  const char *why = NULL;
  if (node->draining)
    why = "draining";
  else if (backend_ready(node->backend, &why) && !metrics_all_ready())
    why = "another worker is not ready"; /* and a new connection can reach any of them */
  response->content_type = "application/json";
  if (why) response->status = err_http_status(ERR_UNAVAILABLE);
  text_append(&response->body, why ? SLICE("{\"ready\":false,\"why\":") : SLICE("{\"ready\":true"));
  if (why) text_append_json_string(&response->body, slice_of(why));
  text_append(&response->body, SLICE("}\n"));
  return why ? ERR_UNAVAILABLE : ERR_OK;
}

static enum err show_metrics(struct node *node, struct http_response *response)
{
  (void)node;
  response->content_type = METRICS_CONTENT_TYPE;
  metrics_write(&response->body);
  return ERR_OK;
}

static enum err show_console(struct node *node, struct http_response *response)
{
  if (!node->config->console) return ERR_NOT_FOUND;
  response->content_type = "text/html; charset=utf-8";
  text_append(&response->body, console_page());
  return ERR_OK;
}

static const struct {
  const char *path;
  enum err (*show)(struct node *node, struct http_response *response);
} pages[] = {
    {"/", show_console},
    {"/healthz", show_health},
    {"/readyz", show_readiness},
    {"/metrics", show_metrics},
};

enum err http_page(struct node *node, struct slice method, struct slice path,
                   struct http_response *response)
{
  enum err err = ERR_NOT_FOUND;
  response->status = HTTP_STATUS_OK;
  response->content_type = "text/plain; charset=utf-8";
  for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
    if (!slice_is(path, pages[i].path)) continue;
    err = slice_is(method, "GET") || slice_is(method, "HEAD") ? ERR_OK : ERR_BAD_METHOD;
    if (err == ERR_OK) err = pages[i].show(node, response);
    if (err == ERR_BAD_METHOD) response->allowed = SLICE("GET");
    break;
  }
  if (err != ERR_OK && !response->body.len) write_error(response, err);
  return err;
}

/* A response's head, as libwebsockets wants it built. */
struct header_writer {
  struct lws *wsi;
  unsigned char *next, *end;
  bool full;
};

static void add_header(struct header_writer *writer, const char *name, struct slice value)
{
  writer->full |= lws_add_http_header_by_name(writer->wsi, (const unsigned char *)name,
                                              (const unsigned char *)value.data, (int)value.len,
                                              &writer->next, writer->end) != 0;
}

/* The Fetch standard's CORS protocol; who may not ask at all was refused before. */
static void add_cors(struct header_writer *writer, const struct http_response *response)
{
  if (!response->origin.len) return;
  add_header(writer, "access-control-allow-origin:", response->origin);
  add_header(writer, "vary:", SLICE("Origin"));
  if (!response->allowed.len) return;
  add_header(writer, "access-control-allow-methods:", response->allowed);
  add_header(writer, "access-control-allow-headers:", SLICE("authorization, content-type"));
  add_header(writer, "access-control-max-age:", SLICE("600"));
}

bool http_may_retry(int status)
{
  return status == HTTP_STATUS_SERVICE_UNAVAILABLE || status == STATUS_TOO_MANY_REQUESTS;
}

static void add_headers(struct header_writer *writer, const struct http_response *response)
{
  char length[LENGTH_TEXT_BYTES];
  int digits = snprintf(length, sizeof length, "%zu", response->body.len);
  if (response->status != HTTP_STATUS_NO_CONTENT) { /* which can have neither (RFC 9110, 8.6) */
    add_header(writer, "content-type:", slice_of(response->content_type));
    add_header(writer, "content-length:", (struct slice){length, (size_t)digits});
  }
  if (response->allowed.len) add_header(writer, "allow:", response->allowed);
  if (response->status == HTTP_STATUS_UNAUTHORIZED)
    add_header(writer, "www-authenticate:", SLICE("Bearer"));
  if (http_may_retry(response->status))
    add_header(writer, "retry-after:", SLICE(HTTP_RETRY_AFTER_S));
  if (response->last) add_header(writer, "connection:", SLICE("close"));
  add_cors(writer, response);
  add_header(writer, "cache-control:", SLICE("no-store"));
  add_header(writer, "x-content-type-options:", SLICE("nosniff"));
}

static int write_response(struct lws *wsi, const struct http_response *response, bool with_body)
{
  unsigned char headers[LWS_PRE + HEADER_BYTES], *start = headers + LWS_PRE;
  struct header_writer writer = {wsi, start, headers + sizeof headers - 1, false};
  if (lws_add_http_header_status(wsi, (unsigned)response->status, &writer.next, writer.end))
    return -1;
  add_headers(&writer, response);
  if (writer.full || lws_finalize_write_http_header(wsi, start, &writer.next, writer.end))
    return -1;
  struct slice body = text_slice(&response->body);
  if (!with_body || !body.len) return 0;
  struct text padded = {0}; /* libwebsockets wants room in front */
  text_append(&padded, (struct slice){(const char *)headers, LWS_PRE});
  text_append(&padded, body);
  int written =
      lws_write(wsi, (unsigned char *)padded.data + LWS_PRE, body.len, LWS_WRITE_HTTP_FINAL);
  text_free(&padded);
  return written < 0 ? -1 : 0;
}

/* By hand, for libwebsockets takes a request that asks for an upgrade for one of HTTP/1.0. */
int http_write_error(struct lws *wsi, enum err err)
{
  struct http_response response = {0};
  struct text bytes = {0};
  write_error(&response, err);
  text_append(&bytes, (struct slice){(char[LWS_PRE]){0}, LWS_PRE});
  text_append_format(&bytes, "HTTP/1.1 %d %.*s\r\n", response.status, SLICE_ARG(err_code(err)));
  /* RFC 6455, 4.4: a version that we do not speak is told which one we do. */
  if (err == ERR_BAD_VERSION) text_append(&bytes, SLICE("Sec-WebSocket-Version: 13\r\n"));
  if (http_may_retry(response.status)) text_append(&bytes, SLICE(HTTP_RETRY_AFTER));
  text_append_format(&bytes,
                     "Content-Type: %s\r\nContent-Length: %zu\r\n"
                     "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                     "Connection: close\r\n\r\n",
                     response.content_type, response.body.len);
  text_append(&bytes, text_slice(&response.body));
  int written = lws_write(wsi, (unsigned char *)bytes.data + LWS_PRE, bytes.len - LWS_PRE,
                          LWS_WRITE_HTTP_FINAL);
  text_free(&response.body);
  text_free(&bytes);
  return written < 0 ? -1 : 0;
}

/* ---- requests ------------------------------------------------------------------------ */

/* Nothing is read of a connection while its request is carried out and answered, and nothing
 * looked at that has been read already: libwebsockets would take it for the next head, and
 * forget where it was. */
static void look_away(struct lws *wsi)
{
  loop_hold(wsi, true);
  lws_rx_flow_control(wsi, 0);
}

/* Where it may not look at anything, it does not write either. */
void http_about_to_write(struct lws *wsi)
{
  const struct door *door = door_of(wsi);
  if (door && door->exchange && exchange_response(door->exchange)) lws_rx_flow_control(wsi, 1);
}

int http_handle(struct lws *wsi)
{
  struct door *door = door_of(wsi);
  struct exchange *exchange = door ? door->exchange : NULL;
  /* It came behind another one, and the door has not seen it. */
  if (!exchange || exchange_has_run(exchange)) return -1;
  exchange_start(exchange);
  if (exchange_has_run(exchange)) look_away(wsi);
  return 0;
}

void http_body(struct lws *wsi, struct slice piece)
{
  struct door *door = door_of(wsi);
  struct exchange *exchange = door ? door->exchange : NULL;
  if (!exchange || exchange_has_run(exchange) || !exchange_body(exchange, piece)) return;
  exchange_run(exchange);
  look_away(wsi);
}

static void ignore_name(const char *name, int len, void *arg)
{
  (void)name;
  (void)len;
  (void)arg;
}

/* Between two requests libwebsockets has a table of fields only where it has read something
 * that came behind the first, which the door then has not seen. */
static bool has_read_on(struct lws *wsi)
{
  return lws_hdr_custom_name_foreach(wsi, ignore_name, NULL) == 0;
}

/* The next request may come, or the connection ends. */
static int done(struct lws *wsi, bool last)
{
  const struct door *door = door_of(wsi);
  loop_hold(wsi, false);
  if (last || door->surplus || lws_http_transaction_completed(wsi) || has_read_on(wsi)) return -1;
  door_request_done(wsi);
  return 0;
}

int http_writable(struct lws *wsi)
{
  struct door *door = door_of(wsi);
  const struct http_response *response =
      door && door->exchange ? exchange_response(door->exchange) : NULL;
  if (!response) return 0;
  if (!door->answered) {
    door_answered(wsi);
    if (write_response(wsi, response, !exchange_is_head(door->exchange))) return done(wsi, true);
  }
  if (!lws_partial_buffered(wsi)) return done(wsi, response->last);
  lws_callback_on_writable(wsi);
  return 0;
}
