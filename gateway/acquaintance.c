/* See acquaintance.h.
 *
 *   joined, to be told ────────────► tell ─► told ─► news, told ─┬─► done
 *   gone ─► news, nothing told ──────▲                           │
 *                                    └──(something else is so)───┘
 *
 * What could not be done because Redis is away is asked anew, a second later. */
#include "acquaintance.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/memory.h"
#include "contacts.h"
#include "deliver.h"
#include "session.h"

enum { AGAIN_MS = 1000 };

struct acquaintance {
  struct telling *tellings;
  struct showing *showings;
  struct text rest; /* scratch */
  bool says[PROTOCOL_COUNT];
};

/* A user's contacts are being told. */
struct telling {
  struct node_timer timer; /* first, for its call */
  struct telling *prev, *next;
  struct node *node;
  enum contacts_told told; /* what they are being told */
  acquaintance_fn *done;
  void *arg;
  struct slice user, session;
  char memory[];
};

/* A contact that was heard of while it was being asked about. */
struct heard {
  struct heard *next;
  size_t len;
  char id[];
};

/* A session is to be shown its contacts. */
struct showing {
  struct showing *prev, *next;
  struct node *node;
  uint64_t session; /* handle */
  bool again;       /* also those who are offline */
  struct heard *heard;
};

static bool can_say(const struct protocol *protocol)
{
  struct arena arena = {0};
  struct text frame = {0};
  struct envelope event = {.kind = KIND_PRESENCE_ONLINE,
                           .ts_ms = 1,
                           .from = {PARTY_USER, 1, SLICE("a"), SLICE(""), SLICE("a")}};
  bool says = protocol->encode(&arena, &event, SLICE("b"), &frame);
  text_free(&frame);
  arena_free(&arena);
  return says;
}

struct acquaintance *acquaintance_new(struct node *node)
{
  (void)node;
  struct acquaintance *acquaintance = memory_zalloc(sizeof *acquaintance);
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    acquaintance->says[i] = protocol_has_websocket(protocols[i]) && can_say(protocols[i]);
  }
  return acquaintance;
}

static void showing_free(struct showing *showing)
{
  for (struct heard *each = showing->heard, *next; each; each = next) {
    next = each->next;
    free(each);
  }
  /* utlist: a head's `prev` is never NULL. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
  DL_DELETE(showing->node->acquaintance->showings, showing);
  free(showing);
}

static void telling_free(struct telling *telling)
{
  /* utlist: a head's `prev` is never NULL. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
  DL_DELETE(telling->node->acquaintance->tellings, telling);
  free(telling);
}

void acquaintance_free(struct acquaintance *acquaintance)
{
  while (acquaintance->tellings) telling_free(acquaintance->tellings);
  while (acquaintance->showings) showing_free(acquaintance->showings);
  text_free(&acquaintance->rest);
  free(acquaintance);
}

bool acquaintance_is_shown(const struct session *session)
{
  return session->caller.node->acquaintance->says[session->caller.protocol_index];
}

/* ---- the contacts are told ---------------------------------------------------------- */

static struct telling *telling_new(struct node *node, struct slice user, struct slice session)
{
  struct telling *telling = memory_zalloc(sizeof *telling + user.len + session.len);
  char *next = telling->memory;
  telling->node = node;
  telling->user = slice_put(&next, user);
  telling->session = slice_put(&next, session);
  DL_APPEND(node->acquaintance->tellings, telling);
  return telling;
}

static void ask_news(struct telling *telling, enum contacts_told told);

static void finish(struct telling *telling)
{
  acquaintance_fn *done = telling->done;
  void *arg = telling->arg;
  telling_free(telling);
  if (done) done(arg);
}

static void on_again(struct node *node, struct node_timer *timer)
{
  (void)node;
  ask_news((struct telling *)timer, TOLD_NOTHING);
}

/* What is so by then is told, whatever of it was told before. */
static void fail(struct telling *telling, enum err err)
{
  if (err != ERR_UNAVAILABLE || telling->node->ending) {
    finish(telling);
    return;
  }
  telling->timer.call = on_again;
  node_timer_set(telling->node, &telling->timer, AGAIN_MS);
}

static void on_told(void *arg, enum err err)
{
  struct telling *telling = arg;
  if (err != ERR_OK)
    fail(telling, err);
  else
    ask_news(telling, telling->told);
}

static void tell(struct telling *telling, enum contacts_told what, const struct party *user,
                 const struct slice *contacts, size_t count)
{
  struct text *rest = &telling->node->acquaintance->rest;
  struct envelope event = {.kind =
                               what == TOLD_ONLINE ? KIND_PRESENCE_ONLINE : KIND_PRESENCE_OFFLINE,
                           .ts_ms = node_wall_ms(),
                           .from = *user};
  telling->told = what;
  text_reset(rest);
  envelope_write_rest(rest, &event);
  contacts_tell(telling->node->backend, contacts, count, text_slice(rest), on_told, telling);
}

static void on_news(void *arg, const struct contacts_news *news)
{
  struct telling *telling = arg;
  if (news->err != ERR_OK) {
    fail(telling, news->err);
  } else if (news->tell == TOLD_NOTHING) {
    finish(telling);
  } else {
    struct slice name = news->name.len ? news->name : telling->user;
    struct party user = {PARTY_USER, news->num, telling->user, news->uuid, name};
    tell(telling, news->tell, &user, news->contacts, news->count);
  }
}

static void ask_news(struct telling *telling, enum contacts_told told)
{
  contacts_news(telling->node->backend, telling->user, telling->session, told, on_news, telling);
}

void acquaintance_gone(struct node *node, struct slice user, struct slice session,
                       acquaintance_fn *done, void *arg)
{
  struct telling *telling = telling_new(node, user, session);
  telling->done = done;
  telling->arg = arg;
  if (node->ending)
    finish(telling);
  else
    ask_news(telling, TOLD_NOTHING);
}

/* ---- a session is shown its contacts ------------------------------------------------ */

/* Of this one the session has heard in between. */
static bool has_heard(const struct showing *showing, struct slice contact)
{
  for (const struct heard *each = showing->heard; each; each = each->next)
    if (slice_equal((struct slice){each->id, each->len}, contact)) return true;
  return false;
}

static void on_contact(void *arg, const struct contact *contact)
{
  const struct showing *showing = arg;
  struct session *session = session_find(showing->node, showing->session);
  if (!session || session->state == SESSION_CLOSING || session->showing != showing) return;
  if (!(contact->online || showing->again) || has_heard(showing, contact->id)) return;
  struct envelope event = {
      .kind = contact->online ? KIND_PRESENCE_ONLINE : KIND_PRESENCE_OFFLINE,
      .ts_ms = node_wall_ms(),
      .from = {PARTY_USER, contact->num, contact->id, contact->uuid, contact->name}};
  struct delivery delivery = deliver_begin(session->caller.node, &event, session->caller.user.id);
  deliver_to(&delivery, session);
  deliver_end(&delivery);
}

static void on_shown(void *arg, enum err err)
{
  (void)err; /* where Redis went away the session joins again */
  struct showing *showing = arg;
  struct session *session = session_find(showing->node, showing->session);
  if (session && session->showing == showing) session->showing = NULL;
  showing_free(showing);
}

static void show(struct session *session, const struct presence_joined *joined, bool again)
{
  struct showing *showing = memory_zalloc(sizeof *showing);
  showing->node = session->caller.node;
  showing->session = session->caller.handle;
  showing->again = again;
  session->showing = showing; /* an earlier one shows no more */
  DL_APPEND(session->caller.node->acquaintance->showings, showing);
  contacts_look(session->caller.node->backend, joined->contacts, joined->contact_count, on_contact,
                on_shown, showing);
}

void acquaintance_heard(struct topic *topic, const struct envelope *event)
{
  for (struct subscription *each = topic->first; each; each = each->next) {
    struct showing *showing = each->session->showing;
    if (!showing || has_heard(showing, event->from.id)) continue;
    struct heard *heard = memory_alloc(sizeof *heard + event->from.id.len);
    heard->len = event->from.id.len;
    memcpy(heard->id, event->from.id.data, heard->len);
    heard->next = showing->heard;
    showing->heard = heard;
  }
}

void acquaintance_joined(struct session *session, const struct presence_joined *joined, bool again)
{
  if (!joined->contact_count) return;
  if (joined->tell_contacts) {
    /* It names no session: while this one's grace period runs there is nothing to tell. */
    struct telling *telling = telling_new(session->caller.node, session->caller.user.id, SLICE(""));
    tell(telling, TOLD_ONLINE, &session->caller.user, joined->contacts, joined->contact_count);
  }
  if (acquaintance_is_shown(session)) show(session, joined, again);
}
