// A rolling restart under load (issue 4): each of three nodes in turn gets SIGTERM, drains, ends and
// is started again, while messages flow. Nothing is lost or repeated, connections are closed at a
// pace with 1012, and of those who came back elsewhere nobody is told that they had gone.
//
//   PARLEY_ROLLING=2000  messages a second (200)

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SimpleClient } from '../lib/client.js';
import { Crowd } from '../lib/crowd.js';
import { Gateway } from '../lib/gateway.js';
import { RedisServer } from '../lib/redis.js';
import { RespClient } from '../lib/resp.js';
import { Traffic } from '../lib/traffic.js';
import { pause, waitFor, within } from '../lib/wait.js';

const RATE = Number(process.env.PARLEY_ROLLING ?? 200);
const GAP_MS = 20; // of one sender
const CROWD = 300;
const DRAIN_RATE = 150; // a node with a third of them and the others drains for about a second
const GRACE_MS = 2000;

let redis;
let nodes;

before(async () => {
  redis = await RedisServer.start({ aof: 'everysec' });
  const flags = ['--drain-rate', DRAIN_RATE, '--presence-grace-ms', GRACE_MS, '--log-level', 'warning'];
  nodes = await Promise.all(['a', 'b', 'c'].map((id) => Gateway.start({ redis, id: `node-${id}`, flags })));
});

after(async () => {
  for (const node of nodes ?? []) await node.stop();
  await redis?.stop();
});

// A simple client who attends the lobby, and comes back elsewhere as soon as it is closed.
class Mover {
  codes = [];
  turns = 0;
  frames = []; // of all its connections

  constructor(name) {
    this.name = name;
    this.ran = this.#run();
  }

  async #run() {
    for (; !this.over; this.turns++) {
      const node = nodes.filter(({ running, leaving }) => running && !leaving)[this.turns % 2];
      try {
        this.client = await SimpleClient.open(node, this.name);
      } catch (error) {
        if (error.status !== 403 && error.status !== 503 && !error.code) throw error;
        await pause(20); // the name is being given back, or the node goes
        continue;
      }
      this.client.on_frame = (frame) => this.frames.push(frame);
      const { code } = await this.client.closed;
      this.codes.push(code);
    }
  }

  async stop() {
    this.over = true;
    await this.client.close();
    await this.ran;
  }
}

async function restart(node, done) {
  node.leaving = true;
  const begun = Date.now();
  process.kill(node.child.pid, 'SIGTERM');
  const { code } = await within(30000, `the end of ${node.id}`, node.child.exited);
  assert.equal(code, 0);
  done.push(Date.now() - begun);
  await node.launch();
  node.leaving = false;
}

test(`a rolling restart of three nodes under ${RATE} messages a second`, { timeout: 180000 }, async () => {
  const looker = await RespClient.connect(redis.port);
  const told = [];
  looker.on_message = (channel, line) => {
    const { kind, from } = JSON.parse(line);
    told.push({ kind, user: from?.id });
  };
  await looker.command('PSUBSCRIBE', 'parley:room:{lobby}', 'parley:user:{mover-*');
  const crowd = new Crowd(CROWD, 'roll', nodes);
  const movers = Array.from({ length: 6 }, (_, i) => new Mover(`mover-${i}`));
  const traffic = new Traffic(nodes, { name: 'r', senders: Math.ceil((RATE * GAP_MS) / 1000), receivers: Math.ceil(RATE / 400) + 1, gap_ms: GAP_MS, keeps: true });
  try {
    await crowd.whole(0, 20000);
    await traffic.flows(RATE);
    await waitFor('all movers have arrived', () => told.filter(({ kind, user }) => kind === 'room.entered' && user?.startsWith('mover-')).length >= movers.length);
    const begun = Date.now();
    const acknowledged = traffic.acknowledged;
    const drains = [];
    for (const node of nodes) {
      await restart(node, drains);
      await traffic.flows(RATE);
    }
    const seconds = (Date.now() - begun) / 1000;
    const rate = (traffic.acknowledged - acknowledged) / seconds;
    await crowd.whole(CROWD, 20000);
    await pause(GRACE_MS + 500); // whoever were told gone would be told by now
    await traffic.settle();
    console.log(`${rate.toFixed(0)} messages a second were acknowledged over ${seconds.toFixed(1)} s; drains took ${drains} ms`);
    console.log(traffic.summary());
    console.log(`crowd: ${JSON.stringify(crowd.state)}; movers' turns: ${movers.map(({ turns }) => turns)}`);

    assert.deepEqual(traffic.faults, []);
    assert.deepEqual(Object.keys(crowd.state.codes), ['1012'], 'closed with anything else');
    // At a pace: a second or so for each node's share of the crowd.
    for (const ms of drains) assert.ok(ms >= 600, `drained in ${ms} ms`);
    for (const { codes } of movers) assert.deepEqual([...new Set(codes)], [1012]);
    const gone = told.filter(({ kind, user }) => ['room.exited', 'presence.offline'].includes(kind) && user?.startsWith('mover-'));
    assert.deepEqual(gone, [], 'somebody who had moved was told to be gone');
    const entered = told.filter(({ kind, user }) => kind === 'room.entered' && user?.startsWith('mover-'));
    assert.equal(entered.length, movers.length, 'somebody who had moved was told to have come');
  } finally {
    await traffic.stop();
    await Promise.allSettled(movers.map((mover) => mover.stop()));
    await crowd.stop();
    looker.close();
  }
});
