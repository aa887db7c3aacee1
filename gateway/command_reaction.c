/* Reactions: giving them, taking them back, and who gave which. */
#include "commands.h"
#include "dispatch.h"
#include "inquiry.h"
#include "parties.h"
#include "reactions.h"

enum { USERS_AT_MOST = 10000 }; /* that are told of one message; all of them are counted */

/* ---- reacting ------------------------------------------------------------------------ */

static void on_counted(void *arg, enum err err, struct slice counts)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = command_caller(inquiry->task);
  if (err == ERR_OK && caller) {
    struct envelope event = inquiry_event(inquiry, caller, KIND_REACTION_UPDATED);
    event.reactions = counts;
    inquiry_tell_two(inquiry, caller, &event);
  }
  inquiry_end(inquiry, err);
}

/* The script knows the counts; they go where a mark of ours stands in the event. */
static void react(struct inquiry *inquiry, struct caller *caller)
{
  static const struct slice mark = {"\"reactions\":{}", 14};
  struct envelope event = inquiry_event(inquiry, caller, KIND_REACTION_UPDATED);
  event.reactions = SLICE("{}");
  struct slice rest = inquiry_write(inquiry, &event);
  const char *at = memmem(rest.data, rest.len, mark.data, mark.len);
  struct reaction_change change = {.owner = inquiry->owner,
                                   .message_id = inquiry->message.id,
                                   .user = caller->user.id,
                                   .reaction = inquiry->text,
                                   .adding = inquiry->task->command.adding};
  if (at && inquiry->owner.kind == OWNER_ROOM) {
    size_t head = (size_t)(at - rest.data) + mark.len - 2;
    change.event_head = (struct slice){rest.data, head};
    change.event_tail = slice_skip(rest, head + 2);
  }
  message_react(caller->node->backend, &change, on_counted, inquiry);
}

void command_react(struct caller *caller, const struct command *command, struct task *task)
{
  struct inquiry *inquiry = inquire(caller, task, react);
  inquiry->text = arena_copy(&inquiry->arena, command->reaction);
}

/* ---- who reacted --------------------------------------------------------------------- */

static void on_users(void *arg, enum err err, const struct party *parties, size_t count)
{
  struct inquiry *inquiry = arg;
  struct outcome outcome = {.err = err,
                            .message_id = inquiry->message.id,
                            .ts_ms = inquiry->at_ms,
                            .messages = &inquiry->message,
                            .message_count = 1};
  outcome.reactions =
      reactions_read(&inquiry->arena, inquiry->stored.reactions, parties, count, &outcome.count);
  inquiry_finish(inquiry, &outcome);
}

static void name_users(struct inquiry *inquiry, struct caller *caller)
{
  size_t count;
  const struct slice *ids =
      reactions_users(&inquiry->arena, inquiry->stored.reactions, USERS_AT_MOST, &count);
  parties_find(caller->node, ids, count, on_users, inquiry);
}

void command_get_reactions(struct caller *caller, const struct command *command, struct task *task)
{
  (void)command;
  inquire(caller, task, name_users);
}
