// Redis Cluster: direct messages while slots move, masters come, die and are replaced.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RedisCluster } from '../lib/cluster.js';
import { Gateway } from '../lib/gateway.js';
import { take_alarms } from '../lib/process.js';
import { Traffic } from '../lib/traffic.js';
import { pause } from '../lib/wait.js';

const NODES = 2;

let cluster;
let nodes = [];

before(async () => {
  cluster = await RedisCluster.start({ masters: 3, replicas: 1 });
  nodes = await Promise.all(
    Array.from({ length: NODES }, (_, i) =>
      Gateway.start({ redis: cluster, id: `node-${i}`, flags: ['--redis-wait', 1] }),
    ),
  );
});

after(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await cluster?.stop();
});

async function under_traffic(t, name, break_it) {
  const traffic = new Traffic(nodes, { name });
  try {
    await traffic.flows(200);
    await break_it(traffic);
    await Promise.all(nodes.map((node) => node.ready(60000)));
    await traffic.flows(200);
    await traffic.settle();
    assert.deepEqual(traffic.faults.slice(0, 10), []);
    assert.deepEqual(take_alarms(), []);
    t.diagnostic(traffic.summary());
  } catch (error) {
    error.message += `\n${traffic.summary()}\n${nodes.map((node) => node.log()).join('\n')}`;
    throw error;
  } finally {
    await traffic.stop();
    await cluster.heal();
  }
}

const slots_of = (traffic) =>
  Promise.all(traffic.receivers.map((name) => cluster.slot_of(`parley:user:{${name}}`)));

test('the slots of receivers move to another master and back', { timeout: 180000 }, async (t) => {
  await under_traffic(t, 'moved', async (traffic) => {
    for (let round = 0; round < 2; round++) {
      for (const slot of await slots_of(traffic)) {
        const from = await cluster.owner(slot);
        const to = (await cluster.masters()).find((node) => node !== from);
        await cluster.move(slot, to, { pace: () => pause(1) });
        await traffic.flows(20);
      }
    }
    assert.equal(traffic.refusals.size, 0, `nobody was told: ${traffic.summary()}`);
  });
});

test('a new master takes slots', { timeout: 180000 }, async (t) => {
  await under_traffic(t, 'grown', async (traffic) => {
    const fresh = await cluster.add();
    for (const slot of await slots_of(traffic)) await cluster.move(slot, fresh);
    await traffic.flows(100);
  });
});

test('kill -9 of a master: its replica takes over', { timeout: 180000 }, async (t) => {
  await under_traffic(t, 'killed', async (traffic) => {
    const [slot] = await slots_of(traffic);
    const victim = await cluster.owner(slot);
    await victim.kill();
    await cluster.another_master(victim);
    await victim.launch(); // as the replica that --redis-wait waits for
    await cluster.whole();
  });
});
