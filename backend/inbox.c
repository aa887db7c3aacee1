/* Inboxes: arguments of scripts/inbox_*.lua, in their order. */
#include "inbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "clock.h"
#include "page.h"
#include "push.h"
#include "store.h"

enum {
  SECONDS_PER_DAY = 86400,
  MS_PER_SECOND = 1000,
  /* What one round of a confirmation takes out at most. */
  CONFIRM_COUNT = 1000,
  CONFIRM_BYTES = 2 << 20,
};

void inbox_push(struct backend *backend, const struct inbox_push *push, stamp_fn *done, void *arg)
{
  struct store *store = backend->store;
  const struct backend_limits *limits = &backend->options.limits;
  char digits[24];
  struct slice sent = push->dedupe;
  if (push->id && push->stored)
    sent = (struct slice){digits, (size_t)sprintf(digits, "%" PRIu64, push->id)};
  store_begin(store, SCRIPT_inbox_push, sent.len ? 4 : 3, push->id ? 12 : 11);
  store_key(store, OWNER_USER, push->user, ":unread");
  store_key(store, OWNER_USER, push->user, ":unread:messages");
  store_key(store, OWNER_USER, push->user, ":inbox");
  if (sent.len) store_key_with(store, OWNER_USER, push->user, ":sent:", sent);
  store_arg(store, push->rest);
  store_key(store, OWNER_USER, push->user, "");
  store_number(store, limits->inbox_messages);
  store_number(store, (uint64_t)(limits->inbox_days + 1) * SECONDS_PER_DAY);
  store_number(store, push_today());
  store_number(store, push_keep_from(limits->inbox_days));
  store_number(store, (uint64_t)limits->dedupe_seconds * MS_PER_SECOND);
  store_number(store, push->stored);
  store_arg(store, push_wait_field(backend->pushes));
  store_epoch(store);
  if (push->id) store_number(store, push->id);
  store_arg(store, SLICE(""));
  push_send(backend->pushes, done, arg);
}

/* A confirmation that may take several rounds. */
struct confirming {
  struct backend *backend;
  page_fn *done;
  void *arg;
  uint64_t id;
  struct slice user; /* of `bytes` */
  char bytes[];
};

static void send_confirm(struct confirming *confirming);

static void on_confirmed(void *arg, const struct page *page)
{
  struct confirming *confirming = arg;
  confirming->done(confirming->arg, page);
  if (page->err == ERR_OK && page->more)
    send_confirm(confirming);
  else
    free(confirming);
}

static void send_confirm(struct confirming *confirming)
{
  struct backend *backend = confirming->backend;
  struct store *store = backend->store;
  struct slice user = confirming->user;
  uint64_t now_ms = clock_wall_ms();
  uint64_t reader_ms =
      (uint64_t)backend->options.limits.reader_days * SECONDS_PER_DAY * MS_PER_SECOND;
  store_begin(store, SCRIPT_inbox_confirm, 5, 4);
  store_key(store, OWNER_USER, user, ":unread");
  store_key(store, OWNER_USER, user, ":unread:messages");
  store_key(store, OWNER_USER, user, ":profile");
  store_key(store, OWNER_USER, user, ":unread:reactions");
  store_key(store, OWNER_USER, user, ":inbox");
  store_number(store, confirming->id);
  store_number(store, now_ms > reader_ms ? now_ms - reader_ms : 0);
  store_number(store, CONFIRM_COUNT);
  store_number(store, CONFIRM_BYTES);
  page_send(backend, on_confirmed, confirming);
}

void inbox_confirm(struct backend *backend, struct slice user, uint64_t id, page_fn *done,
                   void *arg)
{
  struct confirming *confirming = memory_alloc(sizeof *confirming + user.len);
  *confirming = (struct confirming){.backend = backend,
                                    .done = done,
                                    .arg = arg,
                                    .id = id,
                                    .user = {confirming->bytes, user.len}};
  if (user.len) memcpy(confirming->bytes, user.data, user.len);
  send_confirm(confirming);
}

void inbox_read(struct backend *backend, struct slice user, const uint64_t *ids, size_t count,
                page_fn *done, void *arg)
{
  struct store *store = backend->store;
  store_begin(store, SCRIPT_inbox_read, 3, (unsigned)count);
  store_key(store, OWNER_USER, user, ":unread");
  store_key(store, OWNER_USER, user, ":unread:messages");
  store_key(store, OWNER_USER, user, ":unread:reactions");
  for (size_t i = 0; i < count; i++) store_number(store, ids[i]);
  page_send(backend, done, arg);
}
