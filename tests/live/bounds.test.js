// What is kept is bounded in number and in time; who may connect, by origin and address.

import assert from 'node:assert/strict';
import { SimpleClient } from '../lib/client.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({
  nodes: 1,
  node: {
    flags: [
      ...['--log-messages', 5, '--dedupe-seconds', 1, '--presence-grace-ms', 100],
      ...['--origins', 'https://here.example,http://localhost:3000'],
      ...['--max-connections-per-address', 8],
    ],
  },
});

scene(world, 'a log keeps its newest messages, and a member who was away gets those', async (stage) => {
  const bob = await stage.messaging(0, 'bob');
  bob.send({ enter: [{ rid: '#lobby' }] });
  await stage.watch.expect('parley:room:{lobby}', ({ kind, from }) => kind === 'room.entered' && from.id === bob.user);
  await bob.close();
  const alice = await stage.simple_arrived(0, 'alice');
  for (let i = 0; i < 12; i++) await alice.say_and_wait(`m${i}`);
  assert.equal(await stage.redis.command('LLEN', 'parley:room:{lobby}:log'), 5);
  assert.equal(await stage.redis.command('HLEN', 'parley:room:{lobby}:messages'), 5);
  const back = await stage.messaging(0, 'bob');
  assert.deepEqual((await back.messages(5)).map(({ text }) => text), ['m7', 'm8', 'm9', 'm10', 'm11']);
});

scene(world, 'after the time for replays the same send is another message', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = await stage.messaging(0, 'bob');
  await alice.put_and_wait({ id: 1, rid: bob.id });
  await waitFor('the mark has expired', async () => {
    return (await stage.redis.keys(`parley:user:{${bob.user}}:sent:*`)).length === 0;
  });
  await alice.put_and_wait({ id: 1, rid: bob.id });
  assert.deepEqual((await bob.messages(2)).map(({ id }) => id), [1, 1]);
});

scene(world, 'what expires, expires: no key of a message is kept for ever', async (stage) => {
  const alice = await stage.messaging(0, 'alice');
  const bob = stage.name('bob');
  await alice.put_and_wait({ id: 1, rid: bob });
  for (const suffix of ['unread', 'unread:messages']) {
    assert.ok((await stage.redis.command('TTL', `parley:user:{${bob}}:${suffix}`)) > 0, suffix);
  }
  for (const found of await stage.redis.keys('parley:*:sent:*')) {
    assert.ok((await stage.redis.command('TTL', found)) >= -2 && (await stage.redis.command('TTL', found)) !== -1, found);
  }
});

scene(world, 'an origin that is allowed comes in, another is 403', async (stage) => {
  for (const origin of ['https://here.example', 'http://localhost:3000']) {
    const client = await stage.simple(0, 'browser', { headers: { Origin: origin } });
    await client.arrived();
    await client.close();
  }
  for (const origin of ['https://there.example', 'https://here.example.there', 'null']) {
    await assert.rejects(
      SimpleClient.open(stage.nodes[0], stage.name('stranger'), { headers: { Origin: origin } }),
      { status: 403 },
      origin,
    );
  }
  const without = await stage.simple(0, 'no-browser');
  await without.arrived();
});

scene(world, 'connections of one address are bounded, and room comes back', async (stage) => {
  const clients = [];
  let refused;
  for (let i = 0; i < 12 && !refused; i++) {
    await stage.simple(0, `many-${i}`).then(
      (client) => clients.push(client),
      (error) => {
        refused = error;
      },
    );
  }
  assert.equal(refused?.status, 429);
  assert.ok(clients.length >= 6 && clients.length <= 8, `${clients.length} came in`);
  await clients[0].close();
  await waitFor('there is room again', () => stage.simple(0, 'late').catch(() => null));
});
