/* Commands about a message that was sent before (inquiry.h): what changes it, looks at it, or
 * says that it was read.
 *
 * An edit or a deletion holds everywhere: in the log, and in the unread copy of the
 * recipient's inbox. Whoever hears the conversation is told: a room by its channel, a
 * dialog by the channels of its two users. */
#include "commands.h"
#include "directory.h"
#include "dispatch.h"
#include "inquiry.h"

/* ---- looking ------------------------------------------------------------------------- */

static void show_with(struct inquiry *inquiry, const struct receipt *receipt)
{
  inquiry_finish(inquiry, &(struct outcome){.err = ERR_OK,
                                            .message_id = inquiry->message.id,
                                            .ts_ms = inquiry->at_ms,
                                            .messages = &inquiry->message,
                                            .receipts = receipt,
                                            .message_count = 1});
}

static void show(struct inquiry *inquiry, struct caller *caller)
{
  (void)caller;
  show_with(inquiry, NULL);
}

static void on_receipts(void *arg, const struct receipts *receipts)
{
  struct inquiry *inquiry = arg;
  struct receipt receipt = command_receipt(receipts, &inquiry->message);
  if (receipts->err != ERR_OK)
    inquiry_end(inquiry, receipts->err);
  else
    show_with(inquiry, &receipt);
}

/* The author of a direct message may see when it was received and read. */
static void look(struct inquiry *inquiry, struct caller *caller)
{
  const struct envelope *message = &inquiry->message;
  bool author = slice_equal(message->from.id, caller->user.id);
  if (inquiry->owner.kind == OWNER_DIALOG && author && caller->protocol->shows_delivered)
    receipts_get(caller->node->backend, inquiry->owner.id, message->to.id, on_receipts, inquiry);
  else
    show_with(inquiry, NULL);
}

void command_get_message(struct caller *caller, const struct command *command, struct task *task)
{
  (void)command;
  inquire(caller, task, look);
}

/* ---- editing and deleting ------------------------------------------------------------ */

static struct envelope change_event(const struct inquiry *inquiry, const struct caller *caller)
{
  bool deletes = inquiry->task->command.kind == COMMAND_DELETE;
  struct envelope event =
      inquiry_event(inquiry, caller, deletes ? KIND_MESSAGE_DELETED : KIND_MESSAGE_EDITED);
  if (deletes) return event;
  event.text = inquiry->message.text;
  event.attachments = inquiry->message.attachments; /* they stay, and a text is shown with them */
  return event;
}

/* Its reactions are kept beside it. */
static struct slice write_message(struct inquiry *inquiry)
{
  struct envelope kept = inquiry->message;
  kept.reactions = (struct slice){0};
  return inquiry_write(inquiry, &kept);
}

/* One place where the message is kept; `event` is published with the change. */
static void change(struct inquiry *inquiry, struct caller *caller, struct owner owner,
                   struct slice event, err_fn *done)
{
  struct backend *backend = caller->node->backend;
  if (inquiry->task->command.kind == COMMAND_DELETE)
    message_delete(backend, owner, inquiry->message.id, event, done, inquiry);
  else
    message_edit(backend, owner, inquiry->message.id, write_message(inquiry), event, done, inquiry);
}

static void on_changed(void *arg, enum err err)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = command_caller(inquiry->task);
  if (err == ERR_OK && caller) {
    struct envelope event = change_event(inquiry, caller);
    inquiry_tell_two(inquiry, caller, &event);
  }
  if (err == ERR_OK)
    show(inquiry, caller); /* as it is now, or was last */
  else
    inquiry_end(inquiry, err);
}

static void change_log(struct inquiry *inquiry, struct caller *caller)
{
  struct envelope event = change_event(inquiry, caller);
  bool room = inquiry->owner.kind == OWNER_ROOM;
  change(inquiry, caller, inquiry->owner, room ? inquiry_write(inquiry, &event) : (struct slice){0},
         on_changed);
}

/* The unread copy may be gone: it was read. */
static void on_copy_changed(void *arg, enum err err)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = command_caller(inquiry->task);
  if (err != ERR_OK && err != ERR_NOT_FOUND)
    inquiry_end(inquiry, err);
  else if (!caller)
    inquiry_end(inquiry, ERR_GOING_AWAY);
  else
    change_log(inquiry, caller);
}

/* The unread copy of a logged direct message goes first: after a crash in between, the
 * same again finds the log and completes it. */
static void change_everywhere(struct inquiry *inquiry, struct caller *caller)
{
  struct owner inbox = {OWNER_USER, inquiry->message.to.id};
  if (inquiry->owner.kind == OWNER_DIALOG)
    change(inquiry, caller, inbox, (struct slice){0}, on_copy_changed);
  else
    change_log(inquiry, caller);
}

static bool is_author(const struct inquiry *inquiry, const struct caller *caller)
{
  return slice_equal(inquiry->message.from.id, caller->user.id);
}

static void edit(struct inquiry *inquiry, struct caller *caller)
{
  if (!is_author(inquiry, caller) && !caller->admin) {
    inquiry_end(inquiry, ERR_FORBIDDEN);
    return;
  }
  inquiry->message.text = inquiry->text;
  inquiry->message.edited_ms = inquiry->at_ms;
  change_everywhere(inquiry, caller);
}

void command_edit(struct caller *caller, const struct command *command, struct task *task)
{
  struct inquiry *inquiry = inquire(caller, task, edit);
  inquiry->text = arena_copy(&inquiry->arena, command->text);
}

static void delete (struct inquiry *inquiry, struct caller *caller)
{
  if (is_author(inquiry, caller) || inquiry->admin)
    change_everywhere(inquiry, caller);
  else
    inquiry_end(inquiry, ERR_FORBIDDEN);
}

void command_delete(struct caller *caller, const struct command *command, struct task *task)
{
  (void)command;
  inquire(caller, task, delete);
}

/* ---- a receipt of one message (rooms) ------------------------------------------------ */

static void tell_receipt(struct inquiry *inquiry, struct caller *caller)
{
  struct envelope event = inquiry_event(inquiry, caller, KIND_MESSAGE_READ);
  if (inquiry->owner.kind == OWNER_DIALOG)
    receipt_set(caller->node->backend, inquiry->owner.id, caller->user.id, RECEIPT_READ,
                inquiry->message.id, inquiry->at_ms);
  if (inquiry->message.to.kind == PARTY_ROOM)
    dispatch_publish(caller->node, OWNER_ROOM, inquiry->message.to.id, &event);
  else
    inquiry_tell_two(inquiry, caller, &event);
  inquiry_end(inquiry, ERR_OK);
}

/* What is kept nowhere is known by where it was said. NULL: that cannot be. */
static struct caller *on_place(struct inquiry *inquiry, enum err err)
{
  struct caller *caller = command_caller(inquiry->task);
  inquiry->message.id = inquiry->task->command.message_id;
  if (err == ERR_OK && caller) return caller;
  inquiry_end(inquiry, err == ERR_OK ? ERR_GOING_AWAY : err);
  return NULL;
}

static void on_room(void *arg, enum err err, const struct entry *entry)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = on_place(inquiry, err);
  if (!caller) return;
  inquiry->message.to = command_party(entry);
  tell_receipt(inquiry, caller);
}

static void on_dialog(void *arg, enum err err, const struct entry *entry)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = on_place(inquiry, err);
  if (!caller) return;
  command_other_of(inquiry->owner.id, caller->user.id, &inquiry->message.from.id);
  inquiry->message.to = caller->user;
  inquiry->message.dialog = command_party(entry);
  tell_receipt(inquiry, caller);
}

/* Its block still tells the room or the dialog of a message that is kept nowhere; of one that
 * was read, and left the inbox that gave it its id, nobody knows any more who sent it. */
static void read_one(struct inquiry *inquiry, struct caller *caller)
{
  struct backend *backend = caller->node->backend;
  if (inquiry->owner.kind == OWNER_ROOM)
    directory_resolve(backend, OWNER_ROOM, inquiry->owner.id, false, on_room, inquiry);
  else if (inquiry->message.id)
    tell_receipt(inquiry, caller);
  else if (inquiry->owner.kind == OWNER_DIALOG)
    directory_resolve(backend, OWNER_DIALOG, inquiry->owner.id, false, on_dialog, inquiry);
  else
    inquiry_end(inquiry, ERR_OK);
}

void command_read_message(struct caller *caller, const struct command *command, struct task *task)
{
  (void)command;
  inquire(caller, task, read_one)->unkept = true;
}
