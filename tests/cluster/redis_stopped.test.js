// Redis is stopped under load and started again (issue 4): connections stay, commands are refused
// at once, memory is flat; all is healed within 10 s, and nothing acknowledged is missing.
//
//   PARLEY_REDIS_STOPPED=60  for how many seconds (5)

import assert from 'node:assert/strict';
import { Crowd } from '../lib/crowd.js';
import { memory_tells, resident_mib } from '../lib/memory.js';
import { Traffic } from '../lib/traffic.js';
import { pause, waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const SECONDS = Number(process.env.PARLEY_REDIS_STOPPED ?? 5);
const IDLE = 400;
const HEAL_MS = 10000;
const REFUSED_MS = 500; // "at once", with a busy machine's share
const GROWTH_MIB = 4;

const world = use_world({ nodes: 2, redis: { aof: 'always' }, node: { flags: ['--log-level', 'warning'] } });

// A client that stays, and asks for something again and again, Redis or no Redis.
async function ask_on(stage, index, asked) {
  const client = await stage.messaging(index, `stays-${index}`);
  const begun = new Map();
  let id = 0;
  client.on_frame = (frame) => {
    for (const [items, outcome] of [[frame.sent, 'sent'], [frame.errors, 'error']]) {
      for (const item of items ?? []) {
        asked[item.code ?? outcome] = (asked[item.code ?? outcome] ?? 0) + 1;
        asked.slowest = Math.max(asked.slowest, Date.now() - begun.get(item.id));
        begun.delete(item.id);
      }
    }
  };
  const timer = setInterval(() => {
    if (!client.is_open) return;
    begun.set(`s${id}`, Date.now());
    client.put({ id: `s${id++}`, rid: `${client.id}-nobody` });
  }, 20);
  return { client, stop: () => clearInterval(timer) };
}

scene(world, `Redis stopped for ${SECONDS} s under load`, async (stage) => {
  const crowd = new Crowd(IDLE, stage.name('idle'), stage.nodes);
  const asked = { slowest: 0 };
  const stays = [await ask_on(stage, 0, asked), await ask_on(stage, 1, asked)];
  const traffic = new Traffic(stage.nodes, { name: stage.name('t'), senders: 2, gap_ms: 10, keeps: true });
  const memory = () => stage.nodes.map((node) => resident_mib(node.child));
  try {
    await crowd.whole(0, 20000);
    await traffic.flows(300);

    await stage.redis.kill();
    await pause(1000); // what is under way gets its answer
    asked.slowest = 0;
    asked.unavailable = 0;
    const before = memory();
    const most = [...before];
    for (const until = Date.now() + (SECONDS - 1) * 1000; Date.now() < until; ) {
      await pause(250);
      memory().forEach((mib, index) => (most[index] = Math.max(most[index], mib)));
    }
    const { unavailable, slowest } = asked;
    assert.ok(unavailable > 20 * SECONDS, `${unavailable} were refused`);
    assert.ok(slowest < REFUSED_MS, `a refusal took ${slowest} ms`);
    before.forEach((mib, index) => {
      assert.ok(!memory_tells || most[index] - mib < GROWTH_MIB, `node ${index} grew from ${mib} to ${most[index]} MiB`);
    });

    const begun = Date.now();
    await stage.redis.launch();
    await Promise.all(stage.nodes.map((node) => node.ready(HEAL_MS)));
    const ready = Date.now() - begun;
    await traffic.flows(100, HEAL_MS);
    const flows = Date.now() - begun;
    const present = `parley:user:{${crowd.child.name.split(' ')[1]}-*}:sessions`;
    await waitFor('everybody is present again', async () => (await stage.redis.keys(present)).length === IDLE, HEAL_MS);
    const healed = Date.now() - begun;
    assert.ok(healed < HEAL_MS, `healed after ${healed} ms`);
    await traffic.settle();
    for (const { stop } of stays) stop();

    console.log(`ready after ${ready} ms, flowing after ${flows}, all present after ${healed}; ${unavailable} refusals, the slowest in ${slowest} ms`);
    console.log(`memory of the nodes: ${before.map((mib) => mib.toFixed(1))} MiB, at most ${most.map((mib) => mib.toFixed(1))}; then ${memory().map((mib) => mib.toFixed(1))}`);
    console.log(traffic.summary());
    assert.equal(crowd.state.lost, 0, 'an idle connection was closed');
    for (const { client } of stays) assert.ok(client.is_open);
    assert.deepEqual(traffic.faults, []);
  } finally {
    for (const { stop } of stays) stop();
    await traffic.stop();
    await crowd.stop();
  }
}, { timeout_ms: 60000 + SECONDS * 1000, heals: true });
