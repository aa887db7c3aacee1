/* Marking as read by names of the client's own, and entering and leaving rooms. */
#include <stdlib.h>

#include "attendance.h"
#include "base/memory.h"
#include "commands.h"
#include "conversation.h"
#include "dispatch.h"
#include "inbox.h"
#include "messages.h"
#include "rooms.h"
#include "shown.h"

enum { READ_AT_ONCE = 256 };

/* ---- reading by name (messaging) ----------------------------------------------------- */

static void read_named(struct caller *caller, struct task *task);

/* What was asked to be read. */
struct reading {
  struct task *task;
  size_t count;
  uint64_t ids[];
};

static void on_read(void *arg, const struct page *page)
{
  struct reading *reading = arg;
  struct task *task = reading->task;
  struct caller *caller = command_caller(task);
  for (size_t i = 0; caller && page->err == ERR_OK && i < reading->count; i++)
    shown_forget(&caller->session->shown, reading->ids[i]);
  free(reading);
  if (page->err == ERR_OK) {
    if (caller) dispatch_tell_own(caller, page);
    dispatch_tell_senders(task->node, page, KIND_MESSAGE_READ);
  }
  if (page->err != ERR_OK || !caller)
    command_finish_with(task, page->err);
  else
    read_named(caller, task);
}

/* Ids are chosen by senders and collide: there may be more than go at once. */
static void read_named(struct caller *caller, struct task *task)
{
  uint64_t ids[READ_AT_ONCE];
  const struct command *command = &task->command;
  size_t count =
      shown_find(caller->session->shown, command->client_id, command->match_sid, ids, READ_AT_ONCE);
  if (!count) {
    command_finish_with(task, ERR_OK); /* an unknown id is a no-op (protocols.md, messaging) */
    return;
  }
  struct reading *reading = memory_alloc(sizeof *reading + count * sizeof *ids);
  *reading = (struct reading){task, count};
  memcpy(reading->ids, ids, count * sizeof *ids);
  inbox_read(caller->node->backend, caller->user.id, ids, count, on_read, reading);
}

/* A message is named by the client's own id, by its number with its conversation (all up
 * to it), or by its number alone. */
void command_read(struct caller *caller, const struct command *command, struct task *task)
{
  if (!command->message_id)
    read_named(caller, task);
  else if (command->to.kind == ADDRESS_NONE)
    command_read_message(caller, command, task);
  else
    command_read_up_to(caller, command, task);
}

/* ---- entering and leaving ------------------------------------------------------------ */

/* Who was a member already, or none, is told so alone: no event tells anybody. Nor does one tell
 * who has left the lobby: that is told by attendance, to those who still hear it. */
static void on_passed(void *arg, const struct stamp *stamp)
{
  struct task *task = arg;
  bool unheard = task->command.kind == COMMAND_EXIT && attendance_is_of(task->command.to.id);
  struct outcome outcome = {
      .err = stamp->err, .ts_ms = node_wall_ms(), .already = stamp->repeated || unheard};
  command_finish(task, &outcome);
}

/* What everyone in the room is told. */
static struct slice membership_rest(struct caller *caller, const struct command *command,
                                    enum envelope_kind kind)
{
  static struct text rest;
  const struct entry *room = directory_find(caller->node->backend, OWNER_ROOM, command->to.id);
  struct envelope event = {
      .kind = kind, .ts_ms = node_wall_ms(), .from = caller->user, .to = command_party(room)};
  text_reset(&rest);
  envelope_write_rest(&rest, &event);
  return text_slice(&rest);
}

/* The lobby is told by attendance, of members and others alike (attendance.h). */
void command_enter(struct caller *caller, const struct command *command, struct task *task)
{
  room_enter(caller->node->backend, command->to.id, caller->user.id,
             membership_rest(caller, command, KIND_ROOM_ENTERED), !attendance_is_of(command->to.id),
             on_passed, task);
}

void command_exit(struct caller *caller, const struct command *command, struct task *task)
{
  room_exit(caller->node->backend, command->to.id, caller->user.id,
            membership_rest(caller, command, KIND_ROOM_EXITED), !attendance_is_of(command->to.id),
            on_passed, task);
}

/* The invited user's connections are told, whatever they hear. */
void command_invite(struct caller *caller, const struct command *command, struct task *task)
{
  static struct text event_rest;
  struct backend *backend = caller->node->backend;
  struct envelope event = {
      .kind = KIND_ROOM_INVITED,
      .ts_ms = node_wall_ms(),
      .from = caller->user,
      .to = command_party(directory_find(backend, OWNER_ROOM, command->to.id)),
      .user = command_party(directory_find(backend, OWNER_USER, command->user.id)),
  };
  text_reset(&event_rest);
  envelope_write_rest(&event_rest, &event);
  struct room_change_role change = {.room = command->to.id,
                                    .by = caller->user.id,
                                    .user = command->user.id,
                                    .force = caller->admin,
                                    .role = ROOM_INVITES,
                                    .given = true,
                                    .user_event = text_slice(&event_rest)};
  room_change_role(backend, &change, on_passed, task);
}
