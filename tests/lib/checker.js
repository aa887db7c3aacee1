// What clients recorded, held against the guarantees (design.md, "Guarantees"): no
// message that was acknowledged is lost, none is shown twice on one connection, and
// each connection is shown a sender's messages in the order in which they were sent.
//
// A message is named "<sender>/<number>", its sender counting from 0.

export class Checker {
  acknowledged = new Map(); // message -> receiver
  shown = new Map(); // receiver -> Set of messages
  faults = [];
  deliveries = 0;

  acknowledge(message, receiver) {
    this.acknowledged.set(message, receiver);
  }

  // A new connection of `receiver`; gives the function to call for each message that
  // it is shown. Those of `again` were sent more than once, to Redises that may have lost the
  // first one after it was shown: for them neither once nor order is promised.
  connection(receiver, label, again = new Set()) {
    const here = new Set();
    const newest = new Map();
    if (!this.shown.has(receiver)) this.shown.set(receiver, new Set());
    return (message) => {
      const [sender, number] = message.split('/');
      this.deliveries++;
      if (again.has(message)) {
        this.shown.get(receiver).add(message);
        return;
      }
      if (here.has(message)) this.faults.push(`${label} was shown ${message} twice`);
      else if (Number(number) <= (newest.get(sender) ?? -1)) {
        this.faults.push(`${label} was shown ${message} after ${sender}/${newest.get(sender)}`);
      }
      here.add(message);
      newest.set(sender, Math.max(Number(number), newest.get(sender) ?? -1));
      this.shown.get(receiver).add(message);
    };
  }

  // Acknowledged, and never shown to whom they were for.
  missing() {
    const missing = [];
    for (const [message, receiver] of this.acknowledged) {
      if (!this.shown.get(receiver)?.has(message)) missing.push(`${message} for ${receiver}`);
    }
    return missing;
  }
}
