/* Several calls with one end. */
#include "group.h"

#include <stdlib.h>

#include "base/memory.h"

struct group {
  size_t left; /* not answered yet */
  enum err err;
  err_fn *done;
  void *arg;
};

struct group *group_new(size_t count, err_fn *done, void *arg)
{
  struct group *group = memory_alloc(sizeof *group);
  *group = (struct group){.left = count, .err = ERR_OK, .done = done, .arg = arg};
  return group;
}

void group_answered(struct group *group, enum err err)
{
  if (err != ERR_OK) group->err = err;
  if (--group->left) return;
  group->done(group->arg, group->err);
  free(group);
}

void group_on_reply(void *group, enum err err, const struct redisReply *reply)
{
  (void)reply;
  group_answered(group, err);
}
