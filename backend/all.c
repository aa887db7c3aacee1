/* What is told to everybody (rooms.h, all_tell): the one channel without an owner. */
#include "page.h"
#include "rooms.h"
#include "store.h"

void all_tell(struct backend *backend, struct slice rest, err_fn *done, void *arg)
{
  store_begin(backend->store, SCRIPT_user_tell, 1, 1);
  store_name(backend->store, "all");
  store_arg(backend->store, rest);
  plain_send(backend, done, arg);
}
