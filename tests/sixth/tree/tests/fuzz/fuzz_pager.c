/* The codec of pager, fed anything. */
#include "fuzz_protocol.h"

FUZZ_PROTOCOL(pager)
