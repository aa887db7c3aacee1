/* The directory: who is who. Numbers and UUIDs of users, rooms and dialogs are
 * given once and never change, so what was read once stays in an LRU in front of
 * Redis. Names do: who renames somebody tells all nodes, which then forget the entry. */
#ifndef PARLEY_BACKEND_DIRECTORY_H
#define PARLEY_BACKEND_DIRECTORY_H

#include "backend.h"
#include "keys.h"

/* One who or what can be addressed. */
struct entry {
  enum owner_kind kind; /* OWNER_USER, OWNER_ROOM, OWNER_DIALOG */
  uint64_t num;         /* users count by themselves, rooms and dialogs together; the lobby is 1 */
  struct slice id, uuid, name;
};

/* In the LRU already: NULL when not. The entry is valid until the next call of
 * anything in this header. */
const struct entry *directory_find(struct backend *backend, enum owner_kind kind, struct slice id);

/* Reads the entry, and makes it where there is none and `create` (users and
 * dialogs: anyone may be written to; never rooms). done(arg, ERR_OK, entry);
 * ERR_NOT_FOUND; ERR_CONFLICT: the UUID belongs to someone else. A dialog's id is
 * directory_dialog_id's. */
typedef void entry_fn(void *arg, enum err err, const struct entry *entry);
void directory_resolve(struct backend *backend, enum owner_kind kind, struct slice id, bool create,
                       entry_fn *done, void *arg);

/* By number (users count by themselves, rooms and dialogs together) or by UUID, in either
 * case. `kind` of the number: OWNER_USER, or OWNER_ROOM for rooms and dialogs. The entry
 * tells what it is. ERR_NOT_FOUND. */
void directory_by_number(struct backend *backend, enum owner_kind kind, uint64_t num,
                         entry_fn *done, void *arg);
void directory_by_uuid(struct backend *backend, struct slice uuid, entry_fn *done, void *arg);

/* Keeps in the LRU what another call brought along. */
void directory_keep(struct backend *backend, const struct entry *entry);

/* What was kept is wrong from now on (somebody has another name): the next one who asks asks
 * Redis. What was never kept is no error. */
void directory_forget(struct backend *backend, enum owner_kind kind, struct slice id);

/* Forgets all: names may have changed unheard. */
void directory_clear(struct backend *backend);

/* Writes "a|b", the smaller id first. `buffer` holds 257 bytes. */
struct slice directory_dialog_id(struct slice a, struct slice b, char *buffer);

#endif
