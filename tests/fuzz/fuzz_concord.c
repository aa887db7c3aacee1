/* The codec of concord, fed anything. */
#include "fuzz_protocol.h"

FUZZ_PROTOCOL(concord)
