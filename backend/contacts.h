/* Contacts: the people whom a user shares a dialog with, and what these have been told
 * of the user: online, offline. What they know stands in the user's profile
 * (scripts/contacts_news.lua), so that nodes need not know of one another's telling:
 *
 *   presence_join: announce ──► contacts_tell online ──► contacts_news, told online ──► settled
 *   grace over, or reaped ──► contacts_news ──► contacts_tell offline ──► contacts_news, told …
 *
 * Where the answer to the last step is that something else is so by now, that is told
 * as well: whoever tells last tells what is so. */
#ifndef PARLEY_BACKEND_CONTACTS_H
#define PARLEY_BACKEND_CONTACTS_H

#include "backend.h"
#include "stamp.h"

/* Two users share a dialog: each becomes a contact of the other, of up to 1,000. A
 * user is no contact of their own. Idempotent. */
void contacts_add(struct backend *backend, struct slice a, struct slice b, err_fn *done, void *arg);

/* All of a user's. */
void contacts_list(struct backend *backend, struct slice user, ids_fn *done, void *arg);

enum contacts_told { TOLD_NOTHING, TOLD_ONLINE, TOLD_OFFLINE };

/* What the contacts are to be told of a user. */
struct contacts_news {
  enum err err;
  enum contacts_told tell; /* TOLD_NOTHING: there is nothing to tell, and no more below */
  uint64_t num;
  struct slice uuid, name;
  const struct slice *contacts;
  size_t count;
};

typedef void contacts_news_fn(void *arg, const struct contacts_news *news);

/* Asked when a session has gone for good, after its grace period (`session`, TOLD_NOTHING),
 * and when something was told. */
void contacts_news(struct backend *backend, struct slice user, struct slice session,
                   enum contacts_told told, contacts_news_fn *done, void *arg);

/* Publishes the envelope with this rest on the channel of each of them (stamp 0, 0). */
void contacts_tell(struct backend *backend, const struct slice *contacts, size_t count,
                   struct slice rest, err_fn *done, void *arg);

/* One of those that were asked about, and whether they are online as their contacts
 * know it. */
struct contact {
  struct slice id, uuid, name;
  uint64_t num;
  bool online;
};

/* Calls `each` for every one of them whom Redis knows, then `done`. */
typedef void contact_fn(void *arg, const struct contact *contact);
void contacts_look(struct backend *backend, const struct slice *contacts, size_t count,
                   contact_fn *each, err_fn *done, void *arg);

#endif
