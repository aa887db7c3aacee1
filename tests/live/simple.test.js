// simple: every frame and rule of its seed and of its section in protocols.md.

import assert from 'node:assert/strict';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({ nodes: 2, node: { flags: ['--presence-grace-ms', 300] } });

function near_now(timestamp) {
  assert.ok(Number.isInteger(timestamp), `${timestamp} is no whole number`);
  assert.ok(Math.abs(timestamp - Date.now()) < 60000, `${timestamp} is not about now, in ms`);
}

async function unread(stage, user) {
  return stage.redis.command('LLEN', `parley:user:{${user}}:unread`);
}

scene(world, 'user_connected goes to everyone, the newcomer included', async (stage) => {
  const alice = await stage.simple(0, 'alice');
  const own = await alice.until((frame) => frame.type === 'user_connected');
  assert.deepEqual(Object.keys(own), ['type', 'timestamp', 'username']);
  assert.equal(own.username, alice.user);
  near_now(own.timestamp);
  const bob = await stage.simple(1, 'bob');
  for (const client of [alice, bob]) {
    const frame = await client.next();
    assert.equal(frame.type, 'user_connected');
    assert.equal(frame.username, bob.user);
  }
});

scene(world, 'user_disconnected when the last connection in the lobby ends', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  await alice.next();
  await bob.close();
  const frame = await alice.next();
  assert.deepEqual(Object.keys(frame), ['type', 'timestamp', 'username']);
  assert.equal(frame.type, 'user_disconnected');
  assert.equal(frame.username, bob.user);
  near_now(frame.timestamp);
});

scene(world, 'a pulled cable is told as well', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  await alice.next();
  await bob.cut();
  assert.equal((await alice.next()).type, 'user_disconnected');
});

scene(world, 'who comes back within the grace period does not flap', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(0, 'bob');
  await alice.next();
  await bob.close();
  const key = `parley:user:{${bob.user}}:sessions`;
  await waitFor('the session is gone', async () => !(await stage.redis.command('EXISTS', key)));
  const again = await stage.simple(1, 'bob');
  // To the newcomer alone, where the user attends already by another connection.
  await again.arrived();
  const carol = await stage.simple_arrived(1, 'carol');
  await again.close();
  await carol.until((frame) => frame.type === 'user_disconnected' && frame.username === bob.user);
  const told = alice.frames.map(({ json }) => `${json.type} ${json.username}`);
  assert.deepEqual(told.slice(0, 1), [`user_connected ${carol.user}`], `alice was told ${told}`);
});

scene(world, 'a message goes to everyone, then the sender gets its reply', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  await alice.next();
  const payload_id = alice.say('hello');
  const own = await alice.next();
  assert.deepEqual(Object.keys(own), ['type', 'message', 'timestamp', 'username']);
  assert.equal(own.type, 'message_sent');
  assert.equal(own.message, 'hello');
  assert.equal(own.username, alice.user);
  near_now(own.timestamp);
  const reply = await alice.next();
  assert.deepEqual(Object.entries(reply), [
    ['type', 'reply'],
    ['payload_id', payload_id],
    ['error', null],
  ]);
  assert.deepEqual(await bob.next(), own);
});

scene(world, 'each of a burst is followed by its own reply, in order', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  await alice.next();
  const ids = Array.from({ length: 200 }, (_, i) => alice.say(`text ${i}`));
  const shown = [];
  const replied = [];
  while (replied.length < ids.length) {
    const frame = await alice.next();
    if (frame.type === 'message_sent') shown.push(frame.message);
    else {
      assert.equal(frame.error, null);
      replied.push(frame.payload_id);
      assert.ok(shown.length >= replied.length, 'a reply came before its own message');
    }
  }
  assert.deepEqual(replied, ids);
  assert.deepEqual(shown, ids.map((_, i) => `text ${i}`));
  for (let i = 0; i < ids.length; i++) assert.equal((await bob.next()).message, `text ${i}`);
});

scene(world, 'text arrives to the byte, whatever is in it', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  await alice.next();
  const texts = ['', ' ', '"quoted" \\ and / back', 'Zoë 😀 日本', 'line\nbreak\ttab', '\u0000\u001f', '\ud800'];
  for (const text of texts) {
    assert.equal((await alice.say_and_wait(text)).error, null);
    const { message } = await bob.message();
    // A lone surrogate cannot be sent as UTF-8 but as an escape.
    assert.equal(message, text);
  }
  alice.send('{"type":"send_message","payload_id":"raw","message":"\\u0041\\ud83d\\ude00\\/"}');
  assert.equal((await bob.message()).message, 'A😀/');
});

scene(world, 'payload_id is a free-form string', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  for (const payload_id of ['', ' ', '"', 'é😀', 'x'.repeat(1000), '\\', '\u0001']) {
    const reply = await alice.say_and_wait('text', { payload_id });
    assert.equal(reply.error, null);
  }
});

scene(world, 'further fields are ignored', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  alice.send({ payload_id: 'x', more: { a: [1] }, message: 'm', type: 'send_message', username: 'eve' });
  const frame = await bob.message();
  assert.deepEqual(Object.keys(frame), ['type', 'message', 'timestamp', 'username']);
  assert.equal(frame.username, alice.user);
});

const refusals = [
  ['not JSON', 'hello', null],
  ['an unfinished object', '{"type":"send_message"', null],
  ['something behind the object', '{"type":"send_message","payload_id":"p","message":"m"} x', null],
  ['a number that JSON does not know', '{"type":"send_message","payload_id":"p","message":"m","n":NaN}', null],
  ['a comment', '{"type":"send_message",/* */"payload_id":"p","message":"m"}', null],
  ['single quotes', "{'type':'send_message'}", null],
  ['nothing at all', '', null],
  ['an array', '[{"type":"send_message","payload_id":"p","message":"m"}]', null],
  ['a string', '"send_message"', null],
  ['null', 'null', null],
  ['no type', '{"payload_id":"p","message":"m"}', null],
  ['a type that is no string', '{"type":5,"payload_id":"p","message":"m"}', null],
  ['an unknown type', '{"type":"sing","payload_id":"p"}', null],
  ["the server's own type", '{"type":"message_sent","payload_id":"p","message":"m"}', null],
  ['no payload_id', '{"type":"send_message","message":"m"}', null],
  ['a payload_id that is a number', '{"type":"send_message","payload_id":5,"message":"m"}', null],
  ['a payload_id that is null', '{"type":"send_message","payload_id":null,"message":"m"}', null],
  ['no message', '{"type":"send_message","payload_id":"p"}', 'p'],
  ['a message that is a number', '{"type":"send_message","payload_id":"p","message":5}', 'p'],
  ['a message that is null', '{"type":"send_message","payload_id":"p","message":null}', 'p'],
  ['a message that is an object', '{"type":"send_message","payload_id":"p","message":{}}', 'p'],
];
for (const [what, frame, payload_id] of refusals) {
  scene(world, `malformed_payload, and the connection stays: ${what}`, async (stage) => {
    const alice = await stage.simple_arrived(0, 'alice');
    alice.send(frame);
    assert.deepEqual(await alice.next(), { type: 'reply', payload_id, error: 'malformed_payload' });
    assert.equal((await alice.say_and_wait('still here')).error, null);
  });
}

scene(world, 'a newcomer sees no history', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  await alice.say_and_wait('before');
  const bob = await stage.simple(1, 'bob');
  assert.equal((await bob.next()).type, 'user_connected');
  await alice.say_and_wait('after');
  assert.equal((await bob.next()).message, 'after');
});

scene(world, 'what is said once the connection stands is heard', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  alice.on_frame = () => {};
  // On a node on which nobody else hears the lobby yet: it must ask where to begin.
  for (let i = 0; i < 100; i++) {
    const late = await stage.simple(1, `late-${i}`);
    alice.say(`after ${i}`);
    await late.message((frame) => frame.message === `after ${i}`, 2000);
    await late.close();
  }
});

scene(world, 'a direct message shows on both sides, with `to`, and nowhere else', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  const carol = await stage.simple_arrived(1, 'carol');
  await alice.until((frame) => frame.username === carol.user);
  await bob.next();
  const payload_id = alice.say('psst', { to: bob.user });
  const own = await alice.next();
  assert.equal(own.type, 'message_sent');
  assert.equal(own.message, 'psst');
  assert.equal(own.username, alice.user);
  assert.equal(own.to, bob.user);
  assert.deepEqual(await alice.next(), { type: 'reply', payload_id, error: null });
  assert.deepEqual(await bob.next(), own);
  await alice.say_and_wait('for all');
  assert.equal((await carol.next()).message, 'for all');
});

scene(world, '`to` may be the lobby', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  assert.equal((await alice.say_and_wait('to all', { to: '#lobby' })).error, null);
  assert.equal((await bob.message()).message, 'to all');
});

scene(world, '`to` an unknown room is not_found, and no string is malformed_payload', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  assert.equal((await alice.say_and_wait('x', { to: '#nowhere' })).error, 'not_found');
  assert.equal((await alice.say_and_wait('x', { to: 5 }, { bad: true })).error, 'malformed_payload');
  assert.equal((await alice.say_and_wait('x', { to: 'a|b' }, { bad: true })).error, 'not_found');
});

scene(world, 'a direct message to oneself is shown once', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const payload_id = alice.say('note', { to: alice.user });
  assert.equal((await alice.next()).message, 'note');
  assert.deepEqual(await alice.next(), { type: 'reply', payload_id, error: null });
  await alice.settle();
  alice.assert_silent();
});

scene(world, 'direct messages wait for who is away, in order', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob_name = stage.name('bob');
  for (let i = 0; i < 20; i++) {
    assert.equal((await alice.say_and_wait(`wait ${i}`, { to: bob_name })).error, null);
  }
  assert.equal(await unread(stage, bob_name), 20);
  const bob = await stage.simple(1, 'bob');
  for (let i = 0; i < 20; i++) {
    const frame = await bob.message();
    assert.equal(frame.message, `wait ${i}`);
    assert.equal(frame.username, alice.user);
    assert.equal(frame.to, bob_name);
  }
  await waitFor("the pong took them off bob's list", async () => (await unread(stage, bob_name)) === 0);
});

scene(world, 'without a pong nothing leaves the list, and all of it comes again', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob_name = stage.name('bob');
  await alice.say_and_wait('unproven', { to: bob_name });
  const deaf = await stage.simple(0, 'bob', { auto_pong: false });
  assert.equal((await deaf.message()).message, 'unproven');
  await waitFor('a ping that asks for the proof', () => deaf.pings > 0);
  assert.equal(await unread(stage, bob_name), 1);
  await deaf.cut();
  const key = `parley:user:{${bob_name}}:sessions`;
  await waitFor('the session is gone', async () => !(await stage.redis.command('EXISTS', key)));
  const bob = await stage.simple(1, 'bob');
  assert.equal((await bob.message()).message, 'unproven');
  await waitFor('the pong took it off the list', async () => (await unread(stage, bob_name)) === 0);
});

scene(world, 'what was proven is in no key any more', async (stage) => {
  const secret = `gone-${stage.suffix}`;
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  await alice.say_and_wait(secret, { to: bob.user });
  assert.equal((await bob.message()).message, secret);
  await waitFor('the text left Redis', async () => !(await stage.text_in_redis(secret)));
});

scene(world, 'entries wait for being read where the user also uses messaging', async (stage) => {
  const phone = await stage.messaging(0, 'bob');
  await phone.close();
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.simple_arrived(1, 'bob');
  await alice.say_and_wait('read me', { to: bob.user });
  assert.equal((await bob.message()).message, 'read me');
  await bob.round_trip();
  const back = await stage.messaging(1, 'bob');
  const [item] = await back.messages(1);
  assert.equal(item.text, 'read me');
  assert.equal(await unread(stage, bob.user), 1);
  back.mark(item.id);
  await waitFor('it was read', async () => (await unread(stage, bob.user)) === 0);
});

scene(world, '?room=lobby is the lobby', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice', { parameters: { room: 'lobby' } });
  const bob = await stage.simple_arrived(1, 'bob');
  await bob.say_and_wait('hello');
  assert.equal((await alice.message()).message, 'hello');
});

scene(world, 'a room that a simple connection asks for must exist', async (stage) => {
  // Membership and existence are the room's own business; what must not happen is
  // that such a connection hears the lobby.
  let client;
  try {
    client = await stage.simple(0, 'lost', { parameters: { room: `none-${stage.suffix}` } });
  } catch (error) {
    assert.ok([403, 404].includes(error.status), error.message);
    return;
  }
  const bob = await stage.simple_arrived(1, 'bob');
  await bob.say_and_wait('lobby only');
  await bob.say_and_wait('direct', { to: client.user });
  assert.equal((await client.message()).message, 'direct');
});

scene(world, 'the lobby is logged, in the published envelope as in the log', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const payload_id = alice.say('logged');
  await alice.message();
  const envelope = await stage.watch.expect(
    'parley:room:{lobby}',
    (found) => found.kind === 'message.sent' && found.from.id === alice.user,
  );
  assert.equal(envelope.keep, 'log');
  assert.equal(envelope.to.kind, 'room');
  assert.equal(envelope.to.id, 'lobby');
  assert.equal(envelope.origin.protocol, 'simple');
  assert.equal(envelope.origin.client_id, payload_id);
  assert.deepEqual(envelope.body, { text: 'logged' });
  assert.ok(envelope.id > 0 && envelope.seq > 0);
  const ids = await stage.redis.command('LRANGE', 'parley:room:{lobby}:log', -5, -1);
  assert.ok(ids.includes(String(envelope.id)));
  const owner = await stage.redis.command('GET', `parley:block:{${Math.floor(envelope.id / 65536)}}`);
  assert.equal(owner, 'room:lobby');
});

scene(world, 'a direct message is kept until it is read, and carries both projections', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob_name = stage.name('bob');
  await alice.say_and_wait('direct', { to: bob_name });
  const envelope = await stage.watch.expect(
    `parley:user:{${bob_name}}`,
    (found) => found.kind === 'message.sent',
  );
  assert.equal(envelope.keep, 'until_read');
  assert.equal(envelope.to.kind, 'user');
  assert.equal(envelope.to.id, bob_name);
  assert.ok(envelope.to.num > 0 && envelope.from.num > 0 && envelope.dialog.num > 0);
  assert.equal(envelope.seq, 1);
});
