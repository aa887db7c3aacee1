/* Auth: is a claim believed? A claim or a credential in, a user or an error out,
 * possibly later. Protocols know nothing of it. */
#ifndef PARLEY_GATEWAY_AUTH_H
#define PARLEY_GATEWAY_AUTH_H

#include "identity.h"
#include "node.h"
#include "stamp.h"

/* ERR_OK: the claim's user is who it says. Borrows the claim for the call. `done` may
 * be called before this returns. */
void auth_check(struct node *node, const struct claim *claim, err_fn *done, void *arg);

#endif
