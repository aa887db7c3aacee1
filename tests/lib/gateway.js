// One node of Parley: the program under test, as a process.

import { existsSync } from 'node:fs';
import { Child, free_port, take_alarms } from './process.js';
import { http } from './http.js';
import { NeverError, PATIENCE_MS, waitFor } from './wait.js';

// The program: PARLEY_BIN, else the release build.
export function program() {
  const path =
    process.env.PARLEY_BIN ??
    new URL('../../build/gateway/parley', import.meta.url).pathname;
  if (!existsSync(path)) {
    throw new Error(`there is no program at ${path}: build it, or name one in PARLEY_BIN`);
  }
  return path;
}

const PORT_TRIES = 3;

export class Gateway {
  // `redis`: a RedisServer, or null for a private one. `flags` go behind the usual
  // ones; `environment` is added.
  static async start({ redis, id, workers = 1, port, flags = [], environment = {}, ready = true }) {
    const gateway = new Gateway();
    Object.assign(gateway, { redis, id, workers, flags, environment });
    for (let tries = 1; ; tries++) {
      gateway.port = port ?? (await free_port());
      try {
        await gateway.launch({ ready });
        return gateway;
      } catch (error) {
        // Somebody else on this machine listens there by now.
        if (port || tries === PORT_TRIES || !error.message.includes('event=port_not_free')) throw error;
      }
    }
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  get ws() {
    return `ws://127.0.0.1:${this.port}`;
  }

  // Starts the process (again), with the same port and name.
  async launch({ ready = true } = {}) {
    const args = ['--port', this.port, '--workers', this.workers, '--node-id', this.id];
    if (this.redis) args.push('--redis', this.redis.url);
    this.child = new Child(this.id, program(), [...args, ...this.flags].map(String), {
      environment: this.environment,
    });
    if (ready) await this.ready();
  }

  // /readyz says 200.
  async ready(patience_ms = PATIENCE_MS * 2) {
    await this.readiness(200, patience_ms);
  }

  // /readyz says `status`.
  async readiness(status, patience_ms) {
    let said;
    await waitFor(
      () => `/readyz of ${this.id} says ${status}, and not ${said?.status} ${said?.body}`,
      async () => {
        if (!this.child.running) {
          throw new NeverError(`${this.id} ended with ${this.child.code ?? this.child.by_signal}\n${this.log()}`);
        }
        said = await http(this.url, '/readyz');
        return said.status === status;
      },
      patience_ms,
    );
  }

  pause() {
    this.child.signal('SIGSTOP');
  }

  resume() {
    this.child.signal('SIGCONT');
  }

  async kill() {
    await this.child.kill();
  }

  // In good order, and without a complaint: whatever a sanitizer has to say at the end
  // counts as well.
  async stop() {
    const was_running = this.child.running;
    await this.child.stop();
    await this.child.output_ended;
    const alarms = take_alarms();
    if (alarms.length) throw new Error(`the program complained:\n${alarms.join('\n')}\n${this.log()}`);
    if (was_running && this.child.code !== 0) {
      throw new Error(`${this.id} ended with ${this.child.code ?? this.child.by_signal}\n${this.log()}`);
    }
  }

  get running() {
    return this.child.running;
  }

  async metrics() {
    return (await http(this.url, '/metrics')).body;
  }

  log(since) {
    return this.child.log(since);
  }
}
