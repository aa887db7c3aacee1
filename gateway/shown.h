/* Which messages a session was shown that its client may mark as read, for protocols
 * in which clients name messages by ids of the senders' making (messaging). Those ids
 * collide, so one name can stand for several messages. Bounded by the inbox, whose
 * unread entries these are. */
#ifndef PARLEY_GATEWAY_SHOWN_H
#define PARLEY_GATEWAY_SHOWN_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct shown;

/* NULL is an empty table in all of these. Names are raw JSON, compared to the byte. */
void shown_add(struct shown **shown, struct slice id, struct slice sender, uint64_t message_id,
               uint64_t ts_ms);

/* The messages of that id, and of that sender where `sender` is not empty: writes up to
 * `room` of their message ids. They stay until they are forgotten: what was asked for can
 * fail, and be asked for again. */
size_t shown_find(const struct shown *shown, struct slice id, struct slice sender,
                  uint64_t *message_ids, size_t room);

/* For protocols that name messages by number and conversation: that sender's, in the order
 * in which they were shown, up to and including `last_id`; none where that was not shown. */
size_t shown_find_up_to(const struct shown *shown, struct slice sender, uint64_t last_id,
                        uint64_t *message_ids, size_t room);

/* The newest of that sender's that is left: its message id and when it was sent; 0: none. */
uint64_t shown_newest(const struct shown *shown, struct slice sender, uint64_t *ts_ms);

/* How many of that sender's are left. */
size_t shown_count(const struct shown *shown, struct slice sender);

/* The message was marked as read, by this connection or another. */
void shown_forget(struct shown **shown, uint64_t message_id);

void shown_free(struct shown **shown);

#endif
