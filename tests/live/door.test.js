// Who is let in, and how the others are told: paths, subprotocols, identities
// (protocols.md: common rules, the sections' "Identity", and the small print).

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Client, MessagingClient, RefusedError, SimpleClient } from '../lib/client.js';
import { frame_bytes } from '../lib/raw.js';
import { uuid_of } from '../lib/uuid.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({ nodes: 2 });

async function refused(opening, status) {
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof RefusedError, error.message);
    assert.equal(error.status, status);
    return true;
  });
}

function connect(stage, path, parameters, options) {
  return stage.keep(new Client()).open(stage.nodes[0], path, parameters, options);
}

// Refused connections are not on the stage: there is nothing to close.
function attempt(stage, path, parameters, options) {
  return new Client().open(stage.nodes[0], path, parameters, options);
}

scene(world, 'simple: the user name of HTTP Basic', async (stage) => {
  const name = stage.name('basil');
  const client = await connect(stage, '/simple', {}, { auth: `${name}:ignored` });
  await client.until((frame) => frame.type === 'user_connected' && frame.username === name);
});

scene(world, 'simple: HTTP Basic goes before ?username=', async (stage) => {
  const name = stage.name('basil');
  const other = stage.name('query');
  const client = await connect(stage, '/simple', { username: other }, { auth: `${name}:x` });
  await client.until((frame) => frame.type === 'user_connected' && frame.username === name);
});

scene(world, 'simple: ?username=, and ?user= as in every protocol', async (stage) => {
  for (const parameter of ['username', 'user']) {
    const name = stage.name(parameter);
    const client = await connect(stage, '/simple', { [parameter]: name });
    await client.until((frame) => frame.type === 'user_connected' && frame.username === name);
  }
});

scene(world, 'simple: no name is 401', async (stage) => {
  await refused(attempt(stage, '/simple', {}), 401);
  await refused(attempt(stage, '/simple', { username: '' }), 401);
  await refused(attempt(stage, '/', {}), 401);
});

scene(world, 'simple: a name that is live is 403, on the same node and on another', async (stage) => {
  await stage.simple_arrived(0, 'twice');
  await refused(SimpleClient.open(stage.nodes[0], stage.name('twice')), 403);
  await refused(SimpleClient.open(stage.nodes[1], stage.name('twice')), 403);
});

scene(world, 'simple: the name is free again as soon as its connection is gone', async (stage) => {
  const first = await stage.simple_arrived(0, 'again');
  await first.close();
  const key = `parley:user:{${first.user}}:sessions`;
  await waitFor('the session is gone', async () => !(await stage.redis.command('EXISTS', key)));
  const second = await stage.simple(1, 'again');
  await second.arrived();
});

scene(world, 'simple and messaging of one user live side by side', async (stage) => {
  await stage.simple_arrived(0, 'both');
  const messaging = await stage.messaging(1, 'both');
  assert.ok(messaging.is_open);
});

scene(world, 'messaging: client_id, and ?user= as in every protocol', async (stage) => {
  for (const parameter of ['client_id', 'user']) {
    const name = stage.name(parameter);
    const client = new MessagingClient();
    client.id = name;
    client.user = name;
    stage.keep(client);
    await client.open(stage.nodes[0], '/messaging', { [parameter]: name });
    await client.put_and_wait({ id: 1, rid: stage.name('someone') });
  }
});

scene(world, 'messaging: client_id missing, empty or 0 is 401', async (stage) => {
  await refused(attempt(stage, '/messaging', {}), 401);
  await refused(attempt(stage, '/messaging', { client_id: '' }), 401);
  await refused(attempt(stage, '/messaging', { client_id: '0' }), 401);
  await refused(attempt(stage, '/messaing', {}), 401);
});

const bad_forms = {
  'a leading #': '#room',
  'a brace': 'a{b',
  'another brace': 'a}b',
  'a bar': 'a|b',
  'a control character': 'a\u0001b',
  'a DEL': 'a\u007fb',
  '129 bytes': 'x'.repeat(129),
  '129 bytes of 43 characters': '€'.repeat(43),
};
for (const [what, id] of Object.entries(bad_forms)) {
  scene(world, `an id of bad form is 401: ${what}`, async (stage) => {
    await refused(attempt(stage, '/simple', { username: id }), 401);
    await refused(attempt(stage, '/messaging', { client_id: id }), 401);
  });
}

scene(world, 'an id that is not UTF-8, or badly percent-encoded, is 401', async (stage) => {
  await refused(attempt(stage, '/simple?username=%ff%fe', {}), 401);
  await refused(attempt(stage, '/messaging?client_id=%c3%28', {}), 401);
  const raw = await stage.raw(0, '/simple?username=%zz');
  assert.ok([400, 401, 403].includes(raw.status), `${raw.status}`);
});

scene(world, 'ids of 128 bytes, with spaces and beyond ASCII, are good', async (stage) => {
  const suffix = `-${stage.suffix}`;
  const names = ['x'.repeat(128 - suffix.length) + suffix, `Zoë Müller 😀${suffix}`, `a/b?c&d=e%${suffix}`];
  for (const name of names) {
    stage.cast.add(name);
    const client = await connect(stage, '/simple', { username: name });
    await client.until((frame) => frame.type === 'user_connected' && frame.username === name);
  }
});

scene(world, 'reserved ids are 403', async (stage) => {
  for (const id of ['server', '00000000-0000-0000-0000-000000000000']) {
    await refused(attempt(stage, '/simple', { username: id }), 403);
    await refused(attempt(stage, '/messaging', { client_id: id }), 403);
    await refused(attempt(stage, '/simple', {}, { auth: `${id}:x` }), 403);
  }
});

scene(world, 'an id whose UUID belongs to someone else is 409', async (stage) => {
  const owner = await stage.simple_arrived(0, 'owner');
  const uuid = uuid_of('user', owner.user);
  await refused(attempt(stage, '/simple', { username: uuid }), 409);
  await refused(attempt(stage, '/messaging', { client_id: uuid.toUpperCase() }), 409);
  const own = randomUUID();
  stage.cast.add(own);
  const client = await connect(stage, '/simple', { username: own });
  await client.until((frame) => frame.type === 'user_connected' && frame.username === own);
});

scene(world, 'a user has the number and the UUID that the contract gives', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const entered = await stage.watch.expect(
    'parley:room:{lobby}',
    (envelope) => envelope.kind === 'room.entered' && envelope.from.id === alice.user,
  );
  assert.equal(entered.from.uuid, uuid_of('user', alice.user));
  assert.ok(Number.isSafeInteger(entered.from.num) && entered.from.num >= 1);
  assert.equal(entered.to.num, 1);
  assert.equal(entered.to.uuid, uuid_of('room', 'lobby'));
  assert.equal(entered.to.id, 'lobby');
});

scene(world, 'a path that no protocol has is 404 before the upgrade', async (stage) => {
  for (const path of ['/nowhere', '/simple/', '/simplex', '/messaging/x', '/Simple', '//']) {
    const raw = await stage.raw(0, `${path}?username=lost&client_id=lost`);
    assert.equal(raw.status, 404, path);
  }
});

scene(world, '/ is simple, /messaing is messaging', async (stage) => {
  const root = await stage.simple(0, 'root', { path: '/' });
  await root.arrived();
  const alias = await stage.messaging(0, 'alias', { path: '/messaing' });
  await alias.put_and_wait({ id: 1, rid: stage.name('someone') });
});

scene(world, 'a subprotocol is accepted, and chooses the protocol on /', async (stage) => {
  const named = await stage.simple(0, 'named', { protocols: ['parley.simple.v1'] });
  assert.equal(named.socket.protocol, 'parley.simple.v1');
  await named.arrived();
  const chosen = await stage.messaging(0, 'chosen', {
    path: '/',
    protocols: ['unknown', 'parley.messaging.v1'],
  });
  assert.equal(chosen.socket.protocol, 'parley.messaging.v1');
  await chosen.put_and_wait({ id: 1, rid: stage.name('someone') });
});

scene(world, 'a subprotocol that nobody knows is answered, not dropped', async (stage) => {
  // RFC 6455, 4.2.2: a server that goes on leaves the header out.
  const raw = await stage.raw(0, `/simple?username=${stage.name('strange')}`, {
    headers: { 'Sec-WebSocket-Protocol': 'superchat' },
  });
  assert.ok([101, 400].includes(raw.status), `${raw.status}`);
  assert.doesNotMatch(raw.head, /sec-websocket-protocol/i);
});

scene(world, 'another version of WebSocket is 426, and told which one it is', async (stage) => {
  for (const version of [8, 12, 14]) {
    const raw = await stage.raw(0, `/simple?username=${stage.name('old')}`, { version });
    assert.equal(raw.status, 426, `version ${version}`);
    assert.match(raw.head, /sec-websocket-version: *13/i);
  }
});

scene(world, 'the handshake answers with the accept key of RFC 6455', async (stage) => {
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  const raw = await stage.raw(0, '/', {
    request: [[
      `GET /simple?username=${stage.name('rfc')} HTTP/1.1`,
      'Host: localhost',
      'Connection: keep-alive, Upgrade',
      'Upgrade: WebSocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
      '\r\n',
    ].join('\r\n')],
  });
  assert.equal(raw.status, 101);
  assert.match(raw.head, /sec-websocket-accept: *s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
});

scene(world, 'a request whose head comes in pieces is understood', async (stage) => {
  const name = stage.name('slowly');
  const raw = await stage.raw(0, '/', {
    request: [
      'GET /simp',
      `le?username=${name} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgr`,
      'ade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r',
      '\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r',
      '\n',
    ],
  });
  assert.equal(raw.status, 101);
  await raw.next_json((frame) => frame.type === 'user_connected' && frame.username === name);
});

scene(world, 'a frame that comes right behind the head, in the same packet, is read', async (stage) => {
  const name = stage.name('eager');
  const head = [
    `GET /simple?username=${name} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n');
  const frame = frame_bytes(JSON.stringify({ type: 'send_message', payload_id: 'e', message: 'hi' }));
  const raw = await stage.raw(0, '/', { request: [Buffer.concat([Buffer.from(head), frame])] });
  assert.equal(raw.status, 101);
  await raw.next_json((json) => json.type === 'reply' && json.payload_id === 'e' && !json.error);
});
