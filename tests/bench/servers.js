// What is measured, as processes: bare servers, and a node of Parley with a Redis of its
// own. Each is started for one sample and ended after it, so that no sample pays for
// what an earlier one left behind.

import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { program } from '../lib/gateway.js';
import { http } from '../lib/http.js';
import { Child, free_port, run_to_end, temporary_folder } from '../lib/process.js';
import { waitFor } from '../lib/wait.js';

const root = new URL('../../', import.meta.url).pathname;
const bin = process.env.BENCH_BIN ?? join(root, 'build/bench');

// Which cores who runs on, the same for the limit and the product. With two, the load
// generator and the server have one each and Redis goes where there is room; Redis alone
// stands where the server does.
function pins() {
  const count = cpus().length;
  if (count === 1) return { load: '0', server: '0', redis: '0' };
  if (count < 4) return { load: '0', server: '1', redis: process.env.BENCH_REDIS_CPUS ?? '0,1' };
  return { load: '0', server: '1', redis: '2', two_workers: '1,3' };
}

export const cores = cpus().length;
export const pinned = pins();
const two_workers = pinned.two_workers ?? pinned.server;

function spawn(name, cores_of, command, args, log = '/dev/null') {
  const shell = ['-c', 'exec "$@" >"$0" 2>&1', log, 'taskset', '-c', cores_of, command];
  return new Child(name, 'sh', [...shell, ...args.map(String)]);
}

// Bounds that a load generator would run into are out of its way, but still checked.
const generous = [
  ...['--frames-per-second', 100000000, '--frames-burst', 100000000],
  ...['--sends-per-second', 100000000, '--sends-burst', 100000000],
  ...['--bytes-per-second', '1TiB', '--bytes-burst', '1TiB'],
  ...['--handshakes-per-second', 10000000, '--max-connections-per-address', 10000000],
];

async function redis_start() {
  const folder = temporary_folder('bench-redis');
  const socket = join(folder, 'socket');
  // A rewrite of the append-only file in the middle of a sample would be measured, too.
  const args = ['--port', 0, '--unixsocket', socket, '--dir', folder, '--save', ''];
  args.push('--appendonly', 'yes', '--appendfsync', 'everysec', '--auto-aof-rewrite-percentage', 0);
  return { folder, socket, args };
}

async function redis_cli(socket, input) {
  return run_to_end('sh', ['-c', 'printf "%s" "$1" | redis-cli -s "$0"', socket, input]);
}

async function redis_launch(where) {
  const redis = await redis_start();
  redis.child = spawn('redis', where, 'redis-server', redis.args, join(redis.folder, 'log'));
  await waitFor('redis-server answers', async () =>
    (await redis_cli(redis.socket, 'PING\n')).output.includes('PONG'),
  );
  return redis;
}

// Rooms of the load generator's pairs, as backend/scripts/record_make.lua would make
// them: open, public, kept nowhere.
async function make_rooms(socket, count) {
  const lines = [];
  for (let i = 0; i < count; i++) {
    const uuid = `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`;
    const fields = `num ${1000 + i} uuid ${uuid} name b0-${i} open 1 public 1 keep none`;
    lines.push(`HSET parley:room:{b0-${i}}:record ${fields}\n`);
  }
  await redis_cli(socket, lines.join(''));
}

// A script as the node has it: parts put in as backend/embed_scripts.cmake does.
function script_write(name, path) {
  const read = (file) => readFileSync(join(root, 'backend/scripts', `${file}.lua`), 'utf8');
  const whole = (text) => text.replace(/^-- include (\w+)$/gm, (_, part) => whole(read(`parts/${part}`)));
  writeFileSync(path, whole(read(name)));
}

const kinds = {
  async bare({ mode }) {
    const child = new Child('bare', 'taskset', ['-c', pinned.server, join(bin, 'bare'), mode]);
    const port = await waitFor('the port of the bare server', () => child.lines[0]?.split(' ')[1]);
    return { children: [child], load: ['--port', port, '--cpu', `node=${child.pid}`] };
  },

  async parley({ workers = 1, rooms = 0 }) {
    const redis = await redis_launch(pinned.redis);
    if (rooms) await make_rooms(redis.socket, rooms);
    const port = await free_port();
    const args = ['--port', port, '--listen', '127.0.0.1', '--redis', `unix://${redis.socket}`];
    args.push('--workers', workers, '--node-id', 'gw-bench', ...generous);
    const where = workers > 1 ? two_workers : pinned.server;
    const node = spawn('parley', where, program(), args, join(redis.folder, 'node.log'));
    await waitFor('the node is ready', async () => {
      if (!node.running) throw new Error('it has ended');
      return (await http(`http://127.0.0.1:${port}`, '/readyz')).status === 200;
    });
    const load = ['--port', port, '--redis', redis.socket];
    load.push('--cpu', `node=${node.pid}`, '--cpu', `redis=${redis.child.pid}`);
    return { children: [node, redis.child], load };
  },

  async redis() {
    const redis = await redis_launch(pinned.server);
    const script = join(redis.folder, 'inbox_push.lua');
    script_write('inbox_push', script);
    const load = ['--redis', redis.socket, '--cpu', `redis=${redis.child.pid}`, '--script', script];
    return { children: [redis.child], load };
  },
};

const NOT_OFFERED = 3;

// One sample: {…what the load generator printed} or {unavailable: why}.
export async function sample({ server, load }, patience_s) {
  const running = await kinds[server.kind](server);
  try {
    const args = ['-c', pinned.load, join(bin, 'load'), ...load, ...running.load].map(String);
    const { code, output } = await run_to_end('taskset', args, { patience_ms: patience_s * 1000 });
    const last = output.split('\n').pop();
    if (code === NOT_OFFERED) return { unavailable: last };
    if (code !== 0) throw new Error(`load ${load.join(' ')} against ${server.kind}: ${output}`);
    return JSON.parse(last);
  } finally {
    for (const child of running.children) child.signal('SIGKILL');
    await Promise.all(running.children.map((child) => child.exited));
  }
}
