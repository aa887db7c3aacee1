/* Lists of commands, what becomes of them, and how a frame's free text names a recipient. */
#include "command.h"

#include "base/uuid.h"
#include "identity.h"

struct command *decoding_add(struct decoding *decoding, enum command_kind kind)
{
  struct command *command = arena_zalloc(decoding->arena, sizeof *command);
  command->kind = kind;
  if (decoding->last) {
    decoding->last->next = command;
  } else {
    decoding->first = command;
  }
  decoding->last = command;
  return command;
}

struct command *decoding_refuse(struct decoding *decoding, enum err refusal, struct slice client_id)
{
  struct command *command = decoding_add(decoding, COMMAND_REFUSED);
  command->refusal = refusal;
  command->client_id = client_id;
  return command;
}

enum err address_parse(struct slice text, struct address *address)
{
  *address = (struct address){.kind = ADDRESS_NONE};
  bool room = text.len > 0 && text.data[0] == '#';
  struct slice id = slice_skip(text, room);
  /* A reserved id is nobody's, so nobody can be reached by it. */
  if ((room ? identity_check_room(id) : identity_check(id)) != ERR_OK) return ERR_NOT_FOUND;
  address->kind = room ? ADDRESS_ROOM : ADDRESS_USER;
  address->id = id;
  return ERR_OK;
}

enum err address_read(struct arena *arena, struct slice raw, struct address *address)
{
  if (!json_is_string(raw)) return ERR_MALFORMED;
  return address_parse(json_string(arena, raw), address);
}

enum err address_read_room(struct arena *arena, struct slice raw, struct address *address)
{
  enum err err = address_read(arena, raw, address);
  return err == ERR_OK && address->kind != ADDRESS_ROOM ? ERR_MALFORMED : err;
}

enum err address_read_uuid(struct arena *arena, struct slice raw, struct address *address)
{
  if (!json_is_string(raw)) return ERR_MALFORMED;
  return address_parse_uuid(arena, json_string(arena, raw), address);
}

enum err address_parse_uuid(struct arena *arena, struct slice text, struct address *address)
{
  *address = (struct address){.kind = ADDRESS_NONE};
  /* The nil one is reserved, and a UUID may be an id, so it is checked as one. */
  if (!uuid_is(text) || identity_check(text) != ERR_OK) return ERR_NOT_FOUND;
  *address = (struct address){.kind = ADDRESS_UUID, .id = text};
  if (uuid_is_lower(text)) return ERR_OK;
  char *lower = arena_alloc(arena, UUID_TEXT_BYTES + 1);
  uuid_lower(text, lower);
  address->id.data = lower;
  return ERR_OK;
}

void address_append(struct text *out, const struct party *to, struct slice user)
{
  size_t start = out->len;
  if (to->kind != PARTY_ROOM && to->kind != PARTY_ALL) {
    text_append_json_string(out, user);
    return;
  }
  text_append_char(out, '"');
  text_append_json_string(out, to->kind == PARTY_ALL ? party_lobby.id : to->id);
  out->data[start + 1] = '#'; /* in place of the second quote: "#id" */
}

enum err command_read_text(struct slice raw, struct slice *text)
{
  if (!json_is_string(raw)) return ERR_MALFORMED;
  *text = raw;
  return ERR_OK;
}

enum err command_read_number(struct slice raw, uint64_t *number)
{
  if (!json_whole_number(raw, number)) return ERR_MALFORMED;
  return *number ? ERR_OK : ERR_NOT_FOUND;
}

enum err command_err(const struct command *command, const struct outcome *outcome)
{
  enum err err = command->kind == COMMAND_REFUSED ? command->refusal : outcome->err;
  return err == ERR_NOT_IN_ROOM ? ERR_FORBIDDEN : err;
}
