// Five people, each with another protocol, on two nodes, in the lobby: they come, say something,
// and then each types, reads, reacts, edits, deletes what its protocol can, and goes. What each
// one sees is the matrix (table.js).
//
//   PARLEY_BIN=build/gateway/parley node tests/bridge/five.test.js     prints what everyone saw

import assert from 'node:assert/strict';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';
import { act_out, values_in } from './play.js';
import {
  LOBBY_CHANNEL,
  PLACES,
  empty_house,
  fill,
  frames_until_now,
  hear,
  inbox,
  parameters_of,
  values_of,
} from './scenery.js';
import { TABLE } from './table.js';

const world = use_world({ nodes: 2, node: { flags: ['--presence-grace-ms', 20] } });

// Who is on which node, and is shown what they do themselves.
const CAST = {
  simple: { node: 0, sees_own: true },
  messaging: { node: 1, sees_own: false },
  chat: { node: 0, sees_own: false },
  concord: { node: 1, sees_own: true },
  rooms: { node: 0, sees_own: true },
};

// Everybody who can, in every way. `about`: whose message it is about.
function turns(verb, event, about) {
  const row = TABLE.find((each) => each.event === event && each.places.includes('lobby'));
  const ways = Object.keys(row.by).map((by) => ({ by, actor: by.split(',')[0] }));
  return ways
    .filter(({ actor }) => actor in CAST)
    .map(({ by, actor }) => ({ verb, row, by, actor, about: about?.(by, actor) }));
}

const STEPS = [
  ...turns('comes', 'enter'),
  ...turns('says something', 'message'),
  ...turns('types', 'typing'),
  ...turns('reads', 'read in a room', () => 'messaging'),
  ...turns('reacts to', 'reaction', (by) => (by.includes('REST') ? 'messaging' : 'simple')),
  ...turns('edits', 'edit', (by, actor) => actor),
  ...turns('deletes', 'delete', (by, actor) => actor),
  ...turns('goes', 'exit'),
];

// What somebody who is there is to be shown. What they did by this very connection is shown to
// those alone who see their own.
function golden_of(protocol, { row, by, actor }, values) {
  if (protocol === actor && !CAST[actor].sees_own && !by.includes('REST')) return [];
  const golden = row.shown[`${protocol} from ${actor}`] ?? row.shown[protocol];
  return golden ? [fill(golden, values)] : [];
}

// Answers to requests are no events.
const is_answer = (frame) => ['reply', 'response'].includes(frame.type) || 'sent' in frame;

// The frames of everybody since the last time. Who is not in the lobby hears of themselves alone.
async function seen_by(stage, clients, present) {
  const seen = {};
  for (const [protocol, client] of Object.entries(clients)) {
    if (client.close_code !== undefined) continue;
    const channel = present.has(protocol) ? LOBBY_CHANNEL : inbox(client.user);
    const [frames] = await frames_until_now(stage, channel, [client]);
    seen[protocol] = frames.filter((text) => !is_answer(JSON.parse(text)));
  }
  return seen;
}

async function connect(stage, protocol) {
  const parameters = parameters_of(protocol, 'lobby');
  return stage[protocol](CAST[protocol].node, protocol, { cast: null, presence: true, parameters });
}

function print(step, seen) {
  if (process.env.NODE_TEST_CONTEXT) return; // among other tests
  const what = step.about ? ` what ${step.about === step.actor ? 'it' : step.about} said` : '';
  console.log(`\n${step.by}: ${step.verb}${what}`);
  for (const [protocol, frames] of Object.entries(seen)) {
    console.log(`  ${protocol.padEnd(10)} ${frames.join('\n             ') || '—'}`);
  }
}

async function take(stage, step, { clients, present, said, place }) {
  const { row, by, actor, verb } = step;
  const act = row.by[by];
  const user = stage.name(actor);
  const values = { ...values_of(place, user), about: said[step.about] };
  const was_there = new Set(present);
  const earlier = new Set(stage.watch.find(LOBBY_CHANNEL));
  const come = async () => (clients[actor] = await connect(stage, actor));
  await act_out(stage, act, { client: clients[actor], come, here: CAST[actor].node, values });
  const { envelope } = await waitFor(`${by} ${verb} in the lobby`, () => {
    const of_actor = stage.watch.find(LOBBY_CHANNEL, ({ kind, from }) => kind === row.kind && from.id === user);
    return of_actor.find((entry) => !earlier.has(entry));
  });
  Object.assign(values, values_in(envelope));
  if (row.kind === 'message.sent') said[actor] = envelope.id;
  if (row.kind === 'room.exited') present.delete(actor);
  if (row.kind === 'room.entered') {
    present.add(actor);
    await hear(stage, LOBBY_CHANNEL, [clients[actor]]);
  }

  const seen = await seen_by(stage, clients, present);
  print(step, seen);
  const should_be = Object.keys(seen).map((protocol) => {
    const there = present.has(protocol) || was_there.has(protocol);
    return [protocol, there ? golden_of(protocol, step, values) : []];
  });
  assert.deepEqual(seen, Object.fromEntries(should_be), `${by} ${verb}`);
}

scene(world, 'five people on five protocols and two nodes hold one conversation', async (stage) => {
  await empty_house(stage);
  const play = { clients: {}, present: new Set(), said: {}, place: await PLACES.lobby() };
  for (const protocol of ['messaging', 'chat', 'rooms']) {
    play.clients[protocol] = await connect(stage, protocol);
    await hear(stage, inbox(play.clients[protocol].user), [play.clients[protocol]]);
  }
  for (const step of STEPS) await take(stage, step, play);
});
