/* Scripts' answers as pages. */
#include "page.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/memory.h"
#include "store.h"

struct slice reply_slice(const struct redisReply *reply)
{
  if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
    return (struct slice){0};
  return (struct slice){reply->str, reply->len};
}

static bool read_digits(struct slice *text, uint64_t *number)
{
  uint64_t value = 0;
  size_t digits = 0;
  while (digits < text->len && text->data[digits] >= '0' && text->data[digits] <= '9' &&
         digits < 19)
    value = value * 10 + (uint64_t)(text->data[digits++] - '0');
  *text = slice_skip(*text, digits);
  *number = value;
  return digits > 0;
}

bool number_read(struct slice digits, uint64_t *number)
{
  return read_digits(&digits, number) && digits.len == 0;
}

bool reply_number(const struct redisReply *reply, uint64_t *number)
{
  if (reply->type == REDIS_REPLY_INTEGER) {
    *number = (uint64_t)reply->integer;
    return reply->integer >= 0;
  }
  return number_read(reply_slice(reply), number);
}

static bool skip(struct slice *text, struct slice word)
{
  if (!slice_starts_with(*text, word)) return false;
  *text = slice_skip(*text, word.len);
  return true;
}

struct slice *reply_slices(const struct redisReply *reply, size_t first)
{
  if (reply->elements <= first) return NULL;
  struct slice *slices = memory_alloc((reply->elements - first) * sizeof *slices);
  for (size_t i = first; i < reply->elements; i++)
    slices[i - first] = reply_slice(reply->element[i]);
  return slices;
}

/* The stamp at a line's beginning, as parts/stamp.lua writes it. */
static bool read_stored(struct slice line, struct stored *stored)
{
  struct slice rest = line;
  *stored = (struct stored){.line = line};
  return skip(&rest, SLICE("{\"v\":1,\"id\":")) && read_digits(&rest, &stored->id) &&
         skip(&rest, SLICE(",\"seq\":")) && read_digits(&rest, &stored->seq);
}

enum err page_read(const struct redisReply *reply, size_t first, struct page *page)
{
  *page = (struct page){.err = ERR_INTERNAL};
  uint64_t more;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements < first + 2) return ERR_INTERNAL;
  if (!reply_number(reply->element[first], &page->seq)) return ERR_INTERNAL;
  if (!reply_number(reply->element[first + 1], &more)) return ERR_INTERNAL;
  size_t most = reply->elements - first - 2, count = 0;
  struct stored *messages = most ? memory_alloc(most * sizeof *messages) : NULL;
  for (size_t i = 0; i < most; i++) {
    struct slice text = reply_slice(reply->element[first + 2 + i]);
    if (count && slice_starts_with(text, SLICE("["))) {
      messages[count - 1].reactions = text;
    } else if (!read_stored(text, &messages[count++])) {
      free(messages);
      return ERR_INTERNAL;
    }
  }
  *page = (struct page){
      .err = ERR_OK, .messages = messages, .count = count, .more = more != 0, .seq = page->seq};
  return ERR_OK;
}

enum err word_read(const struct redisReply *reply)
{
  static const struct {
    const char *word;
    enum err err;
  } words[] = {
      {"OK", ERR_OK},
      {"NEW", ERR_OK},
      {"OLD", ERR_OK},
      {"NOROOM", ERR_NOT_FOUND},
      {"NOUSER", ERR_NO_SUCH_USER},
      {"TAKEN", ERR_CONFLICT},
      {"GOING", ERR_NOT_FOUND},
      {"MISSING", ERR_NOT_FOUND},
      {"BANNED", ERR_FORBIDDEN},
      {"NOADMIN", ERR_FORBIDDEN},
      {"CLOSED", ERR_NOT_IN_ROOM},
      {"OUTSIDE", ERR_NOT_IN_ROOM},
      {"MANY", ERR_TOO_LARGE},
      {"CROWDED", ERR_TOO_MANY_ROOMS},
  };
  struct slice text = reply_slice(reply);
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (slice_is(text, words[i].word)) return words[i].err;
  return ERR_INTERNAL;
}

enum err refusal_read(const struct redisReply *reply)
{
  enum err err = word_read(reply);
  return err == ERR_OK ? ERR_INTERNAL : err;
}

struct waiter {
  page_fn *page_done;
  err_fn *plain_done;
  ids_fn *ids_done;
  void *arg;
  enum err missing;
};

static void on_page(void *arg, enum err err, const struct redisReply *reply)
{
  struct waiter waiter = *(struct waiter *)arg;
  free(arg);
  struct page page = {.err = err};
  if (err == ERR_OK && reply->type == REDIS_REPLY_ARRAY)
    page.err = page_read(reply, 0, &page);
  else if (err == ERR_OK)
    page.err = word_read(reply);
  waiter.page_done(waiter.arg, &page);
  free((void *)page.messages);
}

static void send_with(struct backend *backend, store_fn *on_answer, struct waiter waiter)
{
  struct waiter *kept = memory_alloc(sizeof *kept);
  *kept = waiter;
  store_send(backend->store, on_answer, kept);
}

void page_send(struct backend *backend, page_fn *done, void *arg)
{
  send_with(backend, on_page, (struct waiter){.page_done = done, .arg = arg});
}

static void on_seq(void *arg, enum err err, const struct redisReply *reply)
{
  struct waiter waiter = *(struct waiter *)arg;
  free(arg);
  struct page page = {.err = err};
  if (err == ERR_OK && reply->type == REDIS_REPLY_NIL)
    page.err = waiter.missing;
  else if (err == ERR_OK && !reply_number(reply, &page.seq))
    page.err = ERR_INTERNAL;
  waiter.page_done(waiter.arg, &page);
}

void seq_send(struct backend *backend, enum err missing, page_fn *done, void *arg)
{
  send_with(backend, on_seq, (struct waiter){.page_done = done, .arg = arg, .missing = missing});
}

static void on_word(void *arg, enum err err, const struct redisReply *reply)
{
  struct waiter waiter = *(struct waiter *)arg;
  free(arg);
  if (waiter.plain_done) waiter.plain_done(waiter.arg, err == ERR_OK ? word_read(reply) : err);
}

void word_send(struct backend *backend, err_fn *done, void *arg)
{
  send_with(backend, on_word, (struct waiter){.plain_done = done, .arg = arg});
}

static void on_ids(void *arg, enum err err, const struct redisReply *reply)
{
  struct waiter waiter = *(struct waiter *)arg;
  free(arg);
  if (err == ERR_OK && reply->type != REDIS_REPLY_ARRAY) err = ERR_INTERNAL;
  struct slice *ids = err == ERR_OK ? reply_slices(reply, 0) : NULL;
  waiter.ids_done(waiter.arg, err, ids, err == ERR_OK ? reply->elements : 0);
  free(ids);
}

void ids_send(struct backend *backend, ids_fn *done, void *arg)
{
  send_with(backend, on_ids, (struct waiter){.ids_done = done, .arg = arg});
}

static void on_plain(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  struct waiter waiter = *(struct waiter *)arg;
  free(arg);
  waiter.plain_done(waiter.arg, err);
}

void plain_send(struct backend *backend, err_fn *done, void *arg)
{
  if (!done) {
    store_send(backend->store, NULL, NULL);
    return;
  }
  send_with(backend, on_plain, (struct waiter){.plain_done = done, .arg = arg});
}
