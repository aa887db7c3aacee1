// Listens to everything that is published (`PSUBSCRIBE parley:*`, as a person with
// redis-cli would; in a cluster `MONITOR`, monitor.js) and holds each publication against the
// contract: the schema, the order of the members, a dense seq per channel, ids that grow within a
// channel.

import { Monitors } from './monitor.js';
import { RespClient } from './resp.js';
import { fault_finder } from './schema.js';
import { waitFor } from './wait.js';

const MEMBERS = ['v', 'id', 'seq', 'kind', 'ts', 'from', 'to', 'dialog', 'keep', 'origin', 'body'];

const schema_faults = fault_finder('envelope.schema.json');

// What is wrong with one published line, in words; empty where nothing is.
export function envelope_faults(line) {
  let envelope;
  try {
    envelope = JSON.parse(line);
  } catch {
    return ['not JSON'];
  }
  const faults = schema_faults(envelope);
  if (line.includes('\n')) faults.push('more than one line');
  const members = Object.keys(envelope);
  const in_order = MEMBERS.filter((name) => members.includes(name));
  if (String(members.filter((name) => MEMBERS.includes(name))) !== String(in_order)) {
    faults.push(`members in the order ${members}`);
  }
  return faults;
}

// In each term of a master seq goes on from the time (backend/README.md, epochs): it jumps, and far.
function is_jump(before, seq) {
  return seq > 1e12 && seq > before + 100;
}

export class Watch {
  envelopes = []; // {channel, line, envelope}
  faults = [];
  #last = new Map(); // channel -> {seq, id}
  #stopped = false;

  static async start(redis) {
    const watch = new Watch();
    watch.redis = redis;
    if (redis.monitored) watch.monitors = await Monitors.start(redis.monitored, (...said) => watch.#take(...said), () => watch.#last.clear());
    else await watch.#connect();
    return watch;
  }

  // Publications on `channel` (string or RegExp, or null for all) that `matches`.
  find(channel, matches = () => true) {
    return this.envelopes.filter(
      (entry) =>
        (channel === null ||
          (channel instanceof RegExp ? channel.test(entry.channel) : channel === entry.channel)) &&
        matches(entry.envelope),
    );
  }

  // The first such publication, once there is one.
  async expect(channel, matches = () => true, patience_ms) {
    return (
      await waitFor(
        () => `a publication on ${channel}; seen:\n${this.dump()}`,
        () => this.find(channel, matches)[0],
        patience_ms,
      )
    ).envelope;
  }

  dump(count = 30) {
    return this.envelopes
      .slice(-count)
      .map((entry) => `  ${entry.channel} ${entry.line}`)
      .join('\n');
  }

  // Throws when anything published so far broke the contract.
  check() {
    if (this.faults.length === 0) return;
    const faults = this.faults.splice(0);
    throw new Error(`published envelopes break the contract:\n${faults.slice(0, 10).join('\n')}`);
  }

  forget() {
    this.envelopes.length = 0;
  }

  // All that Redis had published when this was called has been looked at.
  async settle() {
    await this.monitors?.settle();
    if (this.client && !this.client.closed) await this.client.command('PING').catch(() => {});
  }

  stop() {
    this.#stopped = true;
    this.monitors?.stop();
    this.client?.close();
  }

  async #connect() {
    const client = await RespClient.connect(this.redis.port);
    // What was published meanwhile was missed: the first of each channel may be any. Before
    // the first can come, which the answer to PSUBSCRIBE may bring along.
    this.#last.clear();
    try {
      client.on_message = (channel, line) => this.#take(channel, line);
      await client.command('PSUBSCRIBE', 'parley:*');
    } catch (error) {
      client.close();
      throw error;
    }
    this.client = client;
    client.on_close = () => this.#reconnect();
    if (client.closed) throw new Error('lost again');
  }

  async #reconnect() {
    while (!this.#stopped) {
      try {
        return await this.#connect();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  #take(channel, line) {
    const faults = envelope_faults(line);
    let envelope = {};
    try {
      envelope = JSON.parse(line);
    } catch {
      /* told by envelope_faults */
    }
    const last = this.#last.get(channel);
    if (envelope.seq > 0) {
      if (last && envelope.seq !== last.seq + 1 && !is_jump(last.seq, envelope.seq)) faults.push(`seq ${envelope.seq} after ${last.seq}`);
      // In an inbox, what a dialog's log stamped has that log's id, and may come late: a sender
      // that died in between sends it again.
      const stamped = envelope.id !== 0 && !(envelope.keep === 'log' && envelope.to?.kind === 'user');
      if (last && stamped && envelope.id <= last.id) faults.push(`id ${envelope.id} after ${last.id}`);
      this.#last.set(channel, { seq: envelope.seq, id: Math.max(stamped ? envelope.id : 0, last?.id ?? 0) });
    }
    // Another room of the same id counts from the beginning.
    if (envelope.kind === 'room.deleted') this.#last.delete(channel);
    for (const fault of faults) this.faults.push(`  ${fault}: ${channel} ${line}`);
    this.envelopes.push({ channel, line, envelope });
    if (this.envelopes.length > 50000) this.envelopes.splice(0, 25000);
  }
}
