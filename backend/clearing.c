/* See clearing.h. */
#include "clearing.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/memory.h"
#include "clock.h"
#include "store.h"

struct ticket {
  struct ticket *prev, *next;
  struct clearing *clearing;
  struct slice user, session, protocol; /* of `bytes` */
  char bytes[];
};

static void ticket_free(struct ticket *ticket)
{
  DL_DELETE(ticket->clearing->tickets, ticket);
  free(ticket);
}

static void ticket_end(struct ticket *ticket, bool done)
{
  struct clearing *clearing = ticket->clearing;
  ticket_free(ticket);
  if (!done) clearing->failed = true;
  if (clearing->tickets) return;
  bool all = !clearing->failed;
  clearing->failed = false;
  clearing->done(clearing->arg, all);
}

static void on_slot_gone(void *arg, enum err err, const struct redisReply *reply)
{
  (void)err; /* where it failed, it is still there for the next one who asks */
  (void)reply;
  ticket_end(arg, true);
}

void presence_reaped_finished(struct backend *backend, void *finished)
{
  struct ticket *ticket = finished;
  presence_send_gone(backend->store, ticket->user, ticket->session);
  store_behind(backend->store);
  store_begin_command(backend->store, "HDEL", 2);
  store_key(backend->store, OWNER_NODE, ticket->clearing->node, ticket->clearing->hash);
  store_arg(backend->store, ticket->session);
  store_send(backend->store, on_slot_gone, ticket);
}

static void on_user_left(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  struct ticket *ticket = arg;
  struct clearing *clearing = ticket->clearing;
  const struct presence_events *events = &clearing->presence->events;
  bool late = clearing->until_ms && clock_now_ms() > clearing->until_ms;
  if (err != ERR_OK || late) {
    ticket_end(ticket, false);
    return;
  }
  clearing->told++;
  events->reaped(events->arg, ticket->user, ticket->session, ticket->protocol, ticket);
}

void clearing_add(struct clearing *clearing, struct slice session, struct slice value)
{
  const char *space = value.len ? memchr(value.data, ' ', value.len) : NULL;
  size_t protocol_len = space ? (size_t)(space - value.data) : 0;
  struct ticket *ticket = memory_zalloc(sizeof *ticket + session.len + value.len);
  char *at = ticket->bytes;
  ticket->clearing = clearing;
  ticket->session = slice_put(&at, session);
  ticket->protocol = slice_put(&at, (struct slice){value.data, protocol_len});
  ticket->user = slice_put(&at, slice_skip(value, protocol_len + 1));
  DL_APPEND(clearing->tickets, ticket);
  struct store *store = clearing->presence->backend->store;
  presence_write_leave(store, ticket->user, session);
  store_send(store, on_user_left, ticket);
}

void clearing_free(struct clearing *clearing)
{
  while (clearing->tickets) ticket_free(clearing->tickets);
}
