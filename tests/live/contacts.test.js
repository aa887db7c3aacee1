// Who shares a dialog is told when the other comes online and goes (protocols.md, the bridge:
// online, offline), across two nodes, whatever the other speaks.

import assert from 'node:assert/strict';
import { Client } from '../lib/client.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const GRACE_MS = 300;
const world = use_world({
  nodes: 2,
  redis: { aof: 'always' },
  node: { flags: ['--presence-grace-ms', GRACE_MS] },
});

const PATHS = { chat: '/chat', concord: '/client', rooms: '/rooms' };

async function come(stage, protocol, index, user) {
  if (protocol === 'simple') return stage.simple_arrived(index, user);
  if (protocol === 'messaging') return stage.messaging(index, user);
  const client = new Client();
  client.user = stage.name(user);
  client.name = `${protocol} ${client.user}`;
  await client.open(stage.nodes[index], PATHS[protocol], { user: client.user });
  return stage.keep(client);
}

let requests = 0;

async function request(client, payloadType, payload) {
  const id = `q${++requests}`;
  client.send({ type: 'request', timestamp: 1, id, payloadType, payload });
  const answer = await client.until_keeping((frame) => frame.type === 'response' && frame.id === id);
  assert.equal(answer.payload.error, undefined, answer.payload.message);
}

// A chat client writes to `user`: from then on both are contacts.
async function meet(stage, client, user) {
  await request(client, 'new', { chatId: user, message: `hello ${user}` });
  for (const [one, other] of [[client.user, user], [user, client.user]]) {
    const key = `parley:user:{${one}}:contacts`;
    assert.equal(await stage.redis.command('SISMEMBER', key, other), 1);
  }
}

const presence = { online: 'online', offline: 'offline', ONLINE: 'online', OFFLINE: 'offline' };

function told(frame) {
  if (frame.type === 'user_status_updated') return [presence[frame.status], frame.userId];
  return frame.eventType in presence ? [presence[frame.eventType], frame.payload.userId] : null;
}

// The next of these; whatever else there is stays.
async function next_told(client) {
  return told(await client.until_keeping((frame) => told(frame) !== null));
}

// All that this client has been told so far of whom.
function all_told(client) {
  return client.seen.map((frame) => told(frame.json)).filter(Boolean);
}

function published(stage, kind, from, to) {
  return stage.watch.find(`parley:user:{${to}}`, (event) => event.kind === kind && event.from?.id === from);
}

async function until_shown(stage, user, wanted) {
  await waitFor(`${user} is shown as ${wanted}`, async () => {
    const shown = await stage.redis.command('HGET', `parley:user:{${user}}:profile`, 'shown');
    return wanted instanceof RegExp ? wanted.test(shown) : shown === wanted;
  });
}

for (const protocol of ['chat', 'simple', 'messaging', 'concord', 'rooms']) {
  scene(world, `chat is told of a contact who speaks ${protocol}`, async (stage) => {
    const watcher = await come(stage, 'chat', 0, 'watcher');
    const friend = stage.name('friend');
    await meet(stage, watcher, friend);
    const client = await come(stage, protocol, 1, 'friend');
    assert.deepEqual(await next_told(watcher), ['online', friend]);
    await client.close();
    assert.deepEqual(await next_told(watcher), ['offline', friend]);
    const back = await come(stage, protocol, 0, 'friend');
    assert.deepEqual(await next_told(watcher), ['online', friend]);
    await back.close();
    assert.deepEqual(await next_told(watcher), ['offline', friend]);
    const [{ envelope }] = published(stage, 'presence.online', friend, watcher.user);
    assert.deepEqual(Object.keys(envelope), ['v', 'id', 'seq', 'kind', 'ts', 'from']);
    assert.deepEqual(Object.keys(envelope.from), ['id', 'num', 'uuid', 'name']);
    await until_shown(stage, friend, null);
  });
}

scene(world, 'concord is told of a contact, by number', async (stage) => {
  const writer = await come(stage, 'chat', 0, 'writer');
  await meet(stage, writer, stage.name('reader'));
  const reader = await come(stage, 'concord', 1, 'reader');
  const number = Number(await stage.redis.command('HGET', `parley:user:{${writer.user}}:profile`, 'num'));
  assert.deepEqual(await next_told(reader), ['online', number]);
  await writer.close();
  assert.deepEqual(await next_told(reader), ['offline', number]);
});

scene(world, 'those that cannot say it are told nothing, and nobody else is', async (stage) => {
  const writer = await come(stage, 'chat', 0, 'writer');
  const stranger = await come(stage, 'chat', 1, 'stranger');
  const others = [];
  for (const protocol of ['simple', 'messaging', 'rooms']) {
    const other = await come(stage, protocol, 1, protocol);
    await meet(stage, writer, other.user);
    others.push(other);
  }
  await writer.close();
  for (const other of others) {
    await stage.watch.expect(`parley:user:{${other.user}}`, ({ kind }) => kind === 'presence.offline');
    await other.round_trip();
    for (const { json, text } of other.seen) {
      assert.ok(json.type?.startsWith('user_connected') || !/offline/i.test(text), text);
    }
  }
  await stranger.round_trip();
  assert.deepEqual(all_told(stranger), []);
});

scene(world, 'who connects is told once of each contact who is online, and not of the others', async (stage) => {
  const anna = await come(stage, 'chat', 0, 'anna');
  const ben = await come(stage, 'simple', 1, 'ben');
  const cleo = await come(stage, 'concord', 1, 'cleo');
  const dan = stage.name('dan');
  await come(stage, 'chat', 0, 'stranger');
  for (const user of [ben.user, cleo.user, dan]) await meet(stage, anna, user);
  for (const [protocol, index] of [['chat', 0], ['chat', 1], ['concord', 1]]) {
    const again = await come(stage, protocol, index, 'anna');
    const got = [await next_told(again), await next_told(again)];
    assert.deepEqual(got.map(([word]) => word), ['online', 'online']);
    if (protocol === 'chat') {
      assert.deepEqual(got.map(([, user]) => user).sort(), [ben.user, cleo.user].sort());
    }
    await again.round_trip();
    assert.equal(all_told(again).length, 2);
  }
  assert.deepEqual(all_told(anna), [], 'another connection of hers was told as well');
  assert.equal(published(stage, 'presence.online', anna.user, ben.user).length, 0, 'she was there all the time');
});

scene(world, 'further connections are told to nobody; the last one that goes is', async (stage) => {
  const watcher = await come(stage, 'chat', 0, 'watcher');
  const friend = stage.name('friend');
  await meet(stage, watcher, friend);
  const phone = await come(stage, 'messaging', 1, 'friend');
  assert.deepEqual(await next_told(watcher), ['online', friend]);
  await until_shown(stage, friend, 'online');
  const desk = await come(stage, 'chat', 0, 'friend');
  await phone.close();
  await until_shown(stage, friend, 'online');
  const laptop = await come(stage, 'simple', 1, 'friend');
  await desk.close();
  await laptop.close();
  await until_shown(stage, friend, /^left /);
  assert.deepEqual(await next_told(watcher), ['offline', friend]);
  assert.deepEqual(all_told(watcher), [['online', friend], ['offline', friend]]);
});

scene(world, 'who moves to another node within the grace does not flap', async (stage) => {
  const watcher = await come(stage, 'chat', 0, 'watcher');
  const friend = stage.name('friend');
  await meet(stage, watcher, friend);
  let client = await come(stage, 'chat', 0, 'friend');
  assert.deepEqual(await next_told(watcher), ['online', friend]);
  await until_shown(stage, friend, 'online');
  for (let i = 1; i <= 6; i++) {
    await client.cut();
    client = await come(stage, 'chat', i % 2, 'friend');
  }
  // The last of the graces that ran is over when that of a later departure is.
  const marker = await come(stage, 'chat', 1, 'marker');
  await meet(stage, watcher, marker.user);
  await marker.close();
  assert.deepEqual(await next_told(watcher), ['offline', marker.user]);
  const of_friend = all_told(watcher).filter(([, user]) => user === friend);
  assert.deepEqual(of_friend, [['online', friend]]);
  assert.equal(published(stage, 'presence.offline', friend, watcher.user).length, 0);
});

const ten_seconds = { timeout_ms: 60000, heals: true };

scene(world, 'after kill -9 of a node its users are offline within 10 s', async (stage) => {
  const watcher = await come(stage, 'chat', 0, 'watcher');
  const names = ['gone', 'moved', 'twice'].map((name) => stage.name(name));
  for (const name of names) await meet(stage, watcher, name);
  await come(stage, 'simple', 1, 'gone');
  await come(stage, 'chat', 1, 'moved');
  await come(stage, 'messaging', 1, 'twice');
  for (let i = 0; i < 3; i++) assert.equal((await next_told(watcher))[0], 'online');
  for (const name of names) await until_shown(stage, name, 'online');
  await come(stage, 'chat', 0, 'twice');
  const begun = Date.now();
  await stage.nodes[1].kill();
  await come(stage, 'chat', 0, 'moved');
  assert.deepEqual(await next_told(watcher), ['offline', names[0]]);
  assert.ok(Date.now() - begun < 10000, `it took ${Date.now() - begun} ms`);
  // All of its sessions have been cleared away: the two others are there still.
  await waitFor('the node is off the list', async () => {
    return (await stage.redis.command('ZSCORE', 'parley:nodes', 'node-b.0')) === null;
  });
  for (const name of names.slice(1)) {
    assert.equal(published(stage, 'presence.offline', name, watcher.user).length, 0);
    assert.equal(published(stage, 'presence.online', name, watcher.user).length, 1);
  }
}, ten_seconds);

scene(world, "a departure whose node dies within the grace is another node's to tell", async (stage) => {
  const watcher = await come(stage, 'chat', 0, 'watcher');
  const friend = stage.name('friend');
  await meet(stage, watcher, friend);
  const client = await come(stage, 'chat', 1, 'friend');
  assert.deepEqual(await next_told(watcher), ['online', friend]);
  await until_shown(stage, friend, 'online');
  await client.close();
  await until_shown(stage, friend, /^left /);
  await stage.nodes[1].kill();
  assert.deepEqual(await next_told(watcher), ['offline', friend]);
}, ten_seconds);

scene(world, 'a node that was taken for dead says who is there once more, and once', async (stage) => {
  const watcher = await come(stage, 'chat', 0, 'watcher');
  const friend = stage.name('friend');
  await meet(stage, watcher, friend);
  await come(stage, 'chat', 1, 'friend');
  await come(stage, 'messaging', 1, 'friend');
  assert.deepEqual(await next_told(watcher), ['online', friend]);
  await until_shown(stage, friend, 'online');
  stage.nodes[1].pause();
  assert.deepEqual(await next_told(watcher), ['offline', friend]);
  stage.nodes[1].resume();
  assert.deepEqual(await next_told(watcher), ['online', friend]);
  await waitFor('both sessions are there again', async () => {
    return (await stage.redis.command('HLEN', `parley:user:{${friend}}:sessions`)) === 2;
  });
  await until_shown(stage, friend, 'online');
  assert.equal(published(stage, 'presence.online', friend, watcher.user).length, 2);
  assert.equal(published(stage, 'presence.offline', friend, watcher.user).length, 1);
}, ten_seconds);

scene(world, 'what was missed while Redis was away is told when it is back', async (stage) => {
  const watcher = await come(stage, 'chat', 0, 'watcher');
  const friend = await come(stage, 'messaging', 1, 'friend');
  const stays = await come(stage, 'messaging', 1, 'stays');
  for (const { user } of [friend, stays]) await meet(stage, watcher, user);
  await stage.redis.kill();
  await friend.close();
  await stage.redis.launch();
  const known = new Map();
  while (known.get(friend.user) !== 'offline' || known.get(stays.user) !== 'online') {
    const [word, user] = await next_told(watcher);
    known.set(user, word);
  }
  await until_shown(stage, friend.user, null);
  await watcher.round_trip();
  for (const [word, user] of all_told(watcher)) known.set(user, word);
  assert.deepEqual(known, new Map([[friend.user, 'offline'], [stays.user, 'online']]));
}, ten_seconds);
