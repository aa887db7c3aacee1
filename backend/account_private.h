/* Accounts as the files of account.h share them. Private to backend/. */
#ifndef PARLEY_BACKEND_ACCOUNT_PRIVATE_H
#define PARLEY_BACKEND_ACCOUNT_PRIVATE_H

#include "account.h"
#include "store.h"

/* Writes account_get.lua's call, not sent yet. */
void account_write_get(struct store *store, struct slice user);

/* The answer of it, and of account_make.lua: slices of the reply and of `user`. ERR_INTERNAL:
 * it is none. */
MUST_CHECK enum err account_read(const struct redisReply *reply, struct slice user,
                                 struct account *account);

#endif
