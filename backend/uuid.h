/* Name-based UUIDs (RFC 9562, 5.5: version 5), and random ones (5.4: version 4). */
#ifndef PARLEY_BACKEND_UUID_H
#define PARLEY_BACKEND_UUID_H

#include "base/uuid.h"

/* The UUID of a user, room or dialog (protocols.md, "who you are"): the id itself in
 * lower case where it is a UUID, else version 5 in the URL namespace of
 * "parley:<kind>:<id>". Writes 36 bytes and a NUL. `kind`: "user", "room", "dialog". */
void uuid_of(const char *kind, struct slice id, char out[UUID_TEXT_BYTES + 1]);

/* A random one (version 4), from libsodium's source. */
void uuid_random(char out[UUID_TEXT_BYTES + 1]);

#endif
