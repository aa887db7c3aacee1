/* Pushes: the calls that stamp a message, inbox_push.lua and room_send.lua. They may
 * answer that they need a block of message ids (NOBLOCK) or that old entries are to
 * be taken out first (STALE); then they are called again, in the order in which they
 * were made, and later ones to the same owner wait behind them.
 * Private to backend/. */
#ifndef PARLEY_BACKEND_PUSH_H
#define PARLEY_BACKEND_PUSH_H

#include "backend.h"
#include "stamp.h"

struct pushes;

struct pushes *pushes_new(struct backend *backend);

/* After the store is gone, which has answered everything. */
void pushes_free(struct pushes *pushes);

/* Sends what was written in the store: a script whose first key is the owner's list
 * and whose last argument is the block, empty. */
void push_send(struct pushes *pushes, stamp_fn *done, void *arg);

/* The field of this node that keeps its pushes in order (inbox_push.lua). */
struct slice push_wait_field(const struct pushes *pushes);

/* Days since the epoch, and the first day that is kept of the last `days` ones. */
uint64_t push_today(void);
uint64_t push_keep_from(unsigned days);

#endif
