/* One hiredis connection at a time, and what hiredis leaves to its user: coming
 * back, timeouts, and that a callback is called exactly once. Of hiredis (1.2) it
 * is good to know that
 * - it never connects again: every try is a new context;
 * - a lost connection gives pending callbacks a NULL reply, then calls the
 *   disconnect callback; a refused one calls the connect callback only; and after
 *   redisAsyncFree on one that was never established neither is called;
 * - redisAsyncFree inside a callback happens after that callback;
 * - its own command timeout is pushed back by every byte that is sent or received,
 *   so that it is no bound on a command's age: hence `pending` and `watch`. */
#include "link.h"

#include <assert.h>
#include <event2/util.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#include <hiredis/adapters/libevent.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "clock.h"
#include "error_push.h"
#include "pendings.h"
#include "redis_tls.h"
#include "resolver.h"
#include "resp.h"
#include "soon.h"

enum {
  BACKOFF_FIRST_MS = 50,
  BACKOFF_MAX_MS = 5000,
  /* A watch that rings so late tells that this process was paused, not Redis. */
  LATE_MS = 500,
};

enum link_state { LINK_WAITING, LINK_CONNECTING, LINK_GREETING, LINK_UP };

struct link {
  struct link_options options;
  enum link_state state;
  redisAsyncContext *context;       /* NULL while waiting */
  struct ssl_st *ssl;               /* the context's; NULL: no TLS */
  struct redis_host host;           /* where this try goes to */
  void (*add_write)(void *adapter); /* the adapter's own */
  struct pendings pending;          /* sent on `context`, not answered yet */
  struct soon *soon;                /* what was never sent */
  uint64_t since_ms;                /* when this try to connect began */
  uint64_t watch_at_ms;             /* when `watch` rings; 0: not set */
  unsigned tries;                   /* since the link was last up */
  unsigned unanswered;              /* commands of the greeting */
  bool flushing;
  bool complained; /* that Redis refuses the greeting: since the link was last up */
  struct event *retry, *watch, *flush;
  struct resolver *resolver;
  struct link_counts counts;
};

/* ---- going down --------------------------------------------------------------------- */

static uint64_t backoff_ms(unsigned tries)
{
  uint64_t delay = BACKOFF_MAX_MS;
  if (tries < 8 && ((uint64_t)BACKOFF_FIRST_MS << tries) < delay)
    delay = (uint64_t)BACKOFF_FIRST_MS << tries;
  uint32_t random;
  evutil_secure_rng_get_bytes(&random, sizeof random);
  return delay / 2 + random % (delay / 2 + 1); /* so that not all nodes come back at once */
}

/* The connection is gone or given up. What was pending on it is told by hiredis'
 * own NULL replies, which come before or after this. */
static void go_down(struct link *link, const char *reason)
{
  if (link->state == LINK_WAITING) return;
  bool was_up = link->state == LINK_UP;
  uint64_t delay_ms = backoff_ms(link->tries++);
  link->state = LINK_WAITING;
  link->ssl = NULL;
  link->unanswered = 0;
  link->watch_at_ms = 0;
  event_del(link->watch);
  resolver_cancel(link->resolver);
  struct timeval delay = clock_timeval(delay_ms);
  event_add(link->retry, &delay);
  log_event(was_up ? LOG_WARNING : LOG_INFO, was_up ? "redis_link_lost" : "redis_link_failed",
            LOG_S("link", link->options.name), LOG_S("reason", reason),
            LOG_N("retry_ms", delay_ms));
  if (was_up) link->options.down(link->options.arg);
}

void link_restart(struct link *link, const char *reason)
{
  redisAsyncContext *context = link->context;
  if (link->state == LINK_WAITING) return;
  link->context = NULL;
  go_down(link, reason);
  redisAsyncFree(context);
}

void link_move(struct link *link)
{
  link->tries = 0;
  if (link->state != LINK_WAITING) {
    link_restart(link, "its master is another one");
    return;
  }
  struct timeval delay = clock_timeval(backoff_ms(0));
  event_add(link->retry, &delay);
}

static const char *reason_of(const redisAsyncContext *context)
{
  const struct link *link = context->data;
  const char *complaint = link && link->context == context ? redis_tls_complaint(link->ssl) : NULL;
  if (complaint) return complaint;
  return context->errstr && context->errstr[0] ? context->errstr : "closed";
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
  (void)status;
  struct link *link = context->data;
  if (link->context != context) return; /* given up by link_restart */
  const char *reason = reason_of(context);
  link->context = NULL;
  go_down(link, reason);
}

/* ---- the watch ---------------------------------------------------------------------- */

static uint64_t oldest_ms(const struct link *link)
{
  return link->pending.count ? link->pending.slots[link->pending.first].since_ms : link->since_ms;
}

static void watch_set(struct link *link, uint64_t now_ms, uint64_t delay_ms)
{
  struct timeval delay = clock_timeval(delay_ms);
  link->watch_at_ms = now_ms + delay_ms;
  event_add(link->watch, &delay);
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct link *link = arg;
  uint64_t now_ms = clock_now_ms();
  bool late = now_ms > link->watch_at_ms + LATE_MS;
  link->watch_at_ms = 0;
  if (link->state == LINK_WAITING || (link->state == LINK_UP && !link->pending.count)) return;
  uint64_t age_ms = now_ms - oldest_ms(link);
  if (age_ms < link->options.timeout_ms) {
    watch_set(link, now_ms, link->options.timeout_ms - age_ms);
  } else if (late) {
    watch_set(link, now_ms, LATE_MS); /* the answers may be here, unread */
  } else {
    link_restart(link, "an answer is overdue");
  }
}

/* ---- commands ----------------------------------------------------------------------- */

static bool is_readonly(const redisReply *reply)
{
  return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "READONLY", 8) == 0;
}

static void on_reply(redisAsyncContext *context, void *reply, void *arg)
{
  (void)arg;
  struct link *link = context->data;
  struct pending entry = pendings_shift(&link->pending);
  if (!reply && link->context == context) go_down(link, reason_of(context));
  if (!reply) link->counts.failures++;
  bool readonly = reply && is_readonly(reply);
  if (entry.done) entry.done(entry.arg, reply ? ERR_OK : ERR_UNAVAILABLE, reply);
  if (readonly && link->context == context) link_restart(link, "it is a replica now");
}

void link_refuse(struct link *link, link_fn *done, void *arg)
{
  soon_tell(link->soon, ERR_UNAVAILABLE, done, arg);
}

void link_soon(struct link *link, enum err err, link_fn *done, void *arg)
{
  soon_tell(link->soon, err, done, arg);
}

static bool send_command(struct link *link, const char *command, size_t len, link_fn *done,
                         void *arg)
{
  if (redisAsyncFormattedCommand(link->context, on_reply, NULL, command, len) != REDIS_OK)
    return false;
  uint64_t now_ms = clock_now_ms();
  pendings_push(&link->pending, (struct pending){.done = done, .arg = arg, .since_ms = now_ms});
  if (!link->watch_at_ms) watch_set(link, now_ms, link->options.timeout_ms);
  return true;
}

void link_command(struct link *link, const char *command, size_t len, link_fn *done, void *arg)
{
  if (link->state != LINK_UP || !link->context || !send_command(link, command, len, done, arg)) {
    link->counts.failures++;
    link_refuse(link, done, arg);
    return;
  }
  link->counts.commands++;
}

struct link_counts link_counts(const struct link *link)
{
  return link->counts;
}

/* ---- writing ------------------------------------------------------------------------ */

/* Takes the place of the adapter's hook: instead of waiting for the socket to be
 * writable, which costs two epoll_ctl a write, everything that this turn of the loop
 * produces is written at its end. What the socket does not take waits for it. */
static void on_add_write(void *adapter)
{
  redisAsyncContext *context = ((redisLibeventEvents *)adapter)->context;
  struct link *link = context->data;
  bool connected = context->c.flags & REDIS_CONNECTED;
  if (connected && link->context == context && !link->flushing)
    event_active(link->flush, EV_WRITE, 0);
  else
    link->add_write(adapter);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct link *link = arg;
  if (!link->context) return;
  link->flushing = true;
  redisAsyncHandleWrite(link->context);
  link->flushing = false;
}

/* ---- subscribing -------------------------------------------------------------------- */

static void on_message(redisAsyncContext *context, void *reply, void *arg)
{
  (void)arg;
  struct link *link = context->data;
  /* NULL comes once for each channel when the connection goes: on_disconnect tells. */
  if (reply && link->context == context) link->options.message(link->options.arg, reply);
}

/* A push: hiredis knows nothing of sharded channels, and hands it on as it is. */
static void on_push(redisAsyncContext *context, void *reply)
{
  struct link *link = context->data;
  if (link->context == context && link->state == LINK_UP)
    link->options.message(link->options.arg, reply);
}

/* hiredis waits for no answer to what is appended so. */
static bool append(struct link *link, const char *command, size_t len)
{
  if (redisAppendFormattedCommand(&link->context->c, command, len) != REDIS_OK) return false;
  on_add_write(link->context->ev.data);
  return true;
}

bool link_subscribe(struct link *link, const char *command, size_t len)
{
  if (link->state == LINK_UP && link->context && link->options.sharded)
    return append(link, command, len);
  return link->state == LINK_UP && link->context &&
         redisAsyncFormattedCommand(link->context, on_message, NULL, command, len) == REDIS_OK;
}

/* ---- greeting ----------------------------------------------------------------------- */

/* An array that begins with master, slave or sentinel. */
static bool is_replica(const redisReply *reply)
{
  return reply->type == REDIS_REPLY_ARRAY && reply->elements && reply->element[0]->str &&
         strcmp(reply->element[0]->str, "slave") == 0;
}

/* One command of the greeting was answered well. */
static void go_on(struct link *link)
{
  if (--link->unanswered) return;
  if (link->options.sharded) error_push(link->context);
  link->state = LINK_UP;
  link->tries = 0;
  link->complained = false;
  link->counts.ups++;
  log_event(LOG_INFO, "redis_link_up", LOG_S("link", link->options.name));
  link->options.up(link->options.arg);
}

/* While it starts (LOADING) waiting helps; else it is for the operator to mend, who is told once. An
 * AUTH that Redis does not know it repeats with what was behind it. */
static void refused(struct link *link, const char *error)
{
  const char *password = link->options.url->password;
  if (password && *password && strstr(error, password)) error = "AUTH is refused";
  if (!link->complained && strncmp(error, "LOADING", strlen("LOADING")) != 0) {
    link->complained = true;
    log_event(LOG_ERROR, "redis_refuses", LOG_S("link", link->options.name),
              LOG_S("reason", error));
  }
  link_restart(link, error);
}

static void on_greeted(void *arg, enum err err, const struct redisReply *reply)
{
  struct link *link = arg;
  if (err != ERR_OK || link->state != LINK_GREETING) return;
  if (reply->type == REDIS_REPLY_ERROR)
    refused(link, reply->str);
  else if (is_replica(reply))
    link_restart(link, "it is a replica");
  else
    go_on(link);
}

static void on_told(void *arg, enum err err, const struct redisReply *reply)
{
  struct link *link = arg;
  if (err != ERR_OK || link->state != LINK_GREETING) return;
  link->options.greeted(link->options.arg, reply);
  go_on(link);
}

static void add_to_greeting(struct link *link, const char *command, size_t len, link_fn *done)
{
  if (link->state != LINK_GREETING || !link->context) return;
  if (send_command(link, command, len, done, link)) link->unanswered++;
}

void link_greet(struct link *link, const char *command, size_t len)
{
  add_to_greeting(link, command, len, on_greeted);
}

void link_greet_ask(struct link *link, const char *command, size_t len)
{
  add_to_greeting(link, command, len, on_told);
}

static void greet(struct link *link, const struct slice *words, size_t count)
{
  struct text command = {0};
  resp_begin(&command, count);
  for (size_t i = 0; i < count; i++) resp_arg(&command, words[i]);
  resp_finish(&command);
  link_greet(link, command.data, command.len);
  text_free(&command);
}

#define GREET(link, ...)                           \
  greet(link, (const struct slice[]){__VA_ARGS__}, \
        sizeof((const struct slice[]){__VA_ARGS__}) / sizeof(struct slice))

static void begin_greeting(struct link *link)
{
  const struct redis_url *url = link->options.url;
  link->state = LINK_GREETING;
  if (url->user)
    GREET(link, SLICE("AUTH"), slice_of(url->user), slice_of(url->password));
  else if (url->password)
    GREET(link, SLICE("AUTH"), slice_of(url->password));
  if (url->db) {
    char db[16];
    snprintf(db, sizeof db, "%u", url->db);
    GREET(link, SLICE("SELECT"), slice_of(db));
  }
  GREET(link, SLICE("CLIENT"), SLICE("SETNAME"), slice_of(link->options.name));
  if (link->options.sharded) {
    GREET(link, SLICE("HELLO"), SLICE("3"));
    redisAsyncSetPushCallback(link->context, on_push);
  }
  if (link->options.must_be_master) GREET(link, SLICE("ROLE"));
  if (link->options.greet) link->options.greet(link->options.arg);
  GREET(link, SLICE("PING"));
}

/* ---- connecting --------------------------------------------------------------------- */

static void on_connect(const redisAsyncContext *context, int status)
{
  struct link *link = context->data;
  if (link->context != context) return;
  if (status != REDIS_OK) {
    link->context = NULL; /* hiredis gives it back */
    go_down(link, reason_of(context));
    return;
  }
  if (link->options.tls && !link->host.path) {
    link->ssl = redis_tls_begin(link->options.tls, link->context, link->host.name);
    if (!link->ssl) {
      link_restart(link, "TLS cannot begin");
      return;
    }
  }
  begin_greeting(link);
}

static void attach(struct link *link, redisAsyncContext *context)
{
  context->data = link;
  redisLibeventAttach(context, link->options.base);
  link->add_write = context->ev.addWrite;
  context->ev.addWrite = on_add_write;
  redisAsyncSetConnectCallback(context, on_connect);
  redisAsyncSetDisconnectCallback(context, on_disconnect);
}

/* `address`: the host's; NULL where it is a Unix socket. */
static void connect_to(struct link *link, const char *address)
{
  redisOptions options = {0};
  if (address)
    REDIS_OPTIONS_SET_TCP(&options, address, link->host.port);
  else
    REDIS_OPTIONS_SET_UNIX(&options, link->host.path);
  redisAsyncContext *context = redisAsyncConnectWithOptions(&options);
  if (!context || context->err) {
    go_down(link, context ? reason_of(context) : "out of memory");
    redisAsyncFree(context);
    return;
  }
  link->context = context;
  attach(link, context);
}

static void on_resolved(void *arg, const char *address, const char *error)
{
  struct link *link = arg;
  if (address)
    connect_to(link, address);
  else
    go_down(link, error);
}

static const struct redis_host *locate(struct link *link)
{
  if (!link->options.locate) return &link->options.url->hosts[0];
  return link->options.locate(link->options.arg, link->tries);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  struct link *link = arg;
  const struct redis_host *host = locate(link);
  link->state = LINK_CONNECTING;
  if (!host) {
    go_down(link, "it is not known where");
    return;
  }
  redis_host_set(&link->host, host);
  link->since_ms = clock_now_ms();
  watch_set(link, link->since_ms, link->options.timeout_ms);
  if (host->path)
    connect_to(link, NULL);
  else
    resolver_ask(link->resolver, link->host.name, link->tries, on_resolved, link);
}

/* ---- life --------------------------------------------------------------------------- */

struct link *link_new(const struct link_options *options)
{
  struct link *link = memory_zalloc(sizeof *link);
  link->options = *options;
  link->options.name = memory_copy(options->name, strlen(options->name));
  link->retry = event_new(options->base, -1, 0, on_retry, link);
  link->watch = event_new(options->base, -1, 0, on_watch, link);
  link->soon = soon_new(options->base);
  link->flush = event_new(options->base, -1, 0, on_flush, link);
  link->resolver = resolver_new(options->base);
  assert(link->retry && link->watch && link->flush);
  event_add(link->retry, &(struct timeval){0, 0});
  return link;
}

void link_free(struct link *link)
{
  redisAsyncContext *context = link->context;
  link->context = NULL;
  link->state = LINK_WAITING;
  redisAsyncFree(context);
  pendings_fail(&link->pending);
  soon_free(link->soon);
  event_free(link->retry);
  event_free(link->watch);
  event_free(link->flush);
  resolver_free(link->resolver);
  redis_host_free(&link->host);
  free(link->pending.slots);
  free((char *)link->options.name);
  free(link);
}

bool link_is_up(const struct link *link)
{
  return link->state == LINK_UP;
}
