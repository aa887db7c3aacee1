/* See stage.h. */
#include "stage.h"

struct redis redis;
struct event_base *base;
struct node node;

int stage_clear(void **state)
{
  (void)state;
  redis_ask(&redis, "FLUSHALL");
  node_start(&node, base, &redis, "gw-1");
  return 0;
}

int stage_leave(void **state)
{
  (void)state;
  node_end(&node);
  return 0;
}

int stage_set(void **state)
{
  (void)state;
  redis_start(&redis, NULL);
  base = loop_new();
  return 0;
}

int stage_strike(void **state)
{
  (void)state;
  loop_free(base);
  redis_end(&redis);
  return 0;
}
