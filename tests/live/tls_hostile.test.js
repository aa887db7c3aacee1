// Hostile TLS: silent, slow and many handshakes, hellos that are none, renegotiation. Who is
// connected already is served all the while, and whoever comes later is let in.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import WebSocket from 'ws';
import { Gateway } from '../lib/gateway.js';
import { memory_tells, resident_mib } from '../lib/memory.js';
import { temporary_folder } from '../lib/process.js';
import { RedisServer } from '../lib/redis.js';
import { pause, waitFor, within } from '../lib/wait.js';

// A signature with such a key takes milliseconds: hundreds at once would be seen.
const KEY = 'rsa:4096';
const MANY = 300;
let folder, redis, node, witness, before_mib;

// A connection in plain TCP, and what came back on it.
function raw_connection(bytes = null) {
  const socket = createConnection({ host: '127.0.0.1', port: node.port, noDelay: true });
  const raw = { socket, received: 0, closed: false };
  raw.there = new Promise((resolve) => { socket.once('connect', resolve); });
  raw.ended = new Promise((resolve) => { socket.once('close', resolve); }).then(() => { raw.closed = true; });
  socket.on('error', () => {});
  socket.on('data', (data) => { raw.received += data.length; });
  if (bytes) socket.write(bytes);
  return raw;
}

function tls_connection(options = {}) {
  const socket = connect({ host: '127.0.0.1', port: node.port, rejectUnauthorized: false, ...options });
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

// What a client says first.
async function hello() {
  const server = createServer();
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const said = new Promise((resolve) => { server.once('connection', (peer) => peer.once('data', (data) => { peer.destroy(); resolve(data); })); });
  connect({ host: '127.0.0.1', port: server.address().port }).on('error', () => {});
  const bytes = await said;
  server.close();
  return bytes;
}

function readiness() {
  return new Promise((resolve) => {
    get(`https://127.0.0.1:${node.port}/readyz`, { rejectUnauthorized: false, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', () => resolve(0));
  });
}

// The witness says something, and is answered.
function served() {
  witness.send(JSON.stringify({ type: 'send_message', payload_id: 'x', message: 'still here' }));
  return within(8000, 'the answer to the witness', new Promise((resolve) => {
    witness.on('message', function look(bytes) {
      if (JSON.parse(bytes).type !== 'reply') return;
      witness.off('message', look);
      resolve();
    });
  }));
}

before(async () => {
  folder = temporary_folder('tls');
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', KEY, '-nodes', '-days', '2', '-keyout', key, '-out', cert, '-subj', '/CN=hostile',
    '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'pipe' });
  redis = await RedisServer.start({});
  node = await Gateway.start({ redis, id: 'tls', ready: false, flags: ['--tls-cert', cert, '--tls-key', key] });
  await waitFor('it is ready', async () => (await readiness()) === 200, 16000);
  witness = new WebSocket(`wss://127.0.0.1:${node.port}/simple?username=witness`, { ca: readFileSync(cert) });
  await within(8000, 'the witness is in', new Promise((resolve, reject) => { witness.once('open', resolve).once('error', reject); }));
  before_mib = resident_mib(node.child);
});

after(async () => {
  witness?.terminate();
  const kept_mib = node ? resident_mib(node.child) - before_mib : 0;
  await node?.stop();
  await redis?.stop();
  rmSync(folder, { recursive: true });
  assert.ok(!memory_tells || kept_mib < 32, `${kept_mib} MiB are kept`);
});

test('hellos that come all at once are answered a few at a time, others in between', async () => {
  const bytes = await hello();
  const all = Array.from({ length: MANY }, () => raw_connection());
  await Promise.all(all.map(({ there }) => there));
  await served();
  for (const { socket } of all) socket.write(bytes);
  await served();
  const answered = all.filter(({ received }) => received > 0).length;
  assert.ok(answered < MANY, 'it had to wait for all of them');
  await waitFor('all are answered', () => all.every(({ received }) => received > 0), 20000);
  for (const { socket } of all) socket.destroy();
  await served();
}, { timeout: 60000 });

// Ten seconds for all of a handshake: nothing shows sooner that it works.
test('who is silent or slow with a handshake is not waited for, and keeps nobody out', async () => {
  const bytes = await hello();
  const silent = Array.from({ length: 1500 }, () => raw_connection());
  const halves = Array.from({ length: 50 }, () => raw_connection(bytes.subarray(0, 100)));
  const half_way = Array.from({ length: 50 }, () => raw_connection(bytes)); // and never a key
  const dribbling = raw_connection();
  const all = [...silent, ...halves, ...half_way, dribbling];
  await Promise.all(all.map(({ there }) => there));
  (await within(6000, 'somebody who comes later', tls_connection())).destroy();
  for (const byte of bytes) {
    if (dribbling.closed) break;
    dribbling.socket.write(Buffer.of(byte));
    await pause(200);
  }
  await Promise.all(all.map((raw) => within(30000, 'the end of a handshake', raw.ended)));
  await served();
}, { timeout: 60000 });

test('what is no hello ends its connection', async () => {
  const bytes = await hello();
  const broken = Buffer.from(bytes);
  for (let i = 43; i < broken.length; i += 3) broken[i] ^= 0xff;
  const bad = [Buffer.alloc(100), randomBytes(5000), Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'), broken,
    Buffer.from('160301ffff', 'hex'), Buffer.from('15030100020100', 'hex'), Buffer.from('80020103010000', 'hex')];
  const all = bad.map((each) => raw_connection(each));
  await served();
  for (const raw of all) raw.socket.end();
  await Promise.all(all.map((raw) => within(15000, 'the end of what is none', raw.ended)));
  await served();
});

// Each costs the server a signature, and the client nothing.
test('nobody negotiates again', async () => {
  const socket = await tls_connection({ maxVersion: 'TLSv1.2' });
  socket.on('error', () => {});
  const error = await within(8000, 'the refusal', new Promise((resolve) => {
    socket.renegotiate({}, resolve);
    socket.once('close', () => resolve(new Error('closed')));
  }));
  assert.ok(error, 'it was negotiated again');
  socket.destroy();
  await served();
});
