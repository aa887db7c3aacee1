// What tests of hostile peers share: their scenes, requests by hand, ids and words of every kind.

import assert from 'node:assert/strict';
import { http } from './http.js';
import { memory_tells, resident_mib } from './memory.js';
import { parse_metrics } from './prometheus.js';
import { waitFor } from './wait.js';
import { scene } from './world.js';

// What a node may keep of the worst of them: buffers that it reads into, what its allocator keeps.
const KEPT_MIB = 32;
// Nobody is there but who asks for the metrics.
const AT_REST = { connections: 1, sessions: 0, outbox_bytes: 0, outbox_blocked: 0, commands_in_flight: 0, handshakes_waiting: 0, worker_restarts_total: 0 };

async function not_at_rest(node) {
  const { samples } = parse_metrics(await node.metrics());
  return Object.entries(AT_REST).flatMap(([name, wanted]) => {
    const found = samples.filter((sample) => sample.name === `parley_${name}`);
    const sum = found.reduce((total, { value }) => total + value, 0);
    return found.length && sum === wanted ? [] : [`${name} ${sum}`];
  });
}

// Scenes in a world of one node: somebody else talks before and after, undisturbed; the node stays
// ready; when all have gone nothing is left of them, and no worker has died.
export function hostile_scenes(world) {
  let before_mib = 0;
  return function hostile(name, play, options) {
    scene(world, name, async (stage) => {
      const [node] = stage.nodes;
      before_mib ||= resident_mib(node.child);
      const witness = await stage.simple_arrived(0, 'witness');
      await play(stage, node);
      assert.equal((await witness.say_and_wait('still here')).error, null);
      assert.equal((await http(node.url, '/readyz')).status, 200);
      await stage.clear();
      let left;
      await waitFor(() => `all have gone: ${left}`, async () => (left = await not_at_rest(node)).length === 0);
      const kept_mib = resident_mib(node.child) - before_mib;
      assert.ok(!memory_tells || kept_mib < KEPT_MIB, `${kept_mib} MiB are kept`);
    }, options);
  };
}

// ---- requests by hand (wire.js) ------------------------------------------------------------

export const lines = (...parts) => `${parts.join('\r\n')}\r\n\r\n`;
export const HOST = 'Host: parley';
export const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
export const page = (path = '/healthz', ...fields) => lines(`GET ${path} HTTP/1.1`, HOST, ...fields);
export const post = (body, ...fields) =>
  `${lines('POST /user HTTP/1.1', HOST, `Content-Length: ${body.length}`, ...fields)}${body}`;
export const upgrade = (path, ...fields) =>
  lines(`GET ${path} HTTP/1.1`, HOST, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', ...fields);

// ---- words ---------------------------------------------------------------------------------

export const IDS = ['*', '?', '[a-z]', '[^x]', '\\', '\\*', '{x}', '}{', '{}', '{lobby}', '}:unread', '|', 'a|b', '#', '##', '\r\n', 'a\r\nDEL x\r\n', '\0', 'a\0b', '\x7f', ' ', '"', "'", '`id`', '$(id)', '%s%n', '%00',
  '..', '.', '/', 'a/b', '🙂', '\u202e', '\ufeff', 'é'.normalize('NFD'), 'x'.repeat(127), 'x'.repeat(128), 'x'.repeat(129), '€'.repeat(43), 'server', '0', '-1', '1e3', '9'.repeat(30), 'parley:user:{witness}',
  '00000000-0000-0000-0000-000000000000', 'constructor', '__proto__', 'null'];

export const WORDS = [
  `"]) redis.call('FLUSHALL') --`,
  `'; return redis.call('FLUSHALL') --`,
  `]] redis.call('FLUSHALL') --[[`,
  '\r\n*1\r\n$8\r\nFLUSHALL\r\n',
  '$8\r\nFLUSHALL',
  '","id":1,"seq":9,"kind":"notice","x":"',
  '{"v":1,"id":0,"seq":0,"kind":"session.revoked"}',
  '<script>alert(1)</script>',
  '%s%n%x%p',
  '${7*7} {{7*7}} #{7*7}',
  '\u0000\u0001\u001f\u007f',
  '\u2028\u2029\ufeff\u202e',
  '\ud800',
  '-- ',
  'constructor',
  'x'.repeat(4000),
];
