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

/* ---- outcomes ---------------------------------------------------------------------- */

struct session *command_session(const struct task *task)
{
  return session_find(task->node, task->session);
}

struct frame *command_reply(const struct task *task, const struct outcome *outcome)
{
  static struct text reply;
  struct session *session = command_session(task);
  if (!session) return NULL;
  struct session_view view = session_view(session);
  struct command command = task->command;
  if (task->named.kind != ADDRESS_NONE) command.to = task->named;
  text_reset(&reply);
  session->protocol->reply(&view, &command, outcome, &reply);
  metric_add_at(METRIC_COMMANDS, outcome->err, 1);
  return reply.len ? frame_new_websocket(WEBSOCKET_TEXT, text_slice(&reply)) : NULL;
}

static void pump(struct session *session);

void command_done(struct task *task)
{
  struct session *session = command_session(task);
  task_free(task);
  if (!session) return;
  session->in_flight--;
  pump(session);
}

void command_finish(struct task *task, const struct outcome *outcome)
{
  struct frame *frame = command_reply(task, outcome);
  if (frame) session_send(command_session(task), frame);
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
void dispatch_tell_own(struct session *session, const struct page *page)
{
  if (!session->inbox->topic->shared) return;
  for (size_t i = 0; i < page->count; i++) {
    struct envelope event = {.kind = KIND_MESSAGE_READ,
                             .ts_ms = node_wall_ms(),
                             .from = session->user,
                             .to = session->user,
                             .message_id = page->messages[i].id};
    dispatch_publish(session->node, OWNER_USER, session->user.id, &event);
  }
}

static void begin_refused(struct session *session, const struct command *command, struct task *task)
{
  (void)session;
  command_finish_with(task, command->refusal);
}

static void begin_nothing(struct session *session, const struct command *command, struct task *task)
{
  (void)session;
  (void)command;
  command_finish_with(task, ERR_OK);
}

/* One row a kind of command: what begins it, and whether what it names must be in the
 * directory before. */
static const struct {
  command_fn *begin;
  bool addressed;
} handlers[COMMAND_COUNT] = {
    [COMMAND_REFUSED] = {begin_refused, false},
    [COMMAND_NONE] = {begin_nothing, false},
    [COMMAND_SEND] = {command_send, true},
    [COMMAND_READ] = {command_read, true},
    [COMMAND_DELIVERED] = {command_read_up_to, true},
    [COMMAND_ENTER] = {command_enter, true},
    [COMMAND_EXIT] = {command_exit, true},
    [COMMAND_INVITE] = {command_invite, true},
    [COMMAND_EDIT] = {command_edit, false},
    [COMMAND_DELETE] = {command_delete, false},
    [COMMAND_REACT] = {command_react, false},
    [COMMAND_TYPING] = {command_typing, true},
    [COMMAND_GET_MESSAGE] = {command_get_message, false},
    [COMMAND_GET_MESSAGES] = {command_get_messages, true},
    [COMMAND_GET_CHAT] = {command_get_chat, true},
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
static bool ask(const struct session *session, const struct command *command,
                struct question *question)
{
  struct backend *backend = session->node->backend;
  if (!handlers[command->kind].addressed) return false;
  if (ask_about(backend, &command->to, false, question)) return true;
  if (ask_about(backend, &command->user, true, question)) return true;
  if (command->to.kind != ADDRESS_USER) return false;
  question->what = ASK_ENTRY;
  question->kind = OWNER_DIALOG;
  question->id = directory_dialog_id(session->user.id, command->to.id, question->dialog);
  return !directory_find(backend, OWNER_DIALOG, question->id);
}

/* Whom a number or UUID stands for: a room, a user, or the other one of a dialog that is
 * this session's user's. */
static enum err name_address(const struct session *session, struct task *task, bool about_user,
                             const struct entry *entry)
{
  struct address *address = about_user ? &task->command.user : &task->command.to;
  struct slice id = entry->id;
  if (about_user != (entry->kind == OWNER_USER)) return ERR_NOT_FOUND;
  if (entry->kind == OWNER_DIALOG && !command_other_of(entry->id, session->user.id, &id))
    return ERR_NOT_FOUND;
  if (!about_user) task->named = *address;
  task->found[about_user] = memory_copy(id.data, id.len);
  address->kind = entry->kind == OWNER_ROOM ? ADDRESS_ROOM : ADDRESS_USER;
  address->id = (struct slice){task->found[about_user], id.len};
  return ERR_OK;
}

static struct task *take_first(struct session *session)
{
  struct task *task = session->first_task;
  session->first_task = task->next;
  if (!session->first_task) session->last_task = NULL;
  return task;
}

struct resolution {
  struct node *node;
  uint64_t session;
  bool names, about_user; /* the answer names an address */
};

static void on_resolved(void *arg, enum err err, const struct entry *entry)
{
  struct resolution resolution = *(struct resolution *)arg;
  free(arg);
  struct session *session = session_find(resolution.node, resolution.session);
  if (!session) return;
  session->resolving = false;
  if (err == ERR_OK && resolution.names)
    err = name_address(session, session->first_task, resolution.about_user, entry);
  if (err != ERR_OK) {
    session->in_flight++;
    command_finish_with(take_first(session), err); /* pumps */
    return;
  }
  pump(session);
}

static void resolve(struct session *session, const struct question *question)
{
  struct backend *backend = session->node->backend;
  struct resolution *resolution = memory_alloc(sizeof *resolution);
  bool names = question->what != ASK_ENTRY;
  *resolution = (struct resolution){session->node, session->handle, names, question->about_user};
  session->resolving = true;
  if (question->what == ASK_NUMBER)
    directory_by_number(backend, question->kind, question->num, on_resolved, resolution);
  else if (question->what == ASK_UUID)
    directory_by_uuid(backend, question->id, on_resolved, resolution);
  else
    directory_resolve(backend, question->kind, question->id, question->kind != OWNER_ROOM,
                      on_resolved, resolution);
}

/* ---- the queue ---------------------------------------------------------------------- */

static void begin(struct session *session, const struct command *command, struct task *task)
{
  session->in_flight++;
  if (command->key.len) /* nobody has been given one yet */
    command_finish_with(task, ERR_BAD_KEY);
  else
    handlers[command->kind].begin(session, command, task);
}

/* Begins what can begin. A command's outcome may come at once and pump again; the
 * flag keeps that flat. */
static void pump(struct session *session)
{
  if (session->pumping) return;
  session->pumping = true;
  unsigned limit = session->node->config->commands_in_flight;
  while (session->first_task && !session->resolving && session->in_flight < limit) {
    struct question question;
    if (ask(session, &session->first_task->command, &question)) {
      resolve(session, &question);
      break;
    }
    struct task *task = take_first(session);
    begin(session, &task->command, task);
  }
  session->pumping = false;
  session_pause_reading(session, session->first_task || session->in_flight >= limit);
}

/* Nothing waits in front of it and everything that it names is known: the usual case,
 * which copies nothing but what is needed once it is done. */
static bool can_begin(struct session *session, const struct command *command)
{
  struct question question;
  return !session->first_task && session->in_flight < session->node->config->commands_in_flight &&
         !ask(session, command, &question);
}

void dispatch(struct session *session, const struct command *first)
{
  for (const struct command *command = first; command; command = command->next) {
    if (session->state == SESSION_CLOSING) return;
    if (can_begin(session, command)) {
      begin(session, command,
            task_new(session->node, session->handle, command, TASK_COPY_FOR_REPLY));
      continue;
    }
    struct task *task = task_new(session->node, session->handle, command, TASK_COPY_ALL);
    if (session->last_task)
      session->last_task->next = task;
    else
      session->first_task = task;
    session->last_task = task;
  }
  pump(session);
}

void dispatch_forget(struct session *session)
{
  while (session->first_task) task_free(take_first(session));
  command_forget_replies(session);
}
