/* The system's resolver (getaddrinfo: hosts file, DNS, whatever is configured) in a
 * thread of its own, the only one there ever is, and far from the message path. The
 * thread owns a copy of the question and sends its answer, by value, through a pipe:
 * nothing is shared, nothing locked. A question that nobody waits for any longer cannot
 * be called back; its answer serves the next one who asks, or goes nowhere. */
#include "resolver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum { STACK_BYTES = 512 * 1024 };

/* Below PIPE_BUF: written and read as a whole. */
struct answer {
  char address[INET6_ADDRSTRLEN]; /* empty: none */
  char error[128];
};

struct question {
  int pipe; /* the writing end, the thread's own */
  unsigned turn;
  char host[];
};

struct resolver {
  struct event_base *base;
  struct event *answered; /* NULL: no thread is under way */
  int pipe;               /* the reading end */
  resolved_fn *done;      /* NULL: nobody waits */
  void *arg;
};

/* ---- in the thread ------------------------------------------------------------------- */

static void write_address(struct answer *answer, const struct addrinfo *all, unsigned turn)
{
  unsigned count = 0;
  assert(all); /* without an error there is at least one */
  for (const struct addrinfo *each = all; each; each = each->ai_next) count++;
  for (turn %= count; turn; turn--) all = all->ai_next;
  int error = getnameinfo(all->ai_addr, all->ai_addrlen, answer->address, sizeof answer->address,
                          NULL, 0, NI_NUMERICHOST);
  if (error) snprintf(answer->error, sizeof answer->error, "%s", gai_strerror(error));
}

static void *run(void *arg)
{
  struct question *question = arg;
  struct answer answer = {0};
  struct addrinfo hints = {
      .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
  struct addrinfo *all = NULL;
  int error = getaddrinfo(question->host, NULL, &hints, &all);
  if (error)
    snprintf(answer.error, sizeof answer.error, "%s", gai_strerror(error));
  else
    write_address(&answer, all, question->turn);
  if (all) freeaddrinfo(all);
  /* Fails where the resolver is gone: then nobody wants to know. */
  ssize_t written = write(question->pipe, &answer, sizeof answer);
  (void)written;
  close(question->pipe);
  free(question);
  return NULL;
}

/* ---- in the loop --------------------------------------------------------------------- */

static void end_question(struct resolver *resolver)
{
  if (!resolver->answered) return;
  event_free(resolver->answered);
  close(resolver->pipe);
  resolver->answered = NULL;
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
  (void)what;
  struct resolver *resolver = arg;
  struct answer answer;
  resolved_fn *done = resolver->done;
  bool whole = read(fd, &answer, sizeof answer) == sizeof answer;
  end_question(resolver);
  resolver->done = NULL;
  if (!done) return;
  if (whole && answer.address[0])
    done(resolver->arg, answer.address, NULL);
  else
    done(resolver->arg, NULL, whole ? answer.error : "the resolver failed");
}

/* Signals stay with the thread that handles them. */
static bool start_thread(struct question *question)
{
  pthread_t thread;
  pthread_attr_t attributes;
  sigset_t all, kept;
  sigfillset(&all);
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_sigmask(SIG_SETMASK, &all, &kept);
  int error = pthread_create(&thread, &attributes, run, question);
  pthread_sigmask(SIG_SETMASK, &kept, NULL);
  pthread_attr_destroy(&attributes);
  return error == 0;
}

static bool begin_question(struct resolver *resolver, const char *host, unsigned turn)
{
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  struct question *question = memory_alloc(sizeof *question + strlen(host) + 1);
  *question = (struct question){.pipe = pipes[1], .turn = turn};
  memcpy(question->host, host, strlen(host) + 1);
  if (!start_thread(question)) {
    close(pipes[0]);
    close(pipes[1]);
    free(question);
    return false;
  }
  resolver->pipe = pipes[0];
  resolver->answered = event_new(resolver->base, pipes[0], EV_READ, on_answer, resolver);
  assert(resolver->answered);
  event_add(resolver->answered, NULL);
  return true;
}

void resolver_ask(struct resolver *resolver, const char *host, unsigned turn, resolved_fn *done,
                  void *arg)
{
  struct in6_addr bytes;
  if (inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1) {
    done(arg, host, NULL);
    return;
  }
  resolver->done = done;
  resolver->arg = arg;
  if (resolver->answered || begin_question(resolver, host, turn)) return;
  resolver->done = NULL;
  done(arg, NULL, "no thread for the resolver");
}

void resolver_cancel(struct resolver *resolver)
{
  resolver->done = NULL;
}

struct resolver *resolver_new(struct event_base *base)
{
  struct resolver *resolver = memory_zalloc(sizeof *resolver);
  resolver->base = base;
  return resolver;
}

void resolver_free(struct resolver *resolver)
{
  end_question(resolver);
  free(resolver);
}
