// Whoever asked is gone when Redis answers: nothing of theirs is looked at any more. It is the
// sanitizers that would tell (-DPARLEY_SANITIZE=ON).

import { request } from 'node:http';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const ADMIN = 'the-operator-s-own-token';
const world = use_world({ nodes: 1, node: { flags: ['--admin-token', ADMIN] } });
const PAUSE_MS = 300;

const native = (stage, user) => stage.rest(0, 'native', { user });

// Asks while Redis waits, goes, and lets Redis answer.
async function ask_and_go(stage, ask) {
  await stage.redis.command('CLIENT', 'PAUSE', PAUSE_MS, 'ALL');
  await ask();
  await waitFor('Redis answers again', async () => (await stage.redis.command('PING')) === 'PONG');
}

// What has been written is at the node, and begun.
async function cut(client) {
  await client.round_trip();
  await client.cut();
}

// A dialog with messages both ways, and a room.
async function scenery(stage) {
  const [alice, bob] = [await stage.chat(0, 'alice'), await stage.chat(0, 'bob')];
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push(await alice.say(bob.user, `to bob ${i}`), await bob.say(alice.user, `to alice ${i}`));
  const room = await native(stage, alice.user).ok('POST', '/api/v1/rooms', { id: stage.name('den'), public: true });
  const said = await alice.say(`#${room.id}`, 'in the room');
  await Promise.all([alice.close(), bob.close()]);
  return { alice: alice.user, bob: bob.user, ids, room, said };
}

scene(world, 'chat goes', async (stage) => {
  const { bob, ids, room, said } = await scenery(stage);
  const payloads = [];
  for (const chatId of [bob, `#${room.id}`]) {
    const messageId = chatId === bob ? ids[0] : said;
    payloads.push(
      ...['getMessage', 'delete', 'dlvrd', 'read'].map((type) => [type, { chatId, messageId }]),
      ['getMessages', { chatId, count: 10 }],
      ['getChat', { chatId }],
      ['typing', { chatId }],
      ['new', { chatId, message: 'again' }],
      ['edit', { chatId, messageId: chatId === bob ? ids[2] : said, message: 'changed' }],
    );
  }
  payloads.push(['enter', { chatId: `#${room.id}` }], ['exit', { chatId: `#${room.id}` }]);
  for (const [type, payload] of payloads) {
    const alice = await stage.chat(0, 'alice');
    await ask_and_go(stage, async () => {
      alice.request(type, payload);
      await cut(alice);
    });
  }
}, { timeout_ms: 60000 });

scene(world, 'the others go', async (stage) => {
  const { alice, bob, ids, room, said } = await scenery(stage);
  const dialog = await native(stage, alice).ok('GET', `/api/v1/messages/${ids[0]}`);
  const frames = [
    ['simple', { type: 'send_message', payload_id: 'p', message: 'm', to: bob }],
    ['simple', { type: 'send_message', payload_id: 'p', message: 'm' }],
    ['messaging', { send: [{ id: 1, sid: alice, rid: bob, text: 't' }], read: [{ id: 1 }] }],
    ['messaging', { enter: [{ rid: `#${room.id}` }] }],
    ['concord', { type: 'chat_written', channelId: room.num, threadId: null, sentAt: 1, content: 'c' }],
    ['concord', { type: 'chat_reaction', chatId: said, reaction: 'r', adding: true }],
    ['concord', { type: 'chat_reaction', chatId: ids[0], reaction: 'r', adding: true }],
    ['concord', { type: 'chat_typing', channelId: room.num, threadId: null, sentAt: 1 }],
    ['rooms', { type: 'enter', room_id: room.uuid }],
    ['rooms', { type: 'message', room_id: room.uuid, content: 'c' }],
    ['rooms', { type: 'read', message_id: said }],
    ['rooms', { type: 'read', message_id: dialog.id }],
  ];
  for (const [protocol, frame] of frames) {
    const client = await stage[protocol](0, 'alice');
    await ask_and_go(stage, async () => {
      client.send(frame);
      await cut(client);
    });
  }
}, { timeout_ms: 60000 });

// A request whose connection ends before its answer.
function ask_by_http(url, method, path, body, headers) {
  return new Promise((resolve) => {
    const outgoing = request(new URL(url), { path, method, headers, agent: false });
    outgoing.on('error', () => {});
    outgoing.end(body, () => {
      setTimeout(() => {
        outgoing.destroy();
        resolve();
      }, PAUSE_MS / 3);
    });
  });
}

scene(world, 'a request goes', async (stage) => {
  const { alice, bob, ids, room, said } = await scenery(stage);
  const at = `/api/v1/rooms/${room.id}`;
  const requests = [
    ['GET', '/api/v1/users'], ['GET', `/api/v1/users/${bob}`], ['PATCH', `/api/v1/users/${alice}`, { name: 'A', password: 'p' }],
    ['GET', `/api/v1/users/${alice}/unread`], ['POST', `/api/v1/users/${bob}/messages`, { text: 't' }],
    ['POST', '/api/v1/tokens', { user: alice, password: 'p' }], ['GET', '/api/v1/tokens'],
    ['GET', '/api/v1/rooms'], ['GET', at], ['PATCH', at, { name: 'D' }], ['GET', `${at}/members`], ['GET', `${at}/messages`],
    ['POST', `${at}/messages`, { text: 't' }], ['PUT', `${at}/invites/${bob}`], ['PUT', `${at}/bans/${bob}`],
    ['DELETE', `${at}/bans/${bob}`], ['GET', `/api/v1/messages/${ids[0]}`], ['PATCH', `/api/v1/messages/${said}`, { text: 'u' }],
    ['PUT', `/api/v1/messages/${said}/reactions/r`], ['GET', '/api/chats?query=t'], ['GET', `/api/chats/${said}/reactions`],
    ['DELETE', `/api/v1/messages/${said}`], ['POST', '/api/v1/rooms', { name: 'x' }], ['DELETE', at],
    ['DELETE', `/api/v1/users/${alice}`],
  ];
  const operators = [['GET', '/api/v1/sessions'], ['GET', '/api/v1/nodes'], ['POST', '/api/v1/notices', { to: 'all', text: 't' }]];
  for (const [method, path, body] of [...requests, ...operators]) {
    const operator = operators.some((each) => each[1] === path);
    const whole = operator ? path : `${path}${path.includes('?') ? '&' : '?'}user=${alice}`;
    const headers = operator ? { authorization: `Bearer ${ADMIN}` } : {};
    await ask_and_go(stage, () => ask_by_http(stage.nodes[0].url, method, whole, body && JSON.stringify(body), headers));
  }
}, { timeout_ms: 60000 });
