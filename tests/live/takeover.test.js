// messaging: a second connection with the same client_id and device_id replaces the
// first, wherever in the cluster it is.

import assert from 'node:assert/strict';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({ nodes: 2 });

async function sessions(stage, user) {
  return Object.keys(await stage.redis.hash(`parley:user:{${user}}:sessions`));
}

for (const [where, index] of [
  ['on the same node', 0],
  ['on another node', 1],
]) {
  scene(world, `the older one is closed with 4409, ${where}`, async (stage) => {
    const first = await stage.messaging(0, 'bob');
    const second = await stage.messaging(index, 'bob');
    await first.expect_close(4409);
    const alice = await stage.messaging(0, 'alice');
    await alice.put_and_wait({ id: 1, rid: second.id });
    assert.equal((await second.messages(1))[0].id, 1);
    await waitFor('one session', async () => (await sessions(stage, second.user)).length === 1);
    await stage.watch.expect(
      `parley:user:{${second.user}}`,
      (envelope) => envelope.kind === 'session.replaced',
    );
  });

  scene(world, `the newer one gets what was unread, ${where}`, async (stage) => {
    const alice = await stage.messaging(0, 'alice');
    const first = await stage.messaging(0, 'bob');
    await alice.put_and_wait({ id: 1, rid: first.id });
    await alice.put_and_wait({ id: 2, rid: first.id });
    await first.messages(2);
    const second = await stage.messaging(index, 'bob');
    assert.deepEqual((await second.messages(2)).map(({ id }) => id), [1, 2]);
    await first.expect_close(4409);
  });
}

scene(world, 'another device_id is another connection of the same user', async (stage) => {
  const phone = await stage.messaging(0, 'bob', { parameters: { device_id: 'phone' } });
  const tablet = await stage.messaging(1, 'bob', { parameters: { device_id: 'tablet' } });
  const plain = await stage.messaging(1, 'bob');
  const alice = await stage.messaging(0, 'alice');
  await alice.put_and_wait({ id: 1, rid: plain.id });
  for (const client of [phone, tablet, plain]) assert.equal((await client.messages(1))[0].id, 1);
  const phone_again = await stage.messaging(1, 'bob', { parameters: { device_id: 'phone' } });
  await phone.expect_close(4409);
  assert.equal((await phone_again.messages(1))[0].id, 1);
  assert.ok(tablet.is_open && plain.is_open);
  assert.equal((await sessions(stage, plain.user)).length, 3);
});

scene(world, 'a chain of takeovers leaves exactly one', async (stage) => {
  const chain = [];
  for (let i = 0; i < 10; i++) chain.push(await stage.messaging(i % 2, 'bob'));
  const last = chain.pop();
  for (const client of chain) await client.expect_close(4409);
  const alice = await stage.messaging(0, 'alice');
  await alice.put_and_wait({ id: 1, rid: last.id });
  assert.equal((await last.messages(1))[0].id, 1);
});

scene(world, 'twenty at once: one stays, and it hears', async (stage) => {
  // One that is replaced before its upgrade is done is told so by 409.
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => stage.messaging(i % 2, 'bob')),
  );
  const opened = outcomes.map(({ value }) => value).filter(Boolean);
  for (const { reason } of outcomes) if (reason) assert.equal(reason.status, 409, reason.message);
  await waitFor('one connection is left', () => opened.filter((c) => c.is_open).length === 1);
  for (const client of opened.filter((c) => !c.is_open)) await client.expect_close(4409);
  const [left] = opened.filter((client) => client.is_open);
  const alice = await stage.messaging(0, 'alice');
  await alice.put_and_wait({ id: 1, rid: left.id });
  assert.equal((await left.messages(1))[0].id, 1);
  assert.equal((await sessions(stage, left.user)).length, 1);
});

scene(world, 'messages that are sent during takeovers are all shown, once each', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = stage.name('bob');
  const count = 300;
  const per_connection = [];
  let sent = 0;
  const open = async (index) => {
    const client = await stage.messaging(index, 'bob');
    const ids = [];
    per_connection.push(ids);
    const take = (frame) => frame.messages && ids.push(...frame.messages.map(({ id }) => id));
    for (const frame of client.frames.splice(0)) take(frame.json);
    client.on_frame = take;
    return client;
  };
  let client = await open(0);
  for (let turn = 1; turn <= 6; turn++) {
    const until = (count / 6) * turn;
    while (sent < until) alice.put({ id: sent++, rid: bob });
    const before = client;
    client = await open(turn % 2);
    await before.expect_close(4409);
  }
  await alice.settle();
  const last = per_connection.at(-1);
  await waitFor('the last connection has all', () => last.length >= count);
  for (const ids of per_connection) {
    // Nothing was read, so each connection begins with the first and misses none.
    assert.deepEqual(ids, Array.from({ length: ids.length }, (_, i) => i));
  }
});
