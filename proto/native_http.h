/* The native REST API (protocols.md; native.md). native_http.c has the table of its routes,
 * its errors, and users, tokens and what is the operator's; native_http_rooms.c rooms and who
 * is what in them; native_http_messages.c what is said; native_body.c what several of them
 * read and write. */
#ifndef PARLEY_PROTO_NATIVE_HTTP_H
#define PARLEY_PROTO_NATIVE_HTTP_H

#include "http.h"

extern const struct http_api native_http;

/* As http_route.decode and encode. */
typedef enum err native_decode_fn(struct arena *arena, const struct http_call *call,
                                  struct command *command);
typedef int native_encode_fn(struct arena *arena, const struct http_call *call,
                             const struct outcome *outcome, struct text *out);

/* As http_api.error. */
int native_error(const struct http_call *call, enum err err, struct text *out);

/* Rooms; the people in them, by what they are there. */
native_decode_fn native_decode_rooms, native_decode_new_room, native_decode_room,
    native_decode_edit_room, native_decode_delete_room;
native_encode_fn native_encode_rooms, native_encode_new_room, native_encode_room;
native_decode_fn native_decode_members, native_decode_new_member, native_decode_end_member,
    native_decode_admins, native_decode_new_admin, native_decode_end_admin, native_decode_invites,
    native_decode_new_invite, native_decode_end_invite, native_decode_bans, native_decode_new_ban,
    native_decode_end_ban, native_decode_new_owner;
native_encode_fn native_encode_members, native_encode_admins, native_encode_invites,
    native_encode_bans;

/* Messages: of a room, of the dialog with a user, unread ones; and one by its id. */
native_decode_fn native_decode_room_messages, native_decode_room_send, native_decode_user_messages,
    native_decode_user_send, native_decode_unread;
native_encode_fn native_encode_messages, native_encode_room_sent, native_encode_user_sent;
native_decode_fn native_decode_message, native_decode_edit, native_decode_delete,
    native_decode_react, native_decode_unreact;
native_encode_fn native_encode_message;

#endif
