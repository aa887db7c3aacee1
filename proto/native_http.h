/* The native REST API (protocols.md; native.md): its table of routes. */
#ifndef PARLEY_PROTO_NATIVE_HTTP_H
#define PARLEY_PROTO_NATIVE_HTTP_H

#include "http.h"

extern const struct http_api native_http;

#endif
