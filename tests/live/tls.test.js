// TLS for clients: it ends in the node (gateway/tls.c), with everything behind it as it is in
// plain: WebSocket, REST, limits by address, slow readers, drain. Certificates change by SIGHUP.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { Gateway, program } from '../lib/gateway.js';
import { RedisServer } from '../lib/redis.js';
import { waitFor, within } from '../lib/wait.js';

let folder, redis, node;
const cert = () => join(folder, 'cert.pem');
const key = () => join(folder, 'key.pem');

function make_certificate(name) {
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`), '-subj', `/CN=${name}`],
    ...['-addext', 'subjectAltName=IP:127.0.0.1'],
  ], { stdio: 'pipe' });
}

function install(name) {
  copyFileSync(join(folder, `${name}.pem`), cert());
  copyFileSync(join(folder, `${name}.key`), key());
}

function get(path, options = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: node.port, path, ca: readFileSync(cert()), agent: false, ...options }, (answer) => {
      let body = '';
      answer.on('data', (piece) => { body += piece; });
      answer.on('end', () => resolve({ status: answer.statusCode, body }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function open(user) {
  const socket = new WebSocket(`wss://127.0.0.1:${node.port}/simple?username=${user}`, { ca: readFileSync(cert()) });
  socket.frames = [];
  socket.on('message', (bytes) => socket.frames.push(JSON.parse(bytes)));
  socket.closed = new Promise((resolve) => { socket.once('close', resolve); });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('unexpected-response', (_, answer) => reject(Object.assign(new Error('refused'), { status: answer.statusCode })));
    socket.on('error', reject);
  });
}

const shown = (socket, matches) => waitFor('a frame', () => socket.frames.find(matches));

async function presented() {
  const socket = connect({ host: '127.0.0.1', port: node.port, rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] });
  await within(5000, 'the handshake', new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  }));
  const seen = { name: socket.getPeerCertificate().subject.CN, alpn: socket.alpnProtocol };
  socket.destroy();
  return seen;
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-tls-'));
  make_certificate('first');
  make_certificate('second');
  install('first');
  redis = await RedisServer.start({});
  node = await Gateway.start({
    redis,
    id: 'tls',
    ready: false,
    flags: ['--tls-cert', cert(), '--tls-key', key(), '--max-connections-per-address', 3],
  });
  await waitFor('it is ready', async () => (await get('/readyz').catch(() => ({}))).status === 200);
});

after(async () => {
  await node?.stop();
  await redis?.stop();
  rmSync(folder, { recursive: true });
});

test('a conversation, with messages of any size', async () => {
  const alice = await open('alice');
  const bob = await open('bob');
  const message = 'x'.repeat(60000);
  alice.send(JSON.stringify({ type: 'send_message', payload_id: '1', message }));
  assert.equal((await shown(bob, ({ type }) => type === 'message_sent')).message, message);
  await shown(alice, ({ type }) => type === 'reply');
  alice.close();
  bob.close();
  await Promise.all([alice.closed, bob.closed]);
});

test('REST, and what HTTP/2 would be told', async () => {
  assert.equal((await get('/api/v1/openapi.json')).status, 200);
  assert.equal((await get('/api/v1/users')).status, 401);
  assert.equal((await presented()).alpn, 'http/1.1');
});

test('connections are counted by the address of their client', async () => {
  const sockets = await Promise.all(['one', 'two', 'three'].map(open));
  await assert.rejects(open('four'), { status: 429 });
  for (const socket of sockets) socket.close();
  await Promise.all(sockets.map((socket) => socket.closed));
});

test('the health check of the image asks over TLS too', () => {
  execFileSync(program(), ['--probe', String(node.port)], { stdio: 'pipe' });
});

test('who speaks no TLS, or one that is too old, gets nothing', async () => {
  await assert.rejects(fetch(`http://127.0.0.1:${node.port}/readyz`));
  await assert.rejects(get('/readyz', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }));
  assert.equal((await get('/readyz')).status, 200);
});

test('a slow reader is closed, and its memory given back', async () => {
  const slow = await open('slow');
  slow.pause();
  const loud = await open('loud');
  for (let i = 0; i < 120; i++) {
    loud.send(JSON.stringify({ type: 'send_message', payload_id: `${i}`, message: 'y'.repeat(60000) }));
  }
  await waitFor('it is closed', () => node.log().includes('reason=too_slow'));
  slow.terminate();
  loud.close();
  await loud.closed;
});

test('what a client said last is heard, also where it goes at once', async () => {
  const bob = await open('bob');
  for (let i = 0; i < 10; i++) {
    const alice = await open('alice');
    const message = `last words ${i} ${'x'.repeat(20000)}`;
    alice.send(JSON.stringify({ type: 'send_message', payload_id: '1', message }));
    alice._socket.end();
    await shown(bob, (frame) => frame.message === message);
    await alice.closed;
  }
  bob.close();
  await bob.closed;
});

test('a new certificate by SIGHUP; one that cannot be read changes nothing', async () => {
  const stays = await open('stays');
  assert.equal((await presented()).name, 'first');
  install('second');
  node.child.signal('SIGHUP');
  await waitFor('the second is shown', async () => (await presented()).name === 'second');
  writeFileSync(cert(), 'no certificate');
  node.child.signal('SIGHUP');
  await waitFor('it is said', () => /reload_failed/.test(node.log()));
  assert.equal((await presented()).name, 'second');
  stays.send(JSON.stringify({ type: 'send_message', payload_id: '1', message: 'still here' }));
  await shown(stays, ({ type }) => type === 'reply');
  install('second');
  stays.close();
  await stays.closed;
});

test('a drain closes with 1012', async () => {
  const last = await open('last');
  node.child.signal('SIGTERM');
  assert.equal(await within(10000, 'the close', last.closed), 1012);
});
