/* See epoch.h. */
#include "epoch.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "clock.h"
#include "keys.h"
#include "resp.h"
#include "topology.h"

enum { TAGS_MAX = 8 * KEY_SLOTS };

void epoch_init(struct epoch *epoch)
{
  *epoch = (struct epoch){.digits = EPOCH_NONE};
}

/* parley:epoch, and in a cluster parley:epoch:{7}, 7 the first number whose slot lies there.
 * False: none does. */
static bool write_key(struct text *out, const char *prefix, const struct topology *topology,
                      size_t place)
{
  text_append_format(out, "%sepoch", prefix);
  if (!topology_is_cluster(topology)) return true;
  size_t length = out->len;
  for (unsigned tag = 0; tag < TAGS_MAX; tag++) {
    text_append_format(out, ":{%u}", tag);
    if (topology_owner(topology, key_slot(text_slice(out))) == place) return true;
    out->len = length;
  }
  return false;
}

/* By EVAL: a SCRIPT FLUSH behind the loading would be no answer, and each node's own clock another. */
bool epoch_write_call(const struct epoch *epoch, struct text *out, struct slice script,
                      const char *prefix, const struct topology *topology, size_t place)
{
  struct text key = {0};
  bool is_there = write_key(&key, prefix, topology, place);
  if (is_there) {
    resp_begin(out, 7);
    resp_arg(out, SLICE("EVAL"));
    resp_arg(out, script);
    resp_number(out, 1);
    resp_arg(out, text_slice(&key));
    resp_arg(out, slice_of(epoch->term));
    resp_arg(out, slice_of(epoch->digits));
    resp_arg(out, topology_is_cluster(topology) ? SLICE("1") : SLICE(""));
    resp_finish(out);
  }
  text_free(&key);
  return is_there;
}

/* "<term> <epoch>" */
static bool read_answer(const redisReply *reply, struct epoch *epoch)
{
  char term[sizeof epoch->term], digits[sizeof epoch->digits];
  int length = 0;
  if (!reply || reply->type != REDIS_REPLY_STRING) return false;
  if (sscanf(reply->str, "%40[0-9a-f] %13[0-9]%n", term, digits, &length) != 2) return false;
  if ((size_t)length != reply->len || strlen(digits) != EPOCH_DIGITS) return false;
  memcpy(epoch->term, term, sizeof term);
  memcpy(epoch->digits, digits, sizeof digits);
  return true;
}

void epoch_take(struct epoch *epoch, const redisReply *reply)
{
  if (read_answer(reply, epoch)) return;
  bool refused = reply && reply->type == REDIS_REPLY_ERROR;
  log_event(LOG_WARNING, "redis_epoch_unknown",
            LOG_S("reason", refused ? reply->str : "not understood"));
  snprintf(epoch->digits, sizeof epoch->digits, "%0*" PRIu64, EPOCH_DIGITS,
           clock_wall_ms() % UINT64_C(10000000000000));
}
