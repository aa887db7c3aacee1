/* The inside of concord's REST surface: concord_http.c has the table of its routes, its errors,
 * users and channels; concord_http_chats.c what the routes of chats decode and encode. */
#ifndef PARLEY_PROTO_CONCORD_HTTP_H
#define PARLEY_PROTO_CONCORD_HTTP_H

#include "http.h"

/* As http_route.decode and encode. */
typedef enum err concord_decode_fn(struct arena *arena, const struct http_call *call,
                                   struct command *command);
typedef int concord_encode_fn(struct arena *arena, const struct http_call *call,
                              const struct outcome *outcome, struct text *out);

/* A command of that kind, to the channel in the path. */
MUST_CHECK enum err concord_path_channel(const struct http_call *call, enum command_kind kind,
                                         struct command *command);

/* As http_api.error. */
int concord_http_error(const struct http_call *call, enum err err, struct text *out);

/* 200 and no body, as the original answers what has nothing to tell. */
concord_encode_fn concord_encode_nothing;

/* The chats of a channel, and those that are looked for. */
concord_decode_fn concord_decode_latest, concord_decode_send, concord_decode_search;
concord_encode_fn concord_encode_latest, concord_encode_sent, concord_encode_found;

/* A chat and its reactions. */
concord_decode_fn concord_decode_chat, concord_decode_edit, concord_decode_delete;
concord_decode_fn concord_decode_reactions, concord_decode_react;
concord_encode_fn concord_encode_chat, concord_encode_reactions;

#endif
