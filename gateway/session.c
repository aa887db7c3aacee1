/* See session.h.
 *
 *   bytes ──► message ──► decode ──► dispatch            (session_receive)
 *   frames ──► outbox ──► one write per turn ──► socket  (session_send, sessions_flush)
 *   pings and pongs: proof.c
 */
#include "session.h"

#include <assert.h>
#include <stdlib.h>

#include "attendance.h"
#include "auth.h"
#include "base/log.h"
#include "base/memory.h"
#include "commands.h"
#include "dispatch.h"
#include "door.h"
#include "hearing.h"
#include "loop.h"
#include "metrics.h"
#include "proof.h"
#include "shown.h"
#include "sync.h"

enum {
  WRITE_BYTES = 64 * 1024, /* several frames in one write */
  CLOSE_SECONDS = 5,       /* so long a peer may take to read its close frame */
  NUMBER_TEXT_BYTES = 14,  /* of a number in base 36, with its mark */
  ID_NUMBERS_BYTES = 2 * NUMBER_TEXT_BYTES,
};

struct sessions {
  size_t count;
  uint64_t since_ms; /* when this run of the node began: part of its sessions' ids */
  struct session *first_dirty;
};

struct sessions *sessions_new(void)
{
  struct sessions *sessions = memory_zalloc(sizeof *sessions);
  sessions->since_ms = node_wall_ms();
  return sessions;
}

void sessions_free(struct sessions *sessions)
{
  free(sessions);
}

size_t sessions_count(const struct sessions *sessions)
{
  return sessions->count;
}

struct session *session_find(struct node *node, uint64_t handle)
{
  struct caller *caller = caller_find(node, handle);
  return caller ? caller->session : NULL;
}

struct each_session {
  void (*call)(struct session *session, void *arg);
  void *arg;
};

static void call_session(struct caller *caller, void *arg)
{
  const struct each_session *each = arg;
  if (caller->session) each->call(caller->session, each->arg);
}

void sessions_each(struct node *node, void (*call)(struct session *session, void *arg), void *arg)
{
  callers_each(node, call_session, &(struct each_session){call, arg});
}

/* ---- ids --------------------------------------------------------------------------- */

static size_t put_base36(char **next, char mark, uint64_t number)
{
  static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  char text[NUMBER_TEXT_BYTES];
  size_t at = sizeof text;
  for (; number; number /= 36) text[--at] = digits[number % 36];
  text[--at] = mark;
  return slice_put(next, (struct slice){text + at, sizeof text - at}).len;
}

/* "<node>-<run>.<handle>": the handle is nobody else's in this run of the node, and the run, by
 * when it began, is no other one's. */
static struct slice append_id(char **next, const struct node *node, uint64_t handle)
{
  struct slice id = slice_put(next, slice_of(node->id));
  id.len += put_base36(next, '-', node->sessions->since_ms);
  id.len += put_base36(next, '.', handle);
  return id;
}

struct session *session_by_id(struct node *node, struct slice id)
{
  char text[NUMBER_TEXT_BYTES];
  const char *mark = id.len ? memrchr(id.data, '.', id.len) : NULL;
  size_t digits = mark ? (size_t)(id.data + id.len - mark) - 1 : sizeof text;
  if (digits >= sizeof text) return NULL;
  memcpy(text, mark + 1, digits);
  text[digits] = '\0';
  struct session *session = session_find(node, strtoull(text, NULL, 36));
  return session && slice_equal(session->caller.id, id) ? session : NULL;
}

/* ---- beginning and end ------------------------------------------------------------- */

struct session *session_new(struct node *node, const struct protocol *protocol,
                            const struct claim *claim)
{
  size_t bytes = strlen(node->id) + ID_NUMBERS_BYTES + claim->device.len + claim->room.len;
  struct session *session = memory_zalloc(sizeof *session + bytes);
  char *next = session->memory;
  session->caller.node = node;
  session->caller.protocol = protocol;
  session->caller.protocol_index = metric_protocol_index(protocol);
  session->caller.session = session;
  session->caller.answer = dispatch_reply;
  caller_add(&session->caller);
  session->caller.id = append_id(&next, node, session->caller.handle);
  session->caller.user.kind = PARTY_USER;
  session->device = slice_put(&next, claim->device);
  session->room = slice_put(&next, claim->room);
  session->opened_ms = session->heard_ms = node->now_ms;
  node->sessions->count++;
  return session;
}

void session_identified(struct session *session, const struct identity *identity)
{
  struct party *user = &session->caller.user;
  session->identity = memory_alloc(identity->user.len + identity->credential.len + 1);
  char *next = session->identity;
  user->id = user->name = slice_put(&next, identity->user);
  session->credential = slice_put(&next, identity->credential);
  session->expires_ms = identity->expires_ms;
}

static void set_names(struct session *session, struct slice uuid, struct slice name)
{
  struct party *user = &session->caller.user;
  bool named = !slice_equal(name, user->id);
  char *names = memory_alloc(uuid.len + (named ? name.len : 0) + 1), *next = names;
  user->uuid = slice_put(&next, uuid);
  user->name = named ? slice_put(&next, name) : user->id;
  free(session->names); /* `uuid` may have stood there */
  session->names = names;
}

void session_joined(struct session *session, uint64_t num, struct slice uuid, struct slice name)
{
  session->state = SESSION_JOINED;
  session->joined = true;
  session->caller.user.num = num;
  set_names(session, uuid, name);
}

void session_renamed(struct session *session, struct slice name)
{
  if (session->joined) set_names(session, session->caller.user.uuid, name);
}

struct slice session_room(const struct session *session)
{
  return session->room.len ? session->room : party_lobby.id;
}

struct session_view session_view(const struct session *session)
{
  return (struct session_view){session->caller.user, session->room, node_wall_ms()};
}

void session_open(struct session *session, struct lws *wsi)
{
  session->wsi = wsi;
  session->door = NULL;
  session->state = SESSION_OPEN;
  metric_add_at(METRIC_SESSIONS, session->caller.protocol_index, 1);
  metric_add_at(METRIC_SESSIONS_OPENED, session->caller.protocol_index, 1);
  log_event(LOG_INFO, "session_open", LOG_T("session", session->caller.id),
            LOG_S("protocol", session->caller.protocol->name),
            LOG_T("user", session->caller.user.id));
  proof_begin(session);
  session_touch(session);
}

static void log_close(const struct session *session)
{
  log_event(LOG_INFO, "session_close", LOG_T("session", session->caller.id),
            LOG_S("protocol", session->caller.protocol->name),
            LOG_T("user", session->caller.user.id),
            LOG_T("reason", err_code((enum err)session->reason)),
            LOG_N("seconds", (session->caller.node->now_ms - session->opened_ms) / 1000),
            LOG_N("frames_in", session->frames_in), LOG_N("frames_out", session->frames_out));
}

static void set_blocked(struct session *session, bool blocked)
{
  if (session->blocked == blocked) return;
  session->blocked = blocked;
  if (blocked)
    metric_add(METRIC_OUTBOX_BLOCKED, 1);
  else
    metric_subtract(METRIC_OUTBOX_BLOCKED, 1);
}

static void drop_outbox(struct session *session)
{
  metric_subtract(METRIC_OUTBOX_BYTES, session->outbox.bytes);
  outbox_clear(&session->outbox);
}

void session_close(struct session *session, enum err reason)
{
  if (session->state == SESSION_CLOSING) return;
  bool open = session->state == SESSION_OPEN;
  session->reason = (uint8_t)reason;
  session->state = SESSION_CLOSING;
  if (!open) {
    door_refuse(session->door, reason);
    return;
  }
  /* One that is closed for reading too slowly would not read what waits for it either. */
  if (reason == ERR_TOO_SLOW) drop_outbox(session);
  lws_set_timeout(session->wsi, PENDING_TIMEOUT_USER_REASON_BASE, CLOSE_SECONDS);
  lws_callback_on_writable(session->wsi);
}

void session_free(struct session *session)
{
  struct node *node = session->caller.node;
  if (session->wsi) {
    metric_subtract_at(METRIC_SESSIONS, session->caller.protocol_index, 1);
    metric_add_at(METRIC_CLOSES, session->reason, 1);
    log_close(session);
  }
  if (session->joined || session->joining) attendance_depart(session);
  node_timer_stop(node, &session->timer);
  dispatch_forget(&session->caller);
  command_forget_replies(session);
  while (session->subscriptions) hub_unsubscribe(session->subscriptions);
  hearing_forget(session);
  shown_free(&session->shown);
  drop_outbox(session);
  set_blocked(session, false);
  text_free(&session->message);
  if (session->dirty) {
    struct session **link = &node->sessions->first_dirty;
    while (*link != session) link = &(*link)->next_dirty;
    *link = session->next_dirty;
  }
  caller_remove(&session->caller);
  node->sessions->count--;
  free(session->identity);
  free(session->names);
  free(session);
}

void session_heard(struct session *session, struct subscription *subscription)
{
  if (session->replies) dispatch_heard(session, subscription);
  if (subscription->greeting) hearing_live(subscription);
  if (!session->arrived && topic_is_attended(subscription->topic)) attendance_arrive(session);
}

/* ---- out --------------------------------------------------------------------------- */

void session_touch(struct session *session)
{
  if (session->dirty) return;
  session->dirty = true;
  session->next_dirty = session->caller.node->sessions->first_dirty;
  session->caller.node->sessions->first_dirty = session;
  node_flush_soon(session->caller.node);
}

void session_send(struct session *session, struct frame *frame)
{
  if (session->state == SESSION_CLOSING) {
    frame_release(frame);
    return;
  }
  size_t frame_len = frame->len;
  bool room = outbox_push(&session->outbox, frame);
  if (room) metric_add(METRIC_OUTBOX_BYTES, frame_len);
  if (!room || session->outbox.bytes > session->caller.node->config->outbox_bytes) {
    metric_add_at(METRIC_SLOW_READER_CLOSES, session->caller.protocol_index, 1);
    session_close(session, ERR_TOO_SLOW);
    return;
  }
  session->frames_out++;
  metric_add_at(METRIC_FRAMES_OUT, session->caller.protocol_index, 1);
  session_touch(session);
}

static int write_bytes(struct session *session, char *bytes, size_t len)
{
  metric_add(METRIC_BYTES_OUT, len);
  metric_subtract(METRIC_OUTBOX_BYTES, len);
  return lws_write(session->wsi, (unsigned char *)bytes, len, LWS_WRITE_RAW) < 0 ? -1 : 0;
}

/* One write: a single frame as it lies, several gathered. */
static int write_some(struct session *session)
{
  static char gathered[WRITE_BYTES];
  size_t len =
      session->outbox.count > 1 ? outbox_take(&session->outbox, gathered, sizeof gathered) : 0;
  if (len) return write_bytes(session, gathered, len);
  struct frame *frame = outbox_pop(&session->outbox);
  int result = write_bytes(session, frame->bytes, frame->len);
  frame_release(frame);
  return result;
}

static int say_close(struct session *session)
{
  unsigned code = err_close_code((enum err)session->reason);
  struct slice text = err_text((enum err)session->reason);
  session->close_said = true;
  session_pause_reading(session, false); /* else the peer's answer is never read */
  lws_close_reason(session->wsi, code ? (enum lws_close_status)code : LWS_CLOSE_STATUS_NORMAL,
                   (unsigned char *)(uintptr_t)text.data, text.len);
  return -1;
}

enum flushed { FLUSH_FAILED = -1, FLUSH_DONE, FLUSH_BLOCKED };

static enum flushed flush(struct session *session)
{
  if (session->state == SESSION_OPEN) proof_ping(session);
  while (session->outbox.count) {
    if (lws_partial_buffered(session->wsi)) {
      set_blocked(session, true);
      lws_callback_on_writable(session->wsi);
      return FLUSH_BLOCKED;
    }
    if (write_some(session)) return FLUSH_FAILED;
  }
  set_blocked(session, false);
  if (session->state == SESSION_OPEN) sync_resume(session->caller.node, session);
  return FLUSH_DONE;
}

int session_writable(struct session *session)
{
  if (session->close_said) return 0; /* saying it twice would cut off the first */
  enum flushed flushed = flush(session);
  if (flushed == FLUSH_DONE && session->state == SESSION_CLOSING) return say_close(session);
  return flushed == FLUSH_FAILED ? -1 : 0;
}

void sessions_flush(struct node *node)
{
  struct session *session = node->sessions->first_dirty;
  node->sessions->first_dirty = NULL;
  while (session) {
    struct session *next = session->next_dirty;
    session->dirty = false;
    bool due = session->wsi && !session->blocked && session->state == SESSION_OPEN;
    if (due && flush(session) == FLUSH_FAILED)
      lws_set_timeout(session->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    session = next;
  }
}

/* ---- in ---------------------------------------------------------------------------- */

static void refuse_message(struct session *session, enum err err)
{
  struct command refused = {.kind = COMMAND_REFUSED, .refusal = err};
  dispatch(&session->caller, &refused);
}

/* The rates: what is over them is refused, far over them closed. */
static enum err admit(struct session *session, size_t bytes, bool begins)
{
  const struct config *config = session->caller.node->config;
  struct bucket_rate frames = {config->frames_per_second, config->frames_burst};
  struct bucket_rate volume = {config->bytes_per_second, config->bytes_burst};
  uint64_t now_ms = session->caller.node->now_ms;
  enum bucket_verdict by_frames =
      begins ? bucket_take(&session->frames, frames, 1, now_ms) : BUCKET_OK;
  enum bucket_verdict by_bytes = bucket_take(&session->bytes, volume, bytes, now_ms);
  if (by_frames == BUCKET_OK && by_bytes == BUCKET_OK) return ERR_OK;
  metric_add_at(METRIC_RATE_LIMITED, session->caller.protocol_index, 1);
  if (by_frames == BUCKET_FLOODED || by_bytes == BUCKET_FLOODED)
    session_close(session, ERR_RATE_LIMITED);
  return ERR_RATE_LIMITED;
}

void session_scant(struct session *session)
{
  if (session->state == SESSION_OPEN) (void)admit(session, 0, true);
}

/* A frame may hold thousands of items that are none, of two bytes each: the first one is the
 * frame's own, each further one costs as much as a frame. */
static void count_refusals(struct session *session, const struct command *command)
{
  while (command && (command = command->next))
    if (command->kind == COMMAND_REFUSED) session_scant(session);
}

static void handle_message(struct session *session, struct slice message)
{
  static struct arena arena;
  session->frames_in++;
  metric_add_at(METRIC_FRAMES_IN, session->caller.protocol_index, 1);
  if (session->message_error) {
    refuse_message(session, (enum err)session->message_error);
    return;
  }
  if (session->message_binary) {
    refuse_message(session, ERR_MALFORMED);
    return;
  }
  arena_reset(&arena);
  struct decoding decoding = {.arena = &arena};
  struct session_view view = session_view(session);
  protocol_decode(session->caller.protocol, &view, message, &decoding);
  count_refusals(session, decoding.first);
  dispatch(&session->caller, decoding.first);
}

static void begin_message(struct session *session, bool binary)
{
  text_reset(&session->message);
  session->message_bytes = 0;
  session->message_error = ERR_OK;
  session->message_binary = binary;
}

int session_receive(struct session *session, struct slice piece, bool first, bool final,
                    bool binary, size_t left)
{
  const struct config *config = session->caller.node->config;
  if (session->state != SESSION_OPEN) return 0;
  session->heard_ms = session->caller.node->now_ms;
  session->unanswered = 0; /* any frame answers a ping */
  metric_add(METRIC_BYTES_IN, piece.len);
  if (first) begin_message(session, binary);
  /* Each fragment is a frame: a message may have any number of them. */
  bool begins = first || !session->in_frame;
  session->in_frame = left > 0;
  if (begins) loop_read_counted(session->wsi);
  enum err err = admit(session, piece.len, begins);
  if (err != ERR_OK) session->message_error = (uint8_t)err;
  session->message_bytes += piece.len;
  if (session->message_bytes + left > config->hard_message_bytes) {
    session_close(session, ERR_TOO_LARGE);
    return 0;
  }
  if (session->message_bytes + left > config->message_bytes && !session->message_error)
    session->message_error = ERR_TOO_LARGE;
  if (session->state != SESSION_OPEN) return 0;
  bool whole = first && final;
  if (!whole && !session->message_error && !session->message_binary)
    text_append(&session->message, piece);
  if (!final) return 0;
  handle_message(session, whole ? piece : text_slice(&session->message));
  text_free(&session->message);
  return 0;
}

void session_pause_reading(struct session *session, bool paused)
{
  if (session->reading_paused == paused || !session->wsi) return;
  session->reading_paused = paused;
  if (paused) metric_add(METRIC_READS_PAUSED, 1);
  lws_rx_flow_control(session->wsi, !paused);
}
