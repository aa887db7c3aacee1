/* Many WebSocket client connections in one thread on one epoll, without a library,
 * so that what is measured is the server.
 *
 * A scenario opens clients, then calls loop_pass again and again: each pass writes
 * what was queued since the last one (one send per client), waits, and hands every
 * text frame that arrived to `text`. Pings are answered here. A connection that ends,
 * or a handshake that goes wrong in another way than `refused` is asked about, ends
 * the program. */
#ifndef PARLEY_BENCH_LOOP_H
#define PARLEY_BENCH_LOOP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "bytes.h"

enum client_state { CLIENT_CONNECTING, CLIENT_UPGRADING, CLIENT_OPEN };

struct client {
  int fd;
  unsigned index; /* in the order of loop_connect, from 0 */
  enum client_state state;
  bool queued;     /* stands in the loop's queue: has bytes to write */
  bool blocked;    /* the socket took less than all: waits for EPOLLOUT */
  struct bytes in; /* the beginning of a frame */
  struct bytes out;
};

struct loop_events {
  /* The handshake is complete. May be NULL. */
  void (*opened)(void *arg, struct client *client);
  /* A whole text frame; `text` lives until it returns. */
  void (*text)(void *arg, struct client *client, struct slice text);
  /* The upgrade was answered with another status than 101. NULL: that ends the program. */
  void (*refused)(void *arg, struct client *client, unsigned status);
  void *arg;
};

struct loop {
  int epoll;
  struct sockaddr_in server;
  struct loop_events events;
  struct client *clients; /* never moves */
  unsigned count, max, open;
  struct client **queue;
  unsigned queued;
  char *buffer;
};

/* For at most `max` clients of 127.0.0.1:port. */
void loop_init(struct loop *loop, unsigned port, unsigned max, const struct loop_events *events);

/* Begins to connect; `target` is the path and query of the upgrade. */
struct client *loop_connect(struct loop *loop, const char *target);

/* Queues one text frame for the next pass. */
void loop_send(struct loop *loop, struct client *client, struct slice text);

/* One turn; waits at most `timeout_ns` for something to arrive. */
void loop_pass(struct loop *loop, uint64_t timeout_ns);

/* Turns until all clients are open; dies after `patience_s` without one more. */
void loop_open_all(struct loop *loop, unsigned patience_s);

/* Closes all connections, without a farewell. */
void loop_free(struct loop *loop);

#endif
