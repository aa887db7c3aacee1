/* One loop that waits for signals, and for the next time at which something is due:
 * a restart, the end of a drain. Signals are blocked and taken one by one, so that
 * nothing here runs inside a handler. */
#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "machine.h"
#include "metrics.h"
#include "node.h"
#include "private_redis.h"

enum {
  RESTART_FIRST_MS = 100,
  RESTART_LAST_MS = 10000,
  LIVED_MS = 10000,       /* one that lived so long starts again at RESTART_FIRST_MS */
  LISTENING_POLL_MS = 20, /* at the start only */
  KILL_GRACE_MS = 2000,   /* after drain_seconds */
  IDLE_MS = 60000,
  TLS_FILES = 3, /* of one connection: its own, and a socket pair (tls.c) */
};

/* A process that is to run, with the pause before it is started again. */
struct child {
  pid_t pid; /* 0: does not run */
  unsigned pause_ms;
  uint64_t started_ms, due_ms;
};

struct supervisor {
  struct config *config;
  pid_t own_pid;
  sigset_t signals, inherited; /* what is waited for; the mask before */
  int port_fd;
  struct child *workers; /* config->workers of them */
  struct child redis;    /* not used where config->redis names one */
  struct private_redis private_redis;
  bool listening; /* it was said that it does */
  bool stopping;
  uint64_t kill_at_ms; /* when stopping */
  int status;
};

static uint64_t now_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool has_private_redis(const struct supervisor *supervisor)
{
  return !*supervisor->config->redis;
}

/* ---- children ---- */

static void child_started(struct child *child, pid_t pid)
{
  child->pid = pid;
  child->started_ms = now_ms();
}

static void child_ended(struct child *child)
{
  uint64_t now = now_ms();
  bool lived = child->pid != 0 && now - child->started_ms >= LIVED_MS;
  child->pause_ms = child->pause_ms == 0 || lived ? RESTART_FIRST_MS : child->pause_ms * 2;
  if (child->pause_ms > RESTART_LAST_MS) child->pause_ms = RESTART_LAST_MS;
  child->due_ms = now + child->pause_ms;
  child->pid = 0;
}

static bool is_due(const struct child *child)
{
  return child->pid == 0 && child->due_ms <= now_ms();
}

/* In the worker's process. A group of its own, so that Ctrl-C reaches the supervisor
 * alone, which ends all in order. Killed with the supervisor: without it, nobody would
 * end or replace a worker, and a new server would share its port with an old one. */
static _Noreturn void worker_main(const struct supervisor *supervisor, unsigned index)
{
  const struct config *config = supervisor->config;
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor->own_pid) _exit(EXIT_FAILURE);
  sigprocmask(SIG_SETMASK, &supervisor->inherited, NULL);
  close(supervisor->port_fd);
  metrics_use(index);
  char name[128];
  snprintf(name, sizeof name, "%s.%u", config->node_id, index);
  log_start((enum log_level)config->log_level, (enum log_form)config->log_format, name);
  bool private = has_private_redis(supervisor);
  exit(node_run(config, index, private ? supervisor->private_redis.url : config->redis));
}

static void start_worker(struct supervisor *supervisor, unsigned index)
{
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) worker_main(supervisor, index);
  if (pid < 0) {
    log_event(LOG_ERROR, "worker_not_started", LOG_N("worker", index),
              LOG_S("why", strerror(errno)));
    child_ended(&supervisor->workers[index]);
    return;
  }
  child_started(&supervisor->workers[index], pid);
  log_event(LOG_INFO, "worker_started", LOG_N("worker", index), LOG_N("pid", pid));
}

static bool start_redis(struct supervisor *supervisor)
{
  char error[256];
  if (!private_redis_start(&supervisor->private_redis, supervisor->config->data, error,
                           sizeof error)) {
    log_event(LOG_ERROR, "redis_not_started", LOG_S("why", error));
    child_ended(&supervisor->redis);
    return false;
  }
  child_started(&supervisor->redis, supervisor->private_redis.pid);
  log_event(LOG_INFO, "redis_started", LOG_S("data", supervisor->config->data),
            LOG_N("pid", supervisor->redis.pid));
  return true;
}

static void restart_what_is_due(struct supervisor *supervisor)
{
  if (supervisor->stopping) return;
  if (has_private_redis(supervisor) && is_due(&supervisor->redis)) start_redis(supervisor);
  for (unsigned i = 0; i < supervisor->config->workers; i++) {
    if (is_due(&supervisor->workers[i])) start_worker(supervisor, i);
  }
}

/* ---- the end ---- */

static void signal_workers(const struct supervisor *supervisor, int signal)
{
  for (unsigned i = 0; i < supervisor->config->workers; i++) {
    if (supervisor->workers[i].pid > 0) kill(supervisor->workers[i].pid, signal);
  }
}

static void begin_stop(struct supervisor *supervisor, const char *why)
{
  if (supervisor->stopping) return;
  supervisor->stopping = true;
  supervisor->kill_at_ms =
      now_ms() + (uint64_t)supervisor->config->drain_seconds * 1000 + KILL_GRACE_MS;
  log_event(LOG_INFO, "stopping", LOG_S("why", why));
  signal_workers(supervisor, SIGTERM);
}

static void kill_overdue(struct supervisor *supervisor)
{
  if (!supervisor->stopping || now_ms() < supervisor->kill_at_ms) return;
  log_event(LOG_WARNING, "drain_overdue", LOG_S("what", "the workers are killed"));
  signal_workers(supervisor, SIGKILL);
  supervisor->kill_at_ms = UINT64_MAX;
  supervisor->status = EXIT_FAILURE;
}

static bool workers_run(const struct supervisor *supervisor)
{
  for (unsigned i = 0; i < supervisor->config->workers; i++) {
    if (supervisor->workers[i].pid > 0) return true;
  }
  return false;
}

/* ---- what signals tell ---- */

static void log_end(const char *event, enum log_level level, int64_t index, int status)
{
  if (WIFSIGNALED(status)) {
    log_event(level, event, LOG_N("worker", index), LOG_S("signal", strsignal(WTERMSIG(status))));
  } else {
    log_event(level, event, LOG_N("worker", index), LOG_N("status", WEXITSTATUS(status)));
  }
}

static void worker_ended(struct supervisor *supervisor, unsigned index, int status)
{
  bool stopping = supervisor->stopping;
  log_end("worker_ended", stopping ? LOG_INFO : LOG_ERROR, index, status);
  child_ended(&supervisor->workers[index]);
  metrics_worker_died(index, !stopping);
  /* What keeps a worker from listening the first time would do so for ever. */
  if (!stopping && !supervisor->listening && WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    supervisor->status = EXIT_FAILURE;
    begin_stop(supervisor, "a worker could not start");
  }
}

static void reap(struct supervisor *supervisor)
{
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid == supervisor->redis.pid) {
      log_event(LOG_ERROR, "redis_ended", LOG_N("pid", pid));
      child_ended(&supervisor->redis);
    }
    for (unsigned i = 0; i < supervisor->config->workers; i++) {
      if (pid == supervisor->workers[i].pid) worker_ended(supervisor, i, status);
    }
  }
}

static void reload(struct supervisor *supervisor)
{
  struct config fresh;
  struct text left = {0};
  char error[512];
  if (!config_reload(&fresh, supervisor->config, &left, error, sizeof error)) {
    log_event(LOG_ERROR, "reload_failed", LOG_S("why", error));
  } else {
    config_free(supervisor->config);
    *supervisor->config = fresh;
    log_start((enum log_level)fresh.log_level, (enum log_form)fresh.log_format, fresh.node_id);
    log_event(LOG_INFO, "reloaded", LOG_T("restart_needed", text_slice(&left)));
    signal_workers(supervisor, SIGHUP);
  }
  text_free(&left);
}

/* For people and scripts that started it, on standard output whatever is logged. */
static void say_listening(struct supervisor *supervisor)
{
  if (supervisor->listening || supervisor->stopping || !metrics_all_listening()) return;
  const struct config *config = supervisor->config;
  supervisor->listening = true;
  printf("parley: listening on port %u\n", config->port);
  fflush(stdout);
  log_event(LOG_INFO, "started", LOG_N("port", config->port), LOG_S("address", config->listen),
            LOG_N("workers", config->workers), LOG_N("max_connections", config->max_connections));
}

/* Until when nothing is due. */
static uint64_t next_due_ms(const struct supervisor *supervisor)
{
  uint64_t now = now_ms();
  if (supervisor->stopping) return supervisor->kill_at_ms;
  uint64_t due = now + (supervisor->listening ? IDLE_MS : LISTENING_POLL_MS);
  if (has_private_redis(supervisor) && supervisor->redis.pid == 0 &&
      supervisor->redis.due_ms < due) {
    due = supervisor->redis.due_ms;
  }
  for (unsigned i = 0; i < supervisor->config->workers; i++) {
    const struct child *worker = &supervisor->workers[i];
    if (worker->pid == 0 && worker->due_ms < due) due = worker->due_ms;
  }
  return due;
}

static int wait_for_signal(const struct supervisor *supervisor)
{
  uint64_t due = next_due_ms(supervisor), now = now_ms();
  uint64_t wait_ms = due > now ? due - now : 0;
  if (wait_ms > IDLE_MS) wait_ms = IDLE_MS;
  struct timespec timeout = {(time_t)(wait_ms / 1000), (long)(wait_ms % 1000) * 1000000};
  return sigtimedwait(&supervisor->signals, NULL, &timeout);
}

static void supervise(struct supervisor *supervisor)
{
  while (!supervisor->stopping || workers_run(supervisor)) {
    switch (wait_for_signal(supervisor)) {
    case SIGCHLD:
      reap(supervisor);
      break;
    case SIGTERM:
      begin_stop(supervisor, "SIGTERM");
      break;
    case SIGINT:
      begin_stop(supervisor, "SIGINT");
      break;
    case SIGHUP:
      if (!supervisor->stopping) reload(supervisor);
      break;
    default: /* the time is over */
      break;
    }
    restart_what_is_due(supervisor);
    say_listening(supervisor);
    kill_overdue(supervisor);
  }
}

/* ---- the start ---- */

static void take_signals(struct supervisor *supervisor)
{
  static const int taken[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
  sigemptyset(&supervisor->signals);
  for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
    /* Workers inherit it: whoever started us may have had it ignored. */
    signal(taken[i], SIG_DFL);
    sigaddset(&supervisor->signals, taken[i]);
  }
  signal(SIGPIPE, SIG_IGN);
  sigprocmask(SIG_BLOCK, &supervisor->signals, &supervisor->inherited);
  for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
    sigdelset(&supervisor->inherited, taken[i]);
  }
}

static void complete_config(struct config *config)
{
  unsigned wanted = config->max_connections;
  config->max_connections = machine_raise_file_limit(wanted, *config->tls_cert ? TLS_FILES : 1);
  if (config->max_connections < wanted) {
    log_event(LOG_WARNING, "file_limit_too_low", LOG_N("wanted", wanted),
              LOG_N("max_connections", config->max_connections));
  }
  if (config->workers == 0) config->workers = machine_cores();
}

static bool prepare(struct supervisor *supervisor)
{
  struct config *config = supervisor->config;
  const char *warning;
  for (unsigned i = 0; (warning = config_warning(config, i)); i++) {
    log_event(LOG_WARNING, "configuration", LOG_S("what", warning));
  }
  complete_config(config);
  char error[256];
  supervisor->port_fd = machine_reserve_port(config->listen, &config->port, error, sizeof error);
  if (supervisor->port_fd < 0) {
    log_event(LOG_ERROR, "port_not_free", LOG_S("why", error));
    return false;
  }
  return !has_private_redis(supervisor) || start_redis(supervisor);
}

int supervisor_run(struct config *config)
{
  struct supervisor supervisor = {
      .config = config, .own_pid = getpid(), .port_fd = -1, .status = EXIT_SUCCESS};
  log_start((enum log_level)config->log_level, (enum log_form)config->log_format, config->node_id);
  take_signals(&supervisor);
  if (prepare(&supervisor)) {
    supervisor.workers = memory_zalloc(config->workers * sizeof *supervisor.workers);
    metrics_open(config->workers);
    for (unsigned i = 0; i < config->workers; i++) start_worker(&supervisor, i);
    supervise(&supervisor);
    metrics_close();
    free(supervisor.workers);
  } else {
    supervisor.status = EXIT_FAILURE;
  }
  if (supervisor.redis.pid > 0) private_redis_stop(&supervisor.private_redis);
  if (supervisor.port_fd >= 0) close(supervisor.port_fd);
  log_event(LOG_INFO, "stopped", LOG_N("status", supervisor.status));
  return supervisor.status;
}
