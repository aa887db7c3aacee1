// Direct messages by the thousand, messaging to messaging and messaging to simple,
// while at random instants something breaks: nodes are killed with -9 and come back, or
// stand still; connections of clients and of nodes are cut; Redis is restarted. Senders
// whose node died connect elsewhere and send again what was not acknowledged.
//
//   PARLEY_LOOP_MESSAGES  how many messages (10,000; half as many where all may break)
//   PARLEY_LOOP_SECONDS   over how long they are spread (25)
//   PARLEY_LOOP_SEED      the schedule's seed (1)
//   PARLEY_LOOP_ROUNDS    how many times all of it, each with the next seed (1)

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Checker } from '../lib/checker.js';
import { MessagingClient, SimpleClient } from '../lib/client.js';
import { random } from '../lib/random.js';
import { pause, waitFor, within } from '../lib/wait.js';
import { World } from '../lib/world.js';

const MESSAGES = Number(process.env.PARLEY_LOOP_MESSAGES ?? 10000);
const SECONDS = Number(process.env.PARLEY_LOOP_SECONDS ?? 25);
const SEED = Number(process.env.PARLEY_LOOP_SEED ?? 1);
const ROUNDS = Number(process.env.PARLEY_LOOP_ROUNDS ?? 1);

const SENDERS = 6;
const RECEIVERS = 4; // of each protocol
const NODES = 3;
const WINDOW = 32; // sends of one sender that may be unanswered
const BURST = 16; // sends at once, at most
const MAX_PAUSE_MS = 7000; // longer than a lease, now and then
const ANSWER_MS = 15000; // an answer, or `unavailable` after 2 s, or a close comes sooner
const SETTLE_MS = 30000; // a lease, a reaping, a reconnect, all of it again

// Opens a connection to some node, again and again while nodes die and names are taken.
async function connect(loop, open) {
  for (;;) {
    const node = loop.random.pick(loop.world.nodes);
    if (node?.running) {
      try {
        return await open(node);
      } catch (error) {
        loop.refusals.push(error.status ?? error.code ?? error.message);
      }
    }
    await pause(20 + loop.random.below(80));
  }
}

// Sends its share to random receivers, keeps what is not acknowledged, and sends that
// again on its next connection, in order.
async function run_sender(loop, name, share) {
  const waiting = [];
  let made = 0;
  const make = () => {
    const receiver = loop.random.pick(loop.receivers);
    const item = { id: `${name}/${made++}`, rid: receiver, sid: name };
    waiting.push({ ...item, text: item.id });
    return waiting.at(-1);
  };
  while (!loop.over && (made < share || waiting.length)) {
    const client = await connect(loop, (node) => MessagingClient.open(node, name));
    loop.clients.add(client);
    let answered;
    client.on_frame = (frame) => {
      for (const { id } of frame.sent ?? []) {
        const index = waiting.findIndex((item) => item.id === id);
        if (index < 0) loop.checker.faults.push(`${id} was acknowledged and is not waiting`);
        else loop.checker.acknowledge(id, waiting.splice(index, 1)[0].rid);
      }
      for (const { id, code } of frame.errors ?? []) {
        if (code !== 'unavailable') loop.checker.faults.push(`${id} was refused with ${code}`);
        // Later ones may have gone through: order can be kept only by a new start.
        client.cut();
      }
      answered?.();
    };
    if (waiting.length) client.put(...waiting);
    while (client.is_open && (made < share || waiting.length)) {
      if (made < share && waiting.length < WINDOW) {
        const burst = Math.min(1 + loop.random.below(BURST), share - made, WINDOW - waiting.length);
        client.put(...Array.from({ length: burst }, make));
        await pause((burst * loop.seconds * 1000) / share);
      } else {
        const answer = Promise.race([client.closed, new Promise((resolve) => { answered = resolve; })]);
        await within(ANSWER_MS, '', answer).catch(() => {
          loop.checker.faults.push(`${client.name}: no answer to ${waiting[0].id} within ${ANSWER_MS} ms`);
          client.cut();
        });
      }
    }
    if (client.is_open) await client.close();
    loop.clients.delete(client);
  }
}

// Keeps a receiver connected, and notes what each of its connections is shown.
async function run_receiver(loop, name, protocol) {
  for (let turn = 0; !loop.over; turn++) {
    const label = `${protocol} ${name}, connection ${turn}`;
    const show = loop.checker.connection(name, label);
    const client = await connect(loop, (node) =>
      protocol === 'simple' ? SimpleClient.open(node, name) : MessagingClient.open(node, name),
    );
    loop.clients.add(client);
    const unmarked = [];
    client.on_frame = (frame) => {
      if (frame.type === 'message_sent') show(frame.message);
      for (const { id } of frame.messages ?? []) {
        show(id);
        unmarked.push(id);
      }
      for (const { section, id } of frame.errors ?? []) if (section === 'read') unmarked.push(id);
      // Some stay unread for a while, so that a new connection is shown them again.
      const errors = frame.errors?.length ?? 0; // no use in asking again at once
      while (!errors && unmarked.length > loop.unread && client.is_open) client.mark(unmarked.shift());
    };
    for (const frame of client.frames.splice(0)) client.on_frame(frame.json);
    client.mark_rest = () => {
      if (unmarked.length) client.mark(...unmarked.splice(0));
    };
    if (loop.over) client.close();
    await client.closed;
    loop.clients.delete(client);
  }
}

// What may break. Each comes back to a sound state by itself or here.
const FAULTS = {
  async node(loop) {
    const victim = loop.random.pick(loop.world.nodes.filter((node) => node.running));
    await victim.kill();
    await victim.launch({ ready: false });
    const ready = loop.world.nodes.map((node) => node.ready());
    await Promise.any(ready);
    await Promise.allSettled(ready);
  },
  async pause(loop) {
    const victim = loop.random.pick(loop.world.nodes);
    victim.pause();
    await pause(loop.random.below(MAX_PAUSE_MS));
    victim.resume();
  },
  async client(loop) {
    if (loop.clients.size) await loop.random.pick([...loop.clients]).cut();
  },
  async subscribers(loop) {
    await loop.world.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
  },
  async links(loop) {
    await loop.world.redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
  },
  async redis(loop) {
    await loop.world.redis.kill();
    await loop.world.redis.launch();
  },
};

// Breaks something each time that another some hundred messages were acknowledged.
async function run_faults(loop) {
  const { acknowledged } = loop.checker;
  while (loop.sending) {
    const until = acknowledged.size + loop.messages / 50 + loop.random.below(loop.messages / 20);
    while (loop.sending && acknowledged.size < until) await pause(5);
    if (!loop.sending) return;
    const fault = loop.random.pick(loop.faults);
    await pause(loop.random.below(20));
    loop.broken[fault] = (loop.broken[fault] ?? 0) + 1;
    await FAULTS[fault](loop);
  }
}

async function play(seed, faults, messages) {
  const aof = faults.includes('redis') ? 'always' : 'no';
  const world = await World.start({ nodes: NODES, redis: { aof } });
  const loop = {
    world,
    faults,
    messages,
    seconds: SECONDS,
    broken: {},
    random: random(seed),
    checker: new Checker(),
    clients: new Set(),
    refusals: [],
    receivers: [],
    unread: 5,
    sending: true,
    over: false,
  };
  const { checker } = loop;
  try {
    const running = [];
    for (let i = 0; i < RECEIVERS; i++) {
      for (const protocol of ['messaging', 'simple']) {
        loop.receivers.push(`${protocol}-${i}`);
        running.push(run_receiver(loop, `${protocol}-${i}`, protocol));
      }
    }
    const breaking = run_faults(loop);
    breaking.catch(() => {});
    const share = Math.ceil(messages / SENDERS);
    const senders = Promise.all(
      Array.from({ length: SENDERS }, (_, i) => run_sender(loop, `sender-${i}`, share)),
    ).then(() => {
      loop.sending = false;
    });
    senders.catch(() => {});
    await waitFor(
      () => `all is acknowledged; ${checker.acknowledged.size} are`,
      () => !loop.sending || checker.faults.length > 0,
      (SECONDS * 2 + 60) * 1000,
    );
    assert.deepEqual(checker.faults.slice(0, 10), []);
    loop.unread = 0;
    await breaking;
    await Promise.all(world.nodes.map((node) => node.ready()));
    assert.equal(checker.acknowledged.size, share * SENDERS);
    await waitFor(
      () => `all that was acknowledged is shown; missing ${checker.missing().length}: ${checker.missing().slice(0, 10)}`,
      () => checker.missing().length === 0,
      SETTLE_MS,
    );
    let unread;
    await waitFor(() => `everything is read or proven; left are ${JSON.stringify(unread)}`, async () => {
      for (const client of loop.clients) client.mark_rest?.();
      unread = {};
      for (const name of loop.receivers) {
        const left = await world.redis.command('LLEN', `parley:user:{${name}}:unread`);
        if (left) unread[name] = left;
      }
      return Object.keys(unread).length === 0;
    }, SETTLE_MS);
    assert.deepEqual(checker.faults.slice(0, 10), []);
    assert.ok(Object.keys(loop.broken).length >= Math.min(new Set(faults).size, 3), JSON.stringify(loop.broken));
    await waitFor('no ghosts: as many sessions as connections', async () => {
      let sessions = 0;
      for (const key of await world.redis.keys('parley:user:*:sessions')) {
        sessions += await world.redis.command('HLEN', key);
      }
      return sessions === loop.clients.size;
    }, SETTLE_MS);
    loop.over = true;
    await Promise.all([...loop.clients].map((client) => client.close()));
    await Promise.all(running);
    await world.watch.settle();
    world.watch.check();
    return `${checker.acknowledged.size} messages, ${checker.deliveries} deliveries, broken: ${JSON.stringify(loop.broken)}`;
  } catch (error) {
    error.message += `\nseed ${seed}, broken ${JSON.stringify(loop.broken)}, refusals ${JSON.stringify(count(loop.refusals))}`;
    error.message += `\n${checker.faults.slice(0, 10).join('\n')}\n${world.logs()}`;
    throw error;
  } finally {
    loop.sending = false;
    loop.over = true;
    for (const client of loop.clients) client.cut();
    await world.stop();
  }
}

function count(list) {
  const counts = {};
  for (const item of list) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}

const options = { timeout: (SECONDS * 4 + 240) * 1000 };

for (let seed = SEED; seed < SEED + ROUNDS; seed++) {
  test(`${MESSAGES} direct messages under kill -9 of nodes and cut connections (seed ${seed})`, options, async (t) => {
    t.diagnostic(await play(seed, ['node', 'node', 'client'], MESSAGES));
  });
  const half = Math.ceil(MESSAGES / 2);
  test(`${half} direct messages while anything may break (seed ${seed})`, options, async (t) => {
    t.diagnostic(await play(seed, Object.keys(FAULTS), half));
  });
}
