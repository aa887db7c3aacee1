/* The census: which nodes there are in the cluster, and which sessions on them. Read from
 * what presence keeps, without asking the nodes:
 *
 *   parley:nodes                    node -> heartbeat                          census_nodes
 *   parley:node:{gw-1.0}:sessions   session -> "protocol user"               ┐ census_sessions,
 *   parley:user:{31}:sessions       session -> "node protocol since device"  ┘ census_find
 *
 * A session that lives stands in both. One that stands with its node alone has ended, and
 * its grace period runs: it is not told of. */
#ifndef PARLEY_BACKEND_CENSUS_H
#define PARLEY_BACKEND_CENSUS_H

#include "backend.h"
#include "stamp.h"

struct node_record {
  struct slice id;
  uint64_t heard_ms; /* its last heartbeat, by Redis's clock */
  uint64_t sessions; /* those whose grace period runs included; 0 while it is cleared away */
};

/* All nodes that live or are being cleared away, by name. */
typedef void nodes_fn(void *arg, enum err err, const struct node_record *nodes, size_t count);
void census_nodes(struct backend *backend, nodes_fn *done, void *arg);

struct session_record {
  struct slice id, user, node, protocol, device;
  uint64_t since_ms; /* when it joined, by its node's clock */
};

/* At most `count` sessions, node by node, from where `cursor` says (empty: the first); `next`
 * is where to go on, empty at the end. One that comes or goes between two parts may be told
 * of or not; one that stays is. ERR_MALFORMED: `cursor` is none of ours. */
typedef void sessions_fn(void *arg, enum err err, const struct session_record *sessions,
                         size_t count, struct slice next);
void census_sessions(struct backend *backend, struct slice cursor, unsigned count,
                     sessions_fn *done, void *arg);

/* By its id, "<node>-<run>.<handle>". ERR_NOT_FOUND. */
typedef void session_fn(void *arg, enum err err, const struct session_record *session);
void census_find(struct backend *backend, struct slice id, session_fn *done, void *arg);

/* Tells the user's channel
 *   {"v":1,"id":0,"seq":0,"kind":"session.revoked","ts":…,"body":{"session":"<id>"}}
 * by which the node that holds it closes it. One that is gone by then is no error. */
void census_revoke(struct backend *backend, struct slice user, struct slice session,
                   uint64_t now_ms, err_fn *done, void *arg);

#endif
