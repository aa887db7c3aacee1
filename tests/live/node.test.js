// The node as a process: its own Redis, its workers, its routes, its end.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { MessagingClient, RefusedError, SimpleClient } from '../lib/client.js';
import { Gateway, program } from '../lib/gateway.js';
import { http } from '../lib/http.js';
import { Child, children_of, temporary_folder } from '../lib/process.js';
import { parse_metrics } from '../lib/prometheus.js';
import { RedisServer } from '../lib/redis.js';
import { waitFor } from '../lib/wait.js';
import { World } from '../lib/world.js';

const options = { timeout: 60000 };

function command_of(pid) {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
}

function exists(pid) {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function with_world(settings, play) {
  const world = await World.start(settings);
  try {
    await play(world);
    await world.watch.settle();
    world.watch.check();
  } catch (error) {
    error.message += `\n${world.logs()}`;
    throw error;
  } finally {
    await world.stop();
  }
}

test('with no Redis named, the program works alone and keeps its data over a restart', options, async () => {
  const folder = temporary_folder('data');
  const start = () => Gateway.start({ redis: null, id: 'alone', flags: ['--data', folder] });
  let node = await start();
  try {
    const alice = await MessagingClient.open(node, 'alice');
    await alice.put_and_wait({ id: 1, rid: 'bob', text: 'kept' });
    await alice.close();
    const pids = children_of(node.child.pid);
    const redis = pids.find((pid) => command_of(pid).includes('redis-server'));
    assert.ok(redis, `no redis-server among ${pids.map(command_of)}`);
    await node.stop();
    assert.equal(node.child.code, 0);
    assert.ok(!exists(redis), 'its redis-server outlived it');
    node = await start();
    const bob = await MessagingClient.open(node, 'bob');
    assert.equal((await bob.messages(1))[0].text, 'kept');
    await bob.close();
  } catch (error) {
    error.message += `\n${node.log()}`;
    throw error;
  } finally {
    await node.stop();
  }
});

// Who Redis refuses (a wrong password; a Redis without AUTH, which repeats what it was asked) is told so
// once, however often it tries.
for (const [why, reason, break_it] of [
  ['a wrong password', 'WRONGPASS', null],
  ['a Redis that knows no AUTH', 'AUTH is refused', ['--rename-command', 'AUTH', '']],
]) {
  test(`${why} is an error, once, and no password is logged`, options, async () => {
    const redis = await RedisServer.start({ settings: break_it ?? [] });
    const url = redis.url.replace(/:[^:@]*@/, ':open-sesame@');
    const node = await Gateway.start({ redis: { url }, id: 'refused', ready: false });
    try {
      await waitFor('each link has tried thrice', () => {
        return ['commands', 'bus'].every((link) => node.log().split(new RegExp(`redis_link_failed link=\\S*:${link}`)).length > 3);
      });
      const log = node.log().split('\n');
      const errors = log.filter((line) => line.includes('event=redis_refuses'));
      assert.equal(errors.length, 2, node.log());
      for (const line of errors) assert.ok(line.includes('level=error') && line.includes(reason), line);
      assert.ok(!node.log().includes('open-sesame'), node.log());
    } finally {
      await node.stop();
      await redis.stop();
    }
  });
}

test('a private redis-server dies with a killed node, and its data is there again', options, async () => {
  const folder = temporary_folder('data');
  const start = () => Gateway.start({ redis: null, id: 'alone', flags: ['--data', folder] });
  let node = await start();
  try {
    const alice = await MessagingClient.open(node, 'alice');
    await alice.put_and_wait({ id: 1, rid: 'bob', text: 'kept' });
    const pids = children_of(node.child.pid);
    // The first process alone: what it started must notice by itself.
    process.kill(node.child.pid, 'SIGKILL');
    await node.child.exited;
    await waitFor('its children are gone', () => !pids.some(exists));
    await alice.cut();
    node = await start();
    const bob = await MessagingClient.open(node, 'bob');
    assert.equal((await bob.messages(1))[0].text, 'kept');
    await bob.close();
  } finally {
    await node.stop();
  }
});

test('a private redis-server that dies comes back, or the node says that it is not ready', options, async () => {
  const folder = temporary_folder('data');
  const node = await Gateway.start({ redis: null, id: 'alone', flags: ['--data', folder] });
  try {
    const redis = children_of(node.child.pid).find((pid) => command_of(pid).includes('redis-server'));
    process.kill(redis, 'SIGKILL');
    await waitFor('the node is ready again with another redis-server', async () => {
      const others = node.running
        ? children_of(node.child.pid).filter((pid) => pid !== redis && command_of(pid).includes('redis-server'))
        : [];
      return others.length === 1 && (await http(node.url, '/readyz')).status === 200;
    });
    const alice = await MessagingClient.open(node, 'alice');
    await alice.put_and_wait({ id: 1, rid: 'bob' });
    await alice.close();
  } catch (error) {
    error.message += `\n${node.log()}`;
    throw error;
  } finally {
    await node.stop();
  }
});

test('a worker that is killed comes back, and the others do not notice', options, () =>
  with_world({ nodes: 1, node: { workers: 2 } }, async (world) => {
    const [node] = world.nodes;
    const workers = children_of(node.child.pid);
    assert.equal(workers.length, 2);
    const clients = [];
    for (let i = 0; i < 20; i++) clients.push(await SimpleClient.open(node, `user-${i}`));
    process.kill(workers[0], 'SIGKILL');
    await waitFor('a new worker', () => {
      const now = children_of(node.child.pid);
      return now.length === 2 && !now.includes(workers[0]);
    });
    await node.ready();
    const left = clients.filter((client) => client.is_open);
    for (const client of left) assert.equal((await client.say_and_wait('still here')).error, null);
    await waitFor('the dead worker\'s users are gone', async () => {
      const keys = await world.redis.keys('parley:user:*:sessions');
      return keys.length === left.length;
    }, 15000);
    const fresh = await SimpleClient.open(node, 'fresh');
    assert.equal((await fresh.say_and_wait('hello')).error, null);
    const { samples } = parse_metrics(await node.metrics());
    const restarts = samples.filter(({ name }) => name === 'parley_worker_restarts_total');
    assert.equal(restarts.reduce((sum, { value }) => sum + value, 0), 1);
    await Promise.all([...clients, fresh].map((client) => client.close()));
  }));

test('two workers are two nodes: their users talk with each other', options, () =>
  with_world({ nodes: 1, node: { workers: 2 } }, async (world) => {
    const [node] = world.nodes;
    const clients = [];
    for (let i = 0; i < 16; i++) clients.push(await MessagingClient.open(node, `user-${i}`));
    const { samples } = parse_metrics(await node.metrics());
    const spread = samples.filter(({ name, labels }) => name === 'parley_sessions' && labels.protocol === 'messaging');
    assert.equal(spread.reduce((sum, { value }) => sum + value, 0), 16);
    const others = (client) => clients.map(({ id }) => id).filter((id) => id !== client.id);
    for (const from of clients) from.put(...others(from).map((rid) => ({ id: `${from.id}>${rid}`, rid })));
    for (const to of clients) {
      const items = await to.messages(15);
      assert.deepEqual(items.map(({ sid }) => sid).sort(), others(to).sort());
    }
    await Promise.all(clients.map((client) => client.close()));
  }));

test('SIGTERM closes with 1012, says not ready, leaves no presence, and exits with 0', options, () =>
  with_world({ nodes: 2 }, async (world) => {
    const [node, other] = world.nodes;
    const alice = await SimpleClient.open(node, 'alice');
    const bob = await MessagingClient.open(node, 'bob');
    const carol = await SimpleClient.open(other, 'carol');
    process.kill(node.child.pid, 'SIGTERM');
    await Promise.all([alice.expect_close(1012), bob.expect_close(1012)]);
    const { code } = await node.child.exited;
    assert.equal(code, 0);
    await carol.until((frame) => frame.type === 'user_disconnected' && frame.username === 'alice');
    assert.deepEqual(await world.redis.keys('parley:user:*:sessions'), ['parley:user:{carol}:sessions']);
    assert.equal((await world.redis.command('ZRANGE', 'parley:nodes', 0, -1)).filter((id) => id.startsWith(node.id)).length, 0);
    await carol.close();
  }));

test('a draining node takes nobody in', options, () =>
  with_world({ nodes: 1, node: { flags: ['--drain-rate', 1, '--drain-seconds', 10] } }, async (world) => {
    const [node] = world.nodes;
    const clients = [];
    for (let i = 0; i < 4; i++) clients.push(await MessagingClient.open(node, `user-${i}`));
    process.kill(node.child.pid, 'SIGTERM');
    await waitFor('the first is sent away', () => clients.some((client) => !client.is_open));
    // Not listening any more, or 503: both keep a balancer from sending people here.
    const answer = await http(node.url, '/readyz').catch(() => ({ status: 503 }));
    assert.equal(answer.status, 503);
    await assert.rejects(MessagingClient.open(node, 'late'), (error) => {
      assert.ok(!(error instanceof RefusedError) || error.status === 503, error.message);
      return true;
    });
    // Who is still there can be served until its turn comes.
    for (const client of clients) await client.expect_close(1012, 12000);
    assert.equal((await node.child.exited).code, 0);
  }));

test('SIGHUP takes over what can be reloaded', options, async () => {
  const folder = temporary_folder('config');
  const file = join(folder, 'parley.conf');
  writeFileSync(file, 'message-bytes = 1KiB\n');
  await with_world({ nodes: 1, node: { flags: ['--config', file] } }, async (world) => {
    const [node] = world.nodes;
    const alice = await SimpleClient.open(node, 'alice');
    alice.say('x'.repeat(2000));
    await alice.until((frame) => frame.error === 'too_large');
    writeFileSync(file, 'message-bytes = 8KiB\n');
    process.kill(node.child.pid, 'SIGHUP');
    await waitFor('the new limit', async () => {
      alice.say('x'.repeat(2000));
      const frame = await alice.until((json) => json.type === 'reply');
      return frame.error === null;
    });
    writeFileSync(file, 'message-bytes = nonsense\n');
    process.kill(node.child.pid, 'SIGHUP');
    assert.equal((await alice.say_and_wait('a bad file changes nothing')).error, null);
    await node.ready();
    await alice.close();
  });
});

test('a protocol can be mounted at any path', options, () =>
  with_world({ nodes: 1, node: { flags: ['--routes', 'simple=/talk;messaging=/'] } }, async (world) => {
    const [node] = world.nodes;
    const alice = await SimpleClient.open(node, 'alice', { path: '/talk' });
    const bob = await MessagingClient.open(node, 'bob', { path: '/' });
    await alice.say_and_wait('hello', { to: 'bob' });
    assert.equal((await bob.messages(1))[0].text, 'hello');
    await assert.rejects(SimpleClient.open(node, 'carol'), { status: 404 });
    await alice.close();
    await bob.close();
  }));

test('a bad Redis URL ends the program; one where nobody listens does not', options, async () => {
  const child = new Child('bad', program(), ['--port', '0', '--redis', 'nonsense']);
  const { code } = await child.exited;
  assert.notEqual(code, 0);
  const node = await Gateway.start({
    redis: { url: 'redis://127.0.0.1:1' },
    id: 'waiting',
    ready: false,
  });
  try {
    await waitFor('it answers', async () => (await http(node.url, '/healthz')).status === 200);
    assert.equal((await http(node.url, '/readyz')).status, 503);
    await assert.rejects(SimpleClient.open(node, 'alice'), { status: 503 });
  } finally {
    await node.stop();
  }
});

test('a port that is taken ends the program with a clear line', options, async () => {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  const child = new Child('second', program(), ['--port', String(port), '--listen', '127.0.0.1', '--redis', 'redis://127.0.0.1:1']);
  try {
    const { code } = await child.exited;
    assert.notEqual(code, 0);
    await child.output_ended;
    assert.match(child.log(), new RegExp(String(port)));
  } finally {
    server.close();
    if (child.running) await child.kill();
  }
});
