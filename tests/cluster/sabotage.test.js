// A test of the test: the product is broken on purpose (sabotage/*.patch, applied to a copy of the
// tree and built there), and the fault machine has to notice it within a few seeds.
//
//   PARLEY_SABOTAGE  "all", or names of patches; else the one that needs no fault, as part of every run
//   PARLEY_DEPS      as for the build, where PARLEY_BIN's own build folder does not say so

import assert from 'node:assert/strict';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { program } from '../lib/gateway.js';
import { run_to_end, temporary_folder } from '../lib/process.js';
import { play_apart } from './seeds.js';

const ROOT = new URL('../..', import.meta.url).pathname;
const BUILD_MS = 600000;
const SEEDS = 5; // within so many it is noticed

// What is broken: with which faults it is to be seen, for so long, and what is said then.
const SABOTAGES = {
  acknowledge_before_the_script_returns: {
    faults: 'kill_node,kill_commands,pause_redis,restart_redis',
    seconds: 10,
    found: /all that was acknowledged is shown|acknowledged, and not kept/,
  },
  skip_the_gap_fill: {
    faults: 'kill_subscribers,mute_bus',
    seconds: 10,
    found: /all that was acknowledged is shown|was not shown/,
  },
  drop_the_dedupe: {
    faults: 'kill_node,kill_commands,hang_link',
    seconds: 10,
    found: /twice/,
  },
  publish_without_storing: {
    faults: 'cut_clients',
    seconds: 4,
    found: /all that was acknowledged is shown|acknowledged, and not kept/,
  },
  reap_without_fencing: {
    faults: 'pause_past_lease',
    seconds: 9,
    found: /presence is right/,
  },
};
const QUICK = 'publish_without_storing';

const wanted = (process.env.PARLEY_SABOTAGE ?? QUICK).split(',').flatMap((name) => (name === 'all' ? Object.keys(SABOTAGES) : [name]));

// What the program under test was built with.
function cached(name) {
  const cache = join(dirname(program()), '..', 'CMakeCache.txt');
  const line = existsSync(cache) && readFileSync(cache, 'utf8').match(new RegExp(`^${name}:[^=]*=(.*)$`, 'm'));
  return line ? line[1] : undefined;
}

let workshop = null;

// A copy of the tree, and a build of it.
async function make_workshop() {
  const folder = temporary_folder('sabotage');
  for (const name of ['CMakeLists.txt', 'proto', 'backend', 'gateway', 'deploy', 'LICENSE', 'tests/CMakeLists.txt']) {
    mkdirSync(dirname(join(folder, 'tree', name)), { recursive: true });
    cpSync(join(ROOT, name), join(folder, 'tree', name), { recursive: true });
  }
  const deps = cached('PARLEY_DEPS') ?? process.env.PARLEY_DEPS;
  const settings = ['-DPARLEY_TESTS=OFF', '-DCMAKE_BUILD_TYPE=Release', '-DCMAKE_C_FLAGS=-w', ...(deps ? [`-DPARLEY_DEPS=${deps}`] : [])];
  await succeed('cmake', ['-S', join(folder, 'tree'), '-B', join(folder, 'build'), '-G', 'Ninja', ...settings]);
  return folder;
}

async function succeed(command, args, options = {}) {
  const { code, output } = await run_to_end(command, args, { patience_ms: BUILD_MS, ...options });
  assert.equal(code, 0, `${command} ${args.join(' ')}:\n${output}`);
}

async function patch(folder, name, ...more) {
  await succeed('patch', ['-s', '-p1', '-d', join(folder, 'tree'), '-i', join(ROOT, `tests/cluster/sabotage/${name}.patch`), ...more]);
}

async function built(name) {
  workshop ??= await make_workshop();
  await patch(workshop, name);
  try {
    await succeed('cmake', ['--build', join(workshop, 'build'), '--target', 'parley']);
  } finally {
    await patch(workshop, name, '-R');
  }
  const binary = join(workshop, name);
  copyFileSync(join(workshop, 'build/gateway/parley'), binary);
  return binary;
}

test('every sabotage still applies to the tree', async () => {
  for (const name of Object.keys(SABOTAGES)) {
    await succeed('patch', ['--dry-run', '-s', '-p1', '-d', ROOT, '-i', join(ROOT, `tests/cluster/sabotage/${name}.patch`)]);
  }
});

// Once is enough: what is broken is the same, however it is built.
const skip = Boolean(process.env.PARLEY_SANITIZED);

for (const name of wanted) {
  test(`the fault machine notices it: ${name.replaceAll('_', ' ')}`, { timeout: BUILD_MS * 2, skip }, async (t) => {
    const { faults, seconds, found } = SABOTAGES[name];
    const environment = { PARLEY_BIN: await built(name) };
    const said = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const logs = join(workshop, `seed-${seed}`);
      const { ok, text } = await play_apart({ seed, seconds, shape: 'one', faults, environment, logs });
      said.push(text.slice(0, 1500));
      if (ok) continue;
      assert.match(text, found);
      t.diagnostic(`noticed with seed ${seed}: ${text.split('\n')[1]}`);
      return;
    }
    assert.fail(`nothing was noticed:\n${said.join('\n')}`);
  });
}
