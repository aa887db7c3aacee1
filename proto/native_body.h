/* What the routes of the native REST API read and write alike. */
#ifndef PARLEY_PROTO_NATIVE_BODY_H
#define PARLEY_PROTO_NATIVE_BODY_H

#include "base/text.h"
#include "command.h"
#include "http.h"

enum {
  NATIVE_LIMIT = 50,      /* items of a list where no ?limit= is given */
  NATIVE_LIMIT_MAX = 100, /* a larger ?limit= means this */
};

/* ---- reading --------------------------------------------------------------------------- */

/* An id as whom it names. `missing`: what can be no id. */
MUST_CHECK enum err native_read_user(struct slice id, enum err missing, struct address *user);

/* The user or the room that stands for a {} of the path. ERR_NOT_FOUND. */
MUST_CHECK enum err native_path_user(const struct http_call *call, size_t index,
                                     struct address *user);
MUST_CHECK enum err native_path_room(const struct http_call *call, struct command *command);

/* A member of the body in whose name the operator asks: `user` is left as it was where it is
 * missing, or who asks. ERR_FORBIDDEN: somebody else's, and it is not the operator who asks.
 * ERR_MALFORMED: no string, or no id. */
MUST_CHECK enum err native_read_on_behalf(struct arena *arena, const struct http_call *call,
                                          const char *name, struct address *user);

/* ?limit= and ?cursor=, as a text. ERR_MALFORMED. */
MUST_CHECK enum err native_read_page(struct arena *arena, const struct http_call *call,
                                     struct command *command);

/* Members of the body that are strings, and where in `change` each goes; a slice there has no
 * data where one is missing or null. ERR_MALFORMED. */
struct native_text {
  const char *name;
  size_t offset;
};
MUST_CHECK enum err native_read_texts(struct arena *arena, const struct http_call *call,
                                      const struct native_text *texts, size_t count, void *change);

/* ---- writing --------------------------------------------------------------------------- */

/* {"id":"31","name":"31","num":7,"uuid":"…"}, of a user as somebody in a room. */
void native_append_person(struct text *out, const struct party *user);

/* The same, and "online":true,"nickname":null,"bio":null,"avatar":null,"created":1 */
void native_append_user(struct text *out, const struct user_info *user);

/* {"id":"den","name":"Den","num":2,"uuid":"…","open":true,"public":false,"keep":"log",
 *  "owner":"31","members":1,"description":null,"creator":"31","created":1} */
void native_append_room(struct text *out, const struct room_info *room);

/* {"id":65537,"from":"31","to":"#den","text":"hi","ts":1,"edited":false,"reactions":{}}; and
 * where there is one "edited_ts", "thread", "attachments", "fields", "keep". */
void native_append_message(struct text *out, struct arena *arena, const struct envelope *message);

/* {"name":[ and ],"cursor":"…"}, which is null at the end of a list. */
void native_begin_list(struct text *out, const char *name);
int native_end_list(struct text *out, struct slice cursor);

#endif
