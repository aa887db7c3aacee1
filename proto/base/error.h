/* The one table of errors (errors.def) as an enum with its texts. */
#ifndef PARLEY_BASE_ERROR_H
#define PARLEY_BASE_ERROR_H

#include "slice.h"

enum err {
#define X(name, code, http, close, text) ERR_##name,
#include "errors.def"
#undef X
  ERR_COUNT
};

#define MUST_CHECK __attribute__((warn_unused_result))

struct slice err_code(enum err err);   /* "malformed_payload" */
struct slice err_text(enum err err);   /* one sentence for people */
int err_http_status(enum err err);     /* 400 */
unsigned err_close_code(enum err err); /* 4400; 0: this error closes nothing */

#endif
