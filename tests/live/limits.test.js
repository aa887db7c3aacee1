// Rates and bounds (protocols.md, "Rates"; design.md, slow readers and inboxes).

import assert from 'node:assert/strict';
import { uuid_of } from '../lib/uuid.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

// Small figures, so that the test needs few frames; their ratios are the default's.
const flags = [
  ...['--frames-per-second', 20, '--frames-burst', 50],
  ...['--sends-per-second', 5, '--sends-burst', 20],
  ...['--bytes-per-second', '64KiB', '--bytes-burst', '256KiB'],
  ...['--hard-message-bytes', '128KiB'],
  ...['--inbox-messages', 100],
  ...['--logins-per-minute', 5],
];
const world = use_world({ nodes: 2, node: { flags } });

scene(world, 'sends above the rate are rate_limited, and the connection stays', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = stage.name('bob');
  alice.put(...Array.from({ length: 40 }, (_, id) => ({ id, rid: bob })));
  const errors = [];
  const sent = [];
  while (errors.length + sent.length < 40) {
    const frame = await alice.next();
    errors.push(...(frame.errors ?? []));
    sent.push(...(frame.sent ?? []));
  }
  assert.ok(sent.length >= 20 && sent.length <= 30, `${sent.length} went through`);
  for (const error of errors) {
    assert.equal(error.section, 'send');
    assert.equal(error.code, 'rate_limited');
  }
  await waitFor('the rate has room again', async () => {
    alice.put({ id: 'again', rid: bob });
    const frame = await alice.until((json) => json.sent || json.errors);
    return frame.sent;
  });
});

scene(world, "the rate of sends is the user's, not the connection's", async (stage) => {
  const phone = await stage.messaging(0, 'alice', { parameters: { device_id: 'phone' } });
  const tablet = await stage.messaging(0, 'alice', { parameters: { device_id: 'tablet' } });
  const bob = stage.name('bob');
  phone.put(...Array.from({ length: 25 }, (_, id) => ({ id, rid: bob })));
  let answered = 0;
  while (answered < 25) {
    const frame = await phone.next();
    answered += (frame.errors ?? []).length + (frame.sent ?? []).length;
  }
  tablet.put(...Array.from({ length: 10 }, (_, id) => ({ id: `t${id}`, rid: bob })));
  let refused = 0;
  answered = 0;
  while (answered < 10) {
    const frame = await tablet.next();
    refused += (frame.errors ?? []).length;
    answered += (frame.errors ?? []).length + (frame.sent ?? []).length;
  }
  assert.ok(refused >= 4, `only ${refused} of 10 were refused`);
});

scene(world, 'simple: above the rate each payload is replied to with rate_limited', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  for (let i = 0; i < 40; i++) alice.say(`m${i}`);
  const replies = [];
  while (replies.length < 40) {
    const frame = await alice.next();
    if (frame.type === 'reply') replies.push(frame);
  }
  const refused = replies.filter((reply) => reply.error === 'rate_limited');
  assert.ok(refused.length >= 10, `${refused.length} were refused`);
  assert.ok(replies.filter((reply) => reply.error === null).length >= 20);
  assert.ok(alice.is_open);
});

scene(world, 'frames above the rate are answered with rate_limited', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  for (let i = 0; i < 100; i++) alice.send('{"nothing":1}');
  const [error] = await alice.section('errors');
  assert.equal(error.code, 'rate_limited');
  assert.ok(alice.is_open);
});

scene(world, 'ten times above the rate of frames closes with 4429, this one only', async (stage) => {
  const bystander = await stage.messaging(0, 'bystander');
  const alice = await stage.messaging(0, 'alice');
  for (let i = 0; i < 2000; i++) alice.send('{"nothing":1}');
  await alice.expect_close(4429);
  await bystander.settle();
});

scene(world, 'bytes above the rate are answered with rate_limited', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const frame = JSON.stringify({ nothing: 'x'.repeat(60000) });
  for (let i = 0; i < 10; i++) alice.send(frame);
  const [error] = await alice.section('errors');
  assert.equal(error.code, 'rate_limited');
  assert.ok(alice.is_open);
});

scene(world, 'ten times above the rate of bytes closes with 4429', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const frame = JSON.stringify({ nothing: 'x'.repeat(60000) });
  for (let i = 0; i < 100; i++) alice.send(frame);
  await alice.expect_close(4429);
});

scene(world, 'what was refused is counted, without a name', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  for (let i = 0; i < 40; i++) alice.say(`m${i}`);
  await alice.until((frame) => frame.error === 'rate_limited');
  const metrics = await stage.nodes[0].metrics();
  const line = metrics.split('\n').find((text) => /^parley_rate_limited_total{.*simple.*}/.test(text));
  assert.ok(Number(line?.split(' ').at(-1)) > 0, line);
  assert.ok(!metrics.includes(alice.user));
});

scene(world, 'passwords are guessed a few times, by whichever surface, and then not even the right one is looked at', async (stage) => {
  const refusals = async () => Number(/^parley_logins_refused_total\S* (\d+)$/m.exec(await stage.nodes[0].metrics())[1]);
  const [alice, bob] = [stage.name('alice'), stage.name('bob')];
  const native = stage.rest(0, 'native');
  for (const id of [alice, bob]) await native.ok('POST', '/api/v1/users', { id, password: 'right' });
  const log_in = (user, password) => native.call('POST', '/api/v1/tokens', { user, password });
  for (let i = 0; i < 8; i++) assert.equal((await log_in(alice, 'right')).status, 201);
  const before = await refusals();
  assert.equal((await log_in(alice, 'wrong')).status, 401);
  const key = { user_id: uuid_of('user', alice), password: 'wrong' };
  assert.equal((await stage.rest(0, 'rooms').call('POST', '/key', key)).status, 401);
  for (let i = 0; i < 3; i++) assert.equal((await log_in(alice, 'wrong')).status, 401);
  for (const password of ['wrong', 'right']) await native.refused(429, 'POST', '/api/v1/tokens', { user: alice, password });
  await stage.rest(0, 'rooms').refused(429, 'POST', '/key', { ...key, password: 'right' });
  assert.equal((await log_in(bob, 'right')).status, 201);
  assert.equal((await refusals()) - before, 3);
});
