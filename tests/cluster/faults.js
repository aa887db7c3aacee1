// What may break (schedule.js says when). Each ends in a sound state, but for what another one
// that is under way at the same time holds back; what takes long is bounded.
//
// `play` has world, doors (a Proxy in front of each node), cables (one between each node and
// Redis), actors; `step` is one of the schedule.

import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { descendants_of } from '../lib/process.js';
import { pause, waitFor, within } from '../lib/wait.js';

const DRAIN_MS = 20000;
const SLOTS_AT_ONCE = 4;
const SCRIPTS_MS = 2000; // somebody says something to every master

async function drain(play, node, ms) {
  if (!node.running) return;
  process.kill(node.child.pid, 'SIGTERM');
  await within(DRAIN_MS, `the end of ${node.id} after SIGTERM`, node.child.exited);
  const { code, by_signal } = node.child;
  if (code !== 0) play.history.faults.push(`${node.id} ended with ${code ?? by_signal} after SIGTERM`);
  node.child.signal('SIGKILL');
  await pause(ms);
  await node.launch({ ready: false });
}

async function pause_node(play, { victim, ms }) {
  const node = play.world.nodes[victim];
  node.pause();
  await pause(ms);
  node.resume();
}

// A third of the connected ones, at least one.
function some_actors(play, size, fits = () => true) {
  const connected = play.actors.filter((actor) => actor.is_connected && fits(actor));
  return connected.filter((_, i) => (i + size) % 3 === 0);
}

async function aof_bytes({ folder }) {
  const files = join(folder, 'appendonlydir');
  return Math.max(...readdirSync(files).map((file) => statSync(join(files, file)).size));
}

const tell_redis = (play, ...words) => play.redis_servers().map((server) => server.command(...words).catch(() => {}));

// Of a server that does not answer: none.
async function script_counts(play) {
  const infos = await Promise.all(tell_redis(play, 'INFO', 'memory'));
  return infos.map((info) => Number(/number_of_cached_scripts:(\d+)/.exec(info)?.[1] ?? 0));
}

export const FAULTS = {
  // What it had written and hangs in the cable arrives when that goes on.
  async kill_node(play, { victim, ms }) {
    const node = play.world.nodes[victim];
    await node.kill();
    await pause(ms);
    await node.launch({ ready: false });
  },

  // The supervisor starts another one.
  async kill_worker(play, { victim, size }) {
    const workers = descendants_of(play.world.nodes[victim].child.pid);
    if (workers.length) process.kill(workers[size % workers.length], 'SIGKILL');
  },

  pause_node,
  pause_past_lease: pause_node,

  async drain_node(play, { victim, ms }) {
    await drain(play, play.world.nodes[victim], ms);
  },

  async rolling_restart(play, { ms }) {
    for (const node of play.world.nodes) {
      await drain(play, node, ms);
      await node.ready(15000).catch(() => {}); // Redis may be away
    }
  },

  async restart_redis({ world: { redis } }, { ms }) {
    await redis.kill();
    await pause(ms);
    await redis.launch();
  },

  async pause_redis({ world: { redis } }, { ms }) {
    redis.pause();
    await pause(ms);
    redis.resume();
  },

  // The append-only file can grow by `size` bytes more: what is written then is cut off within a
  // command, and Redis, which promised to have it all on disk, ends.
  async full_disk({ world: { redis } }, { ms, size }) {
    const most = (await aof_bytes(redis)) + size;
    execFileSync('prlimit', ['--pid', String(redis.child.pid), `--fsize=${most}:${most}`]);
    await within(5000, 'the end of Redis on a full disk', redis.child.exited).catch(() => redis.kill());
    await pause(ms);
    // What Redis itself cuts off may leave a MULTI without its EXEC (seen with 7.0.15): what it held is
    // then carried out with the next transaction, once Redis is started again.
    execFileSync('redis-check-aof', ['--fix', join(redis.folder, 'appendonlydir', 'appendonly.aof.manifest')], { input: 'y\n' });
    await redis.launch();
  },

  async full_memory({ world: { redis } }, { ms }) {
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    await pause(ms);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
  },

  async failover({ redis }, { victim }) {
    await redis.order_failover(victim);
  },

  // It comes back as a replica, and has it all before anything else is done to a master.
  async kill_master({ redis }, { victim, ms }) {
    const master = await redis.pick_master(victim);
    await master.kill();
    await redis.another_master(master);
    await pause(ms);
    await master.launch();
    await redis.whole();
  },

  // For long enough to be replaced, or not.
  async pause_master({ redis }, { victim, ms }) {
    const master = await redis.pick_master(victim);
    master.pause();
    await pause(ms);
    master.resume();
    await redis.whole();
  },

  // Of some that are used; `size` says which, where to, and how long they are split.
  async move_slots({ redis, actors }, { victim, size }) {
    const used = [...actors.map(({ user }) => `user:{${user}}`), 'room:{lobby}', 'room:{den}', 'nodes', 'blocks', 'all', 'node:{node-a.0}'];
    for (let i = 0; i < SLOTS_AT_ONCE; i++) {
      const slot = await redis.slot_of(`parley:${used[(size + 7 * i) % used.length]}`);
      const to = await redis.pick_master(victim + i);
      await redis.move(slot, to, { keys_at_once: 2, pace: () => pause(size % 50) });
    }
  },

  // Until some node has loaded them again what one sends may overtake what it sent before
  // (operations.md).
  async flush_scripts(play) {
    const unordered = play.actors.map((actor) => actor.unorder());
    const before = await script_counts(play);
    await Promise.all(tell_redis(play, 'SCRIPT', 'FLUSH'));
    const are_back = async () => (await script_counts(play)).every((count, i) => count >= before[i]);
    await waitFor('the scripts are there again', are_back, SCRIPTS_MS).catch(() => {});
    for (const done of unordered) done();
  },

  async kill_commands(play) {
    await Promise.all(tell_redis(play, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
  },

  async kill_subscribers(play) {
    await Promise.all(tell_redis(play, 'CLIENT', 'KILL', 'TYPE', 'pubsub'));
  },

  async client_pause(play, { ms, size }) {
    await Promise.all(tell_redis(play, 'CLIENT', 'PAUSE', ms, size % 2 ? 'ALL' : 'WRITE'));
    await pause(ms);
  },

  async slow_link({ cables }, { victim, ms, size }) {
    const cable = cables[victim].part(size);
    cable.latency_ms = size;
    await pause(ms);
    cable.latency_ms = 0;
  },

  async cut_link({ cables }, { victim, ms, size }) {
    const cable = cables[victim].part(size);
    cable.cut();
    await pause(ms);
    cable.mend();
  },

  async hang_link({ cables }, { victim, ms, size }) {
    const cable = cables[victim].part(size);
    cable.hang([/^/, /:commands$/, /:bus$/][size % 3]);
    await pause(ms);
    cable.mend();
  },

  async mute_bus({ cables }, { victim, ms, size }) {
    const cable = cables[victim].part(size);
    cable.mute(/:bus$/);
    await pause(ms);
    cable.mend();
  },

  async slow_door({ doors }, { victim, ms, size }) {
    doors[victim].latency_ms = size;
    await pause(ms);
    doors[victim].latency_ms = 0;
  },

  async cut_door({ doors }, { victim, ms }) {
    doors[victim].cut();
    await pause(ms);
    doors[victim].mend();
  },

  // Nothing passes, the clients give up and go elsewhere, and their node knows of nothing; or it
  // all arrives late.
  async half_open(play, { victim, ms, size }) {
    play.doors[victim].hang(/^/);
    const there = play.actors.filter(({ client }) => client?.by_proxy && client.at === victim);
    await pause(ms / 2);
    if (size % 2) for (const actor of there) actor.client?.cut();
    await pause(ms / 2);
    play.doors[victim].mend();
  },

  async cut_clients(play, { size }) {
    for (const actor of some_actors(play, size)) actor.client.cut();
  },

  async slow_readers(play, { ms, size }) {
    const readers = some_actors(play, size).map(({ client }) => client);
    for (const client of readers) client.pause();
    await pause(ms);
    for (const client of readers) client.resume();
  },

  async take_over(play, { size }) {
    await Promise.all(some_actors(play, size, ({ protocol }) => protocol === 'messaging').map((actor) => actor.take_over()));
  },
};

// Whatever a fault left: everything runs, and nothing stands in the way.
export async function heal(play) {
  for (const proxy of [...play.doors, ...play.cables]) {
    proxy.latency_ms = 0;
    proxy.mend();
  }
  await play.world.heal();
  await Promise.all(tell_redis(play, 'CLIENT', 'UNPAUSE'));
  for (const { client } of play.actors) if (client?.is_open) client.resume();
  await waitFor('all nodes are ready', async () => {
    await Promise.all(play.world.nodes.map((node) => node.ready()));
    return true;
  }, 30000);
}
