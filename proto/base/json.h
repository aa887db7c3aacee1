/* Strict JSON (RFC 8259) for what peers send, and views of the text itself, so that a
 * value can be forwarded to the byte without being rebuilt.
 *
 *   json_check checks the whole text once (grammar, UTF-8, depth, one object). After it,
 *   json_walk and json_member go over the same text and yield raw runs of it: there is no
 *   tree. */
#ifndef PARLEY_BASE_JSON_H
#define PARLEY_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "error.h"
#include "slice.h"

#define JSON_MAX_DEPTH 32 /* objects and arrays nest this deep, not one more (protocols.md) */

/* Ids, numbers and times stay below: what every JSON reader holds exactly (RFC 8259, 6). */
#define JSON_NUMBER_END ((uint64_t)1 << 53)

/* ERR_OK for one object of strict JSON: by RFC 8259, UTF-8, not nested too deep, nothing
 * but white space around it; else ERR_MALFORMED. */
MUST_CHECK enum err json_check(struct slice text);

/* The same with a depth of the caller's own, for what wraps a peer's values. */
MUST_CHECK enum err json_check_depth(struct slice text, unsigned max_depth);

/* Walks an object's or array's text, which json_check has accepted; on any other bytes
 * it yields some of them or nothing, but never leaves the slice, and always ends.
 *
 *   struct json_walk walk = json_walk(text);
 *   while (json_walk_next(&walk, &key, &value)) ...
 *
 * `value` is the raw text of the value without white space around it; `key` is
 * the raw text of the key with its quotes, empty in an array. */
struct json_walk {
  struct slice rest; /* what is still to be walked */
  bool names;        /* it is an object: every value has a name */
};

struct json_walk json_walk(struct slice container);
bool json_walk_next(struct json_walk *walk, struct slice *key, struct slice *value);

/* Does the raw key (quotes and escapes included) spell `name`? */
bool json_key_is(struct slice raw_key, struct slice name);

/* The raw text of the member of that name, the last one where it stands twice;
 * empty where it is missing. */
struct slice json_member(struct slice object, struct slice name);

/* The same for `count` names in one walk: values[i] is the member called names[i]. */
void json_members(struct slice object, const struct slice *names, size_t count,
                  struct slice *values);

/* What a raw value is, told by its first byte. */
bool json_is_string(struct slice raw);
bool json_is_number(struct slice raw);
bool json_is_object(struct slice raw);
bool json_is_array(struct slice raw);
bool json_is_null(struct slice raw);

/* Is there a value that says something: neither missing nor null? */
bool json_is_given(struct slice raw);

/* Can it be an id of a client's own making: a string or a number? */
bool json_is_id(struct slice raw);

/* The bytes that a raw JSON string stands for; a slice of `raw` itself where it
 * holds no escape, else in the arena. A lone surrogate becomes U+FFFD. */
struct slice json_string(struct arena *arena, struct slice raw);

/* A raw number or a raw string of digits as a whole number. False where it is
 * none, is negative, or is not below 2^53. */
bool json_whole_number(struct slice raw, uint64_t *number);

#endif
