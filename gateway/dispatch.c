/* See dispatch.h.
 *
 *   command ─► addresses known? ─► begun: handed to Redis ─► outcome ─► reply
 *                  │ no: read from the directory; those behind it wait
 *
 * A command is begun when the one before it has been handed to Redis, and one link
 * keeps their order. What each kind begins with stands in command_*.c. */
#include "dispatch.h"

#include <stdlib.h>

#include "base/memory.h"
#include "bus.h"
#include "commands.h"
#include "directory.h"
#include "metrics.h"
#include "session.h"

/* ---- outcomes ---------------------------------------------------------------------- */

struct caller *command_caller(const struct task *task)
{
  return caller_find(task->node, task->caller);
}

/* The command as its codec's reply knows it. */
static struct command as_named(const struct task *task)
{
  struct command command = task->command;
  if (task->named.kind != ADDRESS_NONE) command.to = task->named;
  return command;
}

static struct frame *reply_frame(struct session *session, const struct command *command,
                                 const struct outcome *outcome)
{
  static struct text reply;
  struct session_view view = session_view(session);
  text_reset(&reply);
  session->caller.protocol->reply(&view, command, outcome, &reply);
  metric_add_at(METRIC_COMMANDS, outcome->err, 1);
  return reply.len ? frame_new_websocket(WEBSOCKET_TEXT, text_slice(&reply)) : NULL;
}

struct frame *command_reply(const struct task *task, struct session *session,
                            const struct outcome *outcome)
{
  struct command command = as_named(task);
  return reply_frame(session, &command, outcome);
}

void dispatch_reply(struct caller *caller, const struct command *command,
                    const struct outcome *outcome)
{
  struct frame *frame = reply_frame(caller->session, command, outcome);
  if (frame) session_send(caller->session, frame);
}

static void pump(struct caller *caller);

void command_done(struct task *task)
{
  struct caller *caller = command_caller(task);
  task_free(task);
  if (!caller) return;
  caller->in_flight--;
  pump(caller);
}

void command_finish(struct task *task, const struct outcome *outcome)
{
  struct caller *caller = command_caller(task);
  if (caller) {
    struct command command = as_named(task);
    caller->answer(caller, &command, outcome);
  }
  command_done(task);
}

void command_finish_with(struct task *task, enum err err)
{
  struct outcome outcome = {.err = err, .ts_ms = node_wall_ms()};
  command_finish(task, &outcome);
}

bool command_other_of(struct slice dialog, struct slice user, struct slice *other)
{
  const char *bar = memchr(dialog.data, '|', dialog.len); /* no id can hold one */
  if (!bar) return false;
  struct slice first = {dialog.data, (size_t)(bar - dialog.data)};
  struct slice second = slice_skip(dialog, first.len + 1);
  *other = slice_equal(first, user) ? second : first;
  return slice_equal(first, user) || slice_equal(second, user);
}

struct party command_party(const struct entry *entry)
{
  static const enum party_kind kinds[] = {
      [OWNER_USER] = PARTY_USER,
      [OWNER_ROOM] = PARTY_ROOM,
      [OWNER_DIALOG] = PARTY_DIALOG,
  };
  return (struct party){kinds[entry->kind], entry->num, entry->id, entry->uuid, entry->name};
}

void dispatch_publish(struct node *node, enum owner_kind kind, struct slice id,
                      const struct envelope *event)
{
  static struct text channel, line;
  text_reset(&channel);
  text_reset(&line);
  key_write(&channel, node->backend->options.prefix, kind, id, "");
  envelope_write(&line, event);
  bus_publish(node->backend, text_slice(&channel), text_slice(&line));
}

void dispatch_tell_senders(struct node *node, const struct page *page, enum envelope_kind kind)
{
  static struct arena arena;
  for (size_t i = 0; i < page->count; i++) {
    struct envelope message;
    arena_reset(&arena);
    if (envelope_decode(&arena, page->messages[i].line, &message) != ERR_OK) continue;
    const struct protocol *origin = protocol_by_name(message.origin.protocol);
    if (!origin || !origin->shows_delivered) continue;
    struct envelope event = {.kind = kind,
                             .ts_ms = node_wall_ms(),
                             .from = message.to,
                             .to = message.from,
                             .dialog = message.dialog,
                             .message_id = message.id};
    dispatch_publish(node, OWNER_USER, message.from.id, &event);
  }
}

/* The user's other connections forget what was read by this one. */
void dispatch_tell_own(struct caller *caller, const struct page *page)
{
  if (!command_is_shared(caller)) return;
  for (size_t i = 0; i < page->count; i++) {
    struct envelope event = {.kind = KIND_MESSAGE_READ,
                             .ts_ms = node_wall_ms(),
                             .from = caller->user,
                             .to = caller->user,
                             .message_id = page->messages[i].id};
    dispatch_publish(caller->node, OWNER_USER, caller->user.id, &event);
  }
}

static void begin_refused(struct caller *caller, const struct command *command, struct task *task)
{
  (void)caller;
  command_finish_with(task, command->refusal);
}

static void begin_nothing(struct caller *caller, const struct command *command, struct task *task)
{
  (void)caller;
  (void)command;
  command_finish_with(task, ERR_OK);
}

/* One row a kind of command: what begins it, whether what it names must be in the directory
 * before, and whether it is about a connection, so that a request cannot ask for it. */
static const struct {
  command_fn *begin;
  bool addressed, of_session;
} handlers[COMMAND_COUNT] = {
    [COMMAND_REFUSED] = {begin_refused, false, false},
    [COMMAND_NONE] = {begin_nothing, false, false},
    [COMMAND_SEND] = {command_send, true, false},
    [COMMAND_READ] = {command_read, true, true},
    [COMMAND_DELIVERED] = {command_read_up_to, true, true},
    [COMMAND_ENTER] = {command_enter, true, false},
    [COMMAND_EXIT] = {command_exit, true, false},
    [COMMAND_INVITE] = {command_invite, true, false},
    [COMMAND_EDIT] = {command_edit, false, false},
    [COMMAND_DELETE] = {command_delete, false, false},
    [COMMAND_REACT] = {command_react, false, false},
    [COMMAND_TYPING] = {command_typing, true, false},
    [COMMAND_GET_MESSAGE] = {command_get_message, false, false},
    [COMMAND_GET_MESSAGES] = {command_get_messages, true, false},
    [COMMAND_GET_CHAT] = {command_get_chat, true, true},
};

/* ---- addresses ---------------------------------------------------------------------- */

/* What must be asked of Redis before a command can begin. */
struct question {
  enum { ASK_NOTHING, ASK_ENTRY, ASK_NUMBER, ASK_UUID } what;
  enum owner_kind kind;
  struct slice id; /* of an entry or a UUID; may stand in `dialog` */
  uint64_t num;
  bool about_user; /* the command's `user`, not its `to` */
  char dialog[COMMAND_DIALOG_ID_BYTES];
};

static bool ask_about(struct backend *backend, const struct address *address, bool about_user,
                      struct question *question)
{
  question->about_user = about_user;
  question->id = address->id;
  question->num = address->num;
  question->kind = address->kind == ADDRESS_USER || about_user ? OWNER_USER : OWNER_ROOM;
  question->what = ASK_NOTHING;
  if (address->kind == ADDRESS_NUMBER) question->what = ASK_NUMBER;
  if (address->kind == ADDRESS_UUID) question->what = ASK_UUID;
  bool id = address->kind == ADDRESS_USER || address->kind == ADDRESS_ROOM;
  if (id && !directory_find(backend, question->kind, address->id)) question->what = ASK_ENTRY;
  return question->what != ASK_NOTHING;
}

/* The first thing that the command names and the directory does not hold. False: none. */
static bool ask(const struct caller *caller, const struct command *command,
                struct question *question)
{
  struct backend *backend = caller->node->backend;
  if (!handlers[command->kind].addressed) return false;
  if (ask_about(backend, &command->to, false, question)) return true;
  if (ask_about(backend, &command->user, true, question)) return true;
  if (command->to.kind != ADDRESS_USER) return false;
  question->what = ASK_ENTRY;
  question->kind = OWNER_DIALOG;
  question->id = directory_dialog_id(caller->user.id, command->to.id, question->dialog);
  return !directory_find(backend, OWNER_DIALOG, question->id);
}

/* Whom a number or UUID stands for: a room, a user, or the other one of a dialog that is
 * this caller's user's. */
static enum err name_address(const struct caller *caller, struct task *task, bool about_user,
                             const struct entry *entry)
{
  struct address *address = about_user ? &task->command.user : &task->command.to;
  struct slice id = entry->id;
  if (about_user != (entry->kind == OWNER_USER)) return ERR_NOT_FOUND;
  if (entry->kind == OWNER_DIALOG && !command_other_of(entry->id, caller->user.id, &id))
    return ERR_NOT_FOUND;
  if (!about_user) task->named = *address;
  task->found[about_user] = memory_copy(id.data, id.len);
  address->kind = entry->kind == OWNER_ROOM ? ADDRESS_ROOM : ADDRESS_USER;
  address->id = (struct slice){task->found[about_user], id.len};
  return ERR_OK;
}

static struct task *take_first(struct caller *caller)
{
  struct task *task = caller->first_task;
  caller->first_task = task->next;
  if (!caller->first_task) caller->last_task = NULL;
  return task;
}

struct resolution {
  struct node *node;
  uint64_t caller;
  bool names, about_user; /* the answer names an address */
};

static void on_resolved(void *arg, enum err err, const struct entry *entry)
{
  struct resolution resolution = *(struct resolution *)arg;
  free(arg);
  struct caller *caller = caller_find(resolution.node, resolution.caller);
  if (!caller) return;
  caller->resolving = false;
  if (err == ERR_OK && resolution.names)
    err = name_address(caller, caller->first_task, resolution.about_user, entry);
  if (err != ERR_OK) {
    caller->in_flight++;
    command_finish_with(take_first(caller), err); /* pumps */
    return;
  }
  pump(caller);
}

static void resolve(struct caller *caller, const struct question *question)
{
  struct backend *backend = caller->node->backend;
  struct resolution *resolution = memory_alloc(sizeof *resolution);
  bool names = question->what != ASK_ENTRY;
  *resolution = (struct resolution){caller->node, caller->handle, names, question->about_user};
  caller->resolving = true;
  if (question->what == ASK_NUMBER)
    directory_by_number(backend, question->kind, question->num, on_resolved, resolution);
  else if (question->what == ASK_UUID)
    directory_by_uuid(backend, question->id, on_resolved, resolution);
  else
    directory_resolve(backend, question->kind, question->id, question->kind != OWNER_ROOM,
                      on_resolved, resolution);
}

/* ---- the queue ---------------------------------------------------------------------- */

static void begin(struct caller *caller, const struct command *command, struct task *task)
{
  caller->in_flight++;
  if (!handlers[command->kind].begin || (handlers[command->kind].of_session && !caller->session))
    command_finish_with(task, ERR_UNSUPPORTED);
  else
    handlers[command->kind].begin(caller, command, task);
}

/* Begins what can begin. A command's outcome may come at once and pump again; the
 * flag keeps that flat. */
static void pump(struct caller *caller)
{
  if (caller->pumping) return;
  caller->pumping = true;
  unsigned limit = caller->node->config->commands_in_flight;
  while (caller->first_task && !caller->resolving && caller->in_flight < limit) {
    struct question question;
    if (ask(caller, &caller->first_task->command, &question)) {
      resolve(caller, &question);
      break;
    }
    struct task *task = take_first(caller);
    begin(caller, &task->command, task);
  }
  caller->pumping = false;
  if (caller->session)
    session_pause_reading(caller->session, caller->first_task || caller->in_flight >= limit);
}

/* Nothing waits in front of it and everything that it names is known: the usual case,
 * which copies nothing but what is needed once it is done. */
static bool can_begin(struct caller *caller, const struct command *command)
{
  struct question question;
  return !caller->first_task && caller->in_flight < caller->node->config->commands_in_flight &&
         !ask(caller, command, &question);
}

void dispatch(struct caller *caller, const struct command *first)
{
  for (const struct command *command = first; command; command = command->next) {
    if (caller->session && caller->session->state == SESSION_CLOSING) return;
    if (can_begin(caller, command)) {
      begin(caller, command, task_new(caller->node, caller->handle, command, TASK_COPY_FOR_REPLY));
      continue;
    }
    struct task *task = task_new(caller->node, caller->handle, command, TASK_COPY_ALL);
    if (caller->last_task)
      caller->last_task->next = task;
    else
      caller->first_task = task;
    caller->last_task = task;
  }
  pump(caller);
}

void dispatch_forget(struct caller *caller)
{
  while (caller->first_task) task_free(take_first(caller));
}
