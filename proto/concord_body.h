/* What concord's frames (concord.c) and its REST surface (concord_http.c) read and write
 * alike: the members of what a client asks for, and chats and channels as all are shown
 * them. Members stand in the order in which the seed, or the original system, writes them. */
#ifndef PARLEY_PROTO_CONCORD_BODY_H
#define PARLEY_PROTO_CONCORD_BODY_H

#include "base/text.h"
#include "command.h"
#include "http.h"

/* The REST surface. */
extern const struct http_api concord_http;

/* ---- reading: raw values of members, empty where one is missing ------------------------ */

/* Null, or missing, is no thread, and leaves `thread` as it was. ERR_MALFORMED. */
MUST_CHECK enum err concord_read_thread(struct slice raw, struct slice *thread);

/* `reaction` and `adding`. ERR_MALFORMED. */
MUST_CHECK enum err concord_read_reaction(struct arena *arena, struct slice reaction,
                                          struct slice adding, struct command *react);

/* ---- writing --------------------------------------------------------------------------- */

/* "channelId":1,"threadId":null */
void concord_append_place(struct text *out, const struct party *channel, struct slice thread);

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

#endif
