// Runs the black-box tests: `node lib/run.js [file or folder ...]`, from anywhere.
//
//   PARLEY_BIN           the program to test (build/gateway/parley)
//   PARLEY_TEST_FOLDERS  which folders, where no argument says so
//   PARLEY_TEST_JOBS     test files that run side by side (2)

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { program } from './gateway.js';

const here = new URL('..', import.meta.url).pathname;
const FILE_TIMEOUT_MS = 20 * 60 * 1000;

function test_files(path) {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => (name === 'node_modules' ? [] : test_files(join(path, name))))
    .filter((file) => file.endsWith('.test.js'));
}

const folders = (process.env.PARLEY_TEST_FOLDERS ?? 'lib,live,rest,bridge,cluster').split(',');
const wanted = process.argv.slice(2).map((path) => resolve(path));
const paths = wanted.length ? wanted : folders.map((name) => join(here, name)).filter(existsSync);
// The longest ones first, so that nothing long runs alone at the end.
const longest_first = ['cluster/sabotage', 'cluster/loop', 'cluster/seeds', 'bridge/matrix', 'cluster/faults', 'live/transcripts', 'live/redis_away'];
const place = (file) => {
  const found = longest_first.findIndex((part) => file.includes(part));
  return found < 0 ? longest_first.length : found;
};
const files = paths.flatMap(test_files).sort((a, b) => place(a) - place(b));

console.log(`testing ${program()}`);
run({
  files,
  concurrency: Number(process.env.PARLEY_TEST_JOBS ?? 2),
  timeout: FILE_TIMEOUT_MS,
  // A file whose test ran out of time ends too, with whatever that test left running.
  forceExit: true,
})
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(new spec())
  .pipe(process.stdout);
