/* See census.h. A part of the sessions is gathered node by node, by HSCAN:
 *
 *   ZRANGE nodes ──► HSCAN a node's sessions ──► HGET each one's record ──► enough?
 *                          ▲                                                  │ no
 *                          └────────── the rest of it, or the next node ◄─────┘
 *
 * HSCAN gives more at once than was asked for (a small hash whole), so that a part may end
 * inside of what one call gave. The cursor then names the last session that was told of, by
 * which the same call, made again, is gone on with:
 *
 *   "<HSCAN's cursor>~<node>~<the session's id behind its node>" */
#include "census.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/memory.h"
#include "base/text.h"
#include "page.h"
#include "store.h"

static int compare_ids(const void *a, const void *b)
{
  return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static void ask_nodes(struct backend *backend, store_fn *done, void *arg)
{
  store_begin_command(backend->store, "ZRANGE", 4);
  store_name(backend->store, "nodes");
  store_number(backend->store, 0);
  store_arg(backend->store, SLICE("-1"));
  store_arg(backend->store, SLICE("WITHSCORES"));
  store_send(backend->store, done, arg);
}

/* One of several that are asked about at once; not all of them need be on one link. */
struct asked {
  void *whole;
  size_t index;
};

static struct asked *asked_about(struct arena *arena, void *whole, size_t index)
{
  struct asked *asked = arena_alloc(arena, sizeof *asked);
  *asked = (struct asked){whole, index};
  return asked;
}

/* ---- nodes -------------------------------------------------------------------------- */

struct roll {
  struct backend *backend;
  nodes_fn *done;
  void *arg;
  struct arena arena;
  struct node_record *nodes;
  size_t count, answered;
  enum err err;
};

static void roll_end(struct roll *roll)
{
  bool ok = roll->err == ERR_OK;
  roll->done(roll->arg, roll->err, ok ? roll->nodes : NULL, ok ? roll->count : 0);
  arena_free(&roll->arena);
  free(roll);
}

static void on_count(void *arg, enum err err, const struct redisReply *reply)
{
  const struct asked *asked = arg;
  struct roll *roll = asked->whole;
  uint64_t *sessions = &roll->nodes[asked->index].sessions;
  if (err == ERR_OK && !reply_number(reply, sessions)) err = ERR_INTERNAL;
  if (err != ERR_OK) roll->err = err;
  if (++roll->answered == roll->count) roll_end(roll);
}

/* The score of one that is held for dead is negative (node_dead.lua). */
static bool read_node(struct roll *roll, const struct redisReply *id,
                      const struct redisReply *score, struct node_record *node)
{
  struct slice heard = reply_slice(score);
  if (slice_starts_with(heard, SLICE("-"))) heard = slice_skip(heard, 1);
  node->id = arena_copy(&roll->arena, reply_slice(id));
  return number_read(heard, &node->heard_ms);
}

static enum err read_nodes(struct roll *roll, const struct redisReply *reply)
{
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2) return ERR_INTERNAL;
  roll->count = reply->elements / 2;
  roll->nodes = arena_zalloc(&roll->arena, (roll->count + 1) * sizeof *roll->nodes);
  for (size_t i = 0; i < roll->count; i++)
    if (!read_node(roll, reply->element[2 * i], reply->element[2 * i + 1], &roll->nodes[i]))
      return ERR_INTERNAL;
  qsort(roll->nodes, roll->count, sizeof *roll->nodes, compare_ids); /* the id stands first */
  return ERR_OK;
}

static void on_nodes(void *arg, enum err err, const struct redisReply *reply)
{
  struct roll *roll = arg;
  struct store *store = roll->backend->store;
  roll->err = err == ERR_OK ? read_nodes(roll, reply) : err;
  if (roll->err != ERR_OK || !roll->count) {
    roll_end(roll);
    return;
  }
  for (size_t i = 0; i < roll->count; i++) {
    store_begin_command(store, "HLEN", 1);
    store_key(store, OWNER_NODE, roll->nodes[i].id, ":sessions");
    store_send(store, on_count, asked_about(&roll->arena, roll, i));
  }
}

void census_nodes(struct backend *backend, nodes_fn *done, void *arg)
{
  struct roll *roll = memory_zalloc(sizeof *roll);
  *roll = (struct roll){.backend = backend, .done = done, .arg = arg};
  ask_nodes(backend, on_nodes, roll);
}

/* ---- one session -------------------------------------------------------------------- */

/* "<node>-<run>.<handle>"; a node's name may hold a '-' itself. */
static struct slice node_of(struct slice session)
{
  const char *end = session.len ? memrchr(session.data, '-', session.len) : NULL;
  return (struct slice){session.data, end ? (size_t)(end - session.data) : 0};
}

/* "protocol user" */
static struct slice user_of(struct slice value)
{
  slice_cut(&value, ' ');
  return value;
}

/* "node protocol since device". False: there is none, or no such. */
static bool read_session(struct arena *arena, const struct redisReply *reply,
                         struct session_record *session)
{
  struct slice rest = arena_copy(arena, reply_slice(reply));
  session->node = slice_cut(&rest, ' ');
  session->protocol = slice_cut(&rest, ' ');
  struct slice since = slice_cut(&rest, ' ');
  session->device = rest;
  return session->node.len && number_read(since, &session->since_ms);
}

static void ask_record(struct backend *backend, const struct session_record *session,
                       store_fn *done, void *arg)
{
  store_begin_command(backend->store, "HGET", 2);
  store_key(backend->store, OWNER_USER, session->user, ":sessions");
  store_arg(backend->store, session->id);
  store_send(backend->store, done, arg);
}

struct finding {
  struct backend *backend;
  session_fn *done;
  void *arg;
  struct arena arena;
  struct session_record session;
};

static void found(struct finding *finding, enum err err)
{
  finding->done(finding->arg, err, err == ERR_OK ? &finding->session : NULL);
  arena_free(&finding->arena);
  free(finding);
}

static void on_record(void *arg, enum err err, const struct redisReply *reply)
{
  struct finding *finding = arg;
  if (err == ERR_OK && !read_session(&finding->arena, reply, &finding->session))
    err = ERR_NOT_FOUND;
  found(finding, err);
}

static void on_user(void *arg, enum err err, const struct redisReply *reply)
{
  struct finding *finding = arg;
  struct slice user = err == ERR_OK ? user_of(reply_slice(reply)) : (struct slice){0};
  if (err == ERR_OK && !user.len) err = ERR_NOT_FOUND;
  if (err != ERR_OK) {
    found(finding, err);
    return;
  }
  finding->session.user = arena_copy(&finding->arena, user);
  ask_record(finding->backend, &finding->session, on_record, finding);
}

void census_find(struct backend *backend, struct slice id, session_fn *done, void *arg)
{
  struct finding *finding = memory_zalloc(sizeof *finding);
  *finding = (struct finding){.backend = backend, .done = done, .arg = arg};
  finding->session.id = arena_copy(&finding->arena, id);
  store_begin_command(backend->store, "HGET", 2);
  store_key(backend->store, OWNER_NODE, node_of(id), ":sessions");
  store_arg(backend->store, id);
  store_send(backend->store, on_user, finding);
}

void census_revoke(struct backend *backend, struct slice user, struct slice session,
                   uint64_t now_ms, err_fn *done, void *arg)
{
  struct text rest = {0};
  text_append_named_number(&rest, SLICE("\"kind\":\"session.revoked\",\"ts\":"), now_ms);
  text_append_named_string(&rest, SLICE(",\"body\":{\"session\":"), session);
  text_append(&rest, SLICE("}}"));
  store_begin(backend->store, SCRIPT_user_tell, 1, 1);
  store_key(backend->store, OWNER_USER, user, "");
  store_arg(backend->store, text_slice(&rest));
  plain_send(backend, done, arg);
  text_free(&rest);
}

/* ---- all sessions ------------------------------------------------------------------- */

struct listing {
  struct backend *backend;
  sessions_fn *done;
  void *arg;
  struct arena arena;
  struct slice node, last; /* where to go on: of the node, behind this session of the scan */
  uint64_t scan;
  struct node_record *nodes;
  size_t node_count, at; /* `at`: the node that is being looked at */
  struct session_record *sessions;
  size_t wanted, count;   /* `count` live; behind them stand those that are asked about */
  size_t asked, answered; /* of one scan */
  uint64_t next_scan;
  struct slice last_asked;
  bool cut; /* there are more of this scan */
  enum err err;
};

static void listing_end(struct listing *listing, enum err err)
{
  struct text next = {0};
  bool ok = err == ERR_OK;
  if (ok && listing->at < listing->node_count) {
    text_append_number(&next, listing->scan);
    text_append_char(&next, '~');
    text_append(&next, listing->nodes[listing->at].id);
    text_append_char(&next, '~');
    text_append(&next, listing->last);
  }
  listing->done(listing->arg, err, ok ? listing->sessions : NULL, ok ? listing->count : 0,
                text_slice(&next));
  text_free(&next);
  arena_free(&listing->arena);
  free(listing);
}

static void scan_on(struct listing *listing);

static void scanned(struct listing *listing)
{
  size_t all = listing->count + listing->asked;
  for (size_t i = listing->count; i < all; i++)
    if (listing->sessions[i].node.len) listing->sessions[listing->count++] = listing->sessions[i];
  listing->last = listing->cut ? listing->last_asked : (struct slice){0};
  if (!listing->cut) listing->scan = listing->next_scan;
  if (!listing->cut && !listing->scan) listing->at++;
  scan_on(listing);
}

static void on_listed(void *arg, enum err err, const struct redisReply *reply)
{
  const struct asked *asked = arg;
  struct listing *listing = asked->whole;
  struct session_record *session = &listing->sessions[asked->index];
  if (err != ERR_OK)
    listing->err = err;
  else if (!read_session(&listing->arena, reply, session))
    session->node.len = 0;
  if (++listing->answered < listing->asked) return;
  if (listing->err != ERR_OK)
    listing_end(listing, listing->err);
  else
    scanned(listing);
}

/* The scan's sessions behind the last one, by id. */
static size_t read_scan(struct listing *listing, const struct redisReply *fields,
                        struct session_record *found)
{
  size_t count = 0, node = listing->nodes[listing->at].id.len + 1;
  for (size_t i = 0; i + 1 < fields->elements; i += 2) {
    struct slice id = reply_slice(fields->element[i]);
    if (listing->last.len && slice_compare(slice_skip(id, node), listing->last) <= 0) continue;
    found[count++] =
        (struct session_record){.id = id, .user = user_of(reply_slice(fields->element[i + 1]))};
  }
  qsort(found, count, sizeof *found, compare_ids); /* the id stands first */
  return count;
}

static void ask_about(struct listing *listing, const struct session_record *found, size_t count)
{
  size_t room = listing->wanted - listing->count;
  listing->cut = count > room;
  listing->asked = count < room ? count : room;
  listing->answered = 0;
  for (size_t i = 0; i < listing->asked; i++) {
    struct session_record *session = &listing->sessions[listing->count + i];
    *session = (struct session_record){.id = arena_copy(&listing->arena, found[i].id),
                                       .user = arena_copy(&listing->arena, found[i].user)};
    listing->last_asked = slice_skip(session->id, listing->nodes[listing->at].id.len + 1);
    ask_record(listing->backend, session, on_listed,
               asked_about(&listing->arena, listing, listing->count + i));
  }
}

/* The next cursor; session, "protocol user", ... */
static void on_scan(void *arg, enum err err, const struct redisReply *reply)
{
  struct listing *listing = arg;
  bool read = err == ERR_OK && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
              reply_number(reply->element[0], &listing->next_scan) &&
              reply->element[1]->type == REDIS_REPLY_ARRAY;
  if (!read) {
    listing_end(listing, err == ERR_OK ? ERR_INTERNAL : err);
    return;
  }
  struct session_record *found =
      memory_alloc((reply->element[1]->elements / 2 + 1) * sizeof *found);
  ask_about(listing, found, read_scan(listing, reply->element[1], found));
  free(found);
  if (!listing->asked) scanned(listing);
}

static void scan_on(struct listing *listing)
{
  struct store *store = listing->backend->store;
  if (listing->count == listing->wanted || listing->at == listing->node_count) {
    listing_end(listing, ERR_OK);
    return;
  }
  store_begin_command(store, "HSCAN", 4);
  store_key(store, OWNER_NODE, listing->nodes[listing->at].id, ":sessions");
  store_number(store, listing->scan);
  store_arg(store, SLICE("COUNT"));
  store_number(store, listing->wanted);
  store_send(store, on_scan, listing);
}

/* From the cursor's node on; where that is gone, the next one is looked at from its start. */
static void on_listed_nodes(void *arg, enum err err, const struct node_record *nodes, size_t count)
{
  struct listing *listing = arg;
  if (err != ERR_OK) {
    listing_end(listing, err);
    return;
  }
  listing->nodes = arena_zalloc(&listing->arena, (count + 1) * sizeof *nodes);
  for (size_t i = 0; i < count; i++) {
    if (slice_compare(nodes[i].id, listing->node) < 0) continue;
    listing->nodes[listing->node_count++].id = arena_copy(&listing->arena, nodes[i].id);
  }
  if (!listing->node_count || !slice_equal(listing->nodes[0].id, listing->node)) {
    listing->scan = 0;
    listing->last = (struct slice){0};
  }
  scan_on(listing);
}

static bool read_cursor(struct listing *listing, struct slice cursor)
{
  struct slice rest = arena_copy(&listing->arena, cursor);
  struct slice scan = slice_cut(&rest, '~');
  listing->node = slice_cut(&rest, '~');
  listing->last = rest;
  return !cursor.len || (listing->node.len && number_read(scan, &listing->scan));
}

static void on_refused(void *arg, enum err err, const struct redisReply *reply)
{
  (void)reply;
  listing_end(arg, err);
}

void census_sessions(struct backend *backend, struct slice cursor, unsigned count,
                     sessions_fn *done, void *arg)
{
  struct listing *listing = memory_zalloc(sizeof *listing);
  *listing = (struct listing){.backend = backend, .done = done, .arg = arg, .wanted = count};
  listing->sessions = arena_zalloc(&listing->arena, (count + 1) * sizeof *listing->sessions);
  if (read_cursor(listing, cursor))
    census_nodes(backend, on_listed_nodes, listing);
  else
    store_soon(backend->store, ERR_MALFORMED, on_refused, listing);
}
