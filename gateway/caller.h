/* A caller: whoever asks for something to be done. A session (one client's connection),
 * or a single HTTP request. What dispatch and the commands know of either.
 *
 *   session ──┐                                   ┌─► codec's reply, as a frame
 *             ├─► caller ─► dispatch ─► command ──┤
 *   request ──┘                                   └─► the route's encode, as a response
 *
 * Asynchronous calls name it by its handle: it may be gone when they return. */
#ifndef PARLEY_GATEWAY_CALLER_H
#define PARLEY_GATEWAY_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include "ip.h"
#include "node.h"
#include "protocol.h"

struct session;
struct task;

struct caller {
  struct node *node;
  const struct protocol *protocol;
  unsigned protocol_index;
  struct session *session; /* NULL: an HTTP request */
  uint64_t handle;         /* 0 is nobody's */
  struct slice id;         /* the session's; a request's is empty */
  struct ip ip;            /* a request's: whom it came from */
  struct party user;
  bool
      admin; /* with the operator's token: may all; `user` is the server unless it speaks for one */

  /* Where the outcome of a command goes; both live for the call. */
  void (*answer)(struct caller *caller, const struct command *command,
                 const struct outcome *outcome);

  /* dispatch.c's. */
  struct task *first_task, *last_task; /* commands that have not begun yet, in order */
  uint16_t in_flight;                  /* begun and not answered */
  bool resolving;                      /* the head of the tasks waits for an address */
  bool pumping;                        /* begins commands right now */
};

/* Each caller of a node by its handle. */
struct callers;

struct callers *callers_new(void);
void callers_free(struct callers *callers);

/* Gives it a handle; and takes it back. */
void caller_add(struct caller *caller);
void caller_remove(struct caller *caller);

/* NULL when it is gone. */
struct caller *caller_find(struct node *node, uint64_t handle);

/* Calls `call` for every one; it may remove any. */
void callers_each(struct node *node, void (*call)(struct caller *caller, void *arg), void *arg);

#endif
