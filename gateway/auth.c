/* See auth.h. PARLEY_AUTH=open believes everybody (protocols.md, "how you say it"); the
 * codec has checked the claim's form. */
#include "auth.h"

void auth_check(struct node *node, const struct claim *claim, err_fn *done, void *arg)
{
  (void)node;
  done(arg, claim->user.len ? ERR_OK : ERR_UNAUTHORIZED);
}
