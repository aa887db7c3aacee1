// Plays one seed: `node cluster/seed.js '{"seed":1,"seconds":30,"shape":"one"}'`, the options of
// play_seed. The last line is what happened; exit status 1 where something was found.
// PARLEY_TEST_LOGS: where it is written down.

import { play_seed } from './play.js';

const options = JSON.parse(process.argv[2]);
const name = `seed ${options.seed} on ${options.shape}, ${options.seconds} s`;
try {
  console.log(`${name}: ${await play_seed({ ...options, logs: process.env.PARLEY_TEST_LOGS })}`);
  process.exit(0);
} catch (error) {
  console.log(`${name}: FAILED\n${error.stack.slice(0, 4000)}`);
  process.exit(1);
}
