/* The store: the command link (shard.h), and the scripts that are run over it.
 *
 *   store_begin(store, SCRIPT_inbox_read, 2, 1);         EVALSHA, 2 keys, 1 argument
 *   store_key(store, OWNER_USER, user, ":unread");
 *   store_key(store, OWNER_USER, user, ":unread:messages");
 *   store_number(store, id);
 *   store_send(store, done, arg);
 *
 * The order of the calls stays, whatever happens on the way.
 *
 * Private to backend/. */
#ifndef PARLEY_BACKEND_STORE_H
#define PARLEY_BACKEND_STORE_H

#include "backend.h"
#include "keys.h"
#include "link.h"

struct redisReply;
struct topology;

/* One row for each scripts/<name>.lua. */
#define STORE_SCRIPTS(X) \
  X(account_delete)      \
  X(account_edit)        \
  X(account_get)         \
  X(account_make)        \
  X(attendance_begin)    \
  X(attendance_end)      \
  X(contacts_add)        \
  X(contacts_news)       \
  X(counter_next)        \
  X(credential_issue)    \
  X(credential_revoke)   \
  X(cursor_set)          \
  X(dialog_append)       \
  X(epoch_learn)         \
  X(inbox_confirm)       \
  X(inbox_push)          \
  X(inbox_read)          \
  X(list_page)           \
  X(message_delete)      \
  X(message_edit)        \
  X(message_get)         \
  X(message_react)       \
  X(messages_latest)     \
  X(node_beat)           \
  X(node_dead)           \
  X(node_end)            \
  X(node_release)        \
  X(node_take)           \
  X(presence_join)       \
  X(presence_leave)      \
  X(read_cursor_set)     \
  X(receipt_set)         \
  X(record_make)         \
  X(room_delete)         \
  X(room_edit)           \
  X(room_get)            \
  X(room_gone)           \
  X(room_make)           \
  X(room_people)         \
  X(room_role)           \
  X(room_send)           \
  X(room_standing)       \
  X(unread_count)        \
  X(user_place)          \
  X(user_room)           \
  X(user_tell)

enum script {
#define X(name) SCRIPT_##name,
  STORE_SCRIPTS(X)
#undef X
      SCRIPT_COUNT
};

struct store_options {
  struct event_base *base;
  struct topology *topology; /* outlives the store */
  const char *prefix, *node; /* outlive the store */
  unsigned timeout_ms;
  unsigned wait; /* so many replicas must have what somebody is promised (shard.h); 0: none */
  void (*up)(void *arg);
  void (*down)(void *arg);
  void *arg;
};

/* ERR_OK with a reply that is no error; ERR_UNAVAILABLE without one, or with an error
 * that passes (LOADING, OOM, READONLY, ...); ERR_INTERNAL with any other error. */
typedef void store_fn(void *arg, enum err err, const struct redisReply *reply);

struct store *store_new(const struct store_options *options);
void store_free(struct store *store);
bool store_is_up(const struct store *store);    /* there is a link that is up */
bool store_is_whole(const struct store *store); /* all are, and every slot has one */
bool store_is_cluster(const struct store *store);

struct link_counts store_link_counts(const struct store *store);
void store_restart(struct store *store, const char *reason);

/* Write one call, as above; exactly the announced keys, then the arguments. In a Redis Cluster
 * it goes where its first key is: all keys, and the channel that a script publishes on, have
 * one tag, and a command's first argument is its key. */
void store_begin(struct store *store, enum script script, unsigned keys, unsigned arguments);
void store_begin_command(struct store *store, const char *name, unsigned arguments);
void store_begin_publish(struct store *store, struct slice channel, struct slice payload);
void store_key(struct store *store, enum owner_kind kind, struct slice id, const char *suffix);
void store_key_with(struct store *store, enum owner_kind kind, struct slice id, const char *suffix,
                    struct slice end);                    /* `end` behind the suffix */
void store_name(struct store *store, const char *suffix); /* <prefix><suffix>, without a tag */
void store_arg(struct store *store, struct slice argument);
void store_number(struct store *store, uint64_t number);

/* The argument that is filled in when the call is sent: the epoch (epoch.h) of the link that it
 * goes over. At most one a call. */
void store_epoch(struct store *store);

/* The whole call that takes the next `count` numbers of the counter <prefix><name>, of which the
 * last is the answer, and leaves out `forgotten` ones where a master that was lost may have given
 * them out. */
void store_begin_counter(struct store *store, const char *name, unsigned count, unsigned forgotten);

/* What was written is part of something that is promised, and another master's than that which is
 * sent behind it: in a Redis Cluster replicas must have it, too, before it is answered. Elsewhere
 * they have it with what comes behind. */
void store_promise(struct store *store);

/* What is sent next is carried out behind what was sent last, and answered behind it, also in
 * a Redis Cluster, where the two may be different masters' (there it waits for that answer; on
 * one link it is so anyway). */
void store_behind(struct store *store);

/* Sends it; `done` may be NULL. */
void store_send(struct store *store, store_fn *done, void *arg);

/* Answers ERR_UNAVAILABLE in the next turn of the loop, and sends nothing. */
void store_refuse(struct store *store, store_fn *done, void *arg);

/* Answers `err` and no reply in the next turn of the loop, for what is known already;
 * ERR_UNAVAILABLE where the store goes first. */
void store_soon(struct store *store, enum err err, store_fn *done, void *arg);

/* A call that is kept, to be sent again with another last argument. */
struct call;

struct call *store_take(struct store *store);                  /* what was written, not sent yet */
void call_send(struct call *call, store_fn *done, void *arg);  /* not before it was answered */
struct slice call_key(const struct call *call);                /* its first key */
struct call *call_with_last(struct call *call, uint64_t last); /* `call` is gone */
void call_free(struct call *call);

#endif
