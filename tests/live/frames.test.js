// Frames that a decent client does not send (protocols.md, "Common rules" and the
// small print; RFC 6455). What is wrong with the payload is answered, and the
// connection stays; what breaks the WebSocket protocol itself closes it.

import assert from 'node:assert/strict';
import { frame_bytes, OPCODE } from '../lib/raw.js';
import { scene, use_world } from '../lib/world.js';

const MESSAGE_LIMIT = 65536;
const HARD_LIMIT = 1024 * 1024;

const world = use_world({ nodes: 1 });

// What each protocol says to what could not be read, and how one sees that the
// connection still works.
const speakers = {
  simple: {
    path: (name) => `/simple?username=${name}`,
    refusal: (frame) =>
      frame.type === 'reply' && frame.payload_id === null && frame.error ? frame.error : null,
    hello: () => JSON.stringify({ type: 'send_message', payload_id: 'hello', message: 'hello' }),
    is_answer: (frame) => frame.payload_id === 'hello' && frame.error === null,
    sized: (size) => {
      const text = (x) => JSON.stringify({ type: 'send_message', payload_id: 'hello', message: x });
      return text('x'.repeat(size - text('').length));
    },
    nested: (depth) => {
      const lists = '['.repeat(depth - 1) + ']'.repeat(depth - 1);
      return `{"type":"send_message","payload_id":"hello","message":"m","more":${lists}}`;
    },
  },
  messaging: {
    path: (name) => `/messaging?client_id=${name}`,
    refusal: (frame) => (frame.errors?.[0].id === null ? frame.errors[0].code : null),
    hello: (name) => JSON.stringify({ send: [{ id: 'hello', rid: `to-${name}`, sid: name }] }),
    is_answer: (frame) => frame.sent?.[0].id === 'hello',
    sized: (size, name) => {
      const text = (x) =>
        JSON.stringify({ send: [{ id: 'hello', rid: `to-${name}`, sid: name, text: x }] });
      return text('x'.repeat(size - text('').length));
    },
    nested: (depth, name) => {
      const lists = '['.repeat(depth - 3) + ']'.repeat(depth - 3);
      return `{"send":[{"id":"hello","rid":"to-${name}","sid":"${name}","more":${lists}}]}`;
    },
  },
};

for (const [protocol, speaker] of Object.entries(speakers)) {
  const open = async (stage, user = 'raw') => {
    const name = stage.name(user);
    const raw = await stage.raw(0, speaker.path(name));
    assert.equal(raw.status, 101);
    return { raw, name };
  };
  const refused = async (raw, code) => {
    const frame = await raw.next_json(speaker.refusal);
    assert.equal(speaker.refusal(frame), code);
  };
  const works = async ({ raw, name }) => {
    raw.send(speaker.hello(name));
    await raw.next_json(speaker.is_answer);
  };
  const hostile = (title, play) => scene(world, `${protocol}: ${title}`, play);

  hostile('a binary frame is malformed_payload', async (stage) => {
    const peer = await open(stage);
    peer.raw.send(speaker.hello(peer.name), { opcode: OPCODE.binary });
    await refused(peer.raw, 'malformed_payload');
    peer.raw.send(Buffer.from([0xff, 0xfe, 0x00]), { opcode: OPCODE.binary });
    await refused(peer.raw, 'malformed_payload');
    await works(peer);
  });

  hostile('objects nest 32 levels, not 33', async (stage) => {
    const peer = await open(stage);
    peer.raw.send(speaker.nested(32, peer.name));
    await peer.raw.next_json(speaker.is_answer);
    peer.raw.send(speaker.nested(33, peer.name));
    await refused(peer.raw, 'malformed_payload');
    peer.raw.send(`{"a":${'['.repeat(30000)}`);
    await refused(peer.raw, 'malformed_payload');
    await works(peer);
  });

  hostile('65,536 bytes are read, one more is too_large', async (stage) => {
    const peer = await open(stage);
    peer.raw.send(speaker.sized(MESSAGE_LIMIT, peer.name));
    await peer.raw.next_json(speaker.is_answer);
    peer.raw.send(speaker.sized(MESSAGE_LIMIT + 1, peer.name));
    await refused(peer.raw, 'too_large');
    peer.raw.send(speaker.sized(HARD_LIMIT, peer.name));
    await refused(peer.raw, 'too_large');
    await works(peer);
  });

  hostile('fragments are one message, wherever they are cut', async (stage) => {
    const peer = await open(stage);
    const text = Buffer.from(speaker.hello(peer.name));
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
    const text = speaker.hello(peer.name);
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
    peer.raw.send(speaker.hello(peer.name));
    const frame = await peer.raw.next_json((json) => speaker.refusal(json) || speaker.is_answer(json));
    assert.ok(speaker.is_answer(frame), 'it was refused twice');
  });

  hostile('bytes one by one, as a slow network brings them', async (stage) => {
    const peer = await open(stage);
    for (const byte of frame_bytes(speaker.hello(peer.name))) {
      peer.raw.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    await peer.raw.next_json(speaker.is_answer);
  });

  hostile('many frames in one packet are read one by one', async (stage) => {
    const peer = await open(stage);
    const bad = frame_bytes('bad');
    peer.raw.write(Buffer.concat([bad, bad, bad, frame_bytes(speaker.hello(peer.name)), bad]));
    for (let i = 0; i < 4; i++) await refused(peer.raw, 'malformed_payload');
  });

  const closing = [
    ['an announced length over 1 MiB', 1009, (raw) => raw.send('x', { announce: HARD_LIMIT + 1 })],
    ['an absurd length', 1009, (raw) => raw.send('x', { announce: 2 ** 40 })],
    [
      'fragments that sum up to more than 1 MiB',
      1009,
      (raw) => {
        raw.send('x'.repeat(HARD_LIMIT / 2), { fin: false });
        raw.send('x'.repeat(HARD_LIMIT / 2), { opcode: OPCODE.continuation, fin: false });
        raw.send('x', { opcode: OPCODE.continuation, fin: true });
      },
    ],
    ['bytes that are not UTF-8', 1007, (raw) => raw.send(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))],
    ['an overlong form', 1007, (raw) => raw.send(Buffer.from([0x22, 0xc0, 0xaf, 0x22]))],
    ['a surrogate in UTF-8', 1007, (raw) => raw.send(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))],
    ['beyond U+10FFFF', 1007, (raw) => raw.send(Buffer.from([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]))],
    ['a character that ends with the message', 1007, (raw) => raw.send(Buffer.from([0x22, 0xe2, 0x82]))],
    [
      'bad UTF-8 in a second fragment',
      1007,
      (raw) => {
        raw.send('{"a":"', { fin: false });
        raw.send(Buffer.from([0xff, 0x22, 0x7d]), { opcode: OPCODE.continuation });
      },
    ],
    ['an unmasked frame', 1002, (raw) => raw.send('{}', { masked: false })],
    ['a reserved bit', 1002, (raw) => raw.send('{}', { rsv: 4 })],
    ['a reserved data opcode', 1002, (raw) => raw.send('{}', { opcode: 3 })],
    ['a reserved control opcode', 1002, (raw) => raw.send('', { opcode: 11 })],
    ['a fragmented ping', 1002, (raw) => raw.send('', { opcode: OPCODE.ping, fin: false })],
    ['a ping of 126 bytes', 1002, (raw) => raw.send('x'.repeat(126), { opcode: OPCODE.ping })],
    ['a continuation of nothing', 1002, (raw) => raw.send('{}', { opcode: OPCODE.continuation })],
    [
      'a new message inside of one',
      1002,
      (raw) => {
        raw.send('{', { fin: false });
        raw.send('{}');
      },
    ],
  ];
  for (const [what, code, act] of closing) {
    hostile(`${what} closes with ${code}, this connection only`, async (stage) => {
      const bystander = await open(stage);
      const peer = await open(stage, 'bad');
      act(peer.raw);
      assert.equal(await peer.raw.close_code(), code);
      await peer.raw.ended;
      await works(bystander);
    });
  }

  hostile('a character may be cut by fragments', async (stage) => {
    const peer = await open(stage);
    const text = Buffer.from(speaker.hello(peer.name).replace(/}(\]})?$/, ',"x":"€😀"}$1'));
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
