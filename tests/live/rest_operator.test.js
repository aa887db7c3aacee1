// What the operator may ask for (native REST, with the admin's token): which nodes and sessions
// there are, ending one, notices, speaking for somebody, changing anybody's message.

import assert from 'node:assert/strict';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const ADMIN = 'the-operator-s-own-token';
const NIL_UUID = '00000000-0000-0000-0000-000000000000';
const world = use_world({
  nodes: 2,
  redis: { aof: 'always' },
  node: { flags: ['--admin-token', ADMIN, '--presence-grace-ms', 300] },
});

const operator = (stage, index = 0) => stage.rest(index, 'native', { bearer: ADMIN });
const as = (stage, user, index = 0) => stage.rest(index, 'native', { user });

// One client of each protocol, now on this node, now on that, who all hear the room. Simple
// hears no other than the lobby.
async function five(stage, room = 'lobby') {
  const clients = {
    simple: await stage.simple_arrived(0, 'sim'),
    messaging: await stage.messaging(1, 'mes'),
    chat: await stage.chat(0, 'cha'),
    concord: await stage.concord(1, 'con'),
    rooms: await stage.rooms(0, 'roo'),
  };
  for (const protocol of ['messaging', 'chat', 'concord', 'rooms']) {
    await operator(stage).ok('PUT', `/api/v1/rooms/${room}/members/${clients[protocol].user}`);
  }
  await hearing(stage, clients, room);
  return clients;
}

// Each of them hears the room: what is said there comes to them all.
async function hearing(stage, clients, room) {
  const messages = `/api/v1/rooms/${room}/messages`;
  const { id } = await operator(stage).ok('POST', messages, { text: 'is everybody here?' });
  const heard = Object.entries(clients).filter(([protocol]) => room === 'lobby' || protocol !== 'simple');
  for (const [protocol, client] of heard) await said(protocol, client, 'is everybody here?');
  return id;
}

// The next frame, whatever others there are, in which that is said; its parts under one name.
async function said(protocol, client, text) {
  const read = {
    simple: (frame) => frame.type === 'message_sent' && frame,
    messaging: (frame) => frame.messages?.find((item) => item.text === text),
    chat: (frame) => frame.eventType === 'new' && frame.payload,
    concord: (frame) => frame.type === 'chat_sent' && frame.chat,
    rooms: (frame) => frame.type === 'message' && frame,
  }[protocol];
  const fits = (frame) => [read(frame)?.message, read(frame)?.content, read(frame)?.text].includes(text);
  return read(await client.until_keeping(fits));
}

// ---- nodes and sessions --------------------------------------------------------------------

scene(world, 'the nodes are told of with their heartbeats and sessions', async (stage) => {
  await stage.simple(0, 'a');
  await stage.chat(1, 'b');
  await stage.chat(1, 'c');
  const { nodes, cursor } = await operator(stage).ok('GET', '/api/v1/nodes');
  assert.deepEqual(nodes.map(({ id }) => id), ['node-a.0', 'node-b.0']);
  assert.equal(cursor, null);
  assert.ok(nodes[0].sessions >= 1 && nodes[1].sessions >= 2, JSON.stringify(nodes));
  for (const { heard } of nodes) assert.ok(Math.abs(Date.now() - heard) < 60000, heard);
});

async function all_sessions(stage, limit) {
  const found = [];
  let cursor;
  do {
    const query = { limit, cursor };
    const part = await operator(stage).ok('GET', '/api/v1/sessions', undefined, { query });
    assert.ok(part.sessions.length <= limit, JSON.stringify(part));
    found.push(...part.sessions);
    cursor = part.cursor ?? undefined;
  } while (cursor);
  return found;
}

scene(world, 'the sessions of all nodes are told of in parts', async (stage) => {
  const users = [];
  for (const index of [0, 1, 0, 1, 1]) users.push((await stage.chat(index, `u${users.length}`)).user);
  const phone = await stage.messaging(1, 'phone', { parameters: { device_id: 'my phone' } });
  for (const limit of [2, 100]) {
    const sessions = await all_sessions(stage, limit);
    const ids = sessions.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const [index, user] of users.entries()) {
      const [session, ...more] = sessions.filter((each) => each.user === user);
      const { id, since, ...others } = session;
      assert.deepEqual(more, []);
      assert.ok(Math.abs(Date.now() - since) < 60000, since);
      assert.ok(id.startsWith(`${session.node}-`), id);
      const node = [0, 1, 0, 1, 1][index] ? 'node-b.0' : 'node-a.0';
      assert.deepEqual(others, { user, node, protocol: 'chat', device: null });
    }
    const session = sessions.find(({ user }) => user === phone.user);
    assert.equal(session.device, 'my phone');
    assert.equal(session.protocol, 'messaging');
  }
  await operator(stage).refused(400, 'GET', '/api/v1/sessions', undefined, { query: { cursor: 'x' } });
});

scene(world, 'one session is ended, on whichever node it is, and no other', async (stage) => {
  const chat = await stage.chat(1, 'user');
  const simple = await stage.simple_arrived(0, 'user');
  const sessions = (await all_sessions(stage, 100)).filter(({ user }) => user === chat.user);
  assert.deepEqual(sessions.map(({ protocol }) => protocol).sort(), ['chat', 'simple']);
  const { id } = sessions.find(({ protocol }) => protocol === 'chat');
  await operator(stage).ok('DELETE', `/api/v1/sessions/${id}`);
  await chat.expect_close(4403);
  await simple.round_trip();
  assert.equal(simple.is_open, true);
  await waitFor('the session is told of no more', async () => {
    const left = (await all_sessions(stage, 100)).filter(({ user }) => user === chat.user);
    return left.length === 1 && left[0].protocol === 'simple';
  });
  await operator(stage).refused(404, 'DELETE', `/api/v1/sessions/${id}`);
  await operator(stage).refused(404, 'DELETE', '/api/v1/sessions/node-a.0-never');
});

scene(world, 'only the operator is told and obeyed', async (stage) => {
  const chat = await stage.chat(0, 'user');
  const { id } = (await all_sessions(stage, 100)).find(({ user }) => user === chat.user);
  const user = as(stage, chat.user);
  await user.refused(403, 'GET', '/api/v1/nodes');
  await user.refused(403, 'GET', '/api/v1/sessions');
  await user.refused(403, 'DELETE', `/api/v1/sessions/${id}`);
  await user.refused(403, 'POST', '/api/v1/notices', { to: 'all', text: 'x' });
  const stranger = stage.rest(0, 'native', { bearer: 'another-token' });
  await stranger.refused(401, 'GET', '/api/v1/nodes');
  await chat.round_trip();
  assert.equal(chat.is_open, true);
});

// ---- notices -------------------------------------------------------------------------------

scene(world, 'a notice to all is said in the lobby, in every protocol', async (stage) => {
  const clients = await five(stage);
  const text = `maintenance at noon ${stage.suffix}`;
  const { id, ts } = await operator(stage).ok('POST', '/api/v1/notices', { to: 'all', text });
  const heard = {};
  for (const [protocol, client] of Object.entries(clients)) heard[protocol] = await said(protocol, client, text);
  assert.deepEqual(heard.simple, { type: 'message_sent', message: text, timestamp: ts, username: null });
  assert.deepEqual(heard.messaging, { id, rid: '#lobby', sid: 'server', text });
  const { attachments, ...chat } = heard.chat;
  assert.deepEqual(chat, { chatId: '#lobby', userId: 'server', messageId: id, message: text });
  assert.ok(attachments === undefined || attachments === null || attachments.length === 0);
  const { authorId, channelId, content } = heard.concord;
  assert.deepEqual({ authorId, channelId, content }, { authorId: 0, channelId: 1, content: text });
  assert.equal(heard.rooms.user_id, NIL_UUID);
  assert.equal(heard.rooms.message_id, id);
  const [{ envelope }] = stage.watch.find('parley:room:{lobby}', (event) => event.id === id);
  assert.equal(envelope.kind, 'notice');
  assert.equal(envelope.keep, 'log');
  const kept = await operator(stage).ok('GET', `/api/v1/messages/${id}`);
  assert.equal(kept.text, text);
  assert.equal(kept.from, 'server');
});

scene(world, 'a notice to one user waits for them alone, in every protocol', async (stage) => {
  const clients = await five(stage);
  for (const [protocol, client] of Object.entries(clients)) {
    const text = `for ${protocol} ${stage.suffix}`;
    const { id } = await operator(stage, 1).ok('POST', '/api/v1/notices', { to: client.user, text });
    const heard = await said(protocol, client, text);
    const shown = {
      simple: ({ username, to }) => [username, to],
      messaging: ({ rid, sid }) => [rid, sid],
      chat: ({ chatId, userId, messageId }) => [chatId, userId, messageId],
      concord: ({ authorId, channelId }) => [authorId, channelId],
      rooms: ({ user_id, room_id, message_id }) => [user_id, room_id, message_id],
    }[protocol](heard);
    const wanted = {
      simple: [null, client.user],
      messaging: [client.user, 'server'],
      chat: ['server', 'server', id],
      concord: [0, 0],
      rooms: [NIL_UUID, NIL_UUID, id],
    }[protocol];
    assert.deepEqual(shown, wanted, protocol);
    for (const [other, each] of Object.entries(clients)) {
      if (each === client) continue;
      await each.round_trip();
      assert.ok(!each.dump().includes(text), `${other} was told what was for ${protocol}`);
    }
  }
});

scene(world, 'a notice is kept for who is away until it is read, and marked as any message', async (stage) => {
  const first = await stage.chat(0, 'away');
  await first.close();
  const text = `welcome back ${stage.suffix}`;
  const { id } = await operator(stage).ok('POST', '/api/v1/notices', { to: first.user, text });
  const unread = await operator(stage).ok('GET', `/api/v1/users/${first.user}/unread`);
  assert.deepEqual(unread.messages.map(({ text: each }) => each), [text]);
  const back = await stage.chat(1, 'away');
  const { messageId, chatId } = await back.event('new', ({ message }) => message === text);
  assert.deepEqual([messageId, chatId], [id, 'server']);
  const shown = await back.ask('getMessage', { chatId: 'server', messageId });
  assert.equal(shown.message, text);
  const read = await back.ask('read', { chatId: 'server', messageId });
  assert.equal(read.error, undefined, read.message);
  const left = await operator(stage).ok('GET', `/api/v1/users/${first.user}/unread`);
  assert.deepEqual(left.messages, []);
  assert.equal(await stage.redis.command('HGET', 'parley:user:{server}:profile', 'num'), '0');
});

scene(world, 'a notice is said in a closed room, where the server is no member', async (stage) => {
  const room = `den-${stage.suffix}`;
  await operator(stage).ok('POST', '/api/v1/rooms', { id: room, name: 'Den', open: false });
  const clients = await five(stage, room);
  const text = `closing ${stage.suffix}`;
  await operator(stage).ok('POST', '/api/v1/notices', { to: `#${room}`, text });
  for (const protocol of ['messaging', 'chat', 'concord', 'rooms']) await said(protocol, clients[protocol], text);
  await clients.simple.round_trip();
  assert.ok(!clients.simple.dump().includes(text));
});

scene(world, 'who was deleted gets no notice, and is written to as one who never came', async (stage) => {
  const gone = (await stage.chat(0, 'gone')).user;
  await operator(stage).ok('DELETE', `/api/v1/users/${gone}`);
  for (const node of [0, 1]) await operator(stage, node).refused(404, 'POST', '/api/v1/notices', { to: gone, text: 'x' });
  assert.equal(await stage.redis.command('EXISTS', `parley:user:{${gone}}:unread`), 0);
  const author = await stage.chat(0, 'author');
  for (const name of ['gone', 'never']) {
    const sent = await author.ask('new', { chatId: stage.name(name), message: `for ${name}` });
    assert.equal(sent.error, undefined, sent.message);
    await (await stage.chat(1, name)).event('new', ({ message }) => message === `for ${name}`);
  }
  await operator(stage).ok('POST', '/api/v1/notices', { to: gone, text: 'back again' });
});

scene(world, 'a notice to nobody is refused, and nobody writes to the server', async (stage) => {
  const nobody = `nobody-${stage.suffix}`;
  await operator(stage).refused(404, 'POST', '/api/v1/notices', { to: nobody, text: 'x' });
  await operator(stage).refused(404, 'POST', '/api/v1/notices', { to: `#${nobody}`, text: 'x' });
  assert.equal(await stage.redis.command('EXISTS', `parley:user:{${nobody}}:profile`), 0);
  const chat = await stage.chat(0, 'user');
  const answer = await chat.ask('new', { chatId: 'server', message: 'hello?' });
  assert.equal(answer.error, 'not_found');
  assert.equal(await stage.redis.command('EXISTS', 'parley:user:{server}:unread'), 0);
});

// ---- for somebody --------------------------------------------------------------------------

scene(world, 'the operator speaks for a user, and changes what anybody said', async (stage) => {
  const alice = await stage.chat(0, 'alice');
  const bob = await stage.chat(1, 'bob');
  const api = operator(stage, 1);
  const direct = `/api/v1/users/${bob.user}/messages`;
  const { id, from } = await api.ok('POST', direct, { text: 'hello', from: alice.user });
  assert.equal(from, alice.user);
  assert.equal((await bob.event('new')).userId, alice.user);
  assert.equal((await alice.event('new')).chatId, bob.user);
  await api.ok('PATCH', `/api/v1/messages/${id}`, { text: 'hello!' });
  assert.deepEqual(await bob.event('edit'), { chatId: alice.user, messageId: id, message: 'hello!' });
  assert.deepEqual(await alice.event('edit'), { chatId: bob.user, messageId: id, message: 'hello!' });
  assert.equal((await api.ok('GET', `/api/v1/messages/${id}`)).text, 'hello!');
  await api.ok('DELETE', `/api/v1/messages/${id}`);
  assert.deepEqual(await bob.event('delete'), { chatId: alice.user, messageId: id });
  await api.refused(404, 'GET', `/api/v1/messages/${id}`);
  await as(stage, alice.user).refused(403, 'POST', direct, { text: 'x', from: bob.user });
});

scene(world, 'what the operator says in its own name is a notice', async (stage) => {
  const bob = await stage.simple_arrived(0, 'bob');
  await operator(stage).ok('POST', `/api/v1/users/${bob.user}/messages`, { text: 'psst' });
  const { username, message } = await bob.message();
  assert.deepEqual([username, message], [null, 'psst']);
  assert.deepEqual(await stage.redis.keys(`parley:dialog:*${bob.user}*`), []);
});

scene(world, 'while Redis is away all of it is unavailable', async (stage) => {
  const api = operator(stage);
  await stage.redis.kill();
  await waitFor('the node knows', async () => (await api.call('GET', '/api/v1/nodes')).status === 503);
  await api.refused(503, 'GET', '/api/v1/sessions');
  await api.refused(503, 'DELETE', '/api/v1/sessions/node-a.0-x');
  await api.refused(503, 'POST', '/api/v1/notices', { to: 'all', text: 'x' });
  await api.refused(503, 'GET', '/api/v1/messages/65537');
  await stage.rest(0, 'concord', { bearer: ADMIN }).refused(503, 'GET', '/api/chats');
}, { heals: true });
