/* Commands about a conversation: a room, or the dialog with another user.
 *
 *   room    ─► may this user? (room_standing) ─► what is asked
 *   dialog  ─► it is theirs: it is named by the other one */
#include <stdlib.h>

#include "base/memory.h"
#include "commands.h"
#include "dispatch.h"
#include "inbox.h"
#include "messages.h"
#include "reactions.h"
#include "shown.h"

enum { READ_AT_ONCE = 256, MESSAGES_AT_MOST = 100, PAGE_BYTES = 512 * 1024 };

/* What a task of these holds on its way. */
struct visit {
  struct task *task;
  struct owner owner; /* the log: a room's or a dialog's */
  struct envelope event;
  void (*then)(struct visit *visit, struct caller *caller);
  struct outcome outcome;
  struct receipts receipts; /* of the dialog's other one */
  bool newly_read;          /* something left the unread list */
  size_t id_count;          /* what is being marked as read */
  uint64_t ids[READ_AT_ONCE];
  struct arena arena;
};

static void leave(struct visit *visit, enum err err)
{
  struct task *task = visit->task;
  visit->outcome.err = err;
  visit->outcome.ts_ms = node_wall_ms();
  command_finish(task, &visit->outcome);
  arena_free(&visit->arena);
  free(visit);
}

static void on_standing(void *arg, const struct room_standing *standing)
{
  struct visit *visit = arg;
  struct caller *caller = command_caller(visit->task);
  enum err err = standing->err;
  if (err == ERR_OK && standing->banned) err = ERR_FORBIDDEN;
  if (err == ERR_OK && !standing->member && !standing->is_public) err = ERR_NOT_IN_ROOM;
  if (err != ERR_OK || !caller)
    leave(visit, err == ERR_OK ? ERR_GOING_AWAY : err);
  else
    visit->then(visit, caller);
}

/* The caller's user, the conversation, and who may ask: then `then` goes on. */
static void enter_conversation(struct caller *caller, const struct command *command,
                               struct task *task,
                               void (*then)(struct visit *visit, struct caller *caller))
{
  struct backend *backend = caller->node->backend;
  bool room = command->to.kind == ADDRESS_ROOM;
  if (caller->admin && !room) { /* the operator is in no dialog */
    command_finish_with(task, ERR_NOT_FOUND);
    return;
  }
  struct visit *visit = memory_zalloc(sizeof *visit);
  visit->task = task;
  visit->then = then;
  visit->event.thread = arena_copy(&visit->arena, command->thread);
  enum owner_kind kind = room ? OWNER_ROOM : OWNER_USER;
  struct party to = command_party(directory_find(backend, kind, command->to.id));
  visit->event.to = party_copy(&visit->arena, to);
  visit->owner = (struct owner){OWNER_ROOM, visit->event.to.id};
  if (caller->admin) {
    then(visit, caller);
    return;
  }
  if (room) {
    room_standing(backend, visit->owner.id, caller->user.id, on_standing, visit);
    return;
  }
  char id[COMMAND_DIALOG_ID_BYTES];
  struct slice dialog = directory_dialog_id(caller->user.id, command->to.id, id);
  const struct entry *entry = directory_find(backend, OWNER_DIALOG, dialog);
  /* What the server wrote is in none. */
  if (entry) visit->event.dialog = party_copy(&visit->arena, command_party(entry));
  visit->owner = (struct owner){OWNER_DIALOG, arena_copy(&visit->arena, dialog)};
  then(visit, caller);
}

/* Tells the other side of it: a room, or the other user. */
static void tell(struct visit *visit, struct caller *caller, enum envelope_kind kind)
{
  bool room = visit->owner.kind == OWNER_ROOM;
  visit->event.kind = kind;
  visit->event.ts_ms = node_wall_ms();
  visit->event.from = caller->user;
  visit->event.message_id = visit->task->command.message_id;
  visit->event.origin.protocol = slice_of(caller->protocol->name);
  visit->event.origin.node = slice_of(caller->node->id);
  visit->event.origin.session = caller->id;
  dispatch_publish(caller->node, room ? OWNER_ROOM : OWNER_USER, visit->event.to.id, &visit->event);
}

/* ---- typing -------------------------------------------------------------------------- */

static void type(struct visit *visit, struct caller *caller)
{
  visit->task->command.message_id = 0;
  tell(visit, caller, KIND_TYPING);
  leave(visit, ERR_OK);
}

void command_typing(struct caller *caller, const struct command *command, struct task *task)
{
  enter_conversation(caller, command, task, type);
}

/* ---- receipts ------------------------------------------------------------------------ */

static enum envelope_kind receipt_kind(const struct visit *visit)
{
  bool read = visit->task->command.kind == COMMAND_READ;
  return read ? KIND_MESSAGE_READ : KIND_MESSAGE_DELIVERED;
}

static void on_cursor_set(void *arg, enum err err)
{
  leave(arg, err);
}

/* A message that is in no list, but has its id of the dialog, is ephemeral: nobody has kept
 * whether it was read before. */
static void on_block(void *arg, enum err err, const struct owner *owner)
{
  struct visit *visit = arg;
  struct caller *caller = command_caller(visit->task);
  bool of_dialog = err == ERR_OK && owner->kind == OWNER_DIALOG;
  if (of_dialog && caller && slice_equal(owner->id, visit->owner.id))
    tell(visit, caller, receipt_kind(visit));
  leave(visit, ERR_OK);
}

/* The message that was marked: its place in the log is how far the user has read. One that
 * is in no log (sent by a protocol that keeps none) has only been unread. */
static void on_marked(void *arg, const struct page *page)
{
  struct visit *visit = arg;
  struct caller *caller = command_caller(visit->task);
  if (page->err == ERR_UNAVAILABLE || !caller) {
    leave(visit, page->err == ERR_OK ? ERR_GOING_AWAY : page->err);
    return;
  }
  bool kept = page->err == ERR_OK && page->count;
  if (kept && visit->newly_read) /* of a dialog */
    receipt_set(caller->node->backend, visit->owner.id, caller->user.id, RECEIPT_READ,
                page->messages[0].id, node_wall_ms());
  /* What was read before was told then. */
  bool tells = visit->newly_read || visit->owner.kind != OWNER_DIALOG;
  if (tells) tell(visit, caller, receipt_kind(visit));
  if (kept && visit->task->command.kind == COMMAND_READ)
    read_cursor_set(caller->node->backend, visit->owner, caller->user.id, page->messages[0].seq,
                    on_cursor_set, visit);
  else if (!kept && !tells)
    message_owner(caller->node->backend, visit->task->command.message_id, on_block, visit);
  else
    leave(visit, ERR_OK);
}

static void mark(struct visit *visit, struct caller *caller)
{
  message_get(caller->node->backend, visit->owner, visit->task->command.message_id, on_marked,
              visit);
}

/* A message of a dialog is told once that it was received, by whatever proved it first. */
static void on_confirmed(void *arg, const struct page *page)
{
  struct visit *visit = arg;
  if (page->err == ERR_OK) dispatch_tell_senders(visit->task->node, page, KIND_MESSAGE_DELIVERED);
  if (!page->more) leave(visit, page->err);
}

static void read_more(struct visit *visit, struct caller *caller);

static void on_read(void *arg, const struct page *page)
{
  struct visit *visit = arg;
  struct caller *caller = command_caller(visit->task);
  if (page->err != ERR_OK || !caller) {
    leave(visit, page->err == ERR_OK ? ERR_GOING_AWAY : page->err);
    return;
  }
  for (size_t i = 0; i < visit->id_count; i++) shown_forget(&caller->session->shown, visit->ids[i]);
  dispatch_tell_own(caller, page);
  visit->newly_read = visit->newly_read || page->count;
  read_more(visit, caller);
}

/* All that this connection was shown of the dialog up to the message, in the order of the
 * unread list. */
static void read_more(struct visit *visit, struct caller *caller)
{
  visit->id_count = shown_find_up_to(caller->session->shown, visit->event.to.id,
                                     visit->task->command.message_id, visit->ids, READ_AT_ONCE);
  if (visit->id_count)
    inbox_read(caller->node->backend, caller->user.id, visit->ids, visit->id_count, on_read, visit);
  else
    mark(visit, caller);
}

static void receive(struct visit *visit, struct caller *caller)
{
  if (visit->owner.kind != OWNER_DIALOG)
    mark(visit, caller);
  else if (visit->task->command.kind == COMMAND_READ)
    read_more(visit, caller);
  else
    inbox_confirm(caller->node->backend, caller->user.id, visit->task->command.message_id,
                  on_confirmed, visit);
}

void command_read_up_to(struct caller *caller, const struct command *command, struct task *task)
{
  enter_conversation(caller, command, task, receive);
}

/* ---- looking ------------------------------------------------------------------------- */

/* Of the caller's own messages; others' are not theirs to know of. */
static const struct receipt *receipts_of(struct visit *visit, const struct caller *caller)
{
  size_t count = visit->outcome.message_count;
  struct receipt *receipts = arena_zalloc(&visit->arena, (count + 1) * sizeof *receipts);
  for (size_t i = 0; i < count; i++)
    if (slice_equal(visit->outcome.messages[i].from.id, caller->user.id))
      receipts[i] = command_receipt(&visit->receipts, &visit->outcome.messages[i]);
  return receipts;
}

static void on_messages(void *arg, const struct page *page)
{
  struct visit *visit = arg;
  const struct caller *caller = command_caller(visit->task);
  char cursor[COMMAND_CURSOR_BYTES];
  bool more = page->err == ERR_OK && page->more && page->count;
  if (!caller) {
    leave(visit, ERR_GOING_AWAY);
    return;
  }
  if (page->err == ERR_OK)
    visit->outcome.messages = page_decode(&visit->arena, page, &visit->outcome.message_count);
  visit->outcome.receipts = receipts_of(visit, caller);
  visit->outcome.cursor = command_cursor(more ? page->messages[0].id : 0, cursor);
  leave(visit, page->err);
}

static void read_page(struct visit *visit)
{
  const struct command *command = &visit->task->command;
  unsigned count = command->count < MESSAGES_AT_MOST ? command->count : MESSAGES_AT_MOST;
  uint64_t before = command->message_id;
  if (before && command->up_to) before++;
  messages_latest(visit->task->node->backend, visit->owner, before, count, PAGE_BYTES, on_messages,
                  visit);
}

static void on_receipts(void *arg, const struct receipts *receipts)
{
  struct visit *visit = arg;
  visit->receipts = *receipts;
  if (receipts->err != ERR_OK)
    leave(visit, receipts->err);
  else
    read_page(visit);
}

static void look(struct visit *visit, struct caller *caller)
{
  if (visit->owner.kind == OWNER_DIALOG && caller->protocol->shows_delivered)
    receipts_get(caller->node->backend, visit->owner.id, visit->event.to.id, on_receipts, visit);
  else
    read_page(visit);
}

void command_get_messages(struct caller *caller, const struct command *command, struct task *task)
{
  enter_conversation(caller, command, task, look);
}

static void on_unread(void *arg, const struct page *page)
{
  struct visit *visit = arg;
  visit->outcome.conversation.unread = page->seq;
  leave(visit, page->err);
}

/* What the other one sent by a protocol that keeps no log can be newer than the log. */
static void add_unread(struct visit *visit, struct caller *caller, const struct page *page)
{
  struct conversation_info *info = &visit->outcome.conversation;
  struct envelope newest = {0};
  uint64_t ts_ms = 0;
  uint64_t unread_id = shown_newest(caller->session->shown, visit->event.to.id, &ts_ms);
  info->unread = shown_count(caller->session->shown, visit->event.to.id);
  if (page->count &&
      envelope_decode(&visit->arena, page->messages[page->count - 1].line, &newest) != ERR_OK)
    newest.ts_ms = 0;
  if (unread_id && ts_ms > newest.ts_ms) info->last_id = unread_id;
}

static void on_newest(void *arg, const struct page *page)
{
  struct visit *visit = arg;
  struct caller *caller = command_caller(visit->task);
  struct conversation_info *info = &visit->outcome.conversation;
  if (page->err != ERR_OK || !caller) {
    leave(visit, page->err == ERR_OK ? ERR_GOING_AWAY : page->err);
    return;
  }
  info->party = visit->event.to;
  if (page->count) info->last_id = page->messages[page->count - 1].id;
  if (visit->owner.kind == OWNER_DIALOG) {
    add_unread(visit, caller, page);
    leave(visit, ERR_OK);
    return;
  }
  unread_count(caller->node->backend, visit->owner, caller->user.id, on_unread, visit);
}

static void look_at_chat(struct visit *visit, struct caller *caller)
{
  messages_latest(caller->node->backend, visit->owner, 0, 1, PAGE_BYTES, on_newest, visit);
}

void command_get_chat(struct caller *caller, const struct command *command, struct task *task)
{
  enter_conversation(caller, command, task, look_at_chat);
}
