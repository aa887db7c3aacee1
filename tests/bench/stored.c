/* See stored.h. */
#include "stored.h"

#include <inttypes.h>
#include <stdio.h>

#include "resp.h"

enum { PATIENCE_S = 10 };

static uint64_t number_of(struct slice digits)
{
  uint64_t number = 0;
  for (size_t i = 0; i < digits.len && digits.data[i] >= '0' && digits.data[i] <= '9'; i++) {
    number = number * 10 + (uint64_t)(digits.data[i] - '0');
  }
  return number;
}

uint64_t stored_memory_bytes(const char *redis)
{
  static const char wanted[] = "used_memory:";
  struct resp resp;
  resp_open(&resp, redis);
  resp_command(&resp.out, 2);
  resp_word(&resp.out, SLICE("INFO"));
  resp_word(&resp.out, SLICE("memory"));
  struct slice info = resp_value(resp_wait(&resp));
  const char *at = memmem(info.data, info.len, wanted, sizeof wanted - 1);
  if (!at) die("Redis does not tell its memory");
  at += sizeof wanted - 1;
  uint64_t bytes = number_of((struct slice){at, (size_t)(info.data + info.len - at)});
  resp_close(&resp);
  return bytes;
}

static uint64_t unread_count(struct resp *resp, const struct load *load)
{
  uint64_t count = 0;
  for (unsigned i = 0; i < load->count; i++) {
    char key[128];
    int len = snprintf(key, sizeof key, "parley:user:{r%s-%u}:unread", load->tag, i);
    resp_command(&resp->out, 2);
    resp_word(&resp->out, SLICE("LLEN"));
    resp_word(&resp->out, (struct slice){key, (size_t)len});
    count += number_of(resp_value(resp_wait(resp)));
  }
  return count;
}

void stored_check(const struct load *load, uint64_t wanted)
{
  struct resp resp;
  resp_open(&resp, load->redis);
  uint64_t deadline = now_ns() + PATIENCE_S * NS_PER_S, count;
  while ((count = unread_count(&resp, load)) != wanted) {
    if (now_ns() > deadline)
      die("Redis holds %" PRIu64 " unread messages, not %" PRIu64, count, wanted);
  }
  resp_close(&resp);
}
