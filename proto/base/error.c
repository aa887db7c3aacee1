/* The error table's texts (errors.def). */
#include "base/error.h"

#include <assert.h>

static const struct row {
  struct slice code, text;
  int http_status;
  unsigned close_code;
} rows[ERR_COUNT] = {
#define X(name, code, http, close, text) \
  [ERR_##name] = {{(code), sizeof(code) - 1}, {(text), sizeof(text) - 1}, http, close},
#include "base/errors.def"
#undef X
};

static const struct row *row_of(enum err err)
{
  assert((unsigned)err < ERR_COUNT);
  return &rows[err];
}

struct slice err_code(enum err err)
{
  return row_of(err)->code;
}

struct slice err_text(enum err err)
{
  return row_of(err)->text;
}

int err_http_status(enum err err)
{
  return row_of(err)->http_status;
}

unsigned err_close_code(enum err err)
{
  return row_of(err)->close_code;
}
