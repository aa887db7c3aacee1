/* See clearing.h. */
#include "clearing.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/memory.h"
#include "clock.h"
#include "page.h"
#include "store.h"

struct ticket {
  struct ticket *prev, *next;
  struct clearing *clearing;
  struct slice node;                    /* whose hash it stands in */
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

static void begin_slot_command(const struct ticket *ticket, const char *name)
{
  const struct clearing *clearing = ticket->clearing;
  struct store *store = clearing->presence->backend->store;
  store_begin_command(store, name, 2);
  store_key(store, OWNER_NODE, ticket->node, clearing->hash);
  store_arg(store, ticket->session);
}

void presence_reaped_finished(struct backend *backend, void *finished)
{
  struct ticket *ticket = finished;
  struct clearing *clearing = ticket->clearing;
  if (!clearing->once_more)
    departed_note(clearing->presence->departed, ticket->user, ticket->session);
  presence_send_gone(backend->store, ticket->user, ticket->session);
  store_behind(backend->store);
  begin_slot_command(ticket, "HDEL");
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

static void leave(struct ticket *ticket)
{
  struct store *store = ticket->clearing->presence->backend->store;
  presence_write_leave(store, ticket->user, ticket->session);
  store_send(store, on_user_left, ticket);
}

static void on_looked(void *arg, enum err err, const struct redisReply *reply)
{
  uint64_t there = 0;
  if (err == ERR_OK && !reply_number(reply, &there)) err = ERR_INTERNAL;
  if (err == ERR_OK && !there)
    leave(arg);
  else
    ticket_end(arg, err == ERR_OK);
}

/* What stands in front of a session's last `-`. */
static struct slice node_of(struct slice session)
{
  size_t len = session.len;
  while (len && session.data[len - 1] != '-') len--;
  return (struct slice){session.data, len ? len - 1 : 0};
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
  ticket->node = clearing->once_more ? node_of(ticket->session) : clearing->node;
  DL_APPEND(clearing->tickets, ticket);
  if (!clearing->once_more) {
    leave(ticket);
    return;
  }
  begin_slot_command(ticket, "HEXISTS");
  store_send(clearing->presence->backend->store, on_looked, ticket);
}

void clearing_free(struct clearing *clearing)
{
  while (clearing->tickets) ticket_free(clearing->tickets);
}
