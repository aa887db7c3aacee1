/* Commands about a message that was sent before. They all begin alike:
 *
 *   message id ─► whose is it (its block) ─► may this user? ─► the message ─► what is asked
 *                 room, dialog or inbox      (room's rights,
 *                                             dialog's two)
 *
 * An edit or a deletion holds everywhere: in the log, and in the unread copy of the
 * recipient's inbox. Whoever hears the conversation is told: a room by its channel, a
 * dialog by the channels of its two users. */
#include <stdlib.h>

#include "base/memory.h"
#include "commands.h"
#include "dispatch.h"
#include "messages.h"

/* What a task of these holds on its way. */
struct inquiry {
  struct task *task;
  struct owner owner;
  struct slice line;       /* the message, once it was read */
  struct envelope message; /* decoded; slices of the line and the arena */
  struct arena arena;
  uint64_t at_ms;    /* when it was asked for: one time in log, event and reply */
  struct slice text; /* the new text, or the reaction */
  bool admin;        /* of the room */
  bool unkept;       /* a message that is not kept in its room will do */
  void (*then)(struct inquiry *inquiry, struct caller *caller);
};

static void inquiry_end(struct inquiry *inquiry)
{
  arena_free(&inquiry->arena);
  free(inquiry);
}

static void end_with(struct inquiry *inquiry, enum err err)
{
  struct outcome outcome = {.err = err, .message_id = inquiry->message.id, .ts_ms = inquiry->at_ms};
  struct task *task = inquiry->task;
  inquiry_end(inquiry);
  command_finish(task, &outcome);
}

/* ---- finding the message ----------------------------------------------------------- */

static void on_message(void *arg, const struct page *page)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = command_caller(inquiry->task);
  enum err err = page->err;
  if (err == ERR_OK && page->count == 0) err = ERR_NOT_FOUND;
  if (err == ERR_NOT_FOUND && inquiry->unkept && inquiry->owner.kind == OWNER_ROOM && caller) {
    inquiry->then(inquiry, caller);
    return;
  }
  if (err == ERR_OK) {
    inquiry->line = arena_copy(&inquiry->arena, page->messages[0].line);
    err = envelope_decode(&inquiry->arena, inquiry->line, &inquiry->message);
  }
  /* An unread copy is its sender's and its recipient's, and there for nobody else. */
  if (err == ERR_OK && caller && inquiry->owner.kind == OWNER_USER &&
      !slice_equal(caller->user.id, inquiry->message.from.id) &&
      !slice_equal(caller->user.id, inquiry->message.to.id))
    err = ERR_NOT_FOUND;
  if (err != ERR_OK || !caller)
    end_with(inquiry, err == ERR_OK ? ERR_GOING_AWAY : err);
  else
    inquiry->then(inquiry, caller);
}

static void get_message(struct inquiry *inquiry)
{
  struct caller *caller = command_caller(inquiry->task);
  if (!caller) {
    end_with(inquiry, ERR_GOING_AWAY);
    return;
  }
  message_get(caller->node->backend, inquiry->owner, inquiry->task->command.message_id, on_message,
              inquiry);
}

static void on_standing(void *arg, const struct room_standing *standing)
{
  struct inquiry *inquiry = arg;
  enum err err = standing->err;
  if (err == ERR_OK && standing->banned) err = ERR_FORBIDDEN;
  if (err == ERR_OK && !standing->member && !standing->is_public) err = ERR_NOT_IN_ROOM;
  inquiry->admin = standing->admin || standing->owner;
  if (err != ERR_OK)
    end_with(inquiry, err);
  else
    get_message(inquiry);
}

static void on_owner(void *arg, enum err err, const struct owner *owner)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = command_caller(inquiry->task);
  struct slice other;
  if (err != ERR_OK || !caller) {
    end_with(inquiry, err == ERR_OK ? ERR_GOING_AWAY : err);
    return;
  }
  inquiry->owner = (struct owner){owner->kind, arena_copy(&inquiry->arena, owner->id)};
  if (owner->kind == OWNER_ROOM)
    room_standing(caller->node->backend, inquiry->owner.id, caller->user.id, on_standing, inquiry);
  else if (owner->kind == OWNER_DIALOG && !command_other_of(owner->id, caller->user.id, &other))
    end_with(inquiry, ERR_NOT_FOUND);
  else
    get_message(inquiry);
}

static struct inquiry *inquire(struct caller *caller, struct task *task,
                               void (*then)(struct inquiry *inquiry, struct caller *caller))
{
  struct inquiry *inquiry = memory_zalloc(sizeof *inquiry);
  inquiry->at_ms = node_wall_ms();
  inquiry->task = task;
  inquiry->then = then;
  message_owner(caller->node->backend, task->command.message_id, on_owner, inquiry);
  return inquiry;
}

/* ---- telling ------------------------------------------------------------------------- */

/* An event about the message, by the caller. */
static struct envelope event_about(const struct inquiry *inquiry, const struct caller *caller,
                                   enum envelope_kind kind)
{
  struct envelope event = {.kind = kind,
                           .ts_ms = inquiry->at_ms,
                           .from = caller->user,
                           .to = inquiry->message.to,
                           .dialog = inquiry->message.dialog,
                           .thread = inquiry->message.thread,
                           .message_id = inquiry->message.id};
  event.origin.protocol = slice_of(caller->protocol->name);
  event.origin.node = slice_of(caller->node->id);
  event.origin.session = caller->id;
  return event;
}

/* The two of a direct message; the room's channel is told by the script. */
static void tell_two(const struct inquiry *inquiry, const struct caller *caller,
                     const struct envelope *event)
{
  if (inquiry->message.to.kind != PARTY_USER) return;
  dispatch_publish(caller->node, OWNER_USER, inquiry->message.from.id, event);
  if (!slice_equal(inquiry->message.from.id, inquiry->message.to.id))
    dispatch_publish(caller->node, OWNER_USER, inquiry->message.to.id, event);
}

/* ---- editing and deleting ------------------------------------------------------------ */

static struct slice write_rest(struct inquiry *inquiry, const struct envelope *event)
{
  struct text text = {0};
  envelope_write_rest(&text, event);
  struct slice rest = arena_copy(&inquiry->arena, text_slice(&text));
  text_free(&text);
  return rest;
}

static struct envelope change_event(const struct inquiry *inquiry, const struct caller *caller)
{
  bool deletes = inquiry->task->command.kind == COMMAND_DELETE;
  struct envelope event =
      event_about(inquiry, caller, deletes ? KIND_MESSAGE_DELETED : KIND_MESSAGE_EDITED);
  if (!deletes) event.text = inquiry->message.text;
  return event;
}

/* One place where the message is kept; `event` is published with the change. */
static void change(struct inquiry *inquiry, struct caller *caller, struct owner owner,
                   struct slice event, err_fn *done)
{
  struct backend *backend = caller->node->backend;
  if (inquiry->task->command.kind == COMMAND_DELETE)
    message_delete(backend, owner, inquiry->message.id, event, done, inquiry);
  else
    message_edit(backend, owner, inquiry->message.id, write_rest(inquiry, &inquiry->message), event,
                 done, inquiry);
}

static void on_changed(void *arg, enum err err)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = command_caller(inquiry->task);
  if (err == ERR_OK && caller) {
    struct envelope event = change_event(inquiry, caller);
    tell_two(inquiry, caller, &event);
  }
  end_with(inquiry, err);
}

static void change_log(struct inquiry *inquiry, struct caller *caller)
{
  struct envelope event = change_event(inquiry, caller);
  bool room = inquiry->owner.kind == OWNER_ROOM;
  change(inquiry, caller, inquiry->owner, room ? write_rest(inquiry, &event) : (struct slice){0},
         on_changed);
}

/* The unread copy may be gone: it was read. */
static void on_copy_changed(void *arg, enum err err)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = command_caller(inquiry->task);
  if (err != ERR_OK && err != ERR_NOT_FOUND)
    end_with(inquiry, err);
  else if (!caller)
    end_with(inquiry, ERR_GOING_AWAY);
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
  if (!is_author(inquiry, caller)) {
    end_with(inquiry, ERR_FORBIDDEN);
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
    end_with(inquiry, ERR_FORBIDDEN);
}

void command_delete(struct caller *caller, const struct command *command, struct task *task)
{
  (void)command;
  inquire(caller, task, delete);
}

/* ---- reacting ------------------------------------------------------------------------ */

static void on_counted(void *arg, enum err err, struct slice counts)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = command_caller(inquiry->task);
  if (err == ERR_OK && caller) {
    struct envelope event = event_about(inquiry, caller, KIND_REACTION_UPDATED);
    event.reactions = counts;
    tell_two(inquiry, caller, &event);
  }
  end_with(inquiry, err);
}

/* The script knows the counts; they go where a mark of ours stands in the event. */
static void react(struct inquiry *inquiry, struct caller *caller)
{
  static const struct slice mark = {"\"reactions\":{}", 14};
  struct envelope event = event_about(inquiry, caller, KIND_REACTION_UPDATED);
  event.reactions = SLICE("{}");
  struct slice rest = write_rest(inquiry, &event);
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

/* ---- looking ------------------------------------------------------------------------- */

static void show(struct inquiry *inquiry, struct caller *caller)
{
  struct outcome outcome = {.err = ERR_OK,
                            .message_id = inquiry->message.id,
                            .ts_ms = inquiry->at_ms,
                            .messages = &inquiry->message,
                            .message_count = 1};
  (void)caller;
  command_finish(inquiry->task, &outcome);
  inquiry_end(inquiry);
}

void command_get_message(struct caller *caller, const struct command *command, struct task *task)
{
  (void)command;
  inquire(caller, task, show);
}

/* ---- a receipt of one message (rooms) ------------------------------------------------ */

static void tell_receipt(struct inquiry *inquiry, struct caller *caller)
{
  struct envelope event = event_about(inquiry, caller, KIND_MESSAGE_READ);
  if (inquiry->message.to.kind == PARTY_ROOM)
    dispatch_publish(caller->node, OWNER_ROOM, inquiry->message.to.id, &event);
  else
    tell_two(inquiry, caller, &event);
  end_with(inquiry, ERR_OK);
}

static void on_room(void *arg, enum err err, const struct entry *entry)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = command_caller(inquiry->task);
  if (err != ERR_OK || !caller) {
    end_with(inquiry, err == ERR_OK ? ERR_GOING_AWAY : err);
    return;
  }
  inquiry->message =
      (struct envelope){.id = inquiry->task->command.message_id, .to = command_party(entry)};
  tell_receipt(inquiry, caller);
}

/* Ephemeral messages are kept nowhere; their block still tells their room. */
static void read_one(struct inquiry *inquiry, struct caller *caller)
{
  if (inquiry->owner.kind == OWNER_ROOM)
    directory_resolve(caller->node->backend, OWNER_ROOM, inquiry->owner.id, false, on_room,
                      inquiry);
  else
    tell_receipt(inquiry, caller);
}

void command_read_message(struct caller *caller, const struct command *command, struct task *task)
{
  (void)command;
  inquire(caller, task, read_one)->unkept = true;
}
