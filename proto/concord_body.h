/* What concord's frames (concord.c) and its REST surface (concord_http.c) read and write
 * alike: the members of what a client asks for, and chats and channels as all are shown
 * them. Members stand in the order in which the seed, or the original system, writes them. */
#ifndef PARLEY_PROTO_CONCORD_BODY_H
#define PARLEY_PROTO_CONCORD_BODY_H

#include "base/text.h"
#include "command.h"
#include "http.h"

/* The lobby's channel. */
enum { CONCORD_LOBBY = 1 };

/* The REST surface. */
extern const struct http_api concord_http;

/* ---- reading: raw values of members, empty where one is missing ------------------------ */

/* The number of a channel or a chat. ERR_MALFORMED where it is none; ERR_NOT_FOUND for 0,
 * which is nobody's: the server's own channel, in which nobody can write, and no message. */
MUST_CHECK enum err concord_read_number(struct slice raw, uint64_t *number);

/* Null, or missing, is no thread, and leaves `thread` as it was. ERR_MALFORMED. */
MUST_CHECK enum err concord_read_thread(struct slice raw, struct slice *thread);

/* ERR_MALFORMED where it is no string. */
MUST_CHECK enum err concord_read_content(struct slice raw, struct slice *text);

/* `reaction` and `adding`. ERR_MALFORMED. */
MUST_CHECK enum err concord_read_reaction(struct arena *arena, struct slice reaction,
                                          struct slice adding, struct command *react);

/* ---- writing --------------------------------------------------------------------------- */

/* The number of the channel that the event is in; false where it is in none. */
bool concord_find_channel(const struct envelope *event, uint64_t *number);

/* "channelId":1,"threadId":null */
void concord_append_place(struct text *out, uint64_t channel, struct slice thread);

/* ,"reactions":{"+1":5} */
void concord_append_reactions(struct text *out, struct slice reactions);

/* {"id":65537,"createdAt":1,"authorId":7,"channelId":1,"threadId":null,"content":"hi",
 *  "edited":false,"reactions":{}}
 * of a message or a notice. False where it is in no channel; nothing was appended. */
bool concord_append_chat(struct text *out, struct arena *arena, const struct envelope *message);

/* {"id":2,"parentChannelId":null,"ordinality":0,"name":"Den","description":null,
 *  "capabilities":[],"createdAt":1,"createdByUserId":7}
 * alone; in a list of channels "children":[] at the end, and no parent. */
enum concord_channel { CONCORD_CHANNEL_ALONE, CONCORD_CHANNEL_LISTED };
void concord_append_channel(struct text *out, const struct room_info *room,
                            enum concord_channel shape);

/* The value of a member that is null where there is none. */
void concord_append_or_null(struct text *out, struct slice name, struct slice value);

#endif
