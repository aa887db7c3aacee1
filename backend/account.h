/* Accounts: who a user is beyond an id (profile, password), and what they authenticate
 * with. All of one user stands on the user's tag:
 *
 *   parley:user:{31}:profile     ... password (libsodium's string), nickname, bio, avatar, created;
 *                                registered, deleted: when (ms), and that it was
 *   parley:user:{31}:keys        hash: credential id -> "<key|token> <created ms> <expires ms>"
 *   parley:key:{<id>}            string with expiry: whose a session key is
 *   parley:token-secret          what tokens are signed with, where none is configured
 *
 * A credential is a session key (32 characters of [0-9A-Za-z_-], from libsodium's random
 * source; its id is a hash of it, and the key itself is kept nowhere) or a token (a JWT,
 * HS256 alone, by libjwt; its id is its `jti`). Either is good while its id stands in its
 * user's hash and has not expired: revoking is taking it out, and telling the user's channel
 *   {"v":1,"id":0,"seq":0,"kind":"session.revoked","ts":…,"body":{"credential":"<id>"}}
 * without a body where the user is deleted: then all of their sessions end.
 * presence_join looks at the same hash (struct presence_join.credential), so that no session
 * slips in beside a revocation.
 *
 * Passwords are hashed and compared by a thread of their own: it takes tens of
 * milliseconds, and the loop must not wait. At most 64 wait; above, ERR_OVERLOADED. */
#ifndef PARLEY_BACKEND_ACCOUNT_H
#define PARLEY_BACKEND_ACCOUNT_H

#include "backend.h"
#include "stamp.h"

enum { ACCOUNT_NAME_BYTES = 128, ACCOUNT_TEXT_BYTES = 4096, ACCOUNT_PASSWORD_BYTES = 1024 };

/* A user as Redis knows them. Empty where it is not set; `name` is the id where none is. */
struct account {
  uint64_t num, created_ms;
  struct slice id, uuid, name, nickname, bio, avatar;
  bool online; /* has a live session */
};

/* data NULL: not given, and left as it is. ERR_MALFORMED where a text is too long (above) or
 * has control characters, or a password is empty. Empty, a text is taken out. */
struct account_change {
  struct slice name, password, nickname, bio, avatar;
};

typedef void account_fn(void *arg, enum err err, const struct account *account);

/* Makes a user with a password or without. `id` empty: a new random UUID. ERR_CONFLICT: there
 * is a user of this id, or the UUID is somebody else's; but one without a password, who never
 * registered, becomes this account where `claim`. The caller has checked the id's form
 * (identity_check), and tells other nodes where a claimed user has another name now (all_tell).
 * ERR_MALFORMED, ERR_OVERLOADED. */
struct account_new {
  struct slice id;
  struct account_change change;
  bool claim;
  uint64_t now_ms;
};
void account_make(struct backend *backend, const struct account_new *new, account_fn *done,
                  void *arg);

/* ERR_NO_SUCH_USER. */
void account_get(struct backend *backend, struct slice user, account_fn *done, void *arg);

/* `event`: the rest of an envelope (user.changed) that is published on `parley:all` once it is
 * done, so that every node's directory forgets the old name; empty: none. A changed password
 * revokes nothing. ERR_NO_SUCH_USER, ERR_MALFORMED, ERR_OVERLOADED. */
void account_edit(struct backend *backend, struct slice user, const struct account_change *change,
                  struct slice event, err_fn *done, void *arg);

/* Revokes all credentials and ends all sessions; password, texts, name and what is unread are
 * gone afterwards. The id, number and UUID stay this user's for ever: there is no such user any
 * more, and nobody can register as them; but a session that joins without a credential, where
 * names are believed, brings them back. Rooms are left by the caller, who also tells other nodes
 * that the name is gone (all_tell). ERR_NO_SUCH_USER. */
void account_delete(struct backend *backend, struct slice user, uint64_t now_ms, err_fn *done,
                    void *arg);

/* Users with a number above `after_num`, by number, at most `count`; `next` is the number to
 * go on behind, 0 at the end. There may be fewer before the end, or none, where many numbers are
 * nobody's. */
typedef void accounts_fn(void *arg, enum err err, const struct account *accounts, size_t count,
                         uint64_t next);
void account_list(struct backend *backend, uint64_t after_num, unsigned count, accounts_fn *done,
                  void *arg);

/* ERR_OK; ERR_NO_SUCH_USER; ERR_BAD_PASSWORD: it is another, or the user has none. Takes as
 * long in either case. ERR_OVERLOADED. */
void account_check_password(struct backend *backend, struct slice user, struct slice password,
                            err_fn *done, void *arg);

/* ---- credentials --------------------------------------------------------------------- */

enum credential_kind { CREDENTIAL_IS_KEY, CREDENTIAL_IS_TOKEN };

struct issued {
  enum err err;
  struct slice credential; /* itself: told this once */
  struct slice id;
  uint64_t expires_ms;
};
typedef void issued_fn(void *arg, const struct issued *issued);

/* A new one; good for backend_limits.credential_seconds. A user has at most 100: the one that
 * expires first is revoked. ERR_NO_SUCH_USER. */
void credential_issue(struct backend *backend, struct slice user, enum credential_kind kind,
                      uint64_t now_ms, issued_fn *done, void *arg);

/* Whose it is. ERR_UNAUTHORIZED: nobody's, expired, revoked, not signed by us, or with
 * another algorithm than HS256 (`none` among them). Nothing of it is in any log. */
struct verified {
  enum err err;
  struct slice user, id;
  uint64_t expires_ms;
};
typedef void verified_fn(void *arg, const struct verified *verified);
void credential_check(struct backend *backend, struct slice credential, uint64_t now_ms,
                      verified_fn *done, void *arg);

/* Is it the session key of this id? Of a token only credential_check can tell. */
bool credential_is(struct slice key, struct slice id);

/* By its id. ERR_NOT_FOUND. */
void credential_revoke(struct backend *backend, struct slice user, struct slice id, uint64_t now_ms,
                       err_fn *done, void *arg);

/* Those that are good now, oldest first. */
struct credential_record {
  struct slice id;
  enum credential_kind kind;
  uint64_t created_ms, expires_ms;
};
typedef void credentials_fn(void *arg, enum err err, const struct credential_record *records,
                            size_t count);
void credential_list(struct backend *backend, struct slice user, uint64_t now_ms,
                     credentials_fn *done, void *arg);

#endif
