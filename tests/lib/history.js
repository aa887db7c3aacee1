// What clients recorded, held against the guarantees (design.md, "Guarantees"): no
// message that was acknowledged is lost, none is shown twice on one connection, each
// connection is shown a conversation in its order, and what was read does not come back.
//
// A message is named "<sender>/<number>", its sender counting from 0. Order is judged at
// the end (`order_faults`): only then is known which sends failed on the way, among which
// none is owed.

export class History {
  acknowledged = new Map(); // message -> its receivers
  shown = new Map(); // receiver -> Set of messages
  read = new Map(); // receiver -> Set of messages that they have read
  connections = []; // {receiver, label, messages}
  faults = [];
  deliveries = 0;
  lossy = false; // a failover may forget what was not acknowledged yet, and what was read
  masters = 0; // how often another master may have taken over
  #twice = []; // {label, message, masters: how many took over in between}
  #conversations = new Map(); // message -> where it was said
  #begun = new Map(); // message -> `masters` when it was sent first
  #resent = new Map(); // message -> how many masters may have taken over until it was acknowledged
  #doubts = new Map(); // sender -> [[first number, last number]]
  #unordered = new Map(); // the same, of order alone
  #abandoned = new Set();

  // `message` is sent for the first time, into `conversation`.
  say(message, conversation) {
    this.#conversations.set(message, conversation);
    this.#begun.set(message, this.masters);
  }

  // Whether it was said to a user, and not in a room.
  direct(message) {
    return !this.#conversations.get(message)?.startsWith('#');
  }

  // `receivers`: who is owed it; one, or a list.
  acknowledge(message, receivers) {
    this.acknowledged.set(message, [receivers].flat());
    this.#resent.set(message, this.masters - this.#begun.get(message));
  }

  // It was not promised after all, and is not sent again.
  take_back(message) {
    this.acknowledged.delete(message);
    this.abandon(message);
  }

  // What `sender` sent from number `first` to `last` lies around a failure: some of it was
  // sent again, behind what came after it.
  doubt(sender, first, last) {
    add_range(this.#doubts, sender, first, last);
  }

  // All of it was sent once, and no order is promised among it.
  unorder(sender, first, last) {
    add_range(this.#unordered, sender, first, last);
  }

  // Nobody knows what becomes of it, and it is not sent again: its order is open.
  abandon(message) {
    this.#abandoned.add(message);
  }

  // `receiver` has read it, and was told so.
  mark_read(receiver, message) {
    if (!this.read.has(receiver)) this.read.set(receiver, new Set());
    this.read.get(receiver).add(message);
  }

  // What `receiver` has read by now.
  read_by(receiver) {
    return new Set(this.read.get(receiver));
  }

  // A new connection of `receiver`; gives the function to call for each message that
  // it is shown. `read`: what they had read when they asked for the connection.
  connection(receiver, label, read = this.read_by(receiver)) {
    const here = new Map(); // message -> `masters` of then
    const messages = [];
    this.connections.push({ receiver, label, messages });
    if (!this.shown.has(receiver)) this.shown.set(receiver, new Set());
    return (message) => {
      this.deliveries++;
      if (here.has(message)) this.#twice.push({ label, message, masters: this.masters - here.get(message) });
      if (read.has(message) && !this.lossy) this.faults.push(`${label} was shown ${message}, which was read before`);
      here.set(message, this.masters);
      messages.push(message);
      this.shown.get(receiver).add(message);
    };
  }

  // Sent again behind a failure, in a room, and a master that was one when it was sent first may be one
  // again: it may have kept the message, below what it has taken since those came who are there now.
  may_be_below(message) {
    return this.lossy && !this.direct(message) && this.#resent.get(message) > 1 && this.#sent_again(message);
  }

  // Acknowledged, and never shown to whom they were for.
  missing() {
    const missing = [];
    for (const [message, receivers] of this.acknowledged) {
      for (const receiver of receivers) {
        if (!this.shown.get(receiver)?.has(message)) missing.push(`${message} for ${receiver}`);
      }
    }
    return missing;
  }

  // Shown twice on one connection. Where a failover forgets what was shown and not acknowledged,
  // what is sent again is another message; and a master that is one again may bring back what the
  // one in between had forgotten.
  twice_faults() {
    return this.#twice
      .filter(({ message, masters }) => !(this.lossy && (masters > 1 || this.#sent_again(message))))
      .map(({ label, message }) => `${label} was shown ${message} twice`);
  }

  // A sender's messages in one conversation that a connection was shown in another order
  // than that in which they were sent.
  order_faults() {
    return this.connections.flatMap(({ label, messages }) => {
      const faults = [];
      const before = new Map(); // sender and conversation -> numbers
      for (const message of messages) {
        const [sender, number] = split(message);
        const key = `${sender} ${this.#conversations.get(message) ?? ''}`;
        const numbers = before.get(key) ?? [];
        const later = numbers.find((other) => other > number && !this.#order_is_open(sender, number, other));
        if (later !== undefined) faults.push(`${label} was shown ${message} after ${sender}/${later}`);
        before.set(key, [...numbers, number].sort((a, b) => b - a).slice(0, 200));
      }
      return faults;
    });
  }

  // What no connection may have been shown, whatever was promised.
  shown_faults() {
    return [...this.faults, ...this.twice_faults(), ...this.order_faults()];
  }

  // The same against the stamps: `stamps`, message -> seq, of one list. `dense`: one that a
  // connection follows must be shown all of it, from the first on that it was shown; to the end
  // where `reaches_end(connection)`; but what `hides(receiver, message)`.
  stamp_faults(name, stamps, { dense = false, hides = () => false, reaches_end = () => false } = {}) {
    // What a failover forgot and was sent again has another stamp than the one that it was shown by.
    stamps = new Map([...stamps].filter(([message]) => !(this.lossy && this.#sent_again(message))));
    const list = [...stamps].sort(([, a], [, b]) => a - b);
    return this.connections.flatMap((connection) => {
      const { receiver, label, messages } = connection;
      const known = messages.filter((message) => stamps.has(message));
      if (!known.length) return [];
      const faults = known
        .filter((message, i) => i > 0 && stamps.get(message) < stamps.get(known[i - 1]))
        .map((message) => `${label} was shown ${message} out of the order of ${name}`);
      if (!dense) return faults;
      const here = new Set(known);
      const first = stamps.get(known[0]);
      const last = reaches_end(connection) ? Infinity : stamps.get(known.at(-1));
      const left_out = list.filter(([message, seq]) => {
        return seq > first && seq < last && !here.has(message) && !hides(receiver, message);
      });
      return [...faults, ...left_out.map(([message, seq]) => `${label} was not shown ${message}, ${seq} of ${name}`)];
    });
  }

  #sent_again(message) {
    return this.#excused(...split(message), split(message)[1]);
  }

  #excused(sender, number, other) {
    if (this.#abandoned.has(`${sender}/${number}`) || this.#abandoned.has(`${sender}/${other}`)) return true;
    return has_both(this.#doubts, sender, number, other);
  }

  #order_is_open(sender, number, other) {
    return this.#excused(sender, number, other) || has_both(this.#unordered, sender, number, other);
  }
}

function add_range(ranges, sender, first, last) {
  ranges.set(sender, [...(ranges.get(sender) ?? []), [first, last]]);
}

function has_both(ranges, sender, number, other) {
  const within = (each, first, last) => each >= first && each <= last;
  return (ranges.get(sender) ?? []).some(([first, last]) => within(number, first, last) && within(other, first, last));
}

function split(message) {
  const at = message.lastIndexOf('/');
  return [message.slice(0, at), Number(message.slice(at + 1))];
}
