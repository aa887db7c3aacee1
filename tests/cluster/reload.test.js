// SIGHUP under load: what can be reloaded is, what cannot is named, and nobody is closed.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MessagingClient } from '../lib/client.js';
import { Crowd } from '../lib/crowd.js';
import { Gateway } from '../lib/gateway.js';
import { temporary_folder } from '../lib/process.js';
import { RawClient } from '../lib/raw.js';
import { RedisServer } from '../lib/redis.js';
import { Traffic } from '../lib/traffic.js';
import { waitFor } from '../lib/wait.js';

const CROWD = 200;

let redis;
let node;
let file;

function configure(...lines) {
  writeFileSync(file, `${lines.join('\n')}\n`);
}

// Everything of the node's log since then.
function reload(...lines) {
  configure(...lines);
  const since = node.child.line_count;
  process.kill(node.child.pid, 'SIGHUP');
  return () => node.log(since);
}

before(async () => {
  file = join(temporary_folder('reload'), 'parley.conf');
  configure('message-bytes = 64KiB', 'log-level = info');
  redis = await RedisServer.start();
  node = await Gateway.start({ redis, id: 'reloads', flags: ['--config', file] });
});

after(async () => {
  await node?.stop();
  await redis?.stop();
});

test('SIGHUP under load changes what is reloadable, and drops nobody', { timeout: 90000 }, async () => {
  const crowd = new Crowd(CROWD, 'reload', [node, node]);
  const client = await MessagingClient.open(node, 'stays');
  const traffic = new Traffic([node], { name: 'h', keeps: true });
  const outcome = async (id) => {
    client.put({ id, rid: 'somebody', text: 'x'.repeat(3000) });
    const frame = await client.next();
    return frame.errors?.[0].code ?? 'sent';
  };
  try {
    await crowd.whole(0, 20000);
    await traffic.flows(100);
    assert.equal(await outcome('before'), 'sent');
    for (let round = 0; round < 3; round++) {
      const small = reload('message-bytes = 2KiB', 'max-connections-per-address = 1', 'inbox-days = 20', 'log-level = info');
      await waitFor('it is reloaded', () => /event=reloaded.*restart_needed="?inbox/.test(small()));
      await waitFor('a message is too large now', async () => (await outcome(`small-${round}`)) === 'too_large');
      const late = await new RawClient().open(node, '/messaging?client_id=late');
      assert.equal(late.status, 429, 'the new bound holds for those who come');
      await late.close();
      await traffic.flows(50);
      const large = reload('message-bytes = 64KiB', 'log-level = info');
      await waitFor('it is reloaded', () => /event=reloaded/.test(large()));
      await waitFor('it is not any more', async () => (await outcome(`large-${round}`)) === 'sent');
      const bad = reload('message-bytes = many');
      await waitFor('it is refused', () => /event=reload_failed/.test(bad()));
      assert.equal(await outcome(`bad-${round}`), 'sent');
    }
    await traffic.settle();
    assert.equal(crowd.state.lost, 0);
    assert.ok(client.is_open);
    assert.deepEqual([...traffic.refusals], []);
    assert.deepEqual(traffic.faults, []);
  } finally {
    await traffic.stop();
    await crowd.stop();
    await client.close();
  }
});
