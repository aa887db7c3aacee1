/* Contacts: arguments of scripts/contacts_*.lua, and calls for many users at a time. */
#include "contacts.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/memory.h"
#include "group.h"
#include "page.h"
#include "store.h"

enum { CONTACTS_MAX = 1000 };

/* ---- who they are ------------------------------------------------------------------- */

static void add(struct backend *backend, struct slice user, struct slice other, struct group *group)
{
  store_begin(backend->store, SCRIPT_contacts_add, 1, 2);
  store_key(backend->store, OWNER_USER, user, ":contacts");
  store_arg(backend->store, other);
  store_number(backend->store, CONTACTS_MAX);
  store_promise(backend->store);
  store_send(backend->store, group_on_reply, group);
}

void contacts_add(struct backend *backend, struct slice a, struct slice b, err_fn *done, void *arg)
{
  if (slice_equal(a, b)) {
    store_soon(backend->store, ERR_OK, group_on_reply, group_new(1, done, arg));
    return;
  }
  struct group *group = group_new(2, done, arg);
  add(backend, a, b, group);
  add(backend, b, a, group);
}

void contacts_list(struct backend *backend, struct slice user, ids_fn *done, void *arg)
{
  store_begin_command(backend->store, "SMEMBERS", 1);
  store_key(backend->store, OWNER_USER, user, ":contacts");
  ids_send(backend, done, arg);
}

/* ---- what they are told ------------------------------------------------------------- */

struct news_call {
  contacts_news_fn *done;
  void *arg;
};

/* Of the answer, in front of the contacts. */
enum { NEWS_TELL, NEWS_NUM, NEWS_UUID, NEWS_NAME, NEWS_HEAD };

/* ERR_OK: the contacts are the caller's to free. */
static enum err read_news(const struct redisReply *reply, struct contacts_news *news)
{
  if (reply->type != REDIS_REPLY_ARRAY) return ERR_INTERNAL;
  if (reply->elements == 0) return ERR_OK;
  if (reply->elements < NEWS_HEAD) return ERR_INTERNAL;
  if (!reply_number(reply->element[NEWS_NUM], &news->num)) return ERR_INTERNAL;
  bool online = slice_is(reply_slice(reply->element[NEWS_TELL]), "online");
  news->tell = online ? TOLD_ONLINE : TOLD_OFFLINE;
  news->uuid = reply_slice(reply->element[NEWS_UUID]);
  news->name = reply_slice(reply->element[NEWS_NAME]);
  news->count = reply->elements - NEWS_HEAD;
  struct slice *contacts = memory_alloc(news->count * sizeof *contacts);
  for (size_t i = 0; i < news->count; i++) contacts[i] = reply_slice(reply->element[NEWS_HEAD + i]);
  news->contacts = contacts;
  return ERR_OK;
}

static void on_news(void *arg, enum err err, const struct redisReply *reply)
{
  struct news_call call = *(struct news_call *)arg;
  struct contacts_news news = {.tell = TOLD_NOTHING};
  free(arg);
  news.err = err == ERR_OK ? read_news(reply, &news) : err;
  call.done(call.arg, &news);
  free((void *)news.contacts);
}

void contacts_news(struct backend *backend, struct slice user, struct slice session,
                   enum contacts_told told, contacts_news_fn *done, void *arg)
{
  static const char *const words[] = {
      [TOLD_NOTHING] = "", [TOLD_ONLINE] = "online", [TOLD_OFFLINE] = "offline"};
  struct store *store = backend->store;
  struct news_call *call = memory_alloc(sizeof *call);
  *call = (struct news_call){done, arg};
  store_begin(store, SCRIPT_contacts_news, 3, 2);
  store_key(store, OWNER_USER, user, ":profile");
  store_key(store, OWNER_USER, user, ":sessions");
  store_key(store, OWNER_USER, user, ":contacts");
  store_arg(store, session);
  store_arg(store, slice_of(words[told]));
  store_send(store, on_news, call);
}

void contacts_tell(struct backend *backend, const struct slice *contacts, size_t count,
                   struct slice rest, err_fn *done, void *arg)
{
  struct store *store = backend->store;
  struct group *group = group_new(count + 1, done, arg);
  store_soon(store, ERR_OK, group_on_reply, group); /* there may be none */
  for (size_t i = 0; i < count; i++) {
    store_begin(store, SCRIPT_user_tell, 1, 1);
    store_key(store, OWNER_USER, contacts[i], "");
    store_arg(store, rest);
    store_send(store, group_on_reply, group);
  }
}

/* ---- who of them is online ---------------------------------------------------------- */

struct look {
  struct group *group;
  contact_fn *each;
  void *arg;
  size_t len;
  char id[];
};

/* As contacts_news.lua says. */
static bool is_shown_online(const struct redisReply *shown)
{
  return shown->type == REDIS_REPLY_STRING &&
         !slice_starts_with(reply_slice(shown), SLICE("going "));
}

static void on_look(void *arg, enum err err, const struct redisReply *reply)
{
  struct look *look = arg;
  struct contact contact = {.id = {look->id, look->len}};
  if (err == ERR_OK && (reply->type != REDIS_REPLY_ARRAY || reply->elements != 4))
    err = ERR_INTERNAL;
  if (err == ERR_OK && reply_number(reply->element[0], &contact.num)) {
    contact.uuid = reply_slice(reply->element[1]);
    contact.name = reply_slice(reply->element[2]);
    if (!contact.name.len) contact.name = contact.id;
    contact.online = is_shown_online(reply->element[3]);
    look->each(look->arg, &contact);
  }
  group_answered(look->group, err);
  free(look);
}

void contacts_look(struct backend *backend, const struct slice *contacts, size_t count,
                   contact_fn *each, err_fn *done, void *arg)
{
  struct store *store = backend->store;
  struct group *group = group_new(count + 1, done, arg);
  store_soon(store, ERR_OK, group_on_reply, group); /* there may be none */
  for (size_t i = 0; i < count; i++) {
    struct look *look = memory_alloc(sizeof *look + contacts[i].len);
    *look = (struct look){group, each, arg, contacts[i].len};
    memcpy(look->id, contacts[i].data, contacts[i].len);
    store_begin_command(store, "HMGET", 5);
    store_key(store, OWNER_USER, contacts[i], ":profile");
    store_arg(store, SLICE("num"));
    store_arg(store, SLICE("uuid"));
    store_arg(store, SLICE("name"));
    store_arg(store, SLICE("shown"));
    store_send(store, on_look, look);
  }
}
