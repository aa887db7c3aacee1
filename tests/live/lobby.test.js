// Rooms: membership and attendance, seen through the one room that there always is
// (protocols.md, "Membership and attendance", messaging's additive sections).

import assert from 'node:assert/strict';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({ nodes: 2, node: { flags: ['--presence-grace-ms', 300] } });

const lobby = 'parley:room:{lobby}';

async function until_member(stage, user, member) {
  const key = `parley:user:{${user}}:rooms`;
  await waitFor(`${user} is ${member ? 'a' : 'no'} member`, async () => {
    return (await stage.redis.command('SISMEMBER', key, 'lobby')) === (member ? 1 : 0);
  });
}

async function entered(stage, index, user, options) {
  const client = await stage.messaging(index, user, options);
  client.send({ enter: [{ rid: '#lobby' }] });
  await until_member(stage, client.user, true);
  await stage.watch.expect(
    lobby,
    (envelope) => envelope.kind === 'room.entered' && envelope.from.id === client.user,
  );
  return client;
}

function told_of(stage, kind, user) {
  return stage.watch.find(lobby, (found) => found.kind === kind && found.from.id === user).length;
}

scene(world, 'a messaging user enters the lobby, is shown to simple, and hears it', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await entered(stage, 1, 'bob');
  const arrival = await alice.next();
  assert.equal(arrival.type, 'user_connected');
  assert.equal(arrival.username, bob.user);
  await alice.say_and_wait('hello');
  const [item] = await bob.messages(1);
  assert.equal(item.text, 'hello');
  assert.equal(item.sid, alice.user);
  assert.equal(item.rid, '#lobby');
  assert.ok(Number.isSafeInteger(item.id) && item.id > 0);
  assert.deepEqual(Object.keys(item), ['id', 'rid', 'sid', 'text']);
});

scene(world, 'what messaging says in the lobby, simple hears, and the members', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await entered(stage, 1, 'bob');
  const carol = await entered(stage, 0, 'carol');
  await bob.put_and_wait({ id: 'b1', rid: '#lobby', text: 'to all', more: 1 });
  const frame = await alice.message();
  assert.equal(frame.message, 'to all');
  assert.equal(frame.username, bob.user);
  assert.deepEqual(await carol.messages(1), [
    { id: 'b1', rid: '#lobby', sid: bob.id, text: 'to all', more: 1 },
  ]);
  await alice.say_and_wait('marker');
  const [marker] = await bob.messages(1);
  assert.equal(marker.text, 'marker', 'bob was sent his own message');
});

scene(world, 'anyone may send to a public room, only members hear it', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const stranger = await stage.messaging(1, 'stranger');
  await stranger.put_and_wait({ id: 1, rid: '#lobby', text: 'from outside' });
  assert.equal((await alice.message()).message, 'from outside');
  await alice.say_and_wait('not for strangers');
  await alice.say_and_wait('direct', { to: stranger.user });
  assert.equal((await stranger.messages(1))[0].text, 'direct');
});

scene(world, 'entering twice is once, told once', async (stage) => {
  const bob = await entered(stage, 0, 'bob');
  bob.send({ enter: [{ rid: '#lobby' }, { rid: '#lobby' }] });
  await bob.settle();
  const alice = await stage.simple_arrived(1, 'alice');
  await alice.say_and_wait('once');
  assert.equal((await bob.messages(1))[0].text, 'once');
  await alice.say_and_wait('marker', { to: bob.user });
  assert.equal((await bob.messages(1))[0].text, 'marker');
  assert.equal(told_of(stage, 'room.entered', bob.user), 1);
});

scene(world, 'after exit nothing is heard, and simple is told', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await entered(stage, 1, 'bob');
  await alice.until((frame) => frame.type === 'user_connected' && frame.username === bob.user);
  bob.send({ exit: [{ rid: '#lobby' }] });
  await until_member(stage, bob.user, false);
  await alice.until((frame) => frame.type === 'user_disconnected' && frame.username === bob.user);
  await alice.say_and_wait('unheard');
  await alice.say_and_wait('marker', { to: bob.user });
  assert.equal((await bob.messages(1))[0].text, 'marker');
  bob.send({ exit: [{ rid: '#lobby' }] });
  await bob.settle();
  bob.assert_silent('exit of a room that one is not in is no error');
});

scene(world, 'enter and exit: bad items and unknown rooms are refused one by one', async (stage) => {
  const bob = await stage.messaging(0, 'bob');
  bob.send({ enter: [{ rid: '#nowhere' }, 5, { rid: 7 }, { rid: 'not-a-room' }, {}] }, { bad: true });
  const errors = [];
  while (errors.length < 5) errors.push(...(await bob.section('errors')));
  for (const error of errors) assert.equal(error.section, 'enter');
  assert.deepEqual(
    errors.map((error) => error.code).sort(),
    [...Array(4).fill('malformed_payload'), 'not_found'],
  );
});

scene(world, 'membership lasts: a member who comes back hears the lobby', async (stage) => {
  const bob = await entered(stage, 0, 'bob');
  await bob.close();
  const alice = await stage.simple_arrived(0, 'alice');
  const back = await stage.messaging(1, 'bob');
  await alice.say_and_wait('welcome');
  assert.equal((await back.messages(1))[0].text, 'welcome');
});

scene(world, 'attendance of a member ends with the connection, after the grace', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await entered(stage, 1, 'bob');
  await alice.until((frame) => frame.type === 'user_connected' && frame.username === bob.user);
  await bob.close();
  await alice.until((frame) => frame.type === 'user_disconnected' && frame.username === bob.user);
  await until_member(stage, bob.user, true);
});

scene(world, 'first and last connection only: simple and messaging of one user', async (stage) => {
  const watcher = await stage.simple_arrived(0, 'watcher');
  const phone = await entered(stage, 1, 'bob');
  await watcher.until((frame) => frame.type === 'user_connected' && frame.username === phone.user);
  const desk = await stage.simple(0, 'bob');
  await desk.arrived();
  await phone.close();
  // Longer than the grace period on the desk connection alone, seen by a marker that
  // a third user's coming and going gives.
  const carol = await stage.simple_arrived(1, 'carol');
  await carol.close();
  await watcher.until((frame) => frame.type === 'user_connected' && frame.username === carol.user);
  await watcher.until((frame) => frame.type === 'user_disconnected' && frame.username === carol.user);
  assert.equal(told_of(stage, 'room.entered', desk.user), 1);
  assert.equal(told_of(stage, 'room.exited', desk.user), 0);
  await desk.close();
  await watcher.until((frame) => frame.type === 'user_disconnected' && frame.username === desk.user);
});

scene(world, 'a member who was away gets what was logged since the last proof', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await entered(stage, 1, 'bob');
  await alice.say_and_wait('seen');
  assert.equal((await bob.messages(1))[0].text, 'seen');
  await waitFor('a ping that asks for the proof', () => bob.pings > 0);
  // The pong stands before this ping's answer, so it has been counted.
  await bob.round_trip();
  await bob.close();
  for (let i = 0; i < 5; i++) await alice.say_and_wait(`away ${i}`);
  const back = await stage.messaging(0, 'bob');
  const items = await back.messages(5);
  assert.deepEqual(items.map((item) => item.text), [0, 1, 2, 3, 4].map((i) => `away ${i}`));
  for (const item of items) assert.equal(item.rid, '#lobby');
  await alice.say_and_wait('live again');
  assert.equal((await back.messages(1))[0].text, 'live again');
});

scene(world, 'without the proof a member is shown it again, on the next connection', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await entered(stage, 1, 'bob', { auto_pong: false });
  await alice.say_and_wait('unproven');
  assert.equal((await bob.messages(1))[0].text, 'unproven');
  await bob.cut();
  const back = await stage.messaging(0, 'bob');
  assert.equal((await back.messages(1))[0].text, 'unproven');
});

scene(world, 'a new member is shown nothing from before', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  await alice.say_and_wait('before');
  const bob = await entered(stage, 1, 'bob');
  await alice.say_and_wait('after');
  assert.equal((await bob.messages(1))[0].text, 'after');
});

scene(world, 'more than a page was logged while a member was away', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await entered(stage, 1, 'bob');
  await bob.close();
  const count = 350;
  for (let i = 0; i < count; i++) alice.say(`n${i}`);
  await alice.settle();
  const back = await stage.messaging(0, 'bob');
  const items = await back.messages(count);
  assert.deepEqual(items.map((item) => item.text), Array.from({ length: count }, (_, i) => `n${i}`));
  assert.ok(Math.max(...back.seen.map((frame) => frame.json.messages?.length ?? 0)) <= 100);
});

scene(world, 'a banned user is refused with forbidden', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bans = (await stage.redis.keys('parley:room:{lobby}:*')).filter((key) => /ban/.test(key));
  assert.deepEqual(bans, [], 'nobody is banned yet');
  // There is no frame for a ban in these two protocols: an operator's redis-cli does it.
  await stage.redis.command('SADD', 'parley:room:{lobby}:bans', alice.user);
  try {
    assert.equal((await alice.say_and_wait('let me')).error, 'forbidden');
    const phone = await stage.messaging(1, 'alice');
    phone.put({ id: 1, rid: '#lobby' });
    const [error] = await phone.section('errors');
    assert.deepEqual([error.id, error.code], [1, 'forbidden']);
  } finally {
    await stage.redis.command('SREM', 'parley:room:{lobby}:bans', alice.user);
  }
});

scene(world, 'two senders in the lobby are heard in one order by all', async (stage) => {
  const clients = [
    await stage.simple_arrived(0, 'alice'),
    await stage.simple_arrived(1, 'bob'),
    await stage.simple_arrived(0, 'carol'),
    await stage.simple_arrived(1, 'dave'),
  ];
  const count = 200;
  for (let i = 0; i < count; i++) for (const client of clients.slice(0, 2)) client.say(`${client.user} ${i}`);
  const heard = [];
  for (const client of clients) {
    const texts = [];
    while (texts.length < count * 2) texts.push((await client.message()).message);
    heard.push(texts);
  }
  for (const texts of heard.slice(1)) assert.deepEqual(texts, heard[0]);
  for (const client of clients.slice(0, 2)) {
    const own = heard[0].filter((text) => text.startsWith(`${client.user} `));
    assert.deepEqual(own, Array.from({ length: count }, (_, i) => `${client.user} ${i}`));
  }
});
