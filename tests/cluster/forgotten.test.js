// A failover that forgets: the replica was cut off, and lacks what everybody was shown last. Sessions that
// live on are ahead of the new master then, and what it takes next must be news to them all the same.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ChatClient, MessagingClient, SimpleClient } from '../lib/client.js';
import { Gateway } from '../lib/gateway.js';
import { take_alarms } from '../lib/process.js';
import { SentinelGroup } from '../lib/sentinel.js';
import { waitFor } from '../lib/wait.js';

const FAILOVER_MS = 60000;

let group;
let nodes = [];

before(async () => {
  group = await SentinelGroup.start({ replicas: 1 });
  nodes = await Promise.all(
    Array.from({ length: 2 }, (_, i) => Gateway.start({ redis: group, id: `node-${i}` })),
  );
});

after(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await group?.stop();
});

// It follows no more, and the sentinels have no reason to look into it.
async function cut_off(replica, master) {
  await replica.command('CONFIG', 'SET', 'masteruser', 'nobody', 'masterauth', 'wrong');
  await master.command('CLIENT', 'KILL', 'TYPE', 'replica');
  await waitFor('the replica is cut off', async () =>
    (await replica.command('INFO', 'replication')).includes('master_link_status:down'));
}

// How each conversation goes on: `say` until it is acknowledged, `heard` what was shown of it since.
class Talk {
  constructor(speaker, hearer, { say, heard }) {
    Object.assign(this, { speaker, hearer });
    this.say = (text) => say(speaker, text);
    this.heard = () => hearer.seen.flatMap(({ json }) => heard(json) ?? []);
    this.said = [];
  }

  async tell(text) {
    await waitFor(`${text} is acknowledged`, () => this.say(text), FAILOVER_MS);
    this.said.push(text);
  }

  async shown() {
    await waitFor(() => `${this.said} are shown, and not ${this.heard()}`, () => this.heard().includes(this.said.at(-1)),
      FAILOVER_MS);
  }
}

async function put(alice, text) {
  alice.put({ id: text, rid: 'bob', text });
  const frame = await alice.until(({ sent, errors }) => sent || errors);
  return !frame.errors;
}

async function say(carol, message) {
  const { error } = await carol.say_and_wait(message, { payload_id: message });
  return !error;
}

async function write(erin, message) {
  const { messageId } = await erin.ask('new', { chatId: 'frank', message }, message);
  return messageId;
}

async function all_talks() {
  const [here, there] = nodes;
  return [
    new Talk(await MessagingClient.open(here, 'alice'), await MessagingClient.open(there, 'bob'),
      { say: put, heard: ({ messages }) => messages?.map(({ text }) => text) }),
    new Talk(await SimpleClient.open(here, 'carol'), await SimpleClient.open(there, 'dave'),
      { say, heard: ({ type, message }) => (type === 'message_sent' ? [message] : []) }),
    new Talk(await ChatClient.open(here, 'erin'), await ChatClient.open(there, 'frank'),
      { say: write, heard: ({ eventType, payload }) => (eventType === 'new' ? [payload.message] : []) }),
  ];
}

test('what a new master takes first is shown to sessions that are ahead of it, once', { timeout: 180000 }, async () => {
  const talks = await all_talks();
  const tell_all = async (text) => {
    for (const talk of talks) await talk.tell(text);
    for (const talk of talks) await talk.shown();
  };
  const [master, replica] = group.servers;
  await tell_all('kept');
  await waitFor('the replica has it', async () =>
    (await replica.command('LLEN', 'parley:user:{bob}:unread')) === 1 &&
    (await replica.command('LLEN', 'parley:dialog:{erin|frank}:log')) === 1 &&
    (await replica.command('LLEN', 'parley:room:{lobby}:log')) === 1);
  await cut_off(replica, master);
  await tell_all('forgotten');
  await tell_all('forgotten too');
  const [here, there] = nodes;
  there.pause(); // it finds the list as long as it was
  await master.kill();
  await waitFor('the replica is the master', async () => (await group.master()) === replica, FAILOVER_MS);
  await here.ready(FAILOVER_MS);
  for (const talk of talks) await talk.tell('next');
  for (const talk of talks) await talk.tell('behind it');
  there.resume();
  for (const talk of talks) await talk.shown();
  await there.ready(FAILOVER_MS);
  await tell_all('last');
  for (const talk of talks) {
    assert.deepEqual(talk.heard(), ['kept', 'forgotten', 'forgotten too', 'next', 'behind it', 'last']);
    assert.ok(talk.hearer.is_open);
  }
  // Ids are given once as well.
  const [, , { hearer }] = talks;
  const ids = hearer.seen.flatMap(({ json }) => (json.eventType === 'new' ? [json.payload.messageId] : []));
  assert.equal(new Set(ids).size, 6, `${ids}`);
  assert.deepEqual([...ids].sort((a, b) => a - b), ids);
  assert.deepEqual(take_alarms(), []);
});
