/* An inquiry: a command about a message that was sent before, on its way to that message.
 * They all begin alike:
 *
 *   message id ─► whose is it (its block) ─► may this user? ─► the message ─► what is asked
 *                 room, dialog or inbox      (room's rights,
 *                                             dialog's two)
 *
 * The operator may all. Where the command names a conversation (`to`), the message must be in
 * it. */
#ifndef PARLEY_GATEWAY_INQUIRY_H
#define PARLEY_GATEWAY_INQUIRY_H

#include "caller.h"
#include "commands.h"
#include "messages.h"

struct inquiry {
  struct task *task;
  struct owner owner;      /* of the message's block: a room, a dialog, an inbox */
  struct stored stored;    /* the message, once it was read; in the arena */
  struct envelope message; /* decoded, with the counts of its reactions */
  struct arena arena;
  uint64_t at_ms;    /* when it was asked for: one time in log, event and reply */
  struct slice text; /* the new text, or the reaction */
  bool admin;        /* of the room */
  bool unkept;       /* a message that is kept nowhere will do */
  void (*then)(struct inquiry *inquiry, struct caller *caller);
};

/* Begins one. `then` is called when the message is there, and its caller as well; where it
 * does not come to that, the command is answered with why. */
struct inquiry *inquire(struct caller *caller, struct task *task,
                        void (*then)(struct inquiry *inquiry, struct caller *caller));

/* The command is done, with this outcome; the inquiry is gone. */
void inquiry_finish(struct inquiry *inquiry, const struct outcome *outcome);

/* The same for one that is nothing but this, about its message. */
void inquiry_end(struct inquiry *inquiry, enum err err);

/* An event about the message, by the caller. */
struct envelope inquiry_event(const struct inquiry *inquiry, const struct caller *caller,
                              enum envelope_kind kind);

/* Tells it to the two of a direct message; what a room is told is its script's to say. */
void inquiry_tell_two(const struct inquiry *inquiry, const struct caller *caller,
                      const struct envelope *event);

/* The rest of an event or message, in the arena. */
struct slice inquiry_write(struct inquiry *inquiry, const struct envelope *event);

#endif
