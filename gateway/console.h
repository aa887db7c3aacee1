/* The console: one page, built into the binary, to try things out with. */
#ifndef PARLEY_GATEWAY_CONSOLE_H
#define PARLEY_GATEWAY_CONSOLE_H

#include "base/slice.h"

/* console/index.html, for ever. Its own policy (CSP) lets nothing in from elsewhere. */
struct slice console_page(void);

#endif
