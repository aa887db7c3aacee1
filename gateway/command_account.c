/* Accounts: who is registered, what they log in with, how they are shown. */
#include <stdlib.h>

#include "account.h"
#include "base/memory.h"
#include "commands.h"
#include "conversation.h"
#include "dispatch.h"
#include "guess.h"
#include "rooms.h"

enum { LIST_AT_MOST = 100 };

/* Whom a command is about. */
static struct slice subject(const struct caller *caller, const struct command *command)
{
  return command->user.kind == ADDRESS_NONE ? caller->user.id : command->user.id;
}

/* What only they themselves may do, or the operator. */
static bool is_own(const struct caller *caller, const struct command *command)
{
  return caller->admin || slice_equal(subject(caller, command), caller->user.id);
}

static struct user_info user_info(const struct account *account)
{
  return (struct user_info){
      .party = {PARTY_USER, account->num, account->id, account->uuid, account->name},
      .nickname = account->nickname,
      .bio = account->bio,
      .avatar = account->avatar,
      .created_ms = account->created_ms,
      .online = account->online,
  };
}

static struct account_change account_change(const struct user_change *change)
{
  return (struct account_change){.name = change->name,
                                 .password = change->password,
                                 .nickname = change->nickname,
                                 .bio = change->bio,
                                 .avatar = change->avatar};
}

static enum credential_kind credential_kind(const struct command *command)
{
  return command->credential == CREDENTIAL_KEY ? CREDENTIAL_IS_KEY : CREDENTIAL_IS_TOKEN;
}

static void on_done(void *arg, enum err err)
{
  command_finish_with(arg, err);
}

/* The rest of what all nodes are told of a user who goes by another name now; for the call. */
static struct slice changed_rest(struct party user)
{
  static struct text rest;
  struct envelope event = {.kind = KIND_USER_CHANGED, .ts_ms = node_wall_ms(), .from = user};
  text_reset(&rest);
  envelope_write_rest(&rest, &event);
  return text_slice(&rest);
}

/* ---- registering and logging in -------------------------------------------------------- */

/* A credential for a user, who is told of with it. */
struct entrance {
  struct task *task;
  struct arena arena;
  struct user_info user;
  struct ip ip; /* a login's: where it comes from */
};

static void entrance_end(struct entrance *entrance, struct outcome *outcome)
{
  outcome->users = &entrance->user;
  outcome->count = entrance->user.party.kind == PARTY_NONE ? 0 : 1;
  command_finish(entrance->task, outcome);
  arena_free(&entrance->arena);
  free(entrance);
}

static void entrance_end_with(struct entrance *entrance, enum err err)
{
  entrance_end(entrance, &(struct outcome){.err = err, .ts_ms = node_wall_ms()});
}

static struct entrance *entrance_new(struct task *task)
{
  struct entrance *entrance = memory_zalloc(sizeof *entrance);
  entrance->task = task;
  return entrance;
}

static void on_issued(void *arg, const struct issued *issued)
{
  struct outcome outcome = {.err = issued->err,
                            .ts_ms = node_wall_ms(),
                            .credential = issued->credential,
                            .expires_ms = issued->expires_ms};
  entrance_end(arg, &outcome);
}

static void issue(struct entrance *entrance)
{
  struct task *task = entrance->task;
  credential_issue(task->node->backend, entrance->user.party.id, credential_kind(&task->command),
                   node_wall_ms(), on_issued, entrance);
}

/* Keeps whom it is about, and gives them what was asked for. */
static void on_account_for(void *arg, enum err err, const struct account *account)
{
  struct entrance *entrance = arg;
  if (err != ERR_OK) {
    entrance_end_with(entrance, err);
    return;
  }
  entrance->user = user_info(account);
  entrance->user.party = party_copy(&entrance->arena, entrance->user.party);
  entrance->user.nickname = arena_copy(&entrance->arena, account->nickname);
  entrance->user.bio = arena_copy(&entrance->arena, account->bio);
  entrance->user.avatar = arena_copy(&entrance->arena, account->avatar);
  /* Who was known by their id alone may have a name from now on. */
  if (entrance->task->command.kind == COMMAND_REGISTER)
    all_tell(entrance->task->node->backend, changed_rest(entrance->user.party), NULL, NULL);
  if (entrance->task->command.credential == CREDENTIAL_NONE)
    entrance_end_with(entrance, ERR_OK);
  else
    issue(entrance);
}

/* Where names are believed, one that somebody goes by already may be registered by them. */
void command_register(struct caller *caller, const struct command *command, struct task *task)
{
  const struct user_change *change = command->user_change;
  enum err err = change->id.len ? identity_check(change->id) : ERR_OK;
  if (err != ERR_OK) {
    command_finish_with(task, err == ERR_UNAUTHORIZED ? ERR_MALFORMED : err);
    return;
  }
  struct account_new new = {.id = change->id,
                            .change = account_change(change),
                            .claim = caller->node->config->auth == AUTH_OPEN,
                            .now_ms = node_wall_ms()};
  account_make(caller->node->backend, &new, on_account_for, entrance_new(task));
}

static void on_password(void *arg, enum err err)
{
  struct entrance *entrance = arg;
  bool wrong = err == ERR_BAD_PASSWORD || err == ERR_NO_SUCH_USER;
  if (!wrong) guess_forgive(entrance->task->node, entrance->task->command.user.id, &entrance->ip);
  if (err == ERR_OK)
    account_get(entrance->task->node->backend, entrance->task->command.user.id, on_account_for,
                entrance);
  else
    entrance_end_with(entrance, err);
}

void command_log_in(struct caller *caller, const struct command *command, struct task *task)
{
  if (!guess_begin(caller->node, command->user.id, &caller->ip)) {
    command_finish_with(task, ERR_RATE_LIMITED);
    return;
  }
  struct entrance *entrance = entrance_new(task);
  entrance->ip = caller->ip;
  /* The entrance reads the user's id from the task: it must stand there. */
  account_check_password(caller->node->backend, command->user.id, command->user_change->password,
                         on_password, entrance);
}

void command_renew(struct caller *caller, const struct command *command, struct task *task)
{
  if (is_own(caller, command))
    account_get(caller->node->backend, subject(caller, command), on_account_for,
                entrance_new(task));
  else
    command_finish_with(task, ERR_FORBIDDEN);
}

/* ---- credentials ------------------------------------------------------------------------- */

/* The credential itself says whose it is; where a user was named with it, it must be theirs. */
static void on_verified(void *arg, const struct verified *verified)
{
  struct task *task = arg;
  const struct address *user = &task->command.user;
  enum err err = verified->err;
  if (err == ERR_OK && user->kind != ADDRESS_NONE && !slice_equal(user->id, verified->user))
    err = ERR_UNAUTHORIZED;
  if (err == ERR_OK)
    credential_revoke(task->node->backend, verified->user, verified->id, node_wall_ms(), on_done,
                      task);
  else
    command_finish_with(task, err);
}

void command_revoke(struct caller *caller, const struct command *command, struct task *task)
{
  credential_check(caller->node->backend, command->key, node_wall_ms(), on_verified, task);
}

void command_revoke_listed(struct caller *caller, const struct command *command, struct task *task)
{
  if (is_own(caller, command))
    credential_revoke(caller->node->backend, subject(caller, command), command->key, node_wall_ms(),
                      on_done, task);
  else
    command_finish_with(task, ERR_FORBIDDEN);
}

static void on_credentials(void *arg, enum err err, const struct credential_record *records,
                           size_t count)
{
  struct arena arena = {0};
  struct credential_info *infos = arena_zalloc(&arena, (count + 1) * sizeof *infos);
  for (size_t i = 0; i < count; i++)
    infos[i] = (struct credential_info){
        .id = records[i].id,
        .kind = records[i].kind == CREDENTIAL_IS_KEY ? CREDENTIAL_KEY : CREDENTIAL_TOKEN,
        .created_ms = records[i].created_ms,
        .expires_ms = records[i].expires_ms};
  command_finish(arg, &(struct outcome){.err = err,
                                        .ts_ms = node_wall_ms(),
                                        .credentials = infos,
                                        .count = count,
                                        .total = count});
  arena_free(&arena);
}

void command_list_credentials(struct caller *caller, const struct command *command,
                              struct task *task)
{
  if (is_own(caller, command))
    credential_list(caller->node->backend, subject(caller, command), node_wall_ms(), on_credentials,
                    task);
  else
    command_finish_with(task, ERR_FORBIDDEN);
}

/* ---- looking ------------------------------------------------------------------------------ */

static void on_account(void *arg, enum err err, const struct account *account)
{
  struct outcome outcome = {.err = err, .ts_ms = node_wall_ms()};
  struct user_info info;
  if (err == ERR_OK) {
    info = user_info(account);
    outcome.users = &info;
    outcome.count = 1;
  }
  command_finish(arg, &outcome);
}

void command_get_user(struct caller *caller, const struct command *command, struct task *task)
{
  account_get(caller->node->backend, subject(caller, command), on_account, task);
}

static void on_accounts(void *arg, enum err err, const struct account *accounts, size_t count,
                        uint64_t next)
{
  char cursor[COMMAND_CURSOR_BYTES];
  struct arena arena = {0};
  struct user_info *infos = arena_zalloc(&arena, (count + 1) * sizeof *infos);
  for (size_t i = 0; i < count; i++) infos[i] = user_info(&accounts[i]);
  struct outcome outcome = {.err = err, .ts_ms = node_wall_ms(), .users = infos, .count = count};
  outcome.cursor = command_cursor(next, cursor);
  command_finish(arg, &outcome);
  arena_free(&arena);
}

void command_list_users(struct caller *caller, const struct command *command, struct task *task)
{
  uint64_t after = 0;
  if (!command_read_cursor(command, &after)) {
    command_finish_with(task, ERR_MALFORMED);
    return;
  }
  account_list(caller->node->backend, after, command_count(command, LIST_AT_MOST), on_accounts,
               task);
}

/* ---- changing ----------------------------------------------------------------------------- */

/* Shown as it is now. */
static void on_edited(void *arg, enum err err)
{
  struct task *task = arg;
  const struct caller *caller = command_caller(task);
  if (err == ERR_OK && caller)
    account_get(task->node->backend, subject(caller, &task->command), on_account, task);
  else
    command_finish_with(task, err);
}

void command_edit_user(struct caller *caller, const struct command *command, struct task *task)
{
  struct backend *backend = caller->node->backend;
  struct slice event = {0};
  if (!is_own(caller, command)) {
    command_finish_with(task, ERR_FORBIDDEN);
    return;
  }
  if (command->user_change->name.data) {
    struct party user = caller->user;
    if (command->user.kind != ADDRESS_NONE)
      user = command_party(directory_find(backend, OWNER_USER, command->user.id));
    user.name = command->user_change->name.len ? command->user_change->name : user.id;
    event = changed_rest(user);
  }
  struct account_change change = account_change(command->user_change);
  account_edit(backend, subject(caller, command), &change, event, on_edited, task);
}

/* Leaves all rooms, one after the other, then goes. Done again, it completes what a crash left. */
struct farewell {
  struct task *task;
  struct arena arena;
  struct slice *rooms;
  size_t count, next;
  struct party user;
};

static void farewell_end(void *arg, enum err err)
{
  struct farewell *farewell = arg;
  struct party nameless = farewell->user;
  nameless.name = nameless.id;
  if (err == ERR_OK) all_tell(farewell->task->node->backend, changed_rest(nameless), NULL, NULL);
  command_finish_with(farewell->task, err);
  arena_free(&farewell->arena);
  free(farewell);
}

static void leave_next(struct farewell *farewell);

static void on_left(void *arg, const struct stamp *stamp)
{
  struct farewell *farewell = arg;
  if (stamp->err != ERR_OK && stamp->err != ERR_NOT_FOUND)
    farewell_end(farewell, stamp->err);
  else
    leave_next(farewell);
}

static void on_room(void *arg, enum err err, const struct entry *entry)
{
  static struct text rest;
  struct farewell *farewell = arg;
  struct backend *backend = farewell->task->node->backend;
  if (err == ERR_NOT_FOUND) {
    leave_next(farewell);
    return;
  }
  if (err != ERR_OK) {
    farewell_end(farewell, err);
    return;
  }
  struct envelope event = {.kind = KIND_ROOM_EXITED,
                           .ts_ms = node_wall_ms(),
                           .from = farewell->user,
                           .to = command_party(entry)};
  text_reset(&rest);
  envelope_write_rest(&rest, &event);
  room_exit(backend, entry->id, farewell->user.id, text_slice(&rest), true, on_left, farewell);
}

static void leave_next(struct farewell *farewell)
{
  struct backend *backend = farewell->task->node->backend;
  if (farewell->next == farewell->count)
    account_delete(backend, farewell->user.id, node_wall_ms(), farewell_end, farewell);
  else
    directory_resolve(backend, OWNER_ROOM, farewell->rooms[farewell->next++], false, on_room,
                      farewell);
}

static void on_rooms(void *arg, enum err err, const struct slice *ids, size_t count)
{
  struct farewell *farewell = arg;
  if (err != ERR_OK) {
    farewell_end(farewell, err);
    return;
  }
  farewell->rooms = arena_alloc(&farewell->arena, (count + 1) * sizeof *ids);
  farewell->count = count;
  for (size_t i = 0; i < count; i++) farewell->rooms[i] = arena_copy(&farewell->arena, ids[i]);
  leave_next(farewell);
}

void command_delete_user(struct caller *caller, const struct command *command, struct task *task)
{
  if (!is_own(caller, command)) {
    command_finish_with(task, ERR_FORBIDDEN);
    return;
  }
  struct farewell *farewell = memory_zalloc(sizeof *farewell);
  struct party user = caller->user;
  if (command->user.kind != ADDRESS_NONE)
    user = command_party(directory_find(caller->node->backend, OWNER_USER, command->user.id));
  farewell->task = task;
  farewell->user = party_copy(&farewell->arena, user);
  rooms_of_user(caller->node->backend, farewell->user.id, on_rooms, farewell);
}
