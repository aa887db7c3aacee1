/* See proof.h.
 *
 *   stored messages, ping(seq) ──► client ──► pong(seq): it has all that went before
 *        inbox:  inbox_confirm      entries leave the list, senders are told `delivered`
 *        room:   room_cursor_set    the member's cursor moves
 */
#include "proof.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "conversation.h"
#include "dispatch.h"
#include "inbox.h"
#include "loop.h"
#include "metrics.h"

enum {
  PROOF_LATER_MS = 1000,
  HEARTBEATS_UNANSWERED = 2,
  PAYLOAD_BYTES = 24,
};

static void on_timer(struct node *node, struct node_timer *timer);

static size_t write_payload(const struct session *session, char payload[PAYLOAD_BYTES])
{
  uint64_t seq = session->inbox ? session->inbox->cursor : 0;
  return (size_t)snprintf(payload, PAYLOAD_BYTES, "%llu", (unsigned long long)seq);
}

static void ping(struct session *session)
{
  char payload[PAYLOAD_BYTES];
  size_t len = write_payload(session, payload);
  session->ping_out = true;
  session->proof_wanted = false;
  session->pinged_seq = session->inbox ? session->inbox->cursor : 0;
  for (struct subscription *each = session->subscriptions; each; each = each->next_of_session) {
    each->pinged = each->cursor;
    each->pinged_id = each->cursor_id;
  }
  session_send(session, frame_new_websocket(WEBSOCKET_PING, (struct slice){payload, len}));
}

static void schedule(struct session *session, uint64_t delay_ms)
{
  uint64_t now_ms = session->expires_ms ? node_wall_ms() : 0;
  session->timer.call = on_timer;
  if (session->expires_ms && session->expires_ms < now_ms + delay_ms)
    delay_ms = session->expires_ms > now_ms ? session->expires_ms - now_ms : 0;
  node_timer_set(session->caller.node, &session->timer, delay_ms);
}

static uint64_t heartbeat_ms(const struct session *session)
{
  return (uint64_t)session->caller.node->config->ping_seconds * 1000;
}

void proof_begin(struct session *session)
{
  schedule(session, session->proof_wanted_later ? PROOF_LATER_MS : heartbeat_ms(session));
}

void proof_ping(struct session *session)
{
  if (session->proof_wanted && !session->ping_out) ping(session);
}

void session_want_proof(struct session *session, enum proof when)
{
  if (when == PROOF_NOW) {
    session->proof_wanted = true;
    return;
  }
  if (session->proof_wanted_later) return;
  session->proof_wanted_later = true;
  if (session->state == SESSION_OPEN) schedule(session, PROOF_LATER_MS);
}

static void ping_in_protocol(struct session *session)
{
  static struct text frame;
  text_reset(&frame);
  session->caller.protocol->ping(node_wall_ms(), &frame);
  session_send(session, frame_new_websocket(WEBSOCKET_TEXT, text_slice(&frame)));
}

/* A silent connection is pinged; one that answers nothing for two heartbeats is gone. */
static void heartbeat(struct session *session)
{
  uint64_t silent_ms = session->caller.node->now_ms - session->heard_ms;
  if (silent_ms < heartbeat_ms(session)) {
    session->unanswered = 0;
    schedule(session, heartbeat_ms(session) - silent_ms);
    return;
  }
  uint64_t since_ms = session->caller.node->now_ms - session->heartbeat_ms;
  if (session->unanswered && since_ms < heartbeat_ms(session)) {
    schedule(session, heartbeat_ms(session) - since_ms); /* the timer rang for a proof */
    return;
  }
  if (session->unanswered >= HEARTBEATS_UNANSWERED) {
    metric_add_at(METRIC_PING_TIMEOUTS, session->caller.protocol_index, 1);
    session_close(session, ERR_NO_PONG);
    return;
  }
  session->unanswered++;
  session->heartbeat_ms = session->caller.node->now_ms;
  if (session->caller.protocol->ping)
    ping_in_protocol(session);
  else if (!session->ping_out)
    ping(session);
  schedule(session, heartbeat_ms(session));
}

static void on_timer(struct node *node, struct node_timer *timer)
{
  struct session *session = (struct session *)timer;
  (void)node;
  if (session->state != SESSION_OPEN) return;
  if (session->expires_ms && session->expires_ms <= node_wall_ms()) {
    session_close(session, ERR_UNAUTHORIZED);
    return;
  }
  if (session->proof_wanted_later) {
    session->proof_wanted_later = false;
    session->proof_wanted = true;
    session_touch(session);
  }
  heartbeat(session);
}

/* ---- the answer -------------------------------------------------------------------- */

/* What travels with a confirmation: the session may be gone when it is answered. */
struct confirmation {
  struct node *node;
  uint64_t session; /* handle */
};

/* Redis went away: the entries are still there, and the next pong proves them once more. */
static void unprove(const struct confirmation *confirmation)
{
  struct session *session = session_find(confirmation->node, confirmation->session);
  if (!session || !session->inbox || session->state != SESSION_OPEN) return;
  session->inbox->proven = 0;
  session_want_proof(session, PROOF_LATER);
}

/* The senders of what has provably arrived are told, where they can be. Of a long list it
 * is called for each part. */
static void on_confirmed(void *arg, const struct page *page)
{
  struct confirmation *confirmation = arg;
  if (page->err == ERR_OK)
    dispatch_tell_senders(confirmation->node, page, KIND_MESSAGE_DELIVERED);
  else if (!confirmation->node->ending)
    unprove(confirmation);
  if (page->err != ERR_OK || !page->more) free(confirmation);
}

static void confirm(struct session *session)
{
  struct confirmation *confirmation = memory_alloc(sizeof *confirmation);
  *confirmation = (struct confirmation){session->caller.node, session->caller.handle};
  inbox_confirm(session->caller.node->backend, session->inbox->topic->owner,
                session->inbox->pinged_id, on_confirmed, confirmation);
}

static void prove(struct subscription *subscription)
{
  struct session *session = subscription->session;
  struct topic *topic = subscription->topic;
  if (subscription->pinged <= subscription->proven) return;
  subscription->proven = subscription->pinged;
  if (topic->kind == OWNER_USER && subscription->pinged_id)
    confirm(session);
  else if (topic->kind == OWNER_ROOM && subscription->member)
    room_cursor_set(session->caller.node->backend, topic->owner, session->caller.user.id,
                    subscription->proven);
}

void session_pong(struct session *session, struct slice payload)
{
  char expected[PAYLOAD_BYTES];
  if (session->state != SESSION_OPEN) return;
  session->heard_ms = session->caller.node->now_ms;
  session->unanswered = 0;
  int len = snprintf(expected, sizeof expected, "%llu", (unsigned long long)session->pinged_seq);
  /* A pong that nobody asked for (RFC 6455, 5.5.3) proves nothing. */
  if (!session->ping_out || !slice_equal(payload, (struct slice){expected, (size_t)len})) return;
  session->ping_out = false;
  loop_read_counted(session->wsi); /* it was asked for */
  metric_add(METRIC_PROOFS, 1);
  for (struct subscription *each = session->subscriptions; each; each = each->next_of_session)
    prove(each);
  if (session->proof_wanted) session_touch(session);
}
