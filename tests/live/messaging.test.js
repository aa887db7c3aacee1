// messaging: every frame and rule of its seed and of its section in protocols.md.

import assert from 'node:assert/strict';
import { MessagingClient } from '../lib/client.js';
import { waitFor } from '../lib/wait.js';
import { World, scene, use_world } from '../lib/world.js';

const FRAME_LIMIT = 65536;

const world = use_world({ nodes: 2 });

async function unread(stage, user) {
  return stage.redis.command('LLEN', `parley:user:{${user}}:unread`);
}

async function until_unread(stage, user, count) {
  await waitFor(`${user} has ${count} unread`, async () => (await unread(stage, user)) === count);
}

// A client whose id is a number on the wire: seeds' examples are of that kind. The
// number is the scene's own.
let numbers = 1000 + (process.pid % 1000) * 1000;
async function numbered(stage, index) {
  return stage.keep(await MessagingClient.open(stage.nodes[index], ++numbers));
}

scene(world, 'the example of the seed, across two nodes', async (stage) => {
  const a = await numbered(stage, 0);
  const b = await numbered(stage, 1);
  const c = await numbered(stage, 1);
  a.send({
    send: [
      { id: 11, rid: b.id, sid: a.id, text: 'hello' },
      { id: 12, rid: c.id, sid: a.id, url: 'https://web.com/pic.png' },
    ],
    read: [{ id: 1 }, { id: 2 }, { id: 3 }],
  });
  const frame = await b.next();
  assert.deepEqual(frame, { messages: [{ id: 11, rid: b.id, sid: a.id, text: 'hello' }] });
  assert.deepEqual(Object.keys(frame.messages[0]), ['id', 'rid', 'sid', 'text']);
  assert.deepEqual(await c.next(), {
    messages: [{ id: 12, rid: c.id, sid: a.id, url: 'https://web.com/pic.png' }],
  });
  const sent = [...(await a.section('sent')), ...(await a.section('sent'))];
  assert.deepEqual(sent, [{ id: 11, rid: b.id }, { id: 12, rid: c.id }]);
});

scene(world, 'a fresh connection with nothing unread is told nothing', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 1, rid: bob.id });
  await bob.messages(1);
  bob.mark(1);
  await until_unread(stage, bob.user, 0);
  await bob.close();
  const back = await stage.messaging(0, 'bob');
  await alice.put_and_wait({ id: 2, rid: bob.id });
  assert.deepEqual(await back.next(), { messages: [{ id: 2, rid: bob.id, sid: alice.id }] });
});

scene(world, 'ids keep their JSON type, to the byte', async (stage) => {
  const alice = await numbered(stage, 0);
  const bob = await stage.messaging(1, 'bob');
  const ids = ['11', '"11"', '-3', '1.50', '1e3', '12345678901234567890123', '"\\u00e9\\n"', '""', '0'];
  for (const id of ids) {
    alice.send(`{ "send" : [ {"sid":${alice.id}, "rid":"${bob.id}", "id" : ${id} } ] }`);
    await bob.until((frame) => frame.messages);
    const { text } = bob.seen.at(-1);
    const expected = `{"id":${id},"rid":"${bob.id}","sid":${alice.id}}`;
    assert.ok(text.includes(expected), `${text} does not hold ${expected}`);
    await alice.section('sent');
    assert.ok(alice.seen.at(-1).text.includes(`{"id":${id},"rid":"${bob.id}"}`), alice.seen.at(-1).text);
  }
});

scene(world, 'the receiver is named as the sender named it, number or string', async (stage) => {
  const alice = await numbered(stage, 0);
  const bob = await numbered(stage, 1);
  alice.put({ id: 1, rid: bob.id });
  alice.put({ id: 2, rid: String(bob.id), sid: String(alice.id) });
  const items = await bob.messages(2);
  assert.deepEqual(items, [
    { id: 1, rid: bob.id, sid: alice.id },
    { id: 2, rid: String(bob.id), sid: String(alice.id) },
  ]);
});

scene(world, 'all other fields are forwarded untouched, nested ones too', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const extra =
    '"text":"caf\\u00e9 \\/ ☕","n":1.10,"big":123456789012345678901,"e":1E+2,"list":[1, [2, {"a" : null}]],' +
    '"deep":{"x":{"y":{"z":[true,false]}}},"":"empty key","type":"x","messages":[1],"subject":"s"';
  alice.send(`{"send":[{"id":1,"sid":"${alice.id}","rid":"${bob.id}",${extra}}]}`);
  const [item] = await bob.messages(1);
  assert.deepEqual(item, { id: 1, rid: bob.id, sid: alice.id, ...JSON.parse(`{${extra}}`) });
  const { text } = bob.seen.at(-1);
  for (const raw of ['"n":1.10', '"big":123456789012345678901', '"e":1E+2', '"caf\\u00e9 \\/ ☕"']) {
    assert.ok(text.includes(raw), `${raw} was rebuilt: ${text}`);
  }
});

scene(world, 'a text that is no string is forwarded as it is', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  for (const text of [5, null, { a: 1 }, ['x'], true]) {
    alice.put({ id: 1, rid: bob.id, text });
    assert.deepEqual((await bob.messages(1))[0].text, text);
  }
});

scene(world, 'unread messages come on connect, oldest first', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = stage.name('bob');
  for (let id = 1; id <= 5; id++) alice.put({ id, rid: bob, text: `t${id}` });
  await alice.settle();
  const there = await stage.messaging(1, 'bob');
  const items = await there.messages(5);
  assert.deepEqual(items.map((item) => item.id), [1, 2, 3, 4, 5]);
});

scene(world, 'unread messages stay until they are read, whoever was shown them', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  for (let id = 1; id <= 4; id++) await alice.put_and_wait({ id, rid: bob.id });
  await bob.messages(4);
  bob.mark(2, 4);
  await until_unread(stage, bob.user, 2);
  await bob.close();
  const back = await stage.messaging(0, 'bob');
  assert.deepEqual((await back.messages(2)).map((item) => item.id), [1, 3]);
});

scene(world, 'unread messages come in frames of at most 100', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = stage.name('bob');
  for (let batch = 0; batch < 5; batch++) {
    alice.put(...Array.from({ length: 50 }, (_, i) => ({ id: batch * 50 + i, rid: bob })));
  }
  await alice.settle();
  const there = await stage.messaging(1, 'bob');
  const items = await there.messages(250);
  assert.deepEqual(items.map((item) => item.id), Array.from({ length: 250 }, (_, i) => i));
  const sizes = there.seen.map((frame) => frame.json.messages.length);
  assert.ok(Math.max(...sizes) <= 100, `frames of ${sizes}`);
  assert.ok(sizes.length <= 6, `more frames than needed: ${sizes}`);
});

scene(world, 'unread messages come in frames of at most 64 KiB', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = stage.name('bob');
  for (let id = 0; id < 30; id++) alice.put({ id, rid: bob, text: 'é'.repeat(5000) });
  await alice.settle();
  const there = await stage.messaging(1, 'bob');
  const items = await there.messages(30);
  assert.deepEqual(items.map((item) => item.id), Array.from({ length: 30 }, (_, i) => i));
  const sizes = there.seen.map((frame) => Buffer.byteLength(frame.text));
  assert.ok(Math.max(...sizes) <= FRAME_LIMIT, `frames of ${sizes} bytes`);
  assert.ok(sizes.length <= 7, `more frames than needed: ${sizes}`);
});

scene(world, 'a message larger than 64 KiB with its wrapping goes alone', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = stage.name('bob');
  const around = JSON.stringify({ send: [{ sid: alice.id, id: 'big', rid: bob, text: '' }] });
  const text = 'x'.repeat(FRAME_LIMIT - around.length);
  await alice.put_and_wait({ id: 1, rid: bob });
  await alice.put_and_wait({ id: 'big', rid: bob, text });
  await alice.put_and_wait({ id: 2, rid: bob });
  const there = await stage.messaging(1, 'bob');
  const frames = [await there.next(), await there.next(), await there.next()];
  assert.deepEqual(
    frames.map((frame) => frame.messages.map((item) => item.id)),
    [[1], ['big'], [2]],
  );
  assert.equal(frames[1].messages[0].text, text);
  assert.ok(Buffer.byteLength(there.seen[1].text) > FRAME_LIMIT);
});

scene(world, 'bad items are refused one by one, good siblings go through', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const good = (id) => ({ id, rid: bob.id, sid: alice.id });
  alice.send({
    send: [
      good(1),
      { rid: bob.id, sid: alice.id },
      good(2),
      { id: 'no rid', sid: alice.id },
      { id: 'no sid', rid: bob.id },
      5,
      { id: {}, rid: bob.id, sid: alice.id },
      { id: 'rid list', rid: [bob.id], sid: alice.id },
      { id: 'sid null', rid: bob.id, sid: null },
      good(3),
      { id: 'forged', rid: bob.id, sid: 'someone-else' },
      { id: 'bad rid', rid: 'a|b', sid: alice.id },
      { id: 'no room', rid: '#nowhere', sid: alice.id },
      { id: 'empty rid', rid: '', sid: alice.id },
      good(4),
    ],
  }, { bad: true });
  assert.deepEqual((await bob.messages(4)).map((item) => item.id), [1, 2, 3, 4]);
  const errors = [];
  while (errors.length < 11) errors.push(...(await alice.section('errors')));
  assert.equal(errors.length, 11);
  for (const error of errors) {
    assert.equal(error.section, 'send');
    assert.equal(typeof error.message, 'string');
    assert.ok(error.message.length > 0);
  }
  const codes = (id) => errors.filter((error) => error.id === id).map((error) => error.code);
  assert.deepEqual(codes(null), ['malformed_payload', 'malformed_payload', 'malformed_payload']);
  for (const id of ['no rid', 'no sid', 'rid list', 'sid null']) {
    assert.deepEqual(codes(id), ['malformed_payload'], id);
  }
  assert.deepEqual(codes('forged'), ['forbidden']);
  assert.deepEqual(codes('no room'), ['not_found']);
  assert.deepEqual(codes('bad rid'), ['not_found']);
  assert.equal(codes('empty rid').length, 1);
});

scene(world, 'a section that is no array is refused, the others are carried out', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  alice.send({ send: [{ id: 1, rid: bob.id, sid: alice.id }], read: 5 }, { bad: true });
  await bob.messages(1);
  const [error] = await alice.section('errors');
  assert.equal(error.section, 'read');
  assert.equal(error.id, null);
  assert.equal(error.code, 'malformed_payload');
  await alice.section('sent');
  alice.send({ send: { id: 2, rid: bob.id, sid: alice.id } }, { bad: true });
  const [second] = await alice.section('errors');
  assert.equal(second.section, 'send');
  assert.equal(second.code, 'malformed_payload');
});

scene(world, 'unknown sections are ignored, so are empty ones', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  alice.send({});
  alice.send({ send: [], read: [] });
  alice.send({ dance: [{ id: 1 }], messages: 5, sent: [], errors: null });
  await alice.settle();
  alice.assert_silent();
});

for (const [what, frame] of [
  ['not JSON', 'hello'],
  ['an array', '[]'],
  ['a string', '"send"'],
  ['nothing at all', ''],
  ['an unfinished object', '{"send":['],
  ['a trailing comma', '{"send":[],}'],
  ['two objects', '{}{}'],
]) {
  scene(world, `malformed_payload with a null id, and the connection stays: ${what}`, async (stage) => {
    const alice = await stage.messaging(0, 'alice');
    alice.send(frame);
    const errors = await alice.section('errors');
    assert.equal(errors.length, 1);
    assert.equal(errors[0].id, null);
    assert.equal(errors[0].code, 'malformed_payload');
    await alice.settle();
  });
}

scene(world, 'own messages are not delivered to their sender', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const other = await stage.messaging(1, 'alice', { parameters: { device_id: 'tablet' } });
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 1, rid: bob.id });
  await bob.put_and_wait({ id: 'marker', rid: alice.id });
  for (const client of [alice, other]) {
    assert.deepEqual((await client.messages(1)).map((item) => item.id), ['marker']);
  }
});

scene(world, 'read: an id that two senders chose takes both away', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const carol = await stage.messaging(1, 'carol');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 5, rid: bob.id });
  await carol.put_and_wait({ id: 5, rid: bob.id });
  await bob.messages(2);
  bob.mark(5);
  await until_unread(stage, bob.user, 0);
});

scene(world, 'read: sid narrows', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const carol = await stage.messaging(1, 'carol');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 5, rid: bob.id });
  await carol.put_and_wait({ id: 5, rid: bob.id });
  await bob.messages(2);
  bob.mark({ id: 5, sid: carol.id });
  await until_unread(stage, bob.user, 1);
  await bob.close();
  const back = await stage.messaging(0, 'bob');
  assert.equal((await back.messages(1))[0].sid, alice.id);
});

scene(world, 'read: 5 is not "5"', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 5, rid: bob.id });
  await alice.put_and_wait({ id: '5', rid: bob.id });
  await bob.messages(2);
  bob.mark('5');
  await until_unread(stage, bob.user, 1);
  await bob.close();
  const back = await stage.messaging(0, 'bob');
  assert.strictEqual((await back.messages(1))[0].id, 5);
});

scene(world, 'read: an unknown id is a no-op', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 1, rid: bob.id });
  await bob.messages(1);
  bob.mark(2, 'x', { id: 1, sid: 'nobody' }, 999999999999);
  await bob.settle();
  bob.assert_silent();
  assert.equal(await unread(stage, bob.user), 1);
});

scene(world, 'read: bad items are refused one by one', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 1, rid: bob.id });
  await bob.messages(1);
  bob.send({ read: [5, {}, { id: null }, { id: 1 }] }, { bad: true });
  const errors = [];
  while (errors.length < 3) errors.push(...(await bob.section('errors')));
  assert.deepEqual(
    errors.map(({ section, id, code }) => ({ section, id, code })),
    Array(3).fill({ section: 'read', id: null, code: 'malformed_payload' }),
  );
  await until_unread(stage, bob.user, 0);
});

scene(world, 'read: only the own list, and only what this user was shown', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 1, rid: bob.id });
  await bob.messages(1);
  alice.mark(1);
  await alice.settle();
  assert.equal(await unread(stage, bob.user), 1);
});

scene(world, 'read: what was unread before this connection can be marked', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const first = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 'old', rid: first.id });
  await first.messages(1);
  await first.close();
  const back = await stage.messaging(0, 'bob');
  await back.messages(1);
  back.mark('old');
  await until_unread(stage, back.user, 0);
});

scene(world, 'a read message is in no key any more', async (stage) => {
  const secret = `gone-${stage.suffix}`;
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 1, rid: bob.id, text: secret });
  await bob.messages(1);
  assert.ok(await stage.text_in_redis(secret));
  bob.mark(1);
  await until_unread(stage, bob.user, 0);
  assert.equal(await stage.text_in_redis(secret), null);
});

scene(world, 'read on one device, gone on the other at its next connect', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const phone = await stage.messaging(0, 'bob', { parameters: { device_id: 'phone' } });
  const tablet = await stage.messaging(1, 'bob', { parameters: { device_id: 'tablet' } });
  await alice.put_and_wait({ id: 1, rid: phone.id });
  await phone.messages(1);
  await tablet.messages(1);
  phone.mark(1);
  await until_unread(stage, phone.user, 0);
  await tablet.close();
  const back = await stage.messaging(1, 'bob', { parameters: { device_id: 'tablet' } });
  await alice.put_and_wait({ id: 2, rid: phone.id });
  assert.deepEqual((await back.messages(1)).map((item) => item.id), [2]);
});

scene(world, 'send is carried out before read', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 1, rid: bob.id });
  await bob.messages(1);
  stage.watch.forget();
  bob.send({ read: [{ id: 1 }], send: [{ id: 9, rid: alice.id, sid: bob.id }] });
  await alice.messages(1);
  await until_unread(stage, bob.user, 0);
  const kinds = stage.watch
    .find(/^parley:user:/, (envelope) => /^message\.(sent|read)$/.test(envelope.kind))
    .map((entry) => entry.envelope.kind);
  assert.equal(kinds[0], 'message.sent', `published: ${kinds}`);
});

scene(world, '`sent` is told once stored durably, though the receiver is nowhere', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const nobody = stage.name('nobody');
  alice.put({ id: 'a', rid: nobody, text: 'x' });
  assert.deepEqual(await alice.next(), { sent: [{ id: 'a', rid: nobody }] });
  assert.equal(await unread(stage, nobody), 1);
});

scene(world, 'nine hundred messages keep their order across the nodes', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const count = 900;
  for (let id = 0; id < count; id++) alice.put({ id, rid: bob.id });
  const items = await bob.messages(count);
  assert.deepEqual(items.map((item) => item.id), Array.from({ length: count }, (_, i) => i));
  bob.mark(...items.map((item) => item.id));
  await until_unread(stage, bob.user, 0);
});

scene(world, 'a full inbox refuses the sender and loses nothing', async (stage) => {
  const small = await World.start({ node: { flags: ['--inbox-messages', 5] } });
  try {
    const alice = await MessagingClient.open(small.nodes[0], 'alice');
    for (let id = 1; id <= 5; id++) await alice.put_and_wait({ id, rid: 'bob' });
    alice.put({ id: 6, rid: 'bob' });
    const [error] = await alice.section('errors');
    assert.deepEqual(
      [error.section, error.id, error.code],
      ['send', 6, 'inbox_full'],
    );
    const bob = await MessagingClient.open(small.nodes[0], 'bob');
    assert.deepEqual((await bob.messages(5)).map((item) => item.id), [1, 2, 3, 4, 5]);
    bob.mark(1);
    await waitFor('there is room', async () => {
      return (await small.redis.command('LLEN', 'parley:user:{bob}:unread')) === 4;
    });
    await alice.put_and_wait({ id: 7, rid: 'bob' });
    await alice.close();
    await bob.close();
    small.watch.check();
  } finally {
    await small.stop();
  }
});
