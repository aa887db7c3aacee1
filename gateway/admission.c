/* See admission.h.
 *
 *   head ─► route ─► identify ─► limits, its turn ─► auth ─► subscribe user's channel
 *        ─► confirmed ─► presence_join (claims the name, brings the first page) ─► verdict
 */
#include "admission.h"

#include <stdlib.h>

#include "acquaintance.h"
#include "attendance.h"
#include "auth.h"
#include "base/memory.h"
#include "dispatch.h"
#include "hearing.h"
#include "messages.h"
#include "metrics.h"
#include "presence.h"
#include "session.h"
#include "sync.h"

enum {
  FIRST_PAGE_MESSAGES = 100,
  FIRST_PAGE_BYTES = 256 * 1024,
  FIRST_REJOINS = 64,
  REJOINS_A_TICK = 500, /* so that Redis, just back, answers others in between */
};

/* The path chooses; on "/" a subprotocol may choose otherwise. */
static enum err find_protocol(const struct config *config, const struct request *request,
                              const struct protocol **protocol)
{
  *protocol = routes_find(&config->route_table, request->path);
  if (!*protocol) return ERR_NOT_FOUND;
  if (!request->subprotocols.len) return ERR_OK;
  const struct protocol *offered = protocol_by_subprotocol(request->subprotocols);
  if (!offered) return ERR_MALFORMED; /* RFC 6455, 4.2.2: we could choose none of them */
  if (slice_is(request->path, "/")) *protocol = offered;
  return *protocol == offered ? ERR_OK : ERR_MALFORMED;
}

static enum err check_address(struct door *door, const struct request *request)
{
  struct node *node = door->node;
  const struct config *config = node->config;
  if (door->counted) return ERR_OK; /* when it was accepted, or before it waited for its turn */
  door->ip = ip_of_client(&door->ip, request->forwarded_for, &config->trusted_networks);
  if (!address_counts_enter(&node->addresses, &door->ip, config->max_connections_per_address))
    return ERR_RATE_LIMITED;
  door->counted = true;
  return ERR_OK;
}

static enum err prepare(struct door *door, const struct request_head *head, struct arena *arena,
                        const struct protocol **protocol, struct claim *claim)
{
  struct node *node = door->node;
  if (!slice_is(head->version, "13")) return ERR_BAD_VERSION;
  enum err err = find_protocol(node->config, &head->request, protocol);
  if (err != ERR_OK) return err;
  if (node->draining) return ERR_GOING_AWAY;
  if (!config_allows_origin(node->config, head->request.origin)) return ERR_FORBIDDEN;
  err = (*protocol)->identify(arena, &head->request, claim);
  if (err != ERR_OK) return err;
  if (!backend_ready(node->backend, NULL)) return ERR_UNAVAILABLE;
  err = check_address(door, &head->request);
  return err == ERR_OK ? door_take_turn(door) : err;
}

/* What travels with a question: the session may be gone when the answer comes. */
struct join_request {
  struct node *node;
  uint64_t session;
};

static struct join_request *join_request(const struct session *session)
{
  struct join_request *request = memory_alloc(sizeof *request);
  *request = (struct join_request){session->caller.node, session->caller.handle};
  return request;
}

static struct session *asked_for(void *arg)
{
  struct join_request request = *(struct join_request *)arg;
  free(arg);
  return session_find(request.node, request.session);
}

static void on_known(void *arg, const struct identity *identity)
{
  struct session *session = asked_for(arg);
  if (!session || session->state != SESSION_JOINING) return;
  enum err err = identity->err;
  if (err == ERR_OK && identity->admin) err = ERR_UNAUTHORIZED; /* the operator is no user */
  if (err != ERR_OK) {
    door_refuse(session->door, err);
    return;
  }
  session_identified(session, identity);
  session->inbox = hub_subscribe(session, OWNER_USER, session->caller.user.id, START_UNREAD);
  if (session->inbox->state == SYNC_LOCATING) admission_subscribed(session);
}

void admission_begin(struct door *door, const struct request_head *head)
{
  static struct arena arena;
  const struct protocol *protocol = NULL;
  struct claim claim = {0};
  arena_reset(&arena);
  enum err err = prepare(door, head, &arena, &protocol, &claim);
  if (err != ERR_OK) {
    door_refuse(door, err);
    return;
  }
  if (door->state == DOOR_WAITING) return;
  door->session = session_new(door->node, protocol, &claim);
  door->session->door = door;
  auth_check(door->node, &claim, on_known, join_request(door->session));
}

/* ---- joining ----------------------------------------------------------------------- */

static void fill_join(const struct session *session, struct presence_join *join)
{
  static const enum presence_exclusive exclusive[] = {
      [EXCLUSIVE_NO] = PRESENCE_SHARED,
      [EXCLUSIVE_REFUSE] = PRESENCE_REFUSE,
      [EXCLUSIVE_REPLACE] = PRESENCE_REPLACE,
  };
  *join = (struct presence_join){
      .user = session->caller.user.id,
      .session = session->caller.id,
      .protocol = slice_of(session->caller.protocol->name),
      .device = session->device,
      .exclusive = exclusive[session->caller.protocol->exclusive],
      .credential = session->credential,
      .acknowledges = session->caller.protocol->acknowledges,
      .contacts = acquaintance_is_shown(session),
      .now_ms = node_wall_ms(),
      .since_ms = session->since_ms,
  };
}

/* From now on the user's own messages are told to all of them (dispatch.c). */
static void tell_other_connections(struct session *session)
{
  session->inbox->topic->shared = true;
  struct envelope event = {.kind = KIND_PRESENCE_ONLINE,
                           .ts_ms = node_wall_ms(),
                           .from = session->caller.user,
                           .to = session->caller.user,
                           .session = session->caller.id};
  dispatch_publish(session->caller.node, OWNER_USER, session->caller.user.id, &event);
}

/* The room that the claim names is heard by those who may read it. */
static void on_room_known(void *arg, const struct room_standing *standing)
{
  struct session *session = asked_for(arg);
  if (!session || session->state != SESSION_JOINED) return;
  enum err err = standing->err;
  if (err == ERR_OK && (standing->banned || !(standing->member || standing->is_public)))
    err = ERR_FORBIDDEN;
  if (err != ERR_OK) {
    door_refuse(session->door, err);
    return;
  }
  session->room_allowed = true;
  admission_located(session);
}

static void on_joined(void *arg, const struct presence_joined *joined)
{
  struct session *session = asked_for(arg);
  if (!session) return; /* session_free has sent presence_leave behind the join */
  session->joining = false;
  if (session->state != SESSION_JOINING) return;
  if (joined->err != ERR_OK) {
    /* It may have joined nevertheless, and left by now. */
    if (joined->err == ERR_UNAVAILABLE) attendance_depart(session);
    enum err taken = session->caller.protocol->exclusive_error;
    door_refuse(session->door, joined->err == ERR_REPLACED && taken ? taken : joined->err);
    return;
  }
  session->since_ms = joined->since_ms;
  session_joined(session, joined->num, joined->uuid, joined->name);
  sync_first_page(session->caller.node, session->inbox, &joined->unread);
  hearing_begin(session, joined);
  acquaintance_joined(session, joined, false);
  if (joined->sessions > 1) tell_other_connections(session);
  if (session->rooms_changed) admission_rejoin(session); /* since what was told was looked up */
  session->rooms_asked = true;
  if (session->room.len)
    room_standing(session->caller.node->backend, session->room, session->caller.user.id,
                  on_room_known, join_request(session));
  else
    admission_located(session);
}

void admission_located(struct session *session)
{
  if (session->state != SESSION_JOINED || !session->rooms_asked) return;
  if (session->room.len && !session->room_allowed) return;
  for (const struct subscription *each = session->subscriptions; each; each = each->next_of_session)
    if (!each->located) return;
  session->rooms_asked = false; /* once */
  door_admit(session->door);
}

void admission_subscribed(struct session *session)
{
  struct presence_join join;
  if (session->state != SESSION_JOINING || session->joining || !session->inbox) return;
  session->joining = true;
  fill_join(session, &join);
  join.page_count = FIRST_PAGE_MESSAGES;
  join.page_bytes = FIRST_PAGE_BYTES;
  presence_join(session->caller.node->backend, &join, on_joined, join_request(session));
}

/* ---- joining again ----------------------------------------------------------------- */

/* Sessions that are to join again, by their handles: each stands here once. */
static struct {
  uint64_t *handles;
  size_t count, capacity;
} rejoins;

void admission_rejoin(struct session *session)
{
  if (!session->joined || session->rejoins || session->state == SESSION_CLOSING) return;
  session->rejoins = true;
  if (rejoins.count == rejoins.capacity) {
    rejoins.capacity = rejoins.capacity ? rejoins.capacity * 2 : FIRST_REJOINS;
    rejoins.handles = memory_resize(rejoins.handles, rejoins.capacity * sizeof *rejoins.handles);
  }
  rejoins.handles[rejoins.count++] = session->caller.handle;
}

static void on_rejoined(void *arg, const struct presence_joined *joined)
{
  struct session *session = asked_for(arg);
  if (!session) return;
  session->joining = false;
  metric_add(METRIC_REJOINS, 1);
  if (session->state == SESSION_CLOSING) return;
  if (joined->err == ERR_OK) {
    acquaintance_joined(session, joined, true);
    attendance_resume(session);
  }
  if (joined->err == ERR_REPLACED)
    session_close(session, ERR_REPLACED);
  else if (joined->err == ERR_UNAUTHORIZED) /* revoked, and the telling was missed */
    session_close(session, ERR_UNAUTHORIZED);
  else if (joined->err == ERR_UNAVAILABLE || session->rooms_changed)
    admission_rejoin(session); /* what it tells of the rooms may be older than the change */
  else if (joined->err == ERR_OK)
    hearing_follow(session, joined);
}

static void rejoin(struct session *session)
{
  struct presence_join join;
  session->rejoins = false;
  if (session->state == SESSION_CLOSING) return;
  if (session->joining) { /* by an earlier call, whose answer may be too old */
    admission_rejoin(session);
    return;
  }
  session->joining = true;
  session->rooms_changed = false;
  fill_join(session, &join);
  join.again = true;
  /* Whoever came later has the place; whoever came earlier, and may be gone, has it no more. */
  if (join.exclusive == PRESENCE_REFUSE) join.exclusive = PRESENCE_REPLACE;
  presence_join(session->caller.node->backend, &join, on_rejoined, join_request(session));
}

void admission_tick(struct node *node)
{
  if (!rejoins.count || !backend_ready(node->backend, NULL)) return;
  size_t kept = rejoins.count > REJOINS_A_TICK ? rejoins.count - REJOINS_A_TICK : 0;
  size_t end = rejoins.count;
  for (size_t i = kept; i < end; i++) {
    struct session *session = session_find(node, rejoins.handles[i]);
    if (session) rejoin(session);
  }
  /* Those that were put back stand behind the ones that are done. */
  memmove(rejoins.handles + kept, rejoins.handles + end,
          (rejoins.count - end) * sizeof *rejoins.handles);
  rejoins.count -= end - kept;
}
