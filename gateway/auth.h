/* Auth: is a claim believed? A claim or a credential in, a user or an error out,
 * possibly later. Protocols know nothing of it. */
#ifndef PARLEY_GATEWAY_AUTH_H
#define PARLEY_GATEWAY_AUTH_H

#include "identity.h"
#include "node.h"

/* Who it is. Lives for the call. */
struct identity {
  enum err err;            /* ERR_OK; ERR_UNAUTHORIZED; ERR_FORBIDDEN: the credential is another's
                            * than the user claimed; ERR_UNAVAILABLE */
  struct slice user;       /* canonical id; empty: the operator */
  struct slice credential; /* id of the credential of ours that it came with; empty: none */
  uint64_t expires_ms;     /* the credential's end; 0: none */
  bool admin;              /* with the operator's token (PARLEY_ADMIN_TOKEN) */
};

typedef void identity_fn(void *arg, const struct identity *identity);

/* Borrows the claim for the call. `done` may be called before this returns. */
void auth_check(struct node *node, const struct claim *claim, identity_fn *done, void *arg);

/* Is it the operator's token? False where none is configured. */
bool auth_is_admin(const struct node *node, struct slice token);

#endif
