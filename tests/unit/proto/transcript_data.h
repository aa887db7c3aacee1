/* Reads the data files of tests/transcripts (their README.md says what stands in them),
 * for the tests that hold the codecs alone against them. */
#ifndef PARLEY_TESTS_TRANSCRIPT_DATA_H
#define PARLEY_TESTS_TRANSCRIPT_DATA_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

/* tests/transcripts/<protocol>/<file> as a tree; the caller gives it back. Fails the
 * test where it cannot be read. */
struct json_object *transcript_load(const char *protocol, const char *file);

/* Calls `visit` with the text of every frame that a client of that protocol sends in the
 * conversations and in the cases of tests/transcripts/<protocol>; returns how many. */
typedef void transcript_frame_fn(void *arg, struct slice frame);
size_t transcript_frames(const char *protocol, transcript_frame_fn *visit, void *arg);

/* A member's string, or the compact JSON of any other value; empty where it is missing
 * or null. In the arena. */
struct slice transcript_text(struct arena *arena, struct json_object *object, const char *name);

/* The same of a whole value. */
struct slice transcript_line(struct arena *arena, struct json_object *value);

/* A member's whole number; 1 for true; 0 where it is missing. */
uint64_t transcript_number(struct json_object *object, const char *name);

/* Is there a member of that name that is null? */
bool transcript_is_null(struct json_object *object, const char *name);

/* The error of that name in errors.def; ERR_OK for the empty one. Fails the test for an
 * unknown one. */
enum err transcript_err(struct slice name);

#endif
