// Hostile HTTP: it is refused, what it was after does not happen, and everybody else is served as if
// nothing had been. (Storms and rates: overload.test.js; any bytes: fuzz/.)

import assert from 'node:assert/strict';
import { HOST, KEY, hostile_scenes, lines, page, post, upgrade } from '../lib/hostile.js';
import { http } from '../lib/http.js';
import { random } from '../lib/random.js';
import { pause, waitFor } from '../lib/wait.js';
import { Wire } from '../lib/wire.js';
import { use_world } from '../lib/world.js';

const world = use_world({ nodes: 1 });
const hostile = hostile_scenes(world);
const SMUGGLED = page('/metrics');

// Each alone on a connection: one answer, of that status, and the end.
async function each_refused(node, requests) {
  await Promise.all(
    Object.entries(requests).map(async ([what, [status, bytes]]) => {
      const answers = await new Wire(node).write(bytes).end();
      assert.deepEqual(answers.map((each) => each.status), [status], what);
    }),
  );
}

// ---- one request, two readings -------------------------------------------------------------

hostile('what two readers could read in two ways is refused, and nothing behind it is read', async (stage, node) => {
  const body = '{"username":"u"}';
  const with_length = (value) => lines('POST /user HTTP/1.1', HOST, `Content-Length: ${value}`) + body;
  await each_refused(node, {
    'a length and chunks': [400, post(body, 'Transfer-Encoding: chunked') + SMUGGLED],
    'chunks and a length': [400, lines('POST /user HTTP/1.1', HOST, 'Transfer-Encoding: chunked', 'Content-Length: 5') + SMUGGLED],
    chunks: [411, `${lines('POST /user HTTP/1.1', HOST, 'Transfer-Encoding: chunked')}0\r\n\r\n${SMUGGLED}`],
    'chunks of a GET': [411, `${page('/healthz', 'Transfer-Encoding: chunked')}0\r\n\r\n${SMUGGLED}`],
    'something like chunks': [411, lines('POST /user HTTP/1.1', HOST, 'Transfer-Encoding: xchunked') + SMUGGLED],
    'two lengths': [400, lines('POST /user HTTP/1.1', HOST, 'Content-Length: 16', 'Content-Length: 5') + body],
    'the same length twice': [400, lines('POST /user HTTP/1.1', HOST, 'Content-Length: 16', 'Content-Length: 16') + body],
    'a list of lengths': [400, with_length('16, 16')],
    'a signed length': [400, with_length('+16')],
    'a negative length': [400, with_length('-1')],
    'a length in hex': [400, with_length('0x10')],
    'a length of two words': [400, with_length('1 6')],
    'a length beyond 64 bits': [400, with_length('18446744073709551632')],
    'no length': [400, with_length('')],
    'a blank in front of the colon': [400, lines('POST /user HTTP/1.1', HOST, 'Content-Length : 16') + body],
    'a tab in front of the colon': [400, lines('POST /user HTTP/1.1', HOST, 'Content-Length\t: 16') + body],
    'a folded line': [400, page('/healthz', 'X-A: a', ' b')],
    'a line folded with a tab': [400, page('/healthz', 'X-A: a', '\tContent-Length: 5')],
    'a line that ends with LF alone': [400, lines('POST /user HTTP/1.1', HOST, 'X-A: a\nContent-Length: 16') + body],
    'a head that ends with LF alone': [400, `GET /healthz HTTP/1.1\nHost: a\n\n${SMUGGLED}`],
    'a head that ends with LF inside a line': [400, lines('GET /healthz HTTP/1.1', HOST, `X-A: a\n\n${SMUGGLED}`)],
    'a CR alone': [400, page('/healthz', 'X-A: a\rb')],
    'a CR in front of the last line end': [400, page('/healthz', 'X-A: a\r')],
    'a NUL': [400, page('/healthz', 'X-A: a\0b')],
    'two hosts': [400, page('/healthz', 'Host: other')],
    'no host': [400, lines('GET /healthz HTTP/1.1', 'X-A: a')],
    'a target in absolute form': [400, page('http://other/healthz')],
    'a target of a proxy': [400, lines('CONNECT other:80 HTTP/1.1', HOST)],
    'a target that is a star': [400, lines('OPTIONS * HTTP/1.1', HOST)],
    'a target with a fragment': [400, page('/healthz#x')],
    'no target': [400, lines('GET HTTP/1.1', HOST)],
    'two blanks': [400, lines('GET  /healthz HTTP/1.1', HOST)],
    'HTTP/2.0': [400, lines('GET /healthz HTTP/2.0', HOST)],
    'the preface of HTTP/2': [400, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    'HTTP/0.9': [400, 'GET /healthz\r\n\r\n'],
    'the hello of TLS': [400, Buffer.from('160301020001000203', 'hex')],
    'a method in small letters': [501, lines('get /healthz HTTP/1.1', HOST)],
    TRACE: [501, lines('TRACE /healthz HTTP/1.1', HOST)],
    'a method that is none': [501, lines('FETCH /user HTTP/1.1', HOST)],
    'two credentials': [400, page('/api/v1/users', 'Authorization: Bearer a', 'Authorization: Bearer b')],
    'two origins': [400, page('/api/v1/users', 'Origin: http://a', 'Origin: http://b')],
    'two in one packet': [501, page() + SMUGGLED],
    'a body that nobody announced': [501, lines('DELETE /key HTTP/1.1', HOST) + SMUGGLED],
  });
});

hostile('an upgrade that is none is refused', async (stage, node) => {
  const path = `/simple?username=${stage.name('mallory')}`;
  await each_refused(node, {
    'without a key': [400, upgrade(path)],
    'a key that is too short': [400, upgrade(path, 'Sec-WebSocket-Key: c2hvcnQ=')],
    'a key of 8 KB': [400, upgrade(path, `Sec-WebSocket-Key: ${'a'.repeat(7000)}`)],
    'two keys': [400, upgrade(path, KEY, KEY)],
    'two versions': [400, upgrade(path, KEY, 'Sec-WebSocket-Version: 13')],
    'to two protocols': [400, upgrade(path, KEY, 'Upgrade: h2c')],
    'to one that we do not speak': [400, page('/healthz', 'Connection: Upgrade', 'Upgrade: other')],
    'by POST': [400, upgrade(path, KEY).replace('GET', 'POST')],
    'by HTTP/1.0': [400, upgrade(path, KEY).replace('HTTP/1.1', 'HTTP/1.0')],
    'that its own hop was not asked for': [400, upgrade(path, KEY).replace('Connection: Upgrade', 'Connection: close')],
    'with a body': [400, `${upgrade(path, KEY, 'Content-Length: 5')}hello`],
    'with chunks': [400, `${upgrade(path, KEY, 'Transfer-Encoding: chunked')}0\r\n\r\n`],
    'of version 8': [426, upgrade(path, KEY).replace('Version: 13', 'Version: 8')],
    'at a path that no protocol has': [404, upgrade('/simple/../messaging?client_id=1', KEY)],
  });
  assert.deepEqual(await stage.redis.hash(`parley:user:{${stage.name('mallory')}}:sessions`), {});
});

// ---- several requests -----------------------------------------------------------------------

// Whatever the pieces in which they arrive, the answers are those to the first ones, in order.
hostile('requests behind one another are answered in order, or their connection ends', async (stage, node) => {
  const who = stage.name('asker');
  const bad_body = '{"username":"u"}';
  const requests = [
    [page(), 200, /^ok/],
    [page(`/api/v1/users/${who}?user=${who}`), 200, new RegExp(who)],
    [post(bad_body), 400, /password_missing/],
    [page('/nowhere'), 404, /not_found/],
    [post(`[${SMUGGLED}]`), 400, /malformed_json/],
    [page('/readyz'), 200, /ready/],
  ];
  const { below } = random(7);
  await Promise.all(
    Array.from({ length: 60 }, async () => {
      const order = Array.from({ length: 3 }, () => requests[below(requests.length)]);
      const bytes = order.map(([request]) => request).join('');
      const cut = 1 + below(bytes.length - 1);
      const wire = new Wire(node).write(bytes.slice(0, cut));
      await pause(below(3)); // any: what is held must not depend on it
      wire.write(bytes.slice(cut));
      await waitFor('all answers, or the end', () => wire.closed || wire.answers().length === order.length);
      const answers = wire.answers();
      if (answers.length === 1 && answers[0].status === 501) return; // two in one packet
      for (const [i, { status, body }] of answers.entries()) {
        if (status === 501) continue; // the rest, in one packet
        assert.equal(status, order[i][1], `answer ${i + 1} to ${order.map(([each]) => each.split('\r')[0])}`);
        assert.match(body, order[i][2]);
      }
      wire.socket.destroy();
    }),
  );
});

// A connection on which the door has looked at the head of a POST, and not at what is behind it.
async function announced(node, body) {
  const wire = new Wire(node).write(post(body, 'Expect: 100-continue').slice(0, -body.length));
  await wire.until(/^HTTP\/1\.1 100 /);
  return wire;
}

// A small body, and one that is larger than what the door looks at.
for (const length of [16, 50000]) {
  hostile(`what comes behind a body of ${length} bytes in the same packet is not carried out`, async (stage, node) => {
    const user = stage.name('smuggled');
    const body = `{"username":"u"}${' '.repeat(length - 16)}`;
    const wire = await announced(node, body);
    wire.write(body + page(`/api/v1/users/${user}?user=${user}`));
    const answers = await wire.end();
    assert.deepEqual(answers.map(({ status }) => status), [400]);
    assert.match(answers[0].body, /password_missing/);
    assert.match(answers[0].head, /^connection: close$/im);
    assert.deepEqual(await stage.redis.keys(`*${user}*`), []);
  });
}

hostile('half a request behind a body ends the connection, and completes nothing', async (stage, node) => {
  const user = stage.name('smuggled');
  const body = '{"username":"u"}';
  const wire = await announced(node, body);
  wire.write(`${body}GET /healthz HTTP/1.1\r\nX-A: `);
  await wire.until(/password_missing/);
  wire.write(page(`/api/v1/users/${user}?user=${user}`));
  assert.deepEqual((await wire.end()).map(({ status }) => status), [400]);
  assert.deepEqual(await stage.redis.keys(`*${user}*`), []);
});

// ---- large and slow -----------------------------------------------------------------------------

hostile('heads and bodies that are too large are told so', async (stage, node) => {
  await each_refused(node, {
    'a long path': [431, page(`/${'a'.repeat(9000)}`)],
    'a long field': [431, page('/healthz', `Cookie: ${'a'.repeat(9000)}`)],
    'a megabyte': [431, page('/healthz', `Cookie: ${'a'.repeat(1 << 20)}`)],
    'many fields': [431, page('/healthz', ...Array(2000).fill('X-A: b'))],
    'many parameters': [400, page(`/healthz?${'a&'.repeat(1000)}`)],
    'a token of 100 KB': [431, page('/api/v1/users', `Authorization: Bearer ${'a'.repeat(100000)}`)],
    'a key of 100 KB': [431, page(`/api/v1/users?key=${'a'.repeat(100000)}`)],
    'a body that is announced to be huge': [413, `${lines('POST /user HTTP/1.1', HOST, 'Content-Length: 999999999999')}{`],
  });
  for (const [path, fields] of [[`/${'a'.repeat(7000)}`, []], ['/nowhere', [`Cookie: ${'a'.repeat(7000)}`]]]) {
    const wire = new Wire(node).write(page(path, ...fields));
    await wire.until(/^HTTP\/1\.1 404 /);
    wire.socket.destroy();
  }
});

// The door's patience: 10 s for a head, 20 s for a body; nothing shows sooner that it works.
hostile('who is slow with a head or a body is not waited for', async (stage, node) => {
  const dribble = async (wire, bytes) => {
    for (const byte of bytes) {
      if (wire.closed) return;
      wire.write(byte);
      await pause(300);
    }
  };
  const wires = [
    new Wire(node),
    new Wire(node).write('GET /healthz HTT'),
    new Wire(node).write(`${lines('POST /user HTTP/1.1', HOST, 'Content-Length: 50')}{`),
    new Wire(node),
    new Wire(node).write(lines('POST /user HTTP/1.1', HOST, 'Content-Length: 400')),
    new Wire(node).write(page()), // and nothing behind it
  ];
  dribble(wires[3], page('/healthz', `X-A: ${'a'.repeat(200)}`));
  dribble(wires[4], `{"username":"${'a'.repeat(400)}`);
  await Promise.all(wires.map((wire) => wire.end(40000)));
  assert.deepEqual(wires.map((wire) => wire.answers().map(({ status }) => status)), [[], [408], [408], [408], [408], [200]]);
  for (const wire of wires.slice(1, 5)) assert.match(wire.answers()[0].head, /^connection: close$/im);
}, { timeout_ms: 60000 });

hostile('connections of which one half is gone are answered, and end', async (stage, node) => {
  const silent = Array.from({ length: 100 }, () => new Wire(node));
  for (const wire of silent) wire.socket.end();
  const half_heads = Array.from({ length: 100 }, () => new Wire(node));
  for (const wire of half_heads) wire.socket.end('GET /healthz HT');
  const half_bodies = Array.from({ length: 20 }, () => new Wire(node));
  for (const wire of half_bodies) wire.socket.end(post('{"username":"u"}').slice(0, -5));
  await Promise.all([...silent, ...half_heads, ...half_bodies].map((wire) => wire.end()));
  const who = stage.name('half');
  for (const [request, status] of [[page(), 200], [post('{}'), 400], [page(`/api/v1/users/${who}?user=${who}`), 200]]) {
    const wire = new Wire(node);
    wire.socket.end(request);
    assert.deepEqual((await wire.end()).map((each) => each.status), [status], request);
  }
});

hostile('a large answer reaches who reads slowly, and the next request is answered behind it', async (stage, node) => {
  const who = stage.name('writer');
  const api = stage.rest(0, 'native', { user: who });
  const room = stage.name('den');
  await api.ok('POST', '/api/v1/rooms', { id: room });
  for (let i = 0; i < 60; i++) await api.ok('POST', `/api/v1/rooms/${room}/messages`, { text: `${i} ${'x'.repeat(60000)}` });
  const wire = new Wire(node).write(page(`/api/v1/rooms/${room}/messages?limit=100&user=${who}`));
  await new Promise((resolve) => { wire.socket.once('data', resolve); });
  wire.socket.pause();
  wire.write(page());
  for (let i = 0; i < 10; i++) await http(node.url, '/healthz'); // so many turns of the loop later
  wire.socket.resume();
  const [large, next] = await waitFor('both answers', () => wire.answers().length === 2 && wire.answers());
  const { messages } = JSON.parse(large.body);
  assert.ok(messages.length > 5);
  assert.ok(messages.every(({ text }) => text.length > 60000));
  assert.equal(next.body, 'ok\n');
  wire.socket.destroy();
}, { timeout_ms: 60000 });

// ---- what comes back in a head -------------------------------------------------------------------

hostile('no value of a request becomes a field of the answer', async (stage, node) => {
  const evil = ['http://a%0d%0aX-Evil: 1', 'http://a\tX-Evil: 1', 'null', '*', `http://${'a'.repeat(5000)}`, 'http://\xff\xfe', '"', 'a, b'];
  for (const origin of evil) {
    for (const request of [
      lines('OPTIONS /user HTTP/1.1', HOST, `Origin: ${origin}`),
      lines('DELETE /api/v1/users?user=x HTTP/1.1', HOST, `Origin: ${origin}`),
    ]) {
      const wire = new Wire(node).write(Buffer.from(request, 'latin1'));
      const [{ head }] = await waitFor('an answer', () => wire.answers().length && wire.answers());
      assert.doesNotMatch(head, /^x-evil/im);
      const told = /^access-control-allow-origin: (.*)$/im.exec(head)?.[1];
      assert.ok(told === undefined || told.trim() === origin.trim(), head);
      wire.socket.destroy();
    }
  }
  for (const offered of ['parley.simple.v1\tX', 'parley.none.v1', 'a, b;c="d"', 'parley.simple.v1, evil']) {
    const raw = await stage.raw(0, `/simple?username=${stage.name(`o${offered.length}`)}`, {
      headers: { 'Sec-WebSocket-Protocol': offered },
      protocol: 'simple',
    });
    const told = /^sec-websocket-protocol: *(.*)$/im.exec(raw.head)?.[1].trim();
    assert.ok(told === undefined || told === 'parley.simple.v1', raw.head);
    await raw.close();
  }
});

// ---- paths ------------------------------------------------------------------------------------------

hostile('there is nothing behind the pages', async (stage, node) => {
  const up = ['..', '%2e%2e', '%2E.', '..;', '..%2f..', '..\\..', '%5c..', '%252e%252e', '%c0%ae%c0%ae', '.'];
  const paths = up.flatMap((each) => [`/${each}/healthz`, `/healthz/${each}/healthz`, `/${each}/${each}/etc/passwd`, `/api/v1/${each}/v1/openapi.json`]);
  const others = ['//healthz', '/healthz/', '/healthz;x', '/healthz%20', '/healthz%2f', '/Healthz', '/index.html', '/console/index.html',
    '/.git/config', '/api//v1/openapi.json', '/%68ealthz', '/healthz%3Fx', '//other/healthz', '/api/v1/openapi.json/'];
  for (const path of [...paths, ...others]) {
    const wire = new Wire(node).write(page(path));
    const [{ status, body }] = await waitFor(`an answer to ${path}`, () => wire.answers().length && wire.answers());
    assert.ok([400, 404].includes(status), `${path}: ${status}`);
    assert.ok(body === '' || JSON.parse(body).error, path);
    wire.socket.destroy();
  }
  for (const path of ['/%00', '/healthz%00', '/%', '/%4', '/%zz', '/api/v1/users/%', '/api/v1/users?user=%zz']) {
    assert.equal((await http(node.url, path)).status, 400, path);
  }
});

hostile('what is not UTF-8 names nobody', async (stage, node) => {
  const bad = ['%ff', '%c0%af', '%ed%a0%80', '%f5%80%80%80', '%c3', 'a%80b', '%e2%82'];
  for (const each of bad) {
    assert.equal((await http(node.url, `/api/v1/users/${each}?user=a`)).status, 404, each);
    assert.ok([400, 401].includes((await http(node.url, `/api/v1/users?user=${each}`)).status), each);
    assert.equal((await http(node.url, `/api/v1/users?token=${each}`)).status, 401, each);
    const latin = Buffer.from(decodeURIComponent(each.replaceAll('%', '%25')).replace(/%(..)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))), 'latin1');
    const body = Buffer.concat([Buffer.from('{"username":"'), latin, Buffer.from('","password":"p"}')]);
    const { status, body: told } = await http(node.url, '/user', { method: 'POST', headers: { 'content-length': body.length }, body });
    assert.equal(status, 400, each);
    assert.equal(JSON.parse(told).error, 'malformed_json', each);
  }
});
