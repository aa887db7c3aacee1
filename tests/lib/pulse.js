// A pulse: stored direct messages at an even rate, from senders on one node to receivers on
// another, each one's delivery timed. What others are doing must hardly change it.

import { MessagingClient } from './client.js';
import { waitFor } from './wait.js';

const TICK_MS = 10;

export class Pulse {
  #samples = [];
  #sent = 0;
  #shown = 0;
  faults = [];

  static async start(from, to, { pairs = 10, rate = 200, name = 'pulse' } = {}) {
    const pulse = new Pulse();
    pulse.clients = [];
    const lanes = [];
    for (let i = 0; i < pairs; i++) {
      const receiver = await MessagingClient.open(to, `${name}-to-${i}`);
      const sender = await MessagingClient.open(from, `${name}-from-${i}`);
      pulse.clients.push(receiver, sender);
      receiver.on_frame = (frame) => {
        for (const item of frame.messages ?? []) pulse.#take(item);
        if (frame.messages) receiver.mark(...frame.messages.map(({ id }) => id));
      };
      sender.on_frame = (frame) => pulse.faults.push(...(frame.errors ?? []).map(({ code }) => code));
      lanes.push({ sender, receiver });
    }
    const begun = performance.now();
    pulse.timer = setInterval(() => {
      const due = Math.floor(((performance.now() - begun) * rate) / 1000);
      for (; pulse.#sent < due; pulse.#sent++) {
        const { sender, receiver } = lanes[pulse.#sent % pairs];
        sender.put({ id: pulse.#sent, rid: receiver.id, text: String(performance.now()) });
      }
    }, TICK_MS);
    return pulse;
  }

  #take({ text }) {
    this.#shown++;
    this.#samples.push(performance.now() - Number(text));
  }

  // What was measured since the last call: {count, p50, p99, max} in milliseconds.
  take() {
    const sorted = this.#samples.splice(0).sort((a, b) => a - b);
    const at = (share) => Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2));
    return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
  }

  // Nothing more is sent, and all has arrived.
  async settle(patience_ms = 10000) {
    clearInterval(this.timer);
    await waitFor(() => `all ${this.#sent} arrive: ${this.#shown} have`, () => this.#shown === this.#sent, patience_ms);
  }

  async stop() {
    clearInterval(this.timer);
    for (const client of this.clients) await client.close();
  }
}
