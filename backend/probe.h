/* Readiness is proof (design.md): every second a probe is published on the node's own
 * channel, in a Redis Cluster on a channel of its own at each master, and the node is ready
 * only while what it sent comes back. A bus link that
 * is up but delivers nothing is restarted. Private to backend/. */
#ifndef PARLEY_BACKEND_PROBE_H
#define PARLEY_BACKEND_PROBE_H

#include "backend.h"

struct probe;
struct topology;

struct probe *probe_new(struct backend *backend, struct topology *topology);

/* Subscribes what it listens to; once the links are there. */
void probe_start(struct probe *probe);
void probe_free(struct probe *probe);

/* The topology is another one. */
void probe_changed(struct probe *probe);

/* The command links are up: probe at once. */
void probe_now(struct probe *probe);

/* A subscription is confirmed: where it is one of a probe's, that is sent at once. */
void probe_subscribed(struct probe *probe, struct slice channel);

/* The bus link to the master in that place (topology.h) came or went: nothing is missing from
 * it yet. */
void probe_bus_changed(struct probe *probe, size_t place);

/* True when the publication was one of ours, which nobody else needs to see. */
bool probe_heard(struct probe *probe, struct slice channel, struct slice payload);

/* Microseconds, of the slowest master: what the last one took from being published to coming back,
 * or, where that is more, since when one does not. */
uint64_t probe_lag_us(const struct probe *probe);

/* One came back within the last 3 s, from each master. */
bool probe_proven(const struct probe *probe);

#endif
