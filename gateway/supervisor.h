/* The supervisor: the first process. It starts the private redis-server where no
 * Redis is configured, forks the workers, starts a crashed one again (after 100 ms,
 * then twice as long each time, up to 10 s), and ends them all in order.
 *
 *   SIGTERM, SIGINT  workers drain; whoever is left after drain_seconds and 2 s more
 *                    is killed; the private redis-server goes last
 *   SIGHUP           the configuration is read again, here and in every worker
 *
 * It never touches a connection: it has no event loop and no link to Redis. */
#ifndef PARLEY_GATEWAY_SUPERVISOR_H
#define PARLEY_GATEWAY_SUPERVISOR_H

#include "config.h"

/* Runs the server until it is told to end. Completes `config` (the port where it is
 * 0, workers, max_connections). Returns the exit status of the program. */
int supervisor_run(struct config *config);

#endif
