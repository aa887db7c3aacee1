/* Hashing passwords (libsodium's crypto_pwhash: Argon2id, its interactive limits): tens of
 * milliseconds and 64 MiB each, and so a thread of its own, one at a time.
 *
 *   password_hash ──► waiting ──► the thread ──► finished ──► (eventfd) ──► done, in the loop
 *
 * The thread only hashes: it knows no Redis, and of the loop only the eventfd. A password
 * stands in its job alone, and is wiped once it is hashed. Private to backend/. */
#ifndef PARLEY_BACKEND_PASSWORD_H
#define PARLEY_BACKEND_PASSWORD_H

#include "backend.h"
#include "stamp.h"

enum { PASSWORDS_WAITING_MAX = 64 };

struct passwords;

/* sodium_init has been called. */
struct passwords *passwords_new(struct event_base *base);

/* Waits for the one that is being hashed; what is not answered gets ERR_UNAVAILABLE. Not from
 * inside a callback of it. */
void passwords_free(struct passwords *passwords);

/* The string that is kept ("$argon2id$..."), which lives until `done` returns. `done` comes
 * from the loop. ERR_OVERLOADED: too many wait, or there is no memory for it. */
typedef void hashed_fn(void *arg, enum err err, struct slice hash);
void password_hash(struct passwords *passwords, struct slice password, hashed_fn *done, void *arg);

/* ERR_OK; ERR_BAD_PASSWORD: it is another, or `hash` is empty, which takes as long;
 * ERR_OVERLOADED. */
void password_check(struct passwords *passwords, struct slice password, struct slice hash,
                    err_fn *done, void *arg);

#endif
