/* One worker: a full, single-threaded node with its own event loop, its own links
 * to Redis, and the port shared with the other workers. */
#ifndef PARLEY_GATEWAY_NODE_H
#define PARLEY_GATEWAY_NODE_H

#include "config.h"

/* Runs until SIGTERM has drained it. Called by the supervisor in the worker's own
 * process, with signals at their defaults but for SIGPIPE, logging as configured,
 * metrics in this worker's slot, and `config` complete (port, workers and
 * max_connections are no longer 0). The node's id is `<config->node_id>.<worker>`.
 * SIGTERM and SIGINT drain, SIGHUP reloads (config_reload). Returns the exit
 * status of the process: 0 after a drain. */
int node_run(const struct config *config, unsigned worker, const char *redis_url);

#endif
