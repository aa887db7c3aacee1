/* What the operator asks for: which nodes and sessions there are, ending one of these, and
 * telling people something; and what is unread for a user, who may ask for it too. */
#include <stdlib.h>

#include "account.h"
#include "base/memory.h"
#include "census.h"
#include "commands.h"
#include "directory.h"
#include "messages.h"
#include "parties.h"
#include "reactions.h"

enum { LIST_AT_MOST = 100, UNREAD_BYTES = 512 * 1024 };

static void on_done(void *arg, enum err err)
{
  command_finish_with(arg, err);
}

/* True: it may go on. Else the task is finished. */
static bool allow(const struct caller *caller, struct task *task)
{
  if (!caller->admin) command_finish_with(task, ERR_FORBIDDEN);
  return caller->admin;
}

/* ---- sessions ---------------------------------------------------------------------------- */

/* Sessions on their way out: whose they are has to be looked up. */
struct muster {
  struct task *task;
  struct arena arena;
  struct session_info *infos;
  struct slice *users;
  size_t count;
  struct slice next;
};

static void on_users(void *arg, enum err err, const struct party *parties, size_t count)
{
  struct muster *muster = arg;
  for (size_t i = 0; i < muster->count; i++)
    muster->infos[i].user = parties_pick(parties, count, muster->users[i]);
  command_finish(muster->task, &(struct outcome){.err = err,
                                                 .ts_ms = node_wall_ms(),
                                                 .sessions = muster->infos,
                                                 .count = muster->count,
                                                 .cursor = muster->next});
  arena_free(&muster->arena);
  free(muster);
}

static void on_sessions(void *arg, enum err err, const struct session_record *sessions,
                        size_t count, struct slice next)
{
  struct task *task = arg;
  if (err != ERR_OK) {
    command_finish_with(task, err);
    return;
  }
  struct muster *muster = memory_zalloc(sizeof *muster);
  struct arena *arena = &muster->arena;
  muster->task = task;
  muster->count = count;
  muster->next = arena_copy(arena, next);
  muster->infos = arena_zalloc(arena, (count + 1) * sizeof *muster->infos);
  muster->users = arena_zalloc(arena, (count + 1) * sizeof *muster->users);
  for (size_t i = 0; i < count; i++) {
    muster->users[i] = arena_copy(arena, sessions[i].user);
    muster->infos[i] = (struct session_info){.id = arena_copy(arena, sessions[i].id),
                                             .node = arena_copy(arena, sessions[i].node),
                                             .protocol = arena_copy(arena, sessions[i].protocol),
                                             .device = arena_copy(arena, sessions[i].device),
                                             .since_ms = sessions[i].since_ms};
  }
  parties_find(task->node, muster->users, count, on_users, muster);
}

void command_list_sessions(struct caller *caller, const struct command *command, struct task *task)
{
  if (!allow(caller, task)) return;
  census_sessions(caller->node->backend, command->cursor, command_count(command, LIST_AT_MOST),
                  on_sessions, task);
}

static void on_session(void *arg, enum err err, const struct session_record *session)
{
  struct task *task = arg;
  if (err == ERR_OK)
    census_revoke(task->node->backend, session->user, session->id, node_wall_ms(), on_done, task);
  else
    command_finish_with(task, err);
}

/* The node that holds it closes it (hub.c, session.revoked). */
void command_disconnect(struct caller *caller, const struct command *command, struct task *task)
{
  if (allow(caller, task)) census_find(caller->node->backend, command->key, on_session, task);
}

/* ---- nodes ------------------------------------------------------------------------------- */

static void on_nodes(void *arg, enum err err, const struct node_record *nodes, size_t count)
{
  struct node_info *infos = memory_alloc((count + 1) * sizeof *infos);
  for (size_t i = 0; i < count; i++)
    infos[i] = (struct node_info){
        .id = nodes[i].id, .heard_ms = nodes[i].heard_ms, .sessions = nodes[i].sessions};
  command_finish(
      arg, &(struct outcome){.err = err, .ts_ms = node_wall_ms(), .nodes = infos, .count = count});
  free(infos);
}

void command_list_nodes(struct caller *caller, const struct command *command, struct task *task)
{
  (void)command;
  if (allow(caller, task)) census_nodes(caller->node->backend, on_nodes, task);
}

/* ---- notices ----------------------------------------------------------------------------- */

static void tell(struct caller *caller, struct task *task)
{
  struct command send = {.kind = COMMAND_SEND, .to = task->command.to, .text = task->command.text};
  command_send(caller, &send, task);
}

static void on_entry(void *arg, enum err err, const struct entry *entry)
{
  struct task *task = arg;
  struct caller *caller = command_caller(task);
  (void)entry; /* it is in the directory from now on */
  if (err != ERR_OK || !caller)
    command_finish_with(task, err == ERR_OK ? ERR_GOING_AWAY : err);
  else
    tell(caller, task);
}

/* The directory knows those who were deleted, too. */
static void on_account(void *arg, enum err err, const struct account *account)
{
  struct task *task = arg;
  (void)account;
  if (err != ERR_OK)
    command_finish_with(task, err == ERR_NO_SUCH_USER ? ERR_NOT_FOUND : err);
  else
    directory_resolve(task->node->backend, OWNER_USER, task->command.to.id, false, on_entry, task);
}

/* What is for all is said in the lobby, where everybody is (protocols.md, small print). */
void command_notice(struct caller *caller, const struct command *command, struct task *task)
{
  struct backend *backend = caller->node->backend;
  if (!allow(caller, task)) return;
  if (command->to.kind == ADDRESS_ROOM) {
    tell(caller, task);
    return;
  }
  if (command->to.kind == ADDRESS_USER) {
    account_get(backend, command->to.id, on_account, task);
    return;
  }
  task->command.to = (struct address){.kind = ADDRESS_ROOM, .id = party_lobby.id};
  directory_resolve(backend, OWNER_ROOM, task->command.to.id, false, on_entry, task);
}

/* ---- what is unread ------------------------------------------------------------------------ */

static void on_unread(void *arg, const struct page *page)
{
  struct arena arena = {0};
  char cursor[COMMAND_CURSOR_BYTES];
  struct outcome outcome = {.err = page->err, .ts_ms = node_wall_ms()};
  if (page->err == ERR_OK) outcome.messages = page_decode(&arena, page, &outcome.message_count);
  uint64_t last = page->count ? page->messages[page->count - 1].seq : 0;
  outcome.cursor = command_cursor(page->more ? last : 0, cursor);
  command_finish(arg, &outcome);
  arena_free(&arena);
}

void command_get_unread(struct caller *caller, const struct command *command, struct task *task)
{
  bool named = command->user.kind != ADDRESS_NONE;
  struct slice user = named ? command->user.id : caller->user.id;
  uint64_t after = 0;
  if (!caller->admin && !slice_equal(user, caller->user.id))
    command_finish_with(task, ERR_FORBIDDEN);
  else if (!command_read_cursor(command, &after))
    command_finish_with(task, ERR_MALFORMED);
  else
    messages_after(caller->node->backend, (struct owner){OWNER_USER, user}, after,
                   command_count(command, LIST_AT_MOST), UNREAD_BYTES, on_unread, task);
}
