/* The directory as the rest of backend/ uses it. Private to backend/. */
#ifndef PARLEY_BACKEND_DIRECTORY_PRIVATE_H
#define PARLEY_BACKEND_DIRECTORY_PRIVATE_H

#include "directory.h"
#include "messages.h"
#include "uuid.h"

struct text;

struct directory *directory_new(unsigned max_entries);
void directory_free(struct directory *directory);
size_t directory_count(const struct directory *directory);

/* How often something was to be forgotten. */
uint64_t directory_forgets(const struct directory *directory);

/* Takes a fresh number and the UUID of who has no record yet; ERR_CONFLICT: the UUID is
 * somebody else's. The number's entry stands when done is called, or is on its way on the one
 * link that there is, so that a record which is made next never stands without it. `promised`:
 * replicas have both, too (store_promise). */
typedef void claimed_fn(void *arg, enum err err, uint64_t num, const char *uuid);
void directory_claim(struct backend *backend, enum owner_kind kind, struct slice id, bool promised,
                     claimed_fn *done, void *arg);

/* Whose a number ("u7", "c1"), a UUID or a block is. ERR_NOT_FOUND: nobody's. Never changes,
 * and so is kept in the LRU as entries are. */
void directory_owner(struct backend *backend, enum owner_kind of, struct slice name, owner_fn *done,
                     void *arg);

/* "u7" of a user; rooms and dialogs are numbered together: "c7". */
void directory_write_number(struct text *out, enum owner_kind kind, uint64_t num);

/* claim.c's: who wants a number in this turn of the loop; NULL: nobody. */
struct taking;
struct taking **directory_taking(struct directory *directory, enum owner_kind kind);

/* Another node was faster: nobody has that number. */
void directory_disclaim(struct backend *backend, enum owner_kind kind, uint64_t num);

#endif
