// Faults of nodes and of Redis while messages are under way (design.md, "Guarantees").

import assert from 'node:assert/strict';
import { MessagingClient, SimpleClient } from '../lib/client.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({ nodes: 3, redis: { aof: 'always' } });

// "Within 10 s of a node's death its users are offline, and their names are free."
const PRESENCE_MS = 10000;

function faulty(name, play, timeout_ms = 45000) {
  scene(world, name, play, { heals: true, timeout_ms });
}

async function unread(stage, user) {
  return stage.redis.command('LLEN', `parley:user:{${user}}:unread`);
}

faulty("kill -9 of the sender's node right after its acknowledgement", async (stage) => {
  const bob = await stage.messaging(1, 'bob');
  const away = stage.name('away');
  const simple = await stage.simple_arrived(2, 'simple');
  const alice = await stage.messaging(0, 'alice');
  const sent = [];
  await new Promise((resolve) => {
    alice.on_frame = (frame) => {
      sent.push(...(frame.sent ?? []));
      // The very moment of the third acknowledgement.
      if (sent.length === 3) {
        stage.nodes[0].child.signal('SIGKILL');
        resolve();
      }
    };
    alice.put(
      { id: 1, rid: bob.id, text: 'one' },
      { id: 2, rid: away, text: 'two' },
      { id: 3, rid: simple.user, text: 'three' },
    );
  });
  assert.equal((await bob.messages(1))[0].text, 'one');
  assert.equal((await simple.message()).message, 'three');
  const back = await stage.messaging(2, 'away');
  assert.equal((await back.messages(1))[0].text, 'two');
});

faulty("kill -9 of the receiver's node: what it was shown and did not read comes again", async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 1, rid: bob.id });
  await bob.messages(1);
  await stage.nodes[1].kill();
  for (let id = 2; id <= 20; id++) await alice.put_and_wait({ id, rid: bob.id });
  const back = await stage.messaging(2, 'bob');
  const items = await back.messages(20);
  assert.deepEqual(items.map(({ id }) => id), Array.from({ length: 20 }, (_, i) => i + 1));
});

faulty("kill -9 of a simple receiver's node: what it did not prove comes again", async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const deaf = await stage.simple(1, 'bob', { auto_pong: false });
  await alice.put_and_wait({ id: 1, rid: deaf.user, text: 'unproven' });
  assert.equal((await deaf.message()).message, 'unproven');
  await stage.nodes[1].kill();
  await alice.put_and_wait({ id: 2, rid: deaf.user, text: 'meanwhile' });
  const back = await waitFor(
    'the name is free',
    () => stage.simple(2, 'bob').catch((error) => {
      assert.equal(error.status, 403);
      return null;
    }),
    PRESENCE_MS,
  );
  assert.equal((await back.message()).message, 'unproven');
  assert.equal((await back.message()).message, 'meanwhile');
  await waitFor('both were proven', async () => (await unread(stage, back.user)) === 0);
});

faulty('presence after a crash: told within 10 s, names free, no ghosts', async (stage) => {
  const watcher = await stage.simple_arrived(0, 'watcher');
  const victims = [
    await stage.simple_arrived(1, 'victim-a'),
    await stage.simple_arrived(1, 'victim-b'),
    await stage.messaging(1, 'victim-c'),
  ];
  const begun = Date.now();
  await stage.nodes[1].kill();
  const gone = new Set();
  while (gone.size < 2) {
    const { username } = await watcher.until((frame) => frame.type === 'user_disconnected', PRESENCE_MS);
    gone.add(username);
  }
  assert.ok(Date.now() - begun < PRESENCE_MS, `it took ${Date.now() - begun} ms`);
  await waitFor('their sessions are gone', async () => {
    for (const { user } of victims) {
      if (await stage.redis.command('EXISTS', `parley:user:{${user}}:sessions`)) return false;
    }
    return true;
  });
  const again = await stage.simple(2, 'victim-a');
  await again.arrived();
  await waitFor('nothing is left of the dead node', async () => {
    const nodes = await stage.redis.command('ZRANGE', 'parley:nodes', 0, -1);
    const keys = await stage.redis.keys(`parley:node:{${stage.nodes[1].id}*`);
    return !nodes.some((id) => id.startsWith(stage.nodes[1].id)) && keys.length === 0;
  });
  assert.ok(again.is_open);
});

faulty('a crash with a quick restart under the same name leaves no ghosts', async (stage) => {
  const watcher = await stage.simple_arrived(0, 'watcher');
  const victim = await stage.simple_arrived(1, 'victim');
  await stage.nodes[1].kill();
  await stage.nodes[1].launch();
  await watcher.until(
    (frame) => frame.type === 'user_disconnected' && frame.username === victim.user,
    PRESENCE_MS,
  );
  const again = await waitFor('the name is free', () => stage.simple(1, 'victim').catch(() => null), PRESENCE_MS);
  await again.arrived();
});

faulty('a paused node is reaped, and registers again when it goes on', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const frozen = await stage.messaging(1, 'frozen');
  const statue = await stage.simple_arrived(1, 'statue');
  stage.nodes[1].pause();
  const key = (user) => `parley:user:{${user}}:sessions`;
  await waitFor('its users are gone', async () => {
    const left = await stage.redis.command('EXISTS', key(frozen.user), key(statue.user));
    return left === 0;
  }, PRESENCE_MS);
  await alice.put_and_wait({ id: 1, rid: frozen.id });
  await alice.put_and_wait({ id: 2, rid: statue.user, text: 'to the statue' });
  stage.nodes[1].resume();
  assert.equal((await frozen.messages(1, 15000))[0].id, 1);
  assert.equal((await statue.message()).message, 'to the statue');
  await waitFor('both are registered again', async () => {
    return (await stage.redis.command('EXISTS', key(frozen.user), key(statue.user))) === 2;
  }, 15000);
  await alice.put_and_wait({ id: 3, rid: frozen.id });
  assert.equal((await frozen.messages(1))[0].id, 3);
});

faulty('a client that moved while its node was paused keeps its place', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const old = await stage.messaging(1, 'bob');
  stage.nodes[1].pause();
  const moved = await stage.messaging(2, 'bob');
  stage.nodes[1].resume();
  await old.expect_close(4409);
  await alice.put_and_wait({ id: 1, rid: moved.id });
  assert.equal((await moved.messages(1))[0].id, 1);
  assert.equal(Object.keys(await stage.redis.hash(`parley:user:{${moved.user}}:sessions`)).length, 1);
});

faulty('a client that moved while its node was paused for longer than its lease', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const old = await stage.messaging(1, 'bob');
  stage.nodes[1].pause();
  const key = `parley:user:{${old.user}}:sessions`;
  const moved = await stage.messaging(2, 'bob');
  await waitFor('the paused node is reaped', async () => {
    const nodes = await stage.redis.command('ZRANGE', 'parley:nodes', 0, -1);
    return !nodes.some((id) => id.startsWith(stage.nodes[1].id));
  }, PRESENCE_MS);
  stage.nodes[1].resume();
  await old.expect_close(4409, 15000);
  assert.ok(moved.is_open);
  await alice.put_and_wait({ id: 1, rid: moved.id });
  assert.equal((await moved.messages(1))[0].id, 1);
  assert.equal(Object.keys(await stage.redis.hash(key)).length, 1);
});

faulty('a Redis restart (kill -9, append-only always) loses nothing that was acknowledged', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const away = stage.name('away');
  const got = [];
  bob.on_frame = (frame) => got.push(...(frame.messages ?? []).map(({ id }) => id));
  const acknowledged = new Set();
  let next = 0;
  let failed = 0;
  const outcome = new Promise((resolve) => {
    alice.on_frame = (frame) => {
      for (const { id, rid } of frame.sent ?? []) acknowledged.add(`${id} ${rid}`);
      failed += (frame.errors ?? []).length;
      if (acknowledged.size === 100) resolve();
      const item = next++;
      if (item < 1000) alice.put({ id: item, rid: item % 2 ? bob.id : away });
    };
  });
  for (; next < 20; next++) alice.put({ id: next, rid: next % 2 ? bob.id : away });
  await outcome;
  await stage.redis.kill();
  await stage.redis.launch();
  await Promise.all(stage.nodes.map((node) => node.ready()));
  await waitFor('every send has its outcome', () => acknowledged.size + failed >= Math.min(next, 1000));
  const back = await stage.messaging(2, 'away');
  const kept = [];
  const wanted = (rid) => [...acknowledged].filter((key) => key.endsWith(` ${rid}`)).map((key) => Number(key.split(' ')[0]));
  back.on_frame = (frame) => kept.push(...(frame.messages ?? []).map(({ id }) => id));
  for (const frame of back.frames.splice(0)) back.on_frame(frame.json);
  await waitFor(
    () => `all acknowledged ones are shown; missing ${wanted(away).filter((id) => !kept.includes(id))} and ${wanted(bob.id).filter((id) => !got.includes(id))}`,
    () =>
      wanted(away).every((id) => kept.includes(id)) && wanted(bob.id).every((id) => got.includes(id)),
  );
  assert.equal(new Set(got).size, got.length, 'something was shown twice on one connection');
  assert.equal(new Set(kept).size, kept.length, 'something was shown twice on one connection');
});

for (const type of ['pubsub', 'normal']) {
  faulty(`CLIENT KILL TYPE ${type} during traffic: nothing is lost, nothing shown twice`, async (stage) => {
    const alice = await stage.messaging(0, 'alice');
    const bob = await stage.messaging(1, 'bob');
    const carol = await stage.simple_arrived(2, 'carol');
    const got = [];
    const heard = [];
    bob.on_frame = (frame) => got.push(...(frame.messages ?? []).map(({ id }) => id));
    carol.on_frame = (frame) => frame.type === 'message_sent' && heard.push(frame.message);
    const acknowledged = [];
    const errors = [];
    alice.on_frame = (frame) => {
      acknowledged.push(...(frame.sent ?? []));
      errors.push(...(frame.errors ?? []));
    };
    const count = 600;
    let id = 0;
    const put = (until) => {
      for (; id < until; id++) alice.put({ id, rid: id % 2 ? bob.id : carol.user, text: String(id) });
    };
    for (let kill = 1; kill <= 4; kill++) {
      put((count / 5) * kill);
      await waitFor('half of it has an outcome', () => acknowledged.length + errors.length > id - count / 10);
      await stage.redis.command('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes').catch(() => {});
      await stage.nodes[0].ready();
    }
    put(count);
    await waitFor('every send has its outcome', () => acknowledged.length + errors.length === count);
    for (const { code } of errors) assert.equal(code, 'unavailable');
    if (type === 'pubsub') assert.equal(errors.length, 0, 'the command link was not touched');
    const wanted = acknowledged.map((item) => item.id);
    await waitFor(
      () => `all acknowledged ones are shown; missing ${wanted.filter((n) => (n % 2 ? !got.includes(n) : !heard.includes(String(n))))}`,
      () => wanted.every((n) => (n % 2 ? got.includes(n) : heard.includes(String(n)))),
    );
    for (const list of [got, heard.map(Number)]) {
      assert.deepEqual(list, [...new Set(list)].sort((a, b) => a - b), 'twice, or out of order');
    }
  });
}

faulty('CLIENT KILL of subscribers: the lobby heals as well', async (stage) => {
  const clients = [await stage.simple_arrived(0, 'a'), await stage.simple_arrived(1, 'b'), await stage.simple_arrived(2, 'c')];
  const count = 200;
  for (let i = 0; i < count; i++) {
    clients[0].say(`m${i}`);
    if (i % 50 === 25) await stage.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  }
  for (const client of clients) {
    for (let i = 0; i < count; i++) assert.equal((await client.message()).message, `m${i}`);
  }
});

faulty('away messages come from a node that never saw the sender, after all was restarted', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const simple = await stage.simple_arrived(0, 'simple');
  const bob = stage.name('bob');
  for (let id = 0; id < 150; id++) {
    if (id % 2) alice.put({ id, rid: bob, text: `t${id}` });
    else simple.say(`t${id}`, { to: bob });
  }
  await alice.settle();
  await simple.settle();
  const before = await stage.redis.command('LRANGE', `parley:user:{${bob}}:unread`, 0, -1);
  assert.equal(before.length, 150);
  const order = [];
  for (const id of before) {
    const line = await stage.redis.command('HGET', `parley:user:{${bob}}:unread:messages`, id);
    order.push(JSON.parse(line).body.text);
  }
  for (const node of stage.nodes) await node.kill();
  await stage.redis.kill();
  await stage.redis.launch();
  await stage.nodes[1].launch();
  const there = await stage.messaging(1, 'bob');
  const items = await there.messages(150);
  assert.deepEqual(items.map(({ text }) => text), order);
  assert.deepEqual([...order].sort(), Array.from({ length: 150 }, (_, i) => `t${i}`).sort());
});

faulty('SIGTERM under load: closed with 1012, nothing lost, nothing left behind', async (stage) => {
  const bob = await stage.messaging(1, 'bob');
  const got = new Set();
  bob.on_frame = (frame) => {
    for (const { id } of frame.messages ?? []) {
      assert.ok(!got.has(id), `${id} twice`);
      got.add(id);
    }
  };
  const senders = [];
  for (let i = 0; i < 5; i++) senders.push(await stage.messaging(0, `sender-${i}`));
  const acknowledged = new Set();
  const unsettled = senders.map((sender, index) => {
    const waiting = [];
    let count = 0;
    const put = () => {
      const item = { id: `${index}-${count++}`, rid: bob.id };
      waiting.push(item);
      if (sender.is_open) sender.put(item);
    };
    sender.on_frame = (frame) => {
      for (const { id } of frame.sent ?? []) {
        assert.equal(waiting.shift().id, id);
        acknowledged.add(id);
        put();
      }
      for (const { code } of frame.errors ?? []) assert.fail(code);
    };
    for (let i = 0; i < 5; i++) put();
    return waiting;
  });
  await waitFor('traffic flows', () => acknowledged.size > 200);
  process.kill(stage.nodes[0].child.pid, 'SIGTERM');
  for (const sender of senders) await sender.expect_close(1012);
  assert.equal((await stage.nodes[0].child.exited).code, 0);
  for (const [index, waiting] of unsettled.entries()) {
    const again = await stage.messaging(2, `sender-${index}`);
    for (const item of waiting) {
      await again.put_and_wait(item);
      acknowledged.add(item.id);
    }
  }
  await waitFor(
    () => `all are shown; missing ${[...acknowledged].filter((id) => !got.has(id))}`,
    () => [...acknowledged].every((id) => got.has(id)),
  );
  const nodes = await stage.redis.command('ZRANGE', 'parley:nodes', 0, -1);
  assert.ok(!nodes.some((id) => id.startsWith(stage.nodes[0].id)), `${nodes}`);
});

faulty('takeover across nodes while messages flow, and a node dies', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = stage.name('bob');
  let sent = 0;
  alice.on_frame = (frame) => {
    for (const { code } of frame.errors ?? []) assert.fail(code);
    if (frame.sent && sent < 400) alice.put({ id: sent++, rid: bob });
  };
  const first = await stage.messaging(1, 'bob');
  for (let i = 0; i < 5; i++) alice.put({ id: sent++, rid: bob });
  await first.section('messages'); // one of them, or some
  const second = await stage.messaging(2, 'bob');
  await first.expect_close(4409);
  await second.next();
  await stage.nodes[2].kill();
  const third = await stage.messaging(1, 'bob');
  const ids = [];
  third.on_frame = (frame) => ids.push(...(frame.messages ?? []).map(({ id }) => id));
  for (const frame of third.frames.splice(0)) third.on_frame(frame.json);
  await waitFor(() => `all 400 are shown; ${ids.length} are`, () => ids.length >= 400);
  assert.deepEqual(ids, Array.from({ length: 400 }, (_, i) => i));
});
