/* See deliver.h.
 *
 *   event ──► encode (once per protocol) ──► frame ──► outbox, outbox, outbox …
 */
#include "deliver.h"

#include <assert.h>

#include "hearing.h"
#include "metrics.h"
#include "session.h"
#include "shown.h"

/* Reused from one event to the next: what codecs write, and what they need on the way. */
static struct text written;
static struct arena arena;

struct delivery deliver_begin(struct node *node, const struct envelope *event, struct slice reader)
{
  return (struct delivery){.node = node, .event = event, .reader = reader};
}

void deliver_end(struct delivery *delivery)
{
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) frame_release(delivery->frames[i]);
}

bool deliver_wanted(const struct session *session, const struct envelope *event,
                    struct slice reader)
{
  enum own own = session->caller.protocol->own;
  if (event->from.kind != PARTY_USER || !slice_equal(event->from.id, session->caller.user.id))
    return true;
  if (event->kind == KIND_ROOM_ENTERED && hearing_greets(session, event->to.id)) return false;
  if (event->kind == KIND_TYPING) return own == OWN_ALL; /* as concord's original shows it */
  if (event->kind != KIND_MESSAGE_SENT)                  /* what its user did here, it knows */
    return own == OWN_ALL || !slice_equal(event->origin.session, session->caller.id);
  /* A direct message to oneself arrives like anybody's. */
  bool direct = event->to.kind == PARTY_USER;
  if (direct && slice_equal(event->to.id, event->from.id)) return event->seq != 0;
  /* The sender's copy of a direct message went to its own connection with the outcome. */
  if (direct && slice_equal(reader, session->caller.user.id) &&
      slice_equal(event->origin.session, session->caller.id))
    return false;
  if (own == OWN_OTHERS) return !slice_equal(event->origin.session, session->caller.id);
  return own == OWN_ALL;
}

/* One event, or one item of a batch, appended to `written`. */
static bool encode(const struct protocol *protocol, unsigned index, const struct envelope *event,
                   struct slice reader)
{
  arena_reset(&arena);
  if (!protocol->encode(&arena, event, reader, &written)) {
    metric_add_at(METRIC_EVENTS_UNSAYABLE, metric_kind_index(index, event->kind), 1);
    return false;
  }
  metric_add_at(METRIC_EVENTS_ENCODED, index, 1);
  return true;
}

static struct frame *frame_of(struct delivery *delivery, const struct session *session)
{
  unsigned index = session->caller.protocol_index;
  if (delivery->frames[index] || delivery->unsayable[index]) return delivery->frames[index];
  const struct protocol *protocol = session->caller.protocol;
  text_reset(&written);
  text_append(&written, protocol->batch.open);
  if (!encode(protocol, index, delivery->event, delivery->reader)) {
    delivery->unsayable[index] = true;
    return NULL;
  }
  text_append(&written, protocol->batch.close);
  delivery->frames[index] = frame_new_websocket(WEBSOCKET_TEXT, text_slice(&written));
  return delivery->frames[index];
}

/* A message that was stored for this very session's user, and went to its outbox. */
static void note_stored(struct session *session, const struct envelope *event, struct slice reader)
{
  if (!event->id || !event->seq || !reader.len) return;
  const struct protocol *protocol = session->caller.protocol;
  if (protocol->acknowledges) {
    struct slice id = {0}, sender = event->from.id;
    arena_reset(&arena);
    if (protocol->shown_as) protocol->shown_as(&arena, event, reader, &id, &sender);
    shown_add(&session->shown, id, sender, event->id, event->ts_ms);
  }
  /* Entries that wait to be marked as read leave the list by that alone; the pong then
   * only matters to senders who are told. */
  const struct protocol *origin = protocol_by_name(event->origin.protocol);
  if (!protocol->acknowledges || (origin && origin->shows_delivered))
    session_want_proof(session, PROOF_NOW);
}

void deliver_to(struct delivery *delivery, struct session *session)
{
  if (!deliver_wanted(session, delivery->event, delivery->reader)) return;
  struct frame *frame = frame_of(delivery, session);
  if (!frame) return;
  session_send(session, frame_hold(frame));
  note_stored(session, delivery->event, delivery->reader);
}

struct frame *deliver_frame(struct delivery *delivery, const struct session *session)
{
  struct frame *frame = frame_of(delivery, session);
  return frame ? frame_hold(frame) : NULL;
}

void deliver_own(struct delivery *delivery, struct session *session)
{
  struct frame *frame = deliver_frame(delivery, session);
  if (frame) session_send(session, frame);
}

static void send_written(struct session *session)
{
  session_send(session, frame_new_websocket(WEBSOCKET_TEXT, text_slice(&written)));
}

static void deliver_singly(struct session *session, const struct envelope *events, size_t count,
                           struct slice reader)
{
  for (size_t i = 0; i < count; i++) {
    struct delivery delivery = deliver_begin(session->caller.node, &events[i], reader);
    deliver_to(&delivery, session);
    deliver_end(&delivery);
  }
}

void deliver_batch(struct session *session, const struct envelope *events, size_t count,
                   struct slice reader)
{
  const struct protocol *protocol = session->caller.protocol;
  if (!protocol->batch.max_items) {
    deliver_singly(session, events, count, reader);
    return;
  }
  size_t items = 0;
  text_reset(&written);
  for (size_t i = 0; i < count; i++) {
    if (!deliver_wanted(session, &events[i], reader)) continue;
    size_t before = written.len;
    text_append(&written, items ? protocol->batch.separator : protocol->batch.open);
    size_t item = written.len;
    if (!encode(protocol, session->caller.protocol_index, &events[i], reader)) {
      written.len = before;
      continue;
    }
    note_stored(session, &events[i], reader);
    bool full = written.len + protocol->batch.close.len > protocol->batch.max_bytes;
    if (full && items) {
      /* This one goes first into the next frame. */
      struct text rest = {0};
      text_append(&rest, (struct slice){written.data + item, written.len - item});
      written.len = before;
      text_append(&written, protocol->batch.close);
      send_written(session);
      text_reset(&written);
      text_append(&written, protocol->batch.open);
      text_append(&written, text_slice(&rest));
      text_free(&rest);
      items = 0;
    }
    if (++items < protocol->batch.max_items) continue;
    text_append(&written, protocol->batch.close);
    send_written(session);
    text_reset(&written);
    items = 0;
  }
  if (!items) return;
  text_append(&written, protocol->batch.close);
  send_written(session);
}
