/* What begins each kind of command, and what they share. A beginning is called once,
 * when everything that the command names is in the directory; it ends, now or later, in
 * one of the first two below. Borrows `command` for the call; what it needs later it
 * keeps in the task. To add a kind, add a row to dispatch.c's table. */
#ifndef PARLEY_GATEWAY_COMMANDS_H
#define PARLEY_GATEWAY_COMMANDS_H

#include "command.h"
#include "directory.h"
#include "session.h"
#include "task.h"

/* The outcome goes to the caller; the task is given back, and the next of its caller's
 * commands begins. */
void command_finish(struct task *task, const struct outcome *outcome);

/* The same for one that is nothing but this. */
void command_finish_with(struct task *task, enum err err);

/* The task's caller; NULL when it is gone. */
struct caller *command_caller(const struct task *task);

/* A session's reply as a frame, NULL where it answers nothing; and the task's end, for those
 * whose reply has to wait. */
struct frame *command_reply(const struct task *task, struct session *session,
                            const struct outcome *outcome);
void command_done(struct task *task);

/* Is it the operator's, in the name of the command's `user`? */
bool command_speaks_for(const struct caller *caller, const struct command *command);

/* May the caller's user have connections besides it? They are told what it does. */
bool command_is_shared(const struct caller *caller);

/* "a|b": the other one of a dialog. False: the user is neither. */
bool command_other_of(struct slice dialog, struct slice user, struct slice *other);

/* An entry of the directory as codecs know it. */
struct party command_party(const struct entry *entry);

enum { COMMAND_DIALOG_ID_BYTES = 2 * ID_MAX_BYTES + 2, COMMAND_CURSOR_BYTES = 24 };

/* The cursor of a list that goes on behind a number. False: it is none of ours. */
bool command_read_cursor(const struct command *command, uint64_t *number);

/* The same in the other direction; 0: the list has ended. In `text`. */
struct slice command_cursor(uint64_t next, char text[COMMAND_CURSOR_BYTES]);

/* What the marks of a dialog's other one say of a message: nothing of one that is beyond. */
struct receipts;
struct receipt command_receipt(const struct receipts *receipts, const struct envelope *message);

/* How many are asked for: at most so many, and so many where nothing is said. */
unsigned command_count(const struct command *command, unsigned most);

typedef void command_fn(struct caller *caller, const struct command *command, struct task *task);

/* command_send.c */
command_fn command_send;
void command_forget_replies(struct session *session); /* that wait for an event */

/* command_message.c: what is about a message that was sent before. */
command_fn command_edit, command_delete, command_get_message, command_read_message;

/* command_operator.c */
command_fn command_list_sessions, command_disconnect, command_list_nodes, command_notice,
    command_get_unread;

/* command_search.c */
command_fn command_search;

/* command_reaction.c */
command_fn command_react, command_get_reactions;

/* command_room.c: entering and leaving; reading by names of the client's own. */
command_fn command_enter, command_exit, command_invite, command_read;

/* command_conversation.c: what is about a conversation. */
command_fn command_read_up_to, command_get_messages, command_get_chat, command_typing;

/* command_account.c */
command_fn command_register, command_log_in, command_renew, command_revoke, command_revoke_listed,
    command_list_credentials, command_get_user, command_list_users, command_edit_user,
    command_delete_user;

/* command_rooms.c */
command_fn command_create_room, command_get_room, command_list_rooms, command_edit_room,
    command_delete_room, command_list_people, command_get_standing, command_set_role;

#endif
