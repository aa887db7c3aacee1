/* The native REST API as machines read it. */
#ifndef PARLEY_PROTO_NATIVE_OPENAPI_H
#define PARLEY_PROTO_NATIVE_OPENAPI_H

#include "base/slice.h"

/* native.openapi.json (OpenAPI 3.1), for ever. */
struct slice native_openapi(void);

#endif
