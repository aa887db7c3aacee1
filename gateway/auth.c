/* See auth.h.
 *
 *   token ─► the operator's? ─► ours (a session key, a token: account.h) ─► its user
 *   none  ─► PARLEY_AUTH=open believes everybody (protocols.md, "how you say it")
 *
 * The codec has checked the form of the user that is claimed. */
#include "auth.h"

#include <sodium.h>
#include <stdlib.h>

#include "account.h"
#include "base/memory.h"

struct check {
  identity_fn *done;
  void *arg;
  struct slice claimed;
  char memory[];
};

/* In constant time, but for the length. */
bool auth_is_admin(const struct node *node, struct slice token)
{
  const char *wanted = node->config->admin_token;
  size_t len = strlen(wanted);
  return len && token.len == len && sodium_memcmp(token.data, wanted, len) == 0;
}

static void on_verified(void *arg, const struct verified *verified)
{
  struct check check = *(struct check *)arg;
  struct identity identity = {.err = verified->err,
                              .user = verified->user,
                              .credential = verified->id,
                              .expires_ms = verified->expires_ms};
  if (identity.err == ERR_OK && check.claimed.len && !slice_equal(check.claimed, verified->user))
    identity.err = ERR_FORBIDDEN;
  check.done(check.arg, &identity);
  free(arg);
}

static void check_credential(struct node *node, const struct claim *claim, identity_fn *done,
                             void *arg)
{
  struct check *check = memory_alloc(sizeof *check + claim->user.len);
  char *next = check->memory;
  *check = (struct check){.done = done, .arg = arg};
  check->claimed = slice_put(&next, claim->user);
  credential_check(node->backend, claim->token, node_wall_ms(), on_verified, check);
}

void auth_check(struct node *node, const struct claim *claim, identity_fn *done, void *arg)
{
  struct identity identity = {.err = ERR_OK, .user = claim->user};
  if (claim->token.len && !auth_is_admin(node, claim->token)) {
    check_credential(node, claim, done, arg);
    return;
  }
  identity.admin = claim->token.len != 0;
  if (!claim->user.len && !identity.admin) identity.err = ERR_UNAUTHORIZED;
  done(arg, &identity);
}
