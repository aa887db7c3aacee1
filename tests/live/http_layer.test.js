// The HTTP layer under the REST surfaces: routing, bodies, limits, CORS, connections that are
// kept or lost. What each route does is tested with its surface.

import assert from 'node:assert/strict';
import { http } from '../lib/http.js';
import { within } from '../lib/wait.js';
import { Wire } from '../lib/wire.js';
import { scene, use_world } from '../lib/world.js';

const ORIGIN = 'https://chat.example';
const FRAMES_BURST = 100;
const world = use_world({
  nodes: 1,
  node: { flags: ['--origins', ORIGIN, '--frames-per-second', 10, '--frames-burst', FRAMES_BURST] },
});

const json = (value, headers = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: typeof value === 'string' ? value : JSON.stringify(value),
});

const request = (method, path, body = '', headers = []) =>
  [`${method} ${path} HTTP/1.1`, 'Host: parley', ...headers, `Content-Length: ${body.length}`, '', body].join('\r\n');

scene(world, 'an unknown path is 404, an unknown method 405 with the known ones', async ({ nodes }) => {
  assert.equal((await http(nodes[0].url, '/api/v1/nothing')).status, 404);
  const answer = await http(nodes[0].url, '/api/v1/openapi.json', { method: 'DELETE' });
  assert.equal(answer.status, 405);
  assert.match(answer.headers.allow, /GET/);
});

scene(world, 'HEAD is GET without the body', async ({ nodes }) => {
  const answer = await http(nodes[0].url, '/api/v1/openapi.json', { method: 'HEAD' });
  assert.equal(answer.status, 200);
  assert.ok(Number(answer.headers['content-length']) > 1000);
  assert.equal(answer.body, '');
});

scene(world, 'a body that is no JSON object is refused, and the server lives', async ({ nodes }) => {
  for (const body of ['{', '[]', 'null', '{"a":1}x', `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`, '\xff']) {
    const answer = await http(nodes[0].url, '/user', json(body));
    assert.equal(answer.status, 400, body);
    assert.equal(JSON.parse(answer.body).error, 'malformed_json', body);
  }
});

scene(world, 'a body over the limit is 413, read or not', async ({ nodes }) => {
  const large = JSON.stringify({ username: 'u', password: 'x'.repeat(70 * 1024) });
  assert.equal((await http(nodes[0].url, '/user', json(large))).status, 413);
  const wire = new Wire(nodes[0]);
  wire.write('POST /user HTTP/1.1\r\nHost: parley\r\nContent-Length: 99999999\r\n\r\n{');
  await wire.until(/^HTTP\/1\.1 413 /);
  await within(5000, 'the end of the connection', wire.ended);
});

scene(world, 'a PUT that says nothing of a body has none, and its connection ends with it', async ({ nodes }) => {
  const wire = new Wire(nodes[0]);
  wire.write('PUT /user HTTP/1.1\r\nHost: parley\r\n\r\n');
  await wire.until(/^HTTP\/1\.1 401 [^]*connection: close[^]*no_key/i);
  await within(5000, 'the end of the connection', wire.ended);
});

scene(world, 'a body in chunks is 411', async ({ nodes }) => {
  const wire = new Wire(nodes[0]);
  wire.write('POST /user HTTP/1.1\r\nHost: parley\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n');
  await wire.until(/^HTTP\/1\.1 411 /);
});

scene(world, 'a connection is kept from one request to the next', async ({ nodes, name }) => {
  const wire = new Wire(nodes[0]);
  wire.write(request('POST', '/user', JSON.stringify({ password: 'x' })));
  await wire.until(/^HTTP\/1\.1 400 [^]*\}/);
  wire.received = '';
  wire.write(request('GET', '/api/v1/openapi.json'));
  await wire.until(/^HTTP\/1\.1 200 [^]*"openapi"/);
  wire.socket.destroy();
});

scene(world, 'a request that comes while the one before is carried out is answered behind it', async (stage) => {
  const wire = new Wire(stage.nodes[0]);
  await stage.redis.command('CLIENT', 'PAUSE', 300, 'ALL');
  for (const path of ['/api/v1/rooms', '/api/v1/users']) {
    wire.write(request('GET', `${path}?user=${stage.name('u')}`));
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  await wire.until(/^HTTP\/1\.1 200 [^]*"rooms"[^]*HTTP\/1\.1 200 [^]*"users"/);
  wire.socket.destroy();
});

scene(world, 'two requests in one packet are refused, and neither is carried out', async (stage) => {
  const user = stage.name('u');
  const one = request('GET', `/api/v1/users/${user}?user=${user}`);
  const wire = new Wire(stage.nodes[0]).write(one + one);
  await wire.until(/^HTTP\/1\.1 501 /);
  await within(5000, 'the end of the connection', wire.ended);
  assert.equal(wire.received.match(/HTTP\/1\.1 /g).length, 1);
  assert.deepEqual(await stage.redis.keys(`*${user}*`), []);
});

scene(world, 'a length that is no number is 400', async ({ nodes }) => {
  for (const length of ['', 'abc', '-1', '+2', '2, 2', '9'.repeat(16)]) {
    const wire = new Wire(nodes[0]).write(`POST /user HTTP/1.1\r\nHost: parley\r\nContent-Length: ${length}\r\n\r\n{}`);
    await wire.until(/^HTTP\/1\.1 400 /);
    wire.socket.destroy();
  }
});

scene(world, 'a DELETE has a body too', async ({ nodes }) => {
  const wire = new Wire(nodes[0]).write(request('DELETE', '/key', '{"key":"none","user_id":"nobody"}'));
  await wire.until(/^HTTP\/1\.1 4\d\d [^]*\}/);
  wire.received = '';
  wire.write(request('GET', '/api/v1/openapi.json'));
  await wire.until(/^HTTP\/1\.1 200 /);
  wire.socket.destroy();
});

scene(world, 'a body in pieces, and one that waits for 100 Continue', async ({ nodes }) => {
  const body = '{"username":"u"}';
  const head = request('POST', '/user', body, ['Expect: 100-continue']).slice(0, -body.length);
  const wire = new Wire(nodes[0]).write(head);
  await wire.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  wire.write(body.slice(0, 5));
  wire.write(body.slice(5));
  await wire.until(/HTTP\/1\.1 400 [^]*password_missing/);
  wire.socket.destroy();
});

scene(world, 'a browser of an allowed origin is let in, of another it is not', async ({ nodes }) => {
  const preflight = await http(nodes[0].url, '/user', {
    method: 'OPTIONS',
    headers: { origin: ORIGIN, 'access-control-request-method': 'POST' },
  });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-origin'], ORIGIN);
  assert.match(preflight.headers['access-control-allow-methods'], /POST/);
  assert.match(preflight.headers['access-control-allow-headers'], /authorization/);
  const allowed = await http(nodes[0].url, '/user', json({}, { origin: ORIGIN }));
  assert.equal(allowed.headers['access-control-allow-origin'], ORIGIN);
});

const FOREIGN = ['https://evil.example', `${ORIGIN}.evil`, `${ORIGIN}:443`, `${ORIGIN}/`, ORIGIN.slice(0, -1), 'http://chat.example', 'https://evil.chat.example',
  `https://evil.example,${ORIGIN}`, `${ORIGIN} https://evil.example`, 'null', '*', 'https://*'];

scene(world, 'a browser of any other origin gets nothing, by REST or WebSocket', async (stage) => {
  const { nodes: [node] } = stage;
  for (const origin of FOREIGN) {
    for (const [path, options] of [['/user', json({}, { origin })], ['/api/v1/users', { headers: { origin } }], ['/user', { method: 'OPTIONS', headers: { origin } }]]) {
      const { status, headers } = await http(node.url, path, options);
      assert.equal(status, 403, `${path} of ${origin}`);
      assert.equal(headers['access-control-allow-origin'], undefined, origin);
    }
    const raw = await stage.raw(0, `/simple?username=${stage.name('u')}`, { headers: { Origin: origin } });
    assert.equal(raw.status, 403, origin);
  }
});

scene(world, 'who leaves before the answer hurts nobody', async (stage) => {
  const [node] = stage.nodes;
  for (let i = 0; i < 5; i++) {
    const body = JSON.stringify({ username: stage.name(`gone${i}`), password: 'a password' });
    const wire = new Wire(node).write(request('POST', '/user', body));
    wire.socket.once('connect', () => setImmediate(() => wire.socket.destroy()));
    await wire.ended;
  }
  const answer = await http(node.url, '/user', json({ username: stage.name('here'), password: 'a password' }));
  assert.equal(answer.status, 200);
});

scene(world, 'one connection that asks too often is told so', async ({ nodes }) => {
  const wire = new Wire(nodes[0]);
  for (let i = 0; i < 2 * FRAMES_BURST && !/HTTP\/1\.1 429 /.test(wire.received); i++) {
    wire.write(request('GET', '/api/v1/users'));
    await wire.until(/HTTP\/1\.1 \d{3} [^]*\}\s*$/);
    if (!/ 429 /.test(wire.received)) wire.received = '';
  }
  assert.match(wire.received, /HTTP\/1\.1 429 /);
  wire.socket.destroy();
});
