// Plays a transcript (tests/transcripts/README.md) against live nodes.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client, RefusedError } from './client.js';
import { PROTOCOLS, protocol as described } from './contract.js';
import { expand, mismatch } from './pattern.js';
import { random } from './random.js';
import { waitFor } from './wait.js';

const folder = new URL('../transcripts/', import.meta.url).pathname;

// [{protocol, file, transcript}] of all conversations; codec.json is not for here.
export function read_transcripts() {
  const found = [];
  for (const protocol of PROTOCOLS) {
    for (const file of readdirSync(join(folder, protocol)).sort()) {
      if (!file.endsWith('.json') || file === 'codec.json') continue;
      const { transcripts } = JSON.parse(readFileSync(join(folder, protocol, file), 'utf8'));
      for (const transcript of transcripts) found.push({ protocol, file, transcript });
    }
  }
  return found;
}

// Who attends the lobby, by what was published.
export function lobby_attendance(watch) {
  const there = new Set();
  for (const { envelope } of watch.find('parley:room:{lobby}')) {
    if (envelope.kind === 'room.entered') there.add(envelope.from.id);
    if (envelope.kind === 'room.exited') there.delete(envelope.from.id);
  }
  return [...there];
}

// Who of those one shares a dialog with is online, in every protocol that says so. It comes when
// it comes, for connections end at their own time: transcripts that are not about it see none.
function is_presence({ type, eventType }) {
  return type === 'user_status_updated' || eventType === 'online' || eventType === 'offline';
}

function is_about_presence({ steps }) {
  return steps.some((step) =>
    [step.expect, ...(step.expect_all ?? [])].some((pattern) => pattern && is_presence(pattern)),
  );
}

// A client whose frames all must be expected.
class Player {
  items = []; // messaging items that expect_items has not used up

  constructor(name, description, node, sees_presence) {
    Object.assign(this, { name, description, node, sees_presence });
  }

  async connect() {
    const { protocol, query = '', basic, headers, subprotocols = [] } = this.description;
    const { path = described(protocol).paths[0] } = this.description;
    const client = new Client();
    client.name = this.name;
    client.concerns = (frame) => this.sees_presence || !is_presence(frame);
    await client.open(this.node, query ? `${path}?${query}` : path, {}, {
      auth: basic,
      headers,
      protocols: subprotocols,
      protocol,
    });
    this.client = client;
  }
}

export class TranscriptRun {
  #memory = new Map();
  #players = new Map();
  #clients = []; // every connection that was made
  #taken = new Set();
  #from;

  // `fragments`: every text frame is split, at places that `seed` gives. `bad`: what clients
  // send may be no frame of their protocol.
  constructor({ world, transcript, nodes, fragments = false, seed = 1, bad = false }) {
    Object.assign(this, { world, transcript, fragments, bad });
    this.random = random(seed);
    this.#from = world.watch.envelopes.length;
    const sees_presence = is_about_presence(transcript);
    Object.entries(transcript.clients).forEach(([name, description], index) => {
      const node = world.nodes[Math.min(description.node ?? index % nodes, nodes - 1)];
      this.#players.set(name, new Player(name, description, node, sees_presence));
    });
  }

  async play() {
    for (const [index, step] of this.transcript.steps.entries()) {
      try {
        await this.#step(step);
      } catch (error) {
        error.message = `step ${index + 1}, ${JSON.stringify(step).slice(0, 300)}: ${error.message}`;
        throw error;
      }
    }
  }

  // Frames that nobody expected are an error, and what is open is closed. Not the other way round: who
  // closes first is gone to those who take longer.
  async end() {
    await Promise.all(this.#clients.map((client) => client.is_open && client.round_trip()));
    for (const client of this.#clients) if (client.frames.length) this.#unexpected(client);
    await this.abandon();
  }

  async abandon() {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  dump() {
    return this.#clients.map((client) => client.dump()).join('\n');
  }

  async #step(step) {
    if ('connect' in step) return this.#connect(step);
    if ('send' in step) return this.#send(this.#client(step.client), step.send);
    if ('send_binary' in step) {
      return this.#client(step.client).send(Buffer.from(step.send_binary, 'hex'));
    }
    if ('expect' in step) return this.#expect(step.client, step.expect);
    if ('expect_all' in step) return this.#expect_all(step.client, step.expect_all);
    if ('expect_items' in step) return this.#expect_items(step.client, step.expect_items);
    if ('close' in step) return this.#close(step.close);
    if ('closed' in step) return this.#client(step.client).expect_close(step.closed);
    if ('envelope' in step) return this.#envelope(step);
    if ('redis' in step) return this.#redis(step);
    throw new Error('no such step');
  }

  #player(name) {
    const player = this.#players.get(name);
    if (!player) throw new Error(`no client is called ${name}`);
    return player;
  }

  #client(name) {
    const { client } = this.#player(name);
    if (!client) throw new Error(`${name} is not connected`);
    return client;
  }

  async #connect({ connect, refused }) {
    const player = this.#player(connect);
    if (player.client?.frames.length) this.#unexpected(player.client);
    if (refused === undefined) {
      await player.connect();
      this.#clients.push(player.client);
      return;
    }
    await assert.rejects(player.connect(), (error) => {
      assert.ok(error instanceof RefusedError, error.message);
      assert.equal(error.status, refused);
      return true;
    });
  }

  #send(client, value) {
    const expanded = expand(value, this.#memory);
    const bad = this.bad || typeof expanded === 'string';
    if (!this.fragments) return client.send(expanded, { bad });
    const whole = typeof expanded === 'string' ? expanded : JSON.stringify(expanded);
    client.contract.sending(expanded, bad);
    const bytes = Buffer.from(whole);
    let at = 0;
    while (at < bytes.length - 1) {
      const largest = Math.min(bytes.length - 1 - at, 2 ** (1 + this.random.below(14)));
      const size = 1 + this.random.below(largest);
      client.socket.send(bytes.subarray(at, at + size), { binary: false, fin: false });
      at += size;
    }
    client.socket.send(bytes.subarray(at), { binary: false, fin: true });
  }

  async #expect(name, pattern) {
    const client = this.#client(name);
    const frame = await client.next_frame();
    const fault =
      pattern && typeof pattern === 'object' && '$text' in pattern
        ? frame.text === pattern.$text ? null : `it is not ${pattern.$text}`
        : mismatch(pattern, frame.json, this.#memory);
    if (fault) throw new Error(`${name} got ${frame.text.slice(0, 500)}: ${fault}`);
  }

  async #expect_all(name, patterns) {
    const client = this.#client(name);
    const left = [...patterns];
    while (left.length) {
      const frame = await client.next_frame();
      const index = left.findIndex((pattern) => {
        const trial = new Map(this.#memory);
        if (mismatch(pattern, frame.json, trial) !== null) return false;
        this.#memory = trial;
        return true;
      });
      if (index < 0) throw new Error(`${name} got ${frame.text.slice(0, 500)}, which no pattern matches`);
      left.splice(index, 1);
    }
  }

  async #expect_items(name, patterns) {
    const client = this.#client(name);
    const items = [];
    while (items.length < patterns.length) {
      const frame = await client.next_frame();
      const { messages, ...others } = frame.json;
      if (!Array.isArray(messages) || Object.keys(others).length) {
        throw new Error(`${name} got ${frame.text.slice(0, 500)} while messages were expected`);
      }
      items.push(...messages);
    }
    const fault = mismatch(patterns, items, this.#memory);
    if (fault) throw new Error(`${name} got ${JSON.stringify(items).slice(0, 500)}: ${fault}`);
  }

  async #close(name) {
    const client = this.#client(name);
    await client.close();
    if (client.frames.length) this.#unexpected(client);
  }

  #unexpected(client) {
    throw new Error(`${client.name} got what no step expects: ${client.frames[0].text.slice(0, 500)}`);
  }

  // The next of its kind on that channel, among those that no step has taken.
  async #envelope({ envelope: pattern, channel }) {
    const name = typeof channel === 'object' ? expand(channel, this.#memory) : channel;
    const { watch } = this.world;
    const entry = await waitFor(
      () => `${pattern.kind} on ${name}; published:\n${watch.dump()}`,
      () =>
        watch.envelopes
          .slice(this.#from)
          .find(
            (found) =>
              found.channel === name &&
              found.envelope.kind === pattern.kind &&
              !this.#taken.has(found),
          ),
    );
    this.#taken.add(entry);
    const fault = mismatch(pattern, entry.envelope, this.#memory);
    if (fault) throw new Error(`published was ${entry.line}: ${fault}`);
  }

  async #redis({ redis, becomes }) {
    let last;
    await waitFor(
      () => `${redis.join(' ')} becomes ${JSON.stringify(becomes)}; it is ${JSON.stringify(last)}`,
      async () => {
        last = await this.world.redis.command(...expand(redis, this.#memory));
        const trial = new Map(this.#memory);
        if (mismatch(becomes, last, trial) !== null) return false;
        this.#memory = trial;
        return true;
      },
    );
  }
}
