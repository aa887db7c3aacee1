/* Pages as the scripts answer them: the newest seq, 1 when there is more, the lines; behind a
 * line its reactions, which begin with a bracket. Private to backend/. */
#ifndef PARLEY_BACKEND_PAGE_H
#define PARLEY_BACKEND_PAGE_H

#include "backend.h"
#include "stamp.h"

struct redisReply;

/* Reads the elements from `first` on. `page->messages` is from malloc, the caller's
 * to free; the lines are the reply's. ERR_INTERNAL: this is no page. */
MUST_CHECK enum err page_read(const struct redisReply *reply, size_t first, struct page *page);

/* Nothing but digits, fewer than 20. False: it is something else. */
bool number_read(struct slice digits, uint64_t *number);

/* A reply as a number, which scripts answer as a number or as a string. False: neither. */
bool reply_number(const struct redisReply *reply, uint64_t *number);

/* A reply as bytes; empty where it is no string. */
struct slice reply_slice(const struct redisReply *reply);

/* Its elements from `first` on as bytes. From malloc; NULL where there are none. */
struct slice *reply_slices(const struct redisReply *reply, size_t first);

/* Words that scripts answer: OK and its like, or why not. ERR_INTERNAL: no such word. */
enum err word_read(const struct redisReply *reply);

/* The word in place of what was asked for: why not. Never ERR_OK. */
enum err refusal_read(const struct redisReply *reply);

/* Sends what was written in the store; its answer is a page, or the word for why not. */
void page_send(struct backend *backend, page_fn *done, void *arg);

/* Its answer is a number, the seq of a page without messages; or nothing, which is `missing`: ERR_OK,
 * and seq 0, or why not. */
void seq_send(struct backend *backend, enum err missing, page_fn *done, void *arg);

/* Its answer is a word. `done` may be NULL. */
void word_send(struct backend *backend, err_fn *done, void *arg);

/* Its answer is a set of ids. */
void ids_send(struct backend *backend, ids_fn *done, void *arg);

/* Its answer is whatever it is: nothing but whether it went well. `done` may be NULL. */
void plain_send(struct backend *backend, err_fn *done, void *arg);

#endif
