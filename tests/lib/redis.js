// A redis-server of the test's own, in a temporary folder. The nodes are the user of
// deploy/redis/users.acl there, the tests themselves may do anything.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Child, free_port, temporary_folder } from './process.js';
import { RespClient } from './resp.js';
import { NeverError, waitFor } from './wait.js';

const run = promisify(execFile);
export const users_file = new URL('../../deploy/redis/users.acl', import.meta.url).pathname;

// As whom a node comes.
export const NODE_USER = 'parley:change-me';

export class RedisServer {
  more = []; // settings

  // `aof`: 'no' (nothing is kept), 'everysec', 'always'. `settings` go behind the usual ones.
  static async start({ aof = 'no', settings = [] } = {}) {
    const server = new RedisServer();
    server.aof = aof;
    server.more = settings;
    server.folder = temporary_folder('redis');
    server.port = await free_port();
    await server.launch();
    return server;
  }

  get url() {
    return `redis://${NODE_USER}@127.0.0.1:${this.port}`;
  }

  settings() {
    const aof = this.aof === 'no' ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', this.aof];
    return ['--port', this.port, '--bind', '127.0.0.1', '--dir', this.folder, '--save', '', '--aclfile', users_file, ...aof, ...this.more];
  }

  // Starts the process (again), on the same port and folder.
  async launch() {
    this.child = new Child('redis', 'redis-server', this.settings().map(String));
    await waitFor('redis-server answers', async () => {
      if (!this.child.running) throw new NeverError(`redis-server ended:\n${this.child.log()}`);
      const client = await RespClient.connect(this.port);
      try {
        return (await client.command('PING')) === 'PONG';
      } finally {
        client.close();
      }
    });
  }

  // The shared connection for looking and for faults.
  async client() {
    if (!this.connection || this.connection.closed) {
      this.connection = await RespClient.connect(this.port);
    }
    return this.connection;
  }

  async command(...words) {
    return (await this.client()).command(...words);
  }

  async hash(key) {
    return (await this.client()).hash(key);
  }

  async keys(pattern) {
    return (await this.client()).keys(pattern);
  }

  // What the real redis-cli prints.
  async cli(...words) {
    const { stdout } = await run('redis-cli', ['-p', String(this.port), ...words.map(String)]);
    return stdout;
  }

  pause() {
    this.child.signal('SIGSTOP');
    this.stands_still = true;
  }

  resume() {
    this.child.signal('SIGCONT');
    this.stands_still = false;
  }

  // It runs, and answers.
  get answers() {
    return this.child.running && !this.stands_still;
  }

  async kill() {
    await this.child.kill();
    this.stands_still = false;
  }

  // It runs, whatever was done to it.
  async heal() {
    if (this.child.running) this.resume();
    else await this.launch();
  }

  async stop() {
    this.connection?.close();
    if (this.child.running) await this.child.kill();
  }
}
