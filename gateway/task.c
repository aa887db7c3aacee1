/* See task.h. */
#include "task.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/memory.h"

#define AT(field) offsetof(struct command, field)

/* Every slice of a command; those that are needed once it is done stand first. */
static const size_t slices[] = {
    AT(client_id), AT(wire_to),     AT(to.id), AT(match_sid), AT(wire_from), AT(text),   AT(thread),
    AT(fields),    AT(attachments), AT(key),   AT(reaction),  AT(user.id),   AT(cursor),
};
enum { FOR_DONE = 4, ALL = sizeof slices / sizeof slices[0] };

static struct slice *slice_at(struct command *command, size_t offset)
{
  return (struct slice *)((char *)command + offset);
}

struct task *task_new(struct node *node, uint64_t caller, const struct command *command,
                      enum task_copy copy)
{
  size_t count = copy == TASK_COPY_ALL ? ALL : FOR_DONE, bytes = 0;
  struct command kept = *command;
  for (size_t i = 0; i < count; i++) bytes += slice_at(&kept, slices[i])->len;
  struct task *task = memory_alloc(sizeof *task + bytes);
  *task = (struct task){.node = node, .caller = caller, .command = kept};
  task->command.next = NULL;
  char *next = task->memory;
  for (size_t i = 0; i < ALL; i++) {
    struct slice *slice = slice_at(&task->command, slices[i]);
    if (i >= count)
      *slice = (struct slice){0};
    else if (slice->len)
      memcpy(next, slice->data, slice->len);
    slice->data = next;
    next += slice->len;
  }
  return task;
}

void task_free(struct task *task)
{
  text_free(&task->rest);
  free(task->found[0]);
  free(task->found[1]);
  free(task);
}
