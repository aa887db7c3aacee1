/* The bus: reference-counted subscriptions of Redis channels over one link that
 * resubscribes by itself. Channels asked for in one turn of the loop go to Redis in
 * one SUBSCRIBE (at most 256 names each; after a reconnect the next batch waits for
 * the one before). The node's own channel stays subscribed always, so the link is
 * never left without a subscription. */
#ifndef PARLEY_BACKEND_BUS_H
#define PARLEY_BACKEND_BUS_H

#include "backend.h"

/* One more reference. True when the channel is subscribed and confirmed already;
 * else backend_events.subscribed tells when it is. */
bool bus_subscribe(struct backend *backend, struct slice channel);

/* One reference less; the last one unsubscribes. */
void bus_unsubscribe(struct backend *backend, struct slice channel);

/* Publishes on the command link: fire and forget (a lost publication is what seq
 * and the lists are for). */
void bus_publish(struct backend *backend, struct slice channel, struct slice payload);

size_t bus_channel_count(const struct backend *backend);

#endif
