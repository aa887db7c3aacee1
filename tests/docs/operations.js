// Holds the operations page and the example alerts against the code: every metric, label, setting
// and log event that they name exists, every test that is named as a proof is there, and every
// guarantee of the README has one.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const PAGE = 'deploy/operations.md';
const RULES = 'deploy/prometheus-rules.yml';

let wrong = 0;
function say(file, what) {
  console.log(`${file}: ${what}`);
  wrong++;
}

const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found);
const metrics = new Set(all(read('gateway/metrics.def'), /^X\([A-Z_]+,\s*[A-Z]+,\s*"([a-z_]+)"/gm));
const codes = new Set(all(read('proto/base/errors.def'), /^X\([A-Z_]+,\s*"([a-z_]+)"/gm));
const settings = new Set(all(read('gateway/config.def'), /^X\(([a-z_]+),/gm));
const sources = execFileSync('git', ['ls-files', 'backend/*.c', 'gateway/*.c'], { cwd: root, encoding: 'utf8' });
const events = new Set(sources.split('\n').filter(Boolean).flatMap((file) => all(read(file), /"([a-z_]+)"/g)));
// Not settings: what the program answers and ends, and what is said to others.
const COMMANDS = ['check_config', 'latency', 'appendonly'];

for (const set of [metrics, codes, settings]) if (set.size < 10) say(PAGE, 'the tables in the code cannot be read');

for (const file of [PAGE, RULES]) {
  const text = read(file);
  for (const name of all(text, /\bparley_([a-z_]+)/g)) if (!metrics.has(name)) say(file, `there is no metric parley_${name}`);
  for (const code of all(text, /code="([a-z_]+)"/g)) if (!codes.has(code)) say(file, `there is no code ${code}`);
  for (const event of all(text, /event=([a-z_]+)/g)) if (!events.has(event)) say(file, `nothing logs event=${event}`);
  for (const flag of all(text, /(?<![\w-])--([a-z][a-z-]+)/g)) {
    const name = flag.replaceAll('-', '_');
    if (!settings.has(name) && !COMMANDS.includes(name) && name !== 'config') say(file, `there is no setting --${flag}`);
  }
}

// The names of a file's tests, which may have parts that are filled in.
const tests = (file) =>
  [...read(file).matchAll(/^\s*\w+\((?:\w+, )?(['"`])(.*)\1, (?:async|options|\(|\{)/gm)].map(([, , title]) => title);

const page = read(PAGE);
const [, table = ''] = page.split('## Guarantees, and what proves each');
const proofs = table.split('\n').filter((line) => /^\| (?!---|guarantee)/.test(line));
if (proofs.length < 8) say(PAGE, 'the table of guarantees cannot be read');
for (const line of proofs) {
  const [, guarantee, proof] = line.split(/ \| |^\| | \|$/);
  let file = null;
  for (const path of all(proof, /`(tests\/[^`]+\.test\.js)`(?!: ")/g)) say(PAGE, `which test of ${path} proves: ${guarantee}`);
  for (const [, path, name] of proof.matchAll(/`(tests\/[^`]+)`|"([^"]+)"/g)) {
    if (path) file = path;
    if (path && !existsSync(new URL(path, root))) say(PAGE, `${path} is not there`);
    else if (name && !tests(file).some((title) => title.includes(name))) say(PAGE, `${file} has no test called "${name}"`);
  }
  if (!file) say(PAGE, `nothing proves: ${guarantee}`);
}

// The first words of each of the README's guarantees begin a row.
const [, promised = ''] = /## Guarantees\n([\s\S]*?)\n## /.exec(read('README.md')) ?? [];
for (const begin of all(promised, /^- ((?:\S+ ){1,2}\S+)/gm)) {
  const words = begin.replace(/[:,].*$/, '');
  if (!table.includes(`| ${words}`)) say(PAGE, `no row for the guarantee "${words} …"`);
}
process.exit(wrong ? 1 : 0);
