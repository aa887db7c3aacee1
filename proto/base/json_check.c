/* Is it one object of strict JSON? The grammar is json_scan's. */
#include "base/json.h"
#include "base/json_scan.h"

enum err json_check_depth(struct slice text, unsigned max_depth)
{
  struct json_scan scan = json_scan(text, max_depth);
  struct slice key, value;
  if (!json_scan_open(&scan, '{')) return ERR_MALFORMED;
  while (json_scan_member(&scan, &key)) json_scan_value(&scan, &value);
  return json_scan_end(&scan) ? ERR_OK : ERR_MALFORMED;
}

enum err json_check(struct slice text)
{
  return json_check_depth(text, JSON_MAX_DEPTH);
}
