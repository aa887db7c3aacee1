// What must be true once nothing breaks any more. Each waits for it, bounded in time, and throws
// what is not so.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { descendants_of } from '../lib/process.js';
import { parse_metrics } from '../lib/prometheus.js';
import { waitFor } from '../lib/wait.js';
import { TONGUES } from './tongues.js';

const QUIET_MS = 10000; // presence and names (design.md)
const SETTLE_MS = 30000;
const MEMORY_MARGIN_KB = 32 * 1024;

const few = (list, count = 12) => list.slice(0, count).join('\n  ');
const users_file = (user, what) => `parley:user:{${user}}${what}`;

function no_faults(what, faults) {
  if (faults.length) throw new Error(`${what} (${faults.length}):\n  ${few(faults)}`);
}

// Waits until `faults_of` finds none.
async function none_left(what, faults_of, patience_ms) {
  let faults = [];
  await waitFor(
    () => `${what} (${faults.length} faults):\n  ${few(faults)}\n `,
    async () => {
      faults = await faults_of();
      return faults.length === 0;
    },
    patience_ms,
  );
}

const same = (what, found, expected) => {
  const [one, other] = [found, expected].map((list) => [...list].sort().join(' '));
  return one === other ? [] : [`${what}: found [${one}], expected [${other}]`];
};

// ---- messages -------------------------------------------------------------------------------

export async function all_outcomes(play) {
  await none_left('every actor is connected and has its answers', () => {
    return play.actors
      .filter((actor) => !actor.is_connected || !actor.is_settled)
      .map((actor) => `${actor.label}: ${[...actor.outstanding.keys()]}`);
  }, SETTLE_MS);
}

const is_away = (play, line) => play.away.some((user) => line.endsWith(` for ${user}`));

// What stands in a room's log below those who have come since (RESULTS.md, Sentinel).
async function kept_below(play, messages) {
  const few = messages.filter((message) => play.history.may_be_below(message));
  if (!few.length) return new Set();
  const logs = await Promise.all(['lobby', 'den'].map((room) => log_of(play, room)));
  return new Set(few.filter((message) => logs.some((log) => log.has(message))));
}

export async function all_shown(play) {
  await none_left('all that was acknowledged is shown', async () => {
    const missing = play.history.missing().filter((line) => !is_away(play, line));
    const below = await kept_below(play, missing.map((line) => line.split(' ')[0]));
    return missing.filter((line) => !below.has(line.split(' ')[0]));
  }, SETTLE_MS);
}

// Of those who were never there, everything acknowledged waits in Redis, in the order of its stamps.
export async function all_kept(play) {
  for (const user of play.away) {
    const ids = await play.redis.command('LRANGE', users_file(user, ':unread'), 0, -1);
    const lines = await play.redis.hash(users_file(user, ':unread:messages'));
    const kept = ids.map((id) => JSON.parse(lines[id] ?? '{}'));
    const seqs = kept.map(({ seq }) => seq);
    assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b), `the unread list of ${user}`);
    const texts = new Set(kept.map(({ body }) => body?.text));
    const lost = [...play.history.acknowledged].filter(([id, owed]) => owed.includes(user) && !texts.has(id));
    no_faults(`acknowledged, and not kept for ${user}`, lost.map(([id]) => id));
  }
}

// What a failover brought back of what had been proven leaves the list with the next message: there
// is one, if need be.
export async function all_read(play) {
  const nudged = new Set(play.history.lossy ? [] : play.actors);
  const nudge_ms = Date.now() + SETTLE_MS / 2;
  await none_left('everything is read or proven', async () => {
    const left = [];
    for (const actor of play.actors) {
      actor.mark(0);
      const count = await play.redis.command('LLEN', users_file(actor.user, ':unread'));
      if (count) left.push(`${actor.user}: ${count}`);
      if (count && Date.now() > nudge_ms && !nudged.has(actor)) {
        nudged.add(actor);
        await play.say_hello(actor.user);
      }
    }
    return left;
  }, SETTLE_MS);
}

// The stamps of a room's log: message -> seq.
async function log_of(play, room) {
  const lines = Object.values(await play.redis.hash(`parley:room:{${room}}:messages`)).map((line) => JSON.parse(line));
  const said = lines.filter(({ body }) => /^[\w-]+\/\d+$/.test(body?.text ?? ''));
  return new Map(said.map(({ seq, body }) => [body.text, seq]));
}

export async function in_order(play) {
  const { history, world } = play;
  no_faults('what clients recorded', history.faults);
  no_faults('twice', history.twice_faults());
  no_faults('out of order', history.order_faults());
  for (const room of ['lobby', 'den']) {
    const stamps = await log_of(play, room);
    no_faults(`the log of ${room}`, history.stamp_faults(`the log of ${room}`, stamps, {
      dense: true,
      hides: (user, message) => message.startsWith(`${user}/`),
      reaches_end: ({ label }) => play.actors.some((actor) => actor.label === label && actor.is_connected),
    }));
  }
  for (const user of play.actors.map((actor) => actor.user)) {
    const published = world.watch.find(`parley:user:{${user}}`, ({ seq, body }) => seq > 0 && body?.text);
    const stamps = new Map(published.map(({ envelope: { seq, body } }) => [body.text, seq]));
    no_faults(`the inbox of ${user}`, history.stamp_faults(`the inbox of ${user}`, stamps));
  }
}

// What is said in an ephemeral room, or by who speaks a protocol that keeps nothing, is in no key
// and in no file.
export async function nothing_ephemeral_kept(play) {
  const { redis, ephemeral } = play;
  const readers = {
    string: ['GET'], list: ['LRANGE', 0, -1], hash: ['HGETALL'], set: ['SMEMBERS'], zset: ['ZRANGE', 0, -1],
  };
  const found = [];
  for (const key of await redis.keys('*')) {
    const [word, ...rest] = readers[await redis.command('TYPE', key)] ?? ['TYPE'];
    if (JSON.stringify(await redis.command(word, key, ...rest)).includes(ephemeral)) found.push(key);
  }
  for (const { folder, aof } of play.redis_servers()) {
    if (aof === 'no') continue;
    const files = join(folder, 'appendonlydir');
    for (const file of readdirSync(files)) if (readFileSync(join(files, file)).includes(ephemeral)) found.push(file);
  }
  no_faults('ephemeral, and kept in', found);
}

// ---- presence -------------------------------------------------------------------------------

async function session_faults(play) {
  const faults = [];
  const of_nodes = new Map(play.world.nodes.map(({ id }) => [id, []]));
  for (const user of [...play.actors.map((actor) => actor.user), ...play.away]) {
    const records = Object.values(await play.redis.hash(users_file(user, ':sessions')));
    const found = records.map((record) => record.split(' ')[0].replace(/\.\d+$/, ''));
    const here = play.actors.filter((actor) => actor.user === user && actor.is_connected);
    faults.push(...same(`sessions of ${user}`, found, here.map(({ client }) => play.world.nodes[client.at].id)));
    for (const { client } of here) of_nodes.get(play.world.nodes[client.at].id).push(user);
  }
  const alive = await play.redis.command('ZRANGE', 'parley:nodes', 0, -1, 'WITHSCORES');
  const names = alive.filter((_, i) => i % 2 === 0);
  faults.push(...same('nodes', names.map((name) => name.replace(/\.\d+$/, '')), play.world.nodes.map(({ id }) => id)));
  if (alive.some((score) => score.startsWith('-'))) faults.push(`nodes held for dead: ${alive}`);
  for (const [id, users] of of_nodes) {
    const held = Object.values(await play.redis.hash(`parley:node:{${id}.0}:sessions`));
    faults.push(...same(`sessions of ${id}`, held.map((value) => value.split(' ')[1]), users));
  }
  for (const what of ['lost', 'reaper']) {
    for (const key of await play.redis.keys(`parley:node:*:${what}`)) faults.push(`${key} is left`);
  }
  return faults;
}

// Who hears the lobby: it is the room of simple connections there, and all others are its members.
async function lobby_faults(play) {
  const attendance = await play.redis.hash('parley:room:{lobby}:attendance');
  const there = play.actors.filter((actor) => actor.is_connected && actor.attends);
  const faults = same('the lobby', Object.keys(attendance), there.map(({ user }) => user));
  for (const [user, sessions] of Object.entries(attendance)) {
    if (sessions.split(' ').length !== 1) faults.push(`sessions of ${user} in the lobby: ${sessions}`);
  }
  return faults;
}

// What simple's and rooms' clients were told of who attends the lobby: of who did before and still
// does, nothing.
function told_faults(play) {
  const there = new Map(play.actors.filter((actor) => actor.attends).map((actor) => [actor.user, actor]));
  return play.actors.filter((actor) => actor.is_told && actor.is_connected).flatMap((actor) => {
    const wrong = [...actor.there].filter(([user, is_there]) => is_there !== Boolean(there.get(user)?.is_connected));
    const faults = wrong.map(([user, is_there]) => `${actor.label} was told last that ${user} has ${is_there ? 'come' : 'left'}`);
    if (actor.tongue.greets && !actor.there.has(actor.user)) faults.push(`${actor.label} was not told of itself`);
    return faults;
  });
}

// What chat's clients were told of their contacts.
async function contact_faults(play) {
  const faults = [];
  for (const actor of play.actors.filter(({ protocol }) => protocol === 'chat')) {
    for (const user of await play.redis.command('SMEMBERS', users_file(actor.user, ':contacts'))) {
      const told = actor.online.get(user) ?? false;
      const is = play.actors.some((other) => other.user === user && other.is_connected);
      if (told !== is) faults.push(`${actor.user} holds ${user} for ${told ? 'online' : 'offline'}`);
    }
  }
  return faults;
}

export async function presence_right(play) {
  await none_left('presence is right', async () => {
    return [...(await session_faults(play)), ...(await lobby_faults(play)), ...(await contact_faults(play)), ...told_faults(play)];
  }, QUIET_MS);
}

// All go, but those who are told of it.
export async function goings_told(play) {
  const staying = play.actors.filter((actor) => actor.is_told);
  const going = play.actors.filter((actor) => !actor.is_told);
  await Promise.all(going.map(({ client }) => client.close()));
  await none_left('those who stay are told who has gone', () => {
    return staying.flatMap((actor) => {
      const unknown = going.filter((other) => other.attends && actor.there.get(other.user) !== false);
      return unknown.map(({ user }) => `${actor.label} was not told that ${user} has gone`);
    });
  }, QUIET_MS);
}

// A name of simple's can't be had twice; a later connection of messaging's takes the earlier one's place.
export async function names_right(play) {
  for (const actor of play.actors.filter(({ protocol }) => protocol === 'simple')) {
    for (const node of play.world.nodes) {
      const second = await TONGUES.simple.open(node, actor).catch((error) => error);
      if (second.status !== 403) throw new Error(`${actor.user} was let in twice: ${second.status ?? second.name}`);
    }
  }
  for (const actor of play.actors.filter(({ protocol }) => protocol === 'messaging')) {
    const { client } = actor;
    await actor.take_over();
    const { code } = await client.closed;
    assert.equal(code, 4409, `${actor.label}, when another one took its place`);
  }
  await all_outcomes(play);
}

// ---- the nodes ------------------------------------------------------------------------------

// Of each node's processes, the largest.
export function memory_kb({ world }) {
  return world.nodes.map(({ child }) => {
    const sizes = [child.pid, ...descendants_of(child.pid)].map((pid) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    });
    return Math.max(...sizes);
  });
}

const GAUGES = ['parley_sessions', 'parley_outbox_bytes', 'parley_outbox_blocked', 'parley_commands_in_flight'];

// Nobody is connected any more: nothing is held for anybody.
export async function nodes_empty(play, { memory_before_kb, sanitized }) {
  // parley:all, its own, and in a cluster the probe's at each master.
  const channels = 2 + (play.shape === 'cluster' ? (await play.redis.masters()).length : 0);
  await none_left('nodes hold nothing', async () => {
    const faults = [];
    for (const node of play.world.nodes) {
      const { samples } = parse_metrics(await node.metrics());
      const total = (name) => samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0);
      for (const name of GAUGES) if (total(name) !== 0) faults.push(`${name} of ${node.id}: ${total(name)}`);
      if (total('parley_redis_channels') > channels) faults.push(`channels of ${node.id}: ${total('parley_redis_channels')}`);
    }
    for (const keys of ['user:*:sessions', 'node:*:sessions', 'room:*:attendance']) {
      for (const key of await play.redis.keys(`parley:${keys}`)) {
        faults.push(`${key} is left: ${JSON.stringify(await play.redis.hash(key))}`);
      }
    }
    return faults;
  }, QUIET_MS);
  if (sanitized) return;
  const grown = memory_kb(play).map((kb, i) => [play.world.nodes[i].id, kb, kb - Math.max(...memory_before_kb)]);
  no_faults('memory', grown.filter(([, , more]) => more > MEMORY_MARGIN_KB).map(([id, kb, more]) => `${id} has ${kb} kB, ${more} more than at first`));
}
