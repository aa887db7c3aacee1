// deploy/redis/users.acl: what the product's user may do is what it does. That it is enough is
// shown by every live test: their nodes are this user.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { RedisServer } from '../lib/redis.js';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const files = (folder, end) =>
  readdirSync(new URL(folder, root)).filter((name) => name.endsWith(end)).map((name) => read(folder + name));

// What the links say beside the store's calls: link.c, shard.c, store.c, bus.c, slots.c.
const LINKS = [
  'eval', 'evalsha', 'script|load', 'select', 'client|setname', 'ping', 'role', 'wait',
  'subscribe', 'unsubscribe', 'ssubscribe', 'sunsubscribe', 'publish', 'spublish',
  'cluster|slots', 'asking',
];

function used() {
  const scripts = [...files('backend/scripts/', '.lua'), ...files('backend/scripts/parts/', '.lua')];
  const in_scripts = scripts.flatMap((text) => [...text.matchAll(/\bcall\('(\w+)'/g)].map((match) => match[1]));
  const in_store = files('backend/', '.c').flatMap((text) =>
    [...text.matchAll(/store_begin_command\([^;"]*"(\w+)"/g)].map((match) => match[1]),
  );
  return [...new Set([...LINKS, ...in_scripts, ...in_store].map((name) => name.toLowerCase()))].sort();
}

let redis;
before(async () => {
  redis = await RedisServer.start();
});
after(async () => {
  await redis.stop();
});

async function may(...words) {
  return (await redis.command('ACL', 'DRYRUN', 'parley', ...words)) === 'OK';
}

test('the commands are those that the scripts and the store use, and no others', () => {
  const rules = read('deploy/redis/users.acl').trim().split(/\s+/);
  const allowed = rules.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1)).sort();
  assert.deepEqual(allowed, used(), 'a command that a script or the store uses must stand in users.acl, and no other');
  assert.ok(!rules.some((rule) => rule.includes('@') && rule !== '-@all'));
});

test('Redis understands it so', async () => {
  const list = (await redis.command('COMMAND', 'LIST')).map((name) => name.toLowerCase());
  const commands = used();
  const has = new Set(commands.map((name) => name.split('|')[0]));
  // Who these are is asked before anybody may do anything.
  const free = new Set(['auth', 'hello', 'quit', 'reset']);
  for (const name of list) {
    if (has.has(name) || free.has(name)) continue;
    const said = await redis.command('ACL', 'DRYRUN', 'parley', name, 'parley:x', 'parley:x', '1', 'parley:x').catch((error) => error.message);
    assert.notEqual(said, 'OK', `${name} is allowed`);
  }
});

test('no other keys, no other channels', async () => {
  assert.ok(await may('GET', 'parley:user:{31}:profile'));
  assert.ok(!(await may('GET', 'other:user:{31}:profile')));
  assert.ok(!(await may('DEL', 'parleyx')));
  assert.ok(await may('SUBSCRIBE', 'parley:user:{31}'));
  assert.ok(!(await may('SUBSCRIBE', 'other')));
  assert.ok(!(await may('PUBLISH', 'other', 'x')));
  assert.ok(!(await may('SCRIPT', 'FLUSH')));
  assert.ok(!(await may('CLIENT', 'KILL', 'TYPE', 'normal')));
});
