/* Presence as the rest of backend/ uses it. Private to backend/. */
#ifndef PARLEY_BACKEND_PRESENCE_PRIVATE_H
#define PARLEY_BACKEND_PRESENCE_PRIVATE_H

#include "presence.h"

struct departed;
struct leaving;
struct reaper;
struct sweep;

enum lease {
  LEASE_NONE,  /* presence_start was not called: sessions join without */
  LEASE_ASKED, /* for the first time in this process, or again after it was lost */
  LEASE_HELD,
  LEASE_ENDED, /* presence_stop was called */
};

struct presence {
  struct backend *backend;
  struct presence_events events;
  enum lease lease;
  bool lost;                  /* it was held before: every session must join again */
  bool beating;               /* a heartbeat is not answered yet */
  uint64_t life_ms;           /* Redis' time when the lease began */
  bool life_written;          /* Redis knows it */
  uint64_t beat_ms;           /* Redis' time of the last one; */
  uint64_t sent_ms, heard_ms; /* it was between these, by clock_now_ms */
  uint64_t asked_ms;          /* when the one under way was sent */
  uint64_t reap_from_ms;      /* Redis' time: before it nobody is declared dead */
  struct event *tick;
  struct leaving *leaving; /* sessions that could not leave yet */
  struct reaper *reaper;
  struct sweep *sweep;
  struct departed *departed;
};

struct presence *presence_new(struct backend *backend);

/* After the store is gone, which has answered everything. */
void presence_free(struct presence *presence);

/* The command link is up: the lease first, then what could not be said. */
void presence_link_up(struct presence *presence);

/* What could not be said of sessions' ends is said once more: when the link is up, and behind
 * every heartbeat, for a Redis that is full refuses on a link that stays. */
void presence_leave_again(struct presence *presence);

bool presence_has_lease(const struct presence *presence);

/* Writes in the store, not sent yet: the session leaves its user's hash. */
void presence_write_leave(struct store *store, struct slice user, struct slice session);

/* Sends all that takes the session away but its place in a node's hash, which is to go behind it.
 * It was done before, and told; but the master that did it may have been lost meanwhile, and
 * whoever has no place in a node's hash any more is found by nobody. */
void presence_send_gone(struct store *store, struct slice user, struct slice session);

/* lease.c: the heartbeat, now. */
void lease_beat(struct presence *presence);

/* What Redis' clock shows now lies between the two, as far as the last heartbeat tells. */
struct redis_time {
  uint64_t earliest_ms, latest_ms; /* 0: not known */
};
struct redis_time lease_time(const struct presence *presence);

/* By Redis' clock: what is sent now and carried out later than this was given up by then
 * (parts/late.lua). 0: that is not known; the masters of a Redis Cluster have no clock in common. */
uint64_t lease_until_ms(const struct backend *backend);

/* reaper.c: clears away after dead nodes, one node at a time. When it was this node's
 * own name, lease_beat is called. A node that is waiting or under way is not taken on
 * a second time. `heartbeat_ms`: its last one. */
struct reaper *reaper_new(struct presence *presence);
void reaper_free(struct reaper *reaper);
void reaper_reap(struct reaper *reaper, struct slice node, uint64_t heartbeat_ms);

/* sweep.c: the node's own hash against what the node has. A heartbeat was answered; and: all of
 * it is looked at soon, for Redis may have forgotten something. */
struct sweep *sweep_new(struct presence *presence);
void sweep_free(struct sweep *sweep);
void sweep_beat(struct sweep *sweep);
void sweep_hurry(struct sweep *sweep);

/* departed.c: sessions that ended lately, on a Redis Cluster; elsewhere it is empty. One has ended;
 * the masters are whole again, and may have forgotten some; a heartbeat was answered. */
struct departed *departed_new(struct presence *presence);
void departed_free(struct departed *departed);
void departed_note(struct departed *departed, struct slice user, struct slice session);
void departed_again(struct departed *departed);
void departed_beat(struct departed *departed);

#endif
