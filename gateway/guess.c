/* See guess.h. */
#include "guess.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "base/memory.h"
#include "config.h"
#include "limit.h"
#include "metrics.h"
#include "node.h"

enum {
  MOST_GUESSERS = 20000,
  PER_ADDRESS = 10, /* many users may share one */
  LOGIN = 60,       /* what one takes of a bucket that is filled by the second */
};

/* A user or an address, as its key says. */
struct guesser {
  UT_hash_handle hh;
  struct guesser *prev, *next; /* least recently asked about first */
  struct bucket bucket;
  size_t len;
  char key[]; /* 'u' and the user's id, or 'a' and the address */
};

struct guesses {
  struct guesser *table, *list;
  struct text key;
};

struct guesses *guesses_new(void)
{
  return memory_zalloc(sizeof(struct guesses));
}

static void forget(struct guesses *guesses, struct guesser *guesser)
{
  HASH_DELETE(hh, guesses->table, guesser); /* NOLINT(clang-analyzer-core.NullDereference) uthash */
  DL_DELETE(guesses->list, guesser);
  free(guesser);
}

void guesses_free(struct guesses *guesses)
{
  while (guesses->list) forget(guesses, guesses->list);
  text_free(&guesses->key);
  free(guesses);
}

static struct bucket *bucket_of(struct guesses *guesses, char kind, struct slice id)
{
  struct guesser *guesser;
  text_reset(&guesses->key);
  text_append_char(&guesses->key, kind);
  text_append(&guesses->key, id);
  struct slice key = text_slice(&guesses->key);
  HASH_FIND(hh, guesses->table, key.data, key.len, guesser);
  if (guesser) {
    DL_DELETE(guesses->list, guesser);
    DL_APPEND(guesses->list, guesser);
    return &guesser->bucket;
  }
  if (HASH_COUNT(guesses->table) >= MOST_GUESSERS) forget(guesses, guesses->list);
  guesser = memory_zalloc(sizeof *guesser + key.len);
  guesser->len = key.len;
  memcpy(guesser->key, key.data, key.len);
  HASH_ADD_KEYPTR(hh, guesses->table, guesser->key, guesser->len, guesser);
  DL_APPEND(guesses->list, guesser);
  return &guesser->bucket;
}

static struct slice address(const struct ip *ip)
{
  return (struct slice){(const char *)ip->bytes, sizeof ip->bytes};
}

static bool take(struct node *node, char kind, struct slice id, uint64_t per_minute)
{
  struct bucket_rate rate = {per_minute, per_minute * LOGIN};
  return bucket_take(bucket_of(node->guesses, kind, id), rate, LOGIN, node->now_ms) == BUCKET_OK;
}

bool guess_begin(struct node *node, struct slice user, const struct ip *ip)
{
  uint64_t per_minute = node->config->logins_per_minute;
  bool may =
      take(node, 'a', address(ip), per_minute * PER_ADDRESS) && take(node, 'u', user, per_minute);
  if (!may) metric_add(METRIC_LOGINS_REFUSED, 1);
  return may;
}

void guess_forgive(struct node *node, struct slice user, const struct ip *ip)
{
  bucket_give(bucket_of(node->guesses, 'a', address(ip)), LOGIN);
  bucket_give(bucket_of(node->guesses, 'u', user), LOGIN);
}
