// Redis Sentinel: direct messages while masters are killed, stand still and are replaced. With
// PARLEY_REDIS_WAIT nothing that was acknowledged is lost.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SimpleClient } from '../lib/client.js';
import { Gateway } from '../lib/gateway.js';
import { SentinelGroup } from '../lib/sentinel.js';
import { take_alarms } from '../lib/process.js';
import { Traffic } from '../lib/traffic.js';
import { waitFor } from '../lib/wait.js';

const NODES = 2;

let group;
let nodes = [];

before(async () => {
  group = await SentinelGroup.start();
  nodes = await Promise.all(
    Array.from({ length: NODES }, (_, i) =>
      Gateway.start({ redis: group, id: `node-${i}`, flags: ['--redis-wait', 1, '--presence-grace-ms', 200] }),
    ),
  );
});

after(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await group?.stop();
});

// `break_it` is done while messages flow, and they flow again behind it.
async function under_traffic(t, name, break_it) {
  const traffic = new Traffic(nodes, { name });
  try {
    await traffic.flows(300);
    await break_it(traffic);
    await Promise.all(nodes.map((node) => node.ready(60000)));
    await traffic.flows(300);
    await traffic.settle();
    assert.deepEqual(traffic.faults.slice(0, 10), []);
    assert.deepEqual(take_alarms(), []);
    t.diagnostic(traffic.summary());
  } catch (error) {
    error.message += `\n${JSON.stringify([...traffic.refusals])}\n${nodes.map((node) => node.log()).join('\n')}`;
    throw error;
  } finally {
    await traffic.stop();
    await group.whole();
  }
}

async function another_master(old) {
  let master;
  await waitFor('another master is named', async () => {
    master = await group.master();
    return master && master !== old;
  }, 30000);
  return master;
}

test('an ordered failover', { timeout: 180000 }, async (t) => {
  await under_traffic(t, 'ordered', async () => {
    const old = await group.master();
    await waitFor('a failover begins', async () => {
      const said = await group.sentinels[0].command('SENTINEL', 'FAILOVER', 'mymaster').catch((error) => error.message);
      return said === 'OK';
    });
    await another_master(old);
  });
});

test('kill -9 of the master', { timeout: 180000 }, async (t) => {
  await under_traffic(t, 'killed', async () => {
    const old = await group.master();
    await old.kill();
    await another_master(old);
    await old.launch();
  });
});

test('a master that stands still, is replaced, and goes on', { timeout: 180000 }, async (t) => {
  await under_traffic(t, 'paused', async (traffic) => {
    const old = await group.master();
    old.pause();
    await another_master(old);
    await traffic.flows(50);
    old.resume();
    await traffic.flows(50);
  });
});

test('without replicas nothing is acknowledged, and all of it is when they are back', { timeout: 180000 }, async (t) => {
  await under_traffic(t, 'replicas', async (traffic) => {
    const master = await group.master();
    const replicas = group.servers.filter((server) => server !== master);
    for (const replica of replicas) replica.pause();
    await waitFor('senders are told', () => (traffic.refusals.get('unavailable') ?? 0) > 0);
    for (const replica of replicas) replica.resume();
  });
});

// Of presence nothing is waited for: a new master may not know who came and went last.
test('who came and who left, and a failover that forgets both', { timeout: 180000 }, async () => {
  const clients = [];
  const come = async (node, user) => {
    const client = await SimpleClient.open(nodes[node], user);
    clients.push(client);
    await client.arrived();
    return client;
  };
  // By Redis: whom the lobby, the users themselves and the nodes have.
  const present = async (server) => {
    const users = ['stays', 'leaves', 'comes'];
    const lobby = await server.hash('parley:room:{lobby}:attendance');
    const held = await Promise.all(nodes.map((_, i) => server.hash(`parley:node:{node-${i}.0}:sessions`)));
    const by_node = held.flatMap((hash) => Object.values(hash)).map((value) => value.split(' ')[1]);
    const by_user = await Promise.all(users.map((user) => server.command('EXISTS', `parley:user:{${user}}:sessions`)));
    const lists = [Object.keys(lobby), by_node, users.filter((_, i) => by_user[i])];
    return lists.map((list) => list.sort().join()).join(' ');
  };
  const all = (list) => [list, list, list].join(' ');
  const seen = async (what, expected) => {
    let found;
    await waitFor(() => `${what}: ${found}`, async () => {
      found = await present(await group.master());
      return found === expected;
    }, 20000);
  };
  try {
    const old = await group.master();
    const replicas = group.servers.filter((server) => server !== old);
    await come(0, 'stays');
    const leaves = await come(0, 'leaves');
    await seen('before', all('leaves,stays'));
    await waitFor('a replica knows', async () => {
      const found = await Promise.all(replicas.map(present));
      return found.every((each) => each === all('leaves,stays'));
    });
    for (const replica of replicas) replica.pause();
    await old.command('CLIENT', 'KILL', 'TYPE', 'replica');
    await leaves.close();
    await come(1, 'comes');
    await seen('what the old master knows', all('comes,stays'));
    await old.kill();
    for (const replica of replicas) replica.resume();
    await another_master(old);
    await Promise.all(nodes.map((node) => node.ready(60000)));
    await seen('what the new one knows', all('comes,stays'));
    assert.match(nodes[0].log(), /ghosts_cleared/, 'it had forgotten');
    await old.launch();
  } finally {
    for (const client of clients) await client.close();
    await group.whole();
  }
});
