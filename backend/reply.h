/* Answers that outlive the callback that brought them. Private to backend/. */
#ifndef PARLEY_BACKEND_REPLY_H
#define PARLEY_BACKEND_REPLY_H

struct redisReply;

/* All of it: numbers, strings (with a NUL byte behind them), arrays of these. */
struct redisReply *reply_copy(const struct redisReply *reply);
void reply_free(struct redisReply *copy); /* of reply_copy, or NULL */

#endif
