// Plays one seed: `node cluster/seed.js SEED SECONDS SHAPE [FAULT,...]`. The last line is what
// happened; exit status 1 where something was found. PARLEY_TEST_LOGS: where it is written down.

import { play_seed } from './play.js';

const [seed, seconds, shape, faults] = process.argv.slice(2);
try {
  const line = await play_seed({
    seed: Number(seed),
    seconds: Number(seconds),
    shape,
    faults: faults?.split(','),
    logs: process.env.PARLEY_TEST_LOGS,
  });
  console.log(`seed ${seed} on ${shape}, ${seconds} s: ${line}`);
  process.exit(0);
} catch (error) {
  console.log(`seed ${seed} on ${shape}, ${seconds} s: FAILED\n${error.stack.slice(0, 4000)}`);
  process.exit(1);
}
