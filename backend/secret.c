/* The secret of tokens: SET NX GET, so that of two nodes that make one both have the first. */
#include "secret.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/log.h"
#include "base/memory.h"
#include "page.h"
#include "store.h"

enum { MADE_BYTES = 32, MADE_TEXT_BYTES = 2 * MADE_BYTES };

struct kept {
  char *text; /* NULL: none, or not known yet */
  size_t len;
};

struct secret {
  bool configured;
  struct kept own, also;
};

static void forget(struct kept *kept)
{
  if (kept->text) sodium_memzero(kept->text, kept->len);
  free(kept->text);
  *kept = (struct kept){0};
}

static void keep(struct kept *kept, struct slice text)
{
  forget(kept);
  *kept = (struct kept){memory_copy(text.data, text.len), text.len};
}

struct secret *secret_new(const char *configured, const char *also)
{
  struct secret *secret = memory_zalloc(sizeof *secret);
  secret->configured = configured != NULL;
  if (configured) keep(&secret->own, slice_of(configured));
  if (also) keep(&secret->also, slice_of(also));
  return secret;
}

void secret_free(struct secret *secret)
{
  forget(&secret->own);
  forget(&secret->also);
  free(secret);
}

struct slice secret_known(const struct backend *backend)
{
  return (struct slice){backend->secret->own.text, backend->secret->own.len};
}

struct slice secret_also(const struct backend *backend)
{
  return (struct slice){backend->secret->also.text, backend->secret->also.len};
}

struct asking {
  struct backend *backend;
  secret_fn *done;
  void *arg;
  char made[MADE_TEXT_BYTES + 1];
};

static void answer(struct asking *asking, enum err err)
{
  struct slice known = secret_known(asking->backend);
  asking->done(asking->arg, err, err == ERR_OK ? known : (struct slice){0});
  sodium_memzero(asking->made, sizeof asking->made);
  free(asking);
}

static void on_configured(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  answer(arg, err);
}

static void on_secret(void *arg, enum err err, const struct redisReply *reply)
{
  struct asking *asking = arg;
  if (err == ERR_OK) {
    bool first = reply->type == REDIS_REPLY_NIL;
    struct slice secret = first ? slice_of(asking->made) : reply_slice(reply);
    if (secret.len >= TOKEN_SECRET_MIN_BYTES) {
      keep(&asking->backend->secret->own, secret);
    } else {
      log_event(LOG_ERROR, "token_secret_short", LOG_N("bytes", secret.len));
      err = ERR_INTERNAL;
    }
  }
  answer(asking, err);
}

void secret_ask(struct backend *backend, secret_fn *done, void *arg)
{
  struct store *store = backend->store;
  struct asking *asking = memory_zalloc(sizeof *asking);
  *asking = (struct asking){.backend = backend, .done = done, .arg = arg};
  if (backend->secret->configured) {
    store_soon(store, ERR_OK, on_configured, asking);
    return;
  }
  unsigned char bytes[MADE_BYTES];
  randombytes_buf(bytes, sizeof bytes);
  sodium_bin2hex(asking->made, sizeof asking->made, bytes, sizeof bytes);
  sodium_memzero(bytes, sizeof bytes);
  store_begin_command(store, "SET", 4);
  store_name(store, "token-secret");
  store_arg(store, slice_of(asking->made));
  store_arg(store, SLICE("NX"));
  store_arg(store, SLICE("GET"));
  store_promise(store);
  store_send(store, on_secret, asking);
}
