/* See node.h: the node's beginning, its clock, its readiness and its end. */
#include "node.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "acquaintance.h"
#include "admission.h"
#include "attendance.h"
#include "base/log.h"
#include "base/memory.h"
#include "bus.h"
#include "config_check.h"
#include "exchange.h"
#include "guess.h"
#include "hearing.h"
#include "hub.h"
#include "listener.h"
#include "metrics.h"
#include "muster.h"
#include "pace.h"
#include "presence.h"
#include "session.h"
#include "settle.h"
#include "sync.h"
#include "tls.h"

enum {
  TICK_MS = 100,
  WHEEL_SLOTS = 512,
  NODE_ID_BYTES = 192,
  SECONDS_A_DAY = 86400,
  FLUSH_SHARE = 4, /* so much less than the flush before may the next one wait */
  MOST_WAIT_US = 10000,
};

/* What only the node's own run needs. */
struct run {
  struct node node;
  char id[NODE_ID_BYTES];
  struct event *tick, *terminate, *interrupt, *reload;
  struct config *reloaded; /* the configuration that SIGHUP brought, owned */
  uint64_t tick_due_ms;
  uint64_t drain_until_ms;
  struct backend_counts counted; /* as of the last tick */
  bool stopping;
};

uint64_t node_wall_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t monotonic_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t node_monotonic_ms(void)
{
  return monotonic_us() / 1000;
}

void node_timer_set(struct node *node, struct node_timer *timer, uint64_t delay_ms)
{
  wheel_add(&node->wheel, &timer->entry, node->now_ms, delay_ms);
}

void node_timer_stop(struct node *node, struct node_timer *timer)
{
  wheel_remove(&node->wheel, &timer->entry);
}

void node_flush_soon(struct node *node)
{
  event_active(node->flush, EV_TIMEOUT, 0);
}

void node_command_answered(struct node *node)
{
  metric_subtract(METRIC_COMMANDS_IN_FLIGHT, 1);
  if (!metric_get(METRIC_COMMANDS_IN_FLIGHT)) node_flush_soon(node);
}

/* Who has many to write to has a long flush, and each receiver costs a send in it, however many
 * frames go along. So what Redis is about to answer is waited for, for a share of that time. */
static void on_flush(evutil_socket_t fd, short what, void *arg)
{
  struct node *node = arg;
  (void)fd;
  (void)what;
  uint64_t began_us = monotonic_us();
  if (metric_get(METRIC_COMMANDS_IN_FLIGHT) && began_us < node->flush_from_us) {
    struct timeval rest = {0, (suseconds_t)(node->flush_from_us - began_us)};
    event_add(node->flush, &rest);
    return;
  }
  sessions_flush(node);
  uint64_t ended_us = monotonic_us();
  uint64_t wait_us = (ended_us - began_us) / FLUSH_SHARE;
  node->flush_from_us = ended_us + (wait_us < MOST_WAIT_US ? wait_us : MOST_WAIT_US);
}

/* ---- what the backend tells -------------------------------------------------------- */

static void on_message(void *arg, struct slice channel, struct slice payload)
{
  hub_message(arg, channel, payload);
}

static void on_subscribed(void *arg, struct slice channel)
{
  hub_subscribed(arg, channel);
}

static void on_bus_lost(void *arg)
{
  hub_bus_lost(arg);
}

static void on_lost(void *arg, struct slice channel)
{
  hub_lost(arg, channel);
}

static void rejoin(struct session *session, void *arg)
{
  (void)arg;
  session->arrived = false; /* the reaper has ended its attendance */
  admission_rejoin(session);
}

static void on_lease_lost(void *arg)
{
  struct node *node = arg;
  log_event(LOG_WARNING, "lease_lost", LOG_N("sessions", sessions_count(node->sessions)));
  sessions_each(node, rejoin, NULL);
}

static void on_reaped(void *arg, struct slice user, struct slice session, struct slice protocol,
                      void *ticket)
{
  (void)protocol;
  attendance_reaped(arg, user, session, ticket);
}

/* ---- the end ----------------------------------------------------------------------- */

struct closing {
  unsigned left;
};

static void close_some(struct session *session, void *arg)
{
  struct closing *closing = arg;
  if (!closing->left || session->state == SESSION_CLOSING) return;
  closing->left--;
  session_close(session, ERR_RESTART);
}

static void on_stopped(void *arg, enum err err)
{
  struct run *run = arg;
  (void)err;
  event_base_loopbreak(run->node.base);
}

/* Not ready, then closed at a paced rate, then nobody's presence is left: the last
 * thing is the lease. What is left when time is up keeps it, for the reaper to find. */
static void drain(struct run *run)
{
  struct node *node = &run->node;
  bool late = node->now_ms >= run->drain_until_ms;
  struct closing closing = {late ? UINT32_MAX : 1 + node->config->drain_rate * TICK_MS / 1000};
  sessions_each(node, close_some, &closing);
  bool empty = !sessions_count(node->sessions) && !attendance_departures(node->attendance);
  if (run->stopping || (!empty && !late)) return;
  run->stopping = true;
  if (empty)
    presence_stop(node->backend, on_stopped, run);
  else
    event_base_loopbreak(node->base);
}

static void on_terminate(evutil_socket_t fd, short what, void *arg)
{
  struct run *run = arg;
  (void)fd;
  (void)what;
  if (run->node.draining) return;
  run->node.draining = true;
  run->drain_until_ms = run->node.now_ms + (uint64_t)run->node.config->drain_seconds * 1000;
  log_event(LOG_INFO, "draining", LOG_N("sessions", sessions_count(run->node.sessions)));
}

static void on_reload(evutil_socket_t fd, short what, void *arg)
{
  struct run *run = arg;
  char error[256];
  struct text restart_needed = {0};
  (void)fd;
  (void)what;
  struct config *fresh = memory_zalloc(sizeof *fresh);
  if (!config_reload(fresh, run->node.config, &restart_needed, error, sizeof error)) {
    log_event(LOG_ERROR, "reload_failed", LOG_S("error", error));
    free(fresh);
    return;
  }
  log_event(LOG_INFO, "reloaded", LOG_T("restart_needed", text_slice(&restart_needed)));
  text_free(&restart_needed);
  run->node.config = fresh;
  if (run->node.tls) tls_reload(run->node.tls);
  if (run->reloaded) {
    config_free(run->reloaded);
    free(run->reloaded);
  }
  run->reloaded = fresh;
}

/* ---- the loop ---------------------------------------------------------------------- */

static void on_wheel(void *arg, struct wheel_entry *entry)
{
  struct node_timer *timer = (struct node_timer *)entry;
  timer->call(arg, timer);
}

/* Counters go on where the worker before this one left them. */
static void count_redis(struct run *run, struct backend_counts now)
{
  const struct backend_counts *last = &run->counted;
  metric_add(METRIC_REDIS_COMMANDS, now.commands - last->commands);
  metric_add(METRIC_REDIS_ERRORS, now.failures - last->failures);
  metric_set_at(METRIC_REDIS_LINK_UP, METRIC_LINK_COMMAND, now.command_up);
  metric_set_at(METRIC_REDIS_LINK_UP, METRIC_LINK_BUS, now.bus_up);
  metric_set(METRIC_REDIS_LAG_US, now.lag_us);
  /* The first time is no coming back. */
  if (last->command_ups)
    metric_add_at(METRIC_REDIS_RECONNECTS, METRIC_LINK_COMMAND,
                  now.command_ups - last->command_ups);
  if (last->bus_ups)
    metric_add_at(METRIC_REDIS_RECONNECTS, METRIC_LINK_BUS, now.bus_ups - last->bus_ups);
  run->counted = now;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
  struct run *run = arg;
  struct node *node = &run->node;
  (void)fd;
  (void)what;
  node->now_ms = node_monotonic_ms();
  uint64_t late_ms =
      run->tick_due_ms && node->now_ms > run->tick_due_ms ? node->now_ms - run->tick_due_ms : 0;
  metric_set(METRIC_LOOP_LAG_US, late_ms * 1000);
  run->tick_due_ms = node->now_ms + TICK_MS;
  wheel_advance(&node->wheel, node->now_ms, on_wheel, node);
  sync_tick(node);
  admission_tick(node);
  hearing_tick(node);
  exchanges_sweep();
  metric_set(METRIC_READY, !node->draining && backend_ready(node->backend, NULL));
  metric_set(METRIC_CHANNELS, bus_channel_count(node->backend));
  count_redis(run, backend_counts(node->backend));
  if (node->draining) drain(run);
}

static struct event *on_signal(struct run *run, int signal, event_callback_fn call)
{
  struct event *event = evsignal_new(run->node.base, signal, call, run);
  event_add(event, NULL);
  return event;
}

static struct backend *connect_backend(struct node *node, const char *redis_url)
{
  const struct config *config = node->config;
  const struct backend_options options = {
      .base = node->base,
      .redis = redis_url,
      .redis_tls = config_redis_tls(config),
      .redis_wait = config->redis_wait,
      .prefix = config->prefix,
      .node = node->id,
      .token_secret = *config->token_secret ? config->token_secret : NULL,
      .token_secret_also = *config->token_secret_also ? config->token_secret_also : NULL,
      .limits =
          {
              .inbox_messages = config->inbox_messages,
              .inbox_days = config->inbox_days,
              .log_messages = config->log_messages,
              .log_days = config->log_days,
              .dedupe_seconds = config->dedupe_seconds,
              .reader_days = config->reader_days,
              .credential_seconds = config->credential_days * SECONDS_A_DAY,
              .lease_ms = config->lease_ms,
              .command_timeout_ms = config->redis_timeout_ms,
              .directory_entries = config->directory_entries,
          },
  };
  const struct backend_events events = {on_message, on_subscribed, on_bus_lost, on_lost, node};
  return backend_new(&options, &events);
}

static bool begin(struct run *run, const struct config *config, unsigned worker,
                  const char *redis_url)
{
  struct node *node = &run->node;
  struct timeval tick = {0, TICK_MS * 1000};
  snprintf(run->id, sizeof run->id, "%s.%u", config->node_id, worker);
  node->config = config;
  node->id = run->id;
  node->now_ms = node_monotonic_ms();
  node->base = event_base_new();
  wheel_init(&node->wheel, WHEEL_SLOTS, TICK_MS, node->now_ms);
  node->callers = callers_new();
  node->public_rooms = public_rooms_new();
  node->sessions = sessions_new();
  node->hub = hub_new(node);
  node->attendance = attendance_new(node);
  node->acquaintance = acquaintance_new(node);
  node->pace = pace_new(node);
  node->guesses = guesses_new();
  node->flush = event_new(node->base, -1, 0, on_flush, node);
  node->backend = connect_backend(node, redis_url);
  if (!node->backend || !listener_start(node)) return false;
  hub_hear_all(node);
  const struct presence_events presence = {on_lease_lost, on_reaped, muster_part, node};
  presence_start(node->backend, &presence);
  run->tick = event_new(node->base, -1, EV_PERSIST, on_tick, run);
  event_add(run->tick, &tick);
  run->terminate = on_signal(run, SIGTERM, on_terminate);
  run->interrupt = on_signal(run, SIGINT, on_terminate);
  run->reload = on_signal(run, SIGHUP, on_reload);
  return true;
}

static void end(struct run *run)
{
  struct node *node = &run->node;
  struct event *events[] = {run->tick, run->terminate, run->interrupt, run->reload, node->flush};
  node->ending = true;
  listener_stop(node);
  if (node->backend) backend_free(node->backend);
  exchanges_sweep();
  for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
    if (events[i]) event_free(events[i]);
  wheel_free(&node->wheel); /* before those departures that hang in it */
  hub_free(node->hub);
  sessions_free(node->sessions);
  callers_free(node->callers);
  public_rooms_free(node->public_rooms);
  attendance_free(node->attendance);
  acquaintance_free(node->acquaintance);
  pace_free(node->pace);
  guesses_free(node->guesses);
  settle_end(node);
  address_counts_free(&node->addresses);
  event_base_free(node->base);
  if (run->reloaded) {
    config_free(run->reloaded);
    free(run->reloaded);
  }
}

int node_run(const struct config *config, unsigned worker, const char *redis_url)
{
  struct run run = {0};
  bool begun = begin(&run, config, worker, redis_url);
  if (begun) {
    metric_set(METRIC_LISTENING, 1); /* supervisor.c says so when all workers do */
    log_event(LOG_INFO, "listening", LOG_N("port", config->port), LOG_S("node", run.id));
    event_base_dispatch(run.node.base);
    log_event(LOG_INFO, "stopped", LOG_S("node", run.id));
  }
  end(&run);
  return begun ? EXIT_SUCCESS : EXIT_FAILURE;
}
