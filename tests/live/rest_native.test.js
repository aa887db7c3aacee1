// The native REST API as proto/native.md walks through it, across two nodes. What the operator
// may ask for: rest_operator.test.js.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { http } from '../lib/http.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const ADMIN = 'the-operator-s-own-token';
const world = use_world({ nodes: 2, node: { flags: ['--admin-token', ADMIN] } });
const users = '/api/v1/users';
const rooms = '/api/v1/rooms';
const tokens = '/api/v1/tokens';

const as = (stage, user, index = 0) => stage.rest(index, 'native', { user });
const operator = (stage) => stage.rest(0, 'native', { bearer: ADMIN });

// A list in parts of `limit`, as its cursor leads through it.
async function whole(api, path, name, limit) {
  const found = [];
  for (let cursor; cursor !== null; ) {
    const part = await api.ok('GET', path, undefined, { query: { limit, cursor } });
    assert.ok(part[name].length <= limit);
    found.push(part[name]);
    ({ cursor } = part);
  }
  return found;
}

// A closed room of alice's that bob is in.
async function den(stage) {
  const [alice, bob] = [stage.name('alice'), stage.name('bob')];
  const id = stage.name('den');
  await as(stage, alice).ok('POST', rooms, { id, open: false });
  await as(stage, alice).ok('PUT', `${rooms}/${id}/invites/${bob}`);
  await as(stage, bob, 1).ok('PUT', `${rooms}/${id}/members/${bob}`);
  return { alice, bob, id, at: `${rooms}/${id}` };
}

const texts = ({ messages }) => messages.map(({ text }) => text);

// ---- users and tokens ----------------------------------------------------------------------

scene(world, 'who registers can log in, change what is theirs, and log out everywhere', async (stage) => {
  const id = stage.name('alice');
  const nobody = stage.rest(0, 'native');
  const made = await nobody.ok('POST', users, { id, password: 'secret', nickname: 'A' });
  assert.deepEqual([made.id, made.name, made.nickname, made.online], [id, id, 'A', false]);
  await nobody.refused(409, 'POST', users, { id, password: 'other' });
  await nobody.refused(401, 'POST', tokens, { user: id, password: 'other' });
  await nobody.refused(404, 'POST', tokens, { user: stage.name('nobody'), password: 'secret' });
  const { token, expires } = await nobody.on(stage.nodes[1]).ok('POST', tokens, { user: id, password: 'secret' });
  assert.ok(expires > Date.now());
  const alice = stage.rest(0, 'native', { bearer: token });
  const changed = await alice.ok('PATCH', `${users}/${id}`, { name: 'Al', nickname: '', bio: 'writes', password: 'new' });
  assert.deepEqual([changed.name, changed.nickname, changed.bio, changed.num], ['Al', null, 'writes', made.num]);
  await nobody.refused(401, 'POST', tokens, { user: id, password: 'secret' });
  const { token: key } = await nobody.ok('POST', tokens, { user: id, password: 'new', kind: 'key' });
  assert.match(key, /^[\w-]{32}$/);
  const listed = await alice.ok('GET', tokens);
  assert.deepEqual(listed.tokens.map(({ kind }) => kind), ['token', 'key']);
  assert.ok(!JSON.stringify(listed).includes(key));
  // One that was lost is ended by its id, by its user alone.
  const { token: lost } = await nobody.ok('POST', tokens, { user: id, password: 'new' });
  const last = (await alice.ok('GET', tokens)).tokens[2].id;
  await as(stage, stage.name('bob')).refused(404, 'DELETE', `${tokens}/${last}`);
  const connection = await stage.chat(1, id, { parameters: { user: undefined, token: lost } });
  await alice.ok('DELETE', `${tokens}/${last}`);
  await connection.expect_close(4401);
  await alice.refused(404, 'DELETE', `${tokens}/${last}`);
  await stage.rest(1, 'native', { bearer: lost }).refused(401, 'GET', tokens);
  await alice.ok('DELETE', tokens);
  await alice.refused(401, 'GET', tokens);
  assert.equal((await stage.rest(1, 'native', { bearer: key }).ok('GET', tokens)).tokens.length, 1);
});

scene(world, 'users are listed in parts, and each is found by their id', async (stage) => {
  const ids = [stage.name('a b/c+d'), stage.name('漢字'), stage.name('x')];
  for (const id of ids) await as(stage, id).ok('GET', `${users}/${encodeURIComponent(id)}`);
  const found = await whole(as(stage, ids[0]), users, 'users', 2);
  const all = found.flat().map(({ id }) => id);
  assert.deepEqual(all.filter((id) => ids.includes(id)), ids);
  assert.equal(new Set(all).size, all.length);
  await as(stage, ids[0]).refused(404, 'GET', `${users}/${stage.name('nobody')}`);
});

// ---- rooms ---------------------------------------------------------------------------------

scene(world, 'a room is made, changed, listed in parts, and ended', async (stage) => {
  const alice = as(stage, stage.name('alice'));
  const id = stage.name('den');
  const made = await alice.ok('POST', rooms, { id, name: 'Den', description: 'ours' });
  const { num, uuid, created, ...said } = made;
  const owner = stage.name('alice');
  assert.deepEqual(said, {
    id, name: 'Den', open: true, public: false, keep: 'log', owner, members: 1, description: 'ours', creator: owner,
  });
  await alice.refused(409, 'POST', rooms, { id });
  const changed = await alice.ok('PATCH', `${rooms}/${id}`, { name: 'Cave', open: false, keep: 'none' });
  assert.deepEqual(changed, { ...made, name: 'Cave', open: false, keep: 'none' });
  assert.deepEqual(await alice.ok('GET', `${rooms}/${id}`), changed);
  const known = (await whole(alice, rooms, 'rooms', 1)).flat().map((room) => room.id);
  assert.ok(known.includes('lobby') && known.includes(id));
  await as(stage, stage.name('bob')).refused(403, 'PATCH', `${rooms}/${id}`, { name: 'Mine' });
  await as(stage, stage.name('bob')).refused(403, 'DELETE', `${rooms}/${id}`);
  await alice.ok('DELETE', `${rooms}/${id}`);
  await alice.refused(404, 'GET', `${rooms}/${id}`);
});

scene(world, 'people come, are given roles, are kicked and banned', async (stage) => {
  const { alice, bob, at } = await den(stage);
  const cy = stage.name('cy');
  const [owner, member, other] = [as(stage, alice), as(stage, bob, 1), as(stage, cy)];
  await other.refused(403, 'PUT', `${at}/members/${cy}`);
  await owner.refused(403, 'PUT', `${at}/members/${cy}`); // the operator's
  await operator(stage).ok('PUT', `${at}/members/${cy}`);
  const parts = await whole(owner, `${at}/members`, 'members', 1);
  assert.equal(parts.length, 3);
  assert.deepEqual(parts.flat().map(({ id }) => id).sort(), [alice, bob, cy].sort());
  await member.refused(403, 'DELETE', `${at}/members/${cy}`);
  await owner.ok('PUT', `${at}/admins/${bob}`);
  await owner.ok('PUT', `${at}/admins/${bob}`); // so before
  const kicked = await stage.rooms(1, 'cy');
  await member.ok('DELETE', `${at}/members/${cy}`, { text: 'out' });
  const { message, permanent } = await kicked.until_keeping(({ type }) => type === 'kick');
  assert.deepEqual([message, permanent], ['out', false]);
  await member.ok('PUT', `${at}/bans/${cy}`, { text: 'for good' });
  assert.deepEqual((await owner.ok('GET', `${at}/bans`)).bans.map(({ id }) => id), [cy]);
  await other.refused(403, 'GET', `${at}/members`);
  await member.ok('DELETE', `${at}/bans/${cy}`);
  await owner.ok('PUT', `${at}/owner/${bob}`);
  assert.equal((await owner.ok('GET', at)).owner, bob);
  await owner.ok('DELETE', `${at}/members/${alice}`);
  assert.equal((await member.ok('GET', `${at}/members`)).total, 1);
});

// ---- messages ------------------------------------------------------------------------------

scene(world, 'what is said in a room is answered, heard, and read back in parts', async (stage) => {
  const { alice, bob, id, at } = await den(stage);
  const api = as(stage, alice);
  const listener = await stage.messaging(1, 'bob');
  const body = { text: 'one', fields: { a: [1, { b: null }] }, attachments: ['https://a/1.png'], thread: 7 };
  const sent = await api.ok('POST', `${at}/messages`, body);
  const { id: number, ts, ...said } = sent;
  assert.deepEqual(said, { from: alice, to: `#${id}`, ...body, edited: false, reactions: {} });
  const [heard] = await listener.messages(1);
  assert.deepEqual([heard.rid, heard.sid, heard.a], [`#${id}`, alice, [1, { b: null }]]);
  for (const text of ['two', 'three', 'four', 'five']) await api.ok('POST', `${at}/messages`, { text });
  const parts = await whole(as(stage, bob, 1), `${at}/messages`, 'messages', 2);
  assert.deepEqual(parts.map((messages) => texts({ messages })), [['four', 'five'], ['two', 'three'], ['one']]);
  assert.deepEqual(parts[2][0], { ...sent, keep: 'log' });
  const before = await api.ok('GET', `${at}/messages`, undefined, { query: { before: parts[0][1].id, limit: 1 } });
  assert.deepEqual(texts(before), ['four']);
  // Looking back goes on before a message that is gone by now.
  await api.ok('DELETE', `/api/v1/messages/${parts[1][0].id}`);
  const rest = await api.ok('GET', `${at}/messages`, undefined, { query: { cursor: parts[1][0].id } });
  assert.deepEqual([texts(rest), rest.cursor], [['one'], null]);
  await as(stage, stage.name('cy')).refused(403, 'GET', `${at}/messages`);
  await as(stage, stage.name('cy')).refused(403, 'POST', `${at}/messages`, { text: 'x' });
});

scene(world, 'a message is edited, reacted to and taken away', async (stage) => {
  const { alice, bob, at } = await den(stage);
  const [author, reader] = [as(stage, alice), as(stage, bob, 1)];
  const { id } = await author.ok('POST', `${at}/messages`, { text: 'helo' });
  const message = `/api/v1/messages/${id}`;
  for (const each of [author, reader, reader]) await each.ok('PUT', `${message}/reactions/+1`);
  await reader.ok('PUT', `${message}/reactions/${encodeURIComponent('😂')}`);
  await author.ok('DELETE', `${message}/reactions/+1`);
  await reader.refused(403, 'PATCH', message, { text: 'mine' });
  const edited = await author.ok('PATCH', message, { text: 'hello' });
  assert.deepEqual([edited.text, edited.edited, edited.reactions], ['hello', true, { '+1': 1, '😂': 1 }]);
  assert.deepEqual(await reader.ok('GET', message), edited);
  assert.deepEqual(await reader.ok('GET', `${at}/messages`), { messages: [edited], cursor: null });
  await reader.refused(403, 'DELETE', message);
  await author.ok('DELETE', message);
  for (const method of ['GET', 'DELETE']) await author.refused(404, method, message);
  await as(stage, stage.name('cy')).refused(404, 'GET', '/api/v1/messages/9007199254740991');
});

scene(world, 'a direct message is in the dialog of both, and unread until it is read', async (stage) => {
  const [alice, bob] = [stage.name('alice'), stage.name('bob')];
  const api = as(stage, alice);
  const body = { text: 'psst', client_id: 11 };
  const { id } = await api.ok('POST', `${users}/${bob}/messages`, body);
  assert.equal((await api.ok('POST', `${users}/${bob}/messages`, body)).id, id); // asked again
  const { id: second } = await api.ok('POST', `${users}/${bob}/messages`, { text: 'again' });
  const seen = await as(stage, bob, 1).ok('GET', `${users}/${alice}/messages`);
  assert.deepEqual(seen, await api.ok('GET', `${users}/${bob}/messages`));
  assert.deepEqual(texts(seen), ['psst', 'again']);
  const unread = await whole(as(stage, bob, 1), `${users}/${bob}/unread`, 'messages', 1);
  assert.deepEqual(unread.flat().map((each) => each.id), [id, second]);
  await api.refused(403, 'GET', `${users}/${bob}/unread`);
  const reader = await stage.chat(1, 'bob');
  await reader.ask('read', { chatId: alice, messageId: id });
  const left = () => as(stage, bob).ok('GET', `${users}/${bob}/unread`);
  await waitFor('one is left', async () => texts(await left()).join() === 'again');
});

scene(world, 'what is said in a room that keeps nothing is kept nowhere', async (stage) => {
  const alice = as(stage, stage.name('alice'));
  const at = `${rooms}/${stage.name('ether')}`;
  await alice.ok('POST', rooms, { id: stage.name('ether'), keep: 'none' });
  const { id } = await alice.ok('POST', `${at}/messages`, { text: 'gone' });
  await alice.refused(404, 'GET', `/api/v1/messages/${id}`);
  assert.deepEqual(await alice.ok('GET', `${at}/messages`), { messages: [], cursor: null });
});

// ---- the document --------------------------------------------------------------------------

scene(world, 'the document is served as it stands', async ({ nodes }) => {
  const { status, headers, body } = await http(nodes[0].url, '/api/v1/openapi.json');
  assert.deepEqual([status, headers['content-type']], [200, 'application/json']);
  assert.equal(body, readFileSync(new URL('../../proto/native.openapi.json', import.meta.url), 'utf8'));
});
