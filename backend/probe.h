/* Readiness is proof (design.md): every second a probe is published on the node's own
 * channel, and the node is ready only while what it sent comes back. A bus link that
 * is up but delivers nothing is restarted. Private to backend/. */
#ifndef PARLEY_BACKEND_PROBE_H
#define PARLEY_BACKEND_PROBE_H

#include "backend.h"

struct probe;

struct probe *probe_new(struct backend *backend);
void probe_free(struct probe *probe);

/* The command link is up; the node's own channel is confirmed: probe at once. */
void probe_now(struct probe *probe);

/* The bus link came or went: nothing is missing from it yet. */
void probe_bus_changed(struct probe *probe);

/* True when the publication was one of ours, which nobody else needs to see. */
bool probe_heard(struct probe *probe, struct slice channel, struct slice payload);

/* One came back within the last 3 s. */
bool probe_proven(const struct probe *probe);

/* The name of the node's own channel. */
struct slice probe_channel(const struct probe *probe);

#endif
