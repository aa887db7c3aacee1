/* See inquiry.h. */
#include "inquiry.h"

#include <stdlib.h>

#include "base/memory.h"
#include "dispatch.h"
#include "reactions.h"

void inquiry_finish(struct inquiry *inquiry, const struct outcome *outcome)
{
  command_finish(inquiry->task, outcome);
  arena_free(&inquiry->arena);
  free(inquiry);
}

void inquiry_end(struct inquiry *inquiry, enum err err)
{
  inquiry_finish(
      inquiry,
      &(struct outcome){.err = err, .message_id = inquiry->message.id, .ts_ms = inquiry->at_ms});
}

/* ---- finding the message ----------------------------------------------------------- */

static bool is_party(const struct party *party, const struct address *address)
{
  switch (address->kind) {
  case ADDRESS_NUMBER:
    return party->num == address->num;
  case ADDRESS_UUID:
    return slice_equal(party->uuid, address->id);
  default:
    return slice_equal(party->id, address->id);
  }
}

/* Is the message in the conversation that the command names? A dialog is named by its own
 * number or UUID, or by the other one of it. */
static bool is_in(const struct envelope *message, const struct address *to, struct slice reader)
{
  if (to->kind == ADDRESS_NONE) return true;
  if (message->to.kind == PARTY_ROOM) return to->kind != ADDRESS_USER && is_party(&message->to, to);
  bool sent = slice_equal(message->from.id, reader);
  const struct party *other = sent ? &message->to : &message->from;
  if (to->kind == ADDRESS_USER) return is_party(other, to);
  return to->kind != ADDRESS_ROOM && is_party(&message->dialog, to);
}

/* An unread copy is its sender's and its recipient's, and there for nobody else. */
static bool is_shown_to(const struct inquiry *inquiry, const struct caller *caller)
{
  struct slice user = caller->user.id;
  return inquiry->owner.kind != OWNER_USER || caller->admin ||
         slice_equal(user, inquiry->message.from.id) || slice_equal(user, inquiry->message.to.id);
}

static enum err read_message(struct inquiry *inquiry, const struct caller *caller,
                             const struct stored *stored)
{
  inquiry->stored = *stored;
  inquiry->stored.line = arena_copy(&inquiry->arena, stored->line);
  inquiry->stored.reactions = arena_copy(&inquiry->arena, stored->reactions);
  enum err err = stored_decode(&inquiry->arena, &inquiry->stored, &inquiry->message);
  if (err != ERR_OK) return err;
  if (!is_shown_to(inquiry, caller)) return ERR_NOT_FOUND;
  return is_in(&inquiry->message, &inquiry->task->command.to, caller->user.id) ? ERR_OK
                                                                               : ERR_NOT_FOUND;
}

/* Of another's inbox nobody is told what was there. */
static bool may_be_unkept(const struct inquiry *inquiry, const struct caller *caller)
{
  return inquiry->unkept &&
         (inquiry->owner.kind != OWNER_USER || slice_equal(inquiry->owner.id, caller->user.id));
}

static void on_message(void *arg, const struct page *page)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = command_caller(inquiry->task);
  enum err err = caller ? page->err : ERR_GOING_AWAY;
  if (err == ERR_OK && page->count == 0)
    err = may_be_unkept(inquiry, caller) ? ERR_OK : ERR_NOT_FOUND;
  else if (err == ERR_OK)
    err = read_message(inquiry, caller, &page->messages[0]);
  if (err != ERR_OK)
    inquiry_end(inquiry, err);
  else
    inquiry->then(inquiry, caller);
}

static void get_message(struct inquiry *inquiry)
{
  message_get(inquiry->task->node->backend, inquiry->owner, inquiry->task->command.message_id,
              on_message, inquiry);
}

/* ---- whose it is -------------------------------------------------------------------- */

static void on_standing(void *arg, const struct room_standing *standing)
{
  struct inquiry *inquiry = arg;
  enum err err = standing->err;
  if (err == ERR_OK && standing->banned) err = ERR_FORBIDDEN;
  if (err == ERR_OK && !standing->member && !standing->is_public) err = ERR_NOT_IN_ROOM;
  inquiry->admin = standing->admin || standing->owner;
  if (err != ERR_OK)
    inquiry_end(inquiry, err);
  else
    get_message(inquiry);
}

static void on_owner(void *arg, enum err err, const struct owner *owner)
{
  struct inquiry *inquiry = arg;
  struct caller *caller = command_caller(inquiry->task);
  struct slice other;
  if (err != ERR_OK || !caller) {
    inquiry_end(inquiry, err == ERR_OK ? ERR_GOING_AWAY : err);
    return;
  }
  inquiry->owner = (struct owner){owner->kind, arena_copy(&inquiry->arena, owner->id)};
  inquiry->admin = caller->admin;
  bool dialog = owner->kind == OWNER_DIALOG && !caller->admin;
  if (owner->kind == OWNER_ROOM && !caller->admin)
    room_standing(caller->node->backend, inquiry->owner.id, caller->user.id, on_standing, inquiry);
  else if (dialog && !command_other_of(owner->id, caller->user.id, &other))
    inquiry_end(inquiry, ERR_NOT_FOUND);
  else
    get_message(inquiry);
}

struct inquiry *inquire(struct caller *caller, struct task *task,
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

/* What the operator did to a direct message is told as its author's: either side knows its
 * dialog by the other one. */
struct envelope inquiry_event(const struct inquiry *inquiry, const struct caller *caller,
                              enum envelope_kind kind)
{
  bool for_author = caller->admin && inquiry->message.to.kind == PARTY_USER;
  struct envelope event = {.kind = kind,
                           .ts_ms = inquiry->at_ms,
                           .from = for_author ? inquiry->message.from : caller->user,
                           .to = inquiry->message.to,
                           .dialog = inquiry->message.dialog,
                           .thread = inquiry->message.thread,
                           .message_id = inquiry->message.id};
  event.origin.protocol = slice_of(caller->protocol->name);
  event.origin.node = slice_of(caller->node->id);
  event.origin.session = caller->id;
  return event;
}

void inquiry_tell_two(const struct inquiry *inquiry, const struct caller *caller,
                      const struct envelope *event)
{
  if (inquiry->message.to.kind != PARTY_USER) return;
  dispatch_publish(caller->node, OWNER_USER, inquiry->message.from.id, event);
  if (!slice_equal(inquiry->message.from.id, inquiry->message.to.id))
    dispatch_publish(caller->node, OWNER_USER, inquiry->message.to.id, event);
}

struct slice inquiry_write(struct inquiry *inquiry, const struct envelope *event)
{
  struct text text = {0};
  envelope_write_rest(&text, event);
  return text_move(&text, &inquiry->arena);
}
