// A TCP proxy: the cable between a node and its Redis, or a client and its node, that can be
// cut, hang, or be long.

import { createConnection, createServer } from 'node:net';
import { NODE_USER } from './redis.js';

// One direction. What comes in goes out `latency_ms()` later, in order.
class Wire {
  #queue = []; // {bytes, due_ms}
  #timer = null;

  constructor(to, latency_ms) {
    Object.assign(this, { to, latency_ms });
  }

  push(bytes) {
    const delay = this.latency_ms();
    if (!delay && !this.#queue.length) {
      this.to.write(bytes);
      return;
    }
    const due_ms = Math.max(Date.now() + delay, this.#queue.at(-1)?.due_ms ?? 0);
    this.#queue.push({ bytes, due_ms });
    this.#timer ??= setTimeout(() => this.#run(), delay);
  }

  #run() {
    const now = Date.now();
    while (this.#queue.length && this.#queue[0].due_ms <= now) {
      const { bytes } = this.#queue.shift();
      if (!this.to.destroyed) this.to.write(bytes);
    }
    const [next] = this.#queue;
    this.#timer = next ? setTimeout(() => this.#run(), next.due_ms - now) : null;
  }
}

export class Proxy {
  latency_ms = 0; // of each direction
  #pairs = new Set(); // {near, far, name}: near is the node's side, or the client's
  #is_cut = false;
  #trap = null; // {word, caught}

  // Leads to `port` of 127.0.0.1; itself it is at `host`, and at a port that the system gives out
  // where `at` is 0.
  static start(port, { host = '127.0.0.1', at = 0 } = {}) {
    const proxy = new Proxy();
    proxy.server = createServer((near) => proxy.#accept(near, port));
    return new Promise((resolve, reject) => {
      proxy.server.once('error', reject);
      proxy.server.listen(at, host, () => resolve(proxy));
    });
  }

  get port() {
    return this.server.address().port;
  }

  // For nodes.
  get url() {
    return `redis://${NODE_USER}@127.0.0.1:${this.port}`;
  }

  // For clients.
  get ws() {
    return `ws://127.0.0.1:${this.port}`;
  }

  // The names that the links gave themselves (CLIENT SETNAME).
  get names() {
    return [...this.#pairs].map(({ name }) => name);
  }

  // What Redis says to the links of that name now does not arrive any more. Links that
  // are made later are sound. Gives how many that were.
  mute(pattern) {
    return this.#each(pattern, ({ far }) => far.pause());
  }

  // The next command with that argument is carried out, and is not answered any more, nor what is behind it
  // on that link. Resolves when it is on its way.
  mute_from(word) {
    return new Promise((caught) => {
      this.#trap = { word: `\r\n${word}\r\n`, caught };
    });
  }

  // Nothing passes in either direction, and nobody is told.
  hang(pattern) {
    return this.#each(pattern, ({ near, far }) => {
      near.pause();
      far.pause();
    });
  }

  // Every link breaks, and what was on its way is gone.
  drop() {
    this.#each(/^/, ({ near, far }) => {
      near.destroy();
      far.destroy();
    });
  }

  // The same, and none can be made until `mend`.
  cut() {
    this.#is_cut = true;
    this.drop();
  }

  mend() {
    this.#is_cut = false;
    this.#each(/^/, ({ near, far }) => {
      near.resume();
      far.resume();
    });
  }

  // What a fault may take for itself: of a Trunk, one of its cables.
  part() {
    return this;
  }

  stop() {
    this.cut();
    this.server.close();
  }

  #each(pattern, act) {
    const chosen = [...this.#pairs].filter(({ name }) => pattern.test(name));
    for (const pair of chosen) act(pair);
    return chosen.length;
  }

  #accept(near, port) {
    if (this.#is_cut) {
      near.destroy();
      return;
    }
    const far = createConnection({ port, host: '127.0.0.1', noDelay: true });
    near.setNoDelay(true);
    const pair = { near, far, name: '' };
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      socket.on('error', end);
      socket.on('close', end);
    }
    const there = new Wire(far, () => this.latency_ms);
    const back = new Wire(near, () => this.latency_ms);
    near.on('data', (bytes) => {
      pair.name ||= /parley:[^\r\n]+:(bus|commands)/.exec(bytes.toString('latin1'))?.[0] ?? '';
      if (this.#trap && bytes.includes(this.#trap.word)) {
        far.pause();
        this.#trap.caught();
        this.#trap = null;
      }
      there.push(bytes);
    });
    far.on('data', (bytes) => back.push(bytes));
  }
}

// The cables between a node and all servers of a Redis Cluster, treated as one. The node knows the
// servers by `host`, an address of its own, at which each has its usual port: they name no host to
// their clients (cluster-preferred-endpoint-type), who stay at the one that they came to.
export class Trunk {
  static async start(ports, host) {
    const trunk = new Trunk();
    trunk.url = `redis+cluster://${NODE_USER}@${ports.map((port) => `${host}:${port}`)}`;
    trunk.proxies = await Promise.all(ports.map((port) => Proxy.start(port, { host, at: port })));
    return trunk;
  }

  // One cable, or all of them.
  part(number) {
    return this.proxies[number % (this.proxies.length + 1)] ?? this;
  }

  set latency_ms(latency_ms) {
    for (const proxy of this.proxies) proxy.latency_ms = latency_ms;
  }

  mute(pattern) {
    return this.#sum((proxy) => proxy.mute(pattern));
  }

  hang(pattern) {
    return this.#sum((proxy) => proxy.hang(pattern));
  }

  drop() {
    for (const proxy of this.proxies) proxy.drop();
  }

  cut() {
    for (const proxy of this.proxies) proxy.cut();
  }

  mend() {
    for (const proxy of this.proxies) proxy.mend();
  }

  stop() {
    for (const proxy of this.proxies) proxy.stop();
  }

  #sum(act) {
    return this.proxies.reduce((sum, proxy) => sum + act(proxy), 0);
  }
}
