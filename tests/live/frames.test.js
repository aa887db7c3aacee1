// Frames that a decent client does not send (protocols.md, "Common rules" and the
// small print; RFC 6455). What is wrong with the payload is answered, and the
// connection stays; what breaks the WebSocket protocol itself closes it.

import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import { hostile_scenes } from '../lib/hostile.js';
import { frame_bytes, OPCODE } from '../lib/raw.js';
import { use_world } from '../lib/world.js';

const MESSAGE_LIMIT = 65536;
const HARD_LIMIT = 1024 * 1024;

const world = use_world({ nodes: 1 });
const hostile_scene = hostile_scenes(world);

// What each protocol says to what could not be read, and how one sees that the connection still
// works. `frame`: one that is answered, with that text, and with what else it is to hold; `depth`:
// how deep the latter stands.
const speakers = {
  simple: {
    path: (name) => `/simple?username=${name}`,
    refusal: (frame) =>
      frame.type === 'reply' && frame.payload_id === null && frame.error ? frame.error : null,
    frame: (name, message, more) => ({ type: 'send_message', payload_id: 'hello', message, more }),
    depth: 1,
    is_answer: (frame) => frame.payload_id === 'hello' && frame.error === null,
  },
  messaging: {
    path: (name) => `/messaging?client_id=${name}`,
    refusal: (frame) => (frame.errors?.[0].id === null ? frame.errors[0].code : null),
    frame: (name, text, more) => ({ send: [{ id: 'hello', rid: `to-${name}`, sid: name, text, more }] }),
    depth: 3,
    is_answer: (frame) => frame.sent?.[0].id === 'hello',
  },
  chat: {
    path: (name) => `/chat?user=${name}`,
    refusal: (frame) => (frame.type === 'response' && frame.id === null ? frame.payload.error : null),
    frame: (name, message, more) =>
      ({ type: 'request', id: 'hello', timestamp: 1, payloadType: 'new', payload: { chatId: `to-${name}`, message, more } }),
    depth: 2,
    is_answer: (frame) => frame.id === 'hello' && frame.payload.messageId > 0,
  },
  concord: {
    path: (name) => `/client?user=${name}`,
    refusal: (frame) => (frame.type === 'error' ? frame.code : null),
    frame: (name, content, more) => ({ type: 'chat_written', channelId: 1, threadId: null, sentAt: 1, content, more }),
    depth: 1,
    is_answer: (frame) => frame.type === 'chat_sent',
  },
  rooms: {
    path: (name) => `/rooms?user=${name}`,
    refusal: (frame) => (frame.type === 'error' ? frame.error : null),
    frame: (name, time, more) => ({ type: 'ping', time, more }),
    depth: 1,
    is_answer: (frame) => frame.type === 'pong',
  },
};

for (const [protocol, speaker] of Object.entries(speakers)) {
  const open = async (stage, user = 'raw', headers = {}) => {
    const name = stage.name(user);
    const raw = await stage.raw(0, speaker.path(name), { headers });
    assert.equal(raw.status, 101);
    return { raw, name };
  };
  const hello = (name, text = 'hello', more = undefined) => JSON.stringify(speaker.frame(name, text, more));
  const sized = (size, name) => hello(name, 'x'.repeat(size - hello(name, '').length));
  const nested = (depth, name) => {
    const lists = depth - speaker.depth;
    return hello(name, 'hello', '?').replace('"?"', '['.repeat(lists) + ']'.repeat(lists));
  };
  const refused = async (raw, code) => {
    const frame = await raw.next_json(speaker.refusal);
    assert.equal(speaker.refusal(frame), code);
  };
  const works = async ({ raw, name }) => {
    raw.send(hello(name));
    await raw.next_json(speaker.is_answer);
  };
  const hostile = (title, play) => hostile_scene(`${protocol}: ${title}`, play);

  hostile('a binary frame is malformed_payload', async (stage) => {
    const peer = await open(stage);
    peer.raw.send(hello(peer.name), { opcode: OPCODE.binary });
    await refused(peer.raw, 'malformed_payload');
    peer.raw.send(Buffer.from([0xff, 0xfe, 0x00]), { opcode: OPCODE.binary });
    await refused(peer.raw, 'malformed_payload');
    await works(peer);
  });

  hostile('objects nest 32 levels, not 33', async (stage) => {
    const peer = await open(stage);
    peer.raw.send(nested(32, peer.name));
    await peer.raw.next_json(speaker.is_answer);
    peer.raw.send(nested(33, peer.name));
    await refused(peer.raw, 'malformed_payload');
    peer.raw.send(`{"a":${'['.repeat(30000)}`);
    await refused(peer.raw, 'malformed_payload');
    await works(peer);
  });

  hostile('65,536 bytes are read, one more is too_large', async (stage) => {
    const peer = await open(stage);
    peer.raw.send(sized(MESSAGE_LIMIT, peer.name));
    await peer.raw.next_json(speaker.is_answer);
    peer.raw.send(sized(MESSAGE_LIMIT + 1, peer.name));
    await refused(peer.raw, 'too_large');
    peer.raw.send(sized(HARD_LIMIT, peer.name));
    await refused(peer.raw, 'too_large');
    await works(peer);
  });

  hostile('fragments are one message, wherever they are cut', async (stage) => {
    const peer = await open(stage);
    const text = Buffer.from(hello(peer.name));
    for (const size of [1, 2, 7, text.length - 1]) {
      for (let at = 0; at < text.length; at += size) {
        peer.raw.send(text.subarray(at, at + size), {
          opcode: at === 0 ? OPCODE.text : OPCODE.continuation,
          fin: at + size >= text.length,
        });
      }
      await peer.raw.next_json(speaker.is_answer);
    }
  });

  hostile('empty fragments, and control frames between fragments, do no harm', async (stage) => {
    const peer = await open(stage);
    const text = hello(peer.name);
    peer.raw.send('', { fin: false });
    peer.raw.send(text.slice(0, 9), { opcode: OPCODE.continuation, fin: false });
    peer.raw.send('between', { opcode: OPCODE.ping });
    peer.raw.send('', { opcode: OPCODE.continuation, fin: false });
    peer.raw.send('unasked', { opcode: OPCODE.pong });
    peer.raw.send(text.slice(9), { opcode: OPCODE.continuation, fin: false });
    peer.raw.send('', { opcode: OPCODE.continuation, fin: true });
    const pong = await peer.raw.next(OPCODE.pong);
    assert.equal(pong.payload.toString(), 'between');
    await works(peer);
  });

  hostile('a message of many fragments beyond 65,536 bytes is too_large once', async (stage) => {
    const peer = await open(stage);
    const piece = 'x'.repeat(20000);
    for (let i = 0; i < 5; i++) {
      peer.raw.send(piece, { opcode: i === 0 ? OPCODE.text : OPCODE.continuation, fin: i === 4 });
    }
    await refused(peer.raw, 'too_large');
    peer.raw.send(hello(peer.name));
    const frame = await peer.raw.next_json((json) => speaker.refusal(json) || speaker.is_answer(json));
    assert.ok(speaker.is_answer(frame), 'it was refused twice');
  });

  hostile('bytes one by one, as a slow network brings them', async (stage) => {
    const peer = await open(stage);
    for (const byte of frame_bytes(hello(peer.name))) {
      peer.raw.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    await peer.raw.next_json(speaker.is_answer);
  });

  hostile('many frames in one packet are read one by one', async (stage) => {
    const peer = await open(stage);
    const bad = frame_bytes('bad');
    peer.raw.write(Buffer.concat([bad, bad, bad, frame_bytes(hello(peer.name)), bad]));
    for (let i = 0; i < 4; i++) await refused(peer.raw, 'malformed_payload');
  });

  const close = (raw, ...bytes) => raw.send(Buffer.from(bytes), { opcode: OPCODE.close });
  const more_of = (raw, payload, options) => raw.send(payload, { opcode: OPCODE.continuation, fin: false, ...options });
  const closing = {
    'an announced length over 1 MiB': [1009, (raw) => raw.send('x', { announce: HARD_LIMIT + 1 })],
    'an absurd length': [1009, (raw) => raw.send('x', { announce: 2 ** 40 })],
    'fragments that sum up to more than 1 MiB': [1009, (raw) => {
      raw.send('x'.repeat(HARD_LIMIT / 2), { fin: false });
      more_of(raw, 'x'.repeat(HARD_LIMIT / 2));
      more_of(raw, 'x', { fin: true });
    }],
    'bytes that are not UTF-8': [1007, (raw) => raw.send(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))],
    'an overlong form': [1007, (raw) => raw.send(Buffer.from([0x22, 0xc0, 0xaf, 0x22]))],
    'a surrogate in UTF-8': [1007, (raw) => raw.send(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))],
    'beyond U+10FFFF': [1007, (raw) => raw.send(Buffer.from([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]))],
    'a character that ends with the message': [1007, (raw) => raw.send(Buffer.from([0x22, 0xe2, 0x82]))],
    'bad UTF-8 in a second fragment': [1007, (raw) => {
      raw.send('{"a":"', { fin: false });
      more_of(raw, Buffer.from([0xff, 0x22, 0x7d]), { fin: true });
    }],
    'bad UTF-8 that a fragment cuts': [1007, (raw) => {
      raw.send(Buffer.from([0x22, 0xe2]), { fin: false });
      more_of(raw, Buffer.from([0x28, 0xa1, 0x22]), { fin: true });
    }],
    'an unmasked frame': [1002, (raw) => raw.send('{}', { masked: false })],
    'an unmasked ping': [1002, (raw) => raw.send('', { opcode: OPCODE.ping, masked: false })],
    'a length with the highest bit': [1002, (raw) => raw.write(Buffer.from([0x81, 0xff, 0x80, ...Array(11).fill(0)]))],
    'a reserved bit inside of a message': [1002, (raw) => {
      raw.send('{', { fin: false });
      more_of(raw, '}', { fin: true, rsv: 4 });
    }],
    'a reserved bit of a ping': [1002, (raw) => raw.send('', { opcode: OPCODE.ping, rsv: 4 })],
    'a fragmented ping': [1002, (raw) => raw.send('', { opcode: OPCODE.ping, fin: false })],
    'a fragmented pong': [1002, (raw) => raw.send('', { opcode: OPCODE.pong, fin: false })],
    'a fragmented close': [1002, (raw) => raw.send(Buffer.from([3, 0xe8]), { opcode: OPCODE.close, fin: false })],
    'a ping of 126 bytes': [1002, (raw) => raw.send('x'.repeat(126), { opcode: OPCODE.ping })],
    'a pong of 126 bytes': [1002, (raw) => raw.send('x'.repeat(126), { opcode: OPCODE.pong })],
    'a close of 126 bytes': [1002, (raw) => close(raw, 3, 0xe8, ...Array(124).fill(0x61))],
    'a close of a long reason': [1002, (raw) => close(raw, 3, 0xe8, ...Array(5000).fill(0x61))],
    'a close of one byte': [1002, (raw) => close(raw, 3)],
    'a close with a reason that is not UTF-8': [1002, (raw) => close(raw, 3, 0xe8, 0xff, 0xfe)],
    'a continuation of nothing': [1002, (raw) => raw.send('{}', { opcode: OPCODE.continuation })],
    'a new message inside of one': [1002, (raw) => {
      raw.send('{', { fin: false });
      raw.send('{}');
    }],
  };
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    closing[`opcode ${opcode}`] = [1002, (raw) => raw.send('{}', { opcode })];
  for (const rsv of [1, 2, 4, 7]) closing[`reserved bits ${rsv}`] = [1002, (raw) => raw.send('{}', { rsv })];
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
    closing[`a close with ${code}, which no peer may send`] = [1002, (raw) => close(raw, code >> 8, code & 255)];

  hostile('what breaks the WebSocket protocol closes, this connection only', async (stage) => {
    const bystander = await open(stage);
    await Promise.all(
      Object.entries(closing).map(async ([what, [code, act]], i) => {
        const { raw } = await open(stage, `bad-${i}`);
        act(raw);
        assert.equal(await raw.close_code(), code, what);
        await raw.ended;
      }),
    );
    await works(bystander);
  });

  // RFC 7692 is not spoken: what nobody inflates is no bomb.
  hostile('compression is not agreed to, and a compressed frame closes with 1002', async (stage) => {
    const offer = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits, x-webkit-deflate-frame' };
    const { raw } = await open(stage, 'bomb', offer);
    assert.doesNotMatch(raw.head, /extensions/i);
    raw.send(deflateRawSync(Buffer.alloc(1 << 20, 0x20)), { rsv: 4 });
    assert.equal(await raw.close_code(), 1002);
  });

  hostile('JSON of any kind is refused or ignored, and the connection works', async (stage) => {
    const peer = await open(stage);
    const bad = ['', ' ', '{', '}', '[]', 'null', 'true', '1', '"x"', '{}{}', '\ufeff{}', '{"a":1,}', "{'a':1}", '{"a":NaN}', '{"a":01}',
      '{"a":"\t"}', '{"a":"\\x41"}', '{"a":1} //', '\0', '['.repeat(60000), '{"a":'.repeat(12000), `{"a":"${'\\ud800'.repeat(9000)}`];
    for (const text of bad) {
      peer.raw.send(text);
      await refused(peer.raw, 'malformed_payload');
    }
    const good = JSON.parse(hello(peer.name));
    const strange = [null, true, -1, 1e308, '', '\0', '\ud800', '*', [], {}, [[[]]], { $gt: '' }, 'x'.repeat(60000), Array(100).fill(0)];
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]));
    for (const member of Object.keys(good)) for (const value of strange) peer.raw.send(JSON.stringify({ ...good, [member]: value }));
    for (const text of [JSON.stringify(many), `{"a":${'9'.repeat(60000)}}`, '{"a":1e99999}', '{"__proto__":{"type":"x"}}', '{"type":"x","type":"x"}'])
      peer.raw.send(text);
    const end = 'the end of all that';
    peer.raw.send(hello(peer.name, end));
    await peer.raw.next_json(speaker.is_answer);
    await works(peer);
  });

  hostile('a character may be cut by fragments', async (stage) => {
    const peer = await open(stage);
    const text = Buffer.from(hello(peer.name).replace(/}(\]})?$/, ',"x":"€😀"}$1'));
    const at = text.indexOf(Buffer.from('€')) + 1;
    peer.raw.send(text.subarray(0, at), { fin: false });
    peer.raw.send(text.subarray(at, at + 4), { opcode: OPCODE.continuation, fin: false });
    peer.raw.send(text.subarray(at + 4), { opcode: OPCODE.continuation });
    await peer.raw.next_json(speaker.is_answer);
  });

  hostile("a client's close is answered with its code", async (stage) => {
    const peer = await open(stage);
    peer.raw.send(Buffer.from([0x03, 0xe8]), { opcode: OPCODE.close });
    assert.equal(await peer.raw.close_code(), 1000);
    await peer.raw.ended;
  });

  hostile('pings are answered with their payload', async (stage) => {
    const peer = await open(stage);
    peer.raw.send('x'.repeat(125), { opcode: OPCODE.ping });
    assert.equal((await peer.raw.next(OPCODE.pong)).payload.toString(), 'x'.repeat(125));
    peer.raw.send('', { opcode: OPCODE.ping });
    assert.equal((await peer.raw.next(OPCODE.pong)).payload.length, 0);
  });

  hostile('pongs that nobody asked for prove nothing and do no harm', async (stage) => {
    const peer = await open(stage);
    for (const payload of ['', '1', '99999999999999999999', 'x'.repeat(125), Buffer.alloc(8, 0xff)]) {
      peer.raw.send(payload, { opcode: OPCODE.pong });
    }
    await works(peer);
  });
}
