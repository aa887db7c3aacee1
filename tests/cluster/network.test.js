// The network between a node and Redis: links that hang without a word, cut cables,
// a Redis that refuses (design.md, "Readiness is proof", "When Redis is away").

import assert from 'node:assert/strict';
import { http } from '../lib/http.js';
import { parse_metrics } from '../lib/prometheus.js';
import { RedisServer } from '../lib/redis.js';
import { RespClient } from '../lib/resp.js';
import { uuid_of } from '../lib/uuid.js';
import { pause, waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';
import { texts_of } from '../rest/crowd.js';

const world = use_world({ nodes: 2, proxied: true, node: { flags: ['--presence-grace-ms', 500] } });

function faulty(name, play, timeout_ms = 45000) {
  scene(world, name, play, { heals: true, timeout_ms });
}

const key = (user) => `parley:user:{${user}}:sessions`;

async function metric(node, name) {
  const { samples } = parse_metrics(await node.metrics());
  return samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0);
}

function disconnected(client, user) {
  return client.seen.filter(({ json }) => json.type === 'user_disconnected' && json.username === user).length;
}

faulty('a bus link that delivers nothing is found out and restarted; nothing is lost', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const carol = await stage.simple_arrived(1, 'carol');
  const dave = await stage.simple_arrived(0, 'dave');
  assert.equal(stage.proxies[1].mute(/:bus$/), 1);
  for (let id = 1; id <= 10; id++) {
    await alice.put_and_wait({ id, rid: bob.id });
    await dave.say_and_wait(`lobby ${id}`);
  }
  await stage.nodes[1].readiness(503);
  await stage.nodes[1].ready();
  assert.deepEqual((await bob.messages(10)).map(({ id }) => id), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  for (let id = 1; id <= 10; id++) assert.equal((await carol.message()).message, `lobby ${id}`);
  await alice.put_and_wait({ id: 11, rid: bob.id });
  assert.equal((await bob.messages(1))[0].id, 11);
});

faulty('who came to the lobby and went while a bus was deaf: its clients are told, once', async (stage) => {
  const watcher = await stage.simple_arrived(1, 'watcher');
  const reader = await stage.rooms(1, 'reader');
  await reader.enter();
  const staying = await stage.simple_arrived(0, 'staying');
  const going = await stage.simple_arrived(0, 'going');
  const told = (type, { user }) => watcher.seen.filter(({ json }) => json.type === type && json.username === user).length;
  const read = (type, { user }) => reader.seen.filter(({ json }) => json.type === type && json.user_id === uuid_of('user', user)).length;
  await waitFor('both know of them', () => told('user_connected', going) && read('enter', going) && read('enter', staying));
  const late = () => metric(stage.nodes[1], 'parley_attendance_late_total');
  const late_before = await late();

  assert.equal(stage.proxies[1].mute(/:bus$/), 1);
  await going.close();
  const passing = await stage.simple_arrived(0, 'passing');
  await passing.close();
  const coming = await stage.simple_arrived(0, 'coming');
  const gone = ({ user }) => ({ kind, from }) => kind === 'room.exited' && from.id === user;
  for (const client of [going, passing]) await stage.watch.expect('parley:room:{lobby}', gone(client));

  const patience_ms = 20000;
  await waitFor('they are told', () => told('user_connected', coming) && told('user_disconnected', going), patience_ms);
  await waitFor('rooms as well', () => read('enter', coming) && read('exit', going), patience_ms);
  assert.ok(late_before + 2 <= (await late()));
  const last = await stage.simple_arrived(0, 'last');
  await waitFor('what comes next is told', () => told('user_connected', last) && read('enter', last));
  for (const client of [watcher, staying, going, coming]) {
    assert.deepEqual([told('user_connected', client), read('enter', client)], [1, client === watcher ? 0 : 1], client.user);
  }
  for (const client of [watcher, reader, staying, coming]) assert.equal(told('user_disconnected', client), 0);
  assert.deepEqual([told('user_disconnected', going), read('exit', going)], [1, 1]);
  assert.equal(told('user_connected', passing) + read('enter', passing) + read('exit', passing), 0);
});

faulty('a lobby whose attendance cannot be read is read again', async (stage) => {
  const watcher = await stage.simple_arrived(1, 'watcher');
  const [key, aside] = ['parley:room:{lobby}:attendance', 'parley:room:{lobby}:aside'];
  const failed = async () => Number(/cmdstat_hscan:.*failed_calls=(\d+)/.exec(await stage.redis.command('INFO', 'commandstats'))?.[1] ?? 0);
  assert.equal(stage.proxies[1].mute(/:bus$/), 1);
  const coming = await stage.simple_arrived(0, 'coming');
  const failed_before = await failed();
  await stage.redis.command('RENAME', key, aside);
  await stage.redis.command('SET', key, 'no hash');
  try {
    await waitFor('reading fails', async () => (await failed()) > failed_before, 20000);
  } finally {
    await stage.redis.command('RENAME', aside, key);
  }
  await watcher.until((frame) => frame.type === 'user_connected' && frame.username === coming.user, 20000);
});

// It may have been cleared away, and its node not know it yet: in the lobby alone nobody would find it.
faulty('whoever attends again, after a bus was deaf, stands in their node\'s hash by then', async (stage) => {
  const carol = await stage.simple_arrived(1, 'carol');
  const order = [];
  const monitor = await RespClient.connect(stage.redis.port);
  monitor.on_line = (line) => {
    if (!line.includes(carol.user)) return;
    if (line.includes('"HSET" "parley:node:{node-b.0}:sessions"')) order.push('node');
    if (line.includes('"EVALSHA"') && line.includes(':attendance"')) order.push('lobby');
  };
  await monitor.command('MONITOR');
  assert.equal(stage.proxies[1].mute(/:bus$/), 1);
  await waitFor('carol attends again', () => order.includes('lobby'), 15000);
  monitor.close();
  assert.equal(order[0], 'node', `${order}`);
});

faulty('a command link that hangs: unavailable, then another one; sending again is safe', async (stage) => {
  const alice = await stage.messaging(1, 'alice');
  const bob = await stage.messaging(0, 'bob');
  await alice.put_and_wait({ id: 'before', rid: bob.id });
  assert.equal(stage.proxies[1].hang(/:commands$/), 1);
  const item = { id: 1, rid: bob.id };
  alice.put(item);
  assert.equal((await alice.section('errors'))[0].code, 'unavailable');
  await stage.nodes[1].ready();
  await alice.put_and_wait(item);
  await alice.put_and_wait({ id: 'after', rid: bob.id });
  assert.deepEqual((await bob.messages(3)).map(({ id }) => id), ['before', 1, 'after']);
});

// It is kept nowhere: what comes behind it would be shown first.
faulty("a sender's copy that its node would publish too late is not published", async (stage) => {
  const bob = await stage.messaging(1, 'bob');
  const other = await stage.chat(1, 'alice');
  const alice = await stage.messaging(0, 'alice');
  const [node] = stage.nodes;
  await alice.put_and_wait({ id: 1, rid: bob.id, text: 'one' });
  assert.equal((await other.event('new')).message, 'one');
  assert.equal(stage.proxies[0].mute(/:commands$/), 1);
  alice.put({ id: 2, rid: bob.id, text: 'two' });
  assert.deepEqual((await bob.messages(2)).map(({ id }) => id), [1, 2]);
  node.pause();
  stage.proxies[0].mend();
  await pause(2500); // so long a command is waited for (--redis-timeout-ms), and a little
  node.resume();
  await alice.section('sent');
  await alice.put_and_wait({ id: 3, rid: bob.id, text: 'three' });
  assert.equal((await other.event('new')).message, 'three');
});

faulty('a proof of receipt that Redis was not told is told once it is back', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const carol = await stage.simple_arrived(1, 'carol');
  assert.equal(stage.proxies[1].hang(/:commands$/), 1);
  await alice.put_and_wait({ id: 1, rid: carol.user, text: 'shown by the other link' });
  assert.equal((await carol.message()).message, 'shown by the other link');
  await waitFor('it was proven', async () => !(await stage.redis.command('LLEN', `parley:user:{${carol.user}}:unread`)), 15000);
});

faulty('a short cut: nobody is told, nothing is lost or shown twice', async (stage) => {
  const watcher = await stage.simple_arrived(0, 'watcher');
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const carol = await stage.simple_arrived(1, 'carol');
  stage.proxies[1].cut();
  await stage.nodes[1].readiness(503);
  for (let id = 1; id <= 5; id++) {
    await alice.put_and_wait({ id, rid: bob.id });
    await alice.put_and_wait({ id: `c${id}`, rid: carol.user, text: `c${id}` });
  }
  stage.proxies[1].mend();
  assert.deepEqual((await bob.messages(5)).map(({ id }) => id), [1, 2, 3, 4, 5]);
  for (let id = 1; id <= 5; id++) assert.equal((await carol.message()).message, `c${id}`);
  await stage.nodes[1].ready();
  await alice.put_and_wait({ id: 'marker', rid: bob.id });
  assert.equal((await bob.messages(1))[0].id, 'marker');
  assert.equal(disconnected(watcher, carol.user), 0);
});

faulty('cut off for longer than the lease: reaped, told, and back with all of its sessions', async (stage) => {
  const watcher = await stage.simple_arrived(0, 'watcher');
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const carol = await stage.simple_arrived(1, 'carol');
  stage.proxies[1].cut();
  await watcher.until((frame) => frame.type === 'user_disconnected' && frame.username === carol.user, 10000);
  assert.equal(await stage.redis.command('EXISTS', key(bob.user), key(carol.user)), 0);
  await alice.put_and_wait({ id: 1, rid: bob.id });
  await alice.put_and_wait({ id: 'c', rid: carol.user, text: 'for carol' });
  stage.proxies[1].mend();
  assert.equal((await bob.messages(1, 15000))[0].id, 1);
  assert.equal((await carol.message()).message, 'for carol');
  await watcher.until((frame) => frame.type === 'user_connected' && frame.username === carol.user, 15000);
  await waitFor('both are registered again', async () => {
    return (await stage.redis.command('EXISTS', key(bob.user), key(carol.user))) === 2;
  });
  await stage.nodes[1].ready();
  await watcher.say_and_wait('to all');
  await carol.message((frame) => frame.message === 'to all');
});

faulty('cut off, and the name was taken meanwhile: the one that is back gives way', async (stage) => {
  const carol = await stage.simple_arrived(1, 'carol');
  stage.proxies[1].cut();
  const fresh = await waitFor(
    'the name is free',
    () => stage.simple(0, 'carol').catch((error) => {
      assert.equal(error.status, 403);
      return null;
    }),
    10000,
  );
  await fresh.arrived();
  stage.proxies[1].mend();
  const { code } = await carol.closed;
  assert.equal(code, 4409);
  assert.equal((await fresh.say_and_wait('mine')).error, null);
  assert.equal(Object.keys(await stage.redis.hash(key(fresh.user))).length, 1);
});

faulty('SCRIPT FLUSH during traffic: nothing is lost, order is kept', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const count = 500;
  for (let id = 0; id < count; id++) {
    alice.put({ id, rid: bob.id });
    if (id % 100 === 50) await stage.redis.command('SCRIPT', 'FLUSH');
  }
  const items = await bob.messages(count);
  assert.deepEqual(items.map(({ id }) => id), Array.from({ length: count }, (_, i) => i));
});

faulty('a Redis that is full refuses, and no sender is told that it was stored', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const simple = await stage.simple_arrived(0, 'simple');
  const bob = stage.name('bob');
  await alice.put_and_wait({ id: 0, rid: bob });
  await stage.redis.command('CONFIG', 'SET', 'maxmemory', '1');
  try {
    alice.put({ id: 1, rid: bob });
    const [error] = await alice.section('errors');
    assert.deepEqual([error.id, error.code], [1, 'unavailable']);
    assert.equal((await simple.say_and_wait('lobby')).error, 'unavailable');
  } finally {
    await stage.redis.command('CONFIG', 'SET', 'maxmemory', '0');
  }
  await stage.nodes[0].ready();
  await alice.put_and_wait({ id: 1, rid: bob });
  const there = await stage.messaging(1, 'bob');
  assert.deepEqual((await there.messages(2)).map(({ id }) => id), [0, 1]);
});

// What a link's coming up makes (the lobby's record) was refused then, and not made later.
faulty('a node whose link comes up while Redis is full is ready once it is not', async (stage) => {
  await stage.redis.command('CONFIG', 'SET', 'maxmemory', '1');
  try {
    await stage.redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await waitFor('the link is up, and the node not ready', async () => {
      const { status, body } = await http(stage.nodes[0].url, '/readyz');
      return status === 503 && body.includes('has not answered');
    });
  } finally {
    await stage.redis.command('CONFIG', 'SET', 'maxmemory', '0');
  }
  await Promise.all(stage.nodes.map((node) => node.ready()));
  const alice = await stage.messaging(0, 'alice');
  await alice.put_and_wait({ id: 1, rid: stage.name('bob') });
});

faulty('a Redis that became a replica refuses; once it is a master again all goes on', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const other = await RedisServer.start();
  try {
    await alice.put_and_wait({ id: 0, rid: bob.id });
    await stage.redis.command('REPLICAOF', '127.0.0.1', other.port);
    // What the new master does not hold is gone: this one waits in the old one's list.
    alice.put({ id: 1, rid: bob.id });
    const [error] = await alice.section('errors');
    assert.deepEqual([error.id, error.code], [1, 'unavailable']);
  } finally {
    await stage.redis.command('REPLICAOF', 'NO', 'ONE');
    await other.stop();
  }
  await Promise.all(stage.nodes.map((node) => node.ready()));
  await waitFor('a send goes through', async () => {
    alice.put({ id: 2, rid: bob.id });
    const frame = await alice.until((json) => json.sent || json.errors);
    return frame.sent;
  });
  const { messages } = await bob.until((frame) => frame.messages?.some(({ id }) => id === 2));
  assert.ok(messages.length >= 1);
});

// A join that hangs on its way, and is carried out when its client is long connected elsewhere.
async function a_join_arrives_late(stage, meanwhile) {
  const { redis, proxies } = stage;
  const late = async () => /errorstat_LATE:count=(\d+)/.exec(await redis.command('INFO', 'errorstats'))?.[1] ?? '0';
  const before = await late();
  proxies[1].hang(/:commands$/);
  const { status } = await stage.messaging(1, 'alice').catch((error) => error);
  assert.equal(status, 503);
  const alice = await stage.messaging(0, 'alice');
  await meanwhile();
  await pause(2500); // so long a command is waited for (--redis-timeout-ms), and a little
  proxies[1].mend();
  await waitFor('what hung has arrived', async () => (await late()) !== before);
  await waitFor('nobody stands there in vain', async () => !(await redis.command('EXISTS', 'parley:node:{node-b.0}:sessions')), 10000);
  const sessions = Object.values(await redis.hash(key(alice.id)));
  assert.deepEqual(sessions.map((record) => record.split(' ')[0]), ['node-a.0']);
  await alice.put_and_wait({ id: 1, rid: stage.name('bob') });
}

faulty('a join that hung and was given up replaces nobody, and leaves no ghost', async (stage) => {
  await a_join_arrives_late(stage, async () => {});
});

faulty('nor does one whose node was killed and started again meanwhile', async (stage) => {
  await a_join_arrives_late(stage, async () => {
    await stage.nodes[1].kill();
    await stage.nodes[1].launch();
  });
});

faulty('who is banned by a node that dies at it is out of the room nevertheless', async (stage) => {
  const { redis } = stage;
  const owner = stage.name('owner');
  const room = stage.name('den');
  const as_owner = [0, 1].map((index) => stage.rest(index, 'native', { user: owner }));
  const { uuid } = await as_owner[0].ok('POST', '/api/v1/rooms', { id: room, open: false });
  const clients = [await stage.rooms(1, 'bob'), await stage.concord(1, 'bob')];
  const bob = clients[0].user;
  const is_one = (key) => redis.command('SISMEMBER', `parley:${key}`, key.startsWith('user') ? room : bob);
  await as_owner[0].ok('PUT', `/api/v1/rooms/${room}/invites/${bob}`);
  await stage.rest(1, 'native', { user: bob }).ok('PUT', `/api/v1/rooms/${room}/members/${bob}`);
  const on_its_way = stage.proxies[0].mute_from('ban');
  const banning = as_owner[0].call('PUT', `/api/v1/rooms/${room}/bans/${bob}`).catch((error) => error);
  await on_its_way;
  await waitFor('the room has it', () => is_one(`room:{${room}}:bans`));
  assert.equal(await is_one(`user:{${bob}}:bans`), 0);
  await stage.nodes[0].kill();
  assert.ok((await banning) instanceof Error, 'nobody was told');
  const kick = await clients[0].until_keeping(({ type }) => type === 'kick');
  assert.deepEqual(kick, { type: 'kick', room_id: uuid, message: '', permanent: true });
  assert.equal(await is_one(`user:{${bob}}:bans`), 1);
  assert.equal(await is_one(`user:{${bob}}:rooms`), 0);
  await as_owner[1].ok('POST', `/api/v1/rooms/${room}/messages`, { text: 'unheard' });
  await as_owner[1].ok('POST', `/api/v1/users/${bob}/messages`, { text: 'heard' });
  for (const client of clients) {
    await client.until_keeping((frame) => texts_of(frame).includes('heard'));
    assert.deepEqual(client.seen.flatMap(({ json }) => texts_of(json)), ['heard']);
  }
});
