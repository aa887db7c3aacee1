/* Answers that are known already, told in the next turn of the loop: nobody is called from
 * inside their own call. */
#ifndef PARLEY_BACKEND_SOON_H
#define PARLEY_BACKEND_SOON_H

#include "link.h"

struct soon;

struct soon *soon_new(struct event_base *base);
void soon_free(struct soon *soon); /* what is left gets ERR_UNAVAILABLE first */

/* `done` may be NULL. */
void soon_tell(struct soon *soon, enum err err, link_fn *done, void *arg);

#endif
