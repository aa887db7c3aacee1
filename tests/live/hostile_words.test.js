// Hostile words, by REST and in frames: ids, texts, cursors, bodies and credentials of every kind.
// (What breaks the WebSocket protocol: frames.test.js; tokens that others signed: rest/accounts.test.js.)

import assert from 'node:assert/strict';
import { ChatClient, Client, ConcordClient, MessagingClient, RoomsClient, SimpleClient } from '../lib/client.js';
import { Gateway } from '../lib/gateway.js';
import { IDS, KEY, WORDS, hostile_scenes, upgrade } from '../lib/hostile.js';
import { http } from '../lib/http.js';
import { SURFACES, surface } from '../lib/openapi.js';
import { uuid_of } from '../lib/uuid.js';
import { waitFor } from '../lib/wait.js';
import { Wire } from '../lib/wire.js';
import { use_world } from '../lib/world.js';

const world = use_world({ nodes: 1 });
const hostile = hostile_scenes(world);

// ---- ids --------------------------------------------------------------------------------------------------

// Every key belongs to us, and to one owner at most.
async function keys_are_sound(stage) {
  for (const key of await stage.redis.keys('*')) assert.match(key, /^parley:[^{}]*(\{[^{}]*\}[^{}]*)?$/);
}

async function keep_victim(stage) {
  const victim = stage.name('victim');
  await stage.rest(0, 'native', { user: stage.name('friend') }).ok('POST', `/api/v1/users/${victim}/messages`, { text: 'waits' });
  const look = async () => {
    const keys = (await stage.redis.keys(`parley:user:{${victim}}*`)).sort();
    return { keys, unread: await stage.redis.command('LRANGE', `parley:user:{${victim}}:unread`, 0, -1) };
  };
  const before = await look();
  assert.equal(before.unread.length, 1);
  return async () => assert.deepEqual(await look(), before);
}

hostile('ids of any kind in every path of every REST surface', async (stage) => {
  const unharmed = await keep_victim(stage);
  const identity = { user: stage.name('mallory') };
  for (const name of SURFACES) {
    const api = stage.rest(0, name, identity);
    for (const { method, template, value } of surface(name).operations) {
      if (!template.includes('{')) continue;
      for (const id of IDS) {
        // An empty or dotted part is for a client to make a path of, not for us.
        const path = template.replaceAll(/\{\w+\}/g, encodeURIComponent(id).replaceAll('.', '%2E'));
        if (id.includes('\0')) continue; // refused at the door, below
        const { status } = await api.call(method, path, value.requestBody ? {} : undefined, { bad: true });
        assert.ok(status < 500, `${method} ${path}: ${status}`);
      }
    }
  }
  assert.equal((await http(stage.nodes[0].url, `/api/v1/users/a%00b?user=${identity.user}`)).status, 400);
  await unharmed();
  await keys_are_sound(stage);
}, { timeout_ms: 120000 });

// What each protocol can name by an id, each frame with an answer; `chat`: one that there is.
const WRITERS = {
  simple: (id) => [{ type: 'send_message', payload_id: 'x', message: 'hi', to: id }, { type: 'send_message', payload_id: id, message: 'hi' }],
  messaging: (id) => [{ send: [{ id, rid: id, sid: id, text: 'hi' }], read: [{ id, sid: id }], enter: [{ rid: `#${id}` }] }],
  chat: (id) => ['new', 'edit', 'delete', 'dlvrd', 'read', 'getChat', 'getMessages', 'getMessage', 'enter', 'exit', id].map((payloadType) =>
    ({ type: 'request', id, timestamp: 1, payloadType, payload: { chatId: id, message: 'hi', messageId: id, count: 1 } })),
  concord: (id, chat) => [
    { type: 'chat_written', channelId: id, threadId: null, sentAt: 1, content: 'hi' },
    { type: 'chat_written', channelId: 1, threadId: id, sentAt: 1, content: 'hi' },
    { type: 'chat_reaction', chatId: id, reaction: 'r', adding: true },
    { type: 'chat_reaction', chatId: chat.id, reaction: id, adding: true },
  ],
  rooms: (id) => [
    { type: 'message', key: id, content: 'hi', room_id: id },
    ...['read', 'invite', 'enter', 'exit', id].map((type) => ({ type, key: id, room_id: id, user_id: id, message_id: id })),
  ],
};
const CLIENTS = { simple: SimpleClient, messaging: MessagingClient, chat: ChatClient, concord: ConcordClient, rooms: RoomsClient };

hostile('ids of any kind in the frames of every protocol', async (stage) => {
  const unharmed = await keep_victim(stage);
  const bystander = await stage.messaging(0, 'bystander');
  for (const [protocol, type] of Object.entries(CLIENTS)) {
    const mallory = stage.keep(await type.open(stage.nodes[0], stage.name(`mallory-${protocol}`)));
    const chat = protocol === 'concord' && (await mallory.write_and_wait(1, stage.name('chat')));
    for (const id of [...IDS, 'x'.repeat(30000), { $gt: '' }, [['a']], true, -1, 1e308]) {
      for (const frame of WRITERS[protocol](id, chat)) {
        const before = mallory.seen.length;
        mallory.send(JSON.stringify(frame));
        await waitFor(() => `${protocol} answers ${JSON.stringify(frame)}`, () => mallory.seen.length > before);
        if (mallory.seen.length > 500) mallory.seen.splice(0);
      }
    }
    await mallory.round_trip();
    assert.ok(mallory.is_open);
    await mallory.close();
  }
  // A star is a name like any other, and nobody else's.
  await bystander.round_trip();
  bystander.assert_silent();
  await unharmed();
  await keys_are_sound(stage);
}, { timeout_ms: 60000 });

hostile('ids of any kind at the door', async (stage, node) => {
  for (const id of IDS) {
    for (const [path, parameter] of [['/simple', 'username'], ['/messaging', 'client_id'], ['/chat', 'user'], ['/client', 'user'], ['/rooms', 'user']]) {
      const name = encodeURIComponent(id);
      const wire = new Wire(node).write(upgrade(`${path}?${parameter}=${name}&device_id=${name}&room=${name}`, KEY));
      const [, status] = await wire.until(/^HTTP\/1\.1 (\d{3}) /);
      assert.ok(['101', '400', '401', '403', '404', '409'].includes(status), `${path} ${JSON.stringify(id)}: ${status}`);
      wire.socket.destroy();
    }
  }
  await keys_are_sound(stage);
});

// ---- logs ---------------------------------------------------------------------------------------------------

// The fields of a line, as who reads logs takes them apart; throws where it is none.
const parse_line = {
  text: (line) => {
    const fields = [...line.matchAll(/([a-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"=\\]+)(?: |$)/g)];
    assert.equal(fields.map(([whole]) => whole).join(''), line, `no line of the log: ${line}`);
    return Object.fromEntries(fields.map(([, key, value]) => [key, value.startsWith('"') ? JSON.parse(value) : value]));
  },
  json: JSON.parse,
};

hostile('a name forges no line of the log, and nothing in one', async (stage, text_node) => {
  const json_node = await Gateway.start({ redis: stage.redis, id: 'json', flags: ['--log-format', 'json'] });
  const names = ['a" event=forged x="', 'a event=forged', 'event=forged', '"', '\\', 'a\\" event=forged', '","event":"forged', "'"].map((name) => stage.name(name));
  try {
    for (const [form, node] of [['text', text_node], ['json', json_node]]) {
      const since = node.child.line_count;
      for (const name of names) await stage.keep(await MessagingClient.open(node, name)).close();
      const lines = () => node.child.lines.slice(since - node.child.line_count).filter((line) => /session_/.test(line));
      await waitFor('all that is said', () => lines().filter((line) => /session_close/.test(line)).length >= names.length);
      const said = lines().map(parse_line[form]);
      for (const event of ['session_open', 'session_close'])
        assert.deepEqual(said.filter((line) => line.event === event).map(({ user }) => user).sort(), [...names].sort());
      assert.ok(said.every(({ event }) => event !== 'forged'));
    }
    for (const node of [text_node, json_node]) {
      await stage.keep(await MessagingClient.open(node, stage.name('a\u2028b'))).close();
      await waitFor('it is shown without', () => node.child.lines.some((line) => /session_close.*a\?b/.test(line)));
    }
    // Other control characters, of which some readers make lines and terminals more than that, are in no name.
    for (const name of ['a\nevent=forged', 'a\r\nb', '\x1b[2J', '\u009b2J', 'a\u0085b', 'a\0'])
      for (const node of [text_node, json_node]) await assert.rejects(MessagingClient.open(node, name), /refused with 40[01]/);
    assert.ok(![text_node, json_node].some((node) => node.child.lines.some((line) => /^event=forged|[\x1b\u0085\u009b\u2028]/.test(line))));
  } finally {
    await json_node.stop();
  }
});

// ---- words ---------------------------------------------------------------------------------------------------

hostile('texts are kept as they are, and are never carried out', async (stage) => {
  await stage.redis.command('SET', 'parley:sentinel', 'stands');
  const api = stage.rest(0, 'native', { user: stage.name('mallory') });
  const room = stage.name('den');
  const den = `/api/v1/rooms/${room}`;
  await api.ok('POST', '/api/v1/rooms', { id: room });
  const listener = await stage.simple(0, 'listener', { parameters: { room: 'lobby' } });
  for (const word of WORDS) {
    const shown = word.toWellFormed?.() ?? word.replace('\ud800', '\ufffd');
    const { id, text } = await api.ok('POST', `${den}/messages`, { text: word, fields: { [word]: word }, client_id: word });
    assert.equal(text.replace('\ud800', '\ufffd'), shown);
    assert.equal((await api.ok('GET', `/api/v1/messages/${id}`)).text.replace('\ud800', '\ufffd'), shown);
    await api.ok('POST', '/api/v1/rooms/lobby/messages', { text: word });
    const heard = await listener.message((frame) => frame.username === api.identity.user);
    assert.equal(heard.message.replace('\ud800', '\ufffd'), shown);
    const reaction = `/api/v1/messages/${id}/reactions/${encodeURIComponent(shown.replaceAll('\0', ''))}`;
    const reacted = await api.call('PUT', reaction, undefined, { bad: true });
    assert.ok([204, 400, 404].includes(reacted.status), `${reaction}: ${reacted.status}`);
    for (const change of [{ name: word }, { description: word }]) {
      const { status, body } = await api.call('PATCH', den, change, { bad: true });
      assert.ok([200, 400].includes(status));
      if (status === 200) assert.equal(Object.keys(change).map((member) => body[member])[0], shown);
    }
    for (const change of [{ name: word }, { nickname: word }, { bio: word }, { avatar: word }]) {
      const { status } = await api.call('PATCH', `/api/v1/users/${api.identity.user}`, change, { bad: true });
      assert.ok([200, 400].includes(status));
    }
    const found = await stage.rest(0, 'concord', api.identity).call('GET', '/api/chats', undefined, { query: { query: word.replaceAll('\0', '') }, bad: true });
    assert.ok([200, 400].includes(found.status));
  }
  assert.equal(await stage.redis.command('GET', 'parley:sentinel'), 'stands');
  await stage.redis.command('DEL', 'parley:sentinel');
}, { timeout_ms: 60000 });

hostile('cursors, limits and offsets of any kind', async (stage) => {
  const api = stage.rest(0, 'native', { user: stage.name('mallory') });
  const rooms = stage.rest(0, 'rooms', api.identity);
  const concord = stage.rest(0, 'concord', api.identity);
  const bad = [...WORDS.map((word) => word.replaceAll('\0', '').slice(0, 500)), '0', '-1', '1e9', '9'.repeat(40), '1;2', '(', '+inf', '[a'];
  for (const value of bad) {
    for (const [who, path, names] of [
      [api, '/api/v1/users', ['cursor', 'limit']],
      [api, '/api/v1/rooms', ['cursor', 'limit']],
      [api, '/api/v1/rooms/lobby/members', ['cursor', 'limit']],
      [api, '/api/v1/rooms/lobby/messages', ['cursor', 'limit', 'before']],
      [api, `/api/v1/users/${api.identity.user}/unread`, ['cursor', 'limit']],
      [rooms, `/room/${uuid_of('room', 'lobby')}/users`, ['limit', 'offset']],
      [concord, '/api/chats', ['page', 'size', 'before', 'after', 'threadId', 'authorId', 'channelId']],
    ]) {
      for (const name of names) {
        const { status } = await who.call('GET', path, undefined, { query: { [name]: value }, bad: true });
        assert.ok([200, 400, 404].includes(status), `${path}?${name}=${JSON.stringify(value)}: ${status}`);
      }
    }
  }
}, { timeout_ms: 60000 });

// ---- bodies ------------------------------------------------------------------------------------------------------

hostile('bodies of any kind', async (stage, node) => {
  const send = (body, path = '/user') => http(node.url, path, { method: 'POST', headers: { 'content-length': Buffer.byteLength(body) }, body });
  const malformed = [
    '['.repeat(60000),
    '{"a":'.repeat(10000),
    `{"a":${'['.repeat(32)}${']'.repeat(32)}}`,
    '{"username":"u","password":"p"}{}',
    '\ufeff{"username":"u","password":"p"}',
    '{"username":"u","password":"p",}',
    "{'username':'u'}",
    '{"username":NaN}',
    '{"username":"\t"}',
    '{"username":"u" /* no */}',
    '{"username":"\\x41"}',
    '{"a":01}',
    '{"a":-}',
    '"{}"',
    'true',
    '\0',
    `{"a":"${'x'.repeat(100)}`,
  ];
  for (const [path, error] of [['/user', 'malformed_json'], ['/api/users/register', 'malformed_json'], ['/api/v1/users', 'malformed_payload']]) {
    for (const body of malformed) {
      const { status, body: told } = await send(body, path);
      assert.deepEqual([status, JSON.parse(told).error], [400, error], `${path} ${body.slice(0, 60)}`);
    }
  }
  // Well-formed, and no user all the same.
  const strange = [
    `{"a":${'9'.repeat(60000)}}`,
    '{"a":1e999999999}',
    `{${Array.from({ length: 5000 }, (_, i) => `"k${i}":0`).join(',')}}`,
    `{"username":${JSON.stringify(['u'])},"password":"p"}`,
    '{"username":{"$gt":""},"password":"p"}',
    '{"__proto__":{"username":"u","password":"p"}}',
    '{"username":"\\u0000","password":"p"}',
    '{"username":"u","password":""}',
    `{"username":"${'u'.repeat(60000)}","password":"p"}`,
    `{"username":"u","password":"${'p'.repeat(60000)}"}`,
  ];
  for (const body of strange) assert.equal((await send(body)).status, 400, body.slice(0, 60));
  assert.equal((await send(`{"username":"${'u'.repeat(70000)}"}`)).status, 413);
  const { status } = await send('{"username":"\\ud800","password":"p"}');
  assert.ok([200, 400].includes(status), `${status}`);
});

// ---- credentials ----------------------------------------------------------------------------------------------------

hostile('credentials that are none, of any form and size', async (stage, node) => {
  const bad = ['.', '..', '...', 'a.', '.a', 'a..b', 'a.b.c.d', 'e30.e30.', 'e30.e30.e30', '=.=.=', 'bnVsbA.bnVsbA.bnVsbA', 'x'.repeat(32), '-'.repeat(32), '*', '?', '{x}', `${'a'.repeat(2500)}.${'b'.repeat(2500)}.c`,
    `${Buffer.from(`{"alg":"HS256","a":${'['.repeat(1000)}`).toString('base64url')}.e30.x`];
  for (const token of bad) {
    assert.equal((await http(node.url, '/api/v1/users', { headers: { authorization: `Bearer ${token}` } })).status, 401, token);
    assert.equal((await http(node.url, `/api/v1/users?token=${encodeURIComponent(token)}`)).status, 401, token);
    assert.equal((await http(node.url, `/user/${uuid_of('user', 'x')}?key=${encodeURIComponent(token)}`)).status, 401, token);
    await assert.rejects(new Client().open(node, '/client', { token }, {}), { status: 401 });
  }
  for (const authorization of ['Bearer', 'Bearer ', 'bearer  ', 'Basic', 'Basic !!!!', 'Basic OnA=', 'Negotiate x', '"', 'Bearer a b c', `Basic ${'QQ'.repeat(2000)}`]) {
    assert.equal((await http(node.url, '/api/v1/users', { headers: { authorization } })).status, 401, authorization);
    const raw = await stage.raw(0, '/simple', { headers: { Authorization: authorization } });
    assert.ok([401, 403].includes(raw.status), `${authorization}: ${raw.status}`);
    await raw.close();
  }
  const body = JSON.stringify({ key: 'k'.repeat(60000), user_id: uuid_of('user', 'x') });
  const { status } = await http(node.url, '/key', { method: 'DELETE', headers: { 'content-length': body.length }, body });
  assert.equal(status, 404); // nobody's
});
