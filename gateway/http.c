/* See http.h. To add a page, add a row to `pages`. */
#include "http.h"

#include "backend.h"
#include "console.h"
#include "door.h"
#include "metrics.h"

enum { HEADER_BYTES = 1024 };

struct response {
  enum err err; /* its HTTP status */
  const char *content_type;
  struct text body;
};

static void write_error(struct response *response, enum err err)
{
  response->err = err;
  response->content_type = "application/json";
  text_append(&response->body, SLICE("{\"error\":"));
  text_append_json_string(&response->body, err_code(err));
  text_append(&response->body, SLICE(",\"message\":"));
  text_append_json_string(&response->body, err_text(err));
  text_append(&response->body, SLICE("}\n"));
}

/* The process lives and its loop turns. */
static void show_health(struct node *node, struct response *response)
{
  (void)node;
  text_append(&response->body, SLICE("ok\n"));
}

/* What it would accept now would be delivered (design.md, "readiness is proof"). */
static void show_readiness(struct node *node, struct response *response)
{
  const char *why = NULL;
  if (node->draining)
    why = "draining";
  else if (backend_ready(node->backend, &why) && !metrics_all_ready())
    why = "another worker is not ready"; /* and a new connection can reach any of them */
  response->content_type = "application/json";
  if (why) response->err = ERR_UNAVAILABLE;
  text_append(&response->body, why ? SLICE("{\"ready\":false,\"why\":") : SLICE("{\"ready\":true"));
  if (why) text_append_json_string(&response->body, slice_of(why));
  text_append(&response->body, SLICE("}\n"));
}

static void show_metrics(struct node *node, struct response *response)
{
  (void)node;
  response->content_type = METRICS_CONTENT_TYPE;
  metrics_write(&response->body);
}

static void show_console(struct node *node, struct response *response)
{
  if (!node->config->console) {
    write_error(response, ERR_NOT_FOUND);
    return;
  }
  response->content_type = "text/html; charset=utf-8";
  text_append(&response->body, console_page());
}

static const struct {
  const char *path;
  void (*show)(struct node *node, struct response *response);
} pages[] = {
    {"/", show_console},
    {"/healthz", show_health},
    {"/readyz", show_readiness},
    {"/metrics", show_metrics},
};

static void route(struct node *node, int method, struct slice path, struct response *response)
{
  for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
    if (!slice_is(path, pages[i].path)) continue;
    if (method == LWSHUMETH_GET || method == LWSHUMETH_HEAD)
      pages[i].show(node, response);
    else
      write_error(response, ERR_BAD_METHOD);
    return;
  }
  write_error(response, ERR_NOT_FOUND);
}

static int write_response(struct lws *wsi, const struct response *response, bool with_body)
{
  unsigned char headers[LWS_PRE + HEADER_BYTES], *start = headers + LWS_PRE, *next = start;
  unsigned char *end = headers + sizeof headers - 1;
  static const unsigned char no_store[] = "no-store", no_sniff[] = "nosniff";
  struct slice body = text_slice(&response->body);
  if (lws_add_http_common_headers(wsi, (unsigned)err_http_status(response->err),
                                  response->content_type, body.len, &next, end) ||
      lws_add_http_header_by_name(wsi, (const unsigned char *)"cache-control:", no_store,
                                  sizeof no_store - 1, &next, end) ||
      lws_add_http_header_by_name(wsi, (const unsigned char *)"x-content-type-options:", no_sniff,
                                  sizeof no_sniff - 1, &next, end) ||
      lws_finalize_write_http_header(wsi, start, &next, end))
    return -1;
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
static int write_last_response(struct lws *wsi, const struct response *response, bool with_body)
{
  struct text bytes = {0};
  text_append(&bytes, (struct slice){(char[LWS_PRE]){0}, LWS_PRE});
  text_append_format(&bytes, "HTTP/1.1 %d %.*s\r\n", err_http_status(response->err),
                     SLICE_ARG(err_code(response->err)));
  /* RFC 6455, 4.4: a version that we do not speak is told which one we do. */
  if (response->err == ERR_BAD_VERSION) text_append(&bytes, SLICE("Sec-WebSocket-Version: 13\r\n"));
  text_append_format(&bytes,
                     "Content-Type: %s\r\nContent-Length: %zu\r\n"
                     "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                     "Connection: close\r\n\r\n",
                     response->content_type, response->body.len);
  if (with_body) text_append(&bytes, text_slice(&response->body));
  int written = lws_write(wsi, (unsigned char *)bytes.data + LWS_PRE, bytes.len - LWS_PRE,
                          LWS_WRITE_HTTP_FINAL);
  text_free(&bytes);
  return written < 0 ? -1 : 0;
}

int http_write_error(struct lws *wsi, enum err err)
{
  struct response response = {0};
  write_error(&response, err);
  int result = write_last_response(wsi, &response, true);
  text_free(&response.body);
  return result;
}

/* What the request asks for, whose method is given back. */
static int answer(struct node *node, struct lws *wsi, struct response *response)
{
  char *path;
  int path_len;
  *response = (struct response){.err = ERR_OK, .content_type = "text/plain; charset=utf-8"};
  int method = lws_http_get_uri_and_method(wsi, &path, &path_len);
  route(node, method, (struct slice){path, path_len > 0 ? (size_t)path_len : 0}, response);
  metric_add_at(METRIC_HTTP_REQUESTS, response->err, 1);
  return method;
}

void http_handle_last(struct node *node, struct lws *wsi)
{
  struct response response;
  int method = answer(node, wsi, &response);
  /* The connection ends in any case. */
  (void)write_last_response(wsi, &response, method != LWSHUMETH_HEAD);
  text_free(&response.body);
}

int http_handle(struct node *node, struct lws *wsi)
{
  struct response response;
  int method = answer(node, wsi, &response);
  int result = write_response(wsi, &response, method != LWSHUMETH_HEAD);
  text_free(&response.body);
  if (result) return -1;
  /* A body that nobody reads would be taken for the next request. */
  bool body_unread = (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD) ||
                     lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0;
  if (lws_http_transaction_completed(wsi) || body_unread) return -1;
  door_request_done(wsi);
  return 0;
}
