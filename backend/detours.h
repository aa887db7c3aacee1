/* Calls that a Redis Cluster sends elsewhere: MOVED (the slot has another master), ASK (this key
 * has, for now), TRYAGAIN (some of these keys have). Their order stays, slot by slot:
 *
 *   on their way ──(one is redirected)──► again     all behind it are waited for,
 *                    new ones ──────────► waiting   and new ones wait behind them;
 *   then the first of `again` goes where it was sent to; when that went well, all do.
 *
 * A call that finds no place for as long as an answer may take is told ERR_UNAVAILABLE.
 * Private to the store. */
#ifndef PARLEY_BACKEND_DETOURS_H
#define PARLEY_BACKEND_DETOURS_H

#include "call.h"
#include "topology.h"

struct detours;

struct detours_options {
  struct event_base *base;
  struct topology *topology;
  unsigned timeout_ms;
  void (*transmit)(struct call *call);     /* to call->place, with ASKING where it says so */
  bool (*can_transmit)(struct call *call); /* there is a link to there, and it is up */
  void (*answer)(struct call *call, enum err err, const struct redisReply *reply);
};

struct detours *detours_new(const struct detours_options *options);
void detours_free(struct detours *detours); /* what is kept gets ERR_UNAVAILABLE first */

/* No call goes out any more: the store is about to go. */
void detours_end(struct detours *detours);

void detours_send(struct detours *detours, struct call *call);

/* The same, but not before `leader` was answered, nor may what comes later on its slot. */
void detours_send_behind(struct detours *detours, struct call *call, struct call *leader);

/* Its leader was. */
void detours_go_on(struct detours *detours, struct call *call);

/* Redis' answer to a call. */
void detours_answered(struct detours *detours, struct call *call, enum err err,
                      const struct redisReply *reply);

#endif
