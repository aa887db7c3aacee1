// Plain HTTP on the same port: health, readiness, metrics, and what is not there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { http } from '../lib/http.js';
import { parse_metrics } from '../lib/prometheus.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({ nodes: 2 });

scene(world, '/healthz and /readyz say 200 on a healthy node', async ({ nodes }) => {
  for (const path of ['/healthz', '/readyz']) {
    const answer = await http(nodes[0].url, path);
    assert.equal(answer.status, 200, path);
    assert.ok(answer.headers['content-type'], path);
  }
});

scene(world, 'a query does no harm', async ({ nodes }) => {
  assert.equal((await http(nodes[0].url, '/healthz?probe=1')).status, 200);
});

scene(world, 'HEAD is answered without a body', async ({ nodes }) => {
  const answer = await http(nodes[0].url, '/healthz', { method: 'HEAD' });
  assert.equal(answer.status, 200);
  assert.equal(answer.body, '');
});

scene(world, '/metrics is in the format of Prometheus', async ({ nodes }) => {
  const answer = await http(nodes[0].url, '/metrics');
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/plain; *version=0\.0\.4/);
  const { families, samples } = parse_metrics(answer.body);
  const rows = readFileSync(new URL('../../gateway/metrics.def', import.meta.url), 'utf8');
  const named = [...rows.matchAll(/^X\([A-Z_]+,\s*[A-Z]+,\s*"([a-z_]+)"/gm)];
  assert.ok(named.length > 20);
  for (const [, name] of named) assert.ok(families.has(`parley_${name}`), `${name} is not on /metrics`);
  for (const [name, { type, help }] of families) {
    assert.match(name, /^parley_/);
    assert.ok(type && help, `${name} has no TYPE or no HELP`);
    if (name.endsWith('_total')) assert.equal(type, 'counter');
  }
  assert.ok(samples.some(({ name }) => name === 'parley_ready'));
  await waitFor('it says that it is ready', async () => {
    const { samples: now } = parse_metrics(await nodes[0].metrics());
    return now.every(({ name, value }) => name !== 'parley_ready' || value === 1);
  });
});

scene(world, 'metrics count what happens, and name neither users nor rooms', async (stage) => {
  const before = parse_metrics(await stage.nodes[0].metrics());
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.messaging(0, 'bob');
  await alice.say_and_wait('hello');
  await bob.put_and_wait({ id: 'id-in-no-label', rid: alice.user, text: 'text-in-no-label' });
  await alice.message((frame) => frame.username === bob.user);
  const text = await stage.nodes[0].metrics();
  const after = parse_metrics(text);
  const sum = ({ samples }, name, label = {}) =>
    samples
      .filter((sample) => sample.name === name)
      .filter(({ labels }) => Object.entries(label).every(([key, value]) => labels[key] === value))
      .reduce((total, { value }) => total + value, 0);
  const grown = (name, label) => sum(after, name, label) - sum(before, name, label);
  assert.equal(grown('parley_sessions', { protocol: 'simple' }), 1);
  assert.equal(grown('parley_sessions', { protocol: 'messaging' }), 1);
  assert.equal(grown('parley_sessions_opened_total', { protocol: 'simple' }), 1);
  assert.equal(grown('parley_frames_in_total', { protocol: 'simple' }), 1);
  assert.equal(grown('parley_frames_in_total', { protocol: 'messaging' }), 1);
  assert.ok(grown('parley_commands_total', { code: 'ok' }) >= 2);
  assert.ok(grown('parley_events_received_total') >= 2);
  for (const word of [alice.user, stage.suffix, 'text-in-no-label', 'id-in-no-label', 'lobby']) {
    assert.ok(!text.includes(word), `${word} stands in the metrics`);
  }
});

scene(world, 'the log holds no payload', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  await alice.say_and_wait('a-payload-is-no-log-line');
  alice.send('{"broken": "a-payload-is-no-log-line');
  await alice.until((frame) => frame.error === 'malformed_payload');
  await alice.close();
  assert.ok(!stage.world.logs().includes('a-payload-is-no-log-line'));
});

scene(world, '/ is the console', async ({ nodes }) => {
  const answer = await http(nodes[0].url, '/');
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/html/);
  assert.match(answer.body, /<title>/i);
});

scene(world, 'what is not there is 404', async ({ nodes }) => {
  for (const path of ['/nowhere', '/healthz/x', '/metrics/', '/../etc/passwd', '/%2e%2e/etc/passwd']) {
    assert.equal((await http(nodes[0].url, path)).status, 404, path);
  }
});

scene(world, 'a path of a protocol, asked for without an upgrade, is no page', async ({ nodes }) => {
  for (const path of ['/simple', '/messaging']) {
    const answer = await http(nodes[0].url, `${path}?username=x&client_id=x`);
    assert.ok([404, 426].includes(answer.status), `${path}: ${answer.status}`);
  }
});

scene(world, 'methods that make no sense are 405, bodies do no harm', async ({ nodes }) => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    const answer = await http(nodes[0].url, '/healthz', {
      method,
      body: 'body',
      headers: { 'content-length': '4' },
    });
    assert.equal(answer.status, 405, method);
  }
  assert.equal((await http(nodes[0].url, '/healthz')).status, 200);
});

scene(world, 'heads that are no HTTP, or too large, end their connection only', async (stage) => {
  const { nodes } = stage;
  for (const request of [
    'nonsense\r\n\r\n',
    'GET /\r\n\r\n',
    `GET /${'x'.repeat(100000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET /simple?username=x HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(5000)}\r\n`,
    '\u0000\u0001\u0002\u0003\r\n\r\n',
    '\r\n\r\n\r\n\r\n',
  ]) {
    // Refused with a status or dropped: either is fine, hanging or dying is not.
    const opening = stage.raw(0, '/', { request: [request] });
    await opening.then(
      (raw) => assert.ok(raw.status >= 400, `${request.slice(0, 20)} got ${raw.status}`),
      (error) => assert.match(error.message, /the connection ended/),
    );
  }
  assert.equal((await http(nodes[0].url, '/healthz')).status, 200);
});

scene(world, 'a head that never ends does not keep others out', async (stage) => {
  for (let i = 0; i < 50; i++) {
    stage.raw(0, '/', { request: ['GET /simple?username=slow HTTP/1.1\r\nHost: a\r\n'] }).catch(() => {});
  }
  const alice = await stage.simple_arrived(0, 'alice');
  assert.equal((await alice.say_and_wait('hello')).error, null);
});
