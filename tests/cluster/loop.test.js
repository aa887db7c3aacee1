// Direct messages by the thousand, of all five protocols, while nodes are killed with -9 and clients
// cut off: the fault machine (play.js) with nothing else to say and nothing else to break.
//
//   PARLEY_LOOP_MESSAGES  how many are acknowledged and owed, at least (10,000)
//   PARLEY_LOOP_SECONDS   for how long things break (25)
//   PARLEY_LOOP_SEED      the schedule's seed (1)

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { play_apart } from './seeds.js';

const MESSAGES = Number(process.env.PARLEY_LOOP_MESSAGES ?? 10000);
const SECONDS = Number(process.env.PARLEY_LOOP_SECONDS ?? 25);
const SEED = Number(process.env.PARLEY_LOOP_SEED ?? 1);
const RATE = 60; // of each of them, in a second
const LOGS = new URL(`../results/faults/loop-${SEED}`, import.meta.url).pathname;

test(`${MESSAGES} direct messages under kill -9 of nodes and cut connections`, { timeout: (SECONDS + MESSAGES / 20 + 240) * 1000 }, async (t) => {
  const what = { faults: 'kill_node,cut_clients', direct: true, messages: MESSAGES, rate: RATE };
  const { ok, text } = await play_apart({ seed: SEED, seconds: SECONDS, shape: 'one', ...what, logs: LOGS });
  assert.ok(ok, text);
  t.diagnostic(text);
});
