/* See reply.h. */
#include "reply.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/memory.h"

redisReply *reply_copy(const redisReply *reply)
{
  redisReply *copy = memory_zalloc(sizeof *copy);
  *copy = (redisReply){.type = reply->type,
                       .integer = reply->integer,
                       .len = reply->len,
                       .elements = reply->elements};
  if (reply->str) copy->str = memory_copy(reply->str, reply->len);
  if (!reply->elements) return copy;
  copy->element = memory_alloc(reply->elements * sizeof *copy->element);
  for (size_t i = 0; i < reply->elements; i++) copy->element[i] = reply_copy(reply->element[i]);
  return copy;
}

void reply_free(redisReply *copy)
{
  if (!copy) return;
  for (size_t i = 0; i < copy->elements; i++) reply_free(copy->element[i]);
  free(copy->element);
  free(copy->str);
  free(copy);
}
