/* UTF-8 (RFC 3629), strictly: no overlong forms, no surrogates, nothing above
 * U+10FFFF. */
#ifndef PARLEY_BASE_UTF8_H
#define PARLEY_BASE_UTF8_H

#include <stdint.h>

#include "slice.h"

/* The length of the well-formed sequence at the start of `bytes`, 1 to 4; 0 where
 * there is none. */
size_t utf8_sequence(struct slice bytes);

/* Is it well-formed from end to end? */
bool utf8_valid(struct slice bytes);

/* Is there a control character in it: C0, DEL, or C1 (U+0080 to U+009F)? The bytes are
 * well-formed. */
bool utf8_has_control(struct slice bytes);

/* Writes the code point, which is no surrogate, as 1 to 4 bytes; returns how many. */
size_t utf8_encode(uint32_t code_point, char out[4]);

#endif
