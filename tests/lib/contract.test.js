// The documents of proto/ and what holds frames against them. A test that cannot fail is a
// defect: what is wrong must be seen to be found. And the documents must mean what the codecs
// do: each case of tests/transcripts/<protocol>/codec.json is one of both.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { ChatClient, RoomsClient, SimpleClient } from './client.js';
import { Contract, PROTOCOLS, check_frames, identify, protocol, take_frame_faults } from './contract.js';
import { RawClient } from './raw.js';

const options = { timeout: 20000 };

function codec_cases(name) {
  const file = new URL(`../transcripts/${name}/codec.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8'));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// What is wrong with a frame that goes this way: `taken` by the server, or `sent` by it.
function faults(name, way, frame) {
  const spoken = protocol(name);
  const messages = way === 'taken' ? spoken.taken.keys() : spoken.sent;
  return identify(spoken.like(messages, frame), frame).faults;
}

// What no schema can say: how deep a frame nests, and how a number is written.
function is_beyond_schemas(frame) {
  return frame.includes('['.repeat(30)) || /[0-9](\.|[eE])/.test(frame);
}

// Carried out although the frame is not what is asked for (proto/chat.md, "From the client").
function is_forgiven(name, { type, id }) {
  return name === 'chat' && type === 'request' && !['string', 'number'].includes(typeof id);
}

for (const name of PROTOCOLS) {
  const { decode, encode, reply } = codec_cases(name);

  test(`${name}: a frame is refused as malformed or unsupported, or it is in the document`, options, () => {
    let compared = 0;
    for (const { name: what, frame, commands } of decode) {
      const value = parsed(frame);
      const answered = commands.filter(({ refusal }) => !refusal);
      const refused = commands.some(({ refusal }) => ['MALFORMED', 'UNSUPPORTED'].includes(refusal));
      if (value === undefined || is_beyond_schemas(frame)) continue;
      compared++;
      const found = faults(name, 'taken', value);
      if (refused) assert.notDeepEqual(found, [], `${what}: the document takes ${frame}`);
      if (refused || answered.length < commands.length || !commands.length) continue;
      if (!is_forgiven(name, value)) assert.deepEqual(found, [], `${what}: ${frame}`);
    }
    assert.ok(compared > 10, 'there is something to compare');
  });

  test(`${name}: what the codec writes is in the document`, options, () => {
    const frames = [...encode.map(({ frame }) => frame), ...reply.map(({ answer }) => answer)];
    for (const text of frames.filter((each) => each !== null)) {
      const frame = JSON.parse(text);
      // The gateway puts messaging's items into a frame.
      const whole = name === 'messaging' && 'rid' in frame ? { messages: [frame] } : frame;
      assert.deepEqual(faults(name, 'sent', whole), [], text);
    }
  });

  test(`${name}: each message has its place, and its examples are such`, options, () => {
    const { messages, sent, taken } = protocol(name);
    for (const message of messages.values()) {
      assert.ok(sent.has(message) || taken.has(message), `no operation has ${message.name}`);
      for (const example of message.examples) assert.deepEqual(message.faults(example), []);
    }
  });

  test(`${name}: each member that the server writes counts`, options, () => {
    const { messages, sent } = protocol(name);
    for (const message of sent) {
      for (const example of message.examples) {
        for (const member of Object.keys(example)) {
          const { [member]: _, ...less } = example;
          const found = message.faults(less);
          const optional = !messages.get(message.name).required.has(member);
          assert.equal(found.length === 0, optional, `${message.name} without ${member}`);
        }
        assert.notDeepEqual(message.faults({ ...example, more: 1 }), [], `${message.name} and more`);
      }
    }
  });
}

test('wrong frames are found, and told in words', options, () => {
  const wrong = [
    ['simple', { type: 'message_sent', message: 'x', timestamp: 1700000000, username: 'server' }, /must NOT be valid/],
    ['simple', { type: 'reply', payload_id: null, error: null }, /\/error must be equal/],
    ['simple', { type: 'message_posted' }, /no message is called so/],
    ['simple', ['message_sent'], /no message is called so/],
    ['messaging', { messages: [] }, /NOT have fewer than 1 items/],
    ['messaging', { messages: [{ id: 1, rid: 2 }] }, /\/messages\/0 must have required property 'sid'/],
    ['messaging', { sent: [{ id: 1, rid: 2, sid: 3 }] }, /\/sent\/0 must NOT have additional properties: sid/],
    ['chat', { type: 'response', timestamp: 1, id: 'a', payload: { error: 'forbidden', status: 404, message: 'x' } }, /forbidden|404|403/],
    ['chat', { type: 'event', timestamp: 1, id: 'edit-1-1', eventType: 'new', payload: {} }, /match pattern/],
    ['concord', { type: 'chat_deleted', chatId: 1, channelId: 1, threadId: 'x' }, /\/threadId must be number,null/],
    ['concord', { type: 'user_status_updated', userId: 1, status: 'AWAY' }, /"ONLINE", "OFFLINE"/],
    ['rooms', { type: 'enter', user_id: 'alice', room_id: 'lobby' }, /\/user_id must match pattern/],
    ['rooms', { type: 'message', time: 1700000000123, content: '', user_id: '', message_id: 0, room_id: '' }, /\/time must be <=/],
  ];
  for (const [name, frame, words] of wrong) {
    assert.match(faults(name, 'sent', frame).join('\n'), words, JSON.stringify(frame));
  }
});

test('an answer must be one to what was asked', options, () => {
  const contract = new Contract('/chat?user=alice');
  const ask = (id, payloadType, payload) => contract.sending({ type: 'request', id, payloadType, payload });
  const answer = (id, payload) =>
    contract.received(JSON.stringify({ type: 'response', timestamp: 1, id, payload }));
  ask('a', 'getMessages', { chatId: 'bob', count: 5 });
  ask('b', 'typing', { chatId: 'bob' });
  ask(5, 'getChat', { chatId: 'bob' });
  answer('a', []);
  answer('b', {});
  answer('5', []);
  answer(5, { chatId: 'bob', type: 'dialog', username: 'bob', unreadCount: 0 });
  answer('a', { error: 'not_found', status: 404, message: 'x' });
  check_frames();
  answer('a', {});
  assert.match(take_frame_faults().join(), /it is responseEmpty, which is no answer to that/);
  answer(5, []);
  assert.match(take_frame_faults().join(), /it is responseMessages, which is no answer to that/);
  assert.throws(() => contract.check(), /responseEmpty/);
});

test('what a client is to send is looked at, but where it is bad on purpose', options, () => {
  const contract = new Contract('/rooms?user=alice', { client: 'alice' });
  contract.sending({ type: 'read', message_id: '17' });
  assert.throws(() => contract.sending({ type: 'read', message_id: -1 }), /alice is to send what rooms/);
  assert.throws(() => contract.sending({ type: 'reed' }), /no message is called so/);
  contract.sending({ type: 'reed' }, true);
  contract.sending('{"type":"reed"}');
  contract.sending('reed');
});

test('the protocol of a connection: by its path, its subprotocol, its name', options, () => {
  const refuses = (target, more, frame) => {
    const contract = new Contract(target, more);
    contract.connected(target);
    contract.received(JSON.stringify(frame));
    return take_frame_faults().length > 0;
  };
  const pong = { type: 'pong', time: 1 };
  assert.ok(!refuses('/rooms?user=a', {}, pong));
  assert.ok(!refuses('/', { subprotocols: ['x', 'parley.rooms.v1'] }, pong));
  assert.ok(!refuses('/anywhere', { name: 'rooms' }, pong));
  assert.ok(!refuses('/anywhere', { name: false }, pong));
  assert.ok(refuses('/client?user=a', {}, pong) && refuses('/messaing?client_id=1', {}, pong));
  assert.ok(refuses('/?username=a', {}, pong));
  assert.ok(refuses('/rooms?user=a%7Cb', {}, pong), 'an id that none can have was let in');
  assert.throws(() => refuses('/anywhere', {}, pong), /has to say which protocol/);
});

// A server that says `frame` to everybody.
async function faulty_node(frame) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) => socket.send(frame));
  const { port } = server.address();
  return { port, ws: `ws://127.0.0.1:${port}`, end: () => server.close() };
}

test('a wrong frame fails the test that sees it, and the one that does not look', options, async () => {
  const bad = '{"type":"enter","user_id":"alice"}';
  const node = await faulty_node(bad);
  const told = /rooms.asyncapi.json does not know:[^]*as enter: \/user_id must match[^]*in \{"type":"enter"/;
  const client = await RoomsClient.open(node, 'alice');
  await assert.rejects(client.next(), told);
  assert.throws(check_frames, told);
  check_frames();
  const silent = await SimpleClient.open(node, 'bob');
  await silent.round_trip();
  await silent.close();
  assert.throws(check_frames, /simple bob got what simple.asyncapi.json does not know/);
  const deaf = await ChatClient.open(node, 'carol');
  deaf.on_frame = () => {};
  await assert.rejects(deaf.ask('getChat', { chatId: 'bob' }), /no message is called so/);
  const raw = await new RawClient().open(node, '/rooms?user=dave');
  await assert.rejects(raw.next(), told);
  assert.equal(take_frame_faults().length, 2);
  for (const each of [client, deaf, raw]) await each.close();
  node.end();
});

test('what is not JSON, or comes as bytes, is wrong', options, async () => {
  const node = await faulty_node('{"type":');
  const client = await SimpleClient.open(node, 'alice');
  await assert.rejects(client.next(), /it is not JSON/);
  await client.close();
  node.end();
  const contract = new Contract('/rooms?user=a');
  contract.received('{"type":"pong","time":1}', true);
  assert.match(take_frame_faults().join(), /it is not JSON[^]*it is binary/);
});
