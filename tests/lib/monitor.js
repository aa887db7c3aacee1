// What is published in a Redis Cluster, whatever the channel and whoever has its slot by now: there
// are no patterns for sharded channels, so each server's MONITOR is read, which shows what scripts do.
//
//   +1700000000.123456 [0 lua] "SPUBLISH" "parley:user:{31}" "{\"v\":1,...}"
//
// A replica shows what its master tells it as well, as of a client at the master's port: left out.

import { RespClient } from './resp.js';
import { waitFor } from './wait.js';

const LINE = /^[\d.]+ \[\d+ (?:lua|(?:.*):(\d+))\] "(\w+)"(.*)$/s;
const ESCAPED = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };

// The words of a line, each between quotes, its bytes escaped where they are not printable ASCII.
function words_of(text) {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, word]) => {
    const bytes = word.replace(/\\(x[0-9a-f]{2}|.)/gs, (_, code) => {
      return code.length > 1 ? String.fromCharCode(parseInt(code.slice(1), 16)) : (ESCAPED[code] ?? code);
    });
    return Buffer.from(bytes, 'latin1').toString('utf8');
  });
}

class Monitor {
  #seen = new Set(); // tokens
  #stopped = false;

  constructor(monitors, server) {
    Object.assign(this, { monitors, server });
  }

  async connect() {
    const client = await RespClient.connect(this.server.port);
    client.on_line = (line) => this.#take(line);
    try {
      await client.command('MONITOR');
    } catch (error) {
      client.close();
      throw error;
    }
    this.client = client;
    client.on_close = () => this.#reconnect();
    if (client.closed) this.#reconnect();
  }

  async #reconnect() {
    while (!this.#stopped) {
      try {
        await this.connect();
        this.monitors.missed();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  #take(line) {
    const [, port, command, rest] = LINE.exec(line) ?? [];
    if (/^echo$/i.test(command)) this.#seen.add(words_of(rest)[0]);
    if (!/^s?publish$/i.test(command) || this.monitors.is_server(Number(port))) return;
    this.monitors.take(...words_of(rest));
  }

  async settle(token) {
    if (!this.server.child.running) return;
    await waitFor(`the monitor of ${this.server.port} has read all`, async () => {
      if (this.#seen.delete(token)) return true;
      await this.server.command('ECHO', token);
      return false;
    });
  }

  stop() {
    this.#stopped = true;
    this.client?.close();
  }
}

export class Monitors {
  #all = [];
  #settled = 0;

  // `take(channel, line)` for each publication; `missed()`: there may have been some more.
  static async start(servers, take, missed) {
    const monitors = new Monitors();
    Object.assign(monitors, { servers, take, missed });
    monitors.#all = servers.map((server) => new Monitor(monitors, server));
    await Promise.all(monitors.#all.map((each) => each.connect()));
    return monitors;
  }

  is_server(port) {
    return this.servers.some((server) => server.port === port);
  }

  // All that was published when this was called has been taken.
  async settle() {
    const token = `settled ${++this.#settled}`;
    await Promise.all(this.#all.map((each) => each.settle(token)));
  }

  stop() {
    for (const each of this.#all) each.stop();
  }
}
