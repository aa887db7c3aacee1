// Who may do what, through each door (issue 3; protocols.md; backend/rooms.h, "who may"). A row is
// an action; a column is who asks, and what becomes of it: ok, or which error (ERRORS; -: there is
// no such thing). Nobody, who brings no credential, may do nothing of it.

import assert from 'node:assert/strict';
import { scene, use_world } from '../lib/world.js';
import { ask, attempt, Company, is_rest, say, told_by } from './doors.js';

const ADMIN = 'the-operator-s-own-token';
const world = use_world({
  nodes: 2,
  node: { flags: ['--admin-token', ADMIN, '--presence-grace-ms', 50, '--frames-burst', 100000] },
});

// What the tables call them.
const ERRORS = { no: 'forbidden', outside: 'not_in_room', unknown: 'not_found', malformed: 'malformed_payload' };

// ---- in rooms --------------------------------------------------------------------------------

// The maker gave the room away and is a member; `public` is open too.
const IN_ROOMS = `
                      | room   | stranger  invited  member  maker  admin  owner    banned   operator
send                  | closed | outside   outside  ok      ok     ok     ok       no       ok
send                  | open   | outside   outside  ok      ok     ok     ok       no       ok
send                  | public | ok        ok       ok      ok     ok     ok       no       ok
type                  | closed | outside   outside  ok      ok     ok     ok       no       -
type                  | public | ok        ok       ok      ok     ok     ok       no       -
look back             | closed | outside   outside  ok      ok     ok     ok       no       ok
look back             | open   | outside   outside  ok      ok     ok     ok       no       ok
look back             | public | ok        ok       ok      ok     ok     ok       no       ok
look at a message     | closed | outside   outside  ok      ok     ok     ok       no       ok
look at a message     | public | ok        ok       ok      ok     ok     ok       no       ok
search                | closed | outside   outside  ok      ok     ok     ok       no       ok
search                | public | ok        ok       ok      ok     ok     ok       no       ok
react                 | closed | outside   outside  ok      ok     ok     ok       no       ok
react                 | public | ok        ok       ok      ok     ok     ok       no       ok
list reactions        | closed | outside   outside  ok      ok     ok     ok       no       ok
edit another's        | closed | outside   outside  no      no     no     no       no       ok
edit another's        | public | no        no       no      no     no     no       no       ok
edit one's own        | closed | outside   outside  ok      ok     ok     ok       no       -
edit one's own        | public | ok        ok       ok      ok     ok     ok       no       -
delete another's      | closed | outside   outside  no      no     ok     ok       no       ok
delete another's      | public | no        no       no      no     ok     ok       no       ok
delete one's own      | closed | outside   outside  ok      ok     ok     ok       no       -
delete one's own      | public | ok        ok       ok      ok     ok     ok       no       -
enter                 | closed | no        ok       ok      ok     ok     ok       no       -
enter                 | open   | ok        ok       ok      ok     ok     ok       no       -
exit                  | closed | ok        ok       ok      ok     ok     ok       ok       -
invite                | closed | outside   outside  no      no     ok     ok       outside  ok
invite                | open   | outside   outside  ok      ok     ok     ok       outside  ok
invite who is banned  | open   | outside   outside  no      no     no     no       outside  no
take an invitation    | closed | outside   outside  no      no     ok     ok       outside  ok
make a member         | closed | outside   outside  no      no     no     no       outside  ok
kick                  | closed | outside   outside  no      no     ok     ok       outside  ok
kick                  | public | outside   outside  no      no     ok     ok       outside  ok
kick an admin         | open   | outside   outside  no      no     no     ok       outside  ok
kick the owner        | open   | outside   outside  no      no     no     -        outside  no
ban                   | closed | outside   outside  no      no     ok     ok       outside  ok
ban a stranger        | public | outside   outside  no      no     ok     ok       outside  ok
ban an admin          | open   | outside   outside  no      no     no     ok       outside  ok
ban the owner         | open   | outside   outside  no      no     no     no       outside  no
lift a ban            | open   | outside   outside  no      no     ok     ok       outside  ok
appoint an admin      | open   | outside   outside  no      no     no     ok       outside  ok
appoint a stranger    | open   | outside   outside  no      no     no     outside  outside  outside
dismiss an admin      | open   | outside   outside  no      no     no     ok       outside  ok
give the room away    | open   | outside   outside  no      no     no     ok       outside  ok
give it to a stranger | open   | outside   outside  no      no     no     outside  outside  outside
change the room       | closed | no        no       no      no     ok     ok       no       ok
change the room       | public | no        no       no      no     ok     ok       no       ok
end the room          | closed | no        no       no      ok     ok     ok       no       ok
end the room          | public | no        no       no      ok     ok     ok       no       ok
look at the room      | closed | no        ok       ok      ok     ok     ok       no       ok
look at the room      | open   | ok        ok       ok      ok     ok     ok       no       ok
look at the room      | public | ok        ok       ok      ok     ok     ok       no       ok
list members          | closed | no        no       ok      ok     ok     ok       no       ok
list members          | open   | no        no       ok      ok     ok     ok       no       ok
list members          | public | ok        ok       ok      ok     ok     ok       no       ok
ask who is there      | closed | outside   outside  ok      ok     ok     ok       no       ok
ask who is there      | public | ok        ok       ok      ok     ok     ok       no       ok
list admins           | closed | no        no       ok      ok     ok     ok       no       ok
list bans             | public | no        no       no      no     ok     ok       no       ok
list invites          | public | no        no       no      no     ok     ok       no       ok`;

const at = ({ room }) => `/api/v1/rooms/${room.id}`;
const rooms_at = ({ room }) => `/room/${room.uuid}`;
const message_at = ({ message }) => `/api/v1/messages/${message}`;
const chat_at = ({ message }) => `/api/chats/${message}`;
const chat_id = ({ room, message }) => ({ chatId: `#${room.id}`, messageId: message });

const edit = {
  chat: (client, place) => ask(client, 'edit', { ...chat_id(place), message: 'edited' }),
  'REST of concord': (call, place) => call('PATCH', chat_at(place), { content: 'edited' }),
  'native REST': (call, place) => call('PATCH', message_at(place), { text: 'edited' }),
};
const remove = {
  chat: (client, place) => ask(client, 'delete', chat_id(place)),
  'REST of concord': (call, place) => call('DELETE', chat_at(place)),
  'native REST': (call, place) => call('DELETE', message_at(place)),
};

// Something that is done to a user in a room: what rooms calls it, and the native API.
const role = (method, rooms_name, native_name, native_method = method) => ({
  ...(rooms_name && {
    'REST of rooms': (call, place) => call(method, `${rooms_at(place)}/${rooms_name}`, { user_id: place.target.uuid }),
  }),
  ...(native_name && {
    'native REST': (call, place) => call(native_method, `${at(place)}/${native_name}/${place.target.id}`),
  }),
});
const list = (name, rooms_name) => ({
  ...(rooms_name && { 'REST of rooms': (call, place) => call('GET', `${rooms_at(place)}/${rooms_name}`) }),
  'native REST': (call, place) => call('GET', `${at(place)}/${name}`),
});
const invite = {
  ...role('PUT', 'users', 'invites'),
  rooms: (client, { stage, room, target }) =>
    attempt(
      client,
      { type: 'invite', room_id: room.uuid, user_id: target.uuid },
      () => stage.watch.find(`parley:user:{${target.id}}`, ({ kind }) => kind === 'room.invited').length > 0,
    ),
};

// What is done to the room that one names; `type`: enter or exit.
const pass = (type, method) => ({
  messaging: async (client, { room }) => {
    client.send({ [type]: [{ rid: `#${room.id}` }] });
    await client.settle();
    return client.frames.find(({ json }) => json.errors)?.json.errors[0].code ?? 'ok';
  },
  chat: (client, { room }) => ask(client, type, { chatId: `#${room.id}` }),
  rooms: (client, { room, asker }) =>
    attempt(client, { type, room_id: room.uuid }, () =>
      client.frames.some(({ json }) => json.type === type && json.user_id === asker.uuid),
    ),
  'native REST': (call, place) => call(method, `${at(place)}/members/${place.asker.id}`),
});

// By action: what is done by each door; `target`: what somebody is in the room whom it is done to;
// `message`: whose it is about; `ends`: the room is another one afterwards.
const ACTIONS = {
  send: {
    ...say,
    'REST of concord': (call, { room }) => call('POST', `/api/channels/${room.num}/chats`, { content: 'hello' }),
    'native REST': (call, place) => call('POST', `${at(place)}/messages`, { text: 'hello' }),
  },
  type: { chat: (client, { room }) => ask(client, 'typing', { chatId: `#${room.id}` }) },
  'look back': {
    chat: (client, { room }) => ask(client, 'getMessages', { chatId: `#${room.id}`, count: 10 }),
    'REST of concord': (call, { room }) => call('GET', `/api/channels/${room.num}/chats/latest`),
    'native REST': (call, place) => call('GET', `${at(place)}/messages`),
  },
  'look at a message': {
    message: 'another',
    chat: (client, place) => ask(client, 'getMessage', chat_id(place)),
    'REST of concord': (call, place) => call('GET', chat_at(place)),
    'native REST': (call, place) => call('GET', message_at(place)),
  },
  search: {
    'REST of concord': (call, { room }) => call('GET', '/api/chats', undefined, { channelId: room.num, query: 'x' }),
  },
  react: {
    message: 'another',
    concord: (client, { message }) =>
      attempt(client, { type: 'chat_reaction', chatId: message, reaction: '+1', adding: true }, () =>
        client.frames.some(({ json }) => json.type === 'chat_reactions_updated' && json.chatId === message),
      ),
    'REST of concord': (call, place) => call('POST', `${chat_at(place)}/reactions`, { reaction: '+1', adding: true }),
    'native REST': (call, place) => call('PUT', `${message_at(place)}/reactions/+1`),
  },
  'list reactions': {
    message: 'another',
    'REST of concord': (call, place) => call('GET', `${chat_at(place)}/reactions`),
  },
  "edit another's": { message: 'another', ...edit },
  "edit one's own": { message: 'own', ...edit },
  "delete another's": { message: 'another', ...remove },
  "delete one's own": { message: 'own', ...remove },
  enter: pass('enter', 'PUT'),
  exit: pass('exit', 'DELETE'),
  invite: { target: 'stranger', ...invite },
  'invite who is banned': { target: 'banned', ...invite },
  'take an invitation': { target: 'invited', ...role('DELETE', null, 'invites') },
  'make a member': { target: 'stranger', ...role('PUT', null, 'members') },
  kick: { target: 'member', ...role('DELETE', 'users', 'members') },
  'kick an admin': { target: 'admin', ...role('DELETE', 'users', 'members') },
  'kick the owner': { target: 'owner', ...role('DELETE', 'users', 'members') },
  ban: { target: 'member', ...role('PUT', 'bans', 'bans') },
  'ban a stranger': { target: 'stranger', ...role('PUT', 'bans', 'bans') },
  'ban an admin': { target: 'admin', ...role('PUT', 'bans', 'bans') },
  'ban the owner': { target: 'owner', ...role('PUT', 'bans', 'bans') },
  'lift a ban': { target: 'banned', ...role('DELETE', 'bans', 'bans') },
  'appoint an admin': { target: 'member', ...role('PUT', 'admins', 'admins') },
  'appoint a stranger': { target: 'stranger', ...role('PUT', 'admins', 'admins') },
  'dismiss an admin': { target: 'admin', ...role('DELETE', 'admins', 'admins') },
  'give the room away': { target: 'member', ends: true, ...role('POST', 'owner', 'owner', 'PUT') },
  'give it to a stranger': { target: 'stranger', ...role('POST', 'owner', 'owner', 'PUT') },
  'change the room': {
    'REST of rooms': (call, place) => call('PUT', rooms_at(place), { name: 'Changed' }),
    'native REST': (call, place) => call('PATCH', at(place), { description: 'changed' }),
  },
  'end the room': {
    ends: true,
    'REST of concord': (call, { room }) => call('DELETE', `/api/channels/${room.num}`),
    'native REST': (call, place) => call('DELETE', at(place)),
  },
  'look at the room': {
    'REST of concord': (call, { room }) => call('GET', `/api/channels/${room.num}`),
    'REST of rooms': (call, place) => call('GET', rooms_at(place)),
    'native REST': (call, place) => call('GET', at(place)),
  },
  'list members': list('members', 'users'),
  'ask who is there': {
    'REST of rooms': (call, place) => call('GET', `${rooms_at(place)}/users/${place.company.people.owner.uuid}`),
  },
  'list admins': list('admins', 'admins'),
  'list bans': list('bans', 'bans'),
  'list invites': list('invites'),
};

// How somebody becomes that in a room; the operator does it.
const BECOME = {
  stranger: [],
  invited: [['PUT', 'invites']],
  member: [['PUT', 'members']],
  admin: [['PUT', 'members'], ['PUT', 'admins']],
  banned: [['PUT', 'bans']],
};

async function become(company, room, role, { id }) {
  for (const [method, name] of BECOME[role]) {
    await company.operator.ok(method, `/api/v1/rooms/${room.id}/${name}/${id}`);
  }
}

async function write(company, room, { id }) {
  const message = { text: 'x marks the spot', from: id };
  return (await company.operator.ok('POST', `/api/v1/rooms/${room.id}/messages`, message)).id;
}

let made = 0; // so that everything has a name of its own

const OUTSIDERS = ['stranger', 'invited', 'banned'];

// A room of that kind in which everybody is what their name says. `written`: they all were members
// before, and have written something, whose id is in `by`.
async function make_room(stage, company, kind, written) {
  const { operator, people } = company;
  const { maker, owner, ...others } = people;
  const id = `room-${++made}-${stage.suffix}`;
  const of = `/api/v1/rooms/${id}`;
  const body = { id, open: kind !== 'closed', public: kind === 'public' };
  const room = await stage.rest(0, 'native', { bearer: maker.token }).ok('POST', '/api/v1/rooms', body);
  const members = Object.keys(others).filter((role) => written || !OUTSIDERS.includes(role));
  for (const role of ['owner', ...members]) await become(company, room, 'member', people[role]);
  await operator.ok('PUT', `${of}/owner/${owner.id}`);
  await operator.ok('DELETE', `${of}/admins/${maker.id}`);
  room.by = {};
  for (const role of written ? Object.keys(people) : []) room.by[role] = await write(company, room, people[role]);
  for (const role of written ? OUTSIDERS : []) await operator.ok('DELETE', `${of}/members/${people[role].id}`);
  for (const role of ['invited', 'admin', 'banned']) await become(company, room, role, people[role]);
  return room;
}

// Somebody new who is that in the room.
async function target_in(company, room, role) {
  if (role === 'owner') return company.people.owner;
  const id = company.stage.name(`target-${++made}`);
  const { uuid } = await company.operator.ok('POST', '/api/v1/users', { id });
  await become(company, room, role, { id });
  return { id, uuid };
}

// ---- tables ----------------------------------------------------------------------------------

function* rows_of(table) {
  const parts = (line) => line.split('|').map((part) => part.trim());
  const [head, ...lines] = table.split('\n').slice(1).map(parts);
  const columns = head.at(-1).split(/ +/);
  for (const line of lines) {
    const wanted = line.at(-1).split(/ +/).map((word, i) => [columns[i], ERRORS[word] ?? word]);
    yield { action: line[0], about: line[1], wanted: wanted.filter(([, code]) => code !== '-') };
  }
}

// What that door answers where the table says `code`.
function expected(door, who, code, action) {
  if (!is_rest(door) && who === 'operator') return 'unauthorized'; // is no user
  if (door === 'rooms' && action === 'send' && code === 'forbidden') return 'not_in_room';
  return told_by(door, code);
}

// Plays a row: everybody asks at every door. `place_for(door, who, last)` gives what they ask
// about; `last` is what became of the one before, undefined at a door's first.
async function play(company, action, acts, wanted, place_for) {
  const wrong = {};
  for (const [door, act] of Object.entries(acts).filter(([, each]) => typeof each === 'function')) {
    let outcome;
    for (const [who, code] of [...wanted, ['nobody', acts.anyone ?? 'unauthorized']]) {
      const place = await place_for(door, who, outcome);
      outcome = await company.as(door, who, (via) => act(via, place));
      const right = expected(door, who, code, action);
      if (outcome !== right) wrong[`${who} by ${door}`] = `${outcome}, not ${right}`;
    }
  }
  assert.deepEqual(wrong, {});
}

for (const { action, about: kind, wanted } of rows_of(IN_ROOMS)) {
  scene(world, `${action}: ${kind} room`, async (stage) => {
    const acts = ACTIONS[action];
    const company = new Company(stage, ADMIN);
    await company.add('stranger', 'invited', 'member', 'maker', 'admin', 'owner', 'banned', 'author');
    const { people } = company;
    let room;
    await play(company, action, acts, wanted, async (door, who, last) => {
      const another = last === undefined || (acts.ends && last === 'ok');
      if (another) room = await make_room(stage, company, kind, acts.message === 'own');
      const place = { stage, company, room, asker: people[who] ?? { id: 'nobody' } };
      if (acts.target) place.target = await target_in(company, room, acts.target);
      if (acts.message === 'own') place.message = room.by[who] ?? room.by.author;
      if (acts.message === 'another') place.message = await write(company, room, people.author);
      return place;
    });
  });
}

// ---- in dialogs ------------------------------------------------------------------------------

// A message that was sent by a protocol that logs it, or by one that keeps it until it is read.
const IN_DIALOGS = `
                  | message | author  recipient  stranger  operator
look at a message | logged  | ok      ok         unknown   ok
look at a message | unread  | ok      ok         unknown   ok
react             | logged  | ok      ok         unknown   ok
list reactions    | logged  | ok      ok         unknown   ok
edit another's    | logged  | ok      no         unknown   ok
edit another's    | unread  | ok      no         unknown   ok
delete another's  | logged  | ok      no         unknown   ok
delete another's  | unread  | ok      no         unknown   ok
look back         | logged  | ok      ok         unknown   -
send              | logged  | ok      ok         unknown   -
search            | logged  | ok      ok         unknown   -`;

// chat names a dialog by the other one.
const dialog_id = ({ other, message }) => ({ chatId: other.id, messageId: message });
const BY_CHAT = {
  'look at a message': (client, place) => ask(client, 'getMessage', dialog_id(place)),
  "edit another's": (client, place) => ask(client, 'edit', { ...dialog_id(place), message: 'edited' }),
  "delete another's": (client, place) => ask(client, 'delete', dialog_id(place)),
};
// Elsewhere by its number, which for everybody else names nothing.
const BY_NUMBER = ['look back', 'send', 'search'];

async function write_to(company, { author, recipient }, kept) {
  if (kept === 'logged') {
    const message = { text: 'psst', from: author.id };
    return (await company.operator.ok('POST', `/api/v1/users/${recipient.id}/messages`, message)).id;
  }
  const text = `psst ${++made}`;
  await company.as('simple', 'author', (client) => client.say_and_wait(text, { to: recipient.id }));
  const is_it = ({ kind, body }) => kind === 'message.sent' && body.text === text;
  return (await company.stage.watch.expect(`parley:user:{${recipient.id}}`, is_it)).id;
}

for (const { action, about: kept, wanted } of rows_of(IN_DIALOGS)) {
  scene(world, `${action}: ${kept}, in a dialog`, async (stage) => {
    const company = new Company(stage, ADMIN);
    await company.add('author', 'recipient', 'stranger');
    const { people } = company;
    const { chat: _, ...others } = ACTIONS[action];
    const by_number = BY_NUMBER.includes(action) && { 'REST of concord': others['REST of concord'] };
    const acts = by_number || { ...others, chat: BY_CHAT[action] };
    await play(company, action, acts, wanted, async (door, who) => {
      const message = await write_to(company, people, kept);
      const other = who === 'author' ? people.recipient : people.author;
      const place = { stage, company, message, other, asker: people[who] };
      if (by_number) {
        const read = await stage.rest(0, 'concord', { bearer: people.author.token }).ok('GET', `/api/chats/${message}`);
        place.room = { num: read.channelId };
      }
      return place;
    });
  });
}

// ---- users -----------------------------------------------------------------------------------

const ABOUT_USERS = `
                     |  | oneself    another    operator
look at a user       |  | ok         ok         ok
list users           |  | ok         ok         ok
change a user        |  | ok         no         ok
rename oneself       |  | ok         -          -
end a user           |  | ok         no         ok
list what is unread  |  | ok         no         ok
write                |  | ok         ok         ok
write as a user      |  | ok         no         ok
make a room          |  | ok         ok         ok
make a user's room   |  | ok         no         ok
list credentials     |  | ok         -          ok
renew a credential   |  | ok         -          ok
end a key            |  | ok         ok         ok
end another's key    |  | bad_key    bad_key    bad_key
end one's token      |  | ok         ok         no
a token, no password |  | malformed  malformed  ok
a user, no password  |  | malformed  malformed  ok
list sessions        |  | no         no         ok
end a session        |  | no         no         ok
list nodes           |  | no         no         ok
give a notice        |  | no         no         ok`;

const user_at = ({ user }) => `/api/v1/users/${user.id}`;
const native = (act) => ({ 'native REST': act });
const ON_USERS = {
  'look at a user': {
    'REST of concord': (call, { user }) => call('GET', `/api/users/${user.num}`),
    'REST of rooms': (call, { user }) => call('GET', `/user/${user.uuid}`),
    'native REST': (call, place) => call('GET', user_at(place)),
  },
  'list users': {
    'REST of concord': (call) => call('GET', '/api/users'),
    'native REST': (call) => call('GET', '/api/v1/users'),
  },
  'change a user': native((call, place) => call('PATCH', user_at(place), { bio: 'changed', name: 'Changed' })),
  'rename oneself': { 'REST of rooms': (call) => call('PUT', '/user', { username: 'Changed' }) },
  'end a user': { ends: true, ...native((call, place) => call('DELETE', user_at(place))) },
  'list what is unread': native((call, place) => call('GET', `${user_at(place)}/unread`)),
  write: native((call, place) => call('POST', `${user_at(place)}/messages`, { text: 'hello' })),
  'write as a user': native((call, place) =>
    call('POST', `${user_at(place)}/messages`, { text: 'hello', from: place.user.id }),
  ),
  'make a room': {
    'REST of concord': (call) => call('POST', '/api/channels', { name: 'Den' }),
    'REST of rooms': (call) => call('POST', '/room', { name: 'Den' }),
    'native REST': (call) => call('POST', '/api/v1/rooms', { name: 'Den' }),
  },
  "make a user's room": native((call, { user }) => call('POST', '/api/v1/rooms', { owner: user.id })),
  'list credentials': native((call) => call('GET', '/api/v1/tokens')),
  'renew a credential': { 'REST of concord': (call) => call('GET', '/api/tokens/recycle') },
  'end a key': {
    anyone: 'ok', // who has it may end it
    'REST of rooms': (call, { key, user }) => call('DELETE', '/key', { key, user_id: user.uuid }),
  },
  "end another's key": {
    anyone: 'bad_key',
    'REST of rooms': (call, { key, company }) => call('DELETE', '/key', { key, user_id: company.people.another.uuid }),
  },
  "end one's token": { renews: true, ...native((call) => call('DELETE', '/api/v1/tokens')) },
  'a token, no password': {
    anyone: 'malformed_payload',
    'native REST': (call, { user }) => call('POST', '/api/v1/tokens', { user: user.id }),
  },
  'a user, no password': {
    anyone: 'malformed_payload',
    'native REST': (call, { fresh }) => call('POST', '/api/v1/users', { id: fresh }),
  },
  'list sessions': native((call) => call('GET', '/api/v1/sessions')),
  'end a session': native((call, { session }) => call('DELETE', `/api/v1/sessions/${session}`)),
  'list nodes': native((call) => call('GET', '/api/v1/nodes')),
  'give a notice': native((call, { user }) => call('POST', '/api/v1/notices', { to: user.id, text: 'hear, hear' })),
};

for (const { action, wanted } of rows_of(ABOUT_USERS)) {
  scene(world, action, async (stage) => {
    const acts = ON_USERS[action];
    const company = new Company(stage, ADMIN);
    const { people, operator } = company;
    await company.add('oneself', 'another');
    await play(company, action, acts, wanted, async (door, who) => {
      if (acts.ends || acts.renews) await company.add('oneself', 'another');
      const place = { stage, company, user: people.oneself, fresh: stage.name(`fresh-${++made}`) };
      if (action.includes('key')) {
        place.key = (await operator.ok('POST', '/api/v1/tokens', { user: place.user.id, kind: 'key' })).token;
      }
      if (action === 'end a session') {
        const client = await stage.chat(0, `chatty-${++made}`);
        const { sessions } = await operator.ok('GET', '/api/v1/sessions', undefined, { query: { limit: 100 } });
        place.session = sessions.find(({ user }) => user === client.user).id;
      }
      return place;
    });
  });
}
