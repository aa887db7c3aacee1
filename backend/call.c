/* What a call holds: its command, which is copied, read and changed here. */
#include "call.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "resp.h"

struct call *call_new(const struct call *like, struct slice command)
{
  struct call *call = memory_alloc(sizeof *call + command.len + 1);
  *call = *like;
  call->len = command.len;
  memcpy(call->command, command.data, command.len);
  call->command[command.len] = '\0';
  return call;
}

/* The bulk string that begins at `at`; `at` moves behind it. */
static struct slice next_bulk(const struct call *call, size_t *at)
{
  const char *text = call->command + *at;
  char *digits_end;
  size_t size = strtoul(text + 1, &digits_end, 10);
  struct slice bulk = {digits_end + 2, size};
  *at = (size_t)(bulk.data + size + 2 - call->command);
  return bulk;
}

struct slice call_key(const struct call *call)
{
  assert(call->is_script);
  size_t at = (size_t)(strchr(call->command, '\n') + 1 - call->command);
  next_bulk(call, &at); /* EVALSHA */
  next_bulk(call, &at); /* its hash */
  next_bulk(call, &at); /* the number of keys */
  return next_bulk(call, &at);
}

struct call *call_with_last(struct call *call, uint64_t last)
{
  size_t at = (size_t)(strchr(call->command, '\n') + 1 - call->command);
  size_t last_at = at;
  while (at < call->len) {
    last_at = at;
    next_bulk(call, &at);
  }
  struct text command = {0};
  text_append(&command, (struct slice){call->command, last_at});
  resp_number(&command, last);
  struct call *changed = call_new(call, text_slice(&command));
  text_free(&command);
  free(call);
  return changed;
}

void call_free(struct call *call)
{
  free(call);
}
