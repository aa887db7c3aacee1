/* The proof of receipt, and the heartbeat: both are the WebSocket's own ping, one
 * outstanding per connection, with the inbox's seq as payload (gateway/README.md). */
#ifndef PARLEY_GATEWAY_PROOF_H
#define PARLEY_GATEWAY_PROOF_H

#include "session.h"

/* The session is open: its heartbeat begins. */
void proof_begin(struct session *session);

/* Part of every flush: a ping behind what is written, where something is to prove and
 * none is out. */
void proof_ping(struct session *session);

#endif
