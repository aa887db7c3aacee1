// When Redis is away (protocols.md, "Redis away"; design.md, guarantees): connections
// stay, commands are refused, readiness fails; on return all heals by itself.

import assert from 'node:assert/strict';
import { MessagingClient, RefusedError, SimpleClient } from '../lib/client.js';
import { http } from '../lib/http.js';
import { waitFor } from '../lib/wait.js';
import { World, scene, use_world } from '../lib/world.js';

const world = use_world({ nodes: 2, redis: { aof: 'always' } });

// Above the 2 s after which a command is given up, below what a hung client would wait.
const GIVEN_UP_MS = 2000;

function heals(name, play) {
  scene(world, name, play, { heals: true, timeout_ms: 45000 });
}

async function refused_with(promise, status) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof RefusedError, error.message);
    assert.equal(error.status, status);
    return true;
  });
}

async function all_ready(stage) {
  await Promise.all(stage.nodes.map((node) => node.ready()));
}

heals('gone: commands are refused at once, connections stay, readiness fails', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await stage.redis.kill();
  await Promise.all(stage.nodes.map((node) => node.readiness(503)));
  const begun = Date.now();
  assert.equal((await alice.say_and_wait('hello')).error, 'unavailable');
  assert.equal((await alice.say_and_wait('psst', { to: bob.user })).error, 'unavailable');
  bob.put({ id: 1, rid: alice.user });
  const [error] = await bob.section('errors');
  assert.deepEqual([error.section, error.id, error.code], ['send', 1, 'unavailable']);
  assert.ok(Date.now() - begun < GIVEN_UP_MS, 'refused only after a wait');
  assert.equal((await http(stage.nodes[0].url, '/healthz')).status, 200);
  await refused_with(SimpleClient.open(stage.nodes[0], stage.name('carol')), 503);
  assert.ok(alice.is_open && bob.is_open);
  await stage.redis.launch();
  await all_ready(stage);
  assert.equal((await alice.say_and_wait('back')).error, null);
});

heals('back: the same connections hear each other again, and nothing was shown twice', async (stage) => {
  const alice = await stage.simple_arrived(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const carol = await stage.simple_arrived(1, 'carol');
  await bob.put_and_wait({ id: 1, rid: alice.user, text: 'before' });
  await alice.message();
  await alice.say_and_wait('stored before', { to: bob.user });
  await bob.messages(1);
  await stage.redis.kill();
  await stage.nodes[0].readiness(503);
  await stage.redis.launch();
  await all_ready(stage);
  await bob.put_and_wait({ id: 2, rid: alice.user, text: 'after' });
  assert.equal((await alice.message()).message, 'after');
  assert.equal((await alice.say_and_wait('to all')).error, null);
  await carol.message((frame) => frame.message === 'to all');
  await alice.say_and_wait('direct', { to: bob.user });
  assert.equal((await bob.messages(1))[0].text, 'direct');
  const sessions = await stage.redis.hash(`parley:user:{${bob.user}}:sessions`);
  assert.equal(Object.keys(sessions).length, 1);
});

// Whoever lives is ahead of it then.
async function all_is_lost(lose) {
  const forgetful = await World.start({ nodes: 2, redis: { aof: 'no' } });
  const [first, second] = forgetful.nodes;
  try {
    const alice = await SimpleClient.open(first, 'alice');
    const bob = await MessagingClient.open(second, 'bob');
    for (let id = 1; id <= 5; id++) {
      await bob.put_and_wait({ id, rid: 'alice', text: `before ${id}` });
      assert.equal((await alice.message()).message, `before ${id}`);
      await alice.say_and_wait(`to all ${id}`);
    }
    await lose(forgetful.redis, first);
    await Promise.all([first.ready(), second.ready()]);
    await waitFor('both users are registered again', async () => {
      const keys = await forgetful.redis.keys('parley:user:*:sessions');
      return ['alice', 'bob'].every((user) => keys.includes(`parley:user:{${user}}:sessions`));
    });
    await bob.put_and_wait({ id: 6, rid: 'alice', text: 'after the flood' });
    assert.equal((await alice.message()).message, 'after the flood');
    assert.equal((await alice.say_and_wait('to all again')).error, null);
    await refused_with(SimpleClient.open(second, 'alice'), 403);
    await alice.close();
    await bob.close();
    forgetful.watch.check();
  } catch (error) {
    error.message += `\n${forgetful.logs()}`;
    throw error;
  } finally {
    await forgetful.stop();
  }
}

heals('back with nothing: a Redis that keeps nothing was restarted', async () => {
  await all_is_lost(async (redis, node) => {
    await redis.kill();
    await node.readiness(503);
    await redis.launch();
  });
});

heals('the same of one that was emptied (FLUSHALL)', async () => {
  await all_is_lost((redis) => redis.command('FLUSHALL'));
});

heals('forgot a session, and remembers one of another run with the same handle', async () => {
  const world = await World.start({ nodes: 1, node: { flags: ['--lease-ms', 1000] } });
  try {
    const alice = await MessagingClient.open(world.nodes[0], 'alice');
    const [hash] = await world.redis.keys('parley:node:*:sessions');
    const [session] = Object.keys(await world.redis.hash(hash));
    const ghost = session.replace(/[0-9a-z]+(?=\.[0-9a-z]+$)/, 'earlier');
    assert.notEqual(ghost, session);
    await world.redis.command('HSET', hash, ghost, 'messaging bob');
    await world.redis.command('HDEL', hash, session);
    await waitFor('who lives stands there, and nobody else', async () => {
      const there = Object.keys(await world.redis.hash(hash));
      return there.length === 1 && there[0] === session;
    });
    await alice.close();
    world.watch.check();
  } catch (error) {
    error.message += `\n${world.logs()}`;
    throw error;
  } finally {
    await world.stop();
  }
});

heals('hung: unavailable after two seconds, and sending again is safe', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  const item = { id: 1, rid: bob.id, text: 'once' };
  stage.redis.pause();
  const begun = Date.now();
  alice.put(item);
  const [error] = await alice.section('errors');
  assert.deepEqual([error.section, error.id, error.code], ['send', 1, 'unavailable']);
  assert.ok(Date.now() - begun < GIVEN_UP_MS + 3000, 'it took too long');
  await Promise.all(stage.nodes.map((node) => node.readiness(503)));
  await refused_with(SimpleClient.open(stage.nodes[1], stage.name('carol')), 503);
  assert.ok(alice.is_open && bob.is_open);
  stage.redis.resume();
  await all_ready(stage);
  await alice.put_and_wait(item);
  await alice.put_and_wait({ id: 'marker', rid: bob.id });
  assert.deepEqual((await bob.messages(2)).map(({ id }) => id), [1, 'marker']);
});

heals('hung for a moment: nobody notices but by waiting', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(1, 'bob');
  await alice.put_and_wait({ id: 'before', rid: bob.id });
  stage.redis.pause();
  alice.put({ id: 1, rid: bob.id });
  await alice.round_trip();
  alice.assert_silent('it cannot have been stored yet');
  stage.redis.resume();
  assert.deepEqual(await alice.section('sent'), [{ id: 1, rid: bob.id }]);
  assert.deepEqual((await bob.messages(2)).map(({ id }) => id), ['before', 1]);
});

for (const [how, away, back] of [
  ['gone', (redis) => redis.kill(), (redis) => redis.launch()],
  ['hung', (redis) => redis.pause(), (redis) => redis.resume()],
]) {
  heals(`${how}: a read that was refused can be asked again`, async (stage) => {
    const alice = await stage.messaging(0, 'alice');
    const bob = await stage.messaging(1, 'bob');
    await alice.put_and_wait({ id: 1, rid: bob.id });
    await alice.put_and_wait({ id: 2, rid: bob.id });
    await bob.messages(2);
    await away(stage.redis);
    if (how === 'gone') await stage.nodes[1].readiness(503);
    bob.mark(1);
    const [error] = await bob.section('errors');
    assert.deepEqual([error.section, error.id, error.code], ['read', 1, 'unavailable']);
    await back(stage.redis);
    await all_ready(stage);
    const left = () => stage.redis.command('LLEN', `parley:user:{${bob.user}}:unread`);
    // Hung, it may have been carried out all the same: the outcome was unknown.
    bob.mark(1);
    await waitFor('it is read', async () => (await left()) === 1);
    bob.mark(2);
    await waitFor('so is the other', async () => (await left()) === 0);
  });
}

heals('a flood while Redis is away is refused, and leaves memory bounded', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  await stage.redis.kill();
  await stage.nodes[0].readiness(503);
  const count = 900;
  const text = 'x'.repeat(5000);
  for (let id = 0; id < count; id++) alice.put({ id, rid: 'nobody', text });
  let refused = 0;
  while (refused < count) {
    for (const { code } of await alice.section('errors')) {
      assert.equal(code, 'unavailable');
      refused++;
    }
  }
  assert.ok(alice.is_open);
});
