// The harness itself: a test that cannot fail is a defect, so what finds faults must
// be seen to find them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { MessagingClient, RefusedError, SimpleClient } from './client.js';
import { expand, mismatch } from './pattern.js';
import { Child, run_to_end, take_alarms } from './process.js';
import { parse_metrics } from './prometheus.js';
import { random } from './random.js';
import { frame_bytes, OPCODE, RawClient } from './raw.js';
import { RedisServer } from './redis.js';
import { uuid_of } from './uuid.js';
import { waitFor } from './wait.js';
import { Watch, envelope_faults } from './watch.js';

const options = { timeout: 20000 };

const party = { id: 'alice', num: 7, uuid: uuid_of('user', 'alice'), name: 'alice' };
const good = {
  v: 1,
  id: 65537,
  seq: 1,
  kind: 'message.sent',
  ts: 1700000000123,
  from: party,
  to: { kind: 'room', id: 'lobby', num: 1, uuid: uuid_of('room', 'lobby'), name: 'lobby' },
  keep: 'log',
  origin: { protocol: 'simple', node: 'gw-3f2a.0', session: 'gw-3f2a.0-1', client_id: '17' },
  body: { text: 'hello' },
};

test('the UUID of a name is that of RFC 9562, version 5', options, () => {
  // As Python's uuid.uuid5(uuid.NAMESPACE_URL, "parley:user:alice") has it.
  assert.equal(uuid_of('user', 'alice'), 'b74032dc-1c20-5c18-8650-b6eea596a200');
});

test('envelopes are held against the schema and the order of their members', options, () => {
  assert.deepEqual(envelope_faults(JSON.stringify(good)), []);
  const { v, ...rest } = good;
  for (const bad of [
    { ...rest, v },
    { ...good, v: 2 },
    { ...good, kind: 'message.sung' },
    { ...good, more: 1 },
    { ...good, from: { ...party, uuid: 'x' } },
    { ...good, seq: -1 },
    { ...good, keep: 'maybe' },
    { ...good, body: { message: 5 } },
  ]) {
    assert.notEqual(envelope_faults(JSON.stringify(bad)).length, 0, JSON.stringify(bad));
  }
  assert.notEqual(envelope_faults('hello').length, 0);
  assert.notEqual(envelope_faults(JSON.stringify(good, null, 1)).length, 0);
});

test('the watch sees each publication, and what breaks the contract', options, async () => {
  const redis = await RedisServer.start({ aof: 'always' });
  const watch = await Watch.start(redis);
  try {
    const publish = (fields) =>
      redis.command('PUBLISH', 'parley:room:{lobby}', JSON.stringify({ ...good, ...fields }));
    await publish({});
    await publish({ id: 65538, seq: 2 });
    assert.equal((await watch.expect('parley:room:{lobby}', ({ seq }) => seq === 2)).id, 65538);
    watch.check();
    await publish({ id: 65540, seq: 4 });
    await watch.settle();
    assert.throws(() => watch.check(), /seq 4 after 2/);
    await publish({ id: 65539, seq: 5 });
    await watch.settle();
    assert.throws(() => watch.check(), /id 65539 after 65540/);
    await redis.kill();
    await redis.launch();
    await waitFor('the watch is back', () => publish({ id: 70000, seq: 50 }));
    await watch.expect('parley:room:{lobby}', ({ seq }) => seq === 50);
    watch.check();
    await redis.command('RPUSH', 'a list', 'x', 'yé');
    assert.deepEqual(await redis.command('LRANGE', 'a list', 0, -1), ['x', 'yé']);
    assert.equal(await redis.cli('LLEN', 'a list'), '2\n');
    await assert.rejects(redis.command('GET', 'a list'), /WRONGTYPE/);
    assert.deepEqual(await redis.keys('a*'), ['a list']);
  } finally {
    watch.stop();
    await redis.stop();
  }
});

test('patterns match what they should, and nothing else', options, () => {
  const fits = (pattern, value) => mismatch(pattern, value, new Map([['seen', 5]])) === null;
  assert.ok(fits({ a: 1, b: { $any: 'string' } }, { a: 1, b: 'x' }));
  assert.ok(!fits({ a: 1, b: 2 }, { b: 2, a: 1 }), 'order counts');
  assert.ok(!fits({ a: 1 }, { a: 1, b: 2 }), 'nothing besides');
  assert.ok(fits({ b: 2, $more: true }, { a: 1, b: 2, c: 3 }));
  assert.ok(!fits({ b: 2, $more: true }, { a: 1 }));
  assert.ok(fits([{ $same: 'seen' }], [5]) && !fits([{ $same: 'seen' }], [6]));
  assert.ok(fits({ $match: '^a+$' }, 'aaa') && !fits({ $match: '^a+$' }, 'ab'));
  assert.ok(!fits({ $any: 'number' }, '5') && fits({ $any: 'array' }, []) && !fits({ $any: 'object' }, []));
  assert.ok(!fits([1], [1, 2]) && !fits(5, '5') && fits(null, null) && !fits({}, null));
  assert.ok(fits({ $repeat: ['x', 3] }, 'xxx'));
  const memory = new Map();
  assert.equal(mismatch({ id: { $capture: 'id' } }, { id: '7' }, memory), null);
  assert.deepEqual(expand({ a: [{ $same: 'id' }], b: { $repeat: ['y', 2] } }, memory), { a: ['7'], b: 'yy' });
  assert.throws(() => fits({ $what: 1 }, 1));
});

test('metrics: the format is checked', options, () => {
  const text = '# HELP a_total b\n# TYPE a_total counter\na_total{x="1",y="\\"\\n"} 5\na_total{x="2"} 6 1700\n';
  const { samples, families } = parse_metrics(text);
  assert.deepEqual(samples.map(({ value }) => value), [5, 6]);
  assert.deepEqual(families.get('a_total'), { help: 'b', type: 'counter' });
  for (const bad of [
    'a 1\n',
    '# TYPE a counter\na 1',
    '# TYPE a counter\na x\n',
    '# TYPE a counter\na{b=c} 1\n',
    '# TYPE a counter\na{b="c} 1\n',
    '# TYPE a counter\na 1\na 1\n',
    '# TYPE a sum\na 1\n',
    '# TYPE a gauge\n# TYPE b gauge\na{x="1"} 1\nb 1\na{x="2"} 1\n',
  ]) {
    assert.throws(() => parse_metrics(bad), undefined, bad);
  }
});

test('a seed gives the same schedule again', options, () => {
  const one = random(5);
  const two = random(5);
  const numbers = Array.from({ length: 100 }, () => one.below(10));
  assert.deepEqual(numbers, Array.from({ length: 100 }, () => two.below(10)));
  assert.equal(new Set(numbers).size, 10);
});

test('children: output, exit status, end with their group', options, async () => {
  const { code, output } = await run_to_end('sh', ['-c', 'echo out; echo err >&2; exit 3']);
  assert.equal(code, 3);
  assert.deepEqual(output.split('\n').sort(), ['err', 'out']);
  const parent = new Child('parent', 'sh', ['-c', 'sleep 60 & echo $!; wait']);
  await waitFor('the grandchild', () => parent.lines[0]);
  const grandchild = Number(parent.lines[0]);
  await parent.kill();
  await waitFor('the grandchild is gone', () => {
    try {
      process.kill(grandchild, 0);
      return false;
    } catch {
      return true;
    }
  });
});

test('children: what a sanitizer says is noticed', options, async () => {
  take_alarms();
  await run_to_end('sh', ['-c', 'echo "==1==ERROR: AddressSanitizer: heap-use-after-free" >&2; echo well']);
  await run_to_end('sh', ['-c', 'printf "a.c:1:2: runtime error: shift"']);
  await run_to_end('sh', ['-c', 'echo "event=worker_ended worker=0 signal=Killed"']);
  await run_to_end('sh', ['-c', 'echo "event=worker_ended worker=0 signal=\\"Segmentation fault\\""']);
  assert.deepEqual(take_alarms().map((line) => line.replace(/^sh \| /, '').slice(0, 30)), [
    '==1==ERROR: AddressSanitizer: ',
    'a.c:1:2: runtime error: shift',
    'event=worker_ended worker=0 si',
  ]);
  assert.deepEqual(take_alarms(), []);
});

// A server that plays a node as far as the clients need one.
async function fake_node(on_connection, verify) {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    verifyClient: verify,
    maxPayload: 1 << 20,
  });
  await once(server, 'listening');
  server.on('connection', on_connection);
  const { port } = server.address();
  const end = () => {
    for (const client of server.clients) client.terminate();
    server.close();
  };
  return { port, ws: `ws://127.0.0.1:${port}`, end };
}

test('clients: frames, sections, refusals, closes', options, async () => {
  const node = await fake_node(
    (socket, request) => {
      socket.send(JSON.stringify({ url: request.url, messages: [{ id: 1 }] }));
      socket.send(JSON.stringify({ sent: [{ id: 2 }] }));
      socket.on('message', (data) => {
        if (String(data) === 'bye') socket.close(4409, 'replaced');
        else socket.send(data.toString());
      });
    },
    ({ req }, answer) => answer(!req.url.includes('refuse'), 403, 'no'),
  );
  const client = await MessagingClient.open(node, 'é&=', { protocol: false });
  assert.deepEqual(await client.section('sent'), [{ id: 2 }]);
  assert.deepEqual(await client.section('messages'), [{ id: 1 }]);
  assert.deepEqual(await client.next(), { url: '/messaging?client_id=%C3%A9%26%3D' });
  client.put({ id: 5, rid: 'x' });
  assert.deepEqual(await client.next(), { send: [{ sid: 'é&=', id: 5, rid: 'x' }] });
  await assert.rejects(client.next(50), /did not come/);
  await client.round_trip();
  client.assert_silent();
  client.send('bye');
  await client.expect_close(4409);
  await assert.rejects(client.next(), /was closed with 4409/);
  await assert.rejects(SimpleClient.open(node, 'refuse'), (error) => {
    assert.ok(error instanceof RefusedError);
    assert.equal(error.status, 403);
    return true;
  });
  node.end();
});

test('raw clients: fragments, pings, what a real server makes of bad frames', options, async () => {
  const node = await fake_node((socket) => {
    socket.on('error', () => {});
    socket.on('message', (data) => socket.send(data.toString()));
  });
  const open = () => new RawClient().open(node, '/', { protocol: false });
  const raw = await open();
  assert.equal(raw.status, 101);
  raw.send('{"a":', { fin: false });
  raw.send('p', { opcode: OPCODE.ping });
  raw.send('1}', { opcode: OPCODE.continuation });
  assert.equal((await raw.next(OPCODE.pong)).payload.toString(), 'p');
  assert.deepEqual(await raw.next_json(), { a: 1 });
  raw.write(frame_bytes(`"${'x'.repeat(70000)}"`));
  assert.equal((await raw.next_json()).length, 70000);
  for (const [code, act] of [
    [1002, (bad) => bad.send('{}', { masked: false })],
    [1002, (bad) => bad.send('{}', { rsv: 2 })],
    [1007, (bad) => bad.send(Buffer.from([0xff]))],
    [1009, (bad) => bad.send('x', { announce: 2 ** 21 })],
  ]) {
    const bad = await open();
    act(bad);
    assert.equal(await bad.close_code(), code);
    await bad.close();
  }
  await raw.close();
  node.end();
});
