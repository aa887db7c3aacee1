// The bridge between simple and messaging, cell by cell, across two nodes: the sender
// on one, the receiver on the other.

import assert from 'node:assert/strict';
import { parse_metrics } from '../lib/prometheus.js';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';
import { made, published } from './golden.js';

const world = use_world({ nodes: 2, node: { flags: ['--presence-grace-ms', 50] } });

const lobby = 'parley:room:{lobby}';

// Braces filled in; a whole "{id}" becomes the value, whatever its type.
function fill(value, values) {
  if (typeof value === 'string') {
    const whole = /^\{(\w+)\}$/.exec(value);
    if (whole && whole[1] in values) return values[whole[1]];
    return value.replace(/\{(from|to)\}/g, (_, name) => values[name]);
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, values));
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, values)]));
  }
  return value;
}

async function connect(stage, protocol, index, user) {
  if (protocol === 'simple') return stage.simple_arrived(index, user);
  const client = await stage.messaging(index, user);
  client.send({ enter: [{ rid: '#lobby' }] });
  await stage.watch.expect(
    lobby,
    ({ kind, from }) => kind === 'room.entered' && from.id === client.user,
  );
  return client;
}

// Something that both protocols show, so that silence before it can be seen.
async function marker(stage, to) {
  const other = await stage.messaging(1, 'marker');
  await other.put_and_wait({ id: 'marker', rid: to.user, text: 'marker' });
  await other.close();
}

function is_marker(frame) {
  return frame.message === 'marker' || frame.messages?.[0]?.text === 'marker';
}

for (const { event, from, to, act, shown } of made) {
  scene(world, `${event}: from ${from} to ${to}`, async (stage) => {
    const sender = await connect(stage, from, 0, 'sender');
    const receiver = await connect(stage, to, 1, 'receiver');
    const names = { from: sender.user, to: receiver.user };
    receiver.frames.length = 0;
    sender.send(fill(act, names));
    const { envelope } = await waitFor(
      'its publication',
      () => stage.watch.find(null, ({ kind, from: { id } = {} }) => kind === 'message.sent' && id === names.from)[0],
    );
    const values = { ...names, id: envelope.id, ts: envelope.ts };
    assert.equal(envelope.origin.protocol, from);
    const frame = await receiver.until((json) => !json.type?.startsWith('user_'));
    assert.deepEqual(frame, fill(shown, values));
    assert.equal(JSON.stringify(frame), JSON.stringify(fill(shown, values)), 'the order of members');
    await marker(stage, receiver);
    assert.ok(is_marker(await receiver.next()), 'it was shown twice');
  });
}

scene(world, 'enter and exit of the lobby: as user_connected, user_disconnected; silence in messaging', async (stage) => {
  const simple = await connect(stage, 'simple', 0, 'simple');
  const member = await connect(stage, 'messaging', 1, 'member');
  await simple.until((frame) => frame.username === member.user);
  const guest = await connect(stage, 'messaging', 0, 'guest');
  const shown = [await simple.next()];
  guest.send({ exit: [{ rid: '#lobby' }] });
  shown.push(await simple.next());
  assert.deepEqual(
    shown.map(({ type, username }) => `${type} ${username}`),
    [`user_connected ${guest.user}`, `user_disconnected ${guest.user}`],
  );
  await marker(stage, member);
  assert.ok(is_marker(await member.next()), 'presence was shown to messaging');
});

async function dropped(node, protocol, kind) {
  const { samples } = parse_metrics(await node.metrics());
  return samples
    .filter(({ name, labels }) => name === 'parley_events_unsayable_total' && labels.protocol === protocol && labels.kind === kind)
    .reduce((sum, { value }) => sum + value, 0);
}

for (const { event, envelope, ...expected } of published) {
  for (const protocol of ['simple', 'messaging']) {
    const shown = expected[protocol];
    scene(world, `${event}: in ${protocol} ${shown ? 'is shown' : 'is dropped, and counted'}`, async (stage) => {
      const receiver = await connect(stage, protocol, 1, 'receiver');
      const names = { from: stage.name('author'), to: receiver.user };
      receiver.frames.length = 0;
      const before = await dropped(stage.nodes[1], protocol, envelope.kind);
      const line = JSON.stringify(fill(envelope, names));
      const heard_by = await stage.redis.command('PUBLISH', `parley:user:{${receiver.user}}`, line);
      assert.ok(heard_by >= 2, 'nobody but the watch has subscribed the channel');
      if (shown) {
        const frame = await receiver.next();
        assert.equal(JSON.stringify(frame), JSON.stringify(fill(shown, names)));
      }
      await marker(stage, receiver);
      assert.ok(is_marker(await receiver.next()), `${protocol} was shown a ${event}`);
      const counted = (await dropped(stage.nodes[1], protocol, envelope.kind)) - before;
      assert.equal(counted, shown ? 0 : 1, 'as counted by the metric');
    });
  }
}

scene(world, 'read in messaging takes away what simple sent, and tells simple nothing', async (stage) => {
  const sender = await connect(stage, 'simple', 0, 'sender');
  const reader = await stage.messaging(1, 'reader');
  await sender.say_and_wait('read me', { to: reader.user });
  const [item] = await reader.messages(1);
  reader.mark(item.id);
  await waitFor('it was read', async () => {
    return !(await stage.redis.command('LLEN', `parley:user:{${reader.user}}:unread`));
  });
  await marker(stage, sender);
  assert.ok(is_marker(await sender.next()));
});

scene(world, 'what waits for a user is shown in whichever protocol comes first', async (stage) => {
  const sender = await connect(stage, 'messaging', 0, 'sender');
  const name = stage.name('both');
  await sender.put_and_wait({ id: 1, rid: name, text: 'waits' });
  const simple = await stage.simple(1, 'both');
  assert.equal((await simple.message()).message, 'waits');
  await waitFor('proven', async () => !(await stage.redis.command('LLEN', `parley:user:{${name}}:unread`)));
  const messaging = await stage.messaging(0, 'both');
  await sender.put_and_wait({ id: 2, rid: name, text: 'to both' });
  assert.equal((await simple.message()).message, 'to both');
  assert.equal((await messaging.messages(1))[0].text, 'to both');
});
