/* See redis_fixture.h. */
#include "redis_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "bus.h"
#include "messages.h"

enum { ARGS_MAX = 40, TURN_MS = 5 };

uint64_t loop_now_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- Redis -------------------------------------------------------------------------- */

static void run_redis(const struct redis *redis, pid_t parent)
{
  const char *arguments[ARGS_MAX] = {
      "redis-server",
      "--port",
      "0",
      "--unixsocket",
      redis->socket,
      "--dir",
      redis->folder,
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
      "--save",
      "",
      "--logfile",
      "redis.log",
  };
  size_t count = 15;
  for (size_t i = 0; redis->extra && redis->extra[i]; i++) {
    assert_true(count + 1 < ARGS_MAX);
    arguments[count++] = redis->extra[i];
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  if (*redis->sentinel)
    execlp("redis-server", "redis-server", redis->sentinel, "--sentinel", (char *)NULL);
  execvp("redis-server", (char *const *)arguments);
  _exit(127);
}

static bool try_connect(struct redis *redis)
{
  redis->plain = redisConnectUnixWithTimeout(redis->socket, (struct timeval){.tv_sec = 5});
  redisReply *reply = redis->plain->err ? NULL : redisCommand(redis->plain, "PING");
  bool up = reply && reply->type == REDIS_REPLY_STATUS;
  freeReplyObject(reply);
  if (up) return true;
  redisFree(redis->plain);
  redis->plain = NULL;
  return false;
}

void redis_restart(struct redis *redis)
{
  pid_t parent = getpid();
  redis->pid = fork();
  assert_true(redis->pid >= 0);
  if (redis->pid == 0) run_redis(redis, parent);
  for (uint64_t until_ms = loop_now_ms() + WAIT_MS; !try_connect(redis);) {
    assert_true(loop_now_ms() < until_ms);
    assert_int_equal(waitpid(redis->pid, NULL, WNOHANG), 0);
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  }
}

static void make_folder(struct redis *redis)
{
  snprintf(redis->folder, sizeof redis->folder, "/tmp/parley-redis-XXXXXX");
  assert_non_null(mkdtemp(redis->folder));
  snprintf(redis->socket, sizeof redis->socket, "%s/redis.sock", redis->folder);
  snprintf(redis->url, sizeof redis->url, "unix://%s", redis->socket);
}

void redis_start(struct redis *redis, const char *const *extra)
{
  *redis = (struct redis){.extra = extra};
  make_folder(redis);
  redis_restart(redis);
}

void redis_start_sentinel(struct redis *redis, const char *port, const char *lines)
{
  *redis = (struct redis){0};
  make_folder(redis);
  snprintf(redis->sentinel, sizeof redis->sentinel, "%s/sentinel.conf", redis->folder);
  FILE *file = fopen(redis->sentinel, "w");
  assert_non_null(file);
  fprintf(file, "port %s\nbind 127.0.0.1\nunixsocket %s\ndir %s\nlogfile sentinel.log\n%s", port,
          redis->socket, redis->folder, lines);
  fclose(file);
  redis_restart(redis);
}

void redis_kill(struct redis *redis)
{
  if (redis->plain) redisFree(redis->plain);
  redis->plain = NULL;
  kill(redis->pid, SIGKILL);
  waitpid(redis->pid, NULL, 0);
  redis->pid = 0;
}

void redis_pause(struct redis *redis)
{
  int status;
  kill(redis->pid, SIGSTOP);
  waitpid(redis->pid, &status, WUNTRACED);
}

void redis_resume(struct redis *redis)
{
  kill(redis->pid, SIGCONT);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
  (void)status;
  (void)type;
  (void)walk;
  return remove(path);
}

void redis_end(struct redis *redis)
{
  redis_kill(redis);
  nftw(redis->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void append_reply(struct text *out, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_NIL) {
    text_append(out, SLICE("(nil)"));
  } else if (reply->type == REDIS_REPLY_INTEGER) {
    text_append_format(out, "%lld", reply->integer);
  } else if (reply->type == REDIS_REPLY_ARRAY) {
    for (size_t i = 0; i < reply->elements; i++) {
      if (i) text_append_char(out, ' ');
      append_reply(out, reply->element[i]);
    }
  } else {
    text_append(out, (struct slice){reply->str, reply->len});
  }
}

const char *redis_ask(struct redis *redis, const char *format, ...)
{
  static struct text answers[8];
  static unsigned turn;
  struct text *out = &answers[turn++ % 8];
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  redisReply *reply = redisvCommand(redis->plain, format, arguments);
  if (!reply) { /* a sentinel ended it, as it does with all of a demoted master's */
    redisFree(redis->plain);
    assert_true(try_connect(redis));
    reply = redisvCommand(redis->plain, format, again);
  }
  va_end(again);
  va_end(arguments);
  assert_non_null(reply);
  text_reset(out);
  append_reply(out, reply);
  text_append_char(out, '\0');
  freeReplyObject(reply);
  return out->data;
}

bool redis_holds(struct redis *redis, const char *text)
{
  static const char script[] =
      "local function holds(value) return string.find(value, ARGV[1], 1, true) end "
      "local readers = {string = {'GET'}, hash = {'HGETALL'}, list = {'LRANGE', 0, -1}, "
      "set = {'SMEMBERS'}, zset = {'ZRANGE', 0, -1}} "
      "for _, key in ipairs(redis.call('KEYS', '*')) do "
      "if holds(key) then return 1 end "
      "local reader = readers[redis.call('TYPE', key).ok] "
      "local values = redis.call(reader[1], key, unpack(reader, 2)) "
      "if type(values) == 'string' then values = {values} end "
      "for _, value in ipairs(values) do if holds(value) then return 1 end end "
      "end return 0";
  return strcmp(redis_ask(redis, "EVAL %s 0 %s", script, text), "1") == 0;
}

int free_port(void)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int probe = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(probe, (struct sockaddr *)&address, sizeof address), 0);
  getsockname(probe, (struct sockaddr *)&address, &size);
  close(probe);
  return ntohs(address.sin_port);
}

/* ---- the loop ----------------------------------------------------------------------- */

static struct event *ticker;

static void on_ticker(evutil_socket_t fd, short what, void *arg)
{
  (void)fd;
  (void)what;
  (void)arg;
}

struct event_base *loop_new(void)
{
  struct event_base *base = event_base_new();
  struct timeval interval = {.tv_usec = TURN_MS * 1000};
  ticker = event_new(base, -1, EV_PERSIST, on_ticker, NULL);
  event_add(ticker, &interval);
  signal(SIGPIPE, SIG_IGN); /* as the product does: hiredis writes to what may be closed */
  const char *level = getenv("TEST_LOG");
  log_start(level ? LOG_DEBUG : LOG_ERROR, LOG_KEY_VALUE, "test");
  return base;
}

void loop_free(struct event_base *base)
{
  event_free(ticker);
  event_base_free(base);
}

void loop_turn(struct event_base *base)
{
  event_base_loop(base, EVLOOP_ONCE);
}

/* ---- what a node is told ------------------------------------------------------------ */

static void told_add(struct told_list *list, struct slice first, struct slice second,
                     struct slice third)
{
  struct told *told = memory_zalloc(sizeof *told);
  struct text text = {0};
  text_append(&text, first);
  if (second.len) text_append_char(&text, ' ');
  text_append(&text, second);
  if (third.len) text_append_char(&text, ' ');
  text_append(&text, third);
  text_append_char(&text, '\0');
  told->text = text.data;
  if (!list->last) list->last = &list->first;
  *list->last = told;
  list->last = &told->next;
  list->count++;
}

static void told_free(struct told_list *list)
{
  for (struct told *told = list->first, *next; told; told = next) {
    next = told->next;
    free(told->text);
    free(told);
  }
  *list = (struct told_list){0};
}

const char *told_at(const struct told_list *list, size_t index)
{
  struct told *told = list->first;
  while (told && index--) told = told->next;
  return told ? told->text : "";
}

bool told_has(const struct told_list *list, const char *text)
{
  for (struct told *told = list->first; told; told = told->next)
    if (strcmp(told->text, text) == 0) return true;
  return false;
}

static void on_message(void *arg, struct slice channel, struct slice payload)
{
  struct node *node = arg;
  told_add(&node->messages, channel, payload, (struct slice){0});
}

static void on_subscribed(void *arg, struct slice channel)
{
  struct node *node = arg;
  told_add(&node->subscribed, channel, (struct slice){0}, (struct slice){0});
}

static void on_bus_lost(void *arg)
{
  struct node *node = arg;
  node->bus_lost++;
}

static void on_lost(void *arg, struct slice channel)
{
  struct node *node = arg;
  told_add(&node->lost, channel, (struct slice){0}, (struct slice){0});
}

static void on_lease_lost(void *arg)
{
  struct node *node = arg;
  node->lease_lost++;
}

static void on_reaped(void *arg, struct slice user, struct slice session, struct slice protocol,
                      void *ticket)
{
  struct node *node = arg;
  told_add(&node->reaped, protocol, user, session);
  if (node->keeps_tickets)
    node->ticket = ticket;
  else
    presence_reaped_finished(node->backend, ticket);
}

/* ---- nodes -------------------------------------------------------------------------- */

struct backend_limits node_limits(void)
{
  return (struct backend_limits){
      .inbox_messages = 10000,
      .inbox_days = 30,
      .log_messages = 1000,
      .log_days = 7,
      .dedupe_seconds = 300,
      .reader_days = 30,
      .credential_seconds = 30 * 86400,
      .lease_ms = 5000,
      .command_timeout_ms = 2000,
      .directory_entries = 100000,
  };
}

void node_start_options(struct node *node, const struct backend_options *options)
{
  *node = (struct node){.base = options->base};
  struct backend_events events = {on_message, on_subscribed, on_bus_lost, on_lost, node};
  node->backend = backend_new(options, &events);
  assert_non_null(node->backend);
}

void node_start_with(struct node *node, struct event_base *base, const char *url, const char *name,
                     struct backend_limits limits)
{
  node_start_options(
      node, &(struct backend_options){
                .base = base, .redis = url, .prefix = "parley:", .node = name, .limits = limits});
}

void node_start_signing(struct node *node, struct event_base *base, struct redis *redis,
                        const char *name, const char *secret, const char *also)
{
  node_start_options(node, &(struct backend_options){.base = base,
                                                     .redis = redis->url,
                                                     .prefix = "parley:",
                                                     .node = name,
                                                     .token_secret = secret,
                                                     .token_secret_also = also,
                                                     .limits = node_limits()});
  WAIT(base, backend_ready(node->backend, NULL));
}

void node_start(struct node *node, struct event_base *base, struct redis *redis, const char *name)
{
  node_start_with(node, base, redis->url, name, node_limits());
  WAIT(base, backend_ready(node->backend, NULL));
}

void node_lease(struct node *node)
{
  presence_start(node->backend,
                 &(struct presence_events){on_lease_lost, on_reaped, node->muster, node});
}

void node_hear(struct node *node, const char *channel)
{
  size_t count = node->subscribed.count;
  if (!bus_subscribe(node->backend, slice_of(channel)))
    WAIT(node->base, node->subscribed.count > count && told_has(&node->subscribed, channel));
}

void node_end(struct node *node)
{
  if (node->backend) backend_free(node->backend);
  told_free(&node->messages);
  told_free(&node->subscribed);
  told_free(&node->lost);
  told_free(&node->reaped);
  *node = (struct node){0};
}

/* ---- outcomes ----------------------------------------------------------------------- */

static struct outcome *tell(void *arg, enum err err)
{
  struct outcome *outcome = arg;
  outcome->done = true;
  outcome->times++;
  outcome->err = err;
  return outcome;
}

void on_stamp(void *arg, const struct stamp *stamp)
{
  struct outcome *outcome = tell(arg, stamp->err);
  outcome->id = stamp->id;
  outcome->seq = stamp->seq;
  outcome->repeated = stamp->repeated;
}

static void note_page(struct outcome *outcome, const struct page *page)
{
  size_t at = 0;
  outcome->seq = page->seq;
  outcome->more = page->more;
  outcome->count = page->count;
  if (page->count) outcome->id = page->messages[page->count - 1].id;
  for (size_t i = 0; i < page->count; i++) {
    struct slice line = page->messages[i].line;
    if (at + line.len + 2 > sizeof outcome->lines) break;
    at += (size_t)snprintf(outcome->lines + at, sizeof outcome->lines - at, "%.*s\n",
                           SLICE_ARG(line));
  }
}

void on_page(void *arg, const struct page *page)
{
  note_page(tell(arg, page->err), page);
}

void on_err(void *arg, enum err err)
{
  tell(arg, err);
}

void on_joined(void *arg, const struct presence_joined *joined)
{
  struct outcome *outcome = tell(arg, joined->err);
  size_t at = 0;
  note_page(outcome, &joined->unread);
  outcome->num = joined->num;
  outcome->sessions = joined->sessions;
  snprintf(outcome->uuid, sizeof outcome->uuid, "%.*s", SLICE_ARG(joined->uuid));
  snprintf(outcome->name, sizeof outcome->name, "%.*s", SLICE_ARG(joined->name));
  for (size_t i = 0; i < joined->room_count; i++)
    at += (size_t)snprintf(outcome->rooms + at, sizeof outcome->rooms - at, "%.*s ",
                           SLICE_ARG(joined->rooms[i]));
}

void on_entry(void *arg, enum err err, const struct entry *entry)
{
  struct outcome *outcome = tell(arg, err);
  if (!entry) return;
  outcome->num = entry->num;
  snprintf(outcome->uuid, sizeof outcome->uuid, "%.*s", SLICE_ARG(entry->uuid));
  snprintf(outcome->name, sizeof outcome->name, "%.*s", SLICE_ARG(entry->name));
}

#define OUTCOME(node, call)                                    \
  struct outcome outcome = {0};                                \
  call;                                                        \
  assert_false(outcome.done); /* never from inside the call */ \
  WAIT((node)->base, outcome.done);                            \
  return outcome

struct outcome push(struct node *node, const char *user, const char *dedupe, const char *rest)
{
  struct inbox_push push = {slice_of(user), slice_of(dedupe), slice_of(rest), true, 0};
  OUTCOME(node, inbox_push(node->backend, &push, on_stamp, &outcome));
}

struct outcome page(struct node *node, const char *user, uint64_t after, unsigned max_count,
                    size_t max_bytes)
{
  OUTCOME(node, messages_after(node->backend, (struct owner){OWNER_USER, slice_of(user)}, after,
                               max_count, max_bytes, on_page, &outcome));
}

struct outcome confirm(struct node *node, const char *user, uint64_t id)
{
  OUTCOME(node, inbox_confirm(node->backend, slice_of(user), id, on_page, &outcome));
}

struct outcome read_ids(struct node *node, const char *user, const uint64_t *ids, size_t count)
{
  OUTCOME(node, inbox_read(node->backend, slice_of(user), ids, count, on_page, &outcome));
}

struct outcome say(struct node *node, const char *room, const char *user, const char *dedupe,
                   const char *rest)
{
  struct room_send send = {slice_of(room), slice_of(user), slice_of(dedupe), slice_of(rest), true};
  OUTCOME(node, room_send(node->backend, &send, on_stamp, &outcome));
}

struct outcome log_page(struct node *node, const char *room, uint64_t after, unsigned max_count,
                        size_t max_bytes)
{
  OUTCOME(node, messages_after(node->backend, (struct owner){OWNER_ROOM, slice_of(room)}, after,
                               max_count, max_bytes, on_page, &outcome));
}

struct outcome enter(struct node *node, const char *room, const char *user, const char *rest)
{
  OUTCOME(node, room_enter(node->backend, slice_of(room), slice_of(user), slice_of(rest), true,
                           on_stamp, &outcome));
}

struct outcome leave_room(struct node *node, const char *room, const char *user, const char *rest)
{
  OUTCOME(node, room_exit(node->backend, slice_of(room), slice_of(user), slice_of(rest), true,
                          on_stamp, &outcome));
}

struct outcome attend(struct node *node, const char *user, const char *session)
{
  OUTCOME(node, attendance_begin(node->backend, SLICE("lobby"), slice_of(user), slice_of(session),
                                 SLICE("\"kind\":\"room.entered\"}"), on_stamp, &outcome));
}

struct outcome depart(struct node *node, const char *user, const char *session)
{
  OUTCOME(node, attendance_end(node->backend, SLICE("lobby"), slice_of(user), slice_of(session),
                               SLICE("\"kind\":\"room.exited\"}"), on_stamp, &outcome));
}

struct outcome join(struct node *node, const char *user, const char *session, const char *protocol,
                    const char *device, enum presence_exclusive exclusive)
{
  struct presence_join join = {
      .user = slice_of(user),
      .session = slice_of(session),
      .protocol = slice_of(protocol),
      .device = slice_of(device),
      .exclusive = exclusive,
      .acknowledges = strcmp(protocol, "messaging") == 0,
      .page_count = 100,
      .page_bytes = 65536,
      .now_ms = (uint64_t)time(NULL) * 1000,
  };
  OUTCOME(node, presence_join(node->backend, &join, on_joined, &outcome));
}

struct outcome leave(struct node *node, const char *user, const char *session, bool finished)
{
  OUTCOME(node, presence_leave(node->backend, slice_of(user), slice_of(session), finished, on_err,
                               &outcome));
}

struct outcome resolve(struct node *node, enum owner_kind kind, const char *id, bool create)
{
  OUTCOME(node, directory_resolve(node->backend, kind, slice_of(id), create, on_entry, &outcome));
}
