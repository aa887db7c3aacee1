// A send that is sent again (protocols.md, "Replays of a send"): the same sender,
// recipient, client id with its JSON type, and content, within five minutes.

import assert from 'node:assert/strict';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({ nodes: 2 });

function stored(stage, channel, client_id) {
  return stage.watch.find(
    channel,
    (envelope) => envelope.kind === 'message.sent' && envelope.origin.client_id === client_id,
  );
}

async function unread(stage, user) {
  return stage.redis.command('LLEN', `parley:user:{${user}}:unread`);
}

scene(world, 'messaging: again is acknowledged again, stored and delivered once', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const item = { id: 7, rid: bob.id, text: 'once' };
  for (let i = 0; i < 3; i++) await alice.put_and_wait(item);
  await alice.put_and_wait({ id: 'marker', rid: bob.id });
  assert.deepEqual((await bob.messages(2)).map(({ id }) => id), [7, 'marker']);
  assert.equal(await unread(stage, bob.user), 2);
  assert.equal(stored(stage, `parley:user:{${bob.user}}`, 7).length, 1);
});

scene(world, 'messaging: again from another node, on another connection', async (stage) => {
  const bob = stage.name('bob');
  const item = { id: 7, rid: bob, text: 'once' };
  const first = await stage.messaging(0, 'alice');
  await first.put_and_wait(item);
  await first.cut();
  const second = await stage.messaging(1, 'alice');
  await second.put_and_wait(item);
  assert.equal(await unread(stage, bob), 1);
});

scene(world, 'messaging: again after it was read is not delivered again', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 7, rid: bob.id });
  await bob.messages(1);
  bob.mark(7);
  await waitFor('it was read', async () => (await unread(stage, bob.user)) === 0);
  await alice.put_and_wait({ id: 7, rid: bob.id });
  await alice.put_and_wait({ id: 'marker', rid: bob.id });
  assert.deepEqual((await bob.messages(1)).map(({ id }) => id), ['marker']);
});

scene(world, 'messaging: 11 is not "11"', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 11, rid: bob.id, text: 'same' });
  await alice.put_and_wait({ id: '11', rid: bob.id, text: 'same' });
  assert.deepEqual((await bob.messages(2)).map(({ id }) => id), [11, '11']);
});

scene(world, 'messaging: the same id with other content is a new message', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 1, rid: bob.id, text: 'first' });
  await alice.put_and_wait({ id: 1, rid: bob.id, text: 'second' });
  await alice.put_and_wait({ id: 1, rid: bob.id, text: 'second', extra: true });
  await alice.put_and_wait({ id: 1, rid: bob.id });
  assert.deepEqual(
    (await bob.messages(4)).map(({ text, extra }) => [text, extra]),
    [['first', undefined], ['second', undefined], ['second', true], [undefined, undefined]],
  );
});

scene(world, 'messaging: another recipient and another sender are other messages', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const carol = await stage.messaging(1, 'carol');
  const bob = await stage.messaging(1, 'bob');
  const dave = await stage.messaging(0, 'dave');
  const item = { id: 1, text: 'same' };
  await alice.put_and_wait({ ...item, rid: bob.id });
  await alice.put_and_wait({ ...item, rid: dave.id });
  await carol.put_and_wait({ ...item, rid: bob.id });
  assert.deepEqual((await bob.messages(2)).map(({ sid }) => sid), [alice.id, carol.id]);
  assert.deepEqual((await dave.messages(1)).map(({ sid }) => sid), [alice.id]);
});

scene(world, 'messaging: again to a room is said once', async (stage) => {
  const listener = await stage.simple_arrived(1, 'listener');
  const alice = await stage.messaging(0, 'alice');
  const item = { id: 'room-1', rid: '#lobby', text: 'once' };
  await alice.put_and_wait(item);
  await alice.put_and_wait(item);
  await alice.put_and_wait({ id: 'room-2', rid: '#lobby', text: 'marker' });
  assert.equal((await listener.message()).message, 'once');
  assert.equal((await listener.message()).message, 'marker');
});

scene(world, 'simple: again in the lobby is replied to again, said once', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  await alice.next();
  for (let i = 0; i < 3; i++) {
    assert.equal((await alice.say_and_wait('once', { payload_id: '17' })).error, null);
  }
  await alice.say_and_wait('marker');
  assert.equal((await bob.next()).message, 'once');
  assert.equal((await bob.next()).message, 'marker');
  assert.equal(stored(stage, 'parley:room:{lobby}', '17').filter(
    ({ envelope }) => envelope.from.id === alice.user).length, 1);
});

scene(world, 'simple: again after the connection broke, on another node', async (stage) => {
  const listener = await stage.simple_arrived(1, 'listener');
  const first = await stage.simple_arrived(0, 'alice');
  await first.say_and_wait('once', { payload_id: '1' });
  await first.close();
  const key = `parley:user:{${first.user}}:sessions`;
  await waitFor('the session is gone', async () => !(await stage.redis.command('EXISTS', key)));
  const second = await stage.simple_arrived(1, 'alice');
  assert.equal((await second.say_and_wait('once', { payload_id: '1' })).error, null);
  await second.say_and_wait('marker');
  assert.equal((await listener.message()).message, 'once');
  assert.equal((await listener.message()).message, 'marker');
});

scene(world, 'simple: a client that counts from 1 again says new things', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  await alice.say_and_wait('hello', { payload_id: '1' });
  await alice.say_and_wait('goodbye', { payload_id: '1' });
  assert.equal((await bob.message()).message, 'hello');
  assert.equal((await bob.message()).message, 'goodbye');
});

scene(world, 'simple: direct messages, again', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  for (let i = 0; i < 2; i++) {
    const reply = await alice.say_and_wait('once', { payload_id: 'd', to: bob.user });
    assert.equal(reply.error, null);
  }
  await alice.say_and_wait('marker', { to: bob.user });
  assert.equal((await bob.message()).message, 'once');
  assert.equal((await bob.message()).message, 'marker');
});

scene(world, 'a refused send leaves no trace that would swallow its repetition', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  alice.put({ id: 1, rid: '#nowhere', text: 'x' });
  assert.equal((await alice.section('errors'))[0].code, 'not_found');
  alice.put({ id: 1, rid: '#nowhere', text: 'x' });
  assert.equal((await alice.section('errors'))[0].code, 'not_found');
});
