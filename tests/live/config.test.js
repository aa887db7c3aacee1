// The program's own flags (issue 1: one table; --help, --check-config, --print-config).

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { program } from '../lib/gateway.js';
import { run_to_end, temporary_folder } from '../lib/process.js';

const options = { timeout: 30000 };

function parley(args, environment = {}) {
  return run_to_end(program(), args.map(String), { environment });
}

function file_with(text) {
  const path = join(temporary_folder('config'), 'parley.conf');
  writeFileSync(path, text);
  return path;
}

// "key = value" lines as an object.
function printed(output) {
  const values = {};
  for (const line of output.split('\n')) {
    const match = /^([a-z-]+)\s*=\s*(.*)$/.exec(line);
    if (match) values[match[1]] = match[2];
  }
  return values;
}

test('--help names every flag that scripts rely on, and exits with 0', options, async () => {
  const { code, output } = await parley(['--help']);
  assert.equal(code, 0);
  for (const flag of ['--port', '--redis', '--workers', '--node-id', '--config', '--check-config']) {
    assert.ok(output.includes(flag), flag);
  }
});

test('--version exits with 0 and says something', options, async () => {
  const { code, output } = await parley(['--version']);
  assert.equal(code, 0);
  assert.match(output, /\d+\.\d+/);
});

test('--print-config shows what each source sets: flag, environment, file, default', options, async () => {
  const file = file_with('port = 1111\nworkers = 2\nping-seconds = 7\n');
  const { code, output } = await parley(
    ['--config', file, '--port', 3333, '--print-config'],
    { PARLEY_PORT: '2222', PARLEY_WORKERS: '3' },
  );
  assert.equal(code, 0, output);
  const values = printed(output);
  assert.equal(values.port, '3333');
  assert.equal(values.workers, '3');
  assert.equal(values['ping-seconds'], '7');
  assert.equal(values['inbox-messages'], '10000');
});

test('what --print-config prints can be read as a file, and gives the same', options, async () => {
  const first = await parley(['--port', 4444, '--node-id', 'here', '--message-bytes', '32KiB', '--print-config']);
  assert.equal(first.code, 0, first.output);
  const second = await parley(['--config', file_with(`${first.output}\n`), '--print-config']);
  assert.equal(second.code, 0, second.output);
  assert.deepEqual(printed(second.output), printed(first.output));
});

test('secrets are masked', options, async () => {
  const { code, output } = await parley(
    ['--redis', 'redis://me:hidden-password@127.0.0.1:6379', '--print-config'],
    { PARLEY_ADMIN_TOKEN: 'hidden-token' },
  );
  assert.equal(code, 0, output);
  assert.ok(!output.includes('hidden-password') && !output.includes('hidden-token'), output);
  assert.ok(output.includes('127.0.0.1:6379'));
});

test('--check-config says yes to what is good', options, async () => {
  const { code, output } = await parley(['--port', 8080, '--check-config']);
  assert.equal(code, 0, output);
});

test('an unknown variable is told, and no more: others may use the prefix', options, async () => {
  const { code, output } = await parley(['--check-config'], { PARLEY_PROT: '1' });
  assert.equal(code, 0);
  assert.match(output, /PARLEY_PROT/);
});

const mistakes = [
  ['an unknown flag', ['--prot', 1], {}, /--prot/],
  ['a flag without its value', ['--port'], {}, /--port/],
  ['a port that is no number', ['--port', 'http'], {}, /port/],
  ['a port out of range', ['--port', 65536], {}, /port/],
  ['a negative number', ['--workers', -1], {}, /workers/],
  ['a number with something behind it', ['--workers', '2x'], {}, /workers/],
  ['a bad choice', ['--auth', 'maybe'], {}, /auth/],
  ['a bad size', ['--message-bytes', '64KB!'], {}, /message-bytes/],
  ['a bad URL of Redis', ['--redis', 'http://localhost'], {}, /redis/],
  ['a bad variable', [], { PARLEY_PORT: 'x' }, /PARLEY_PORT/],
  ['a bad route', ['--routes', 'nonesuch=/x'], {}, /routes|nonesuch/],
  ['a file that is not there', ['--config', '/nonexistent/parley.conf'], {}, /parley\.conf/],
];
for (const [what, args, environment, names] of mistakes) {
  test(`a mistake is named, and nothing starts: ${what}`, options, async () => {
    for (const last of [['--check-config'], []]) {
      if (what.includes('without its value') && last.length) continue;
      const { code, output } = await parley([...args, ...last], environment);
      assert.notEqual(code, 0, `${args} ${last}`);
      assert.match(output, names);
    }
  });
}

for (const [what, text, names] of [
  ['an unknown key', 'port = 1\nprot = 2\n', /2.*prot|prot.*2/s],
  ['a bad value', '# a comment\n\nport = x\n', /3.*port|port.*3/s],
  ['a line that is none', 'port 5\n', /1/],
]) {
  test(`a mistake in the file is named with its line: ${what}`, options, async () => {
    const file = file_with(text);
    const { code, output } = await parley(['--config', file, '--check-config']);
    assert.notEqual(code, 0);
    assert.match(output, names);
    assert.ok(output.includes('parley.conf'), output);
  });
}

test('a file that cannot be read is an error', options, async (t) => {
  if (process.getuid() === 0) return t.skip('root reads everything');
  const file = file_with('port = 1\n');
  chmodSync(file, 0);
  assert.notEqual((await parley(['--config', file, '--check-config'])).code, 0);
});
