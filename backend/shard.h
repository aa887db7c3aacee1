/* A command link with the scripts on it. Every script is loaded in the link's greeting, so
 * that NOSCRIPT can only follow a SCRIPT FLUSH. Then all are loaded again while new calls
 * wait, and those that failed go first: the order of the calls stays.
 *
 * Where replicas are waited for (options.wait), what somebody is promised (is_promised in
 * store.c) is answered only when they have it: one WAIT goes behind all that was sent while the
 * one before was answered. With too few the answer is ERR_UNAVAILABLE: it may be lost with the
 * master, and whoever tries again gives it its second chance (a message the same one where it was
 * kept: it is known by what it is deduped by).
 * Private to backend/. */
#ifndef PARLEY_BACKEND_SHARD_H
#define PARLEY_BACKEND_SHARD_H

#include "store.h"

struct call;
struct shard;
struct script_text;

struct shard_options {
  const struct store_options *store;
  const struct script_text *scripts;    /* SCRIPT_COUNT of them; outlive the shard */
  const struct topology_master *master; /* whom it leads to; outlives the shard */
  size_t place;                         /* and the master's */
  void (*up)(void *arg);
  void (*down)(void *arg);
  void *arg;
};

struct shard *shard_new(const struct shard_options *options);
void shard_free(struct shard *shard);

/* Its master may be another one than before. */
void shard_follow(struct shard *shard);
struct link *shard_link(const struct shard *shard);

/* Sends it, or keeps it until the scripts are loaded again: its answer goes to call_answer. */
void shard_send(struct shard *shard, struct call *call);

#endif
