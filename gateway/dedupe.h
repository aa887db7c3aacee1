/* The dedupe key of a send (protocols.md, "replays of a send"): the same sender,
 * recipient, client id (its JSON type included) and content are the same message. */
#ifndef PARLEY_GATEWAY_DEDUPE_H
#define PARLEY_GATEWAY_DEDUPE_H

#include "envelope.h"

enum { DEDUPE_BYTES = 33 };

/* 32 hexadecimal digits in `buffer`; empty where the client gave no id. */
struct slice dedupe_hash(const struct envelope *message, char buffer[DEDUPE_BYTES]);

#endif
