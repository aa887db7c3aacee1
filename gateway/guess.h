/* Guessing of passwords: logins that fail are counted, for each user who is to be logged in as,
 * and for each address that tries; whoever is over --logins-per-minute (an address: ten times as
 * many) is refused before the password is looked at, whether it is right or not. A login that
 * succeeds counts nothing. Each worker counts for itself, and remembers a bounded number of
 * users and addresses. */
#ifndef PARLEY_GATEWAY_GUESS_H
#define PARLEY_GATEWAY_GUESS_H

#include <stdbool.h>

#include "base/slice.h"
#include "ip.h"

struct guesses;
struct node;

struct guesses *guesses_new(void);
void guesses_free(struct guesses *guesses);

/* A login begins, and counts until it is known to be none. False: too many have failed. */
bool guess_begin(struct node *node, struct slice user, const struct ip *ip);

/* It was no wrong guess. */
void guess_forgive(struct node *node, struct slice user, const struct ip *ip);

#endif
