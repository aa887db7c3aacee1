/* The codec of rooms, fed anything. */
#include "fuzz_protocol.h"

FUZZ_PROTOCOL(rooms)
