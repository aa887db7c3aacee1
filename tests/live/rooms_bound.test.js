// How many rooms a user may be in is bounded, whichever door they come by (--rooms-per-user).

import assert from 'node:assert/strict';
import { parse_metrics } from '../lib/prometheus.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const ADMIN = 'the-operator-s-own-token';
const MOST = 3;
const world = use_world({ nodes: 1, node: { flags: ['--rooms-per-user', MOST, '--admin-token', ADMIN] } });
const ROOMS = '/api/v1/rooms';
const FULL = { error: 'too_many_rooms', message: 'in as many rooms as anybody may be in' };

const operator = (stage) => stage.rest(0, 'native', { bearer: ADMIN });
const as = (stage, user) => stage.rest(0, 'native', { user });
const rooms_of = (stage, user) => stage.redis.command('SCARD', `parley:user:{${user}}:rooms`);

// Rooms of nobody's: the operator's own count nowhere.
async function make(stage, count) {
  const ids = Array.from({ length: count }, (_, i) => stage.name(`den-${i}`));
  for (const id of ids) await operator(stage).ok('POST', ROOMS, { id });
  return ids;
}

const in_rooms = (stage, user, count) =>
  waitFor(`${user} is in ${count} rooms`, async () => (await rooms_of(stage, user)) === count);

async function refusals(stage) {
  const { samples } = parse_metrics(await stage.nodes[0].metrics());
  const counted = samples.filter(({ name, labels }) => name === 'parley_commands_total' && labels.code === FULL.error);
  return counted.reduce((sum, { value }) => sum + value, 0);
}

scene(world, 'who enters one room more is refused, is told so, and finds place after leaving one', async (stage) => {
  const rooms = await make(stage, MOST + 1);
  const last = rooms[MOST];
  const before = await refusals(stage);
  const alice = await stage.messaging(0, 'alice');
  const enter = (...ids) => alice.send({ enter: ids.map((id) => ({ rid: `#${id}` })) });
  for (const [i, id] of rooms.slice(0, MOST).entries()) {
    enter(id);
    await in_rooms(stage, alice.user, i + 1);
  }
  enter(last);
  const [{ section, id, code, message }] = await alice.section('errors');
  assert.deepEqual([section, id, code, message], ['enter', `#${last}`, FULL.error, FULL.message]);
  assert.equal(await stage.redis.command('SISMEMBER', `parley:room:{${last}}:members`, alice.user), 0);
  assert.equal(await refusals(stage), before + 1);
  // Entering again is none more; what is said right behind entering stays behind it.
  enter(rooms[0]);
  alice.send({ exit: [{ rid: `#${rooms[0]}` }] });
  await in_rooms(stage, alice.user, MOST - 1);
  alice.send({ enter: [{ rid: `#${last}` }] });
  await alice.put_and_wait({ id: 1, rid: `#${last}`, text: 'here I am' });
  await in_rooms(stage, alice.user, MOST);
  assert.ok(alice.frames.every(({ json }) => !('errors' in json)), alice.dump());
});

scene(world, 'many entered in one breath are bounded as well', async (stage) => {
  const rooms = await make(stage, 4 * MOST);
  const alice = await stage.messaging(0, 'alice');
  alice.send({ enter: rooms.map((id) => ({ rid: `#${id}` })) });
  await alice.put_and_wait({ id: 1, rid: stage.name('bob') }); // behind all of these
  const inside = await rooms_of(stage, alice.user);
  assert.ok(inside >= MOST && inside <= MOST + 1, `in ${inside} rooms`);
});

scene(world, 'chat and rooms say it in their own ways', async (stage) => {
  const rooms = await make(stage, MOST + 1);
  const chat = await stage.chat(0, 'anna');
  const other = await stage.rooms(0, 'ben');
  for (const id of rooms.slice(0, MOST)) {
    assert.equal((await chat.ask('enter', { chatId: `#${id}` })).error, undefined);
    await as(stage, other.user).ok('PUT', `${ROOMS}/${id}/members/${other.user}`);
  }
  assert.deepEqual(await chat.ask('enter', { chatId: `#${rooms[MOST]}` }), {
    error: FULL.error,
    status: 409,
    message: FULL.message,
  });
  const { uuid } = await operator(stage).ok('GET', `${ROOMS}/${rooms[MOST]}`);
  other.send({ type: 'enter', room_id: uuid });
  const refused = await other.until_keeping((frame) => frame.type === 'error');
  assert.deepEqual(refused, { type: 'error', error: FULL.error, request: 'enter' });
  const key = { user: other.user };
  assert.deepEqual(await stage.rest(0, 'rooms', key).refused(409, 'POST', '/room', { name: 'mine' }), {
    error: FULL.error,
  });
  const channel = stage.rest(0, 'concord', { user: other.user });
  assert.deepEqual(await channel.refused(409, 'POST', '/api/channels', { name: 'mine' }), FULL);
});

scene(world, 'REST: entering, being made a member, making a room, being made its owner', async (stage) => {
  const [first, last] = await make(stage, 2);
  const [alice, bob] = [stage.name('alice'), stage.name('bob')];
  await as(stage, bob).ok('GET', `/api/v1/users/${bob}`); // is known from now on
  const mine = Array.from({ length: MOST }, (_, i) => stage.name(`mine-${i}`));
  for (const id of mine) await as(stage, alice).ok('POST', ROOMS, { id });
  const refused = async (who, ...call) => assert.deepEqual(await who.refused(409, ...call), FULL);
  await refused(as(stage, alice), 'POST', ROOMS, { id: stage.name('more') });
  await refused(as(stage, alice), 'PUT', `${ROOMS}/${first}/members/${alice}`);
  await refused(operator(stage), 'PUT', `${ROOMS}/${first}/members/${alice}`);
  await refused(operator(stage), 'POST', ROOMS, { id: stage.name('given'), owner: alice });
  await operator(stage).ok('PUT', `${ROOMS}/${mine[0]}/members/${alice}`); // is one already
  // Who may not make anybody a member is told that, and nothing of the other's rooms.
  await as(stage, bob).refused(403, 'PUT', `${ROOMS}/${first}/members/${alice}`);
  assert.equal((await as(stage, alice).refused(404, 'PUT', `${ROOMS}/no-such-room/members/${alice}`)).error, 'not_found');
  assert.equal(await rooms_of(stage, alice), MOST);
  await as(stage, alice).ok('DELETE', `${ROOMS}/${mine[0]}`);
  await operator(stage).ok('PUT', `${ROOMS}/${last}/members/${alice}`);
  assert.equal(await rooms_of(stage, alice), MOST);
});
