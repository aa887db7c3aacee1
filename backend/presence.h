/* Presence: which sessions a user has, on which node; leases of nodes, and the
 * reaper that clears away after a dead one. */
#ifndef PARLEY_BACKEND_PRESENCE_H
#define PARLEY_BACKEND_PRESENCE_H

#include "backend.h"
#include "stamp.h"

enum presence_exclusive { PRESENCE_SHARED, PRESENCE_REFUSE, PRESENCE_REPLACE };

struct presence_join {
  struct slice user, session; /* session: unique for ever, printable, no spaces */
  struct slice protocol, device;
  struct slice credential;           /* id of what it authenticated with (account.h); empty: none */
  enum presence_exclusive exclusive; /* against live sessions of the same protocol and device */
  bool acknowledges;                 /* marks the user as one whose entries wait for being read */
  bool contacts;                     /* wanted in the answer */
  uint64_t page_after_seq;           /* the first page of the inbox comes along */
  unsigned page_count;               /* 0: none wanted */
  size_t page_bytes;
  uint64_t now_ms;   /* wall clock; of a new user, shown in the profile */
  uint64_t since_ms; /* of one that joins again: what `joined` said; 0: it begins now */
  bool again;        /* the session lives: what fails is tried again, and nothing is taken back */
};

struct presence_joined {
  enum err err; /* ERR_OK; ERR_REPLACED: another has the place (PRESENCE_REFUSE), or a newer one
                          * (PRESENCE_REPLACE); ERR_CONFLICT: the UUID is somebody else's; ERR_UNAUTHORIZED: the credential is revoked, or
                          * has expired by now_ms; ERR_UNAVAILABLE */
  uint64_t num; /* the user's number; the user is made where there was none */
  uint64_t since_ms; /* when the session began, by Redis' clock, by which who is newer is told */
  struct slice uuid, name;
  size_t sessions;           /* of this user, in the whole cluster, this one included */
  struct page unread;        /* the inbox's first page, and its newest seq */
  const struct slice *rooms; /* ids of the rooms that the user is a member of */
  size_t room_count;
  bool tell_contacts;           /* that the user is online now, as contacts.h says */
  const struct slice *contacts; /* where wanted, or to be told */
  size_t contact_count;
  const struct slice *bans; /* ids of the rooms, public or not, that the user is banned from */
  size_t ban_count;
};

typedef void joined_fn(void *arg, const struct presence_joined *joined);

/* One script on the user's tag. PRESENCE_REPLACE takes the older sessions out and
 * publishes for each, on the user's channel, the envelope
 *   {"v":1,"id":0,"seq":0,"kind":"session.replaced","ts":…,"body":{"session":"<id>"}}
 * The session is written to the node's own hash first, so that a crash in between
 * leaves nothing that the reaper does not find. */
void presence_join(struct backend *backend, const struct presence_join *join, joined_fn *done,
                   void *arg);

/* The session is gone (idempotent): it leaves the user's hash at once, and the
 * node's hash as well where `finished`. While it stands in the node's hash the
 * reaper would end its attendance after a crash, and tell the user's contacts
 * (contacts_news, which the last session asks after its grace period). done may be
 * NULL. */
void presence_leave(struct backend *backend, struct slice user, struct slice session, bool finished,
                    err_fn *done, void *arg);

/* The node's lease. `lost` is called when a heartbeat finds that the lease had been
 * reaped (the node was paused past it): every session must join again. `reaped` is
 * called on the node that does the reaping, once for each session of a dead node,
 * after that session has left the user's hash; attendance is ended by it through
 * attendance_end (the envelope is the gateway's to write) with `finished` as done,
 * which the session's slot in the dead node's hash waits for. The same is done with those of
 * this node's own hash that `muster` does not know. */
struct presence_part;

struct presence_events {
  void (*lost)(void *arg);
  void (*reaped)(void *arg, struct slice user, struct slice session, struct slice protocol,
                 void *ticket);
  /* A part of the node's own hash, now and then (sweep.c); NULL: it is believed as it is. */
  void (*muster)(void *arg, const struct presence_part *part);
  void *arg;
};

/* One of the node's hash: "protocol user" by session. */
struct presence_slot {
  struct slice session, value;
  bool ours; /* for `muster` to say: it lives, or its end is under way */
};

/* Between a part that is the first one and one that is the last, all stood in one that stood there
 * all the time: who was in none must join again. */
struct presence_part {
  struct presence_slot *slots; /* by session, each once */
  size_t count;
  bool first, last;
};

/* Begins to heartbeat (every lease_ms / 5, by Redis's clock) and to look for dead
 * nodes. One node reaps a given dead one at a time; a reaper that dies is taken
 * over from. */
void presence_start(struct backend *backend, const struct presence_events *events);

/* What `reaped` asked for is done: the slot goes. `finished`: its ticket, once. */
void presence_reaped_finished(struct backend *backend, void *finished);

/* A clean end: the node's lease is given back, nobody needs to reap. */
void presence_stop(struct backend *backend, err_fn *done, void *arg);

#endif
