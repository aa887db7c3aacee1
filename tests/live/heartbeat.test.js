// Pings of the server: a connection that is silent is asked, and closed with 4408 when
// it stays silent for as long twice more.

import assert from 'node:assert/strict';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({
  nodes: 1,
  node: { flags: ['--ping-seconds', 1, '--presence-grace-ms', 100] },
});

scene(world, 'a silent client that answers pings stays', async (stage) => {
  const client = await stage.messaging(0, 'quiet');
  await waitFor('four pings', () => client.pings >= 4, 15000);
  assert.ok(client.is_open);
  await client.settle();
});

// Its pongs are frames: each answers its ping, also where the next ping comes a moment later than
// the time of silence after it.
scene(world, 'rooms: one that answers pings in its protocol, and is silent otherwise, stays', async (stage) => {
  const client = await stage.rooms(0, 'quiet');
  let pings = 0;
  client.on_frame = ({ type, time }) => {
    if (type !== 'ping') return;
    pings++;
    client.send({ type: 'pong', time });
  };
  await waitFor('five pings, or the end', () => pings >= 5 || !client.is_open, 15000);
  assert.ok(client.is_open);
});

// A peer that has vanished, or whose machine has: its connection stands, and nothing comes.
for (const protocol of ['simple', 'messaging', 'chat', 'concord', 'rooms']) {
  scene(world, `${protocol}: one that does not answer is closed with 4408, and its user is gone`, async (stage) => {
    const dead = await stage[protocol](0, 'dead', { auto_pong: false });
    await dead.expect_close(4408, 15000);
    const asked = dead.pings + dead.seen.filter(({ json }) => json?.type === 'ping').length;
    assert.ok(asked >= 1, 'closed without having been asked');
    await waitFor('its session is gone', async () => {
      return !(await stage.redis.command('EXISTS', `parley:user:{${dead.user}}:sessions`));
    });
  });
}

scene(world, 'one that sends frames is heard, whatever it does with pings', async (stage) => {
  const client = await stage.messaging(0, 'busy', { auto_pong: false });
  const begun = Date.now();
  // Longer than a client may be silent: here time itself is what is tested.
  while (Date.now() - begun < 5000) {
    await client.settle();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.ok(client.is_open);
});
