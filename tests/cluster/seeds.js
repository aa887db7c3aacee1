// Plays seeds, several at once, each in a process of its own: run.sh's work.
//
//   node cluster/seeds.js --seeds 1-10 --seconds 30 --redis one --jobs 2
//
// What a failing seed leaves (the logs of nodes and Redis, a journal of what was said and broken,
// what was shown and published) stands in tests/results/faults/<shape>-<seed>.

import { mkdirSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { program } from '../lib/gateway.js';
import { Child } from '../lib/process.js';
import { within } from '../lib/wait.js';
import { SHAPES } from './schedule.js';

const RESULTS = new URL('../results/faults', import.meta.url).pathname;
const script = new URL('seed.js', import.meta.url).pathname;
// Setting up, waiting until all is well, everybody coming again.
const MORE_SECONDS = 180;
const SLOWEST_RATE = 50; // messages a second

// "3", "1-10" or "1-3,7" as numbers.
export function seeds_of(text) {
  return text.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number);
    if (!(first > 0 && last >= first)) throw new Error(`"${text}" are no seeds`);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

// The command that plays it again.
function again({ shape, seed, ...options }, binary) {
  const flags = Object.entries(options).map(([name, value]) => (value === true ? ` --${name}` : ` --${name} ${value}`));
  return `PARLEY_BIN=${binary} tests/cluster/run.sh --redis ${shape} --seeds ${seed}${flags.join('')}`;
}

// One seed in a process of its own; {ok, text}. `options` are those of play_seed; `environment` is
// added to this process's.
export async function play_apart({ environment = {}, logs, ...options }) {
  const { seed, seconds, shape } = options;
  const folder = logs ?? `${RESULTS}/${shape}-${seed}`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('PARLEY_')));
  const child = new Child(`seed-${seed}`, process.execPath, [script, JSON.stringify(options)], {
    environment: { ...inherited, PARLEY_TEST_LOGS: folder, ...environment },
  });
  try {
    const patience_s = seconds + MORE_SECONDS + (options.messages ?? 0) / SLOWEST_RATE;
    await within(patience_s * 1000, `the end of seed ${seed}`, child.exited);
    await child.output_ended;
  } catch (error) {
    child.lines.push(`seed ${seed} on ${shape}, ${seconds} s: FAILED\n${error.message}`);
    await child.kill();
  }
  const ok = child.code === 0;
  if (ok) rmSync(folder, { recursive: true, force: true });
  else child.lines.push(`  all of it is in ${folder}`, `  again: ${again(options, environment.PARLEY_BIN ?? program())}`);
  return { ok, text: child.lines.join('\n') };
}

async function play_all({ seeds, jobs, ...options }) {
  const waiting = [...seeds];
  const failed = [];
  const worker = async () => {
    for (let seed; (seed = waiting.shift()) !== undefined; ) {
      const { ok, text } = await play_apart({ seed, ...options });
      if (!ok) failed.push(seed);
      console.log(text);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return failed.sort((a, b) => a - b);
}

const FLAGS = {
  seeds: { type: 'string', default: '1-10' },
  seconds: { type: 'string', default: '30' },
  redis: { type: 'string', default: 'one' },
  jobs: { type: 'string', default: '2' },
  faults: { type: 'string' },
  rate: { type: 'string' },
  messages: { type: 'string' },
  direct: { type: 'boolean' },
};
const NUMBERS = ['seconds', 'jobs', 'rate', 'messages'];

async function main() {
  const { values } = parseArgs({ options: FLAGS });
  for (const name of NUMBERS.filter((each) => each in values)) {
    values[name] = Number(values[name]);
    if (!(values[name] > 0)) throw new Error(`--${name} is a number`);
  }
  const { redis: shape, jobs, ...options } = { ...values, seeds: seeds_of(values.seeds) };
  if (!SHAPES[shape]) throw new Error(`--redis is one of ${Object.keys(SHAPES)}`);
  const { length } = options.seeds;
  console.log(`${length} seeds of ${options.seconds} s on ${shape}, ${jobs} at once, with ${program()}`);
  const failed = await play_all({ ...options, shape, jobs });
  console.log(`${length - failed.length} seeds passed, ${failed.length} failed${failed.length ? `: ${failed}` : ''}`);
  process.exit(failed.length ? 1 : 0);
}

if (process.argv[1] === new URL(import.meta.url).pathname) await main();
