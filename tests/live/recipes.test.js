// redis-cli is a supported interface: every recipe of backend/README.md is run as it
// stands there, on a Redis in which what it asks for is the case.
//
// A recipe is a line `redis-cli …` in a block fenced as sh; `alice`, `bob` and `lobby`
// in it are real. What a recipe prints is compared with what the scene made true.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { MessagingClient, SimpleClient } from '../lib/client.js';
import { waitFor } from '../lib/wait.js';
import { World } from '../lib/world.js';

const page = new URL('../../backend/README.md', import.meta.url);

// [{line, comment}] of the fenced blocks.
function recipes() {
  const found = [];
  for (const [, block] of readFileSync(page, 'utf8').matchAll(/```(?:sh|bash|shell|console)?\n(.*?)```/gs)) {
    const joined = block.replaceAll('\\\n', ' ');
    for (const line of joined.split('\n')) {
      const command = line.replace(/^\$ /, '').trim();
      if (command.startsWith('redis-cli')) found.push(command);
    }
  }
  return found;
}

const run = promisify(execFile);

test('every recipe of backend/README.md runs, and says something', { timeout: 60000 }, async () => {
  const world = await World.start({ nodes: 2 });
  try {
    const alice = await SimpleClient.open(world.nodes[0], 'alice');
    const phone = await MessagingClient.open(world.nodes[1], '31');
    const bob = await MessagingClient.open(world.nodes[1], 'bob');
    phone.send({ enter: [{ rid: '#lobby' }] });
    await alice.say_and_wait('hello lobby');
    await bob.put_and_wait({ id: 11, rid: '31', text: 'hello' });
    await phone.messages(1);
    // A session key of 31's: its id, which is its hash, as `b2sum -l 160` has it.
    const id = '96efb2f864b6cbf00197535a6b980f82f3949481';
    await world.redis.command('HSET', 'parley:user:{31}:keys', id, `key ${Date.now()} ${Date.now() + 1e6}`);
    await world.redis.command('SET', `parley:key:{${id}}`, '31');
    // Somebody is everything that one can be in a room.
    await world.redis.command('HSET', 'parley:room:{lobby}:record', 'owner', 'boss');
    for (const [role, user] of [['admins', '31'], ['bans', 'bob'], ['invites', 'carol']]) {
      await world.redis.command('SADD', `parley:room:{lobby}:${role}`, user);
    }
    await world.redis.command('SADD', 'parley:user:{bob}:bans', 'den');
    const message = await world.redis.command('LINDEX', 'parley:room:{lobby}:log', '0');
    await world.redis.command('HSET', 'parley:room:{lobby}:reactions', message, '[["+1","31"]]');
    const commands = recipes();
    assert.ok(commands.length >= 5, `only ${commands.length} recipes`);
    const silent = [];
    for (const command of commands) {
      const output = await output_of(world, command, async () => {
        await alice.say_and_wait(`traffic for ${command.slice(0, 20)}`);
        await bob.put_and_wait({ id: `t${Math.random()}`, rid: '31', text: 'traffic' });
      });
      if (output.trim() === '' || /\((nil|empty|error)/i.test(output) || /\bERR\b|WRONGTYPE/.test(output)) {
        silent.push(`${command}\n${output}`);
      }
    }
    assert.deepEqual(silent, []);
    await Promise.all([alice, phone, bob].map((client) => client.close()));
  } catch (error) {
    error.message += `\n${world.logs()}`;
    throw error;
  } finally {
    await world.stop();
  }
});

// The output of one command line, its redis-cli pointed at this Redis. One that
// follows something live is ended when `traffic` has made it print.
async function output_of(world, command, traffic) {
  const line = command.replaceAll('redis-cli', `redis-cli -p ${world.redis.port}`);
  if (!/SUBSCRIBE|MONITOR/i.test(command)) {
    const { stdout, stderr } = await run('sh', ['-c', line], { timeout: 10000, env: { ...process.env, KEY: '0123456789abcdef0123456789abcdef' } });
    return stdout + stderr;
  }
  const child = spawn('sh', ['-c', `exec ${line}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  try {
    await waitFor(`${command} has subscribed`, () => /subscribe|OK/.test(output));
    const before = output.length;
    await traffic();
    await waitFor(`${command} shows what happens`, () => output.length > before + 10);
  } finally {
    child.kill('SIGKILL');
  }
  return output;
}
