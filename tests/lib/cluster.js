// A Redis Cluster of the test's own: masters, each with its replicas. Looked at as if it were one
// Redis: each key's master is asked.

import { free_port, temporary_folder } from './process.js';
import { Trunk } from './proxy.js';
import { NODE_USER, RedisServer } from './redis.js';
import { NeverError, waitFor } from './wait.js';

const SLOTS = 16384;
const REDIRECTIONS = 5;
const MIGRATE_MS = 1000; // both servers stand still for so long, at most
const INSIST_MS = 20000;
const FAILOVER_MS = 40000;

class ClusterNode extends RedisServer {
  static async start(options) {
    const node = new ClusterNode();
    Object.assign(node, options);
    node.folder = temporary_folder('cluster');
    node.port = await free_port();
    node.bus_port = await free_port();
    await node.launch();
    node.id = await node.command('CLUSTER', 'MYID');
    return node;
  }

  settings() {
    const endpoint = this.nameless ? 'unknown-endpoint' : 'ip';
    return [
      ...super.settings(), '--cluster-enabled', 'yes', '--cluster-port', this.bus_port,
      '--cluster-node-timeout', this.timeout_ms, '--cluster-require-full-coverage', 'no',
      '--cluster-preferred-endpoint-type', endpoint,
    ];
  }

  async is_master() {
    return (await this.command('ROLE'))[0] === 'master';
  }

  // What it knows: [{id, flags, master, epoch, slots}].
  async view() {
    const lines = (await this.command('CLUSTER', 'NODES')).trim().split('\n');
    return lines.map((line) => {
      const [id, , flags, master, , , epoch, , ...slots] = line.split(' ');
      return {
        id,
        flags: flags.split(',').filter((flag) => flag !== 'myself'),
        master,
        epoch,
        slots: slots.filter((slot) => !slot.startsWith('[')),
      };
    });
  }
}

// Whatever stands in the way: connections that are killed, a server that pauses its clients.
function insist(what, act) {
  return waitFor(what, act, INSIST_MS);
}

export class RedisCluster {
  #ports = new Map(); // key -> port of its master, by what was last heard

  // `timeout_ms`: a master that is not heard of for so long is replaced. `nameless`: the servers
  // tell clients no host, so that each node may have its own cables (`cable`).
  static async start({ masters = 3, replicas = 0, aof = 'everysec', timeout_ms = 1500, nameless = false } = {}) {
    const cluster = new RedisCluster();
    cluster.options = { aof, timeout_ms, nameless };
    cluster.nodes = [];
    for (let i = 0; i < masters * (1 + replicas); i++) {
      const node = await ClusterNode.start(cluster.options);
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

  // For nodes.
  get url() {
    return `redis+cluster://${NODE_USER}@${this.nodes.slice(0, 3).map(({ port }) => `127.0.0.1:${port}`)}`;
  }

  // The same for the node of that number, by cables of its own.
  cable(index) {
    return Trunk.start(this.nodes.map(({ port }) => port), `127.0.1.${index + 1}`);
  }

  get servers() {
    return this.nodes;
  }

  // By what the watch hears of publications.
  get monitored() {
    return this.nodes;
  }

  get answering() {
    return this.nodes.filter(({ answers }) => answers);
  }

  async #meet(nodes) {
    for (const { port, bus_port } of nodes) {
      await this.nodes[0].command('CLUSTER', 'MEET', '127.0.0.1', port, bus_port);
    }
  }

  // Another master, without slots, and its replica.
  async add() {
    const added = [await ClusterNode.start(this.options), await ClusterNode.start(this.options)];
    const [node, replica] = added;
    await this.#meet(added);
    this.nodes.push(...added);
    await waitFor('a replica begins', () => replica.command('CLUSTER', 'REPLICATE', node.id));
    await this.whole();
    return node;
  }

  // ---- as one Redis -----------------------------------------------------------------------

  // The first word behind the command is its key.
  command(...words) {
    return this.command_of_key(words[1], ...words);
  }

  command_of_key(key, ...words) {
    return this.#ask(key, (node) => node.command(...words));
  }

  hash(key) {
    return this.#ask(key, (node) => node.hash(key));
  }

  async keys(pattern) {
    const found = [];
    for (const master of await this.masters()) found.push(...(await master.keys(pattern)));
    return [...new Set(found)].sort();
  }

  async #ask(key, act) {
    for (let i = 0; i < REDIRECTIONS; i++) {
      const known = this.answering.find(({ port }) => port === this.#ports.get(key));
      try {
        return await act(known ?? this.answering[0]);
      } catch (error) {
        this.#ports.delete(key);
        const [, port] = /^MOVED \d+ .*:(\d+)$/.exec(error.message) ?? [];
        if (!port) throw error;
        this.#ports.set(key, Number(port));
      }
    }
    throw new Error(`nobody has ${key}`);
  }

  // ---- masters ----------------------------------------------------------------------------

  async masters() {
    const masters = [];
    for (const node of this.answering) if (await node.is_master()) masters.push(node);
    return masters;
  }

  async pick_master(number) {
    const masters = await this.masters();
    return masters[number % masters.length];
  }

  // Somebody else has what was its.
  async another_master(old) {
    await waitFor('its replica is the master', async () => {
      const view = await this.answering.find((node) => node !== old).view();
      return view.find(({ id }) => id === old.id).slots.length === 0;
    }, FAILOVER_MS);
  }

  async order_failover(number) {
    const master = await this.pick_master(number);
    const { id } = (await master.view()).find((each) => each.master === master.id);
    const replica = this.nodes.find((node) => node.id === id);
    await waitFor('the replica took over', async () => {
      if (await replica.is_master()) return true;
      await replica.command('CLUSTER', 'FAILOVER').catch(() => {});
      await waitFor('', () => replica.is_master(), 2000).catch(() => {});
      return false;
    }, FAILOVER_MS);
    await this.whole();
  }

  // All of them run, as they should.
  async heal() {
    for (const node of this.nodes) await node.heal();
    await this.whole();
  }

  // All that run know the same, and nothing is wrong with it.
  async whole(patience_ms = 60000) {
    let state;
    await waitFor(() => `the cluster is whole: ${state}`, async () => {
      const views = new Set();
      for (const node of this.answering) {
        const info = await node.command('CLUSTER', 'INFO');
        const view = (await node.view()).sort((a, b) => (a.id < b.id ? -1 : 1));
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

  // ---- slots ------------------------------------------------------------------------------

  // The master of a slot, by what the masters themselves say.
  async owner(slot) {
    for (const node of this.answering) {
      const own = (await node.view()).find(({ id, flags }) => id === node.id && flags.includes('master'));
      const has = own?.slots.some((range) => {
        const [first, last = first] = range.split('-').map(Number);
        return slot >= first && slot <= last;
      });
      if (has) return node;
    }
    return null;
  }

  async slot_of(key) {
    return this.answering[0].command('CLUSTER', 'KEYSLOT', key);
  }

  // As redis-cli --cluster reshard does, `keys_at_once` at a time. `pace` is called in between.
  // Ends when `to`'s replicas have what came.
  async move(slot, to, { keys_at_once = 20, pace = async () => {} } = {}) {
    const from = await waitFor(`${slot} has a master`, () => this.owner(slot), INSIST_MS);
    if (from === to) return;
    await insist('a slot is imported', () => to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id));
    await insist('a slot is migrated', () => from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id));
    for (;;) {
      const keys = await insist('keys of a slot', () => from.command('CLUSTER', 'GETKEYSINSLOT', slot, keys_at_once));
      if (!keys.length) break;
      // A copy that an earlier try left there is older: the slot is still `from`'s.
      const words = ['MIGRATE', '127.0.0.1', to.port, '', 0, MIGRATE_MS, 'REPLACE', 'KEYS', ...keys];
      await insist('keys pass', () => from.command(...words));
      await pace();
    }
    await this.#replicated(to);
    await insist('a slot is taken', () => to.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id));
    await insist('a slot is given', () => from.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id));
    for (const node of this.answering) {
      if (node !== to && node !== from) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id).catch(() => {});
    }
    await this.whole();
  }

  // A master that dies right now loses nothing of what it has by now.
  async #replicated(master) {
    const [role, offset, replicas] = await insist('its role', () => master.command('ROLE'));
    if (role !== 'master') throw new NeverError(`${master.port} is no master any more`);
    if (!replicas.length) return;
    await insist('its replicas have all', async () => {
      const [, , now] = await master.command('ROLE');
      return now.every(([, , has]) => Number(has) >= offset);
    });
  }

  async stop() {
    for (const node of this.nodes) await node.stop();
  }
}
