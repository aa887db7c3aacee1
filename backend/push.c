/* Pushes in order, also while they wait for a block.
 *
 *   A1 ──NOBLOCK──► next of parley:blocks ──► SET parley:block:{b} ──► A1 with b
 *   A2 ──NOBLOCK──► behind A1                                       A2
 *                   B (made meanwhile) waits                        B
 *
 * All that was under way when A1 was refused is refused likewise (the wait field in
 * inbox_push.lua), and is answered before INCR is: so A2 is known by then. */
#include "push.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <uthash.h>

#include "base/log.h"
#include "base/memory.h"
#include "clock.h"
#include "messages.h"
#include "page.h"
#include "store.h"

#define MS_PER_DAY 86400000u

/* So many may have been given out and forgotten by a Redis that failed. */
enum { BLOCKS_FORGOTTEN = 65536 };

struct push {
  struct push *next;
  struct pushes *pushes;
  struct call *call;
  stamp_fn *done;
  void *arg;
};

struct queue {
  struct push *first, **last;
};

/* An owner whose pushes wait. */
struct waiting {
  UT_hash_handle hh;
  struct pushes *pushes;
  uint64_t block;       /* the one that was taken */
  struct queue refused; /* by the script, and older than those in `held` */
  struct queue held;
  enum owner_kind kind;
  struct slice id; /* of `owner` */
  char owner[];    /* "parley:user:{31}" */
};

struct pushes {
  struct backend *backend;
  struct waiting *waiting;
  struct text wait_field;
};

static void queue_push(struct queue *queue, struct push *push)
{
  push->next = NULL;
  *queue->last = push;
  queue->last = &push->next;
}

static void finish(struct push *push, const struct stamp *stamp)
{
  call_free(push->call);
  push->done(push->arg, stamp);
  free(push);
}

/* ---- answers ------------------------------------------------------------------------ */

static const struct {
  const char *word;
  enum err err;
} refusals[] = {
    {"FULL", ERR_INBOX_FULL},
    {"NOROOM", ERR_NOT_FOUND},
    {"BANNED", ERR_FORBIDDEN},
    {"NOTMEMBER", ERR_NOT_IN_ROOM},
};

/* "id seq", with '=' in front where it is that of an earlier push, and then behind it what is
 * kept of that, where it was asked for. */
static struct stamp read_stamp(struct slice text)
{
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
    if (slice_is(text, refusals[i].word)) return (struct stamp){.err = refusals[i].err};
  struct stamp stamp = {.err = ERR_OK, .repeated = slice_starts_with(text, SLICE("="))};
  const char *at = text.data + stamp.repeated; /* hiredis puts a NUL byte behind every string */
  char *end;
  stamp.id = strtoull(at, &end, 10);
  if (end == at || *end != ' ') return (struct stamp){.err = ERR_INTERNAL};
  stamp.seq = strtoull(end + 1, &end, 10);
  if (*end == ' ') stamp.rest = slice_skip(text, (size_t)(end + 1 - text.data));
  return stamp;
}

static void wait_for(struct push *push, bool stale);

static void on_pushed(void *arg, enum err err, const struct redisReply *reply)
{
  struct push *push = arg;
  if (err != ERR_OK || reply->type != REDIS_REPLY_STRING) {
    finish(push, &(struct stamp){.err = err == ERR_OK ? ERR_INTERNAL : err});
    return;
  }
  struct slice text = reply_slice(reply);
  if (slice_is(text, "NOBLOCK")) {
    wait_for(push, false);
  } else if (slice_is(text, "STALE")) {
    wait_for(push, true);
  } else {
    struct stamp stamp = read_stamp(text);
    finish(push, &stamp);
  }
}

/* ---- waiting ------------------------------------------------------------------------ */

static struct slice owner_of(const struct call *call)
{
  struct slice key = call_key(call); /* an id holds no brace */
  const char *end = memchr(key.data, '}', key.len);
  return (struct slice){key.data, (size_t)(end - key.data) + 1};
}

static struct waiting *find(struct pushes *pushes, struct slice owner)
{
  struct waiting *waiting;
  HASH_FIND(hh, pushes->waiting, owner.data, owner.len, waiting);
  return waiting;
}

static void send_queue(struct push *push)
{
  while (push) {
    struct push *next = push->next;
    call_send(push->call, on_pushed, push);
    push = next;
  }
}

/* `last` becomes the last argument of the first one: its block, or 0. */
static void send_again(struct waiting *waiting, uint64_t last)
{
  struct push *refused = waiting->refused.first;
  struct push *held = waiting->held.first;
  HASH_DELETE(hh, waiting->pushes->waiting, waiting);
  free(waiting);
  refused->call = call_with_last(refused->call, last);
  send_queue(refused);
  send_queue(held);
}

static void fail_queue(struct push *push, enum err err)
{
  while (push) {
    struct push *next = push->next;
    finish(push, &(struct stamp){.err = err});
    push = next;
  }
}

static void give_up(struct waiting *waiting, enum err err)
{
  struct push *refused = waiting->refused.first;
  struct push *held = waiting->held.first;
  HASH_DELETE(hh, waiting->pushes->waiting, waiting);
  free(waiting);
  fail_queue(refused, err);
  fail_queue(held, err);
}

static void on_owner(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  struct waiting *waiting = arg;
  if (err != ERR_OK)
    give_up(waiting, err);
  else
    send_again(waiting, waiting->block);
}

/* Writes whom the block belongs to: first, so that an id that exists can always be
 * traced to its conversation. */
static void write_owner(struct waiting *waiting)
{
  struct store *store = waiting->pushes->backend->store;
  struct text text = {0};
  text_append_number(&text, waiting->block);
  store_begin_command(store, "SET", 2);
  store_key(store, OWNER_BLOCK, text_slice(&text), "");
  text_reset(&text);
  text_append(&text, slice_of(owner_kind_name(waiting->kind)));
  text_append_char(&text, ':');
  text_append(&text, waiting->id);
  store_arg(store, text_slice(&text));
  text_free(&text);
  store_promise(store);
  store_send(store, on_owner, waiting);
}

static void on_block(void *arg, enum err err, const struct redisReply *reply)
{
  struct waiting *waiting = arg;
  if (err == ERR_OK && !reply_number(reply, &waiting->block)) err = ERR_INTERNAL;
  if (err != ERR_OK) {
    give_up(waiting, err);
    return;
  }
  write_owner(waiting);
}

static void on_purged(void *arg, const struct page *page)
{
  struct waiting *waiting = arg;
  if (page->err != ERR_OK)
    give_up(waiting, page->err);
  else
    send_again(waiting, 0);
}

/* A page of no messages: what is too old leaves on the way. */
static void purge(struct waiting *waiting)
{
  messages_after(waiting->pushes->backend, (struct owner){OWNER_USER, waiting->id}, 0, 0, 0,
                 on_purged, waiting);
}

/* NULL: the key is none of ours. */
static struct waiting *waiting_new(struct pushes *pushes, struct slice owner)
{
  struct waiting *waiting = memory_zalloc(sizeof *waiting + owner.len);
  struct slice name = {waiting->owner, owner.len};
  memcpy(waiting->owner, owner.data, owner.len);
  waiting->pushes = pushes;
  waiting->refused.last = &waiting->refused.first;
  waiting->held.last = &waiting->held.first;
  const char *prefix = pushes->backend->options.prefix;
  if (!channel_read(name, prefix, &waiting->kind, &waiting->id)) {
    free(waiting);
    return NULL;
  }
  HASH_ADD_KEYPTR(hh, pushes->waiting, waiting->owner, owner.len, waiting);
  return waiting;
}

/* Behind all that is on its way to the owner: it will be refused as well, and must be here
 * before the first one is called again. */
static void take_block(struct waiting *waiting)
{
  struct store *store = waiting->pushes->backend->store;
  store_begin_command(store, "EXISTS", 1);
  store_key(store, waiting->kind, waiting->id, "");
  store_send(store, NULL, NULL);
  store_behind(store);
  store_begin_counter(store, "blocks", 1, BLOCKS_FORGOTTEN);
  store_send(store, on_block, waiting);
}

static void wait_for(struct push *push, bool stale)
{
  struct pushes *pushes = push->pushes;
  struct slice owner = owner_of(push->call);
  struct waiting *waiting = find(pushes, owner);
  if (waiting) {
    queue_push(&waiting->refused, push);
    return;
  }
  waiting = waiting_new(pushes, owner);
  if (!waiting) {
    finish(push, &(struct stamp){.err = ERR_INTERNAL});
    return;
  }
  queue_push(&waiting->refused, push);
  if (stale) {
    purge(waiting);
    return;
  }
  take_block(waiting);
}

/* ---- calls -------------------------------------------------------------------------- */

void push_send(struct pushes *pushes, stamp_fn *done, void *arg)
{
  struct push *push = memory_alloc(sizeof *push);
  *push = (struct push){.pushes = pushes, .done = done, .arg = arg};
  push->call = store_take(pushes->backend->store);
  struct waiting *waiting = pushes->waiting ? find(pushes, owner_of(push->call)) : NULL;
  if (waiting)
    queue_push(&waiting->held, push);
  else
    call_send(push->call, on_pushed, push);
}

struct slice push_wait_field(const struct pushes *pushes)
{
  return text_slice(&pushes->wait_field);
}

uint64_t push_today(void)
{
  return clock_wall_ms() / MS_PER_DAY;
}

uint64_t push_keep_from(unsigned days)
{
  uint64_t today = push_today();
  return today > days ? today - days : 0;
}

struct pushes *pushes_new(struct backend *backend)
{
  struct pushes *pushes = memory_zalloc(sizeof *pushes);
  pushes->backend = backend;
  text_append(&pushes->wait_field, SLICE("wait:"));
  text_append(&pushes->wait_field, slice_of(backend->options.node));
  return pushes;
}

void pushes_free(struct pushes *pushes)
{
  text_free(&pushes->wait_field);
  free(pushes);
}
