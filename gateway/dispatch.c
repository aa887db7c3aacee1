/* See dispatch.h.
 *
 *   command ─► addresses known? ─► begun: handed to Redis ─► outcome ─► reply
 *                  │ no: read from the directory; those behind it wait
 *
 * A command is begun when the one before it has been handed to Redis, and one link
 * keeps their order. */
#include "dispatch.h"

#include <stdlib.h>

#include "attendance.h"
#include "base/memory.h"
#include "bus.h"
#include "conversation.h"
#include "dedupe.h"
#include "deliver.h"
#include "directory.h"
#include "inbox.h"
#include "metrics.h"
#include "session.h"
#include "shown.h"
#include "sync.h"
#include "task.h"

enum { READ_AT_ONCE = 256, DIALOG_ID_BYTES = 2 * ID_MAX_BYTES + 2 };

/* A reply that waits until its session was shown the event of this seq. */
struct awaited_reply {
  struct awaited_reply *next;
  const struct subscription *subscription;
  uint64_t seq;
  struct frame *frame;
};

static struct text rest; /* scratch: the envelope that is being written */

/* ---- outcomes ---------------------------------------------------------------------- */

static struct frame *reply_frame(struct session *session, const struct command *command,
                                 const struct outcome *outcome)
{
  static struct text reply;
  struct session_view view = session_view(session);
  text_reset(&reply);
  session->protocol->reply(&view, command, outcome, &reply);
  metric_add_at(METRIC_COMMANDS, outcome->err, 1);
  return reply.len ? frame_new_websocket(WEBSOCKET_TEXT, text_slice(&reply)) : NULL;
}

static void answer(struct session *session, const struct command *command, enum err err)
{
  struct outcome outcome = {.err = err, .ts_ms = node_wall_ms()};
  struct frame *frame = reply_frame(session, command, &outcome);
  if (frame) session_send(session, frame);
}

static void pump(struct session *session);

/* The command is over: its place is free for the next. */
static void finish(struct task *task)
{
  struct session *session = session_find(task->node, task->session);
  task_free(task);
  if (!session) return;
  session->in_flight--;
  pump(session);
}

static void finish_with(struct task *task, enum err err)
{
  struct session *session = session_find(task->node, task->session);
  if (session) answer(session, &task->command, err);
  finish(task);
}

static void on_done(void *arg, enum err err)
{
  finish_with(arg, err);
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

/* ---- sending ----------------------------------------------------------------------- */

static struct party party_of(const struct entry *entry, enum party_kind kind)
{
  return (struct party){kind, entry->num, entry->id, entry->uuid, entry->name};
}

static void fill_message(const struct session *session, const struct command *command,
                         struct envelope *event)
{
  *event = (struct envelope){
      .kind = KIND_MESSAGE_SENT,
      .ts_ms = node_wall_ms(),
      .from = session->user,
      .text = command->text,
      .thread = command->thread,
      .attachments = command->attachments,
      .fields = command->fields,
  };
  event->origin.protocol = slice_of(session->protocol->name);
  event->origin.node = slice_of(session->node->id);
  event->origin.session = session->id;
  event->origin.client_id = command->client_id;
  event->origin.from = command->wire_from;
  event->origin.to = command->wire_to;
}

/* The sender's copy of a direct message: to this connection now, to their others by
 * their channel. It is not counted there (seq 0): it is in nobody's inbox. */
static void show_to_sender(struct session *session, struct task *task, const struct stamp *stamp)
{
  static struct arena arena;
  static struct text line;
  struct envelope event;
  if (!task->rest.len || stamp->repeated) return;
  text_reset(&line);
  envelope_write_stamp(&line, stamp->id, 0);
  text_append(&line, text_slice(&task->rest));
  arena_reset(&arena);
  if (envelope_decode(&arena, text_slice(&line), &event) != ERR_OK) return;
  if (slice_equal(event.from.id, event.to.id)) return; /* it comes by the inbox */
  if (session->protocol->own == OWN_ALL) {
    struct delivery delivery = deliver_begin(session->node, &event, session->user.id);
    deliver_own(&delivery, session);
    deliver_end(&delivery);
  }
  if (session->inbox->topic->shared) {
    static struct text channel;
    text_reset(&channel);
    key_write(&channel, session->node->backend->options.prefix, OWNER_USER, session->user.id, "");
    bus_publish(session->node->backend, text_slice(&channel), text_slice(&line));
  }
}

/* Where the conversation's own channel shows the sender this message: the room that it
 * hears, or its inbox for a message to itself. */
static struct subscription *own_conversation(struct session *session, const struct task *task)
{
  if (task->owner == OWNER_ROOM) return hub_find(session, OWNER_ROOM, task->command.to.id);
  return slice_equal(task->command.to.id, session->user.id) ? session->inbox : NULL;
}

/* A sender that is shown its own message is shown it before the reply. */
static bool await(struct session *session, const struct task *task, const struct stamp *stamp,
                  struct frame *frame)
{
  if (session->protocol->own != OWN_ALL || stamp->repeated) return false;
  struct subscription *heard = own_conversation(session, task);
  if (!heard || stamp->seq <= heard->cursor) return false;
  struct awaited_reply *reply = memory_alloc(sizeof *reply);
  *reply = (struct awaited_reply){NULL, heard, stamp->seq, frame};
  struct awaited_reply **last = &session->replies;
  while (*last) last = &(*last)->next;
  *last = reply;
  sync_expect(session->node, heard, stamp->seq);
  return true;
}

void dispatch_heard(struct session *session, const struct subscription *subscription)
{
  for (struct awaited_reply **link = &session->replies, *reply; (reply = *link);) {
    bool shown = reply->subscription == subscription && reply->seq <= subscription->cursor;
    if (!shown) {
      link = &reply->next;
      continue;
    }
    *link = reply->next;
    session_send(session, reply->frame);
    free(reply);
  }
}

static void on_stamped(void *arg, const struct stamp *stamp)
{
  struct task *task = arg;
  struct session *session = session_find(task->node, task->session);
  if (session) {
    struct outcome outcome = {.err = stamp->err, .message_id = stamp->id, .ts_ms = node_wall_ms()};
    if (stamp->err == ERR_OK && task->owner == OWNER_USER) show_to_sender(session, task, stamp);
    struct frame *frame = reply_frame(session, &task->command, &outcome);
    if (frame && !(stamp->err == ERR_OK && await(session, task, stamp, frame)))
      session_send(session, frame);
  }
  finish(task);
}

static void send_direct(struct session *session, const struct command *command, struct task *task)
{
  char dialog_id[DIALOG_ID_BYTES], hash[DEDUPE_BYTES];
  struct slice dialog = directory_dialog_id(session->user.id, command->to.id, dialog_id);
  struct envelope event;
  fill_message(session, command, &event);
  const struct entry *user = directory_find(session->node->backend, OWNER_USER, command->to.id);
  event.to = party_of(user, PARTY_USER);
  event.dialog = party_of(directory_find(session->node->backend, OWNER_DIALOG, dialog), PARTY_DIALOG);
  event.keep = session->protocol->direct_keep;
  text_reset(&rest);
  envelope_write_rest(&rest, &event);
  if (session->protocol->own == OWN_ALL || session->inbox->topic->shared)
    text_append(&task->rest, text_slice(&rest));
  struct inbox_push push = {.user = command->to.id,
                            .dedupe = dedupe_hash(&event, hash),
                            .rest = text_slice(&rest),
                            .stored = event.keep != KEEP_NEVER};
  inbox_push(session->node->backend, &push, on_stamped, task);
}

static void send_to_room(struct session *session, const struct command *command, struct task *task)
{
  char hash[DEDUPE_BYTES];
  struct envelope event;
  fill_message(session, command, &event);
  event.to = party_of(directory_find(session->node->backend, OWNER_ROOM, command->to.id), PARTY_ROOM);
  event.keep = session->protocol->room_keep;
  text_reset(&rest);
  envelope_write_rest(&rest, &event);
  struct room_send send = {.room = command->to.id,
                           .user = session->user.id,
                           .dedupe = dedupe_hash(&event, hash),
                           .rest = text_slice(&rest),
                           .stored = event.keep != KEEP_NEVER};
  room_send(session->node->backend, &send, on_stamped, task);
}

static enum err admit_send(struct session *session)
{
  const struct config *config = session->node->config;
  struct bucket_rate rate = {config->sends_per_second, config->sends_burst};
  enum bucket_verdict verdict =
      bucket_take(&session->inbox->topic->sends, rate, 1, session->node->now_ms);
  if (verdict == BUCKET_OK) return ERR_OK;
  metric_add_at(METRIC_RATE_LIMITED, session->protocol_index, 1);
  if (verdict == BUCKET_FLOODED) session_close(session, ERR_RATE_LIMITED);
  return ERR_RATE_LIMITED;
}

static void begin_send(struct session *session, const struct command *command, struct task *task)
{
  enum err err = admit_send(session);
  task->owner = command->to.kind == ADDRESS_ROOM ? OWNER_ROOM : OWNER_USER;
  if (err != ERR_OK)
    finish_with(task, err);
  else if (task->owner == OWNER_ROOM)
    send_to_room(session, command, task);
  else
    send_direct(session, command, task);
}

/* ---- reading, entering, leaving ---------------------------------------------------- */

/* The user's other connections forget what was read by this one. */
static void tell_other_connections(struct session *session, const struct page *page)
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

static void on_read(void *arg, const struct page *page)
{
  struct task *task = arg;
  struct session *session = session_find(task->node, task->session);
  if (page->err == ERR_OK) {
    if (session) tell_other_connections(session, page);
    dispatch_tell_senders(task->node, page, KIND_MESSAGE_READ);
  }
  finish_with(task, page->err);
}

static void begin_read(struct session *session, const struct command *command, struct task *task)
{
  uint64_t ids[READ_AT_ONCE];
  size_t count = shown_take(&session->shown, command->client_id, command->match_sid, ids, READ_AT_ONCE);
  if (count)
    inbox_read(session->node->backend, session->user.id, ids, count, on_read, task);
  else
    finish_with(task, ERR_OK); /* an unknown id is a no-op (protocols.md, messaging) */
}

/* What everyone in the room is told. */
static struct slice membership_rest(struct session *session, const struct command *command,
                                    enum envelope_kind kind)
{
  const struct entry *room = directory_find(session->node->backend, OWNER_ROOM, command->to.id);
  struct envelope event = {.kind = kind,
                           .ts_ms = node_wall_ms(),
                           .from = session->user,
                           .to = party_of(room, PARTY_ROOM)};
  text_reset(&rest);
  envelope_write_rest(&rest, &event);
  return text_slice(&rest);
}

/* The lobby is told by attendance, of members and others alike (attendance.h). */
static void begin_enter(struct session *session, const struct command *command, struct task *task)
{
  room_enter(session->node->backend, command->to.id, session->user.id,
             membership_rest(session, command, KIND_ROOM_ENTERED),
             !attendance_is_of(command->to.id), on_done, task);
}

static void begin_exit(struct session *session, const struct command *command, struct task *task)
{
  room_exit(session->node->backend, command->to.id, session->user.id,
            membership_rest(session, command, KIND_ROOM_EXITED),
            !attendance_is_of(command->to.id), on_done, task);
}

static void begin_refused(struct session *session, const struct command *command, struct task *task)
{
  (void)session;
  finish_with(task, command->refusal);
}

static void begin_nothing(struct session *session, const struct command *command, struct task *task)
{
  (void)session;
  (void)command;
  finish_with(task, ERR_OK);
}

/* One row a kind of command: what it needs to be known, and what begins it. */
static const struct {
  void (*begin)(struct session *session, const struct command *command, struct task *task);
  bool addressed; /* `to` must be in the directory */
} handlers[COMMAND_COUNT] = {
    [COMMAND_REFUSED] = {begin_refused, false}, [COMMAND_NONE] = {begin_nothing, false},
    [COMMAND_SEND] = {begin_send, true},        [COMMAND_READ] = {begin_read, false},
    [COMMAND_ENTER] = {begin_enter, true},      [COMMAND_EXIT] = {begin_exit, true},
};

/* ---- the queue --------------------------------------------------------------------- */

/* The first address of the command that the directory does not hold. False: none. */
static bool find_unknown(const struct session *session, const struct command *command,
                         enum owner_kind *kind, struct slice *id, char dialog[DIALOG_ID_BYTES])
{
  struct backend *backend = session->node->backend;
  if (!handlers[command->kind].addressed) return false;
  *kind = command->to.kind == ADDRESS_ROOM ? OWNER_ROOM : OWNER_USER;
  *id = command->to.id;
  if (!directory_find(backend, *kind, *id)) return true;
  if (*kind == OWNER_ROOM) return false;
  *kind = OWNER_DIALOG;
  *id = directory_dialog_id(session->user.id, command->to.id, dialog);
  return !directory_find(backend, *kind, *id);
}

static void begin(struct session *session, const struct command *command, struct task *task)
{
  session->in_flight++;
  if (handlers[command->kind].begin)
    handlers[command->kind].begin(session, command, task);
  else
    finish_with(task, ERR_UNSUPPORTED);
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
};

static void on_resolved(void *arg, enum err err, const struct entry *entry)
{
  struct resolution resolution = *(struct resolution *)arg;
  (void)entry;
  free(arg);
  struct session *session = session_find(resolution.node, resolution.session);
  if (!session) return;
  session->resolving = false;
  if (err != ERR_OK) {
    session->in_flight++;
    finish_with(take_first(session), err); /* pumps */
    return;
  }
  pump(session);
}

static void resolve(struct session *session, enum owner_kind kind, struct slice id)
{
  struct resolution *resolution = memory_alloc(sizeof *resolution);
  *resolution = (struct resolution){session->node, session->handle};
  session->resolving = true;
  directory_resolve(session->node->backend, kind, id, kind != OWNER_ROOM, on_resolved, resolution);
}

/* Begins what can begin. A command's outcome may come at once and pump again; the
 * flag keeps that flat. */
static void pump(struct session *session)
{
  if (session->pumping) return;
  session->pumping = true;
  unsigned limit = session->node->config->commands_in_flight;
  while (session->first_task && !session->resolving && session->in_flight < limit) {
    enum owner_kind kind;
    struct slice id;
    char dialog[DIALOG_ID_BYTES];
    if (find_unknown(session, &session->first_task->command, &kind, &id, dialog)) {
      resolve(session, kind, id);
      break;
    }
    struct task *task = take_first(session);
    begin(session, &task->command, task);
  }
  session->pumping = false;
  session_pause_reading(session, session->first_task || session->in_flight >= limit);
}

/* Nothing waits in front of it and everything that it names is known: the usual case,
 * which copies nothing but what the reply needs. */
static bool can_begin(struct session *session, const struct command *command)
{
  enum owner_kind kind;
  struct slice id;
  char dialog[DIALOG_ID_BYTES];
  return !session->first_task && session->in_flight < session->node->config->commands_in_flight &&
         !find_unknown(session, command, &kind, &id, dialog);
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
  for (struct awaited_reply *reply = session->replies, *next; reply; reply = next) {
    next = reply->next;
    frame_release(reply->frame);
    free(reply);
  }
  session->replies = NULL;
}
