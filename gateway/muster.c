/* See muster.h. */
#include "muster.h"

#include "admission.h"
#include "base/log.h"
#include "presence.h"
#include "session.h"

void muster_add(struct node *node, struct mustered *entry, struct slice session)
{
  entry->session = session;
  HASH_ADD_KEYPTR(hh, node->muster, session.data, session.len, entry);
}

void muster_remove(struct node *node, struct mustered *entry)
{
  if (!entry->session.data) return;
  HASH_DEL(node->muster, entry);
  entry->session = (struct slice){0};
}

static bool is_on_the_way_out(const struct node *node, struct slice session)
{
  struct mustered *entry;
  HASH_FIND(hh, node->muster, session.data, session.len, entry);
  return entry;
}

static void forget(struct session *session, void *arg)
{
  (void)arg;
  session->mustered = false;
}

/* One that joins right now, or is to, stands there soon. */
static void call_back(struct session *session, void *arg)
{
  unsigned *missing = arg;
  if (session->mustered || !session->joined || session->joining) return;
  if (session->rejoins || session->state == SESSION_CLOSING) return;
  ++*missing;
  session->arrived = false; /* what else is written behind it may be missing, too */
  admission_rejoin(session);
}

void muster_part(void *arg, const struct presence_part *part)
{
  struct node *node = arg;
  if (part->first) sessions_each(node, forget, NULL);
  for (size_t i = 0; i < part->count; i++) {
    struct presence_slot *slot = &part->slots[i];
    struct session *session = session_by_id(node, slot->session);
    if (session) session->mustered = true;
    slot->ours = session || is_on_the_way_out(node, slot->session);
  }
  if (!part->last) return;
  unsigned missing = 0;
  sessions_each(node, call_back, &missing);
  if (missing) log_event(LOG_WARNING, "sessions_missing", LOG_N("sessions", missing));
}
