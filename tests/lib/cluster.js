// A Redis Cluster of the test's own: masters, each with its replicas.

import { Child, free_port, temporary_folder } from './process.js';
import { NODE_USER, users_file } from './redis.js';
import { RespClient } from './resp.js';
import { NeverError, waitFor } from './wait.js';

const SLOTS = 16384;

class ClusterNode {
  static async start() {
    const node = new ClusterNode();
    node.folder = temporary_folder('cluster');
    node.port = await free_port();
    node.bus_port = await free_port();
    await node.launch();
    node.id = await node.command('CLUSTER', 'MYID');
    return node;
  }

  async launch() {
    const args = [
      '--port', this.port, '--bind', '127.0.0.1', '--dir', this.folder, '--save', '', '--aclfile', users_file,
      '--cluster-enabled', 'yes', '--cluster-port', this.bus_port, '--cluster-node-timeout', 1500,
      '--cluster-require-full-coverage', 'no', '--appendonly', 'yes', '--appendfsync', 'everysec',
    ];
    this.child = new Child('redis', 'redis-server', args.map(String));
    await waitFor('redis-server answers', async () => {
      if (!this.child.running) throw new NeverError(`redis-server ended:\n${this.child.log()}`);
      return (await this.command('PING')) === 'PONG';
    });
  }

  async command(...words) {
    if (!this.connection || this.connection.closed) this.connection = await RespClient.connect(this.port);
    return this.connection.command(...words);
  }

  async stop() {
    this.connection?.close();
    if (this.child.running) await this.child.kill();
  }
}

export class RedisCluster {
  static async start({ masters = 3, replicas = 0 } = {}) {
    const cluster = new RedisCluster();
    cluster.nodes = [];
    for (let i = 0; i < masters * (1 + replicas); i++) {
      const node = await ClusterNode.start();
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
      cluster.nodes.push(node);
    }
    for (let i = 0; i < masters; i++) {
      const [first, end] = [i, i + 1].map((part) => Math.floor((SLOTS * part) / masters));
      await cluster.nodes[i].command('CLUSTER', 'ADDSLOTSRANGE', first, end - 1);
    }
    await cluster.#meet(cluster.nodes.slice(1));
    for (let i = masters; i < cluster.nodes.length; i++) {
      await waitFor('a replica begins', () =>
        cluster.nodes[i].command('CLUSTER', 'REPLICATE', cluster.nodes[i % masters].id),
      );
    }
    await cluster.whole();
    return cluster;
  }

  get url() {
    return `redis+cluster://${NODE_USER}@${this.nodes.slice(0, 3).map(({ port }) => `127.0.0.1:${port}`)}`;
  }

  async #meet(nodes) {
    for (const { port, bus_port } of nodes) {
      await this.nodes[0].command('CLUSTER', 'MEET', '127.0.0.1', port, bus_port);
    }
  }

  // Another master, without slots, and its replica.
  async add() {
    const added = [await ClusterNode.start(), await ClusterNode.start()];
    const [node, replica] = added;
    await this.#meet(added);
    this.nodes.push(...added);
    await waitFor('a replica begins', () => replica.command('CLUSTER', 'REPLICATE', node.id));
    await this.whole();
    return node;
  }

  // Starts again what a test left dead.
  async heal() {
    for (const node of this.nodes) if (!node.child.running) await node.launch();
    await this.whole();
  }

  // What a node knows: [{id, flags, slots}].
  async view(node) {
    const lines = (await node.command('CLUSTER', 'NODES')).trim().split('\n');
    return lines.map((line) => {
      const [id, , flags, , , , epoch, , ...slots] = line.split(' ');
      return { id, flags: flags.split(',').filter((flag) => flag !== 'myself'), epoch, slots: slots.filter((slot) => !slot.startsWith('[')) };
    });
  }

  // All that run know the same, and nothing is wrong with it.
  async whole(patience_ms = 60000) {
    let state;
    await waitFor(() => `the cluster is whole: ${state}`, async () => {
      const views = new Set();
      const running = this.nodes.filter(({ child }) => child.running);
      for (const node of running) {
        const info = await node.command('CLUSTER', 'INFO');
        const view = (await this.view(node)).sort((a, b) => (a.id < b.id ? -1 : 1));
        state = `${node.port}: ${JSON.stringify(view)}`;
        if (!info.includes('cluster_state:ok') || view.length !== this.nodes.length) return false;
        if (view.some(({ flags }) => flags.some((flag) => /handshake|fail/.test(flag)))) return false;
        views.add(JSON.stringify(view));
        const role = await node.command('ROLE');
        if (role[0] === 'slave' && role[3] !== 'connected') return false;
      }
      return views.size === 1;
    }, patience_ms);
  }

  // The master of a slot, by what the masters themselves say.
  async owner(slot) {
    for (const node of this.nodes.filter(({ child }) => child.running)) {
      const [own] = (await this.view(node)).filter(({ id, flags }) => id === node.id && flags.includes('master'));
      const has = own?.slots.some((range) => {
        const [first, last = first] = range.split('-').map(Number);
        return slot >= first && slot <= last;
      });
      if (has) return node;
    }
    return null;
  }

  async slot_of(key) {
    return this.nodes.find(({ child }) => child.running).command('CLUSTER', 'KEYSLOT', key);
  }

  // As redis-cli --cluster reshard does, key by key. `pace` is called between two keys.
  async move(slot, to, pace = async () => {}) {
    const from = await this.owner(slot);
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    for (;;) {
      const keys = await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 20);
      if (!keys.length) break;
      await from.command('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...keys);
      await pace();
    }
    await to.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
    for (const node of this.nodes) {
      if (node !== to && node.child.running) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id).catch(() => {});
    }
    await this.whole();
  }

  async stop() {
    for (const node of this.nodes) await node.stop();
  }
}
