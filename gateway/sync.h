/* The one mechanism (gateway/README.md): subscribe, confirm, read the list, then
 * live. The states of a subscription and every step between them are here. */
#ifndef PARLEY_GATEWAY_SYNC_H
#define PARLEY_GATEWAY_SYNC_H

#include "deliver.h"
#include "hub.h"
#include "stamp.h"

/* Redis has confirmed the topic's subscription, for the first time or again. */
void sync_confirmed(struct node *node, struct topic *topic);

/* Publications are being missed. */
void sync_lost(struct topic *topic);

/* A subscription joins a topic, whatever state that is in. */
void sync_begin(struct node *node, struct subscription *subscription);

/* A publication is offered to a subscription: shown, dropped as a duplicate, or a
 * reason to read the list. */
void sync_offer(struct node *node, struct subscription *subscription, struct delivery *delivery);

/* The first page of a START_UNREAD subscription, which presence_join brought. */
void sync_first_page(struct node *node, struct subscription *subscription, const struct page *page);

/* A message of this seq is stored, and should come: if it does not within a second,
 * the list is read. */
void sync_expect(struct node *node, struct subscription *subscription, uint64_t seq);

/* The topic is about to go. */
void sync_forget(struct topic *topic);

/* The session's outbox has room again. */
void sync_resume(struct node *node, struct session *session);

/* Several times a second: topics whose page could not be read, messages that did not
 * come. */
void sync_tick(struct node *node);

#endif
