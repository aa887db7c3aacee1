/* What must hold of a protocol's codec whatever bytes it is fed, as one function that
 * aborts where it does not. Shared by the fuzzers here and by
 * tests/unit/proto/test_transcripts.c, which feeds it transcripts with bytes missing.
 *
 *   decode   a frame that is no JSON becomes one refusal without an id; every command is
 *            of a known kind, and refused exactly where it says why
 *   reply    nothing, or JSON; a failure is always told, but for courtesies (typing, a pong),
 *            which need no answer
 *   bridge   a message, written as an envelope and read again, is the same message; what
 *            each protocol shows of it is JSON
 */
#ifndef PARLEY_TESTS_CODEC_PROPERTIES_H
#define PARLEY_TESTS_CODEC_PROPERTIES_H

#include <assert.h>
#include <stdlib.h>

#include "base/json.h"
#include "protocol.h"

/* Every codec there is, by index; NULL behind the last. A protocol that has no WebSocket has
 * no codec. */
static inline const struct protocol *codec_at(size_t index)
{
  for (size_t i = 0; i < PROTOCOL_COUNT; i++) {
    if (protocol_has_websocket(protocols[i]) && index-- == 0) return protocols[i];
  }
  return NULL;
}

/* What encode splices may nest deeper than a frame of a peer's; see envelope_decode. */
enum { DEEPEST = 2 * JSON_MAX_DEPTH };

static inline void check_is_json(struct slice text)
{
  assert(text.len == 0 || json_check_depth(text, DEEPEST) == ERR_OK);
}

/* What each protocol shows of an event, as the frame that the gateway makes of it. */
static inline void check_encodings(struct arena *arena, const struct envelope *event,
                                   struct slice reader)
{
  const struct protocol *protocol;
  for (size_t i = 0; (protocol = codec_at(i)); i++) {
    struct text item = {0}, frame = {0};
    bool said = protocol->encode(arena, event, reader, &item);
    assert(said == (item.len > 0));
    text_append(&frame, protocol->batch.open);
    text_append(&frame, text_slice(&item));
    text_append(&frame, protocol->batch.close);
    if (said) check_is_json(text_slice(&frame));
    text_free(&item);
    text_free(&frame);
  }
}

/* Writes the event, reads it again, and shows it. */
static inline void check_event(struct arena *arena, const struct envelope *event)
{
  struct text line = {0};
  envelope_write(&line, event);
  assert(!memchr(line.data, '\n', line.len));
  struct envelope again;
  enum err err = envelope_decode(arena, text_slice(&line), &again);
  assert(err == ERR_OK);
  assert(again.kind == event->kind && again.id == event->id && again.seq == event->seq);
  assert(slice_equal(again.from.id, event->from.id) && slice_equal(again.to.id, event->to.id));
  assert(slice_equal(again.text, event->text));
  assert(slice_equal(again.origin.client_id, event->origin.client_id));
  check_encodings(arena, &again, again.to.id);
  check_encodings(arena, &again, (struct slice){NULL, 0});
  text_free(&line);
}

/* The envelope that dispatch would make of a message. */
static inline void check_send(const struct protocol *protocol, struct arena *arena,
                              const struct session_view *view, const struct command *send)
{
  bool room = send->to.kind != ADDRESS_USER;
  bool resolved = send->to.kind == ADDRESS_NUMBER || send->to.kind == ADDRESS_UUID;
  const struct envelope event = {
      .id = 65537,
      .seq = 1,
      .kind = KIND_MESSAGE_SENT,
      .ts_ms = view->now_ms,
      .keep = room ? protocol->room_keep : protocol->direct_keep,
      .from = view->user,
      .to = {.kind = room ? PARTY_ROOM : PARTY_USER,
             .num = 2,
             .id = resolved ? SLICE("den") : send->to.id,
             .uuid = SLICE("uuid-2")},
      .dialog = {.kind = room ? PARTY_NONE : PARTY_DIALOG,
                 .num = 3,
                 .id = SLICE("21|x"),
                 .uuid = SLICE("uuid-3")},
      .origin = {.protocol = slice_of(protocol->name),
                 .client_id = send->client_id,
                 .from = send->wire_from,
                 .to = send->wire_to},
      .text = send->text,
      .thread = send->thread,
      .attachments = send->attachments,
      .fields = send->fields,
  };
  check_event(arena, &event);
}

static inline void check_replies(const struct protocol *protocol, const struct session_view *view,
                                 const struct command *command)
{
  /* What the gateway keeps of a command until its outcome is there (command.h). */
  const struct command kept = {
      .kind = command->kind,
      .tag = command->tag,
      .refusal = command->refusal,
      .client_id = command->client_id,
      .wire_to = command->wire_to,
      .to = command->to,
      .message_id = command->message_id,
  };
  bool courtesy = kept.kind == COMMAND_NONE || kept.kind == COMMAND_TYPING;
  const enum err errs[] = {ERR_OK, ERR_UNAVAILABLE, ERR_NOT_IN_ROOM};
  for (size_t i = 0; i < sizeof errs / sizeof errs[0]; i++) {
    const struct outcome outcome = {
        .err = errs[i], .message_id = 65537, .ts_ms = view->now_ms, .already = true};
    struct text answer = {0};
    protocol->reply(view, &kept, &outcome, &answer);
    check_is_json(text_slice(&answer));
    bool failed = kept.kind == COMMAND_REFUSED || errs[i] != ERR_OK;
    assert(!failed || courtesy || answer.len > 0);
    text_free(&answer);
  }
}

static inline void check_commands(const struct protocol *protocol, struct arena *arena,
                                  const struct session_view *view, struct slice frame,
                                  const struct decoding *decoding)
{
  if (json_check(frame) != ERR_OK) {
    const struct command *refused = decoding->first;
    assert(refused && refused == decoding->last);
    assert(refused->kind == COMMAND_REFUSED && refused->refusal == ERR_MALFORMED);
    assert(refused->client_id.len == 0);
  }
  for (const struct command *command = decoding->first; command; command = command->next) {
    assert(command->kind < COMMAND_COUNT);
    assert((command->kind == COMMAND_REFUSED) == (command->refusal != ERR_OK));
    check_replies(protocol, view, command);
    if (command->kind == COMMAND_SEND) check_send(protocol, arena, view, command);
  }
}

/* Feeds the codec these bytes, from a buffer of exactly their size, so that the address
 * sanitizer sees a step too far. */
static inline void check_codec(const struct protocol *protocol, struct slice bytes)
{
  char *exact = malloc(bytes.len ? bytes.len : 1);
  if (bytes.len) memcpy(exact, bytes.data, bytes.len);
  const struct slice frame = {exact, bytes.len};
  const struct session_view view = {
      .user = {.kind = PARTY_USER,
               .num = 21,
               .id = SLICE("21"),
               .uuid = SLICE("uuid-21"),
               .name = SLICE("21")},
      .now_ms = 1700000000123,
  };
  struct arena arena = {0};
  struct decoding decoding = {.arena = &arena};
  protocol_decode(protocol, &view, frame, &decoding);
  check_commands(protocol, &arena, &view, frame, &decoding);
  arena_free(&arena);
  free(exact);
}

#endif
