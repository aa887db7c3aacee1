// A world to test in: one Redis, some nodes, a watch on every publication; and
// scenes, the tests that play in it.
//
//   const world = use_world({ nodes: 2 });
//   scene(world, 'a greeting crosses the nodes', async (stage) => {
//     const alice = await stage.simple(0, 'alice'); ...
//   });
//
// A scene's users get names that no other scene uses. When it is over its clients
// are closed, and every envelope that was published must have kept the contract;
// when it fails, the error carries the logs of the nodes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ChatClient, ConcordClient, MessagingClient, RoomsClient, SimpleClient } from './client.js';
import { check_frames, take_frame_faults } from './contract.js';
import { Gateway } from './gateway.js';
import { Rest } from './http.js';
import { take_alarms } from './process.js';
import { Proxy } from './proxy.js';
import { RawClient } from './raw.js';
import { RedisServer } from './redis.js';
import { Watch } from './watch.js';
import { within } from './wait.js';

const SCENE_TIMEOUT_MS = 30000;

export class World {
  nodes = [];
  proxies = [];

  // `redis`: options of a RedisServer, or one that has been started. `proxied`: between each node
  // and Redis there is a Proxy, in `proxies`.
  static async start({ nodes = 1, redis = {}, node = {}, proxied = false } = {}) {
    const world = new World();
    world.proxied = proxied;
    try {
      world.redis = redis.url ? redis : await RedisServer.start(redis);
      world.watch = await Watch.start(world.redis);
      world.node_options = node;
      await Promise.all(Array.from({ length: nodes }, (_, index) => world.add_node(index)));
    } catch (error) {
      const log = world.logs();
      await world.stop().catch(() => {});
      error.message += `\n${log}`;
      throw error;
    }
    return world;
  }

  async add_node(index = this.nodes.length) {
    if (this.proxied) this.proxies[index] = await (this.redis.cable?.(index) ?? Proxy.start(this.redis.port));
    this.nodes[index] = await Gateway.start({
      redis: this.proxies[index] ?? this.redis,
      id: `node-${String.fromCharCode(97 + index)}`,
      ...this.node_options,
    });
    return this.nodes[index];
  }

  // Brings back whatever a scene left dead, paused or not ready.
  async heal() {
    await this.redis.heal();
    for (const proxy of this.proxies) proxy.mend();
    for (const node of this.nodes) {
      node.resume();
      if (!node.running) await node.launch({ ready: false });
    }
    await Promise.all(this.nodes.map((node) => node.ready()));
  }

  async stop() {
    const ends = await Promise.allSettled(this.nodes.filter(Boolean).map((node) => node.stop()));
    this.watch?.stop();
    for (const proxy of this.proxies) proxy.stop();
    await this.redis?.stop();
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
    check_frames();
  }

  // What the nodes printed since `mark_logs`, or ever. A node that was started again
  // meanwhile shows all of its new log.
  logs() {
    return this.nodes
      .filter(Boolean)
      .map((node) => node.log(this.marks?.get(node.child)))
      .join('\n');
  }

  mark_logs() {
    this.marks = new Map(this.nodes.map((node) => [node.child, node.child.line_count]));
  }
}

// A world that lives as long as the test file. Its fields are there inside scenes.
export function use_world(options) {
  const handle = {};
  before(async () => {
    Object.assign(handle, { world: await World.start(options) });
  });
  after(async () => {
    await handle.world?.stop();
  });
  return handle;
}

let scenes_played = 0;

export class Stage {
  #clients = [];
  cast = new Set();

  constructor(world) {
    const { redis, nodes, proxies, watch } = world;
    Object.assign(this, { world, redis, nodes, proxies, watch });
    this.suffix = `s${process.pid.toString(36)}-${++scenes_played}`;
  }

  // A user's name that only this scene uses.
  name(short) {
    const name = `${short}-${this.suffix}`;
    this.cast.add(name);
    return name;
  }

  // A simple client on node `index`. `user` gets the scene's suffix.
  async simple(index, user, options = {}) {
    return this.keep(
      await SimpleClient.open(this.#node(index), this.name(user), { cast: this.cast, ...options }),
    );
  }

  // The same, its own arrival already taken.
  async simple_arrived(index, user, options) {
    const client = await this.simple(index, user, options);
    await client.arrived();
    return client;
  }

  async messaging(index, user, options = {}) {
    return this.keep(await MessagingClient.open(this.#node(index), this.name(user), options));
  }

  async chat(index, user, options = {}) {
    return this.keep(await ChatClient.open(this.#node(index), this.name(user), options));
  }

  async concord(index, user, options = {}) {
    return this.keep(await ConcordClient.open(this.#node(index), this.name(user), options));
  }

  async rooms(index, user, options = {}) {
    const all = { cast: this.cast, ...options };
    return this.keep(await RoomsClient.open(this.#node(index), this.name(user), all));
  }

  // A client of a REST surface ("native", "concord", "rooms"); `identity` as in http.js.
  rest(index, surface, identity) {
    return new Rest(this.#node(index), surface, identity);
  }

  async raw(index, path, options) {
    return this.keep(new RawClient()).open(this.#node(index), path, options);
  }

  keep(client) {
    this.#clients.push(client);
    return client;
  }

  // Does any key of Redis hold this text?
  async text_in_redis(text) {
    for (const key of await this.redis.keys('*')) {
      if (key.includes(text) || (await this.#value(key)).includes(text)) return key;
    }
    return null;
  }

  async #value(key) {
    const readers = {
      string: ['GET', key],
      list: ['LRANGE', key, 0, -1],
      hash: ['HGETALL', key],
      set: ['SMEMBERS', key],
      zset: ['ZRANGE', key, 0, -1],
      stream: ['XRANGE', key, '-', '+'],
    };
    const reader = readers[await this.redis.command('TYPE', key)];
    return reader ? JSON.stringify(await this.redis.command(...reader)) : '';
  }

  async clear() {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  dump() {
    return this.#clients.map((client) => client.dump()).join('\n');
  }

  #node(index) {
    return typeof index === 'number' ? this.nodes[index] : index;
  }
}

// One test. `play` gets a Stage.
export function scene(handle, name, play, { timeout_ms = SCENE_TIMEOUT_MS, heals = false } = {}) {
  test(name, { timeout: timeout_ms * 2 + 30000 }, async () => {
    const { world } = handle;
    if (!world) throw new Error('the world did not start');
    const stage = new Stage(world);
    world.mark_logs();
    try {
      await within(timeout_ms, `the end of "${name}"`, play(stage));
    } catch (error) {
      const faults = take_frame_faults().map((fault) => `\n--- not as documented\n${fault}`);
      error.message += `${faults.slice(0, 5).join('')}\n--- frames\n${stage.dump()}\n--- logs\n${world.logs()}`;
      throw error;
    } finally {
      await stage.clear();
      if (heals) await world.heal();
      await world.watch.settle();
    }
    world.watch.check();
    check_frames();
    assert.deepEqual(take_alarms(), [], 'the program complained');
  });
}
