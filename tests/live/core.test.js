// The core of a node at its edges: half a request, upgrades that are none, inboxes and
// logs larger than one page, readers that are slow, publications that were missed.

import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { test } from 'node:test';
import { Client, SimpleClient } from '../lib/client.js';
import { frame_bytes } from '../lib/raw.js';
import { uuid_of } from '../lib/uuid.js';
import { waitFor, within } from '../lib/wait.js';
import { Stage, World, scene, use_world } from '../lib/world.js';

const world = use_world({
  nodes: 2,
  node: { flags: ['--sends-per-second', 100000, '--sends-burst', 100000] },
});

// One TCP connection by hand: what came back, and when it ended.
function connect_raw(node) {
  const socket = createConnection({ port: node.port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  const raw = { socket, text: '' };
  socket.on('error', () => {});
  socket.on('data', (bytes) => (raw.text += bytes.toString('latin1')));
  raw.ended = new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
  return raw;
}

const upgrade_lines = [
  'Host: localhost',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

function request(first, ...lines) {
  return `${[first, ...lines].join('\r\n')}\r\n\r\n`;
}

// A room that is nobody's, with these members and a log of `texts`.
async function make_room(stage, room, number, members, texts = []) {
  const key = `parley:room:{${room}}`;
  await stage.redis.command('HSET', `${key}:record`, 'num', number, 'uuid', uuid_of('room', room), 'name', room,
    'open', 1, 'public', 0, 'keep', 'log', 'seq', texts.length);
  const sends = [];
  for (const member of members) {
    sends.push(stage.redis.command('SADD', `${key}:members`, member));
    sends.push(stage.redis.command('HSET', `${key}:cursors`, member, 0));
    sends.push(stage.redis.command('SADD', `parley:user:{${member}}:rooms`, room));
  }
  texts.forEach((text, index) => {
    const id = number * 65536 + index + 1;
    const line = JSON.stringify({
      v: 1, id, seq: index + 1, kind: 'message.sent', ts: 1,
      from: { id: 'log-writer', num: 999999, uuid: '00000000-0000-5000-8000-000000000001', name: 'log-writer' },
      to: { kind: 'room', id: room, num: number, uuid: uuid_of('room', room), name: room },
      keep: 'log', origin: { protocol: 'chat', node: 'x', client_id: `${id}` }, body: { text },
    });
    sends.push(stage.redis.command('RPUSH', `${key}:log`, id));
    sends.push(stage.redis.command('HSET', `${key}:messages`, id, line));
  });
  await Promise.all(sends);
}

scene(world, 'half a head and then its end: the connection is dropped at once', async (stage) => {
  const raw = connect_raw(stage.nodes[0]);
  raw.socket.end('GET / HTTP/1.1\r\nHost: loc');
  // Below the door's patience of 10 s, which the loop would have turned in all the while.
  await within(5000, 'the end of the connection', raw.ended);
});

scene(world, 'an upgrade to two protocols is refused, and leaves no session behind', async (stage) => {
  const name = stage.name('unseen');
  const raw = connect_raw(stage.nodes[0]);
  raw.socket.write(
    request(`GET /simple?username=${name} HTTP/1.1`, ...upgrade_lines, 'Upgrade: foo', 'Upgrade: websocket'),
  );
  await waitFor('an answer', async () => raw.text.includes('\r\n\r\n'));
  assert.match(raw.text, /^HTTP\/1\.\d 400 /);
  await waitFor('no session is left', async () =>
    Object.keys(await stage.redis.hash(`parley:user:{${name}}:sessions`)).length === 0);
  raw.socket.destroy();
});

scene(world, 'one proof of receipt empties an inbox of thousands', async (stage) => {
  const COUNT = 2500;
  const reader = stage.name('reader');
  const sender = await stage.messaging(0, 'sender');
  let stored = 0;
  sender.on_frame = (frame) => (stored += frame.sent?.length ?? 0);
  for (let id = 0; id < COUNT; id += 100) {
    sender.put(...Array.from({ length: 100 }, (_, i) => ({ id: id + i, rid: reader, text: `${id + i}` })));
  }
  await waitFor('all are stored', async () => stored === COUNT);
  const client = await stage.simple(1, 'reader');
  const shown = new Set();
  const look = (frame) => frame.type === 'message_sent' && shown.add(frame.message);
  client.on_frame = look;
  for (const { json } of client.frames) look(json);
  await waitFor('all are shown', async () => shown.size === COUNT);
  await waitFor('none is left unread', async () =>
    Number(await stage.redis.command('LLEN', `parley:user:{${reader}}:unread`)) === 0);
}, { timeout_ms: 60000 });

scene(world, 'many rooms with much to show do not make a reader slow', async (stage) => {
  const user = stage.name('member');
  const texts = Array.from({ length: 90 }, (_, i) => `${i} ${'x'.repeat(2500)}`);
  const rooms = Array.from({ length: 10 }, (_, i) => `${stage.name('room')}-${i}`);
  for (const [i, room] of rooms.entries()) await make_room(stage, room, 70000 + i, [user], texts);
  const client = await stage.messaging(0, 'member');
  const got = new Map(rooms.map((room) => [`#${room}`, 0]));
  const count = (frame) => {
    for (const item of frame.messages ?? []) got.set(item.rid, got.get(item.rid) + 1);
  };
  client.on_frame = count;
  for (const { json } of client.frames.splice(0)) count(json); // that came with the 101
  await waitFor(
    () => `every log is shown: ${[...got.values()]}, closed with ${client.close_code}`,
    async () => [...got.values()].every((count) => count >= texts.length),
  );
  assert.ok([...got.values()].every((count) => count === texts.length));
}, { timeout_ms: 60000 });

scene(world, 'all messages of one id are read at once, however many', async (stage) => {
  const COUNT = 600;
  const reader = await stage.messaging(0, 'reader');
  const sender = await stage.messaging(1, 'sender');
  for (let i = 0; i < COUNT; i += 50) {
    sender.put(...Array.from({ length: 50 }, (_, k) => ({ id: 7, rid: reader.user, text: `${i + k}` })));
  }
  await reader.messages(COUNT);
  reader.mark(7);
  await waitFor('none is left unread', async () =>
    Number(await stage.redis.command('LLEN', `parley:user:{${reader.user}}:unread`)) === 0);
});

// Everything in one transaction: the node hears nothing of it.
async function unheard(stage, ...commands) {
  await stage.redis.command('MULTI');
  await stage.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  for (const command of commands) await stage.redis.command(...command);
  await stage.redis.command('EXEC');
}

scene(world, 'a takeover that was missed is made up for', async (stage) => {
  const old = await stage.messaging(0, 'moved');
  const key = `parley:user:{${old.user}}:sessions`;
  const [[session, record]] = Object.entries(await stage.redis.hash(key));
  const newer = record.replace(/ (\d+) /, (_, since) => ` ${Number(since) + 1000} `);
  await unheard(stage, ['HDEL', key, session], ['HSET', key, 'elsewhere-1', newer]);
  await old.expect_close(4409);
  await stage.redis.command('DEL', key);
}, { heals: true });

scene(world, 'a room entered or left unheard is made up for', async (stage) => {
  const [entered, left] = [stage.name('entered'), stage.name('left')];
  const user = stage.name('member');
  await make_room(stage, entered, 80001, ['log-writer']);
  await make_room(stage, left, 80002, [user, 'log-writer']);
  const member = await stage.messaging(0, 'member');
  const writer = await stage.messaging(1, 'log-writer');
  await stage.redis.command('SADD', `parley:room:{${entered}}:members`, writer.user);
  await stage.redis.command('SADD', `parley:room:{${left}}:members`, writer.user);
  await writer.put_and_wait({ id: 1, rid: `#${left}`, text: 'one' });
  await member.messages(1);
  await unheard(stage,
    ['SADD', `parley:room:{${entered}}:members`, user], ['HSET', `parley:room:{${entered}}:cursors`, user, 0],
    ['SADD', `parley:user:{${user}}:rooms`, entered],
    ['SREM', `parley:room:{${left}}:members`, user], ['HDEL', `parley:room:{${left}}:cursors`, user],
    ['SREM', `parley:user:{${user}}:rooms`, left]);
  await Promise.all(stage.nodes.map((node) => node.ready()));
  await writer.put_and_wait({ id: 2, rid: `#${entered}`, text: 'two' });
  assert.equal((await member.messages(1))[0].text, 'two');
  await writer.put_and_wait({ id: 3, rid: `#${left}`, text: 'three' });
  await writer.put_and_wait({ id: 4, rid: `#${entered}`, text: 'four' });
  assert.equal((await member.messages(1))[0].text, 'four');
}, { heals: true });

test('a busy room does not make heartbeats go out faster', async () => {
  const own = await World.start({ nodes: 1, node: { flags: ['--ping-seconds', 3] } });
  const stage = new Stage(own);
  let talking;
  try {
    const [room, user] = [stage.name('busy'), stage.name('mute')];
    const writer = await stage.messaging(0, 'writer');
    await make_room(stage, room, 90001, [user, writer.user]);
    const begun = Date.now();
    const mute = await stage.messaging(0, 'mute', { auto_pong: false });
    let id = 0;
    talking = setInterval(() => writer.put({ id: ++id, rid: `#${room}` }), 100);
    await mute.expect_close(4408, 20000);
    // One interval of silence, then two heartbeats of which each has an interval of its own.
    const waited_ms = Date.now() - begun;
    assert.ok(waited_ms >= 8500, `closed after ${waited_ms} ms`);
  } finally {
    clearInterval(talking);
    await stage.clear();
    await own.stop();
  }
});

test('time is up while a departure waits for its grace: the node ends in good order', async () => {
  const flags = ['--drain-seconds', 1, '--presence-grace-ms', 60000];
  const own = await World.start({ nodes: 1, node: { flags } });
  try {
    const client = await SimpleClient.open(own.nodes[0], 'alice');
    await client.arrived();
    await own.nodes[0].stop();
    assert.match(own.nodes[0].log(), /event=worker_ended worker=0 status=0/);
    await client.close();
  } finally {
    await own.stop();
  }
});

scene(world, 'chat: a message whose sender has gone by then still reaches the inbox', async (stage) => {
  const [from, to] = [stage.name('from'), stage.name('to')];
  const warm = await stage.keep(new Client()).open(stage.nodes[0], '/chat', { user: from });
  const send = (message) => ({ type: 'request', id: message, timestamp: 1, payloadType: 'new', payload: { chatId: to, message } });
  warm.send(send('first'));
  await warm.until((frame) => frame.id === 'first');
  const raw = await stage.raw(0, `/chat?user=${from}`);
  // The frame and the end of the connection are read in one turn of the loop.
  raw.socket.end(frame_bytes(JSON.stringify(send('last'))));
  await waitFor('both are unread', async () =>
    Number(await stage.redis.command('LLEN', `parley:user:{${to}}:unread`)) === 2);
});

scene(world, 'a newcomer to a room whose slow reader is being closed sees no history', async (stage) => {
  const slow = await stage.simple_arrived(0, 'slow');
  const talker = await stage.simple_arrived(1, 'talker');
  slow.pause();
  const text = 'x'.repeat(60000);
  const before = await stage.nodes[0].metrics();
  const closes = (m) => Number(/parley_slow_reader_closes_total\{[^}]*simple[^}]*\} (\d+)/.exec(m)?.[1] ?? 0);
  let n = 0;
  talker.on_frame = () => {};
  await waitFor('the slow one is being closed', async () => {
    for (let i = 0; i < 20; i++) talker.say(`${n++} ${text}`);
    await talker.round_trip();
    return closes(await stage.nodes[0].metrics()) > closes(before);
  });
  talker.say('history 1');
  talker.on_frame = null;
  await talker.message((f) => f.message === 'history 1');
  const late = await stage.simple(0, 'late');
  await talker.say_and_wait('news');
  const first = await late.message();
  assert.equal(first.message.slice(0, 20), 'news');
  slow.resume();
}, { timeout_ms: 60000 });

scene(world, 'an offer of another protocol (h2c) is passed over, the request answered', async (stage) => {
  const raw = connect_raw(stage.nodes[0]);
  raw.socket.write(
    request('GET /healthz HTTP/1.1', 'Host: localhost', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'),
  );
  await waitFor('an answer', async () => raw.text.includes('ok\n'));
  assert.match(raw.text, /^HTTP\/1\.1 200 /);
  raw.socket.destroy();
});

scene(world, 'a body that nobody asked for is read, and is not taken for the next request', async (stage) => {
  const raw = connect_raw(stage.nodes[0]);
  const answers = () => raw.text.match(/HTTP\/1\.1 200/g)?.length ?? 0;
  const smuggled = request('GET /metrics HTTP/1.1', 'Host: localhost');
  raw.socket.write(`${request('GET /healthz HTTP/1.1', 'Host: localhost', `Content-Length: ${smuggled.length}`)}${smuggled}`);
  await waitFor('an answer', async () => answers() === 1);
  raw.socket.write(request('GET /healthz HTTP/1.1', 'Host: localhost', 'Connection: close'));
  await within(5000, 'the end of the connection', raw.ended);
  assert.equal(answers(), 2);
  assert.ok(!raw.text.includes('parley_'), raw.text.slice(0, 400));
});

scene(world, 'links to Redis that were made again are counted', async (stage) => {
  const reconnects = async () =>
    Number((await stage.nodes[0].metrics()).match(/redis_reconnects_total\{worker="0",link="bus"\} (\d+)/)[1]);
  const before = await reconnects();
  await stage.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await waitFor('it is counted', async () => (await reconnects()) === before + 1);
});
