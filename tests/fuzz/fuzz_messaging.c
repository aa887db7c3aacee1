/* The codec of messaging, fed anything. */
#include "fuzz_protocol.h"

FUZZ_PROTOCOL(messaging)
