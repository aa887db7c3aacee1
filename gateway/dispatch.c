/* See dispatch.h.
 *
 *   command ─► addresses known? place for a room more? ─► begun: handed to Redis ─► outcome ─► reply
 *                  │ no: asked of Redis; those behind it wait
 *
 * A command is begun when the one before it has been handed to Redis, and one link
 * keeps their order. What each kind begins with stands in command_*.c. */
#include "dispatch.h"

#include <stdlib.h>

#include "account.h"
#include "base/memory.h"
#include "bus.h"
#include "commands.h"
#include "directory.h"
#include "messages.h"
#include "metrics.h"
#include "rooms.h"
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
  node_command_answered(task->node);
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

/* Kept with the dialog, where its author may ask for it later. */
static void note_receipt(struct node *node, const struct envelope *message, enum envelope_kind kind)
{
  enum receipt_kind what = kind == KIND_MESSAGE_READ ? RECEIPT_READ : RECEIPT_DELIVERED;
  if (message->keep == KEEP_LOG && message->dialog.kind == PARTY_DIALOG)
    receipt_set(node->backend, message->dialog.id, message->to.id, what, message->id,
                node_wall_ms());
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
    note_receipt(node, &message, kind); /* so that who is told finds it */
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

/* What must be in the directory before a command begins: nothing; what it names, made where
 * it is a user or a dialog (anyone may be written to); what it names, if it is there. */
enum addressed { UNADDRESSED, MADE, KNOWN };

/* One row a kind of command. */
static const struct {
  command_fn *begin;
  enum addressed addressed;
  enum {
    OF_ANY,
    OF_SESSION,
    OF_ROOM
  } of; /* a connection: a request cannot ask for it; a room:
                                            * `to` must be one */
} handlers[COMMAND_COUNT] = {
    [COMMAND_REFUSED] = {begin_refused, UNADDRESSED, OF_ANY},
    [COMMAND_NONE] = {begin_nothing, UNADDRESSED, OF_ANY},
    [COMMAND_SEND] = {command_send, MADE, OF_ANY},
    [COMMAND_READ] = {command_read, MADE, OF_SESSION},
    [COMMAND_DELIVERED] = {command_read_up_to, MADE, OF_SESSION},
    [COMMAND_ENTER] = {command_enter, MADE, OF_ROOM},
    [COMMAND_EXIT] = {command_exit, MADE, OF_ROOM},
    [COMMAND_INVITE] = {command_invite, MADE, OF_ROOM},
    [COMMAND_EDIT] = {command_edit, UNADDRESSED, OF_ANY},
    [COMMAND_DELETE] = {command_delete, UNADDRESSED, OF_ANY},
    [COMMAND_REACT] = {command_react, UNADDRESSED, OF_ANY},
    [COMMAND_TYPING] = {command_typing, MADE, OF_ANY},
    [COMMAND_GET_MESSAGE] = {command_get_message, UNADDRESSED, OF_ANY},
    [COMMAND_GET_MESSAGES] = {command_get_messages, MADE, OF_ANY},
    [COMMAND_GET_CHAT] = {command_get_chat, MADE, OF_SESSION},
    [COMMAND_REGISTER] = {command_register, UNADDRESSED, OF_ANY},
    [COMMAND_LOG_IN] = {command_log_in, KNOWN, OF_ANY},
    [COMMAND_RENEW] = {command_renew, KNOWN, OF_ANY},
    [COMMAND_REVOKE] = {command_revoke, KNOWN, OF_ANY},
    [COMMAND_REVOKE_LISTED] = {command_revoke_listed, KNOWN, OF_ANY},
    [COMMAND_LIST_CREDENTIALS] = {command_list_credentials, KNOWN, OF_ANY},
    [COMMAND_GET_USER] = {command_get_user, KNOWN, OF_ANY},
    [COMMAND_LIST_USERS] = {command_list_users, UNADDRESSED, OF_ANY},
    [COMMAND_EDIT_USER] = {command_edit_user, KNOWN, OF_ANY},
    [COMMAND_DELETE_USER] = {command_delete_user, KNOWN, OF_ANY},
    [COMMAND_CREATE_ROOM] = {command_create_room, KNOWN, OF_ANY},
    [COMMAND_GET_ROOM] = {command_get_room, KNOWN, OF_ROOM},
    [COMMAND_LIST_ROOMS] = {command_list_rooms, UNADDRESSED, OF_ANY},
    [COMMAND_EDIT_ROOM] = {command_edit_room, KNOWN, OF_ROOM},
    [COMMAND_DELETE_ROOM] = {command_delete_room, KNOWN, OF_ROOM},
    [COMMAND_LIST_PEOPLE] = {command_list_people, KNOWN, OF_ROOM},
    [COMMAND_GET_STANDING] = {command_get_standing, KNOWN, OF_ROOM},
    [COMMAND_SET_ROLE] = {command_set_role, KNOWN, OF_ROOM},
    [COMMAND_GET_REACTIONS] = {command_get_reactions, UNADDRESSED, OF_ANY},
    [COMMAND_GET_UNREAD] = {command_get_unread, KNOWN, OF_ANY},
    [COMMAND_SEARCH] = {command_search, KNOWN, OF_ANY},
    [COMMAND_LIST_SESSIONS] = {command_list_sessions, UNADDRESSED, OF_ANY},
    [COMMAND_DISCONNECT] = {command_disconnect, UNADDRESSED, OF_ANY},
    [COMMAND_LIST_NODES] = {command_list_nodes, UNADDRESSED, OF_ANY},
    [COMMAND_NOTICE] = {command_notice, KNOWN, OF_ANY},
};

/* ---- addresses ---------------------------------------------------------------------- */

/* What must be asked of Redis before a command can begin. */
struct question {
  enum { ASK_NOTHING, ASK_ENTRY, ASK_NUMBER, ASK_UUID, ASK_KEY, ASK_PLACE } what;
  enum owner_kind kind;
  struct slice id;   /* of an entry or a UUID, which may stand in `dialog`; the key; the room */
  struct slice user; /* who wants a place there */
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

/* A key inside a frame that is not the one its connection came in with must be the user's. */
static bool ask_about_key(const struct caller *caller, const struct command *command,
                          struct question *question)
{
  question->what = ASK_KEY;
  question->id = command->key;
  return caller->session && command->key.len &&
         !credential_is(command->key, caller->session->credential);
}

/* A message to a user is in their dialog with whoever speaks; the server's own are in none,
 * whoever looks at them. */
static bool ask_about_dialog(const struct caller *caller, const struct command *command,
                             struct question *question)
{
  bool speaks_for = command_speaks_for(caller, command);
  struct slice speaker = speaks_for ? command->user.id : caller->user.id;
  if (handlers[command->kind].addressed != MADE || command->to.kind != ADDRESS_USER) return false;
  if (caller->admin && !speaks_for) return false;
  if (slice_equal(command->to.id, party_server.id)) return false;
  question->what = ASK_ENTRY;
  question->kind = OWNER_DIALOG;
  question->id = directory_dialog_id(speaker, command->to.id, question->dialog);
  return !directory_find(caller->node->backend, OWNER_DIALOG, question->id);
}

/* Who comes to one more room by the command; empty: nobody. */
static struct slice comer(const struct caller *caller, const struct command *command)
{
  static const struct slice nobody = {0};
  switch (command->kind) {
  case COMMAND_ENTER:
    return caller->user.id;
  case COMMAND_CREATE_ROOM:
    return caller->admin ? command->user.id : caller->user.id;
  case COMMAND_SET_ROLE: /* nobody else may, and is told no more than that */
    return caller->admin && command->role == ROLE_MEMBER && command->adding ? command->user.id
                                                                            : nobody;
  default:
    return nobody;
  }
}

static bool ask_about_place(const struct caller *caller, const struct command *command,
                            struct question *question)
{
  question->what = ASK_PLACE;
  question->id = command->to.id;
  question->user = comer(caller, command);
  return question->user.len && caller->node->config->rooms_per_user;
}

/* The first thing that the command names and the directory does not hold, or that has to be asked of
 * Redis each time. False: none. */
static bool ask(const struct caller *caller, const struct command *command, bool has_place,
                struct question *question)
{
  struct backend *backend = caller->node->backend;
  if (ask_about_key(caller, command, question)) return true;
  if (handlers[command->kind].addressed == UNADDRESSED) return false;
  if (ask_about(backend, &command->to, false, question)) return true;
  if (ask_about(backend, &command->user, true, question)) return true;
  if (ask_about_dialog(caller, command, question)) return true;
  return !has_place && ask_about_place(caller, command, question);
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

static struct caller *resolved(const struct resolution *resolution)
{
  struct caller *caller = caller_find(resolution->node, resolution->caller);
  if (caller) caller->resolving = false;
  return caller;
}

static void go_on(struct caller *caller, enum err err)
{
  if (err == ERR_OK) {
    pump(caller);
    return;
  }
  caller->in_flight++;
  metric_add(METRIC_COMMANDS_IN_FLIGHT, 1);
  command_finish_with(take_first(caller), err); /* pumps */
}

static void on_resolved(void *arg, enum err err, const struct entry *entry)
{
  struct resolution resolution = *(struct resolution *)arg;
  free(arg);
  struct caller *caller = resolved(&resolution);
  if (!caller) return;
  struct task *task = caller->first_task;
  if (err == ERR_OK && resolution.names)
    err = name_address(caller, task, resolution.about_user, entry);
  bool known = handlers[task->command.kind].addressed == KNOWN;
  if (err == ERR_NOT_FOUND && known && resolution.about_user) err = ERR_NO_SUCH_USER;
  go_on(caller, err);
}

static void on_key(void *arg, const struct verified *verified)
{
  struct resolution resolution = *(struct resolution *)arg;
  free(arg);
  struct caller *caller = resolved(&resolution);
  if (!caller) return;
  enum err err = verified->err == ERR_UNAUTHORIZED ? ERR_BAD_KEY : verified->err;
  if (err == ERR_OK && !slice_equal(verified->user, caller->user.id)) err = ERR_BAD_KEY;
  caller->first_task->command.key.len = 0; /* it was looked at */
  go_on(caller, err);
}

static void on_place(void *arg, enum err err)
{
  struct resolution resolution = *(struct resolution *)arg;
  free(arg);
  struct caller *caller = resolved(&resolution);
  if (!caller) return;
  caller->first_task->has_place = true;
  go_on(caller, err);
}

static void resolve(struct caller *caller, const struct question *question)
{
  struct backend *backend = caller->node->backend;
  struct resolution *resolution = memory_alloc(sizeof *resolution);
  bool names = question->what != ASK_ENTRY;
  bool known = handlers[caller->first_task->command.kind].addressed == KNOWN;
  *resolution = (struct resolution){caller->node, caller->handle, names, question->about_user};
  caller->resolving = true;
  if (question->what == ASK_KEY)
    credential_check(backend, question->id, node_wall_ms(), on_key, resolution);
  else if (question->what == ASK_PLACE)
    room_place(backend, question->id, question->user, caller->node->config->rooms_per_user,
               on_place, resolution);
  else if (question->what == ASK_NUMBER)
    directory_by_number(backend, question->kind, question->num, on_resolved, resolution);
  else if (question->what == ASK_UUID)
    directory_by_uuid(backend, question->id, on_resolved, resolution);
  else
    directory_resolve(backend, question->kind, question->id, question->kind != OWNER_ROOM && !known,
                      on_resolved, resolution);
}

/* ---- the queue ---------------------------------------------------------------------- */

static enum err check_target(const struct caller *caller, const struct command *command)
{
  if (!handlers[command->kind].begin) return ERR_UNSUPPORTED;
  if (handlers[command->kind].of == OF_SESSION && !caller->session) return ERR_UNSUPPORTED;
  if (handlers[command->kind].of == OF_ROOM && command->to.kind != ADDRESS_ROOM)
    return ERR_NOT_FOUND;
  return ERR_OK;
}

static void begin(struct caller *caller, const struct command *command, struct task *task)
{
  enum err err = check_target(caller, command);
  caller->in_flight++;
  metric_add(METRIC_COMMANDS_IN_FLIGHT, 1);
  if (err != ERR_OK)
    command_finish_with(task, err);
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
    const struct task *first = caller->first_task;
    if (ask(caller, &first->command, first->has_place, &question)) {
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
         !ask(caller, command, false, &question);
}

void dispatch(struct caller *caller, const struct command *first)
{
  for (const struct command *command = first; command; command = command->next) {
    if (caller->session && caller->session->state == SESSION_CLOSING) return;
    if (can_begin(caller, command)) {
      enum task_copy copy = caller->session ? TASK_COPY_FOR_REPLY : TASK_COPY_ALL;
      begin(caller, command, task_new(caller->node, caller->handle, command, copy));
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
