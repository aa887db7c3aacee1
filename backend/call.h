/* A call: a command on its way to Redis, and who is told of its answer. It lives until it
 * was answered, and longer where it was taken by store_take. Private to store and shard. */
#ifndef PARLEY_BACKEND_CALL_H
#define PARLEY_BACKEND_CALL_H

#include "store.h"

struct shard;

struct call {
  struct call *next; /* in one queue at a time */
  struct store *store;
  store_fn *done;
  void *arg;
  struct shard *shard;     /* which it was sent by, */
  uint64_t number;         /* and as which one */
  struct redisReply *held; /* its answer, while replicas are waited for */
  unsigned tries;          /* how often it was sent again */
  /* In a cluster: its key's slot, which master it goes to, whether as one that was sent there by
   * ASK, and since when it has been sent from one to the other (0: it has not). */
  unsigned slot;
  size_t place;
  bool asking;
  uint64_t redirected_ms;
  struct call *leader, *follower; /* not before that one was answered (store_behind) */
  bool is_script, is_kept, taken; /* is_kept: see store.c */
  size_t epoch_at;                /* where its epoch stands in `command`; 0: it has none */
  size_t len;
  char command[]; /* RESP, with a NUL byte behind it */
};

struct queue {
  struct call *first, **last;
};

static inline void queue_reset(struct queue *queue)
{
  *queue = (struct queue){.last = &queue->first};
}

static inline void queue_push(struct queue *queue, struct call *call)
{
  call->next = NULL;
  *queue->last = call;
  queue->last = &call->next;
}

static inline void queue_push_front(struct queue *queue, struct call *call)
{
  call->next = queue->first;
  if (!queue->first) queue->last = &call->next;
  queue->first = call;
}

/* All of them, each one's `next` the one behind it; the queue is empty then. */
static inline struct call *queue_take(struct queue *queue)
{
  struct call *first = queue->first;
  queue_reset(queue);
  return first;
}

static inline struct call *queue_shift(struct queue *queue)
{
  struct call *first = queue->first;
  queue->first = first->next;
  if (!queue->first) queue->last = &queue->first;
  return first;
}

/* Of that kind, with a command of its own. */
struct call *call_new(const struct call *like, struct slice command);

/* In store.c: the answer to a call of this store, which may be an error of Redis'. */
void call_answer(struct call *call, enum err err, const struct redisReply *reply);

#endif
