/* What the commands share: see commands.h. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "messages.h"

bool command_other_of(struct slice dialog, struct slice user, struct slice *other)
{
  const char *bar = memchr(dialog.data, '|', dialog.len); /* no id can hold one */
  if (!bar) return false;
  struct slice first = {dialog.data, (size_t)(bar - dialog.data)};
  struct slice second = slice_skip(dialog, first.len + 1);
  *other = slice_equal(first, user) ? second : first;
  return slice_equal(first, user) || slice_equal(second, user);
}

bool command_speaks_for(const struct caller *caller, const struct command *command)
{
  return caller->admin && command->kind == COMMAND_SEND && command->user.kind != ADDRESS_NONE;
}

struct party command_party(const struct entry *entry)
{
  static const enum party_kind kinds[] = {
      [OWNER_USER] = PARTY_USER,
      [OWNER_ROOM] = PARTY_ROOM,
      [OWNER_DIALOG] = PARTY_DIALOG,
  };
  return (struct party){kinds[entry->kind], entry->num, entry->id, entry->uuid, entry->name};
}

bool command_read_cursor(const struct command *command, uint64_t *number)
{
  return !command->cursor.len || json_whole_number(command->cursor, number);
}

struct slice command_cursor(uint64_t next, char text[COMMAND_CURSOR_BYTES])
{
  int len = next ? snprintf(text, COMMAND_CURSOR_BYTES, "%llu", (unsigned long long)next) : 0;
  return (struct slice){text, (size_t)len};
}

struct receipt command_receipt(const struct receipts *receipts, const struct envelope *message)
{
  struct receipt receipt = {0};
  if (receipts->last[RECEIPT_DELIVERED].id >= message->id)
    receipt.delivered_ms = receipts->last[RECEIPT_DELIVERED].at_ms;
  if (receipts->last[RECEIPT_READ].id >= message->id)
    receipt.read_ms = receipts->last[RECEIPT_READ].at_ms;
  if (!receipt.delivered_ms) receipt.delivered_ms = receipt.read_ms; /* by then it had come */
  return receipt;
}

unsigned command_count(const struct command *command, unsigned most)
{
  return command->count && command->count < most ? command->count : most;
}
