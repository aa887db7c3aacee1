/* Several calls with one end. Private to backend/. */
#ifndef PARLEY_BACKEND_GROUP_H
#define PARLEY_BACKEND_GROUP_H

#include <stddef.h>

#include "stamp.h"

struct redisReply;
struct group;

/* `done` is called when `count` calls were answered, with the last of their errors, or ERR_OK;
 * then the group is gone. */
struct group *group_new(size_t count, err_fn *done, void *arg);

/* One of them was. */
void group_answered(struct group *group, enum err err);

/* The same as a call's `done` (store_fn), for those whose answer says nothing. */
void group_on_reply(void *group, enum err err, const struct redisReply *reply);

#endif
