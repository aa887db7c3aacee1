/* The scripts as they are loaded, and what they are called by. Private to the store. */
#ifndef PARLEY_BACKEND_SCRIPT_TEXT_H
#define PARLEY_BACKEND_SCRIPT_TEXT_H

#include <stdbool.h>

#include "store.h"

enum { SHA1_HEX_BYTES = 40 };

struct script_text {
  struct slice text;
  char *own; /* where `text` stands; NULL: it is built in */
  char hash[SHA1_HEX_BYTES + 1];
};

/* In a cluster scripts publish on sharded channels. */
void script_texts_read(struct script_text texts[SCRIPT_COUNT], bool in_cluster);
void script_texts_free(struct script_text texts[SCRIPT_COUNT]);

#endif
