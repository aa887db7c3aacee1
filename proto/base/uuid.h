/* UUIDs as text (RFC 9562, 4): 8-4-4-4-12 hexadecimal digits, in either case. */
#ifndef PARLEY_BASE_UUID_H
#define PARLEY_BASE_UUID_H

#include "slice.h"

#define UUID_TEXT_BYTES 36

/* Is it one? */
bool uuid_is(struct slice text);

/* Does a dash stand there in one? */
bool uuid_is_dash(size_t at);

/* Is it in lower case already? */
bool uuid_is_lower(struct slice uuid);

/* One in lower case: writes 36 bytes and a NUL. */
void uuid_lower(struct slice uuid, char out[UUID_TEXT_BYTES + 1]);

#endif
