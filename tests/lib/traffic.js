// Direct messages from some senders to some receivers, while a test breaks things: what
// clients do in earnest. A sender whose message has no outcome connects again and sends all that
// was not acknowledged once more, under the same ids; receivers stay as long as they can.

import { MessagingClient, SimpleClient } from './client.js';
import { History } from './history.js';
import { pause, waitFor, within } from './wait.js';

const ANSWER_MS = 15000;
const WINDOW = 16;
// Nobody says more than a user may in a second (--sends-per-second, 200), however fast the machine:
// not what is new, nor what was refused and is sent again.
const GAP_MS = 8;
const REFUSED_PAUSE_MS = 200;

export class Traffic {
  history = new History();
  clients = new Set();
  refusals = new Map(); // code or status -> how often
  again = 0; // so many were sent more than once
  sending = true;
  over = false;
  #running = [];
  #senders = [];

  // `nodes` are Gateways; names are this traffic's own. Each sender pauses for `gap_ms` after each
  // message. `keeps`: Redis loses nothing, so that what is sent again is still to be shown once.
  constructor(nodes, { senders = 4, receivers = 2, name = 't', gap_ms = GAP_MS, keeps = false } = {}) {
    this.nodes = nodes;
    this.gap_ms = gap_ms;
    this.keeps = keeps;
    this.history.lossy = !keeps;
    this.receivers = [];
    for (let i = 0; i < receivers; i++) {
      for (const protocol of ['messaging', 'simple']) {
        const receiver = `${name}-${protocol}-${i}`;
        this.receivers.push(receiver);
        this.#running.push(this.#receive(receiver, protocol));
      }
    }
    for (let i = 0; i < senders; i++) this.#senders.push(this.#send(`${name}-sender-${i}`));
    for (const promise of [...this.#running, ...this.#senders]) promise.catch((error) => this.history.faults.push(error.stack));
  }

  get acknowledged() {
    return this.history.acknowledged.size;
  }

  // That many more are acknowledged.
  async flows(count, patience_ms = 60000) {
    const until = this.acknowledged + count;
    await waitFor(
      () => `${until} messages are acknowledged: ${this.acknowledged} are; ${JSON.stringify([...this.refusals])}`,
      () => this.acknowledged >= until,
      patience_ms,
    );
  }

  // What was shown as it must not be.
  get faults() {
    return this.history.shown_faults();
  }

  // Senders end; everything acknowledged must be shown, to a new connection where need be.
  async settle(patience_ms = 30000) {
    this.sending = false;
    await within(patience_ms, 'the senders end', Promise.all(this.#senders));
    const missing = () => this.history.missing();
    try {
      await waitFor('all are shown', () => missing().length === 0, patience_ms / 2);
    } catch {
      this.late = missing(); // shown to nobody who was there: they must be unread
      for (const client of this.clients) client.cut();
    }
    await waitFor(
      () => `all that was acknowledged is shown; missing are ${missing().length}: ${missing().slice(0, 10)}`,
      () => missing().length === 0,
      patience_ms,
    );
    this.over = true;
    await Promise.all([...this.clients].map((client) => client.close()));
    await Promise.all(this.#running);
  }

  summary() {
    const refusals = JSON.stringify(Object.fromEntries(this.refusals));
    return (
      `${this.acknowledged} acknowledged, ${this.history.deliveries} shown, ${this.again} sent again, ` +
      `${this.late?.length ?? 0} shown to a later connection only; refusals ${refusals}`
    );
  }

  async stop() {
    this.sending = false;
    this.over = true;
    for (const client of this.clients) client.cut();
    await Promise.allSettled([...this.#senders, ...this.#running]);
  }

  #refused(what) {
    this.refusals.set(what, (this.refusals.get(what) ?? 0) + 1);
  }

  async #connect(open) {
    while (!this.over) {
      const node = this.nodes[Math.floor(Math.random() * this.nodes.length)];
      if (node.running) {
        try {
          const client = await open(node);
          this.clients.add(client);
          client.closed.then(() => this.clients.delete(client));
          return client;
        } catch (error) {
          this.#refused(error.status ?? error.code ?? error.message);
        }
      }
      await pause(50);
    }
    return null;
  }

  async #send(name) {
    const waiting = [];
    let made = 0;
    const make = () => {
      const rid = this.receivers[made % this.receivers.length];
      const number = made++;
      const id = `${name}/${number}`;
      this.history.say(id, rid);
      waiting.push({ number, item: { id, rid, sid: name, text: id } });
      return waiting.at(-1).item;
    };
    while (this.sending || waiting.length) {
      const client = await this.#connect((node) => MessagingClient.open(node, name));
      if (!client) return;
      let answered = () => {};
      let refused = false;
      client.on_frame = (frame) => {
        for (const { id } of frame.sent ?? []) {
          const index = waiting.findIndex(({ item }) => item.id === id);
          if (index < 0) this.history.faults.push(`${id} was acknowledged and is not waiting`);
          else this.history.acknowledge(id, waiting.splice(index, 1)[0].item.rid);
        }
        for (const { id, code } of frame.errors ?? []) {
          this.#refused(code);
          if (code !== 'unavailable') this.history.faults.push(`${id} was refused with ${code}`);
          refused = true;
          client.cut(); // later ones may have gone through: order is kept by a new start
        }
        answered();
      };
      // A Redis that loses some of it shows what is sent again a second time, and behind later ones.
      if (waiting.length && !this.keeps) this.history.doubt(name, waiting[0].number, made - 1);
      this.again += waiting.length;
      if (waiting.length) client.put(...waiting.map(({ item }) => item));
      while (client.is_open && (this.sending || waiting.length)) {
        if (this.sending && waiting.length < WINDOW) {
          client.put(make());
          await pause(this.gap_ms);
          continue;
        }
        const answer = Promise.race([client.closed, new Promise((resolve) => { answered = resolve; })]);
        await within(ANSWER_MS, '', answer).catch(() => {
          this.history.faults.push(`${name}: no answer to ${waiting[0].item.id} within ${ANSWER_MS} ms`);
          client.cut();
        });
      }
      if (client.is_open) await client.close();
      if (refused) await pause(REFUSED_PAUSE_MS);
    }
  }

  async #receive(name, protocol) {
    for (let turn = 0; !this.over; turn++) {
      const show = this.history.connection(name, `${protocol} ${name}, connection ${turn}`);
      const client = await this.#connect((node) =>
        protocol === 'simple' ? SimpleClient.open(node, name) : MessagingClient.open(node, name),
      );
      if (!client) return;
      client.on_frame = (frame) => {
        if (frame.type === 'message_sent') show(frame.message);
        for (const { id } of frame.messages ?? []) {
          show(id);
          client.mark(id);
        }
      };
      for (const frame of client.frames.splice(0)) client.on_frame(frame.json);
      await client.closed;
    }
  }
}
