/* Lists of commands, and how a frame's free text names a recipient. */
#include "command.h"

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
