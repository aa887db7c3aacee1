/* A task: one command of one caller on its way to Redis and back. It owns copies of
 * what it needs of the command, for frame and arena are gone by then, and names its
 * caller by handle, for that may be gone as well. */
#ifndef PARLEY_GATEWAY_TASK_H
#define PARLEY_GATEWAY_TASK_H

#include "command.h"
#include "keys.h"
#include "node.h"

struct task {
  struct task *next; /* of those that have not begun */
  struct node *node;
  uint64_t caller; /* handle */
  struct command command;
  struct text rest;      /* the envelope: to be shown to its sender as well, or told to all */
  enum owner_kind owner; /* SEND: the kind of its conversation */
  uint64_t ts_ms;        /* SEND: the message's */
  struct address named;  /* `to` as the client named it, where that was by number or UUID */
  bool renamed;          /* CREATE_ROOM: the name could be no id */
  bool has_place;        /* there is, for one more among the rooms of whoever comes by it to one */
  char *found[2];        /* the ids that stand for these: of `to` and of `user` */
  char memory[];
};

/* What reply is promised (command.h) and `to`; or everything, which what a request asks for may
 * need until it is answered. */
enum task_copy { TASK_COPY_FOR_REPLY, TASK_COPY_ALL };

struct task *task_new(struct node *node, uint64_t caller, const struct command *command,
                      enum task_copy copy);
void task_free(struct task *task);

#endif
