/* Rooms as things: making, looking at, changing and ending them, and what their people are in
 * them. Who may do what is decided in Redis (rooms.h); what is told is written here. */
#include <stdlib.h>

#include "account.h"
#include "base/memory.h"
#include "commands.h"
#include "dispatch.h"
#include "messages.h"
#include "parties.h"
#include "rooms.h"
#include "uuid.h"

enum { LIST_AT_MOST = 100 };

static void on_done(void *arg, enum err err)
{
  command_finish_with(arg, err);
}

/* The rest of an event, for the call. Several at once: each has its own `text`. */
static struct slice write_event(struct text *text, const struct envelope *event)
{
  text_reset(text);
  envelope_write_rest(text, event);
  return text_slice(text);
}

static struct party room_party(const struct room *room)
{
  return (struct party){PARTY_ROOM, room->num, room->id, room->uuid, room->name};
}

static struct party room_of(const struct caller *caller, const struct command *command)
{
  return command_party(directory_find(caller->node->backend, OWNER_ROOM, command->to.id));
}

static struct party user_of(const struct caller *caller, const struct command *command)
{
  return command_party(directory_find(caller->node->backend, OWNER_USER, command->user.id));
}

/* ---- showing rooms ---------------------------------------------------------------------- */

/* Rooms on their way out: their owners and creators have to be looked up. */
struct showing_rooms {
  struct task *task;
  struct arena arena;
  struct room_info *infos;
  struct slice *people; /* owner and creator of each */
  size_t count;
  uint64_t next;
};

static void on_people(void *arg, enum err err, const struct party *parties, size_t count)
{
  struct showing_rooms *showing = arg;
  char cursor[COMMAND_CURSOR_BYTES];
  for (size_t i = 0; i < showing->count; i++) {
    showing->infos[i].owner = parties_pick(parties, count, showing->people[2 * i]);
    showing->infos[i].creator = parties_pick(parties, count, showing->people[2 * i + 1]);
  }
  struct outcome outcome = {
      .err = err, .ts_ms = node_wall_ms(), .rooms = showing->infos, .count = showing->count};
  outcome.cursor = command_cursor(showing->next, cursor);
  command_finish(showing->task, &outcome);
  arena_free(&showing->arena);
  free(showing);
}

static struct room_info room_info(struct arena *arena, const struct room *room)
{
  return (struct room_info){.party = party_copy(arena, room_party(room)),
                            .description = arena_copy(arena, room->description),
                            .created_ms = room->created_ms,
                            .member_count = room->member_count,
                            .open = room->open,
                            .is_public = room->is_public,
                            .logged = room->logged};
}

static void show_rooms(struct task *task, const struct room *rooms, size_t count, uint64_t next)
{
  struct showing_rooms *showing = memory_zalloc(sizeof *showing);
  showing->task = task;
  showing->count = count;
  showing->next = next;
  showing->infos = arena_zalloc(&showing->arena, (count + 1) * sizeof *showing->infos);
  showing->people = arena_zalloc(&showing->arena, (2 * count + 1) * sizeof *showing->people);
  for (size_t i = 0; i < count; i++) {
    showing->infos[i] = room_info(&showing->arena, &rooms[i]);
    showing->people[2 * i] = arena_copy(&showing->arena, rooms[i].owner);
    showing->people[2 * i + 1] = arena_copy(&showing->arena, rooms[i].creator);
  }
  parties_find(task->node, showing->people, 2 * count, on_people, showing);
}

static void on_room(void *arg, enum err err, const struct room *room)
{
  if (err == ERR_OK)
    show_rooms(arg, room, 1, 0);
  else
    command_finish_with(arg, err);
}

/* A closed room is nobody's business but of those in it and those invited. */
static void on_standing(void *arg, const struct room_standing *standing)
{
  struct task *task = arg;
  struct caller *caller = command_caller(task);
  bool may = standing->open || standing->is_public || standing->member || standing->owner ||
             standing->invited || (caller && caller->admin);
  enum err err = standing->err;
  if (err == ERR_OK && (!may || standing->banned) && !(caller && caller->admin))
    err = ERR_FORBIDDEN;
  if (err == ERR_OK && caller)
    room_get(task->node->backend, task->command.to.id, on_room, task);
  else
    command_finish_with(task, err == ERR_OK ? ERR_GOING_AWAY : err);
}

void command_get_room(struct caller *caller, const struct command *command, struct task *task)
{
  room_standing(caller->node->backend, command->to.id, caller->user.id, on_standing, task);
}

static void on_rooms(void *arg, enum err err, const struct room *rooms, size_t count, uint64_t next)
{
  if (err == ERR_OK)
    show_rooms(arg, rooms, count, next);
  else
    command_finish_with(arg, err);
}

void command_list_rooms(struct caller *caller, const struct command *command, struct task *task)
{
  uint64_t after = 0;
  if (!command_read_cursor(command, &after)) {
    command_finish_with(task, ERR_MALFORMED);
    return;
  }
  struct slice user = caller->admin ? (struct slice){0} : caller->user.id;
  room_list(caller->node->backend, user, after, command_count(command, LIST_AT_MOST), on_rooms,
            task);
}

/* ---- making ------------------------------------------------------------------------------ */

/* Everybody is told of a public room; its owner's connections begin to hear any. */
static void announce(struct task *task, const struct room *room)
{
  static struct text rest;
  struct caller *caller = command_caller(task);
  if (!caller) return;
  static struct text description;
  text_reset(&description);
  if (room->description.len) text_append_json_string(&description, room->description);
  struct envelope event = {.kind = KIND_ROOM_CREATED,
                           .ts_ms = room->created_ms,
                           .from = caller->user,
                           .to = room_party(room),
                           .text = text_slice(&description)};
  if (room->is_public) all_tell(caller->node->backend, write_event(&rest, &event), NULL, NULL);
  event.kind = KIND_ROOM_ENTERED;
  event.text = (struct slice){0};
  const struct entry *owner = directory_find(caller->node->backend, OWNER_USER, room->owner);
  if (owner) event.from = command_party(owner);
  if (room->owner.len) dispatch_publish(caller->node, OWNER_USER, room->owner, &event);
}

static void on_made(void *arg, enum err err, const struct room *room);

static void make(struct caller *caller, struct task *task, struct slice id)
{
  const struct room_change *change = task->command.room_change;
  struct room_new new = {.id = id,
                         .name = change->name.len ? change->name : id,
                         .description = change->description,
                         .owner = caller->admin ? task->command.user.id : caller->user.id,
                         .open = !change->open.set || change->open.value,
                         .is_public = change->is_public.set && change->is_public.value,
                         .logged = !change->logged.set || change->logged.value,
                         .now_ms = node_wall_ms()};
  room_make(caller->node->backend, &new, on_made, task);
}

static void make_with_uuid(struct caller *caller, struct task *task)
{
  char uuid[UUID_TEXT_BYTES + 1];
  uuid_random(uuid);
  task->renamed = true;
  make(caller, task, slice_of(uuid));
}

static void on_made(void *arg, enum err err, const struct room *room)
{
  struct task *task = arg;
  struct caller *caller = command_caller(task);
  bool free_to_choose = !task->command.room_change->id.len && !task->renamed;
  if (err == ERR_CONFLICT && free_to_choose && caller) {
    make_with_uuid(caller, task);
    return;
  }
  if (err != ERR_OK) {
    command_finish_with(task, err);
    return;
  }
  announce(task, room);
  show_rooms(task, room, 1, 0);
}

/* The name makes the best id, for free-text protocols show it; where it can be none, a UUID. */
void command_create_room(struct caller *caller, const struct command *command, struct task *task)
{
  const struct room_change *change = command->room_change;
  if (change->id.len && identity_check_room(change->id) != ERR_OK)
    command_finish_with(task, ERR_MALFORMED);
  else if (change->id.len)
    make(caller, task, change->id);
  else if (identity_check_room(change->name) == ERR_OK)
    make(caller, task, change->name);
  else
    make_with_uuid(caller, task);
}

/* ---- changing and ending ------------------------------------------------------------------ */

/* What every node is told when it is done: written before, for the directory forgets the room
 * with the change. */
static struct slice write_for_all(const struct caller *caller, const struct command *command,
                                  enum envelope_kind kind, struct task *task)
{
  struct envelope event = {
      .kind = kind, .ts_ms = node_wall_ms(), .from = caller->user, .to = room_of(caller, command)};
  const struct room_change *change = command->room_change;
  if (change && change->name.len) event.to.name = change->name;
  return write_event(&task->rest, &event);
}

static void tell_all(struct task *task)
{
  all_tell(task->node->backend, text_slice(&task->rest), NULL, NULL);
}

static void on_edited(void *arg, enum err err)
{
  struct task *task = arg;
  if (err == ERR_OK) tell_all(task);
  if (err == ERR_OK)
    room_get(task->node->backend, task->command.to.id, on_room, task);
  else
    command_finish_with(task, err);
}

void command_edit_room(struct caller *caller, const struct command *command, struct task *task)
{
  const struct room_change *change = command->room_change;
  struct room_edit edit = {.room = command->to.id,
                           .by = caller->user.id,
                           .force = caller->admin,
                           .name = change->name,
                           .description = change->description,
                           .open = {change->open.set, change->open.value},
                           .is_public = {change->is_public.set, change->is_public.value},
                           .logged = {change->logged.set, change->logged.value}};
  write_for_all(caller, command, KIND_ROOM_CHANGED, task);
  room_edit(caller->node->backend, &edit, on_edited, task);
}

static void on_deleted(void *arg, enum err err)
{
  struct task *task = arg;
  if (err == ERR_OK) tell_all(task);
  command_finish_with(task, err);
}

/* Those who hear the room are told by its own channel, all others by everybody's. */
void command_delete_room(struct caller *caller, const struct command *command, struct task *task)
{
  struct slice event = write_for_all(caller, command, KIND_ROOM_DELETED, task);
  room_delete(caller->node->backend, command->to.id, caller->user.id, caller->admin, event,
              on_deleted, task);
}

/* ---- people -------------------------------------------------------------------------------- */

struct gathering {
  struct task *task;
  uint64_t total;
};

static void on_parties(void *arg, enum err err, const struct party *parties, size_t count)
{
  struct gathering gathering = *(struct gathering *)arg;
  free(arg);
  command_finish(gathering.task, &(struct outcome){.err = err,
                                                   .ts_ms = node_wall_ms(),
                                                   .people = parties,
                                                   .count = count,
                                                   .total = gathering.total});
}

static void on_ids(void *arg, enum err err, const struct slice *ids, size_t count, uint64_t total)
{
  struct task *task = arg;
  if (err != ERR_OK) {
    command_finish_with(task, err);
    return;
  }
  struct gathering *gathering = memory_alloc(sizeof *gathering);
  *gathering = (struct gathering){task, total};
  parties_find(task->node, ids, count, on_parties, gathering);
}

static const enum room_role roles[ROLE_COUNT] = {
    [ROLE_MEMBER] = ROOM_MEMBERS,
    [ROLE_ADMIN] = ROOM_ADMINS,
    [ROLE_INVITED] = ROOM_INVITES,
    [ROLE_BANNED] = ROOM_BANS,
};

void command_list_people(struct caller *caller, const struct command *command, struct task *task)
{
  struct room_people which = {.room = command->to.id,
                              .by = caller->user.id,
                              .force = caller->admin,
                              .role = roles[command->role],
                              .offset = command->offset,
                              .count = command_count(command, LIST_AT_MOST)};
  room_people(caller->node->backend, &which, on_ids, task);
}

/* Who else is in a room is told to those who may read it. */
static void on_their_standing(void *arg, const struct room_standing *standing)
{
  command_finish(arg, &(struct outcome){.err = standing->err,
                                        .ts_ms = node_wall_ms(),
                                        .present = standing->member});
}

static void on_own_standing(void *arg, const struct room_standing *standing)
{
  struct task *task = arg;
  struct caller *caller = command_caller(task);
  enum err err = standing->err;
  if (err == ERR_OK && !caller) err = ERR_GOING_AWAY;
  if (err == ERR_OK && standing->banned) err = ERR_FORBIDDEN;
  if (err == ERR_OK && !standing->member && !standing->is_public && !caller->admin)
    err = ERR_NOT_IN_ROOM;
  if (err == ERR_OK)
    room_standing(task->node->backend, task->command.to.id, task->command.user.id,
                  on_their_standing, task);
  else
    command_finish_with(task, err);
}

void command_get_standing(struct caller *caller, const struct command *command, struct task *task)
{
  room_standing(caller->node->backend, command->to.id, caller->user.id, on_own_standing, task);
}

/* ---- roles ---------------------------------------------------------------------------------- */

/* What the room is told, and what the user: nothing where the kind is KIND_COUNT. */
static const struct {
  enum envelope_kind to_room, to_user;
} told[ROLE_COUNT][2] = {
    [ROLE_MEMBER] = {{KIND_ROOM_EXITED, KIND_ROOM_KICKED}, {KIND_ROOM_ENTERED, KIND_ROOM_ENTERED}},
    [ROLE_BANNED] = {{KIND_COUNT, KIND_ROOM_CHANGED}, {KIND_ROOM_EXITED, KIND_ROOM_KICKED}},
    [ROLE_ADMIN] = {{KIND_COUNT, KIND_COUNT}, {KIND_COUNT, KIND_COUNT}},
    [ROLE_INVITED] = {{KIND_COUNT, KIND_COUNT}, {KIND_COUNT, KIND_COUNT}},
};

static void on_changed(void *arg, const struct stamp *stamp)
{
  command_finish(arg, &(struct outcome){
                          .err = stamp->err, .ts_ms = node_wall_ms(), .already = stamp->repeated});
}

static void change_owner(struct caller *caller, const struct command *command, struct task *task)
{
  room_change_owner(caller->node->backend, command->to.id, caller->user.id, caller->admin,
                    command->user.id, on_done, task);
}

void command_set_role(struct caller *caller, const struct command *command, struct task *task)
{
  static struct text room_rest, user_rest;
  if (command->role == ROLE_OWNER) {
    change_owner(caller, command, task);
    return;
  }
  enum envelope_kind to_room = told[command->role][command->adding].to_room;
  enum envelope_kind to_user = told[command->role][command->adding].to_user;
  struct party user = user_of(caller, command);
  struct envelope event = {.ts_ms = node_wall_ms(), .from = user, .to = room_of(caller, command)};
  struct room_change_role change = {.room = command->to.id,
                                    .by = caller->user.id,
                                    .user = command->user.id,
                                    .force = caller->admin,
                                    .role = roles[command->role],
                                    .given = command->adding};
  if (to_room != KIND_COUNT) {
    event.kind = to_room;
    change.room_event = write_event(&room_rest, &event);
  }
  if (to_user == KIND_ROOM_KICKED) {
    event.from = caller->user;
    event.user = user;
    event.permanent = command->role == ROLE_BANNED;
    event.text = command->text;
  }
  if (to_user != KIND_COUNT) {
    event.kind = to_user;
    change.user_event = write_event(&user_rest, &event);
  }
  room_change_role(caller->node->backend, &change, on_changed, task);
}
