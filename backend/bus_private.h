/* The bus as the rest of backend/ uses it. Private to backend/. */
#ifndef PARLEY_BACKEND_BUS_PRIVATE_H
#define PARLEY_BACKEND_BUS_PRIVATE_H

#include "bus.h"
#include "link.h"

struct topology;

struct bus_options {
  struct event_base *base;
  struct topology *topology; /* outlives the bus */
  const char *prefix, *node;
  void (*up)(void *arg);
  void (*down)(void *arg);
  void (*message)(void *arg, struct slice channel, struct slice payload);
  void (*subscribed)(void *arg, struct slice channel);
  void *arg;
};

struct bus *bus_new(const struct bus_options *options);
void bus_free(struct bus *bus);
bool bus_is_up(const struct bus *bus);
struct link_counts bus_link_counts(const struct bus *bus);
void bus_restart(struct bus *bus, const char *reason);

#endif
