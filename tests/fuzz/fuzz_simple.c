/* The codec of simple, fed anything. */
#include "fuzz_protocol.h"

FUZZ_PROTOCOL(simple)
