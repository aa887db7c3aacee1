/* The codec of chat, fed anything. */
#include "fuzz_protocol.h"

FUZZ_PROTOCOL(chat)
