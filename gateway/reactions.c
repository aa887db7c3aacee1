/* See reactions.h. What is kept was written by message_react.lua, but is not trusted: what
 * cannot be read is passed over. */
#include "reactions.h"

/* One reaction and those who have it: both raw. False: there are no more. */
static bool next_reaction(struct json_walk *walk, struct slice *reaction, struct json_walk *users)
{
  struct slice key, each;
  while (json_walk_next(walk, &key, &each)) {
    if (!json_is_array(each)) continue;
    *users = json_walk(each);
    if (json_walk_next(users, &key, reaction) && json_is_string(*reaction)) return true;
  }
  return false;
}

struct slice reactions_counts(struct arena *arena, struct slice kept)
{
  struct text out = {0};
  struct json_walk walk = json_walk(kept), users;
  struct slice reaction, key, user;
  while (next_reaction(&walk, &reaction, &users)) {
    uint64_t count = 0;
    while (json_walk_next(&users, &key, &user)) count++;
    text_append_char(&out, out.len ? ',' : '{');
    text_append(&out, reaction);
    text_append_char(&out, ':');
    text_append_number(&out, count);
  }
  if (out.len) text_append_char(&out, '}');
  return text_move(&out, arena);
}

static size_t count_users(struct slice kept, size_t most)
{
  struct json_walk walk = json_walk(kept), users;
  struct slice reaction, key, user;
  size_t count = 0;
  while (next_reaction(&walk, &reaction, &users))
    while (count < most && json_walk_next(&users, &key, &user)) count++;
  return count;
}

const struct slice *reactions_users(struct arena *arena, struct slice kept, size_t most,
                                    size_t *count)
{
  size_t all = count_users(kept, most), at = 0;
  struct slice *ids = arena_alloc(arena, (all + 1) * sizeof *ids);
  struct json_walk walk = json_walk(kept), users;
  struct slice reaction, key, user;
  while (next_reaction(&walk, &reaction, &users))
    while (at < all && json_walk_next(&users, &key, &user)) ids[at++] = json_string(arena, user);
  *count = all;
  return ids;
}

static size_t count_reactions(struct slice kept)
{
  struct json_walk walk = json_walk(kept), users;
  struct slice reaction;
  size_t count = 0;
  while (next_reaction(&walk, &reaction, &users)) count++;
  return count;
}

const struct reaction_info *reactions_read(struct arena *arena, struct slice kept,
                                           const struct party *parties, size_t party_count,
                                           size_t *count)
{
  struct reaction_info *infos = arena_zalloc(arena, (count_reactions(kept) + 1) * sizeof *infos);
  struct json_walk walk = json_walk(kept), users;
  struct slice reaction, key, user;
  size_t at = 0;
  for (*count = 0; next_reaction(&walk, &reaction, &users); ++*count) {
    struct reaction_info *info = &infos[*count];
    *info = (struct reaction_info){.reaction = json_string(arena, reaction), .users = parties + at};
    while (json_walk_next(&users, &key, &user)) {
      if (at == party_count || !slice_equal(parties[at].id, json_string(arena, user))) continue;
      at++;
      info->count++;
    }
  }
  return infos;
}

enum err stored_decode(struct arena *arena, const struct stored *stored, struct envelope *message)
{
  enum err err = envelope_decode(arena, stored->line, message);
  if (err == ERR_OK) message->reactions = reactions_counts(arena, stored->reactions);
  return err;
}

const struct envelope *page_decode(struct arena *arena, const struct page *page, size_t *count)
{
  struct envelope *messages = arena_alloc(arena, (page->count + 1) * sizeof *messages);
  *count = 0;
  for (size_t i = 0; i < page->count; i++)
    if (stored_decode(arena, &page->messages[i], &messages[*count]) == ERR_OK) ++*count;
  return messages;
}
