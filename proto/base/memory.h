/* Allocation that does not fail: a gateway that is out of memory can keep no
 * promise, so it logs, aborts, and the supervisor starts the worker again. */
#ifndef PARLEY_BASE_MEMORY_H
#define PARLEY_BASE_MEMORY_H

#include <stddef.h>

void *memory_alloc(size_t size);                 /* not zeroed */
void *memory_zalloc(size_t size);                /* zeroed */
void *memory_resize(void *old, size_t size);     /* realloc */
char *memory_copy(const char *data, size_t len); /* with a NUL byte behind it */

#endif
