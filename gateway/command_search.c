/* Searching: which messages that the caller may read hold a text, are of an author, in a
 * thread, of a time. There is no index: the logs themselves are read, newest first.
 *
 *   where? the conversation that is named, or:
 *     the caller's rooms ─► public rooms ─► the caller's dialogs
 *   each of them: may they read it? ─► its newest messages, page by page ─► hits
 *   all hits, newest first ─► those that are asked for, read again ─► outcome
 *
 * A hit is a number, not a message, so that memory does not grow with what was found. The
 * work is bounded: so many conversations, so many messages and bytes of all of them together
 * (each has an equal share), and so many searches of this node at once. What lies beyond is
 * not found, and not counted. Dialogs are read under the caller's own name alone, so that
 * nobody finds another's. */
#include <stdlib.h>

#include "base/memory.h"
#include "commands.h"
#include "contacts.h"
#include "messages.h"
#include "reactions.h"
#include "rooms.h"

enum {
  PLACES_AT_MOST = 1000,
  MESSAGES_AT_MOST = 50000,
  BYTES_AT_MOST = 64 << 20,
  SEARCHES_AT_ONCE = 16,
  FOUND_AT_MOST = 100, /* in one outcome */
  PAGE_MESSAGES = 100,
  PAGE_BYTES = 1 << 20,
};

struct hit {
  uint64_t ts_ms, id;
  size_t place;
};

struct hunt {
  struct task *task;
  struct arena arena; /* places, and what is looked for */
  struct owner *places;
  size_t place_count, place;
  struct slice query, thread, author; /* the query in lower case; empty: any */
  uint64_t before_id;                 /* the oldest that was read in this place; 0: none */
  size_t messages_left, bytes_left;   /* of this place's share */
  struct hit *hits;
  size_t hit_count, hit_capacity;
  struct envelope *found; /* of the hits that are asked for; id 0: gone meanwhile */
  size_t found_count, answered;
  enum err err;
};

/* One of the hits that are asked for. */
struct asked {
  struct hunt *hunt;
  struct envelope *message;
};

static unsigned hunts; /* on this node */

static void hunt_end(struct hunt *hunt, const struct outcome *outcome)
{
  hunts--;
  command_finish(hunt->task, outcome);
  arena_free(&hunt->arena);
  free(hunt->hits);
  free(hunt);
}

static void hunt_fail(struct hunt *hunt, enum err err)
{
  hunt_end(hunt, &(struct outcome){.err = err, .ts_ms = node_wall_ms()});
}

/* NULL: it is gone, or a step went wrong, and the hunt is over. */
static struct caller *hunter(struct hunt *hunt, enum err err)
{
  struct caller *caller = command_caller(hunt->task);
  if (err == ERR_OK && !caller) err = ERR_GOING_AWAY;
  if (err == ERR_OK) return caller;
  hunt_fail(hunt, err);
  return NULL;
}

/* ---- the outcome --------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b)
{
  const struct hit *first = a, *second = b;
  if (first->ts_ms != second->ts_ms) return first->ts_ms > second->ts_ms ? -1 : 1;
  return (first->id < second->id) - (first->id > second->id);
}

static void answer(struct hunt *hunt)
{
  struct outcome outcome = {.err = hunt->err, .ts_ms = node_wall_ms(), .total = hunt->hit_count};
  for (size_t i = 0; i < hunt->found_count; i++)
    if (hunt->found[i].id) hunt->found[outcome.message_count++] = hunt->found[i];
  outcome.messages = hunt->found;
  hunt_end(hunt, &outcome);
}

static void on_found(void *arg, const struct page *page)
{
  const struct asked *asked = arg;
  struct hunt *hunt = asked->hunt;
  if (page->err != ERR_OK) hunt->err = page->err;
  if (page->err == ERR_OK && page->count) {
    struct stored stored = page->messages[0];
    stored.line = arena_copy(&hunt->arena, stored.line);
    if (stored_decode(&hunt->arena, &stored, asked->message) != ERR_OK) asked->message->id = 0;
  }
  if (++hunt->answered == hunt->found_count) answer(hunt);
}

static void fetch(struct hunt *hunt)
{
  const struct command *command = &hunt->task->command;
  size_t count = command_count(command, FOUND_AT_MOST);
  size_t first = command->offset < hunt->hit_count ? (size_t)command->offset : hunt->hit_count;
  if (count > hunt->hit_count - first) count = hunt->hit_count - first;
  if (hunt->hit_count) qsort(hunt->hits, hunt->hit_count, sizeof *hunt->hits, newest_first);
  hunt->found = arena_zalloc(&hunt->arena, (count + 1) * sizeof *hunt->found);
  hunt->found_count = count;
  if (!count) {
    answer(hunt);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    const struct hit *hit = &hunt->hits[first + i];
    struct asked *asked = arena_alloc(&hunt->arena, sizeof *asked);
    *asked = (struct asked){hunt, &hunt->found[i]};
    message_get(hunt->task->node->backend, hunt->places[hit->place], hit->id, on_found, asked);
  }
}

/* ---- one place ----------------------------------------------------------------------- */

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool holds(struct arena *arena, const struct envelope *message, struct slice query)
{
  struct slice text = json_string(arena, envelope_shown_text(arena, message));
  if (query.len > text.len) return false;
  char *lowered = arena_alloc(arena, text.len + 1);
  for (size_t i = 0; i < text.len; i++) lowered[i] = lower(text.data[i]);
  return !query.len || memmem(lowered, text.len, query.data, query.len);
}

static bool matches(const struct hunt *hunt, struct arena *arena, const struct envelope *message)
{
  const struct search *search = hunt->task->command.search;
  if (search->before_ms && message->ts_ms >= search->before_ms) return false;
  if (search->after_ms && message->ts_ms <= search->after_ms) return false;
  if (search->no_thread && message->thread.len) return false;
  if (hunt->thread.len && !slice_equal(message->thread, hunt->thread)) return false;
  if (hunt->author.len && !slice_equal(message->from.id, hunt->author)) return false;
  return holds(arena, message, hunt->query);
}

static void note_hit(struct hunt *hunt, const struct envelope *message)
{
  if (hunt->hit_count == hunt->hit_capacity) {
    hunt->hit_capacity = hunt->hit_capacity ? 2 * hunt->hit_capacity : FOUND_AT_MOST;
    hunt->hits = memory_resize(hunt->hits, hunt->hit_capacity * sizeof *hunt->hits);
  }
  hunt->hits[hunt->hit_count++] = (struct hit){message->ts_ms, message->id, hunt->place};
}

static void look_at(struct hunt *hunt, const struct stored *stored, uint64_t *newest_ms)
{
  static struct arena arena;
  struct envelope message;
  arena_reset(&arena);
  if (envelope_decode(&arena, stored->line, &message) != ERR_OK) return;
  if (message.ts_ms > *newest_ms) *newest_ms = message.ts_ms;
  if (matches(hunt, &arena, &message)) note_hit(hunt, &message);
}

/* True: older ones may match. */
static bool take_page(struct hunt *hunt, const struct page *page)
{
  uint64_t newest_ms = 0;
  size_t count = page->count;
  for (size_t i = 0; i < count; i++) {
    size_t bytes = page->messages[i].line.len;
    hunt->bytes_left = bytes < hunt->bytes_left ? hunt->bytes_left - bytes : 0;
    look_at(hunt, &page->messages[i], &newest_ms);
  }
  hunt->messages_left = count < hunt->messages_left ? hunt->messages_left - count : 0;
  if (count) hunt->before_id = page->messages[0].id;
  return count && page->more && hunt->messages_left && hunt->bytes_left &&
         newest_ms > hunt->task->command.search->after_ms;
}

static void next_place(struct hunt *hunt);
static void read_on(struct hunt *hunt);

static void on_page(void *arg, const struct page *page)
{
  struct hunt *hunt = arg;
  if (page->err != ERR_OK)
    hunt_fail(hunt, page->err);
  else if (take_page(hunt, page))
    read_on(hunt);
  else
    next_place(hunt);
}

static void read_on(struct hunt *hunt)
{
  size_t count = hunt->messages_left < PAGE_MESSAGES ? hunt->messages_left : PAGE_MESSAGES;
  messages_latest(hunt->task->node->backend, hunt->places[hunt->place], hunt->before_id,
                  (unsigned)count, PAGE_BYTES, on_page, hunt);
}

static void on_standing(void *arg, const struct room_standing *standing)
{
  struct hunt *hunt = arg;
  bool named = hunt->task->command.to.kind != ADDRESS_NONE;
  enum err err = standing->err;
  if (err == ERR_OK && standing->banned) err = ERR_FORBIDDEN;
  if (err == ERR_OK && !standing->member && !standing->is_public) err = ERR_NOT_IN_ROOM;
  if (err == ERR_OK)
    read_on(hunt);
  else if (named || err == ERR_UNAVAILABLE || err == ERR_INTERNAL)
    hunt_fail(hunt, err);
  else
    next_place(hunt);
}

static void begin_place(struct hunt *hunt)
{
  struct caller *caller = hunter(hunt, ERR_OK);
  if (!caller) return;
  const struct owner *place = &hunt->places[hunt->place];
  hunt->before_id = 0;
  hunt->messages_left = MESSAGES_AT_MOST / hunt->place_count;
  hunt->bytes_left = BYTES_AT_MOST / hunt->place_count;
  if (place->kind == OWNER_ROOM && !caller->admin)
    room_standing(caller->node->backend, place->id, caller->user.id, on_standing, hunt);
  else
    read_on(hunt);
}

static void next_place(struct hunt *hunt)
{
  if (++hunt->place < hunt->place_count)
    begin_place(hunt);
  else
    fetch(hunt);
}

/* ---- where --------------------------------------------------------------------------- */

static void add_place(struct hunt *hunt, enum owner_kind kind, struct slice id)
{
  if (hunt->place_count == PLACES_AT_MOST) return;
  for (size_t i = 0; i < hunt->place_count; i++)
    if (hunt->places[i].kind == kind && slice_equal(hunt->places[i].id, id)) return;
  hunt->places[hunt->place_count++] = (struct owner){kind, arena_copy(&hunt->arena, id)};
}

static void add_dialog(struct hunt *hunt, const struct caller *caller, struct slice other)
{
  char id[COMMAND_DIALOG_ID_BYTES];
  add_place(hunt, OWNER_DIALOG, directory_dialog_id(caller->user.id, other, id));
}

static void on_contacts(void *arg, enum err err, const struct slice *ids, size_t count)
{
  struct hunt *hunt = arg;
  struct caller *caller = hunter(hunt, err);
  if (!caller) return;
  for (size_t i = 0; i < count; i++) add_dialog(hunt, caller, ids[i]);
  add_dialog(hunt, caller, caller->user.id);
  begin_place(hunt);
}

static void on_public(void *arg, enum err err, const struct slice *ids, size_t count)
{
  struct hunt *hunt = arg;
  struct caller *caller = hunter(hunt, err);
  if (!caller) return;
  for (size_t i = 0; i < count; i++) add_place(hunt, OWNER_ROOM, ids[i]);
  add_place(hunt, OWNER_ROOM, party_lobby.id);
  if (caller->admin)
    begin_place(hunt);
  else
    contacts_list(caller->node->backend, caller->user.id, on_contacts, hunt);
}

static void on_own_rooms(void *arg, enum err err, const struct slice *ids, size_t count)
{
  struct hunt *hunt = arg;
  struct caller *caller = hunter(hunt, err);
  if (!caller) return;
  for (size_t i = 0; i < count; i++) add_place(hunt, OWNER_ROOM, ids[i]);
  rooms_public(caller->node->backend, on_public, hunt);
}

static void find_places(struct hunt *hunt, struct caller *caller, const struct command *command)
{
  hunt->places = arena_alloc(&hunt->arena, PLACES_AT_MOST * sizeof *hunt->places);
  if (command->to.kind == ADDRESS_ROOM)
    add_place(hunt, OWNER_ROOM, command->to.id);
  else if (command->to.kind == ADDRESS_USER)
    add_dialog(hunt, caller, command->to.id);
  if (hunt->place_count)
    begin_place(hunt);
  else if (caller->admin)
    rooms_public(caller->node->backend, on_public, hunt);
  else
    rooms_of_user(caller->node->backend, caller->user.id, on_own_rooms, hunt);
}

void command_search(struct caller *caller, const struct command *command, struct task *task)
{
  if (hunts >= SEARCHES_AT_ONCE) {
    command_finish_with(task, ERR_OVERLOADED);
    return;
  }
  struct hunt *hunt = memory_zalloc(sizeof *hunt);
  hunts++;
  hunt->task = task;
  struct slice query = arena_copy(&hunt->arena, command->search->query);
  for (size_t i = 0; i < query.len; i++) ((char *)(uintptr_t)query.data)[i] = lower(query.data[i]);
  hunt->query = query;
  hunt->thread = arena_copy(&hunt->arena, command->thread);
  hunt->author = arena_copy(&hunt->arena, command->user.id);
  find_places(hunt, caller, command);
}
