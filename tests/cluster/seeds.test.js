// The fault machine, a little of it: hundreds of seeds are run by run.sh.
//
//   PARLEY_SEEDS         which, in every shape (else those below)
//   PARLEY_SEED_SECONDS  for how long each (10)

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schedule, SHAPES } from './schedule.js';
import { play_apart, seeds_of } from './seeds.js';

const SECONDS = Number(process.env.PARLEY_SEED_SECONDS ?? 10);
// Of Sentinel and Cluster those whose first seconds have failovers, nodes killed and slots that move.
const SEEDS = { one: '11', sentinel: '16', cluster: '22' };

test('a seed gives the same schedule again, longer ones begin like shorter ones', () => {
  for (const shape of Object.keys(SHAPES)) {
    const plan = schedule({ seed: 7, seconds: 30, shape });
    assert.deepEqual(schedule({ seed: 7, seconds: 30, shape }), plan);
    assert.deepEqual(schedule({ seed: 7, seconds: 15, shape }), plan.filter(({ at_ms }) => at_ms < 15000));
    assert.notDeepEqual(schedule({ seed: 8, seconds: 30, shape }), plan);
  }
});

test('every fault of a shape is drawn within some hundred seeds', () => {
  for (const [shape, faults] of Object.entries(SHAPES)) {
    const drawn = new Set(seeds_of('1-200').flatMap((seed) => schedule({ seed, seconds: 30, shape }).map(({ fault }) => fault)));
    assert.deepEqual([...drawn].sort(), [...faults].sort());
  }
});

for (const [shape, seeds] of Object.entries(SEEDS)) {
  for (const seed of seeds_of(process.env.PARLEY_SEEDS ?? seeds)) {
    test(`seed ${seed}, ${SECONDS} s on ${shape}`, { timeout: (SECONDS + 240) * 1000 }, async (t) => {
      const { ok, text } = await play_apart({ seed, seconds: SECONDS, shape });
      assert.ok(ok, text);
      t.diagnostic(text);
    });
  }
}
