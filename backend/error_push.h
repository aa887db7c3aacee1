/* Answers that nobody waits for. hiredis (1.2) knows nothing of sharded channels: what is said of
 * them comes as a push that it hands on, but where Redis refuses an SSUBSCRIBE, the error is
 * an answer without a question, and the end of the connection. So on such a connection
 * errors become pushes too. */
#ifndef PARLEY_BACKEND_ERROR_PUSH_H
#define PARLEY_BACKEND_ERROR_PUSH_H

struct redisAsyncContext;

/* From here on every error is a push, ["error", "MOVED 1 host:1"]. */
void error_push(struct redisAsyncContext *context);

#endif
