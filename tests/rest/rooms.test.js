// Rooms made, changed and ended while people are connected, on two nodes: who hears what, from when
// on, by all five protocols (protocols.md, "Membership and attendance"; the bridge: kick).

import assert from 'node:assert/strict';
import { RefusedError } from '../lib/client.js';
import { uuid_of } from '../lib/uuid.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';
import { everywhere, heard } from './crowd.js';

const ADMIN = 'the-operator-s-own-token';
const world = use_world({ nodes: 2, node: { flags: ['--admin-token', ADMIN, '--presence-grace-ms', 50] } });
const ROOMS = '/api/v1/rooms';

// Who does what here: the operator, by the first node; and users, by any.
const operator = (stage) => stage.rest(0, 'native', { bearer: ADMIN });
const as = (stage, user, index = 0) => stage.rest(index, 'native', { user });
const KINDS = { closed: { open: false }, open: { open: true }, public: { open: true, public: true } };

// A room of that kind, of owner's.
async function make(stage, short, kind, owner = stage.name('owner')) {
  const id = stage.name(short);
  const room = await as(stage, owner).ok('POST', ROOMS, { id, ...KINDS[kind] });
  return Object.assign(room, {
    say: (text, index = 0) => as(stage, owner, index).ok('POST', `${ROOMS}/${id}/messages`, { text }),
    change: (change) => as(stage, owner).ok('PATCH', `${ROOMS}/${id}`, change),
    put: async (role, user) => {
      await as(stage, user).ok('GET', `/api/v1/users/${user}`); // is known from now on
      await operator(stage).ok('PUT', `${ROOMS}/${id}/${role}/${user}`);
    },
    drop: (role, user) => operator(stage).ok('DELETE', `${ROOMS}/${id}/${role}/${user}`),
    end: () => as(stage, owner).ok('DELETE', `${ROOMS}/${id}`),
    enter: (user) => as(stage, user, 1).call('PUT', `${ROOMS}/${id}/members/${user}`),
  });
}

// What these connections of a user have been shown by now.
const heard_by = (stage, user, clients) =>
  heard(clients, (text) => operator(stage).ok('POST', `/api/v1/users/${stage.name(user)}/messages`, { text }));

const each = (clients, texts) => Object.fromEntries(Object.keys(clients).map((protocol) => [protocol, texts]));

async function refused(opening, status) {
  await assert.rejects(opening, (error) => error instanceof RefusedError && error.status === status);
}

// ---- made ------------------------------------------------------------------------------------

scene(world, 'a public room is heard by concord of both nodes, from its first message on', async (stage) => {
  const listeners = [await stage.concord(0, 'here'), await stage.concord(1, 'there')];
  for (let round = 0; round < 20; round++) {
    const room = await make(stage, `den-${round}`, 'public');
    const texts = Array.from({ length: 5 }, (_, i) => `${round}: ${i}`);
    for (const [i, text] of texts.entries()) await room.say(text, i % 2);
    for (const listener of listeners) {
      const { channel } = await listener.next();
      assert.equal(channel.id, room.num);
      const chats = [];
      while (chats.length < texts.length) chats.push((await listener.next()).chat);
      const shown = chats.map(({ channelId, content }) => [channelId, content]);
      assert.deepEqual(shown, texts.map((text) => [room.num, text]));
    }
  }
});

scene(world, 'many public rooms made at once are all heard', async (stage) => {
  const listener = await stage.concord(1, 'there');
  const made = await Promise.all(Array.from({ length: 30 }, async (_, i) => {
    const room = await make(stage, `den-${i}`, 'public', stage.name(`owner-${i}`));
    await Promise.all([room.say(`first ${i}`), room.say(`first ${i}`, 1)]);
    return room;
  }));
  const missing = new Map(made.map(({ num }, i) => [num, ['made', `first ${i}`, `first ${i}`]]));
  while ([...missing.values()].some((left) => left.length)) {
    const { channel, chat } = await listener.next();
    const left = missing.get(channel?.id ?? chat.channelId);
    if (channel) assert.equal(left.length, 3, 'told first');
    assert.equal(left.shift(), channel ? 'made' : chat.content);
  }
});

scene(world, 'a room that is not public is heard by its members alone', async (stage) => {
  const bob = await everywhere(stage, 'bob');
  const { messaging, ...owners } = await everywhere(stage, 'owner');
  for (const kind of ['closed', 'open']) {
    const room = await make(stage, kind, kind);
    await room.say(`in the ${kind} one`);
    await room.say('again', 1);
  }
  assert.deepEqual(await heard_by(stage, 'bob', bob), each(bob, []));
  const said = await heard_by(stage, 'owner', owners);
  assert.deepEqual(said, each(owners, ['in the closed one', 'again', 'in the open one', 'again']));
  assert.ok(messaging.is_open);
  for (const client of Object.values(bob)) client.assert_silent();
});

scene(world, 'a room is heard by all while it is public', async (stage) => {
  const room = await make(stage, 'den', 'open');
  let said = 0;
  const concord = await stage.concord(1, 'bob');
  // Which of them hear what is said now?
  const listeners = async (clients) => {
    const text = `said ${++said}`;
    await room.say(text);
    const found = Object.entries(await heard_by(stage, 'bob', clients));
    return String(found.filter(([, texts]) => texts.includes(text)).map(([protocol]) => protocol));
  };
  assert.equal(await listeners({ concord }), '');
  await room.change({ public: true });
  await waitFor('it to be heard', async () => (await listeners({ concord })) === 'concord');
  const clients = { concord, simple: await stage.simple(1, 'bob', { parameters: { room: room.id } }) };
  const carol = {
    concord: await stage.concord(1, 'carol'),
    simple: await stage.simple(0, 'carol', { parameters: { room: room.id } }),
  };
  assert.equal(await listeners(clients), 'concord,simple');
  await room.put('members', stage.name('carol'));
  await room.change({ public: false });
  await waitFor('it not to be heard', async () => (await listeners(clients)) === '');
  await room.say('among members');
  for (const texts of Object.values(await heard_by(stage, 'carol', carol))) assert.equal(texts.at(-1), 'among members');
  await refused(stage.simple(0, 'dave', { parameters: { room: room.id } }), 403);
});

scene(world, 'who entered a public room goes on hearing it when it is public no more', async (stage) => {
  const room = await make(stage, 'den', 'public');
  const bob = await stage.concord(1, 'bob');
  const stranger = await stage.concord(1, 'stranger');
  await room.enter(bob.user);
  await room.change({ public: false });
  let said = 0;
  await waitFor('strangers not to hear it', async () => {
    const text = `said ${++said}`;
    await room.say(text);
    await bob.chat(({ content }) => content === text);
    const found = await heard_by(stage, 'stranger', { stranger });
    return !found.stranger.includes(text);
  });
});

scene(world, 'who is out of a room hears it no more, also where the node that put them out died at it', async (stage) => {
  const [closed, open] = [await make(stage, 'den', 'closed'), await make(stage, 'plaza', 'public')];
  const bob = stage.name('bob');
  for (const room of [closed, open]) {
    await room.put('members', bob);
    await room.say('before');
    await room.drop('members', bob);
    await stage.redis.command('SADD', `parley:user:{${bob}}:rooms`, room.id); // as if not done yet
  }
  const { messaging, chat, concord, rooms } = await everywhere(stage, 'bob');
  const clients = { messaging, chat, concord, rooms };
  await closed.say('unheard');
  await open.say('heard by all');
  assert.deepEqual(await heard_by(stage, 'bob', clients), { ...each(clients, []), concord: ['heard by all'] });
});

// ---- renamed ---------------------------------------------------------------------------------

scene(world, 'a room that is renamed has its new name on both nodes', async (stage) => {
  const room = await make(stage, 'den', 'public');
  const channel = `parley:room:{${room.id}}`;
  const name_in = async (text, index) => {
    await room.say(text, index);
    return (await stage.watch.expect(channel, ({ body }) => body?.text === text)).to.name;
  };
  assert.equal(await name_in('before', 1), room.id);
  assert.equal((await room.change({ name: 'The Den' })).name, 'The Den');
  const event = await stage.watch.expect('parley:all', ({ kind, to }) => kind === 'room.changed' && to.id === room.id);
  assert.equal(event.to.name, 'The Den');
  for (const index of [0, 1]) {
    let tries = 0;
    await waitFor('the new name', async () => (await name_in(`after, ${index}, ${++tries}`, index)) === 'The Den');
    const seen = await stage.rest(index, 'rooms', { user: stage.name('bob') }).ok('GET', `/room/${room.uuid}`);
    assert.equal(seen.name, 'The Den');
  }
});

scene(world, 'a user who is renamed has the new name on both nodes', async (stage) => {
  const [here, there] = [await stage.chat(0, 'alice'), await stage.chat(1, 'alice')];
  await stage.rest(0, 'rooms', { user: here.user }).ok('PUT', '/user', { username: 'Alice B.' });
  for (const [index, client] of [here, there].entries()) {
    let tries = 0;
    await waitFor(`the new name on node ${index}`, async () => {
      const id = await client.say('#lobby', `hello ${++tries}`);
      return (await stage.watch.expect('parley:room:{lobby}', (event) => event.id === id)).from.name === 'Alice B.';
    });
    const seen = await as(stage, here.user, index).ok('GET', `/api/v1/users/${here.user}`);
    assert.equal(seen.name, 'Alice B.');
  }
});

// ---- kicked and banned -------------------------------------------------------------------------

// How bob is put out of a room, and what that takes.
const OUT = {
  kicked: (room, bob) => room.drop('members', bob),
  banned: (room, bob) => room.put('bans', bob),
};

for (const kind of ['closed', 'open', 'public']) {
  for (const how of ['kicked', 'banned']) {
    scene(world, `who is ${how} hears nothing more of a ${kind} room, by any protocol`, async (stage) => {
      const room = await make(stage, 'den', kind);
      const bob = stage.name('bob');
      await room.put('members', bob);
      const clients = await everywhere(stage, 'bob', room.id);
      await room.say('welcome');
      assert.deepEqual(await heard_by(stage, 'bob', clients), each(clients, ['welcome']));

      await OUT[how](room, bob);
      await room.say('unheard');
      await room.say('unheard', 1);
      const kick = await clients.rooms.until_keeping(({ type }) => type === 'kick');
      assert.deepEqual(kick, { type: 'kick', room_id: room.uuid, message: '', permanent: how === 'banned' });
      assert.deepEqual(await heard_by(stage, 'bob', clients), each(clients, []));

      const may = how === 'kicked' && kind !== 'closed';
      assert.equal((await room.enter(bob)).status, may ? 204 : 403);
      if (how === 'banned') {
        await room.drop('bans', bob);
        const outside = kind === 'public' ? ['concord', 'simple'] : [];
        const ever = new Set();
        await waitFor('those to hear it who need not be in it', async () => {
          await room.say('may come again');
          const found = await heard_by(stage, 'bob', clients);
          const heard = Object.keys(found).filter((protocol) => found[protocol].length);
          for (const protocol of heard) ever.add(protocol);
          return heard.length === outside.length;
        });
        assert.deepEqual([...ever].sort(), outside);
      }
      if (kind === 'closed') {
        assert.equal((await room.enter(bob)).status, 403);
        await room.put('invites', bob);
      }
      assert.equal((await room.enter(bob)).status, 204);
      let said = 0;
      await waitFor('all of them to hear it again', async () => {
        await room.say(`welcome back ${++said}`);
        const found = Object.values(await heard_by(stage, 'bob', clients));
        return found.every((texts) => texts.includes(`welcome back ${said}`));
      });
    });
  }
}

scene(world, 'who comes again after a ban hears nothing of a public room', async (stage) => {
  const room = await make(stage, 'den', 'public');
  await room.put('bans', stage.name('bob'));
  const clients = await everywhere(stage, 'bob');
  await room.say('unheard');
  assert.deepEqual(await heard_by(stage, 'bob', clients), each(clients, []));
  await refused(stage.simple(0, 'bob', { parameters: { room: room.id } }), 403);
});

scene(world, 'the others hear who was put out, and go on', async (stage) => {
  const room = await make(stage, 'den', 'closed');
  for (const user of ['bob', 'carol']) await room.put('members', stage.name(user));
  const carol = await everywhere(stage, 'carol', room.id);
  await room.drop('members', stage.name('bob'));
  await room.say('to those who are left');
  const about = uuid_of('user', stage.name('bob'));
  const exit = await carol.rooms.until_keeping(({ type }) => type === 'exit');
  assert.deepEqual(exit, { type: 'exit', user_id: about, room_id: room.uuid });
  const gone = await carol.simple.until_keeping(({ type }) => type === 'user_disconnected');
  assert.equal(gone.username, stage.name('bob'));
  assert.deepEqual(await heard_by(stage, 'carol', carol), each(carol, ['to those who are left']));
});

scene(world, 'who was put out stays out when Redis was away', async (stage) => {
  const rejoins = async () => Number(/^parley_rejoins_total\S* (\d+)$/m.exec(await stage.nodes[1].metrics())[1]);
  const room = await make(stage, 'den', 'closed');
  const bob = stage.name('bob');
  await room.put('members', bob);
  const { token } = await operator(stage).ok('POST', '/api/v1/tokens', { user: bob });
  const simple = await stage.simple(1, 'bob', { parameters: { room: room.id, token } });
  await room.say('welcome');
  assert.deepEqual(await heard_by(stage, 'bob', { simple }), { simple: ['welcome'] });
  await room.drop('members', bob);
  const before = await rejoins();
  await stage.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await waitFor('the session to have joined again', async () => (await rejoins()) > before);
  await room.say('unheard');
  assert.deepEqual(await heard_by(stage, 'bob', { simple }), { simple: [] });
});

scene(world, 'who was kicked from a public room hears nothing of it when Redis was away, until they enter again', async (stage) => {
  const rejoins = async () => Number(/^parley_rejoins_total\S* (\d+)$/m.exec(await stage.nodes[1].metrics())[1]);
  const room = await make(stage, 'den', 'public');
  const bob = stage.name('bob');
  await room.put('members', bob);
  const concord = await stage.concord(1, 'bob');
  await room.say('welcome');
  assert.deepEqual(await heard_by(stage, 'bob', { concord }), { concord: ['welcome'] });
  await room.drop('members', bob);
  const before = await rejoins();
  await stage.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await waitFor('the session to have joined again', async () => (await rejoins()) > before);
  await room.say('unheard');
  assert.deepEqual(await heard_by(stage, 'bob', { concord }), { concord: [] });
  assert.equal((await room.enter(bob)).status, 204);
  await waitFor('it is heard again', async () => {
    await room.say('welcome back');
    return (await heard_by(stage, 'bob', { concord })).concord.includes('welcome back');
  });
});

scene(world, 'who leaves a room hears it no more, but for a public one', async (stage) => {
  for (const kind of ['closed', 'open', 'public']) {
    const room = await make(stage, kind, kind);
    const user = stage.name(`bob-${kind}`);
    await room.put('members', user);
    const clients = await everywhere(stage, `bob-${kind}`, room.id);
    await as(stage, user).ok('DELETE', `${ROOMS}/${room.id}/members/${user}`);
    await room.say('and then');
    const still = kind === 'public' ? ['and then'] : [];
    const found = await heard_by(stage, `bob-${kind}`, clients);
    assert.deepEqual(found, { ...each(clients, []), concord: still, simple: still }, kind);
  }
});

// ---- ended -----------------------------------------------------------------------------------

scene(world, 'a deleted room is left by all, and another one may have its id', async (stage) => {
  const room = await make(stage, 'den', 'public');
  const bob = stage.name('bob');
  await room.put('members', bob);
  const clients = await everywhere(stage, 'bob', room.id);
  const { id: message } = await room.say('while it lasts');
  assert.deepEqual(await heard_by(stage, 'bob', clients), each(clients, ['while it lasts']));

  await room.end();
  const { channelId } = await clients.concord.until_keeping(({ type }) => type === 'channel_deleted');
  assert.equal(channelId, room.num);
  for (const index of [0, 1]) {
    await as(stage, bob, index).refused(404, 'GET', `${ROOMS}/${room.id}`);
    await as(stage, bob, index).refused(404, 'GET', `/api/v1/messages/${message}`);
    await as(stage, bob, index).refused(404, 'POST', `${ROOMS}/${room.id}/messages`, { text: 'hello?' });
    await stage.rest(index, 'concord', { user: bob }).refused(404, 'GET', `/api/channels/${room.num}`);
    await stage.rest(index, 'rooms', { user: bob }).refused(404, 'GET', `/room/${room.uuid}`);
    const { rooms } = await as(stage, bob, index).ok('GET', ROOMS);
    assert.ok(!rooms.some(({ id }) => id === room.id));
  }
  const answer = await clients.chat.ask('new', { chatId: `#${room.id}`, message: 'hello?' });
  assert.equal(answer.error, 'not_found');

  const anew = await make(stage, 'den', 'closed');
  assert.equal(anew.id, room.id);
  assert.equal(anew.uuid, room.uuid);
  assert.notEqual(anew.num, room.num);
  await anew.say('to nobody of before');
  assert.deepEqual(await heard_by(stage, 'bob', clients), each(clients, []));
  const { messages } = await as(stage, stage.name('owner'), 1).ok('GET', `${ROOMS}/${room.id}/messages`);
  assert.deepEqual(messages.map(({ text }) => text), ['to nobody of before']);
  await stage.rest(1, 'concord', { user: stage.name('owner') }).refused(404, 'GET', `/api/channels/${room.num}`);

  await anew.put('members', bob);
  await clients.rooms.until_keeping((frame) => frame.type === 'enter' && frame.user_id === uuid_of('user', bob));
  await anew.say('welcome');
  const { simple, ...members } = clients; // simple asked for the one of before
  assert.deepEqual(await heard_by(stage, 'bob', members), each(members, ['welcome']));
  assert.ok(simple.is_open);
});

// ---- the one room of simple ------------------------------------------------------------------

scene(world, 'simple hears the room that it asks for, where its user may read it', async (stage) => {
  const room = await make(stage, 'den', 'closed');
  const cafe = await make(stage, 'cafe', 'public');
  const asking_for = (id) => ({ parameters: { room: id } });
  for (const index of [0, 1]) {
    await refused(stage.simple(index, 'stranger', asking_for(room.id)), 403);
    await refused(stage.simple(index, 'stranger', asking_for(`#${room.id}`)), 403);
    await refused(stage.simple(index, 'stranger', asking_for(stage.name('no-room'))), 404);
  }
  await room.put('invites', stage.name('stranger'));
  await refused(stage.simple(1, 'stranger', asking_for(room.id)), 403);
  await room.put('members', stage.name('stranger'));
  const member = await stage.simple(1, 'stranger', asking_for(room.id));
  const guest = await stage.simple(0, 'guest', asking_for(cafe.id));
  await room.say('in the den');
  await cafe.say('in the café');
  assert.equal((await member.message()).message, 'in the den');
  assert.equal((await guest.message()).message, 'in the café');
});
