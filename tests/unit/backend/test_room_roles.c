/* What users are in rooms, against a real Redis: who may change it (scripts/room_role.lua,
 * parts/rights.lua), what then becomes of both sides, and who is told. */
#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "messages.h"
#include "rooms.h"

#define STAMP      "{\"v\":1,\"id\":0,\"seq\":0,"
#define ROOM_EVENT "\"kind\":\"of the room\"}"
#define USER_EVENT "\"kind\":\"of the user\"}"
#define ENTERED    "\"kind\":\"room.entered\"}"

/* boss owns it, chief and deputy are admins, alice and carol members, mallory and troll banned,
 * ivan is invited, zoe nothing; maker made it. */
static void make_room(const char *room, bool open, bool public)
{
  redis_ask(&redis,
            "HSET parley:room:{%s}:record num 5 uuid u name n open %d public %d keep log "
            "owner boss creator maker seq 7",
            room, open, public);
  redis_ask(&redis, "SADD parley:room:{%s}:members boss chief deputy alice carol", room);
  redis_ask(&redis, "SADD parley:room:{%s}:admins chief deputy", room);
  redis_ask(&redis, "SADD parley:room:{%s}:bans mallory troll", room);
  redis_ask(&redis, "SADD parley:room:{%s}:invites ivan", room);
  redis_ask(&redis, "HSET parley:room:{%s}:cursors carol 3", room);
  redis_ask(&redis, "SADD parley:user:{carol}:rooms %s", room);
  redis_ask(&redis, "SADD parley:user:{troll}:bans %s", room);
}

static const char *set_of(const char *room, const char *set)
{
  return redis_ask(&redis, "SORT parley:room:{%s}:%s ALPHA", room, set);
}

/* Everything of a room that a change of roles may touch. */
static void describe(const char *room, struct text *out)
{
  text_reset(out);
  text_append_format(out, "%s: members %s",
                     redis_ask(&redis, "HGET parley:room:{%s}:record owner", room),
                     set_of(room, "members"));
  text_append_format(out, " admins %s", set_of(room, "admins"));
  text_append_format(out, " bans %s", set_of(room, "bans"));
  text_append_format(out, " invites %s", set_of(room, "invites"));
  text_append_char(out, '\0');
}

/* Everything that was published before has come by now. */
static void settle(void)
{
  node_hear(&node, "parley:room:{settled}");
  bus_unsubscribe(node.backend, SLICE("parley:room:{settled}"));
}

static struct outcome change_as(const char *room, const char *by, bool force, enum room_role role,
                                bool given, const char *user)
{
  struct room_change_role change = {.room = slice_of(room),
                                    .by = slice_of(by),
                                    .user = slice_of(user),
                                    .force = force,
                                    .role = role,
                                    .given = given,
                                    .room_event = SLICE(ROOM_EVENT),
                                    .user_event = SLICE(USER_EVENT)};
  OUTCOME(room_change_role(node.backend, &change, on_stamp, &outcome));
}

static struct outcome change(const char *by, enum room_role role, bool given, const char *user)
{
  return change_as("den", by, false, role, given, user);
}

static struct outcome give_room(const char *room, const char *by, bool force, const char *user)
{
  OUTCOME(room_change_owner(node.backend, slice_of(room), slice_of(by), force, slice_of(user),
                            on_err, &outcome));
}

static struct outcome edit(const char *room, const char *by, bool force)
{
  struct room_edit call = {
      .room = slice_of(room), .by = slice_of(by), .force = force, .name = SLICE("New")};
  OUTCOME(room_edit(node.backend, &call, on_err, &outcome));
}

static struct outcome delete_room(const char *room, const char *by, bool force)
{
  OUTCOME(room_delete(node.backend, slice_of(room), slice_of(by), force, SLICE(ROOM_EVENT), on_err,
                      &outcome));
}

static void on_people(void *arg, enum err err, const struct slice *ids, size_t count,
                      uint64_t total)
{
  struct outcome *outcome = arg;
  size_t at = 0;
  on_err(outcome, err);
  outcome->count = count;
  outcome->num = total;
  for (size_t i = 0; i < count; i++)
    at += (size_t)snprintf(outcome->lines + at, sizeof outcome->lines - at, "%.*s ",
                           SLICE_ARG(ids[i]));
}

static struct outcome people(const char *room, const char *by, bool force, enum room_role role,
                             uint64_t offset, unsigned count)
{
  struct room_people which = {slice_of(room), slice_of(by), force, role, offset, count};
  OUTCOME(room_people(node.backend, &which, on_people, &outcome));
}

/* ---- who may ------------------------------------------------------------------------ */

enum action { TAKE, GIVE, OWN, EDIT, DELETE, LIST };

enum actor { STRANGER, MEMBER, ADMIN, OWNER, BANNED, OPERATOR, ACTOR_COUNT };

static const struct {
  const char *user;
  bool force;
} actors[ACTOR_COUNT] = {{"zoe", false},  {"alice", false},   {"chief", false},
                         {"boss", false}, {"mallory", false}, {"", true}};

#define YES ERR_OK
#define NO  ERR_FORBIDDEN
#define OUT ERR_NOT_IN_ROOM

enum door { OPEN, CLOSED, PUBLIC };

struct permission {
  const char *name;
  enum action action;
  enum room_role role;
  const char *user;
  enum door door;
  enum err expected[ACTOR_COUNT];
};

/* Expected of stranger, member, admin, owner, banned, operator. */
static const struct permission permissions[] = {
    {"kick a member", TAKE, ROOM_MEMBERS, "carol", OPEN, {OUT, NO, YES, YES, OUT, YES}},
    {"kick an admin", TAKE, ROOM_MEMBERS, "deputy", OPEN, {OUT, NO, NO, YES, OUT, YES}},
    {"kick the owner", TAKE, ROOM_MEMBERS, "boss", OPEN, {OUT, NO, NO, NO, OUT, NO}},
    {"kick who is none", TAKE, ROOM_MEMBERS, "nina", OPEN, {OUT, NO, YES, YES, OUT, YES}},
    {"kick in a public room", TAKE, ROOM_MEMBERS, "carol", PUBLIC, {OUT, NO, YES, YES, OUT, YES}},
    {"add a member", GIVE, ROOM_MEMBERS, "nina", OPEN, {OUT, NO, NO, NO, OUT, YES}},
    {"add who is banned", GIVE, ROOM_MEMBERS, "troll", OPEN, {OUT, NO, NO, NO, OUT, NO}},
    {"ban a member", GIVE, ROOM_BANS, "carol", OPEN, {OUT, NO, YES, YES, OUT, YES}},
    {"ban an admin", GIVE, ROOM_BANS, "deputy", OPEN, {OUT, NO, NO, YES, OUT, YES}},
    {"ban the owner", GIVE, ROOM_BANS, "boss", OPEN, {OUT, NO, NO, NO, OUT, NO}},
    {"ban who is none", GIVE, ROOM_BANS, "nina", OPEN, {OUT, NO, YES, YES, OUT, YES}},
    {"unban", TAKE, ROOM_BANS, "troll", OPEN, {OUT, NO, YES, YES, OUT, YES}},
    {"unban oneself", TAKE, ROOM_BANS, "mallory", OPEN, {OUT, NO, YES, YES, OUT, YES}},
    {"make an admin", GIVE, ROOM_ADMINS, "carol", OPEN, {OUT, NO, NO, YES, OUT, YES}},
    {"admin who is none", GIVE, ROOM_ADMINS, "nina", OPEN, {OUT, NO, NO, OUT, OUT, OUT}},
    {"take admin's rights", TAKE, ROOM_ADMINS, "deputy", OPEN, {OUT, NO, NO, YES, OUT, YES}},
    {"invite", GIVE, ROOM_INVITES, "nina", OPEN, {OUT, YES, YES, YES, OUT, YES}},
    {"invite to a closed room", GIVE, ROOM_INVITES, "nina", CLOSED, {OUT, NO, YES, YES, OUT, YES}},
    {"invite who is banned", GIVE, ROOM_INVITES, "troll", OPEN, {OUT, NO, NO, NO, OUT, NO}},
    {"take an invitation", TAKE, ROOM_INVITES, "ivan", OPEN, {OUT, NO, YES, YES, OUT, YES}},
    {"give it to a member", OWN, 0, "carol", OPEN, {OUT, NO, NO, YES, OUT, YES}},
    {"give it to who is none", OWN, 0, "nina", OPEN, {OUT, NO, NO, OUT, OUT, OUT}},
    {"edit", EDIT, 0, "", OPEN, {NO, NO, YES, YES, NO, YES}},
    {"edit a public room", EDIT, 0, "", PUBLIC, {NO, NO, YES, YES, NO, YES}},
    {"delete", DELETE, 0, "", OPEN, {NO, NO, YES, YES, NO, YES}},
    {"members", LIST, ROOM_MEMBERS, "", OPEN, {NO, YES, YES, YES, NO, YES}},
    {"members, public", LIST, ROOM_MEMBERS, "", PUBLIC, {YES, YES, YES, YES, NO, YES}},
    {"admins", LIST, ROOM_ADMINS, "", OPEN, {NO, YES, YES, YES, NO, YES}},
    {"bans", LIST, ROOM_BANS, "", PUBLIC, {NO, NO, YES, YES, NO, YES}},
    {"invites", LIST, ROOM_INVITES, "", PUBLIC, {NO, NO, YES, YES, NO, YES}},
};

static enum err try(const struct permission *permission, enum actor actor, const char *room)
{
  const char *by = actors[actor].user;
  bool force = actors[actor].force;
  switch (permission->action) {
  case TAKE:
  case GIVE:
    return change_as(room, by, force, permission->role, permission->action == GIVE,
                     permission->user)
        .err;
  case OWN:
    return give_room(room, by, force, permission->user).err;
  case EDIT:
    return edit(room, by, force).err;
  case DELETE:
    return delete_room(room, by, force).err;
  case LIST:
    return people(room, by, force, permission->role, 0, 10).err;
  }
  fail_msg("%s", permission->name);
  return ERR_INTERNAL;
}

static void test_who_may(void **state)
{
  (void)state;
  struct text was = {0}, is = {0};
  char room[32];
  for (size_t i = 0; i < sizeof permissions / sizeof permissions[0]; i++) {
    const struct permission *permission = &permissions[i];
    for (enum actor actor = 0; actor < ACTOR_COUNT; actor++) {
      snprintf(room, sizeof room, "r%zu-%d", i, (int)actor);
      make_room(room, permission->door != CLOSED, permission->door == PUBLIC);
      describe(room, &was);
      enum err err = try(permission, actor, room);
      if (err != permission->expected[actor])
        fail_msg("%s, by '%s': %d, not %d", permission->name, actors[actor].user, (int)err,
                 (int)permission->expected[actor]);
      describe(room, &is);
      if (err != ERR_OK) assert_string_equal(is.data, was.data);
    }
  }
  text_free(&was);
  text_free(&is);
}

/* Who is refused tells nobody anything; nor does what is not there. */
static void test_a_refusal_is_silent(void **state)
{
  (void)state;
  make_room("den", true, false);
  node_hear(&node, "parley:room:{den}");
  node_hear(&node, "parley:user:{carol}");
  node_hear(&node, "parley:user:{boss}");
  assert_int_equal(change("alice", ROOM_MEMBERS, false, "carol").err, ERR_FORBIDDEN);
  assert_int_equal(change("zoe", ROOM_BANS, true, "carol").err, ERR_NOT_IN_ROOM);
  assert_int_equal(change("chief", ROOM_BANS, true, "boss").err, ERR_FORBIDDEN);
  assert_int_equal(delete_room("den", "alice", false).err, ERR_FORBIDDEN);
  settle();
  assert_int_equal(node.messages.count, 0);
  for (int force = 0; force < 2; force++) {
    assert_int_equal(change_as("nowhere", "boss", force, ROOM_BANS, true, "carol").err,
                     ERR_NOT_FOUND);
    assert_int_equal(give_room("nowhere", "boss", force, "carol").err, ERR_NOT_FOUND);
    assert_int_equal(people("nowhere", "boss", force, ROOM_MEMBERS, 0, 10).err, ERR_NOT_FOUND);
    assert_int_equal(edit("nowhere", "boss", force).err, ERR_NOT_FOUND);
    assert_int_equal(delete_room("nowhere", "boss", force).err, ERR_NOT_FOUND);
  }
  assert_string_equal(redis_ask(&redis, "KEYS *nowhere*"), "");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{carol}:bans"), "0");
}

/* A room that nobody owns is not everybody's, nor that of who has no name. */
static void test_the_lobby_is_nobodys(void **state)
{
  (void)state;
  enter(&node, "lobby", "alice", ENTERED);
  assert_int_equal(change_as("lobby", "alice", false, ROOM_BANS, true, "bob").err, ERR_FORBIDDEN);
  assert_int_equal(change_as("lobby", "", false, ROOM_BANS, true, "bob").err, ERR_NOT_IN_ROOM);
  redis_ask(&redis, "HSET parley:room:{lobby}:record owner %s", "");
  assert_int_equal(change_as("lobby", "", false, ROOM_BANS, true, "bob").err, ERR_NOT_IN_ROOM);
  assert_int_equal(change_as("lobby", "", true, ROOM_BANS, true, "bob").err, ERR_OK);
  assert_int_equal(say(&node, "lobby", "bob", "", ENTERED).err, ERR_FORBIDDEN);
}

/* ---- what becomes of it ------------------------------------------------------------- */

static void test_a_kick(void **state)
{
  (void)state;
  make_room("den", false, false);
  node_hear(&node, "parley:room:{den}");
  node_hear(&node, "parley:user:{carol}");
  struct outcome kicked = change("chief", ROOM_MEMBERS, false, "carol");
  assert_int_equal(kicked.err, ERR_OK);
  assert_false(kicked.repeated);
  WAIT(base, node.messages.count == 2);
  assert_true(told_has(&node.messages, "parley:room:{den} " STAMP ROOM_EVENT));
  assert_true(told_has(&node.messages, "parley:user:{carol} " STAMP USER_EVENT));
  assert_string_equal(set_of("den", "members"), "alice boss chief deputy");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:room:{den}:cursors"), "0");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{carol}:rooms"), "0");
  struct outcome again = change("chief", ROOM_MEMBERS, false, "carol");
  assert_int_equal(again.err, ERR_OK);
  assert_true(again.repeated);
  settle();
  assert_int_equal(node.messages.count, 2);
  assert_int_equal(say(&node, "den", "carol", "", ENTERED).err, ERR_NOT_IN_ROOM);
  assert_int_equal(enter(&node, "den", "carol", ENTERED).err, ERR_NOT_IN_ROOM);
}

static void test_a_kicked_admin_is_none_any_more(void **state)
{
  (void)state;
  make_room("den", true, false);
  assert_int_equal(change("boss", ROOM_MEMBERS, false, "deputy").err, ERR_OK);
  assert_int_equal(enter(&node, "den", "deputy", ENTERED).err, ERR_OK);
  assert_int_equal(change("deputy", ROOM_MEMBERS, false, "carol").err, ERR_FORBIDDEN);
  assert_int_equal(leave_room(&node, "den", "chief", ENTERED).err, ERR_OK);
  assert_string_equal(set_of("den", "admins"), "");
  assert_int_equal(change("chief", ROOM_MEMBERS, false, "carol").err, ERR_NOT_IN_ROOM);
}

static void test_a_ban(void **state)
{
  (void)state;
  make_room("den", true, true);
  node_hear(&node, "parley:room:{den}");
  node_hear(&node, "parley:user:{deputy}");
  assert_int_equal(change("boss", ROOM_BANS, true, "deputy").err, ERR_OK);
  WAIT(base, node.messages.count == 2);
  assert_true(told_has(&node.messages, "parley:room:{den} " STAMP ROOM_EVENT));
  assert_true(told_has(&node.messages, "parley:user:{deputy} " STAMP USER_EVENT));
  assert_string_equal(set_of("den", "members"), "alice boss carol chief");
  assert_string_equal(set_of("den", "admins"), "chief");
  assert_string_equal(set_of("den", "bans"), "deputy mallory troll");
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{deputy}:bans"), "den");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{deputy}:rooms"), "0");
  assert_true(change("boss", ROOM_BANS, true, "deputy").repeated);
  settle();
  assert_int_equal(node.messages.count, 2);
  assert_int_equal(enter(&node, "den", "deputy", ENTERED).err, ERR_FORBIDDEN);
  assert_int_equal(say(&node, "den", "deputy", "", ENTERED).err, ERR_FORBIDDEN);
  assert_int_equal(change("boss", ROOM_INVITES, true, "deputy").err, ERR_FORBIDDEN);
}

/* Their connections are told even so: they may have heard the public room. */
static void test_a_ban_of_who_is_no_member(void **state)
{
  (void)state;
  make_room("den", true, true);
  node_hear(&node, "parley:room:{den}");
  node_hear(&node, "parley:user:{ivan}");
  struct outcome banned = change("chief", ROOM_BANS, true, "ivan");
  assert_int_equal(banned.err, ERR_OK);
  assert_false(banned.repeated);
  settle();
  assert_int_equal(node.messages.count, 1);
  assert_string_equal(told_at(&node.messages, 0), "parley:user:{ivan} " STAMP USER_EVENT);
  assert_string_equal(set_of("den", "invites"), "");
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{ivan}:bans"), "den");
}

static void test_a_ban_is_lifted(void **state)
{
  (void)state;
  make_room("den", true, false);
  node_hear(&node, "parley:room:{den}");
  node_hear(&node, "parley:user:{troll}");
  assert_int_equal(change("chief", ROOM_BANS, false, "troll").err, ERR_OK);
  assert_string_equal(set_of("den", "bans"), "mallory");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{troll}:bans"), "0");
  assert_true(change("chief", ROOM_BANS, false, "troll").repeated);
  settle();
  assert_int_equal(node.messages.count, 1);
  assert_string_equal(told_at(&node.messages, 0), "parley:user:{troll} " STAMP USER_EVENT);
  assert_int_equal(enter(&node, "den", "troll", ENTERED).err, ERR_OK);
}

static void test_the_operator_adds_a_member(void **state)
{
  (void)state;
  make_room("den", false, false);
  node_hear(&node, "parley:room:{den}");
  node_hear(&node, "parley:user:{ivan}");
  assert_int_equal(change_as("den", "", true, ROOM_MEMBERS, true, "ivan").err, ERR_OK);
  WAIT(base, node.messages.count == 2);
  assert_true(told_has(&node.messages, "parley:room:{den} " STAMP ROOM_EVENT));
  assert_string_equal(set_of("den", "members"), "alice boss carol chief deputy ivan");
  assert_string_equal(set_of("den", "invites"), "");
  assert_string_equal(redis_ask(&redis, "HGET parley:room:{den}:cursors ivan"), "7");
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{ivan}:rooms"), "den");
  assert_true(change_as("den", "", true, ROOM_MEMBERS, true, "ivan").repeated);
  settle();
  assert_int_equal(node.messages.count, 2);
}

static void test_admins_come_and_go(void **state)
{
  (void)state;
  make_room("den", true, false);
  node_hear(&node, "parley:room:{den}");
  node_hear(&node, "parley:user:{carol}");
  assert_false(change("boss", ROOM_ADMINS, true, "carol").repeated);
  assert_true(change("boss", ROOM_ADMINS, true, "carol").repeated);
  assert_string_equal(set_of("den", "admins"), "carol chief deputy");
  assert_false(change("boss", ROOM_ADMINS, false, "carol").repeated);
  assert_true(change("boss", ROOM_ADMINS, false, "carol").repeated);
  assert_true(change("boss", ROOM_ADMINS, false, "nina").repeated);
  assert_true(change("boss", ROOM_ADMINS, true, "boss").repeated);
  assert_true(change("boss", ROOM_ADMINS, false, "boss").repeated);
  assert_string_equal(set_of("den", "admins"), "chief deputy");
  settle(); /* members are the same: the room is told nothing */
  assert_int_equal(node.messages.count, 2);
  assert_string_equal(told_at(&node.messages, 1), "parley:user:{carol} " STAMP USER_EVENT);
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{carol}:rooms"), "den");
}

/* An invitation is told each time: it is kept in no inbox. */
static void test_invitations_come_and_go(void **state)
{
  (void)state;
  make_room("den", false, false);
  node_hear(&node, "parley:user:{nina}");
  assert_false(change("chief", ROOM_INVITES, true, "nina").repeated);
  assert_false(change("chief", ROOM_INVITES, true, "nina").repeated);
  assert_true(change("chief", ROOM_INVITES, true, "alice").repeated); /* a member needs none */
  settle();
  assert_int_equal(node.messages.count, 2);
  assert_string_equal(set_of("den", "invites"), "ivan nina");
  assert_false(change("chief", ROOM_INVITES, false, "nina").repeated);
  assert_true(change("chief", ROOM_INVITES, false, "nina").repeated);
  settle();
  assert_int_equal(node.messages.count, 3);
  assert_int_equal(enter(&node, "den", "nina", ENTERED).err, ERR_NOT_IN_ROOM);
  assert_int_equal(enter(&node, "den", "ivan", ENTERED).err, ERR_OK);
}

static void test_a_room_changes_hands(void **state)
{
  (void)state;
  make_room("den", true, false);
  assert_int_equal(give_room("den", "boss", false, "boss").err, ERR_OK);
  assert_string_equal(set_of("den", "admins"), "chief deputy");
  assert_int_equal(give_room("den", "boss", false, "chief").err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "HGET parley:room:{den}:record owner"), "chief");
  assert_string_equal(set_of("den", "admins"), "boss deputy");
  assert_string_equal(set_of("den", "members"), "alice boss carol chief deputy");
  assert_int_equal(give_room("den", "boss", false, "boss").err, ERR_FORBIDDEN);
  assert_int_equal(change("boss", ROOM_MEMBERS, false, "alice").err, ERR_OK);
  assert_int_equal(change("chief", ROOM_MEMBERS, false, "boss").err, ERR_OK);
}

/* An owner may leave, and stays the owner. */
static void test_an_owner_who_has_left(void **state)
{
  (void)state;
  make_room("den", false, false);
  assert_int_equal(leave_room(&node, "den", "boss", ENTERED).err, ERR_OK);
  assert_string_equal(set_of("den", "members"), "alice carol chief deputy");
  assert_int_equal(say(&node, "den", "boss", "", ENTERED).err, ERR_NOT_IN_ROOM);
  assert_int_equal(change("chief", ROOM_BANS, true, "boss").err, ERR_FORBIDDEN);
  assert_int_equal(change("boss", ROOM_MEMBERS, false, "carol").err, ERR_OK);
  assert_int_equal(give_room("den", "boss", false, "boss").err, ERR_OK);
  assert_int_equal(enter(&node, "den", "boss", ENTERED).err, ERR_OK);
  leave_room(&node, "den", "boss", ENTERED);
  assert_int_equal(give_room("den", "boss", false, "alice").err, ERR_OK);
  assert_string_equal(set_of("den", "admins"), "chief deputy");
  assert_int_equal(enter(&node, "den", "boss", ENTERED).err, ERR_NOT_IN_ROOM);
}

/* ---- crashes ------------------------------------------------------------------------ */

/* Between the room's tag and the user's: the same again completes it, and tells the user. */
static void test_the_same_again_completes_the_users_side(void **state)
{
  (void)state;
  make_room("den", true, true);
  node_hear(&node, "parley:user:{mallory}");
  node_hear(&node, "parley:user:{nina}");
  node_hear(&node, "parley:room:{den}");
  redis_ask(&redis, "SADD parley:user:{mallory}:rooms den"); /* as mallory was banned */
  assert_true(change("boss", ROOM_BANS, true, "mallory").repeated);
  assert_string_equal(redis_ask(&redis, "SMEMBERS parley:user:{mallory}:bans"), "den");
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{mallory}:rooms"), "0");
  redis_ask(&redis, "SADD parley:user:{nina}:rooms den"); /* as nina was kicked */
  assert_true(change("boss", ROOM_MEMBERS, false, "nina").repeated);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{nina}:rooms"), "0");
  redis_ask(&redis, "SADD parley:user:{nina}:bans den"); /* as a ban was lifted */
  assert_true(change("boss", ROOM_BANS, false, "nina").repeated);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{nina}:bans"), "0");
  settle();
  assert_int_equal(node.messages.count, 3);
  redis_ask(&redis, "SADD parley:user:{nina}:bans den"); /* and who then enters hears it */
  assert_int_equal(enter(&node, "den", "nina", ENTERED).err, ERR_OK);
  assert_string_equal(redis_ask(&redis, "EXISTS parley:user:{nina}:bans"), "0");
}

static void test_redis_away(void **state)
{
  (void)state;
  make_room("den", true, false);
  redis_kill(&redis);
  WAIT(base, !backend_ready(node.backend, NULL));
  assert_int_equal(change("boss", ROOM_BANS, true, "carol").err, ERR_UNAVAILABLE);
  assert_int_equal(give_room("den", "boss", false, "carol").err, ERR_UNAVAILABLE);
  assert_int_equal(people("den", "boss", false, ROOM_MEMBERS, 0, 10).err, ERR_UNAVAILABLE);
  redis_restart(&redis);
  WAIT(base, backend_ready(node.backend, NULL));
  assert_int_equal(change("boss", ROOM_BANS, true, "carol").err, ERR_OK);
}

/* ---- lists -------------------------------------------------------------------------- */

static void test_people_by_parts(void **state)
{
  (void)state;
  make_room("den", true, false);
  struct outcome all = people("den", "alice", false, ROOM_MEMBERS, 0, 100);
  assert_string_equal(all.lines, "alice boss carol chief deputy ");
  assert_int_equal(all.num, 5);
  struct outcome some = people("den", "alice", false, ROOM_MEMBERS, 1, 2);
  assert_string_equal(some.lines, "boss carol ");
  assert_int_equal(some.num, 5);
  struct outcome last = people("den", "alice", false, ROOM_MEMBERS, 4, UINT32_MAX);
  assert_string_equal(last.lines, "deputy ");
  struct outcome behind = people("den", "alice", false, ROOM_MEMBERS, UINT64_MAX, 2);
  assert_int_equal(behind.err, ERR_OK);
  assert_int_equal(behind.count, 0);
  assert_int_equal(behind.num, 5);
  assert_int_equal(people("den", "alice", false, ROOM_MEMBERS, 0, 0).count, 0);
  assert_string_equal(people("den", "alice", false, ROOM_ADMINS, 0, 9).lines, "chief deputy ");
  assert_string_equal(people("den", "boss", false, ROOM_BANS, 0, 9).lines, "mallory troll ");
  assert_string_equal(people("den", "", true, ROOM_INVITES, 0, 9).lines, "ivan ");
  struct outcome none = people("lobby", "alice", false, ROOM_MEMBERS, 0, 9);
  assert_int_equal(none.err, ERR_OK);
  assert_int_equal(none.num, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_who_may),
      TEST(test_a_refusal_is_silent),
      TEST(test_the_lobby_is_nobodys),
      TEST(test_a_kick),
      TEST(test_a_kicked_admin_is_none_any_more),
      TEST(test_a_ban),
      TEST(test_a_ban_of_who_is_no_member),
      TEST(test_a_ban_is_lifted),
      TEST(test_the_operator_adds_a_member),
      TEST(test_admins_come_and_go),
      TEST(test_invitations_come_and_go),
      TEST(test_a_room_changes_hands),
      TEST(test_an_owner_who_has_left),
      TEST(test_the_same_again_completes_the_users_side),
      TEST(test_redis_away),
      TEST(test_people_by_parts),
  };
  return RUN_STAGE(tests);
}
