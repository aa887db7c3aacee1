/* What the machine gives to a process: cores, files, ports. */
#ifndef PARLEY_GATEWAY_MACHINE_H
#define PARLEY_GATEWAY_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

/* Cores that this process may use, by its affinity and by its container's quota; at
 * least 1. */
unsigned machine_cores(void);

/* Raises the limit of open files to what `wanted_connections` of `files_each` need (0: to what
 * the machine allows), and returns how many connections fit under it. */
unsigned machine_raise_file_limit(unsigned wanted_connections, unsigned files_each);

/* Takes a TCP port for the workers, which share it by SO_REUSEPORT: a free one where
 * *port is 0. The socket that is returned never listens; while it is open nobody else
 * gets the port. `listen` is an address or "*". Negative: `error` holds one sentence;
 * a port that somebody uses is one, after it was tried for 2 s, for a server that has
 * just been killed may still be letting go of it. */
int machine_reserve_port(const char *listen, unsigned *port, char *error, size_t error_bytes);

#endif
