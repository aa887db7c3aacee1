// Looking at what was said: searching, what is unread, who reacted, logs in parts; and what
// nobody is shown of others' (concord's REST and the native one), across two nodes.

import assert from 'node:assert/strict';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const ADMIN = 'the-operator-s-own-token';
const INBOX = 10; // messages that are unread at most
const world = use_world({
  nodes: 2,
  redis: { aof: 'always' },
  node: { flags: ['--admin-token', ADMIN, '--inbox-messages', INBOX] },
});

const operator = (stage, index = 0) => stage.rest(index, 'native', { bearer: ADMIN });
const native = (stage, user, index = 0) => stage.rest(index, 'native', { user });
const concord = (stage, user, index = 1) => stage.rest(index, 'concord', { user });

// A user who exists, by name.
async function make_user(stage, short) {
  const user = stage.name(short);
  await operator(stage).ok('POST', '/api/v1/users', { id: user });
  return user;
}

let rooms_made = 0;

// A room that is made by its owner; its number.
async function make_room(stage, owner, more = {}) {
  const id = stage.name(`room${++rooms_made}`);
  const room = await native(stage, owner).ok('POST', '/api/v1/rooms', { id, name: id, ...more });
  return { id, num: room.num };
}

async function say(stage, from, path, text, more = {}) {
  const { id, ts } = await native(stage, from).ok('POST', `/api/v1/${path}/messages`, { text, ...more });
  return { id, ts };
}

async function found(stage, user, query) {
  const chats = await concord(stage, user).ok('GET', '/api/chats', undefined, { query });
  return chats.map(({ content }) => content);
}

// ---- searching -----------------------------------------------------------------------------

scene(world, 'a search finds what the caller may read, newest first, and nothing else', async (stage) => {
  const word = `needle${stage.suffix}`;
  const [anna, ben, eve] = [await make_user(stage, 'anna'), await make_user(stage, 'ben'), await make_user(stage, 'eve')];
  const open = await make_room(stage, ben, { public: true });
  const closed = await make_room(stage, ben, { open: false });
  await operator(stage).ok('PUT', `/api/v1/rooms/${closed.id}/members/${anna}`);
  const others = await make_room(stage, ben, { open: false });
  await say(stage, ben, `rooms/${others.id}`, `${word} hidden`);
  await say(stage, ben, `users/${eve}`, `${word} for eve`);
  await say(stage, ben, 'rooms/lobby', `${word} 1 in the lobby`);
  await say(stage, ben, `rooms/${open.id}`, `2 in public, ${word.toUpperCase()}!`);
  await say(stage, anna, `rooms/${closed.id}`, `3 ${word} in her room`);
  await say(stage, ben, `users/${anna}`, `4 ${word} for her`);
  await say(stage, anna, `users/${ben}`, `5 ${word} of hers`);
  await say(stage, ben, `rooms/${open.id}`, 'something else');
  const all = await found(stage, anna, { query: word });
  assert.deepEqual(all.map((text) => text.match(/\d(?= )/)?.[0] ?? text), ['5', '4', '3', '2', '1']);
  assert.deepEqual(await found(stage, eve, { query: `${word} for` }), [`${word} for eve`]);
  assert.deepEqual((await found(stage, eve, { query: word })).length, 3);
  assert.equal((await found(stage, ben, { query: word })).length, 7);
  assert.deepEqual(await found(stage, anna, { query: `${word}x` }), []);
});

scene(world, 'a search is narrowed by conversation, author, thread and time', async (stage) => {
  const word = `straw${stage.suffix}`;
  const [anna, ben] = [await make_user(stage, 'anna'), await make_user(stage, 'ben')];
  const room = await make_room(stage, ben, { public: true });
  const first = await say(stage, ben, `rooms/${room.id}`, `${word} one`, { thread: 7 });
  const second = await say(stage, anna, `rooms/${room.id}`, `${word} two`);
  const third = await say(stage, ben, 'rooms/lobby', `${word} three`);
  const { num } = await native(stage, anna).ok('GET', `/api/v1/users/${anna}`);
  const look = (query) => found(stage, anna, { query: word, ...query });
  assert.deepEqual(await look({ channelId: room.num }), [`${word} two`, `${word} one`]);
  assert.deepEqual(await look({ authorId: num }), [`${word} two`]);
  assert.deepEqual(await look({ threadId: 7 }), [`${word} one`]);
  assert.deepEqual(await look({ threadId: -1 }), [`${word} three`, `${word} two`]);
  assert.deepEqual(await look({ after: first.ts - 1, before: third.ts + 1 }), [`${word} three`, `${word} two`, `${word} one`]);
  assert.equal((await look({ before: second.ts })).includes(`${word} two`), false);
  assert.equal((await look({ after: second.ts })).includes(`${word} two`), false);
  assert.equal((await look({ after: third.ts })).length, 0);
  assert.deepEqual(await look({ size: 1 }), [`${word} three`]);
  assert.deepEqual(await look({ size: 1, page: 2 }), [`${word} one`]);
  assert.deepEqual(await look({ size: 1, page: 3 }), []);
  const api = concord(stage, anna);
  await api.refused(404, 'GET', '/api/chats', undefined, { query: { channelId: 999999 } });
  await api.refused(404, 'GET', '/api/chats', undefined, { query: { authorId: 999999 } });
});

scene(world, "a search in another's conversation is refused", async (stage) => {
  const [anna, ben, eve] = [await make_user(stage, 'anna'), await make_user(stage, 'ben'), await make_user(stage, 'eve')];
  const closed = await make_room(stage, ben, { open: false });
  const open = await make_room(stage, ben, { public: true });
  await say(stage, ben, `rooms/${closed.id}`, 'secret');
  await say(stage, ben, `rooms/${open.id}`, 'banned from here');
  await say(stage, ben, `users/${anna}`, 'between us');
  const dialog = Number(await stage.redis.command('HGET', `parley:dialog:{${[anna, ben].sort().join('|')}}:record`, 'num'));
  const search = (user, channelId) => [403 + (channelId === dialog), 'GET', '/api/chats', undefined, { query: { channelId } }];
  await concord(stage, eve).refused(...search(eve, closed.num));
  await concord(stage, eve).refused(...search(eve, dialog));
  assert.deepEqual(await found(stage, ben, { channelId: dialog }), ['between us']);
  assert.deepEqual(await found(stage, ben, { channelId: closed.num }), ['secret']);
  await native(stage, ben).ok('PUT', `/api/v1/rooms/${open.id}/bans/${eve}`);
  await concord(stage, eve).refused(...search(eve, open.num));
  assert.deepEqual(await found(stage, eve, { query: 'banned from here' }), []);
});

scene(world, 'a search reads long logs to their end', async (stage) => {
  const [anna] = [await make_user(stage, 'anna')];
  const room = await make_room(stage, anna, { public: true });
  const filler = 'x'.repeat(30000);
  await say(stage, anna, `rooms/${room.id}`, 'the Very first');
  for (let i = 0; i < 120; i++) await say(stage, anna, `rooms/${room.id}`, i % 3 ? 'chaff' : filler);
  assert.deepEqual(await found(stage, anna, { channelId: room.num, query: 'very FIRST' }), ['the Very first']);
  assert.equal((await found(stage, anna, { channelId: room.num, size: 100, page: 1 })).length, 21);
});

scene(world, 'a deleted message is found no more, an edited one by its new text', async (stage) => {
  const word = `hay${stage.suffix}`;
  const anna = await make_user(stage, 'anna');
  const { id } = await say(stage, anna, 'rooms/lobby', `${word} old`);
  const other = await say(stage, anna, 'rooms/lobby', `${word} gone`);
  const chat = await concord(stage, anna).ok('PATCH', `/api/chats/${id}`, { content: `${word} new` });
  assert.deepEqual([chat.id, chat.content, chat.edited], [id, `${word} new`, true]);
  await native(stage, anna).ok('DELETE', `/api/v1/messages/${other.id}`);
  assert.deepEqual(await found(stage, anna, { query: word }), [`${word} new`]);
});

scene(world, 'the operator finds what is public, and in any room that is named', async (stage) => {
  const word = `pin${stage.suffix}`;
  const [anna, ben] = [await make_user(stage, 'anna'), await make_user(stage, 'ben')];
  const closed = await make_room(stage, anna, { open: false });
  await say(stage, anna, `rooms/${closed.id}`, `${word} closed`);
  await say(stage, anna, 'rooms/lobby', `${word} public`);
  await say(stage, anna, `users/${ben}`, `${word} direct`);
  const search = async (query) => {
    const api = stage.rest(1, 'concord', { bearer: ADMIN });
    const chats = await api.ok('GET', '/api/chats', undefined, { query: { query: word, ...query } });
    return chats.map(({ content }) => content);
  };
  assert.deepEqual(await search({}), [`${word} public`]);
  assert.deepEqual(await search({ channelId: closed.num }), [`${word} closed`]);
});

scene(world, 'only so many searches are made at once', async (stage) => {
  const AT_ONCE = 16;
  const api = stage.rest(0, 'concord', { bearer: ADMIN });
  const statuses = [];
  await api.ok('GET', '/api/chats');
  stage.redis.pause();
  const searches = Array.from({ length: AT_ONCE + 4 }, async () => {
    statuses.push((await api.call('GET', '/api/chats')).status);
  });
  await waitFor('those above the limit are refused', () => statuses.length === 4);
  stage.redis.resume();
  await Promise.all(searches);
  assert.deepEqual(statuses, [...Array(4).fill(503), ...Array(AT_ONCE).fill(200)]);
  await api.ok('GET', '/api/chats');
}, { heals: true });

// ---- reactions -----------------------------------------------------------------------------

scene(world, 'who reacted is told, and counted wherever the message is shown', async (stage) => {
  const [anna, ben] = [await make_user(stage, 'anna'), await make_user(stage, 'ben')];
  const numbers = {};
  for (const user of [anna, ben]) numbers[user] = (await native(stage, user).ok('GET', `/api/v1/users/${user}`)).num;
  const text = `react ${stage.suffix}`;
  const room = await make_room(stage, anna, { public: true });
  const { id } = await say(stage, anna, `rooms/${room.id}`, text);
  const chat = `/api/chats/${id}`;
  assert.deepEqual(await concord(stage, anna).ok('GET', `${chat}/reactions`), { reactingUsers: {}, reactions: {} });
  for (const user of [anna, ben]) await concord(stage, user).ok('POST', `${chat}/reactions`, { reaction: '+1', adding: true });
  await native(stage, ben).ok('PUT', `/api/v1/messages/${id}/reactions/${encodeURIComponent('a"/\\')}`);
  assert.deepEqual(await concord(stage, ben).ok('GET', `${chat}/reactions`), {
    reactingUsers: { '+1': [numbers[anna], numbers[ben]], 'a"/\\': [numbers[ben]] },
    reactions: { '+1': 2, 'a"/\\': 1 },
  });
  const counts = { '+1': 2, 'a"/\\': 1 };
  assert.deepEqual((await concord(stage, ben).ok('GET', chat)).reactions, counts);
  assert.deepEqual((await native(stage, ben).ok('GET', `/api/v1/messages/${id}`)).reactions, counts);
  const log = await native(stage, ben).ok('GET', `/api/v1/rooms/${room.id}/messages`);
  assert.deepEqual(log.messages.map(({ reactions }) => reactions), [counts]);
  const [hit] = await concord(stage, ben).ok('GET', '/api/chats', undefined, { query: { query: text } });
  assert.deepEqual(hit.reactions, counts);
  // An edit leaves them, and what is kept holds no counts.
  const edited = await native(stage, anna).ok('PATCH', `/api/v1/messages/${id}`, { text: 'new' });
  assert.deepEqual(edited.reactions, counts);
  const line = await stage.redis.command('HGET', `parley:room:{${room.id}}:messages`, String(id));
  assert.equal(JSON.parse(line).body.reactions, undefined);
  await native(stage, ben).ok('DELETE', `/api/v1/messages/${id}/reactions/+1`);
  assert.deepEqual((await concord(stage, ben).ok('GET', `${chat}/reactions`)).reactions, { '+1': 1, 'a"/\\': 1 });
});

scene(world, 'reactions are told to those who may read the message', async (stage) => {
  const [anna, eve] = [await make_user(stage, 'anna'), await make_user(stage, 'eve')];
  const closed = await make_room(stage, anna, { open: false });
  const inside = await say(stage, anna, `rooms/${closed.id}`, 'x');
  const direct = await say(stage, anna, `users/${anna}`, 'x');
  await concord(stage, eve).refused(403, 'GET', `/api/chats/${inside.id}/reactions`);
  await concord(stage, eve).refused(404, 'GET', `/api/chats/${direct.id}/reactions`);
  await concord(stage, eve).refused(404, 'GET', '/api/chats/4711/reactions');
  await operator(stage).ok('GET', `/api/v1/messages/${inside.id}`);
});

// ---- what is unread ------------------------------------------------------------------------

scene(world, 'what is unread is told in parts, to the user and the operator alone', async (stage) => {
  const [anna, ben] = [await make_user(stage, 'anna'), await make_user(stage, 'ben')];
  const texts = [];
  for (let i = 0; i < 5; i++) {
    texts.push(`unread ${i}`);
    await say(stage, ben, `users/${anna}`, texts[i]);
  }
  const path = `/api/v1/users/${anna}/unread`;
  for (const api of [native(stage, anna, 1), operator(stage, 1)]) {
    const got = [];
    let cursor;
    do {
      const part = await api.ok('GET', path, undefined, { query: { limit: 2, cursor } });
      got.push(...part.messages);
      assert.ok(part.messages.length <= 2);
      cursor = part.cursor ?? undefined;
    } while (cursor);
    assert.deepEqual(got.map(({ text }) => text), texts);
    assert.ok(got.every(({ from }) => from === ben));
  }
  await native(stage, ben).refused(403, 'GET', path);
  await native(stage, anna).refused(400, 'GET', path, undefined, { query: { cursor: 'x' } });
  await operator(stage).refused(404, 'GET', `/api/v1/users/${stage.name('nobody')}/unread`);
  assert.deepEqual((await native(stage, ben).ok('GET', `/api/v1/users/${ben}/unread`)).messages, []);
});

// ---- logs ----------------------------------------------------------------------------------

scene(world, 'large messages come in smaller parts, and none is left out', async (stage) => {
  const anna = await make_user(stage, 'anna');
  const room = await make_room(stage, anna, { public: true });
  for (let i = 0; i < 25; i++) await say(stage, anna, `rooms/${room.id}`, `${i} ${'x'.repeat(50000)}`);
  const got = [];
  let cursor, parts = 0;
  do {
    const query = { limit: 100, cursor };
    const part = await native(stage, anna, 1).ok('GET', `/api/v1/rooms/${room.id}/messages`, undefined, { query });
    assert.ok(JSON.stringify(part).length < 600 * 1024);
    got.unshift(...part.messages.map(({ text }) => parseInt(text, 10)));
    cursor = part.cursor ?? undefined;
    parts++;
  } while (cursor);
  assert.deepEqual(got, Array.from({ length: 25 }, (_, i) => i));
  assert.ok(parts >= 3, `${parts}`);
});

scene(world, 'a message is in no other conversation than its own', async (stage) => {
  const anna = await stage.chat(0, 'anna');
  const ben = stage.name('ben');
  const messageId = await anna.say(ben, 'hello');
  const lobby = await anna.say('#lobby', 'hello all');
  const other = stage.name('other');
  for (const chatId of [other, '#lobby', anna.user]) {
    for (const [type, more] of [['getMessage', {}], ['edit', { message: 'x' }], ['delete', {}]]) {
      assert.equal((await anna.ask(type, { chatId, messageId, ...more })).error, 'not_found', `${type} ${chatId}`);
    }
  }
  assert.equal((await anna.ask('getMessage', { chatId: ben, messageId: lobby })).error, 'not_found');
  assert.equal((await anna.ask('getMessage', { chatId: ben, messageId })).message, 'hello');
  assert.equal((await anna.ask('edit', { chatId: ben, messageId, message: 'hi' })).error, undefined);
  assert.equal((await anna.ask('delete', { chatId: '#lobby', messageId: lobby })).error, undefined);
  const reader = await stage.chat(1, 'ben');
  await reader.event('new');
  assert.equal((await reader.ask('getMessage', { chatId: anna.user, messageId })).message, 'hi');
  assert.equal((await reader.ask('getMessage', { chatId: ben, messageId })).error, 'not_found');
});

scene(world, 'an author is told since when a direct message is delivered and read', async (stage) => {
  const anna = await stage.chat(0, 'anna');
  const ben = stage.name('ben');
  const first = await anna.say(ben, 'one');
  const second = await anna.say(ben, 'two');
  const times = async (messageId) => {
    const { read, delivered } = await anna.ask('getMessage', { chatId: ben, messageId });
    return { read, delivered };
  };
  assert.deepEqual(await times(first), { read: undefined, delivered: undefined });
  const reader = await stage.chat(1, 'ben');
  const { timestamp: delivered } = await anna.event('dlvrd', ({ messageId }) => messageId === second);
  await waitFor('it is kept', async () => (await times(second)).delivered !== undefined);
  assert.equal((await times(second)).read, undefined);
  assert.ok(Math.abs((await times(first)).delivered - delivered) < 5000);
  await reader.ask('read', { chatId: anna.user, messageId: first });
  const { timestamp: read } = await anna.event('read');
  await waitFor('it is kept', async () => (await times(first)).read !== undefined);
  assert.ok(Math.abs((await times(first)).read - read) < 5000);
  assert.equal((await times(second)).read, undefined);
  const log = await anna.ask('getMessages', { chatId: ben, count: 10 });
  assert.deepEqual(log.map((message) => message.read !== undefined), [true, false]);
  // The receiver is told nothing of when they themselves did.
  const theirs = await reader.ask('getMessage', { chatId: anna.user, messageId: first });
  assert.equal(theirs.read ?? theirs.delivered, undefined);
  // Whoever reads by another protocol has read it as well.
  await reader.close();
  const other = await stage.messaging(0, 'ben');
  const [{ id }] = await other.messages(1);
  other.mark(id);
  await waitFor('it is kept', async () => (await times(second)).read !== undefined);
});

// Logged, and not pushed: the inbox was full. What is sent again goes as the log says by then.
for (const change of ['edit', 'delete']) {
  scene(world, `a send that is made up for after its ${change} tells what the log says now`, async (stage) => {
    const alice = await stage.chat(0, 'alice');
    const filler = await stage.messaging(0, 'filler');
    const bob = stage.name('bob');
    for (let id = 1; id <= INBOX; id++) await filler.put_and_wait({ id, rid: bob, text: 'full' });
    const send = ['new', { chatId: bob, message: 'one' }, 'same'];
    assert.equal((await alice.ask(...send)).error, 'inbox_full');
    const dialog = `parley:dialog:{${[alice.user, bob].sort().join('|')}}`;
    const messageId = Number(await stage.redis.command('LINDEX', `${dialog}:log`, 0));
    const edited = change === 'edit' ? { message: 'two' } : {};
    assert.equal((await alice.ask(change, { chatId: bob, messageId, ...edited })).error, undefined);
    const reader = await stage.messaging(1, 'bob');
    await reader.messages(INBOX);
    reader.mark(1);
    await reader.settle();
    assert.equal((await alice.ask(...send)).messageId, messageId);
    const lines = await stage.redis.command('HVALS', `parley:user:{${bob}}:unread:messages`);
    const texts = lines.map((line) => JSON.parse(line).body.text).filter((text) => text !== 'full');
    assert.deepEqual(texts, change === 'edit' ? ['two'] : []);
  });
}

// ---- a room that keeps nothing ----------------------------------------------------------

scene(world, 'in a room that keeps nothing too, a simple sender sees its message first, then the reply', async (stage) => {
  const maker = await make_user(stage, 'maker');
  const { id } = await make_room(stage, maker, { public: true, keep: 'none' });
  const alice = await stage.simple(0, 'alice', { parameters: { room: id } });
  for (let i = 0; i < 30; i++) await alice.say_and_wait(`message ${i}`);
  const order = alice.seen
    .map(({ json }) => json)
    .filter(({ type }) => type === 'message_sent' || type === 'reply')
    .map(({ type }) => type);
  assert.equal(order.length, 60);
  order.forEach((type, index) => assert.equal(type, index % 2 ? 'reply' : 'message_sent'));
});
