// One seed: users of all five protocols talk with one another and in three rooms, while things
// break as the seed's schedule says; then everything must be as design.md promises.
//
//   setup ─► talk, faults (schedule.js) ─► heal ─► outcomes, presence, everything shown,
//   order ─► everything read ─► all come again, nothing comes back ─► all gone, nothing left

import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConcordClient } from '../lib/client.js';
import { RedisCluster } from '../lib/cluster.js';
import { check_frames, take_frame_faults } from '../lib/contract.js';
import { History } from '../lib/history.js';
import { Rest } from '../lib/http.js';
import { take_alarms } from '../lib/process.js';
import { Proxy } from '../lib/proxy.js';
import { RedisServer } from '../lib/redis.js';
import { uuid_of } from '../lib/uuid.js';
import { pause, waitFor, within } from '../lib/wait.js';
import { World } from '../lib/world.js';
import { Actor } from './actor.js';
import { FAULTS, heal } from './faults.js';
import { Replicated } from './replicated.js';
import { schedule } from './schedule.js';
import { dialog_of, TONGUES } from './tongues.js';
import * as verdict from './verdict.js';

const ADMIN = 'the-operator-of-the-fault-machine';
const FLAGS = ['--admin-token', ADMIN, '--ping-seconds', 2, '--drain-seconds', 5, '--log-messages', 20000];
const OF_EACH = 2; // actors of each protocol
const AWAY = ['away-0', 'away-1']; // users who are never there until the end
const NODES = 3;
const UNREAD = 5; // so many are left unread, so that a new connection is shown them again
const MASTERS = new Set(['failover', 'kill_master', 'pause_master']); // after these another one may be master
const SLOWEST_MS = 20; // a message of many, all actors speaking
const SET_UP_MS = 20000;
const STEP_MS = 90000; // a fault that takes longer is a fault of this machine

const REDIS = {
  one: (options) => RedisServer.start(options),
  sentinel: (options) => Replicated.start(options),
  // A machine whose cores are busy replaces nobody by mistake.
  cluster: (options) => RedisCluster.start({ masters: 3, replicas: 1, nameless: true, timeout_ms: 2500, ...options }),
};

class Play {
  history = new History();
  book = { rooms: new Map(), dialogs: new Map(), names: new Map() }; // names: of UUIDs
  actors = [];
  doors = [];
  cables = [];
  away = AWAY;
  unread = UNREAD;
  sending = true;
  over = false;
  single = true; // one link carries out all of a session's commands
  may_refuse = new Set(['unavailable']);
  broken = {}; // fault -> how often
  refusals = {}; // why a connection was refused -> how often
  closes = {}; // code -> how often
  lines = []; // of the journal
  begun_ms = Date.now();

  constructor({ seed, seconds, shape = 'one', faults, rate = 8, direct = false, messages = 0 }) {
    Object.assign(this, { seed, seconds, shape, rate, direct, messages });
    this.ephemeral = `ephemeral-${seed}`;
    this.schedule = schedule({ seed, seconds, shape, faults: faults?.split(',') });
  }

  async start() {
    const one = this.shape === 'one';
    this.world = await World.start({
      nodes: NODES,
      proxied: this.shape !== 'sentinel',
      redis: await REDIS[this.shape]({ aof: 'always' }),
      // What is acknowledged survives the failover to a replica.
      node: { flags: one ? FLAGS : [...FLAGS, '--redis-wait', 1] },
    });
    this.redis = this.world.redis;
    this.history.lossy = !one;
    this.single = this.shape !== 'cluster';
    this.cables = this.world.proxies;
    for (const node of this.world.nodes) this.doors.push(await Proxy.start(node.port));
  }

  redis_servers() {
    return this.redis.servers ?? [this.redis];
  }

  // Those who miss what is said in a room while they are away.
  is_owed(user, to) {
    if (to.user) return true;
    return this.actors.find((actor) => actor.user === user)?.tongue.owed ?? false;
  }

  // A message that nobody counts.
  async say_hello(user) {
    const [other] = this.actors.filter((actor) => actor.user !== user);
    const api = new Rest(this.world.nodes[0], 'native', { user: other.user });
    await api.ok('POST', `/api/v1/users/${user}/messages`, { text: 'hello' });
  }

  journal(line) {
    this.lines.push(`${String(Date.now() - this.begun_ms).padStart(6)} ${line}`);
  }

  refused(why) {
    this.refusals[why] = (this.refusals[why] ?? 0) + 1;
  }

  ended(code) {
    this.closes[code] = (this.closes[code] ?? 0) + 1;
  }
}

// ---- before -----------------------------------------------------------------------------------

const ROOMS = [
  { id: 'den', open: false, public: false, keep: 'log' },
  { id: 'fog', open: false, public: false, keep: 'none' },
];

// A replica may be late, or the machine busy: it is asked for again. What was there already (409) is there.
async function make(api, method, path, body) {
  let answer;
  const is_told = async () => (answer = await api.call(method, path, body)).status !== 503;
  await waitFor(() => `${method} ${path}: ${JSON.stringify(answer?.body)}`, is_told, SET_UP_MS);
  if (answer.status >= 300 && answer.status !== 409) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

// Who has connected once has a number and a UUID.
async function make_users(play, users) {
  for (const user of users) {
    await (await ConcordClient.open(play.world.nodes[0], user)).close();
    play.book.names.set(uuid_of('user', user), user);
  }
}

async function make_rooms(play, users) {
  const operator = new Rest(play.world.nodes[0], 'native', { bearer: ADMIN });
  for (const room of ROOMS) await make(operator, 'POST', '/api/v1/rooms', room);
  const members = users.filter((user) => !play.away.includes(user));
  for (const id of ['lobby', 'den', 'fog']) {
    for (const user of members) await make(operator, 'PUT', `/api/v1/rooms/${id}/members/${user}`);
    const { num, uuid, keep } = await operator.ok('GET', `/api/v1/rooms/${id}`);
    play.book.rooms.set(id, { num, uuid, keep, members });
  }
}

// concord and rooms know a dialog by its number and UUID, which it has from its first message on;
// and those who share one are contacts: chat's clients are told of them when they connect.
async function make_dialogs(play, users) {
  for (const one of users) {
    const api = new Rest(play.world.nodes[0], 'native', { user: one });
    for (const other of users) {
      const id = dialog_of(one, other);
      if (one === other || play.book.dialogs.has(id)) continue;
      await make(api, 'POST', `/api/v1/users/${other}/messages`, { text: 'hello' });
      const { num, uuid } = await play.redis.hash(`parley:dialog:{${id}}:record`);
      play.book.dialogs.set(id, { num: Number(num), uuid });
    }
  }
}

function make_actors(play, users) {
  const rooms = play.direct ? [] : ['lobby', 'den', 'fog'].flatMap((room) => [{ room }, { room }, { room }]);
  let index = 0;
  for (const protocol of Object.keys(TONGUES)) {
    for (let i = 0; i < OF_EACH; i++) {
      const user = `${protocol}-${i}`;
      const others = users.filter((other) => other !== user).map((other) => ({ user: other }));
      // The second simple connection hears the closed room.
      const room = i === 1 ? 'den' : 'lobby';
      play.actors.push(new Actor(play, { user, protocol, room, index: index++, targets: [...rooms, ...others] }));
    }
  }
}

async function set_up(play) {
  const actors = Object.keys(TONGUES).flatMap((protocol) => Array.from({ length: OF_EACH }, (_, i) => `${protocol}-${i}`));
  const users = [...actors, ...play.away];
  await make_users(play, users);
  await make_rooms(play, users);
  await make_dialogs(play, users);
  make_actors(play, users);
  play.living = play.actors.map((actor) => actor.live());
  await verdict.all_outcomes(play);
  await waitFor('presence is right at first', () => verdict.presence_right(play).then(() => true));
}

// ---- while --------------------------------------------------------------------------------------

async function take_step(play, step, busy) {
  const what = `${step.fault} ${step.victim}, ${step.ms} ms, ${step.size}`;
  if (step.needs.some((need) => busy.has(need))) {
    play.journal(`not now: ${what}`);
    return;
  }
  for (const need of step.needs) busy.add(need);
  play.broken[step.fault] = (play.broken[step.fault] ?? 0) + 1;
  play.journal(`begins: ${what}`);
  if (MASTERS.has(step.fault)) play.history.masters++;
  try {
    await within(STEP_MS, `the end of ${what}`, FAULTS[step.fault](play, step));
  } catch (error) {
    error.message = `${what}: ${error.message}`;
    throw error;
  } finally {
    play.journal(`ends: ${what}`);
    for (const need of step.needs) busy.delete(need);
  }
}

async function break_things(play) {
  const busy = new Set();
  const begun_ms = Date.now();
  const steps = play.schedule.map(async (step) => {
    await pause(Math.max(0, begun_ms + step.at_ms - Date.now()));
    await take_step(play, step, busy);
  });
  const results = await Promise.allSettled([...steps, pause(play.seconds * 1000)]);
  const failed = results.find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
}

async function said_enough(play) {
  const stored = () => [...play.history.acknowledged.values()].filter((owed) => owed.length).length;
  const patience_ms = 10000 + play.messages * SLOWEST_MS;
  await waitFor(() => `${play.messages} are stored: ${stored()}`, () => stored() >= play.messages, patience_ms);
}

// ---- after --------------------------------------------------------------------------------------

// Everybody comes again: what was read is not shown, and who was away has it all.
async function come_again(play) {
  for (const [message, owed] of play.history.acknowledged) {
    for (const user of owed) if (play.actors.some((actor) => actor.user === user) && play.history.direct(message)) play.history.mark_read(user, message);
  }
  for (const { client } of play.actors) client.cut();
  for (const user of play.away) {
    const actor = new Actor(play, { user, protocol: 'messaging', index: 100 + play.actors.length });
    play.actors.push(actor);
    play.living.push(actor.live());
  }
  play.away = [];
  await verdict.all_outcomes(play);
  await verdict.all_shown(play);
  await verdict.all_read(play);
  await verdict.presence_right(play);
}

async function judge(play, memory_before_kb) {
  await verdict.all_outcomes(play);
  await verdict.presence_right(play);
  await verdict.all_shown(play);
  await verdict.all_kept(play);
  await verdict.in_order(play);
  await verdict.names_right(play);
  play.unread = 0;
  await verdict.all_read(play);
  await come_again(play);
  await verdict.in_order(play);
  await verdict.nothing_ephemeral_kept(play);
  play.over = true;
  await verdict.goings_told(play);
  await Promise.all(play.actors.map(({ client }) => client.close()));
  await Promise.all(play.living);
  await verdict.nodes_empty(play, { memory_before_kb, sanitized: Boolean(process.env.PARLEY_SANITIZED) });
  await play.world.watch.settle();
  const { watch } = play.world;
  // Masters are watched one by one, and one that has been replaced goes on for a while.
  if (play.shape === 'cluster') watch.faults = watch.faults.filter((fault) => !/^ *(seq|id) /.test(fault));
  watch.check();
  check_frames();
  const alarms = take_alarms();
  if (alarms.length) throw new Error(`the program complained:\n${alarms.join('\n')}`);
}

async function end(play) {
  play.sending = false;
  play.over = true;
  for (const { client } of play.actors) client?.cut();
  for (const door of play.doors) door.stop();
  await play.world?.stop();
}

// What helps to find out why, in the folder `logs`.
function write_down(play, logs, error) {
  if (!logs) return;
  mkdirSync(logs, { recursive: true });
  const shown = play.history.connections.map(({ label, messages }) => `${label}: ${messages.join(' ')}`);
  const published = play.world?.watch?.envelopes.map(({ channel, line }) => `${channel} ${line}`) ?? [];
  writeFileSync(join(logs, 'error.log'), `${error.stack}\n${take_frame_faults().join('\n')}\n`);
  writeFileSync(join(logs, 'journal.log'), `${play.lines.join('\n')}\n`);
  writeFileSync(join(logs, 'shown.log'), `${shown.join('\n')}\n`);
  appendFileSync(join(logs, 'published.log'), `${published.join('\n')}\n`);
}

// Plays a seed; gives one line on what happened, throws what was found. `options`: seed, seconds,
// shape of Redis, and for special cases `faults`, those that may be drawn, a comma between two names,
// `rate`, what each actor says in a second, `direct`, to users alone, and `messages`, how many are to be
// stored at least, however long that takes. `logs`: a folder to write everything down in when it fails.
export async function play_seed({ logs, ...options }) {
  const play = new Play(options);
  try {
    await play.start();
    await set_up(play);
    const memory_before_kb = verdict.memory_kb(play);
    play.journal('talking begins');
    const speaking = play.actors.map((actor) => actor.speak(play.rate));
    await break_things(play);
    await said_enough(play);
    play.sending = false;
    await Promise.all(speaking);
    await heal(play);
    play.journal('healed');
    await judge(play, memory_before_kb);
    await end(play);
  } catch (error) {
    const { seed, shape, broken, refusals, closes } = play;
    error.message += `\nseed ${seed} on ${shape}: ${JSON.stringify({ broken, refusals, closes })}`;
    play.journal(`failed: ${error.message}`);
    write_down(play, logs, error);
    throw error;
  } finally {
    await end(play).catch(() => {});
  }
  const { history, broken, refusals, closes } = play;
  const acknowledged = history.acknowledged.size;
  return `${acknowledged} acknowledged, ${history.deliveries} shown, ${JSON.stringify({ broken, refusals, closes })}`;
}
