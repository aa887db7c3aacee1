// What the tests of a Redis Cluster stand on: one Redis to look at, whoever has a key by now; and a
// watch that hears everything that is published there.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RedisCluster } from './cluster.js';
import { RespClient } from './resp.js';
import { Watch } from './watch.js';

const options = { timeout: 60000 };
const KEYS = ['parley:user:{a}:inbox', 'parley:user:{b}:inbox', 'parley:user:{c}:inbox', 'parley:room:{lobby}:record'];
const PUBLISH = "return redis.call('SPUBLISH', KEYS[1], ARGV[1])";

let cluster;

before(async () => {
  cluster = await RedisCluster.start({ masters: 3, nameless: true });
});

after(async () => {
  await cluster?.stop();
});

test('keys are read where they are, also when their slots have moved', options, async () => {
  for (const key of KEYS) await cluster.command('HSET', key, 'of', key);
  for (const key of KEYS) assert.deepEqual(await cluster.hash(key), { of: key });
  for (const key of KEYS) {
    const slot = await cluster.slot_of(key);
    const from = await cluster.owner(slot);
    const to = (await cluster.masters()).find((node) => node !== from);
    await cluster.move(slot, to);
    assert.equal(await cluster.owner(slot), to);
    assert.deepEqual(await cluster.hash(key), { of: key });
  }
  assert.deepEqual(await cluster.keys('parley:*'), [...KEYS].sort());
});

test('the watch hears what scripts publish at any master, to the byte, and what is no envelope', options, async () => {
  const watch = await Watch.start(cluster);
  try {
    const probe = { v: 1, id: 0, seq: 0, kind: 'probe', ts: 1700000000123 };
    const lines = [JSON.stringify(probe), 'a "quoted"\n\\line\\ of möre than ASCII \u{1f600}\x01'];
    for (const key of KEYS) for (const line of lines) await cluster.command_of_key(key, 'EVAL', PUBLISH, 1, key, line);
    await watch.settle();
    for (const key of KEYS) assert.deepEqual(watch.find(key).map(({ line }) => line), lines);
    assert.equal(watch.faults.length, KEYS.length);
    assert.throws(() => watch.check(), /not JSON/);
  } finally {
    watch.stop();
  }
});

test('a node has cables of its own to all servers', options, async () => {
  const cable = await cluster.cable(7);
  try {
    const [, at] = /@127\.0\.1\.8:(\d+)/.exec(cable.url);
    const client = await RespClient.connect(Number(at), '127.0.1.8');
    const [, , [host, port]] = (await client.command('CLUSTER', 'SLOTS'))[0];
    assert.deepEqual([host, cluster.nodes.some((node) => node.port === port)], [null, true]);
    assert.equal(cable.part(3), cable);
    cable.part(0).cut();
    cable.cut();
    await assert.rejects(client.command('PING'), /lost/);
  } finally {
    cable.stop();
  }
});
