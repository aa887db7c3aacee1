/* What a text-only protocol shows of a message (protocols.md, the bridge):
 *
 *   text                          "hello"
 *   no text, a field `url`        "https://web.com/pic.png"
 *   no text, other fields         "{\"x\":1,\"y\":[2]}"
 *   attachments, behind it        "look https://a/1.png https://a/2.png"
 *
 * An attachment is a string, or an object with a `url`. */
#include "base/json.h"
#include "envelope.h"

/* The inside of a raw string; empty for anything else. */
static struct slice inside(struct slice raw)
{
  if (!json_is_string(raw) || raw.len < 2) return (struct slice){NULL, 0};
  return (struct slice){raw.data + 1, raw.len - 2};
}

static struct slice attachment_url(struct slice attachment)
{
  if (json_is_string(attachment)) return inside(attachment);
  if (json_is_object(attachment)) return inside(json_member(attachment, SLICE("url")));
  return (struct slice){NULL, 0};
}

/* Appends JSON as the inside of a JSON string. */
static void append_quoted(struct text *out, struct slice json)
{
  struct text compact = {0}, quoted = {0};
  text_append_json(&compact, json);
  text_append_json_string(&quoted, text_slice(&compact));
  text_append(out, inside(text_slice(&quoted)));
  text_free(&compact);
  text_free(&quoted);
}

/* The text, or what stands for it. */
static void append_text(struct text *out, const struct envelope *envelope)
{
  if (envelope->text.len) {
    text_append(out, inside(envelope->text));
    return;
  }
  if (!envelope->fields.len) return;
  struct slice url = inside(json_member(envelope->fields, SLICE("url")));
  if (url.len) {
    text_append(out, url);
  } else {
    append_quoted(out, envelope->fields);
  }
}

static void append_attachments(struct text *out, struct slice attachments)
{
  struct json_walk walk = json_walk(attachments);
  struct slice key, attachment;
  while (json_walk_next(&walk, &key, &attachment)) {
    struct slice url = attachment_url(attachment);
    if (!url.len) continue;
    if (out->len > 1) text_append_char(out, ' ');
    text_append(out, url);
  }
}

struct slice envelope_shown_text(struct arena *arena, const struct envelope *envelope)
{
  if (envelope->text.len && !envelope->attachments.len) return envelope->text;
  struct text out = {0};
  text_append_char(&out, '"');
  append_text(&out, envelope);
  append_attachments(&out, envelope->attachments);
  /* Attachments without a URL are better shown as they are than not at all. */
  if (out.len == 1 && envelope->attachments.len) append_quoted(&out, envelope->attachments);
  text_append_char(&out, '"');
  return text_move(&out, arena);
}
