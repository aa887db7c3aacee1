// The real docker-compose.yml, talked to through its balancer. tests/compose/run.sh brings it
// up with three gateways and takes it down; it says where by
//   PARLEY_COMPOSE        the command, with its project: "docker-compose -p …"
//   PARLEY_COMPOSE_PORT   where the balancer listens

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { MessagingClient, SimpleClient } from '../lib/client.js';
import { History } from '../lib/history.js';
import { pause, waitFor } from '../lib/wait.js';

const COMMAND_MS = 180_000;
const HEAL_MS = 60_000; // containers start, drain and are found by the balancer
const WINDOW = 16; // sends that may be unanswered

const root = new URL('../..', import.meta.url).pathname;
const balancer = { ws: `ws://127.0.0.1:${process.env.PARLEY_COMPOSE_PORT}` };

async function command(program, ...words) {
  const { stdout } = await promisify(execFile)(program, words, { cwd: root, timeout: COMMAND_MS });
  return stdout.trim().split('\n').filter(Boolean);
}

const compose = (...words) => {
  const [program, ...first] = process.env.PARLEY_COMPOSE.split(' ');
  return command(program, ...first, ...words);
};
const redis = (...words) => compose('exec', '-T', 'redis', 'redis-cli', ...words);
const scale = (count) => compose('up', '-d', '--no-recreate', '--scale', `gateway=${count}`);
const replicas = () => compose('ps', '-q', 'gateway');

// A connection through the balancer, tried again while replicas come and go.
async function connect(open) {
  let client;
  await waitFor(
    'a connection through the balancer',
    async () => {
      client = await open();
      return true;
    },
    HEAL_MS,
  );
  return client;
}

// Which replica has this user: a session's id begins with its node's, "gw-3f2a.0-…".
async function replica_of(user) {
  const [session] = await redis('HKEYS', `parley:user:{${user}}:sessions`);
  return session?.split('.')[0];
}

// Connects users until they are on `count` different replicas; gives one client each.
async function spread(count, name) {
  const found = new Map();
  const all = [];
  await waitFor(
    `clients on ${count} replicas`,
    async () => {
      const id = `${name}-${all.length}`;
      const client = await MessagingClient.open(balancer, id);
      all.push(client);
      const replica = await replica_of(id);
      if (!found.has(replica)) found.set(replica, client);
      return found.size === count;
    },
    HEAL_MS,
  );
  await Promise.all(all.filter((each) => ![...found.values()].includes(each)).map((each) => each.close()));
  return found;
}

test('clients on different replicas talk', async () => {
  const clients = [...(await spread(3, 'talker')).values()];
  for (const from of clients) {
    for (const to of clients.filter((each) => each !== from)) {
      await from.put_and_wait({ id: `${from.id} to ${to.id}`, rid: to.id, text: 'hello' });
      const [message] = await to.messages(1);
      assert.equal(message.id, `${from.id} to ${to.id}`);
      to.mark({ id: message.id });
    }
  }
  await Promise.all(clients.map((each) => each.close()));
});

test('the lobby is one, whatever the replica', async () => {
  const clients = [];
  const found = new Set();
  for (const name of ['anna', 'ben', 'carl']) {
    clients.push(await connect(() => SimpleClient.open(balancer, name, { cast: new Set() })));
    found.add(await replica_of(name));
  }
  assert.ok(found.size > 1, `all three are on ${[...found]}`);
  await clients[0].say_and_wait('to all of you');
  for (const client of clients.slice(1)) {
    assert.equal((await client.message()).username, 'anna');
  }
  await Promise.all(clients.map((each) => each.close()));
});

// A sender and a receiver that connect again whenever their replica goes, and a history that
// knows what was acknowledged and what was seen.
class Stream {
  history = new History();
  made = 0;
  acknowledged = 0;
  closes = [];
  ending = false;
  #waiting = []; // sent and not acknowledged

  start() {
    this.sending = this.#send();
    this.receiving = this.#receive();
  }

  async more(count) {
    const goal = this.acknowledged + count;
    await waitFor(`${count} more acknowledged messages`, () => this.acknowledged >= goal, HEAL_MS);
  }

  async end() {
    this.ending = true;
    await this.sending;
    await waitFor(
      () => `what was acknowledged: missing ${this.history.missing().slice(0, 5)}`,
      () => this.history.missing().length === 0,
      HEAL_MS,
    );
    await this.receiver.close();
    await this.receiving;
  }

  async #send() {
    while (!this.ending || this.#waiting.length) {
      const client = await connect(() => MessagingClient.open(balancer, 'source'));
      client.on_frame = (frame) => {
        for (const { id } of frame.sent ?? []) this.#acknowledge(id);
        // Later ones may have gone through: only a new start keeps the order.
        if (frame.errors) client.cut();
      };
      client.put(...this.#waiting);
      while (client.is_open && (!this.ending || this.#waiting.length)) {
        if (!this.ending && this.#waiting.length < WINDOW) client.put(this.#make());
        await pause(5);
      }
      if (client.is_open) await client.close();
      this.closes.push((await client.closed).code);
    }
  }

  #make() {
    const id = `source/${this.made++}`;
    const item = { id, rid: 'sink', sid: 'source', text: id };
    this.#waiting.push(item);
    return item;
  }

  #acknowledge(id) {
    const index = this.#waiting.findIndex((item) => item.id === id);
    if (index < 0) return;
    this.#waiting.splice(index, 1);
    this.history.acknowledge(id, 'sink');
    this.acknowledged++;
  }

  async #receive() {
    for (let number = 0; !this.ending || this.history.missing().length; number++) {
      const client = await connect(() => MessagingClient.open(balancer, 'sink'));
      const show = this.history.connection('sink', `connection ${number}`);
      const take = (frame) => {
        for (const { id } of frame.messages ?? []) {
          show(id);
          client.mark({ id });
        }
      };
      // Frames may have come before there was somebody to take them.
      client.frames.splice(0).forEach((frame) => take(frame.json));
      client.on_frame = take;
      this.receiver = client;
      this.closes.push((await client.closed).code);
    }
  }
}

test('replicas come, go and die while clients talk, and nothing acknowledged is lost', async (t) => {
  const stream = new Stream();
  stream.start();
  await stream.more(100);

  await scale(5);
  const five = await spread(5, 'five');
  await Promise.all([...five.values()].map((each) => each.close()));
  await stream.more(100);

  await scale(2);
  assert.equal((await replicas()).length, 2);
  await stream.more(100);

  const [victim] = await replicas();
  await command('docker', 'kill', '--signal', 'KILL', victim);
  await stream.more(100);

  await scale(3);
  const three = await spread(3, 'three');
  await Promise.all([...three.values()].map((each) => each.close()));
  await stream.more(100);

  await stream.end();
  t.diagnostic(`${stream.acknowledged} acknowledged, ${stream.history.deliveries} shown, closes ${stream.closes}`);
  assert.deepEqual(stream.history.shown_faults(), []);
  // It was no calm sea: somebody was on a replica that went.
  assert.ok(stream.closes.length > 2, `connections ended with ${stream.closes}`);
});

test('a replica that is stopped leaves nothing behind', async () => {
  const nodes = async () => new Set((await redis('ZRANGE', 'parley:nodes', '0', '-1')).map((id) => id.split('.')[0]));
  await waitFor('three replicas in Redis', async () => (await nodes()).size === 3, HEAL_MS);
  await scale(1);
  await waitFor('one replica in Redis', async () => (await nodes()).size === 1, HEAL_MS);
});

test('what is unread outlives a restart of Redis and of every replica', async () => {
  const sender = await connect(() => MessagingClient.open(balancer, '21'));
  await sender.put_and_wait({ id: 1, rid: '31', text: 'for when you are back' });
  await sender.close();
  await compose('restart', '-t', '30', 'gateway', 'redis');
  const reader = await connect(() => MessagingClient.open(balancer, '31'));
  const [message] = await reader.messages(1);
  assert.deepEqual(message, { id: 1, rid: '31', sid: '21', text: 'for when you are back' });
  await reader.close();
});
