/* Messages where they are kept: arguments of scripts/message_*.lua, list_page.lua,
 * messages_latest.lua, dialog_append.lua and read_cursor_set.lua. */
#include "messages.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "directory_private.h"
#include "page.h"
#include "push.h"
#include "store.h"

enum {
  SECONDS_PER_DAY = 86400,
  MS_PER_SECOND = 1000,
  IDS_PER_BLOCK = 65536,
  LATEST_MAX = 1000, /* messages in one page of the latest */
  REACTIONS_MAX = 64,
  NUMBER_BYTES = 24,
};

/* The keys of an owner's messages. */
struct kept_in {
  const char *list, *messages, *counters, *reactions;
};

static const struct kept_in inbox_keys = {":unread", ":unread:messages", ":inbox",
                                          ":unread:reactions"};
static const struct kept_in log_keys = {":log", ":messages", ":record", ":reactions"};

static const struct kept_in *keys_of(struct owner owner)
{
  return owner.kind == OWNER_USER ? &inbox_keys : &log_keys;
}

static unsigned days_of(const struct backend *backend, struct owner owner)
{
  const struct backend_limits *limits = &backend->options.limits;
  return owner.kind == OWNER_USER ? limits->inbox_days : limits->log_days;
}

static void owner_key(struct backend *backend, struct owner owner, const char *suffix)
{
  store_key(backend->store, owner.kind, owner.id, suffix);
}

static struct slice write_digits(uint64_t number, char buffer[NUMBER_BYTES])
{
  int len = snprintf(buffer, NUMBER_BYTES, "%" PRIu64, number);
  return (struct slice){buffer, (size_t)len};
}

void message_owner(struct backend *backend, uint64_t message_id, owner_fn *done, void *arg)
{
  char digits[NUMBER_BYTES];
  directory_owner(backend, OWNER_BLOCK, write_digits(message_id / IDS_PER_BLOCK, digits), done,
                  arg);
}

/* ---- the log of a dialog ------------------------------------------------------------ */

void dialog_append(struct backend *backend, const struct dialog_append *append, stamp_fn *done,
                   void *arg)
{
  struct store *store = backend->store;
  const struct backend_limits *limits = &backend->options.limits;
  const struct owner owner = {OWNER_DIALOG, append->dialog};
  store_begin(store, SCRIPT_dialog_append, append->dedupe.len ? 5 : 4, 11);
  owner_key(backend, owner, log_keys.list);
  owner_key(backend, owner, log_keys.messages);
  owner_key(backend, owner, log_keys.counters);
  owner_key(backend, owner, log_keys.reactions);
  if (append->dedupe.len) store_key_with(store, owner.kind, owner.id, ":sent:", append->dedupe);
  store_arg(store, append->rest);
  store_arg(store, SLICE(""));
  store_number(store, limits->log_messages);
  store_number(store, (uint64_t)(limits->log_days + 1) * SECONDS_PER_DAY);
  store_number(store, push_today());
  store_arg(store, SLICE(""));
  store_number(store, (uint64_t)limits->dedupe_seconds * MS_PER_SECOND);
  store_number(store, !append->ephemeral);
  store_arg(store, push_wait_field(backend->pushes));
  store_epoch(store);
  store_arg(store, SLICE(""));
  push_send(backend->pushes, done, arg);
}

/* ---- reading ------------------------------------------------------------------------ */

void message_get(struct backend *backend, struct owner owner, uint64_t message_id, page_fn *done,
                 void *arg)
{
  store_begin(backend->store, SCRIPT_message_get, 2, 1);
  owner_key(backend, owner, keys_of(owner)->messages);
  owner_key(backend, owner, keys_of(owner)->reactions);
  store_number(backend->store, message_id);
  page_send(backend, done, arg);
}

/* What both scripts that read a list begin with. */
static void begin_list(struct backend *backend, enum script script, struct owner owner)
{
  const struct kept_in *keys = keys_of(owner);
  store_begin(backend->store, script, 4, 4);
  owner_key(backend, owner, keys->list);
  owner_key(backend, owner, keys->messages);
  owner_key(backend, owner, keys->counters);
  owner_key(backend, owner, keys->reactions);
}

void messages_after(struct backend *backend, struct owner owner, uint64_t after_seq,
                    unsigned max_count, size_t max_bytes, page_fn *done, void *arg)
{
  begin_list(backend, SCRIPT_list_page, owner);
  store_number(backend->store, after_seq);
  store_number(backend->store, max_count);
  store_number(backend->store, max_bytes);
  store_number(backend->store, push_keep_from(days_of(backend, owner)));
  page_send(backend, done, arg);
}

void messages_latest(struct backend *backend, struct owner owner, uint64_t before_id,
                     unsigned count, size_t max_bytes, page_fn *done, void *arg)
{
  begin_list(backend, SCRIPT_messages_latest, owner);
  store_number(backend->store, before_id);
  store_number(backend->store, count < LATEST_MAX ? count : LATEST_MAX);
  store_number(backend->store, max_bytes);
  store_number(backend->store, push_keep_from(days_of(backend, owner)));
  page_send(backend, done, arg);
}

/* ---- changing ----------------------------------------------------------------------- */

void message_edit(struct backend *backend, struct owner owner, uint64_t message_id,
                  struct slice rest, struct slice event, err_fn *done, void *arg)
{
  store_begin(backend->store, SCRIPT_message_edit, 1, 4);
  owner_key(backend, owner, keys_of(owner)->messages);
  store_number(backend->store, message_id);
  store_arg(backend->store, rest);
  owner_key(backend, owner, "");
  store_arg(backend->store, event);
  word_send(backend, done, arg);
}

void message_delete(struct backend *backend, struct owner owner, uint64_t message_id,
                    struct slice event, err_fn *done, void *arg)
{
  struct store *store = backend->store;
  const struct kept_in *keys = keys_of(owner);
  bool inbox = owner.kind == OWNER_USER;
  char digits[NUMBER_BYTES];
  store_begin(store, SCRIPT_message_delete, inbox ? 4 : 3, 4);
  owner_key(backend, owner, keys->list);
  owner_key(backend, owner, keys->messages);
  owner_key(backend, owner, keys->reactions);
  if (inbox)
    store_key_with(store, owner.kind, owner.id, ":sent:", write_digits(message_id, digits));
  store_number(store, message_id);
  owner_key(backend, owner, "");
  store_arg(store, event);
  store_number(store, (uint64_t)backend->options.limits.dedupe_seconds * MS_PER_SECOND);
  word_send(backend, done, arg);
}

struct counts_waiter {
  counts_fn *done;
  void *arg;
};

static void on_counts(void *arg, enum err err, const struct redisReply *reply)
{
  struct counts_waiter waiter = *(struct counts_waiter *)arg;
  free(arg);
  struct slice counts = reply ? reply_slice(reply) : (struct slice){0};
  if (err == ERR_OK && !slice_starts_with(counts, SLICE("{"))) err = word_read(reply);
  waiter.done(waiter.arg, err, err == ERR_OK ? counts : SLICE("{}"));
}

void message_react(struct backend *backend, const struct reaction_change *change, counts_fn *done,
                   void *arg)
{
  struct store *store = backend->store;
  const struct kept_in *keys = keys_of(change->owner);
  struct counts_waiter *waiter = memory_alloc(sizeof *waiter);
  *waiter = (struct counts_waiter){done, arg};
  store_begin(store, SCRIPT_message_react, 2, 9);
  owner_key(backend, change->owner, keys->messages);
  owner_key(backend, change->owner, keys->reactions);
  store_number(store, change->message_id);
  store_arg(store, change->user);
  store_arg(store, change->reaction);
  store_number(store, change->adding);
  owner_key(backend, change->owner, "");
  store_arg(store, change->event_head);
  store_arg(store, change->event_tail);
  store_number(store, (uint64_t)(days_of(backend, change->owner) + 1) * SECONDS_PER_DAY);
  store_number(store, REACTIONS_MAX);
  store_send(store, on_counts, waiter);
}

/* ---- how far somebody has read ------------------------------------------------------- */

void read_cursor_set(struct backend *backend, struct owner owner, struct slice user, uint64_t seq,
                     err_fn *done, void *arg)
{
  store_begin(backend->store, SCRIPT_read_cursor_set, 1, 2);
  owner_key(backend, owner, ":read");
  store_arg(backend->store, user);
  store_number(backend->store, seq);
  plain_send(backend, done, arg);
}

void unread_count(struct backend *backend, struct owner owner, struct slice user, page_fn *done,
                  void *arg)
{
  const struct kept_in *keys = keys_of(owner);
  store_begin(backend->store, SCRIPT_unread_count, 3, 1);
  owner_key(backend, owner, keys->list);
  owner_key(backend, owner, keys->messages);
  owner_key(backend, owner, ":read");
  store_arg(backend->store, user);
  seq_send(backend, ERR_OK, done, arg);
}
