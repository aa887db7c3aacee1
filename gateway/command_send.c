/* Sending: a message on its way to an inbox, a dialog's log or a room.
 *
 *   direct, until read  ─► inbox_push (stamps) ──────────────────────────┐
 *   direct, else        ─► dialog_append (stamps) ─► inbox_push, same id ─┤─► outcome
 *   to a room           ─► room_send (stamps) ───────────────────────────┘
 *
 * The outcome goes out after the last script returned, and not before. */
#include <stdlib.h>

#include "base/memory.h"
#include "bus.h"
#include "commands.h"
#include "conversation.h"
#include "dedupe.h"
#include "deliver.h"
#include "dispatch.h"
#include "inbox.h"
#include "messages.h"
#include "metrics.h"
#include "sync.h"

/* A reply that waits until its session was shown the event of this seq. */
struct awaited_reply {
  struct node_timer timer; /* of one that no list can bring back; first, for its call */
  struct awaited_reply *next;
  struct session *session;
  const struct subscription *subscription;
  uint64_t seq, id; /* seq 0: it is counted nowhere, and told by its id */
  struct frame *frame;
};

enum { UNCOUNTED_MS = 1000 };

static struct text rest; /* scratch: the envelope that is being written */

/* Who speaks: the caller, or whom the operator speaks for. */
static struct party speaker(const struct caller *caller, const struct command *command)
{
  if (!command_speaks_for(caller, command)) return caller->user;
  return command_party(directory_find(caller->node->backend, OWNER_USER, command->user.id));
}

static bool is_server(struct slice user)
{
  return slice_equal(user, party_server.id);
}

/* What the server itself says is a notice. */
static void fill_message(const struct caller *caller, const struct command *command,
                         struct party from, struct envelope *event)
{
  *event = (struct envelope){
      .kind = is_server(from.id) ? KIND_NOTICE : KIND_MESSAGE_SENT,
      .ts_ms = node_wall_ms(),
      .from = from,
      .text = command->text,
      .thread = command->thread,
      .attachments = command->attachments,
      .fields = command->fields,
  };
  event->origin.protocol = slice_of(caller->protocol->name);
  event->origin.node = slice_of(caller->node->id);
  event->origin.session = caller->id;
  event->origin.client_id = command->client_id;
  event->origin.from = command->wire_from;
  event->origin.to = command->wire_to;
}

/* Where the user has no connection on this node, nobody here knows of others. */
bool command_is_shared(const struct caller *caller)
{
  return !caller->session || caller->session->inbox->topic->shared;
}

/* The outcome came later than it is waited for: this node stood still, and its clients may have gone
 * on elsewhere. */
static bool is_overdue(const struct task *task)
{
  return node_wall_ms() > task->ts_ms + task->node->config->redis_timeout_ms;
}

/* The sender's copy of a direct message: to this connection now, to their others by
 * their channel. It is not counted there (seq 0): it is in nobody's inbox, and nothing puts it in
 * its place among others once it is late. */
static void show_to_sender(struct caller *caller, struct task *task, const struct stamp *stamp)
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
  if (caller->session && caller->protocol->own == OWN_ALL) {
    struct delivery delivery = deliver_begin(caller->node, &event, event.from.id);
    deliver_own(&delivery, caller->session);
    deliver_end(&delivery);
  }
  if (command_is_shared(caller) && !is_overdue(task)) {
    static struct text channel;
    text_reset(&channel);
    key_write(&channel, caller->node->backend->options.prefix, OWNER_USER, event.from.id, "");
    bus_publish(caller->node->backend, text_slice(&channel), text_slice(&line));
  }
}

/* Where the conversation's own channel shows the sender this message: the room that it
 * hears, or its inbox for a message to itself. */
static struct subscription *own_conversation(struct session *session, const struct task *task)
{
  if (task->owner == OWNER_ROOM) return hub_find(session, OWNER_ROOM, task->command.to.id);
  return slice_equal(task->command.to.id, session->caller.user.id) ? session->inbox : NULL;
}

static void give_back_reply(struct awaited_reply *reply)
{
  node_timer_stop(reply->session->caller.node, &reply->timer);
  free(reply);
}

static bool is_shown(const struct awaited_reply *reply)
{
  const struct subscription *heard = reply->subscription;
  return reply->seq ? reply->seq <= heard->cursor : reply->id <= heard->shown_id;
}

/* The publication was lost: nothing will show it any more. */
static void on_uncounted(struct node *node, struct node_timer *timer)
{
  struct awaited_reply *reply = (struct awaited_reply *)timer;
  (void)node;
  reply->id = 0;
  dispatch_heard(reply->session, reply->subscription);
}

/* A sender that is shown its own message is shown it before the reply. */
static bool await(struct session *session, const struct task *task, const struct stamp *stamp,
                  struct frame *frame)
{
  struct node *node = session->caller.node;
  if (session->caller.protocol->own != OWN_ALL || stamp->repeated) return false;
  struct subscription *heard = own_conversation(session, task);
  if (!heard) return false;
  struct awaited_reply *reply = memory_zalloc(sizeof *reply);
  *reply = (struct awaited_reply){.session = session,
                                  .subscription = heard,
                                  .seq = stamp->seq,
                                  .id = stamp->id,
                                  .frame = frame};
  if (is_shown(reply)) {
    free(reply);
    return false;
  }
  struct awaited_reply **last = &session->replies;
  while (*last) last = &(*last)->next;
  *last = reply;
  reply->timer.call = on_uncounted;
  if (stamp->seq)
    sync_expect(node, heard, stamp->seq);
  else
    node_timer_set(node, &reply->timer, UNCOUNTED_MS);
  return true;
}

void dispatch_heard(struct session *session, const struct subscription *subscription)
{
  for (struct awaited_reply **link = &session->replies, *reply; (reply = *link);) {
    if (reply->subscription != subscription || !is_shown(reply)) {
      link = &reply->next;
      continue;
    }
    *link = reply->next;
    session_send(session, reply->frame);
    give_back_reply(reply);
  }
}

static void on_stamped(void *arg, const struct stamp *stamp)
{
  struct task *task = arg;
  struct caller *caller = command_caller(task);
  struct outcome outcome = {.err = stamp->err, .message_id = stamp->id, .ts_ms = task->ts_ms};
  bool sent = stamp->err == ERR_OK;
  if (caller && sent && task->owner == OWNER_USER) show_to_sender(caller, task, stamp);
  if (!caller || !caller->session) {
    command_finish(task, &outcome);
    return;
  }
  struct session *session = caller->session;
  struct frame *frame = command_reply(task, session, &outcome);
  if (frame && !(sent && await(session, task, stamp, frame))) session_send(session, frame);
  command_done(task);
}

/* In the dialog's log, or of its ids, if ephemeral; now the recipient's inbox, under the same id.
 * Also where it was logged before: a crash may have come in between; as it reads by now, and not
 * at all where it was deleted. And where the sender is gone by now. */
static void on_logged(void *arg, const struct stamp *stamp)
{
  struct task *task = arg;
  struct slice line = stamp->repeated ? stamp->rest : text_slice(&task->rest);
  if (stamp->err != ERR_OK || !line.len) {
    on_stamped(task, stamp);
    return;
  }
  struct inbox_push push = {
      .user = task->command.to.id, .rest = line, .stored = stamp->seq > 0, .id = stamp->id};
  inbox_push(task->node->backend, &push, on_stamped, task);
}

static void append_to_dialog(struct caller *caller, const struct envelope *event,
                             struct slice dedupe, struct task *task)
{
  struct dialog_append append = {.dialog = event->dialog.id,
                                 .dedupe = dedupe,
                                 .rest = text_slice(&rest),
                                 .ephemeral = event->keep == KEEP_NEVER};
  dialog_append(caller->node->backend, &append, on_logged, task);
}

/* In no log and no dialog: it waits in the inbox until it is read. */
static void notify(struct caller *caller, struct envelope *event, struct task *task)
{
  event->keep = KEEP_UNTIL_READ;
  text_reset(&rest);
  envelope_write_rest(&rest, event);
  struct inbox_push push = {.user = event->to.id, .rest = text_slice(&rest), .stored = true};
  inbox_push(caller->node->backend, &push, on_stamped, task);
}

static void send_in_dialog(struct caller *caller, struct envelope *event, struct task *task)
{
  char dialog_id[COMMAND_DIALOG_ID_BYTES], hash[DEDUPE_BYTES];
  struct slice dialog = directory_dialog_id(event->from.id, event->to.id, dialog_id);
  event->dialog = command_party(directory_find(caller->node->backend, OWNER_DIALOG, dialog));
  event->keep = caller->protocol->direct_keep;
  text_reset(&rest);
  envelope_write_rest(&rest, event);
  bool of_dialog = event->keep != KEEP_UNTIL_READ;
  if (of_dialog || caller->protocol->own == OWN_ALL || command_is_shared(caller))
    text_append(&task->rest, text_slice(&rest));
  if (of_dialog) {
    append_to_dialog(caller, event, dedupe_hash(event, hash), task);
    return;
  }
  struct inbox_push push = {.user = event->to.id,
                            .dedupe = dedupe_hash(event, hash),
                            .rest = text_slice(&rest),
                            .stored = true};
  inbox_push(caller->node->backend, &push, on_stamped, task);
}

static void send_direct(struct caller *caller, const struct command *command, struct task *task)
{
  struct backend *backend = caller->node->backend;
  struct envelope event;
  fill_message(caller, command, speaker(caller, command), &event);
  event.to = command_party(directory_find(backend, OWNER_USER, command->to.id));
  task->ts_ms = event.ts_ms;
  if (event.kind == KIND_NOTICE)
    notify(caller, &event, task);
  else
    send_in_dialog(caller, &event, task);
}

static void send_to_room(struct caller *caller, const struct command *command, struct task *task)
{
  char hash[DEDUPE_BYTES];
  struct envelope event;
  fill_message(caller, command, speaker(caller, command), &event);
  task->ts_ms = event.ts_ms;
  event.to = command_party(directory_find(caller->node->backend, OWNER_ROOM, command->to.id));
  event.keep = event.kind == KIND_NOTICE ? KEEP_LOG : caller->protocol->room_keep;
  text_reset(&rest);
  envelope_write_rest(&rest, &event);
  struct room_send send = {.room = command->to.id,
                           .user = event.kind == KIND_NOTICE ? (struct slice){0} : event.from.id,
                           .dedupe = dedupe_hash(&event, hash),
                           .rest = text_slice(&rest),
                           .stored = event.keep != KEEP_NEVER};
  room_send(caller->node->backend, &send, on_stamped, task);
}

/* Users without a connection here share buckets with whom their names fall together. */
static struct bucket *sends_of(const struct caller *caller)
{
  enum { REQUEST_BUCKETS = 1024 };
  static struct bucket buckets[REQUEST_BUCKETS];
  if (caller->session) return &caller->session->inbox->topic->sends;
  struct topic *topic = hub_topic(caller->node, OWNER_USER, caller->user.id);
  if (topic) return &topic->sends;
  unsigned hash;
  HASH_VALUE(caller->user.id.data, caller->user.id.len, hash);
  return &buckets[hash % REQUEST_BUCKETS];
}

static enum err admit_send(struct caller *caller)
{
  const struct config *config = caller->node->config;
  struct bucket_rate rate = {config->sends_per_second, config->sends_burst};
  if (caller->admin) return ERR_OK;
  enum bucket_verdict verdict = bucket_take(sends_of(caller), rate, 1, caller->node->now_ms);
  if (verdict == BUCKET_OK) return ERR_OK;
  metric_add_at(METRIC_RATE_LIMITED, caller->protocol_index, 1);
  if (verdict == BUCKET_FLOODED && caller->session)
    session_close(caller->session, ERR_RATE_LIMITED);
  return ERR_RATE_LIMITED;
}

void command_send(struct caller *caller, const struct command *command, struct task *task)
{
  enum err err = admit_send(caller);
  task->owner = command->to.kind == ADDRESS_ROOM ? OWNER_ROOM : OWNER_USER;
  if (err != ERR_OK)
    command_finish_with(task, err);
  else if (task->owner == OWNER_ROOM)
    send_to_room(caller, command, task);
  else
    send_direct(caller, command, task);
}

void command_forget_replies(struct session *session)
{
  for (struct awaited_reply *reply = session->replies, *next; reply; reply = next) {
    next = reply->next;
    frame_release(reply->frame);
    give_back_reply(reply);
  }
  session->replies = NULL;
}
