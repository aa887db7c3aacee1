// A slow reader hurts only itself (design.md, "Guarantees"): its queue is bounded,
// beyond it is closed with 4429, and what was stored for it waits.

import assert from 'node:assert/strict';
import { memory_tells, resident_mib } from '../lib/memory.js';
import { parse_metrics } from '../lib/prometheus.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

// What the kernel takes on both sides (tcp_wmem, tcp_rmem) must overflow before the
// node's own queue does.
const TEXT = 'x'.repeat(60000);
const MESSAGES = 250;

const world = use_world({ nodes: 2 });

async function until_closed_for_slowness(stage, node, protocol) {
  const pattern = new RegExp(`^parley_slow_reader_closes_total{.*"${protocol}".*} ([1-9]\\d*)$`, 'm');
  await waitFor('it was closed as a slow reader', async () => pattern.test(await node.metrics()), 20000);
}

scene(world, 'messaging: closed with 4429, others are not held up, stored messages wait', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const slow = await stage.messaging(1, 'slow');
  const quick = await stage.messaging(1, 'quick');
  slow.pause();
  const quick_ids = [];
  quick.on_frame = (frame) => quick_ids.push(...(frame.messages ?? []).map(({ id }) => id));
  let answered = 0;
  alice.on_frame = (frame) => {
    for (const { code } of frame.errors ?? []) assert.fail(code);
    answered += (frame.sent ?? []).length;
  };
  for (let id = 0; id < MESSAGES; id++) {
    alice.put({ id, rid: slow.id, text: TEXT });
    alice.put({ id, rid: quick.id });
    await waitFor('not too many at once', () => answered > id * 2 - 40);
  }
  await waitFor('all are stored', () => answered === MESSAGES * 2);
  await waitFor('the quick one has all', () => quick_ids.length === MESSAGES);
  await until_closed_for_slowness(stage, stage.nodes[1], 'messaging');
  slow.on_frame = () => {};
  slow.resume();
  await slow.expect_close(4429, 15000);
  assert.equal(await stage.redis.command('LLEN', `parley:user:{${slow.user}}:unread`), MESSAGES);
  const back = await stage.messaging(0, 'slow');
  const items = await back.messages(MESSAGES, 15000);
  assert.deepEqual(items.map(({ id }) => id), Array.from({ length: MESSAGES }, (_, i) => i));
}, { timeout_ms: 60000 });

scene(world, 'simple: a slow one in the lobby does not hold up the lobby', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const slow = await stage.simple_arrived(1, 'slow');
  const quick = await stage.simple_arrived(1, 'quick');
  slow.pause();
  let heard = 0;
  quick.on_frame = (frame) => {
    if (frame.type === 'message_sent') heard++;
  };
  for (let i = 0; i < MESSAGES; i++) {
    assert.equal((await alice.say_and_wait(TEXT)).error, null);
  }
  await waitFor('the quick one has heard all', () => heard === MESSAGES);
  await until_closed_for_slowness(stage, stage.nodes[1], 'simple');
  slow.on_frame = () => {};
  slow.resume();
  await slow.expect_close(4429, 15000);
  assert.ok(quick.is_open);
}, { timeout_ms: 60000 });

scene(world, 'a backlog larger than the queue passes through it to one who reads', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = stage.name('bob');
  let answered = 0;
  alice.on_frame = (frame) => {
    answered += (frame.sent ?? []).length;
  };
  for (let id = 0; id < 100; id++) {
    alice.put({ id, rid: bob, text: TEXT });
    await waitFor('not too many at once', () => answered > id - 20);
  }
  await waitFor('all are stored', () => answered === 100);
  const there = await stage.messaging(1, 'bob');
  there.pause();
  await alice.round_trip();
  there.resume();
  const items = await there.messages(100, 15000);
  assert.deepEqual(items.map(({ id }) => id), Array.from({ length: 100 }, (_, i) => i));
  assert.ok(there.is_open);
}, { timeout_ms: 60000 });

// What many of them cost is given back: a second crowd of them costs nothing more than the first.
scene(world, 'many slow readers beside fast ones: memory is bounded, and back afterwards', async (stage) => {
  const SLOW = 20;
  const ROUNDS = 3;
  const node = stage.nodes[1];
  const alice = await stage.simple_arrived(0, 'alice');
  const quick = await stage.simple_arrived(1, 'quick');
  let heard = 0;
  quick.on_frame = (frame) => {
    if (frame.type === 'message_sent') heard++;
  };
  const gauge = async (name) => {
    const { samples } = parse_metrics(await node.metrics());
    return samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0);
  };
  const after = [];
  for (let round = 0; round < ROUNDS; round++) {
    const slow = [];
    for (let i = 0; i < SLOW; i++) slow.push(await stage.simple(1, `slow-${round}-${i}`));
    for (const client of slow) {
      client.on_frame = () => {};
      client.pause();
    }
    let most = 0;
    for (let i = 0; i < MESSAGES / 2; i++) {
      assert.equal((await alice.say_and_wait(TEXT)).error, null);
      most = Math.max(most, await gauge('parley_outbox_bytes'));
    }
    await waitFor('the quick one has heard all', () => heard === (MESSAGES / 2) * (round + 1));
    assert.ok(most <= (SLOW + 1) * (1024 * 1024 + TEXT.length * 2), `${most} bytes waited`);
    for (const client of slow) client.resume();
    await Promise.all(slow.map((client) => client.close()));
    await waitFor('nothing waits', async () => (await gauge('parley_outbox_bytes')) === 0 && (await gauge('parley_outbox_blocked')) === 0);
    after.push(resident_mib(node.child));
  }
  assert.ok(quick.is_open);
  assert.ok(!memory_tells || after.at(-1) - after[0] < 4, `it grows: ${after.map((mib) => mib.toFixed(1))} MiB`);
}, { timeout_ms: 90000 });
