// A TCP proxy between a node and its Redis: the cable that can be cut, or hang.

import { createConnection, createServer } from 'node:net';
import { NODE_USER } from './redis.js';

export class Proxy {
  #pairs = new Set(); // {near, far, name}: near is the node's side
  #is_cut = false;

  static start(redis_port) {
    const proxy = new Proxy();
    proxy.server = createServer((near) => proxy.#accept(near, redis_port));
    return new Promise((resolve, reject) => {
      proxy.server.once('error', reject);
      proxy.server.listen(0, '127.0.0.1', () => resolve(proxy));
    });
  }

  get url() {
    return `redis://${NODE_USER}@127.0.0.1:${this.server.address().port}`;
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

  // Nothing passes in either direction, and nobody is told.
  hang(pattern) {
    return this.#each(pattern, ({ near, far }) => {
      near.pause();
      far.pause();
    });
  }

  // Every link breaks, and none can be made until `mend`.
  cut() {
    this.#is_cut = true;
    this.#each(/^/, ({ near, far }) => {
      near.destroy();
      far.destroy();
    });
  }

  mend() {
    this.#is_cut = false;
    this.#each(/^/, ({ near, far }) => {
      near.resume();
      far.resume();
    });
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

  #accept(near, redis_port) {
    if (this.#is_cut) {
      near.destroy();
      return;
    }
    const far = createConnection({ port: redis_port, host: '127.0.0.1', noDelay: true });
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
    near.on('data', (bytes) => {
      pair.name ||= /parley:[^\r\n]+:(bus|commands)/.exec(bytes.toString('latin1'))?.[0] ?? '';
      far.write(bytes);
    });
    far.on('data', (bytes) => near.write(bytes));
  }
}
