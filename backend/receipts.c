/* Since when somebody has received and read a dialog (messages.h): the hash
 *
 *   parley:dialog:{alice|bob}:receipts     "read bob" -> "65540 1700000000123" */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "messages.h"
#include "page.h"
#include "store.h"

enum { SECONDS_PER_DAY = 86400 };

static void field_arg(struct store *store, enum receipt_kind kind, struct slice user)
{
  static const struct slice names[] = {
      [RECEIPT_DELIVERED] = {"delivered ", 10}, [RECEIPT_READ] = {"read ", 5}};
  struct text field = {0};
  text_append(&field, names[kind]);
  text_append(&field, user);
  store_arg(store, text_slice(&field));
  text_free(&field);
}

void receipt_set(struct backend *backend, struct slice dialog, struct slice user,
                 enum receipt_kind kind, uint64_t message_id, uint64_t now_ms)
{
  struct store *store = backend->store;
  store_begin(store, SCRIPT_receipt_set, 1, 4);
  store_key(store, OWNER_DIALOG, dialog, ":receipts");
  field_arg(store, kind, user);
  store_number(store, message_id);
  store_number(store, now_ms);
  store_number(store, (uint64_t)(backend->options.limits.log_days + 1) * SECONDS_PER_DAY);
  store_send(store, NULL, NULL);
}

struct receipts_waiter {
  receipts_fn *done;
  void *arg;
};

static void on_receipts(void *arg, enum err err, const struct redisReply *reply)
{
  struct receipts_waiter waiter = *(struct receipts_waiter *)arg;
  struct receipts receipts = {.err = err};
  free(arg);
  bool read = err == ERR_OK && reply->type == REDIS_REPLY_ARRAY && reply->elements == RECEIPT_KINDS;
  if (err == ERR_OK && !read) receipts.err = ERR_INTERNAL;
  for (size_t i = 0; read && i < RECEIPT_KINDS; i++) {
    struct slice at = reply_slice(reply->element[i]);
    struct slice id = slice_cut(&at, ' ');
    if (!number_read(id, &receipts.last[i].id) || !number_read(at, &receipts.last[i].at_ms))
      receipts.last[i].id = 0; /* there is none */
  }
  waiter.done(waiter.arg, &receipts);
}

void receipts_get(struct backend *backend, struct slice dialog, struct slice user,
                  receipts_fn *done, void *arg)
{
  struct store *store = backend->store;
  struct receipts_waiter *waiter = memory_alloc(sizeof *waiter);
  *waiter = (struct receipts_waiter){done, arg};
  store_begin_command(store, "HMGET", 1 + RECEIPT_KINDS);
  store_key(store, OWNER_DIALOG, dialog, ":receipts");
  for (size_t i = 0; i < RECEIPT_KINDS; i++) field_arg(store, (enum receipt_kind)i, user);
  store_send(store, on_receipts, waiter);
}
