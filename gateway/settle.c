/* See settle.h.
 *
 *   SETTLE_MS later, nothing heard ─► the room: are they out? ─► who is who ─► the user's side, and
 *   they are told ─► the room: are they in again? ─► the user's side
 */
#include "settle.h"

#include <stdlib.h>
#include <utlist.h>

#include "attendance.h"
#include "base/arena.h"
#include "base/memory.h"
#include "commands.h"
#include "conversation.h"
#include "directory.h"
#include "hub.h"
#include "messages.h"
#include "rooms.h"

enum { SETTLE_MS = 2500 }; /* whoever lives, and is at it, has done it by then */

struct settling {
  struct node_timer timer; /* first, for its call */
  struct settling *prev, *next;
  struct node *node;
  struct arena arena;
  struct slice room, user;
  struct party room_party, user_party;
  bool waiting; /* for its time */
  bool banned;
};

static void settled(struct settling *settling)
{
  DL_DELETE(settling->node->settlings, settling);
  arena_free(&settling->arena);
  free(settling);
}

/* For the call. */
static struct slice write_event(const struct settling *settling, enum envelope_kind kind)
{
  static struct text rest;
  struct envelope event = {.kind = kind,
                           .ts_ms = node_wall_ms(),
                           .from = settling->user_party,
                           .to = settling->room_party};
  if (kind == KIND_ROOM_KICKED) {
    event.from = party_server; /* who it was is not known any more */
    event.user = settling->user_party;
    event.permanent = true;
  }
  text_reset(&rest);
  envelope_write_rest(&rest, &event);
  return text_slice(&rest);
}

static void on_entered(void *arg, const struct stamp *stamp)
{
  (void)stamp; /* the same again would complete it */
  settled(arg);
}

/* They came in again at that very moment: their side says so again. */
static void on_standing_again(void *arg, const struct room_standing *standing)
{
  struct settling *settling = arg;
  if (standing->err == ERR_OK && standing->member)
    room_enter(settling->node->backend, settling->room, settling->user,
               write_event(settling, KIND_ROOM_ENTERED), false, on_entered, settling);
  else
    settled(settling);
}

static void on_done(void *arg, enum err err)
{
  struct settling *settling = arg;
  (void)err; /* the same again would complete it */
  if (settling->node->ending) {
    settled(settling);
    return;
  }
  room_standing(settling->node->backend, settling->room, settling->user, on_standing_again,
                settling);
}

static void on_user(void *arg, enum err err, const struct entry *entry)
{
  struct settling *settling = arg;
  if (err != ERR_OK) {
    settled(settling);
    return;
  }
  settling->user_party = party_copy(&settling->arena, command_party(entry));
  enum envelope_kind kind = settling->banned ? KIND_ROOM_KICKED : KIND_ROOM_EXITED;
  room_settle(settling->node->backend, settling->room, settling->user, settling->banned,
              write_event(settling, kind), on_done, settling);
}

static void on_room(void *arg, enum err err, const struct entry *entry)
{
  struct settling *settling = arg;
  if (err != ERR_OK) {
    settled(settling);
    return;
  }
  settling->room_party = party_copy(&settling->arena, command_party(entry));
  directory_resolve(settling->node->backend, OWNER_USER, settling->user, false, on_user, settling);
}

static void on_standing(void *arg, const struct room_standing *standing)
{
  struct settling *settling = arg;
  settling->banned = standing->banned;
  if (standing->err != ERR_OK || standing->member)
    settled(settling);
  else
    directory_resolve(settling->node->backend, OWNER_ROOM, settling->room, false, on_room,
                      settling);
}

static void on_timer(struct node *node, struct node_timer *timer)
{
  struct settling *settling = (struct settling *)timer;
  settling->waiting = false;
  room_standing(node->backend, settling->room, settling->user, on_standing, settling);
}

void settle_soon(struct node *node, struct slice room, struct slice user)
{
  struct settling *settling = memory_zalloc(sizeof *settling);
  settling->node = node;
  settling->waiting = true;
  settling->room = arena_copy(&settling->arena, room);
  settling->user = arena_copy(&settling->arena, user);
  DL_APPEND(node->settlings, settling);
  settling->timer.call = on_timer;
  node_timer_set(node, &settling->timer, SETTLE_MS);
}

/* What the lobby tells is of attendance. */
void settle_exited(struct node *node, const struct topic *room, const struct envelope *event)
{
  if (room->kind != OWNER_ROOM || attendance_is_of(room->owner)) return;
  if (hub_topic(node, OWNER_USER, event->from.id)) settle_soon(node, room->owner, event->from.id);
}

void settle_heard(struct node *node, struct slice room, struct slice user)
{
  struct settling *each, *next;
  DL_FOREACH_SAFE(node->settlings, each, next)
  {
    if (!each->waiting || !slice_equal(each->room, room) || !slice_equal(each->user, user))
      continue;
    node_timer_stop(node, &each->timer);
    settled(each);
  }
}

void settle_end(struct node *node)
{
  while (node->settlings) settled(node->settlings);
}
