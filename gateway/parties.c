/* See parties.h. */
#include "parties.h"

#include <stdlib.h>

#include "base/memory.h"
#include "commands.h"
#include "directory.h"

struct roll {
  struct node *node;
  parties_fn *done;
  void *arg;
  struct arena arena;
  struct party *parties; /* one an id; PARTY_NONE: not known (yet) */
  size_t count, waiting;
  enum err err;
};

/* One that is asked for. */
struct asked {
  struct roll *roll;
  size_t index;
};

static void answered(struct roll *roll)
{
  if (--roll->waiting) return;
  size_t found = 0;
  for (size_t i = 0; i < roll->count && roll->err == ERR_OK; i++)
    if (roll->parties[i].kind != PARTY_NONE) roll->parties[found++] = roll->parties[i];
  roll->done(roll->arg, roll->err, roll->parties, found);
  arena_free(&roll->arena);
  free(roll);
}

static void on_entry(void *arg, enum err err, const struct entry *entry)
{
  const struct asked *asked = arg;
  struct roll *roll = asked->roll;
  if (err == ERR_OK)
    roll->parties[asked->index] = party_copy(&roll->arena, command_party(entry));
  else if (err != ERR_NOT_FOUND)
    roll->err = err;
  answered(roll);
}

static void ask(struct roll *roll, size_t index, struct slice id)
{
  struct asked *asked = arena_alloc(&roll->arena, sizeof *asked);
  *asked = (struct asked){roll, index};
  roll->waiting++;
  directory_resolve(roll->node->backend, OWNER_USER, id, false, on_entry, asked);
}

static void look_up(struct roll *roll, size_t index, struct slice id)
{
  struct party server = party_server; /* has acted too, and stands in no directory */
  const struct entry *entry = directory_find(roll->node->backend, OWNER_USER, id);
  if (!id.len) return;
  if (slice_equal(id, server.id))
    roll->parties[index] = server;
  else if (entry)
    roll->parties[index] = party_copy(&roll->arena, command_party(entry));
  else
    ask(roll, index, id);
}

void parties_find(struct node *node, const struct slice *ids, size_t count, parties_fn *done,
                  void *arg)
{
  struct roll *roll = memory_zalloc(sizeof *roll);
  *roll = (struct roll){.node = node, .done = done, .arg = arg, .count = count, .waiting = 1};
  roll->parties = arena_zalloc(&roll->arena, (count + 1) * sizeof *roll->parties);
  for (size_t i = 0; i < count; i++) look_up(roll, i, ids[i]);
  answered(roll);
}

struct party parties_pick(const struct party *parties, size_t count, struct slice id)
{
  for (size_t i = 0; i < count; i++)
    if (slice_equal(parties[i].id, id)) return parties[i];
  return (struct party){0};
}
