/* Base64 (RFC 4648, 4) for HTTP Basic credentials. */
#ifndef PARLEY_BASE_BASE64_H
#define PARLEY_BASE_BASE64_H

#include "arena.h"
#include "slice.h"

/* The decoded bytes, in the arena. False when the text is not base64. */
bool base64_decode(struct arena *arena, struct slice text, struct slice *bytes);

#endif
