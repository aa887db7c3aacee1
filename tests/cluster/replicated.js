// A master with its replicas and sentinels (lib/sentinel.js), looked at as if it were one Redis:
// whoever is the master by the last that was seen.

import { SentinelGroup } from '../lib/sentinel.js';
import { waitFor } from '../lib/wait.js';

const FAILOVER_MS = 40000;

export class Replicated {
  static async start({ aof }) {
    const replicated = new Replicated();
    // One replica, which has all that was acknowledged (PARLEY_REDIS_WAIT=1): of two the sentinels may
    // choose the one that has it not.
    replicated.group = await SentinelGroup.start({ aof, replicas: 1 });
    [replicated.master] = replicated.group.servers;
    return replicated;
  }

  get servers() {
    return this.group.servers;
  }

  get url() {
    return this.group.url;
  }

  get port() {
    return this.master.port;
  }

  command(...words) {
    return this.master.command(...words);
  }

  hash(key) {
    return this.master.hash(key);
  }

  keys(pattern) {
    return this.master.keys(pattern);
  }

  async pick_master() {
    return this.master;
  }

  async order_failover() {
    const [sentinel] = this.group.sentinels;
    const { master } = this;
    const said = await sentinel.command('SENTINEL', 'FAILOVER', 'mymaster').catch((error) => error.message);
    if (said !== 'OK') return;
    // They may give it up: where the replica does not become one in time.
    await waitFor('the failover ends', async () => {
      const flat = await sentinel.command('SENTINEL', 'MASTER', 'mymaster').catch(() => []);
      const flags = flat[flat.indexOf('flags') + 1];
      return flags && !flags.includes('failover_in_progress');
    }, FAILOVER_MS);
    const [, port] = await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster');
    if (Number(port) !== master.port) await this.another_master(master);
  }

  // Some other one is named by all sentinels.
  async another_master(old) {
    await waitFor('another master is named', async () => {
      const master = await this.group.master();
      if (!master || master === old) return false;
      this.master = master;
      return true;
    }, FAILOVER_MS);
  }

  // All run, and agree.
  async whole() {
    await this.group.whole();
    this.master = await this.group.master();
  }

  async heal() {
    for (const server of this.servers) await server.heal();
    for (const sentinel of this.group.sentinels) if (!sentinel.child.running) sentinel.launch();
    await this.whole();
  }

  async stop() {
    await this.group.stop();
  }
}
