// Measures the groups of figures.js, prints their tables, and keeps everything as JSON
// in tests/results/. See README.md.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { groups } from './figures.js';
import { judge, table } from './report.js';
import { cores, pinned, sample } from './servers.js';

const usage = `usage: tests/bench/run.sh [--quick] [--only GROUP]... [--write]
  --quick   short samples, one of each: a look, not a measurement
  --only    ${Object.keys(groups).join(', ')}
  --write   puts the tables into tests/bench/RESULTS.md (all groups only)`;

// How long everything may take, how long a sample is, how many there are of each series.
// A sample during which others used more than `quiet_cores` of the machine is taken again,
// at most `again` times in all.
const full = { seconds: 3, warmup: 0.5, samples: 3, budget_s: 560, again: 12 };
const quick = { seconds: 0.6, warmup: 0.3, samples: 1, budget_s: 110, again: 0 };
const quiet_cores = 0.15;
const patience_s = 60;

function options_read(words) {
  const options = { only: [], write: false, plan: { ...full } };
  while (words.length) {
    const word = words.shift();
    if (word === '--quick') options.plan = { ...quick };
    else if (word === '--write') options.write = true;
    else if (word === '--only' && words[0] in groups) options.only.push(words.shift());
    else throw new Error(usage);
  }
  if (options.write && options.only.length) throw new Error(usage);
  return options;
}

// On a terminal: which sample is being taken.
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

const foreign = (result) => result.cpu_foreign ?? 0;

// One sample, taken again where the machine was not ours.
async function quiet_sample(series, plan) {
  const timing = ['--seconds', plan.seconds, '--warmup', plan.warmup];
  const pace = series.rate ? ['--rate', series.rate] : [];
  const one = { ...series, load: [...series.load, ...timing, ...pace] };
  let best = await sample(one, patience_s);
  while (foreign(best) > quiet_cores && plan.again > 0 && plan.left_s() > plan.reserve_s) {
    plan.again--;
    const next = await sample(one, patience_s);
    if (foreign(next) < foreign(best)) best = next;
  }
  return best;
}

// The group's series in turn, round after round.
async function measure(name, group, plan) {
  let { series } = group;
  if (group.saturation) {
    const rate = (await quiet_sample(group.saturation, plan)).rate / 2;
    series = Object.fromEntries(
      Object.entries(series).map(([key, one]) => [key, { ...one, rate: Math.round(rate) }]),
    );
  }
  const measured = Object.fromEntries(Object.keys(series).map((key) => [key, []]));
  for (let round = 0; round < (group.samples ?? plan.samples); round++) {
    if (round > 0 && plan.left_s() < plan.reserve_s) break;
    for (const [key, one] of Object.entries(series)) {
      progress(`${name}: ${key}, ${round + 1}`);
      measured[key].push(await quiet_sample(one, plan));
    }
  }
  progress('');
  return measured;
}

function machine() {
  const redis = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
  return {
    cpu: cpus()[0].model,
    cores,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    redis: /v=([\d.]+)/.exec(redis)[1],
    pinned,
    commit: commit(),
  };
}

function commit() {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

function noise_text(all_measured) {
  const samples = Object.values(all_measured).flatMap((one) => Object.values(one).flat());
  const worst = Math.max(0, ...samples.map(foreign));
  const noisy = samples.filter((one) => foreign(one) > quiet_cores).length;
  return noisy
    ? `Disturbed: in ${noisy} of ${samples.length} samples other programs used more than ` +
        `${quiet_cores} cores (at most ${worst.toFixed(2)}); the ratios are worth less for it.`
    : `Undisturbed: in none of ${samples.length} samples did other programs use more than ${quiet_cores} cores.`;
}

function results_write(about, sections) {
  const notes = readFileSync(new URL('notes.md', import.meta.url), 'utf8');
  const text = `# Results

Written by \`tests/bench/run.sh --write\`; how to read it: README.md. Absolute figures belong to
this machine, the ratios are what counts.

${about.cpu}, ${about.cores} cores, ${about.memory_gib} GiB, Linux ${about.kernel}, Redis ${about.redis},
commit ${about.commit}. Load generator on core ${about.pinned.load}, server on ${about.pinned.server},
Redis on ${about.pinned.redis}. ${about.noise}

${sections.join('\n\n')}

${notes.trim()}
`;
  writeFileSync(new URL('RESULTS.md', import.meta.url), text);
}

async function main() {
  const options = options_read(process.argv.slice(2));
  const { plan } = options;
  const began = Date.now();
  const chosen = options.only.length ? options.only : Object.keys(groups);
  plan.left_s = () => plan.budget_s - (Date.now() - began) / 1000;
  const measured = {};
  const judged = {};
  const sections = [];
  for (const [index, name] of chosen.entries()) {
    const group = groups[name];
    // What one round of all groups that are still to come may need.
    plan.reserve_s = chosen
      .slice(index)
      .reduce((sum, next) => sum + Object.keys(groups[next].series).length * (plan.seconds + plan.warmup + 2), 0);
    measured[name] = await measure(name, group, plan);
    judged[name] = group.figures.map((figure) => judge(figure, measured[name], group, cores));
    sections.push(`## ${group.title}\n\n${table(judged[name])}`);
    console.log(`${sections.at(-1)}\n`);
  }
  const about = { ...machine(), noise: noise_text(measured), at: new Date().toISOString() };
  console.log(`${about.noise} ${Math.round((Date.now() - began) / 1000)} s.`);
  const folder = new URL('../results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL(`bench-${about.at.replace(/[:.]/g, '-')}.json`, folder);
  writeFileSync(file, `${JSON.stringify({ about, judged, measured }, null, 1)}\n`);
  console.log(`All samples: ${file.pathname}`);
  if (options.write) results_write(about, sections);
}

main().then(
  () => process.exit(0),
  (error) => {
    progress('');
    console.error(error.message);
    process.exit(1);
  },
);
