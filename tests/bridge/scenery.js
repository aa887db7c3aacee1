// What the bridge is played on: people by connections of all protocols, the places where they
// meet, and how it is seen what each of them is shown, and is not.

import { LOBBY } from '../lib/client.js';
import { parse_metrics } from '../lib/prometheus.js';
import { waitFor } from '../lib/wait.js';
import { ENTER, MESSAGE, NIL, PROTOCOLS, SAID } from './table.js';

export const LOBBY_CHANNEL = 'parley:room:{lobby}';
export const inbox = (user) => `parley:user:{${user}}`;

export function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (braces, name) => values[name] ?? braces);
}

// The texts that a frame shows, in whichever protocol.
export function texts_of(frame) {
  if (frame.type === 'message_sent') return [frame.message];
  if (frame.eventType === 'new') return [frame.payload.message];
  if (frame.type === 'chat_sent') return [frame.chat.content];
  if (frame.type === 'message') return [frame.content];
  return frame.messages?.map((item) => item.text) ?? [];
}

// ---- what was said before is heard ------------------------------------------------------------

let markers = 0;

// A notice, which every protocol shows. Redis keeps the order of what is published, so what a
// connection is not shown before this one it will not be shown.
async function mark(stage, channel) {
  const text = `marker ${++markers}`;
  const envelope = {
    v: 1,
    id: markers,
    seq: 0,
    kind: 'notice',
    ts: 1700000000000,
    from: { id: 'server', num: 0, uuid: NIL, name: 'server' },
    to: { kind: 'room', ...LOBBY },
    keep: 'never',
    body: { text },
  };
  await stage.redis.command('PUBLISH', channel, JSON.stringify(envelope));
  return text;
}

const is_mark = (text) => String(text).startsWith('marker ');
const is_marker = (frame) => is_mark(texts_of(frame)[0]);

// The frames of each client before a marker of now, as they came.
export async function frames_until_now(stage, channel, clients) {
  const text = await mark(stage, channel);
  return Promise.all(
    clients.map(async (client) => {
      const frames = [];
      for (;;) {
        const frame = await client.next_frame();
        if (texts_of(frame.json)[0] === text) return frames;
        if (!is_marker(frame.json)) frames.push(frame.text);
      }
    }),
  );
}

// A new subscription hears what is published from some time on: markers, until one is there.
export async function hear(stage, channel, clients) {
  const deaf = new Set(clients);
  const who = () => [...deaf].map(({ name }) => name);
  await waitFor(() => `${who()} hear ${channel}`, async () => {
    await mark(stage, channel);
    for (const client of deaf) {
      if (client.frames.some(({ json }) => is_marker(json))) deaf.delete(client);
    }
    return deaf.size === 0;
  });
}

// The event of this kind, of that user; of a message with that text.
export function published(stage, channel, wanted, user, text) {
  return stage.watch.expect(channel, ({ kind, from, body = {} }) => {
    return kind === wanted && from?.id === user && (text ?? body.text) === body.text && !is_mark(body.text);
  });
}

// ---- counts --------------------------------------------------------------------------------------

async function samples(node, family) {
  const { samples: all } = parse_metrics(await node.metrics());
  return all.filter(({ name }) => name === family);
}

// How often each protocol had no way to say such an event, on that node.
export async function unsayable(node, kind) {
  const counts = Object.fromEntries(PROTOCOLS.map((protocol) => [protocol, 0]));
  for (const { labels, value } of await samples(node, 'parley_events_unsayable_total')) {
    if (labels.kind === kind) counts[labels.protocol] += value;
  }
  return counts;
}

// Nobody is left of what was played before: neither sees this, nor is counted here.
export async function empty_house(stage) {
  await waitFor('the lobby is empty', async () => {
    return !(await stage.redis.command('EXISTS', 'parley:room:{lobby}:attendance'));
  });
  await waitFor('the nodes are empty', async () => {
    const sessions = await Promise.all(stage.nodes.map((node) => samples(node, 'parley_sessions')));
    return sessions.flat().every(({ value }) => value === 0);
  });
}

// ---- people and places -----------------------------------------------------------------------------

// Who comes and goes in a room, and which contacts do, is looked at where a row is about that.
export const presence_of = (kind) => ({
  cast: /entered|exited/.test(kind) ? null : new Set(),
  presence: Boolean(kind?.startsWith('presence.')),
});

// A simple connection hears one room; of two connections of messaging the later one stays, unless
// they say that they are two devices.
export function parameters_of(protocol, room, device) {
  if (protocol === 'simple') return { room };
  return protocol === 'messaging' ? { device_id: device } : {};
}

export const room_id = ({ address }) => (address.startsWith('#') ? address.slice(1) : undefined);
export const is_made = (place) => ![undefined, LOBBY.id].includes(room_id(place));

// Says something by a connection of its own, as the table has it. Gives the envelope.
export async function say(stage, how, index, user, text, values) {
  const protocol = how.split(',')[0];
  const parameters = parameters_of(protocol, room_id(values), 'says');
  const client = await stage[protocol](index, user, { ...presence_of(), parameters });
  client.send(fill(SAID[how].replace(MESSAGE.text, text), values));
  const channel = values.brings ?? inbox(values.address);
  const envelope = await published(stage, channel, 'message.sent', client.user, text);
  await client.close();
  return envelope;
}

// Becomes a member, by a connection of its own, which stays.
export async function enter(stage, index, user, place) {
  const client = await stage.rooms(index, user, presence_of());
  client.send(fill(ENTER.rooms, place));
  await stage.watch.expect(inbox(client.user), ({ kind, from, to }) => {
    return kind === 'room.entered' && from.id === client.user && to.uuid === place.room;
  });
}

const as_place = ({ id, num, uuid }) => ({
  address: `#${id}`,
  channel: num,
  room: uuid,
  path: `rooms/${id}`,
  brings: `parley:room:{${id}}`,
});

export const PLACES = {
  async lobby() {
    return as_place(LOBBY);
  },

  // A public room, logged, of a third one.
  async channel(stage, index) {
    const host = stage.name('host');
    const { id } = await stage.rest(index, 'concord', { user: host }).ok('POST', '/api/channels', { name: stage.name('channel') });
    return as_place((await stage.watch.expect('parley:all', ({ kind, to }) => kind === 'room.created' && to.num === id)).to);
  },

  // A room for its members, kept nowhere, of a third one.
  async den(stage, index) {
    const host = stage.name('host');
    await stage.rest(index, 'rooms', { user: host }).ok('POST', '/room', { name: stage.name('den'), open: true });
    return as_place((await published(stage, inbox(host), 'room.entered', host)).to);
  },

  // Of the maker and the reader, who wrote by messaging: nobody is told of the receipt.
  async dialog(stage, index) {
    const names = { from: stage.name('reader'), address: stage.name('maker') };
    const { dialog } = await say(stage, 'messaging', index, 'reader', 'before', names);
    return { address: names.from, channel: dialog.num, room: dialog.uuid };
  },
};

// What braces stand for, as `looks_on` sees what `from` does to `other`.
export function values_of(place, from, other, looks_on) {
  if (place.brings) return { ...place, from, chat: place.address, to: '' };
  const chat = looks_on === from ? other : from;
  return { ...place, from, address: other, path: `users/${other}`, chat, to: `,"to":"${other}"` };
}

// One user by a connection in each protocol, which hear the place, and have heard all so far.
export async function look_on(stage, index, user, place, { kind, except, outside = false } = {}) {
  const protocols = PROTOCOLS.filter((protocol) => protocol !== except);
  const brings = (!outside && place.brings) || inbox(stage.name(user));
  const room = outside ? undefined : room_id(place);
  if (room && room !== LOBBY.id) await enter(stage, index, user, place);
  const clients = await Promise.all(
    protocols.map((protocol) => {
      const parameters = parameters_of(protocol, room, 'looks on');
      return stage[protocol](index, user, { ...presence_of(kind), parameters });
    }),
  );
  if (room === LOBBY.id) {
    clients[protocols.indexOf('messaging')].send(fill(ENTER.messaging, place));
  }
  await hear(stage, brings, clients);
  await frames_until_now(stage, brings, clients);
  return Object.fromEntries(protocols.map((protocol, i) => [protocol, clients[i]]));
}
