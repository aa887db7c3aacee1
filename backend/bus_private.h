/* The bus as the backend puts it together. Private to backend/. */
#ifndef PARLEY_BACKEND_BUS_PRIVATE_H
#define PARLEY_BACKEND_BUS_PRIVATE_H

#include "bus.h"
#include "link.h"

struct topology;

struct bus_options {
  struct event_base *base;
  struct topology *topology; /* outlives the bus */
  const char *prefix, *node;
  /* The link to the master in that place (topology.h) came, or went with all its channels. */
  void (*up)(void *arg, size_t place);
  void (*down)(void *arg, size_t place);
  void (*message)(void *arg, struct slice channel, struct slice payload);
  void (*subscribed)(void *arg, struct slice channel);
  void (*lost)(void *arg, struct slice channel); /* in a cluster: until it is subscribed again */
  void *arg;
};

struct bus *bus_new(const struct bus_options *options);
void bus_free(struct bus *bus);
bool bus_is_up(const struct bus *bus, size_t place);
bool bus_is_whole(const struct bus *bus); /* all links are up */
struct link_counts bus_link_counts(const struct bus *bus);
void bus_restart(struct bus *bus, size_t place, const char *reason);

#endif
