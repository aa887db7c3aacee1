/* Rooms that are made, changed, listed and ended, against a real Redis: scripts/room_make.lua,
 * room_get.lua, room_edit.lua, room_delete.lua, the lists parley:rooms and parley:rooms:public. */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "messages.h"
#include "rooms.h"

#define REST(text) "\"kind\":\"message.sent\",\"body\":{\"text\":\"" text "\"}}"
#define ENTERED    "\"kind\":\"room.entered\"}"
#define DELETED    "\"kind\":\"room.deleted\"}"

/* Everything that was published before has come by now. */
static void settle(void)
{
  node_hear(&node, "parley:room:{settled}");
  bus_unsubscribe(node.backend, SLICE("parley:room:{settled}"));
}

/* ---- calls, waited for -------------------------------------------------------------- */

static void write_room(struct outcome *outcome, const struct room *room)
{
  size_t at = strlen(outcome->lines);
  snprintf(outcome->lines + at, sizeof outcome->lines - at,
           "%.*s %llu '%.*s' '%.*s' by %.*s of %.*s at %llu, %llu in%s%s%s\n", SLICE_ARG(room->id),
           (unsigned long long)room->num, SLICE_ARG(room->name), SLICE_ARG(room->description),
           SLICE_ARG(room->creator), SLICE_ARG(room->owner), (unsigned long long)room->created_ms,
           (unsigned long long)room->member_count, room->open ? ", open" : "",
           room->is_public ? ", public" : "", room->logged ? ", logged" : "");
}

static void on_room(void *arg, enum err err, const struct room *room)
{
  struct outcome *outcome = arg;
  on_err(outcome, err);
  assert_true((err == ERR_OK) == (room != NULL));
  if (!room) return;
  outcome->num = room->num;
  snprintf(outcome->uuid, sizeof outcome->uuid, "%.*s", SLICE_ARG(room->uuid));
  write_room(outcome, room);
}

static struct room_new room_of(const char *id, const char *owner)
{
  return (struct room_new){.id = slice_of(id),
                           .owner = slice_of(owner),
                           .open = true,
                           .logged = true,
                           .now_ms = 1700000000000};
}

static struct outcome make_as(struct node *by, const struct room_new *new)
{
  struct outcome outcome = {0};
  room_make(by->backend, new, on_room, &outcome);
  assert_false(outcome.done);
  WAIT(base, outcome.done);
  assert_int_equal(outcome.times, 1);
  return outcome;
}

static struct outcome make(const char *id, const char *owner)
{
  struct room_new new = room_of(id, owner);
  return make_as(&node, &new);
}

static struct outcome make_public(const char *id, const char *owner)
{
  struct room_new new = room_of(id, owner);
  new.is_public = true;
  return make_as(&node, &new);
}

static struct outcome get(const char *room)
{
  OUTCOME(room_get(node.backend, slice_of(room), on_room, &outcome));
}

static void on_rooms(void *arg, enum err err, const struct room *rooms, size_t count, uint64_t next)
{
  struct outcome *outcome = arg;
  size_t at = 0;
  on_err(outcome, err);
  outcome->count = count;
  outcome->num = next;
  for (size_t i = 0; i < count; i++) {
    if (i == 0) write_room(outcome, &rooms[i]);
    at += (size_t)snprintf(outcome->rooms + at, sizeof outcome->rooms - at, "%.*s ",
                           SLICE_ARG(rooms[i].id));
    if (at >= sizeof outcome->rooms) at = sizeof outcome->rooms - 1;
  }
}

static struct outcome list(const char *user, uint64_t after, unsigned count)
{
  OUTCOME(room_list(node.backend, slice_of(user), after, count, on_rooms, &outcome));
}

static void on_ids(void *arg, enum err err, const struct slice *ids, size_t count)
{
  struct outcome *outcome = arg;
  on_err(outcome, err);
  outcome->count = count;
  if (count) snprintf(outcome->name, sizeof outcome->name, "%.*s", SLICE_ARG(ids[0]));
}

static struct outcome public_ids(void)
{
  OUTCOME(rooms_public(node.backend, on_ids, &outcome));
}

static struct outcome ids_of(const char *user)
{
  OUTCOME(rooms_of_user(node.backend, slice_of(user), on_ids, &outcome));
}

static struct outcome edit(const struct room_edit *change)
{
  OUTCOME(room_edit(node.backend, change, on_err, &outcome));
}

/* What Redis was told of a room that changes, in order: "list" and "record". */
static void follow_edit(redisContext *monitor, const struct room_edit *change, char *order)
{
  assert_int_equal(edit(change).err, ERR_OK);
  redis_ask(&redis, "ECHO over");
  *order = '\0';
  for (bool over = false; !over;) {
    redisReply *line;
    assert_int_equal(redisGetReply(monitor, (void **)&line), REDIS_OK);
    if (strstr(line->str, "\"SREM\" \"parley:rooms:public\"")) strcat(order, "list ");
    if (strstr(line->str, "lua] \"HSET\" \"parley:room:{den}:record\"")) strcat(order, "record ");
    over = strstr(line->str, "\"ECHO\"");
    freeReplyObject(line);
  }
}

/* A node that dies at whichever point leaves nobody hearing what they may not. */
static void test_a_room_leaves_the_public_list_before_it_is_public_no_more(void **state)
{
  (void)state;
  char order[64];
  make("den", "boss");
  struct room_edit show = {.room = SLICE("den"), .by = SLICE("boss"), .is_public = {true, true}};
  struct room_edit hide = {.room = SLICE("den"), .by = SLICE("boss"), .is_public = {true, false}};
  struct room_edit wrong = {
      .room = SLICE("den"), .by = SLICE("nobody"), .is_public = {true, false}};
  assert_int_equal(edit(&show).err, ERR_OK);
  assert_int_not_equal(edit(&wrong).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "SISMEMBER parley:rooms:public den"), "1");
  redisContext *monitor = redisConnectUnix(redis.socket);
  freeReplyObject(redisCommand(monitor, "MONITOR"));
  follow_edit(monitor, &hide, order);
  redisFree(monitor);
  assert_string_equal(order, "list record list ");
  assert_string_equal(redis_ask(&redis, "SISMEMBER parley:rooms:public den"), "0");
  assert_string_equal(redis_ask(&redis, "HGET parley:room:{den}:record public"), "0");
}

static struct outcome delete_room(const char *room, const char *by, bool force)
{
  OUTCOME(room_delete(node.backend, slice_of(room), slice_of(by), force, SLICE(DELETED), on_err,
                      &outcome));
}

static const char *listed(void)
{
  return redis_ask(&redis, "ZRANGE parley:rooms 0 -1 WITHSCORES");
}

static const char *public_ones(void)
{
  return redis_ask(&redis, "SORT parley:rooms:public ALPHA");
}

/* Without those that tell a repeated send: they expire, and hold no text. */
static size_t count_keys(const char *pattern)
{
  redisReply *keys = redisCommand(redis.plain, "KEYS %s", pattern);
  size_t count = 0;
  for (size_t i = 0; i < keys->elements; i++)
    count += strstr(keys->element[i]->str, ":sent:") == NULL;
  freeReplyObject(keys);
  return count;
}

/* ---- making ------------------------------------------------------------------------- */

static void test_a_room_is_made(void **state)
{
  (void)state;
  struct room_new new = room_of("den", "boss");
  new.name = SLICE("The Den");
  new.description = SLICE("Where we are");
  new.is_public = true;
  struct outcome made = make_as(&node, &new);
  assert_int_equal(made.err, ERR_OK);
  assert_string_equal(made.lines,
                      "den 2 'The Den' 'Where we are' by boss of boss at 1700000000000, "
                      "1 in, open, public, logged\n");
  assert_string_equal(made.uuid, resolve(&node, OWNER_ROOM, "den", false).uuid);
  assert_string_equal(get("den").lines, made.lines);
  assert_string_equal(redis_ask(&redis, "GET parley:number:{c2}"), "room:den");
  assert_string_equal(redis_ask(&redis, "GET parley:uuid:{%s}", made.uuid), "room:den");
  assert_string_equal(listed(), "lobby 1 den 2");
  assert_string_equal(public_ones(), "den lobby");
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:room:{den}:members"), "boss");
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{boss}:rooms"), "den");
  const char *seq = redis_ask(&redis, "HGET parley:room:{den}:record seq");
  assert_string_equal(redis_ask(&redis, "HGET parley:room:{den}:cursors boss"), seq);
  assert_int_equal(say(&node, "den", "boss", "", REST("x")).seq, strtoull(seq, NULL, 10) + 1);
  assert_string_equal(resolve(&node, OWNER_ROOM, "den", false).name, "The Den");
}

static void test_a_room_of_nobody_and_of_little(void **state)
{
  (void)state;
  struct room_new new = {.id = SLICE("den"), .now_ms = 5};
  assert_string_equal(make_as(&node, &new).lines, "den 2 'den' '' by  of  at 5, 0 in\n");
  assert_string_equal(redis_ask(&redis, "KEYS parley:user:*:[rb]*"), "");
  assert_string_equal(public_ones(), "lobby");
  assert_int_equal(delete_room("den", "", false).err, ERR_FORBIDDEN);
  assert_string_equal(get("lobby").lines,
                      "lobby 1 'lobby' '' by  of  at 0, 0 in, open, public, logged\n");
  assert_int_equal(get("nowhere").err, ERR_NOT_FOUND);
}

static void test_a_room_is_made_once(void **state)
{
  (void)state;
  assert_int_equal(make("den", "boss").err, ERR_OK);
  assert_int_equal(make_public("den", "mallory").err, ERR_CONFLICT);
  assert_int_equal(make("den", "boss").err, ERR_CONFLICT);
  assert_int_equal(make("lobby", "boss").err, ERR_CONFLICT);
  assert_string_equal(get("den").lines,
                      "den 2 'den' '' by boss of boss at 1700000000000, 1 in, open, logged\n");
  assert_string_equal(public_ones(), "lobby");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{mallory}:rooms"), "0");
  assert_string_equal(redis_ask(&redis, "GET parley:numbers:conversations"), "2");
}

static void test_a_uuid_that_is_anothers(void **state)
{
  (void)state;
  const char *id = "0d9f6e4c-3a51-4b36-8a3f-1f2e3d4c5b6a";
  assert_int_equal(resolve(&node, OWNER_USER, id, true).err, ERR_OK);
  assert_int_equal(make(id, "boss").err, ERR_CONFLICT);
  assert_int_equal(get(id).err, ERR_NOT_FOUND);
  assert_string_equal(listed(), "lobby 1");
}

static void test_texts_that_do_not_fit(void **state)
{
  (void)state;
  char name[ROOM_NAME_BYTES + 2], description[ROOM_DESCRIPTION_BYTES + 2];
  memset(name, 'n', sizeof name);
  memset(description, 'd', sizeof description);
  const struct slice names[] = {{name, ROOM_NAME_BYTES + 1}, SLICE("a\nb"), SLICE("\xc2\x85")};
  const struct slice descriptions[] = {{description, ROOM_DESCRIPTION_BYTES + 1}, SLICE("\t")};
  struct room_new new = room_of("den", "boss");
  make("vault", "boss");
  struct room_edit change = {.room = SLICE("vault"), .by = SLICE("boss")};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    new.name = change.name = names[i];
    assert_int_equal(make_as(&node, &new).err, ERR_MALFORMED);
    assert_int_equal(edit(&change).err, ERR_MALFORMED);
  }
  new.name = change.name = (struct slice){name, ROOM_NAME_BYTES};
  for (size_t i = 0; i < sizeof descriptions / sizeof descriptions[0]; i++) {
    new.description = change.description = descriptions[i];
    assert_int_equal(make_as(&node, &new).err, ERR_MALFORMED);
    assert_int_equal(edit(&change).err, ERR_MALFORMED);
  }
  assert_int_equal(get("den").err, ERR_NOT_FOUND);
  new.description = change.description = (struct slice){description, ROOM_DESCRIPTION_BYTES};
  assert_int_equal(make_as(&node, &new).err, ERR_OK);
  assert_int_equal(edit(&change).err, ERR_OK);
}

static void test_two_nodes_make_the_same_room(void **state)
{
  (void)state;
  struct node other;
  node_start(&other, base, &redis, "gw-2");
  for (int round = 0; round < 10; round++) {
    char id[16];
    struct outcome one = {0}, two = {0};
    snprintf(id, sizeof id, "den%d", round);
    struct room_new first = room_of(id, "alice"), second = room_of(id, "bob");
    second.is_public = true;
    room_make(node.backend, &first, on_room, &one);
    room_make(other.backend, &second, on_room, &two);
    WAIT(base, one.done && two.done);
    assert_true((one.err == ERR_OK) != (two.err == ERR_OK));
    assert_int_equal(one.err == ERR_OK ? two.err : one.err, ERR_CONFLICT);
    struct outcome is = get(id);
    const char *num = redis_ask(&redis, "ZSCORE parley:rooms %s", id);
    assert_int_equal(strtoull(num, NULL, 10), is.num);
    assert_int_equal(redis_ask(&redis, "SISMEMBER parley:rooms:public %s", id)[0],
                     one.err == ERR_OK ? '0' : '1');
    assert_int_equal(redis_ask(&redis, "SISMEMBER parley:user:{alice}:rooms %s", id)[0],
                     one.err == ERR_OK ? '1' : '0');
    assert_int_equal(redis_ask(&redis, "SISMEMBER parley:user:{bob}:rooms %s", id)[0],
                     one.err == ERR_OK ? '0' : '1');
    assert_string_equal(redis_ask(&redis, "GET parley:number:{c%s}", num) + 5, id);
  }
  assert_int_equal(count_keys("parley:number:{c*}"), 11); /* and none that nobody got */
  node_end(&other);
}

/* A crash behind the record: who makes it again is told that there is one, and puts it right. */
static void test_made_again_it_is_put_on_the_lists(void **state)
{
  (void)state;
  make_public("den", "boss");
  make("vault", "boss");
  redis_ask(&redis, "DEL parley:rooms");
  redis_ask(&redis, "SREM parley:rooms:public den");
  redis_ask(&redis, "SADD parley:rooms:public vault");
  assert_int_equal(make("den", "bob").err, ERR_CONFLICT);
  assert_int_equal(make("vault", "bob").err, ERR_CONFLICT);
  assert_string_equal(listed(), "den 2 vault 3");
  assert_string_equal(public_ones(), "den lobby");
  enter(&node, "den", "boss", ENTERED);
  assert_string_equal(redis_ask(&redis, "SORT parley:user:{boss}:rooms ALPHA"), "den vault");
}

/* A crash in front of the record: it is on the list of all, and nobody finds it. */
static void test_a_room_that_is_listed_alone_is_none(void **state)
{
  (void)state;
  redis_ask(&redis, "ZADD parley:rooms 2 den");
  redis_ask(&redis, "SET parley:numbers:conversations 2");
  assert_string_equal(list("", 0, 10).rooms, "lobby ");
  assert_int_equal(make("den", "boss").err, ERR_OK);
  assert_string_equal(listed(), "lobby 1 den 3");
  assert_string_equal(list("", 0, 10).rooms, "lobby den ");
}

/* ---- the lobby ---------------------------------------------------------------------- */

/* As a deployment has it that is older than the lists. */
static void test_an_old_lobby_is_listed(void **state)
{
  (void)state;
  redis_ask(&redis, "DEL parley:rooms parley:rooms:public");
  struct node other;
  node_start(&other, base, &redis, "gw-2");
  assert_string_equal(listed(), "lobby 1");
  assert_string_equal(public_ones(), "lobby");
  node_end(&other);
}

static void test_the_lobby_stays_what_it_is(void **state)
{
  (void)state;
  struct room_edit change = {.room = SLICE("lobby"), .force = true, .name = SLICE("Hall")};
  assert_int_equal(edit(&change).err, ERR_OK);
  change.open.set = true;
  assert_int_equal(edit(&change).err, ERR_FORBIDDEN);
  change.open.value = true;
  change.is_public.set = true;
  assert_int_equal(edit(&change).err, ERR_FORBIDDEN);
  change.is_public.value = true;
  change.logged.set = true;
  assert_int_equal(edit(&change).err, ERR_FORBIDDEN);
  change.logged.value = true;
  assert_int_equal(edit(&change).err, ERR_OK);
  assert_string_equal(get("lobby").lines,
                      "lobby 1 'Hall' '' by  of  at 0, 0 in, open, public, logged\n");
  assert_int_equal(delete_room("lobby", "", true).err, ERR_FORBIDDEN);
  assert_int_equal(delete_room("lobby", "alice", false).err, ERR_FORBIDDEN);
  assert_int_equal(get("lobby").err, ERR_OK);
}

/* ---- changing ----------------------------------------------------------------------- */

static void test_what_is_given_is_changed(void **state)
{
  (void)state;
  make("den", "boss");
  resolve(&node, OWNER_ROOM, "den", false);
  struct room_edit nothing = {.room = SLICE("den"), .by = SLICE("boss")};
  assert_int_equal(edit(&nothing).err, ERR_OK);
  struct room_edit change = nothing;
  change.name = SLICE("Den");
  assert_int_equal(edit(&change).err, ERR_OK);
  assert_null(directory_find(node.backend, OWNER_ROOM, SLICE("den")));
  assert_string_equal(resolve(&node, OWNER_ROOM, "den", false).name, "Den");
  change = nothing;
  change.description = SLICE("dark");
  change.open.set = true;
  change.is_public.set = change.is_public.value = true;
  change.logged.set = true;
  assert_int_equal(edit(&change).err, ERR_OK);
  assert_string_equal(get("den").lines,
                      "den 2 'Den' 'dark' by boss of boss at 1700000000000, 1 in, public\n");
  assert_string_equal(public_ones(), "den lobby");
  assert_int_equal(say(&node, "den", "boss", "", REST("x")).seq, 0);
  change = nothing;
  change.name = change.description = SLICE("");
  change.is_public.set = true;
  assert_int_equal(edit(&change).err, ERR_OK);
  assert_string_equal(get("den").lines, "den 2 'den' '' by boss of boss at 1700000000000, 1 in\n");
  assert_string_equal(public_ones(), "lobby");
}

/* A crash between the record and the lists. */
static void test_changed_again_it_is_put_on_the_lists(void **state)
{
  (void)state;
  make_public("den", "boss");
  redis_ask(&redis, "DEL parley:rooms parley:rooms:public");
  struct room_edit change = {.room = SLICE("den"), .by = SLICE("boss")};
  assert_int_equal(edit(&change).err, ERR_OK);
  assert_string_equal(listed(), "den 2");
  assert_string_equal(public_ones(), "den");
}

/* ---- lists -------------------------------------------------------------------------- */

static void test_all_rooms_by_parts(void **state)
{
  (void)state;
  make("ant", "boss");
  make("bee", "boss");
  make_public("cat", "boss");
  struct outcome all = list("", 0, 100);
  assert_int_equal(all.err, ERR_OK);
  assert_string_equal(all.rooms, "lobby ant bee cat ");
  assert_int_equal(all.num, 0);
  struct outcome first = list("", 0, 2);
  assert_string_equal(first.rooms, "lobby ant ");
  assert_int_equal(first.num, 2);
  assert_memory_equal(first.lines, "lobby 1 'lobby'", 15);
  struct outcome rest = list("", first.num, 2);
  assert_string_equal(rest.rooms, "bee cat ");
  assert_int_equal(rest.num, 0);
  assert_string_equal(list("", 3, 2).rooms, "cat ");
  assert_int_equal(list("", 4, 2).count, 0);
  assert_int_equal(list("", 4, 2).num, 0);
  assert_int_equal(list("", 0, 0).count, 0);
  assert_int_equal(list("", 0, 0).num, 0);
}

static void test_rooms_that_a_user_may_know_of(void **state)
{
  (void)state;
  make("ant", "alice");
  make("bee", "boss");
  make_public("cat", "boss");
  make("dog", "boss");
  enter(&node, "dog", "alice", ENTERED);
  assert_string_equal(list("alice", 0, 100).rooms, "lobby ant cat dog ");
  assert_string_equal(list("nobody", 0, 100).rooms, "lobby cat ");
  struct outcome part = list("alice", 0, 2);
  assert_string_equal(part.rooms, "lobby ant ");
  assert_int_equal(part.num, 2);
  part = list("alice", part.num, 1);
  assert_string_equal(part.rooms, "cat ");
  assert_int_equal(part.num, 4);
  part = list("alice", part.num, 1);
  assert_string_equal(part.rooms, "dog ");
  assert_int_equal(part.num, 0);
  /* What stands in a list and not in a record says nothing. */
  redis_ask(&redis, "SADD parley:rooms:public bee");
  redis_ask(&redis, "SADD parley:user:{nobody}:rooms ant gone");
  assert_string_equal(list("nobody", 0, 100).rooms, "lobby cat ");
}

/* Many rooms that are not for this user: parts may be small, and end all the same. */
static void test_few_among_many(void **state)
{
  (void)state;
  redis_ask(&redis, "EVAL %s 0",
            "for i = 2, 9001 do redis.call('ZADD', 'parley:rooms', i, 'r' .. i) end "
            "for _, i in ipairs({100, 5000, 9001}) do "
            "redis.call('HSET', 'parley:room:{r' .. i .. '}:record', 'num', i, 'public', '1') "
            "redis.call('SADD', 'parley:rooms:public', 'r' .. i) end");
  size_t found = 0, parts = 0;
  struct text names = {0};
  for (uint64_t after = 0;;) {
    struct outcome part = list("alice", after, 50);
    assert_int_equal(part.err, ERR_OK);
    found += part.count;
    parts++;
    text_append(&names, slice_of(part.rooms));
    if (!part.num) break;
    assert_true(part.num > after);
    after = part.num;
  }
  text_append_char(&names, '\0');
  assert_string_equal(names.data, "lobby r100 r5000 r9001 ");
  assert_int_equal(found, 4);
  assert_in_range(parts, 2, 10);
  assert_int_equal(list("", 0, UINT32_MAX).count, 4 - 2); /* of the first 4,000 */
  text_free(&names);
}

static void test_ids_alone(void **state)
{
  (void)state;
  assert_string_equal(public_ids().name, "lobby");
  assert_int_equal(public_ids().count, 1);
  assert_int_equal(ids_of("alice").count, 0);
  make_public("den", "alice");
  assert_int_equal(public_ids().count, 2);
  assert_int_equal(ids_of("alice").count, 1);
  assert_string_equal(ids_of("alice").name, "den");
}

/* ---- deleting ----------------------------------------------------------------------- */

static size_t keys_of_room(const char *room)
{
  char pattern[64];
  snprintf(pattern, sizeof pattern, "parley:room:{%s}:*", room);
  return count_keys(pattern);
}

static void on_counts(void *arg, enum err err, struct slice counts)
{
  (void)counts;
  on_err(arg, err);
}

static void fill_room(const char *room)
{
  struct owner owner = {OWNER_ROOM, slice_of(room)};
  struct outcome reacted = {0}, cursor = {0};
  enter(&node, room, "alice", ENTERED);
  uint64_t id = say(&node, room, "alice", "aaaa", REST("secret")).id;
  struct reaction_change reaction = {owner, id, SLICE("alice"), SLICE("+1"), true, {0}, {0}};
  message_react(node.backend, &reaction, on_counts, &reacted);
  read_cursor_set(node.backend, owner, SLICE("alice"), 1, on_err, &cursor);
  WAIT(base, reacted.done && cursor.done);
  redis_ask(&redis, "SADD parley:room:{%s}:admins alice", room);
  redis_ask(&redis, "SADD parley:room:{%s}:bans mallory", room);
  redis_ask(&redis, "SADD parley:user:{mallory}:bans %s other", room);
  redis_ask(&redis, "SADD parley:room:{%s}:invites ivan", room);
}

static void test_a_deleted_room_leaves_nothing(void **state)
{
  (void)state;
  struct outcome made = make_public("den", "boss");
  fill_room("den");
  resolve(&node, OWNER_ROOM, "den", false);
  node_hear(&node, "parley:room:{den}");
  node_hear(&node, "parley:user:{alice}");
  assert_int_equal(delete_room("den", "boss", false).err, ERR_OK);
  assert_int_equal(keys_of_room("den"), 0);
  assert_string_equal(listed(), "lobby 1");
  assert_string_equal(public_ones(), "lobby");
  assert_string_equal(
      redis_ask(&redis, "EXISTS parley:user:{alice}:rooms parley:user:{boss}:rooms"), "0");
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{mallory}:bans"), "other");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:number:{c2}"), "0");
  assert_null(directory_find(node.backend, OWNER_ROOM, SLICE("den")));
  settle();
  assert_int_equal(node.messages.count, 1);
  assert_string_equal(told_at(&node.messages, 0),
                      "parley:room:{den} {\"v\":1,\"id\":0,\"seq\":0," DELETED);
  assert_int_equal(delete_room("den", "boss", false).err, ERR_NOT_FOUND);
  assert_int_equal(enter(&node, "den", "alice", ENTERED).err, ERR_NOT_FOUND);
  assert_int_equal(say(&node, "den", "alice", "", REST("x")).err, ERR_NOT_FOUND);
  struct outcome anew = make("den", "bob");
  assert_int_equal(anew.err, ERR_OK);
  assert_int_equal(anew.num, 3);
  assert_string_equal(anew.uuid, made.uuid);
  assert_int_equal(log_page(&node, "den", 0, 10, 65536).count, 0);
}

static void test_the_creator_deletes(void **state)
{
  (void)state;
  make("den", "maker");
  enter(&node, "den", "boss", ENTERED);
  struct outcome given = {0};
  room_change_owner(node.backend, SLICE("den"), SLICE("maker"), false, SLICE("boss"), on_err,
                    &given);
  WAIT(base, given.done);
  leave_room(&node, "den", "maker", ENTERED);
  assert_int_equal(delete_room("den", "", false).err, ERR_FORBIDDEN);
  assert_int_equal(delete_room("den", "maker", false).err, ERR_OK);
  assert_int_equal(get("den").err, ERR_NOT_FOUND);
}

static void test_an_admin_deletes(void **state)
{
  (void)state;
  make("den", "boss");
  enter(&node, "den", "alice", ENTERED);
  assert_int_equal(delete_room("den", "alice", false).err, ERR_FORBIDDEN);
  redis_ask(&redis, "SADD parley:room:{den}:admins alice");
  assert_int_equal(delete_room("den", "alice", false).err, ERR_OK);
  assert_int_equal(keys_of_room("den"), 0);
}

/* More than go in one part, though the first takes the admins with it. */
static void test_many_members(void **state)
{
  (void)state;
  make("den", "boss");
  redis_ask(&redis, "SADD parley:room:{den}:admins u1");
  redis_ask(&redis, "EVAL %s 0",
            "for i = 1, 1200 do "
            "redis.call('SADD', 'parley:room:{den}:members', 'u' .. i) "
            "redis.call('SADD', 'parley:user:{u' .. i .. '}:rooms', 'den') "
            "redis.call('SADD', 'parley:room:{den}:bans', 'b' .. i) "
            "redis.call('SADD', 'parley:user:{b' .. i .. '}:bans', 'den') end");
  assert_int_equal(delete_room("den", "u1", false).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "KEYS parley:user:*:[rb]*"), "");
  assert_int_equal(keys_of_room("den"), 0);
}

/* As a node leaves it that died behind the first part. */
static void half_delete(void)
{
  make("den", "boss");
  enter(&node, "den", "alice", ENTERED);
  redis_ask(&redis, "HDEL parley:room:{den}:record num");
  redis_ask(&redis, "HSET parley:room:{den}:record going 2");
}

static void test_nobody_finds_what_is_being_deleted(void **state)
{
  (void)state;
  half_delete();
  assert_int_equal(get("den").err, ERR_NOT_FOUND);
  assert_int_equal(say(&node, "den", "alice", "", REST("x")).err, ERR_NOT_FOUND);
  assert_int_equal(enter(&node, "den", "bob", ENTERED).err, ERR_NOT_FOUND);
  assert_int_equal(resolve(&node, OWNER_ROOM, "den", false).err, ERR_NOT_FOUND);
  assert_string_equal(list("", 0, 10).rooms, "lobby ");
}

static void test_deleted_again_it_is_complete(void **state)
{
  (void)state;
  half_delete();
  node_hear(&node, "parley:room:{den}");
  assert_int_equal(delete_room("den", "alice", false).err, ERR_FORBIDDEN);
  assert_int_equal(delete_room("den", "boss", false).err, ERR_OK);
  assert_int_equal(keys_of_room("den"), 0);
  assert_string_equal(redis_ask(&redis, "KEYS parley:user:*:[rb]*"), "");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:number:{c2}"), "0");
  assert_string_equal(listed(), "lobby 1");
  settle(); /* it was told when it began */
  assert_int_equal(node.messages.count, 0);
}

static void test_made_anew_what_was_half_deleted_goes_first(void **state)
{
  (void)state;
  half_delete();
  struct outcome anew = make("den", "bob");
  assert_int_equal(anew.err, ERR_OK);
  assert_string_equal(anew.lines,
                      "den 3 'den' '' by bob of bob at 1700000000000, 1 in, open, logged\n");
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:room:{den}:members"), "bob");
  assert_string_equal(redis_ask(&redis, "KEYS parley:user:*:[rb]*"), "parley:user:{bob}:rooms");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:number:{c2}"), "0");
  assert_string_equal(listed(), "lobby 1 den 3");
}

/* Both find it, or one of them; nothing is left in either case. */
static void test_two_delete_the_same_room(void **state)
{
  (void)state;
  struct outcome one = {0}, two = {0};
  struct node other;
  node_start(&other, base, &redis, "gw-2");
  make("den", "boss");
  for (int i = 0; i < 5; i++) enter(&node, "den", i ? "alice" : "bob", ENTERED);
  room_delete(node.backend, SLICE("den"), SLICE("boss"), false, SLICE(DELETED), on_err, &one);
  room_delete(other.backend, SLICE("den"), SLICE("boss"), false, SLICE(DELETED), on_err, &two);
  WAIT(base, one.done && two.done);
  assert_true(one.err == ERR_OK || two.err == ERR_OK);
  assert_true(one.err == ERR_OK || one.err == ERR_NOT_FOUND);
  assert_true(two.err == ERR_OK || two.err == ERR_NOT_FOUND);
  assert_int_equal(keys_of_room("den"), 0);
  assert_string_equal(redis_ask(&redis, "KEYS parley:user:*:[rb]*"), "");
  node_end(&other);
}

/* ---- Redis away --------------------------------------------------------------------- */

static void test_redis_away(void **state)
{
  (void)state;
  make("den", "boss");
  redis_kill(&redis);
  WAIT(base, !backend_ready(node.backend, NULL));
  struct room_edit change = {.room = SLICE("den"), .by = SLICE("boss"), .name = SLICE("n")};
  assert_int_equal(make("other", "boss").err, ERR_UNAVAILABLE);
  assert_int_equal(get("den").err, ERR_UNAVAILABLE);
  assert_int_equal(list("", 0, 10).err, ERR_UNAVAILABLE);
  assert_int_equal(list("boss", 0, 10).err, ERR_UNAVAILABLE);
  assert_int_equal(public_ids().err, ERR_UNAVAILABLE);
  assert_int_equal(ids_of("boss").err, ERR_UNAVAILABLE);
  assert_int_equal(edit(&change).err, ERR_UNAVAILABLE);
  assert_int_equal(delete_room("den", "boss", false).err, ERR_UNAVAILABLE);
  redis_restart(&redis);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(make("other", "boss").err, ERR_OK);
  assert_string_equal(list("", 0, 10).rooms, "lobby den other ");
}

/* It dies at any moment of a making and a deletion: the same again ends with what is right. */
static void test_redis_dies_in_between(void **state)
{
  (void)state;
  for (int turns = 0; turns < 12; turns++) {
    struct outcome made = {0}, gone = {0};
    struct room_new new = room_of("den", "boss");
    room_make(node.backend, &new, on_room, &made);
    for (int i = 0; i < turns && !made.done; i++) loop_turn(base);
    redis_kill(&redis);
    WAIT(base, made.done && !backend_ready(node.backend, NULL));
    redis_restart(&redis);
    WAIT(base, backend_ready(node.backend, NULL));
    enum err err = make("den", "boss").err;
    assert_true(err == ERR_OK || err == ERR_CONFLICT);
    assert_string_equal(list("", 0, 10).rooms, "lobby den ");
    assert_int_equal(enter(&node, "den", "boss", ENTERED).err, ERR_OK);
    enter(&node, "den", "alice", ENTERED);
    room_delete(node.backend, SLICE("den"), SLICE("boss"), false, SLICE(DELETED), on_err, &gone);
    for (int i = 0; i < turns && !gone.done; i++) loop_turn(base);
    redis_kill(&redis);
    WAIT(base, gone.done && !backend_ready(node.backend, NULL));
    redis_restart(&redis);
    WAIT(base, backend_ready(node.backend, NULL));
    err = delete_room("den", "boss", false).err;
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    assert_int_equal(keys_of_room("den"), 0);
    assert_string_equal(redis_ask(&redis, "KEYS parley:user:*:[rb]*"), "");
    assert_string_equal(listed(), "lobby 1");
  }
}

static void test_an_answer_on_its_way_is_given_when_the_backend_goes(void **state)
{
  (void)state;
  struct outcome outcomes[5] = {{0}, {0}, {0}, {0}, {0}};
  struct room_new new = room_of("other", "boss");
  make("den", "boss");
  struct room_edit change = {.room = SLICE("den"), .by = SLICE("boss"), .name = SLICE("n")};
  room_make(node.backend, &new, on_room, &outcomes[0]);
  room_list(node.backend, SLICE("boss"), 0, 10, on_rooms, &outcomes[1]);
  room_edit(node.backend, &change, on_err, &outcomes[2]);
  room_delete(node.backend, SLICE("den"), SLICE("boss"), false, SLICE(""), on_err, &outcomes[3]);
  change.name = SLICE("\n");
  room_edit(node.backend, &change, on_err, &outcomes[4]);
  backend_free(node.backend);
  node.backend = NULL;
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(outcomes[i].times, 1);
    assert_int_equal(outcomes[i].err, i < 4 ? ERR_UNAVAILABLE : outcomes[i].err);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_room_leaves_the_public_list_before_it_is_public_no_more),
      TEST(test_a_room_is_made),
      TEST(test_a_room_of_nobody_and_of_little),
      TEST(test_a_room_is_made_once),
      TEST(test_a_uuid_that_is_anothers),
      TEST(test_texts_that_do_not_fit),
      TEST(test_two_nodes_make_the_same_room),
      TEST(test_made_again_it_is_put_on_the_lists),
      TEST(test_a_room_that_is_listed_alone_is_none),
      TEST(test_an_old_lobby_is_listed),
      TEST(test_the_lobby_stays_what_it_is),
      TEST(test_what_is_given_is_changed),
      TEST(test_changed_again_it_is_put_on_the_lists),
      TEST(test_all_rooms_by_parts),
      TEST(test_rooms_that_a_user_may_know_of),
      TEST(test_few_among_many),
      TEST(test_ids_alone),
      TEST(test_a_deleted_room_leaves_nothing),
      TEST(test_the_creator_deletes),
      TEST(test_an_admin_deletes),
      TEST(test_many_members),
      TEST(test_nobody_finds_what_is_being_deleted),
      TEST(test_deleted_again_it_is_complete),
      TEST(test_made_anew_what_was_half_deleted_goes_first),
      TEST(test_two_delete_the_same_room),
      TEST(test_redis_away),
      TEST(test_redis_dies_in_between),
      TEST(test_an_answer_on_its_way_is_given_when_the_backend_goes),
  };
  return RUN_STAGE(tests);
}
