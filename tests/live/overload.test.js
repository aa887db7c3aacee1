// Too much of everything: what each bound answers, and what its metric shows (design.md,
// "The node"; protocols.md, "Rates").

import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { after, before, test } from 'node:test';
import { MessagingClient, SimpleClient } from '../lib/client.js';
import { Gateway } from '../lib/gateway.js';
import { http } from '../lib/http.js';
import { parse_metrics } from '../lib/prometheus.js';
import { frame_bytes, OPCODE, RawClient } from '../lib/raw.js';
import { RedisServer } from '../lib/redis.js';
import { waitFor } from '../lib/wait.js';

let redis;
const nodes = [];
const clients = [];

before(async () => {
  redis = await RedisServer.start();
});

after(async () => {
  for (const client of clients) await client.close();
  for (const node of nodes) await node.stop();
  await redis?.stop();
});

async function node_with(...flags) {
  const node = await Gateway.start({ redis, id: `bound-${nodes.length}`, flags });
  nodes.push(node);
  return node;
}

function keep(client) {
  clients.push(client);
  return client;
}

// The sum of a family's samples, of those that have these labels.
async function metric(node, name, labels = {}) {
  const { samples } = parse_metrics(await node.metrics());
  return samples
    .filter((sample) => sample.name === `parley_${name}`)
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

// A whole upgrade by hand, on a connection of its own: the answer's head.
async function upgrade(node, user) {
  const raw = await new RawClient().open(node, `/messaging?client_id=${user}`);
  return keep(raw);
}

// TCP alone. Resolves when it is connected.
function connect(node) {
  const socket = createConnection({ port: node.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  clients.push({ close: () => socket.destroy() });
  return new Promise((resolve) => socket.once('connect', () => resolve(socket)));
}

test('a storm of upgrades is served at the rate, and nobody is refused', async () => {
  const node = await node_with('--handshakes-per-second', 50);
  const begun = Date.now();
  const storm = await Promise.all(Array.from({ length: 100 }, (_, i) => upgrade(node, `storm-${i}`)));
  const took = Date.now() - begun;
  assert.deepEqual([...new Set(storm.map(({ status }) => status))], [101]);
  // 100 at 50 a second, less the few that begin at once.
  assert.ok(took >= 1800, `all in ${took} ms`);
  assert.ok((await metric(node, 'handshakes_paced_total')) >= 90);
  assert.equal(await metric(node, 'handshakes_waiting'), 0);
  assert.equal(await metric(node, 'upgrades_refused_total'), 0);
});

test('who finds no place in the line gets 503 at once, and when to come again', async () => {
  const node = await node_with('--handshakes-per-second', 10);
  const answers = await Promise.all(Array.from({ length: 80 }, (_, i) => upgrade(node, `line-${i}`)));
  const refused = answers.filter(({ status }) => status === 503);
  const served = answers.filter(({ status }) => status === 101);
  assert.equal(refused.length + served.length, 80);
  assert.ok(served.length >= 45 && served.length <= 56, `${served.length} were served`); // 5 s of it
  for (const { head } of refused) assert.match(head, /^retry-after: \d+$/im);
  assert.equal(await metric(node, 'upgrades_refused_total', { code: 'overloaded', status: '503' }), refused.length);
});

test('those who wait and go away cost the others nothing', async () => {
  const node = await node_with('--handshakes-per-second', 10);
  const path = (user) => `GET /messaging?client_id=${user} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
  const leavers = await Promise.all(Array.from({ length: 40 }, () => connect(node)));
  leavers.forEach((socket, i) => socket.write(path(`leaver-${i}`)));
  await waitFor('they stand in the line', async () => (await metric(node, 'handshakes_waiting')) >= 35);
  for (const socket of leavers) socket.destroy();
  const begun = Date.now();
  assert.equal((await upgrade(node, 'stayer')).status, 101);
  assert.ok(Date.now() - begun < 2000, 'it waited for the dead');
});

test('above max-connections an upgrade gets 503, and an operator can still look', async () => {
  const node = await node_with('--max-connections', 5);
  const idle = await Promise.all(Array.from({ length: 5 }, (_, i) => MessagingClient.open(node, `full-${i}`)));
  idle.forEach(keep);
  const late = await upgrade(node, 'late');
  assert.equal(late.status, 503);
  assert.match(late.head, /^retry-after: \d+$/im);
  assert.ok((await metric(node, 'upgrades_refused_total', { code: 'overloaded' })) >= 1);
  assert.equal((await http(node.url, '/healthz')).status, 200);
  const rest = await http(node.url, '/api/v1/rooms');
  assert.equal(rest.status, 503);
  assert.match(rest.headers['retry-after'], /^\d+$/);
  await idle[0].close();
  await waitFor('there is room again', async () => (await upgrade(node, 'later')).status === 101);
});

test('above it by far, connections are dropped, and the node lives', async () => {
  const node = await node_with('--max-connections', 5);
  const sockets = await Promise.all(Array.from({ length: 120 }, () => connect(node)));
  await waitFor('the surplus is bounded', () => sockets.filter(({ destroyed }) => destroyed).length >= 120 - 5 - 64 - 2);
  assert.ok((await metric(node, 'connections').catch(() => 0)) <= 5 + 64);
  for (const socket of sockets) socket.destroy();
  await waitFor('there is room again', async () => (await upgrade(node, 'after').catch(() => ({}))).status === 101);
});

test('connections that say nothing count at their address, too', async () => {
  const node = await node_with('--max-connections-per-address', 6);
  const sockets = await Promise.all(Array.from({ length: 6 }, () => connect(node)));
  await waitFor('one more is refused', async () => (await upgrade(node, 'seventh')).status === 429);
  assert.ok((await metric(node, 'upgrades_refused_total', { code: 'rate_limited', status: '429' })) >= 1);
  for (const socket of sockets) socket.destroy();
  await waitFor('there is room again', async () => (await upgrade(node, 'eighth')).status === 101);
});

test('behind a trusted proxy it is the client who is counted', async () => {
  const node = await node_with('--max-connections-per-address', 2, '--trusted-proxies', '127.0.0.1');
  const from = (address, user) =>
    new RawClient().open(node, `/messaging?client_id=${user}`, { headers: { 'X-Forwarded-For': address } }).then(keep);
  for (const address of ['203.0.113.1', '203.0.113.2']) {
    assert.equal((await from(address, `${address}-a`)).status, 101);
    assert.equal((await from(address, `${address}-b`)).status, 101);
    assert.equal((await from(address, `${address}-c`)).status, 429);
  }
});

// Small figures: ten times above closes.
const FLOOD_MS = 20000;
const rates = ['--frames-per-second', 20, '--frames-burst', 30];

// Writes what `next` gives until the server closes: each in a packet of its own, for a read costs,
// whatever it brings. A busy machine makes one of many, so it is not their number that counts.
async function closed_by(raw, next) {
  const until = Date.now() + FLOOD_MS;
  while (!raw.frames.some(({ opcode }) => opcode === OPCODE.close)) {
    assert.ok(!raw.socket.destroyed, 'cut off without a close');
    assert.ok(Date.now() < until, 'it may go on for ever');
    raw.write(next());
    await new Promise((resolve) => setImmediate(resolve));
  }
  return raw.close_code();
}

async function flood(node, user, bytes) {
  const raw = await upgrade(node, user);
  const bystander = keep(await MessagingClient.open(node, `${user}-bystander`));
  assert.equal(await closed_by(raw, () => bytes), 4429);
  await bystander.settle();
  assert.ok((await metric(node, 'rate_limited_total', { protocol: 'messaging' })) > 0);
}

test('a flood of pings is bounded like frames', async () => {
  await flood(await node_with(...rates), 'pinger', frame_bytes('x', { opcode: OPCODE.ping }));
});

test('a flood of pongs that nobody asked for is bounded', async () => {
  await flood(await node_with(...rates), 'ponger', frame_bytes('x', { opcode: OPCODE.pong }));
});

test('a flood of empty fragments is bounded', async () => {
  const node = await node_with(...rates);
  const raw = await upgrade(node, 'fragments');
  raw.send('{"nothing":1', { fin: false });
  assert.equal(await closed_by(raw, () => frame_bytes('', { opcode: OPCODE.continuation, fin: false })), 4429);
});

test('fragments of a byte count as frames, many in one packet as well', async () => {
  const node = await node_with(...rates);
  const raw = await upgrade(node, 'crumbs');
  const crumb = () => frame_bytes(' ', { opcode: OPCODE.continuation, fin: false });
  raw.send('{"nothing":1', { fin: false });
  raw.write(Buffer.concat(Array.from({ length: 1000 }, crumb)));
  assert.equal(await raw.close_code(), 4429);
});

test('items that are none count as frames, many in one frame as well', async () => {
  const raw = await upgrade(await node_with(...rates), 'items');
  raw.send(`{"send":[${Array(1000).fill(0)}]}`);
  assert.equal(await raw.close_code(), 4429);
});

test('a message that comes drop by drop is bounded', async () => {
  const node = await node_with(...rates);
  const raw = await upgrade(node, 'drops');
  const bytes = frame_bytes(JSON.stringify({ nothing: 'x'.repeat(6000) }));
  let at = 0;
  const drop = () => {
    at = (at + 1) % bytes.length;
    return bytes.subarray(at, at + 1);
  };
  raw.write(bytes.subarray(0, 1));
  assert.equal(await closed_by(raw, drop), 4429);
});

test('answers to our own pings cost nothing, however many they are', async () => {
  const node = await node_with('--frames-per-second', 5, '--frames-burst', 5);
  const sender = keep(await MessagingClient.open(await node_with(), 'proof-sender'));
  const receiver = keep(await SimpleClient.open(node, 'proof-receiver'));
  await receiver.arrived();
  for (let id = 0; id < 200; id++) {
    await sender.put_and_wait({ id, rid: 'proof-receiver', text: `${id}` });
  }
  await waitFor('many pongs', async () => (await metric(node, 'proofs_total')) > 60);
  assert.ok(receiver.is_open);
  assert.equal(await metric(node, 'rate_limited_total'), 0);
});

test('commands in flight are bounded: the socket is not read, and all is answered', async () => {
  const node = await node_with('--commands-in-flight', 8);
  const client = keep(await MessagingClient.open(node, 'busy'));
  await client.put_and_wait({ id: 'first', rid: 'busy-other' }); // the directory knows them
  redis.pause();
  for (let id = 0; id < 100; id++) client.put({ id, rid: 'busy-other' });
  await waitFor('reading is paused', async () => (await metric(node, 'reads_paused_total')) > 0);
  redis.resume();
  const sent = [];
  while (sent.length < 100) sent.push(...(await client.section('sent')).map(({ id }) => id));
  assert.deepEqual(sent, Array.from({ length: 100 }, (_, id) => id));
});
