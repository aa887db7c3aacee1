#include "error_push.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

static redisReplyObjectFunctions plain; /* hiredis' own */

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
  if (task->type != REDIS_REPLY_ERROR || task->parent) return plain.createString(task, text, len);
  const redisReadTask array = {.type = REDIS_REPLY_PUSH, .elements = 2};
  void *push = plain.createArray(&array, 2);
  redisReadTask parent = {.type = REDIS_REPLY_PUSH, .obj = push};
  redisReadTask element = {.type = REDIS_REPLY_STRING, .parent = &parent};
  char word[] = "error";
  if (!push) return NULL;
  void *first = plain.createString(&element, word, sizeof word - 1);
  element.idx = 1;
  if (first && plain.createString(&element, text, len)) return push;
  plain.freeObject(push);
  return NULL;
}

void error_push(struct redisAsyncContext *context)
{
  static redisReplyObjectFunctions functions;
  redisReader *reader = context->c.reader;
  if (reader->fn == &functions) return;
  plain = *reader->fn;
  functions = plain;
  functions.createString = create_string;
  reader->fn = &functions;
}
