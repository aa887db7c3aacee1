/* The REST surface of rooms. */
#ifndef PARLEY_PROTO_ROOMS_HTTP_H
#define PARLEY_PROTO_ROOMS_HTTP_H

#include "http.h"

extern const struct http_api rooms_http;

#endif
