// A master, its replicas and their sentinels, all of the test's own.

import { mkdirSync, writeFileSync } from 'node:fs';
import { Child, free_port, temporary_folder } from './process.js';
import { NODE_USER, RedisServer } from './redis.js';
import { RespClient } from './resp.js';
import { waitFor } from './wait.js';

const MASTER = 'mymaster';

class Sentinel {
  static async start(master_port, quorum) {
    const sentinel = new Sentinel();
    sentinel.port = await free_port();
    sentinel.folder = temporary_folder('sentinel');
    mkdirSync(sentinel.folder, { recursive: true });
    sentinel.file = `${sentinel.folder}/sentinel.conf`;
    writeFileSync(
      sentinel.file,
      `port ${sentinel.port}
bind 127.0.0.1
dir ${sentinel.folder}
sentinel monitor ${MASTER} 127.0.0.1 ${master_port} ${quorum}
sentinel down-after-milliseconds ${MASTER} 800
sentinel failover-timeout ${MASTER} 4000
`,
    );
    sentinel.launch();
    return sentinel;
  }

  launch() {
    this.child = new Child('sentinel', 'redis-server', [this.file, '--sentinel']);
  }

  async command(...words) {
    const client = await RespClient.connect(this.port);
    try {
      return await client.command(...words);
    } finally {
      client.close();
    }
  }
}

export class SentinelGroup {
  static async start({ replicas = 2, sentinels = 3, aof = 'no' } = {}) {
    const group = new SentinelGroup();
    group.servers = [];
    for (let i = 0; i <= replicas; i++) group.servers.push(await RedisServer.start({ aof }));
    const master_port = group.servers[0].port;
    for (const server of group.servers.slice(1)) await server.command('REPLICAOF', '127.0.0.1', master_port);
    group.sentinels = [];
    const quorum = Math.floor(sentinels / 2) + 1;
    for (let i = 0; i < sentinels; i++) group.sentinels.push(await Sentinel.start(master_port, quorum));
    await group.whole();
    return group;
  }

  // For nodes.
  get url() {
    const hosts = this.sentinels.map(({ port }) => `127.0.0.1:${port}`);
    return `redis+sentinel://${NODE_USER}@${hosts}/${MASTER}`;
  }

  // What they agree on; null where they do not.
  async master() {
    const ports = new Set();
    for (const sentinel of this.sentinels) {
      const address = await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER).catch(() => null);
      ports.add(Number(address?.[1]));
    }
    return ports.size === 1 ? this.servers.find(({ port }) => ports.has(port)) : null;
  }

  // All run and agree on a master, whom all others follow.
  async whole(patience_ms = 60000) {
    let state;
    await waitFor(() => `the sentinels' group is whole: ${state}`, async () => {
      const master = await this.master();
      state = `master ${master?.port}`;
      if (!master?.child.running) return false;
      const role = await master.command('ROLE').catch(() => []);
      state += `, ${JSON.stringify(role)}`;
      if (role[0] !== 'master' || role[2].length !== this.servers.length - 1) return false;
      const links = await master.command('INFO', 'replication');
      if ((links.match(/state=online/g) ?? []).length !== this.servers.length - 1) return false;
      for (const sentinel of this.sentinels) {
        const flat = await sentinel.command('SENTINEL', 'MASTER', MASTER).catch(() => []);
        const fields = Object.fromEntries(flat.flatMap((word, i) => (i % 2 ? [] : [[word, flat[i + 1]]])));
        if (Number(fields['num-other-sentinels']) !== this.sentinels.length - 1) return false;
        if (Number(fields['num-slaves']) !== this.servers.length - 1 || fields.flags !== 'master') return false;
      }
      return true;
    }, patience_ms);
  }

  async stop() {
    for (const { child } of this.sentinels) if (child.running) await child.kill();
    for (const server of this.servers) await server.stop();
  }
}
