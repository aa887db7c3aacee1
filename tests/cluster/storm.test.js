// A node dies, and all its clients come back at once on the others (issue 4): everybody is served
// within the admission rate, and other users hardly notice.
//
//   PARLEY_STORM=10000  how many connections (1,000)

import assert from 'node:assert/strict';
import { Crowd } from '../lib/crowd.js';
import { Pulse } from '../lib/pulse.js';
import { parse_metrics } from '../lib/prometheus.js';
import { pause } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const COUNT = Number(process.env.PARLEY_STORM ?? 1000);
const FULL = COUNT >= 10000;
const RATE = FULL ? 2000 : COUNT / 5; // of one node; the default where it is in earnest
const QUIET_MS = FULL ? 8000 : 3000;
const AFTER_MS = 2000; // a reaping takes place then
// What a machine that runs other tests besides adds to a quiet value.
const FLOOR_MS = FULL ? 2 : 10;

const world = use_world({ nodes: 3, node: { flags: ['--handshakes-per-second', RATE, '--log-level', 'warning'] } });

async function value(node, name) {
  const { samples } = parse_metrics(await node.metrics());
  return samples.filter((sample) => sample.name === name).reduce((sum, sample) => sum + sample.value, 0);
}

scene(world, `kill -9 of a node with ${COUNT} connections`, async (stage) => {
  const crowd = new Crowd(COUNT, stage.name('crowd'), stage.nodes);
  let pulse;
  try {
    await crowd.whole(0, 30000);
    pulse = await Pulse.start(stage.nodes[1], stage.nodes[2], { name: stage.name('pulse') });
    await pause(1000);
    pulse.take();
    await pause(QUIET_MS);
    const quiet = pulse.take();

    const begun = Date.now();
    await stage.nodes[0].kill();
    await crowd.whole(COUNT, 60000);
    const took = Date.now() - begun;
    await pause(AFTER_MS);
    const storm = pulse.take();
    const { refused, waits } = crowd.state;
    const paced = (await value(stage.nodes[1], 'parley_handshakes_paced_total')) + (await value(stage.nodes[2], 'parley_handshakes_paced_total'));
    console.log(`${COUNT} came back in ${took} ms (waits p50, p99, max: ${waits} ms), ${refused} refused, ${paced} paced`);
    console.log(`messages of others: quiet ${JSON.stringify(quiet)}, in the storm ${JSON.stringify(storm)} ms`);

    // Two nodes serve them; nobody is served faster than that either.
    const due = (COUNT / (2 * RATE)) * 1000;
    assert.ok(took < due * 1.5 + 3000, `it took ${took} ms, ${due} ms were due`);
    assert.ok(waits[2] >= due * 0.7, `the last one waited ${waits[2]} ms only`);
    assert.ok(paced > COUNT / 2, `${paced} were paced`);
    assert.equal(refused, 0);
    assert.ok(storm.p99 <= 10 * Math.max(quiet.p99, FLOOR_MS), `p99 ${storm.p99} ms, quiet ${quiet.p99} ms`);
    await pulse.settle();
    assert.deepEqual(pulse.faults, []);
  } finally {
    await pulse?.stop();
    await crowd.stop();
  }
}, { timeout_ms: 120000, heals: true });
