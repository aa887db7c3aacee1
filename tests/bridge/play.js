// Plays a row of the table: sets its stage, lets it happen, and compares what each protocol shows.
//
// `here` is the node of who does it, `there` that of who looks on: one user, the reader, by five
// connections.

import assert from 'node:assert/strict';
import { LOBBY } from '../lib/client.js';
import { parse_metrics } from '../lib/prometheus.js';
import { waitFor } from '../lib/wait.js';
import { COMES, ENTER, GOES, MESSAGE, NIL, PROTOCOLS, SAID } from './table.js';

const LOBBY_CHANNEL = 'parley:room:{lobby}';
const inbox = (user) => `parley:user:{${user}}`;

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
async function hear(stage, channel, clients) {
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
function published(stage, channel, wanted, user, text) {
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
const presence_of = (kind) => ({
  cast: /entered|exited/.test(kind) ? null : new Set(),
  presence: Boolean(kind?.startsWith('presence.')),
});

// A simple connection hears one room; of two connections of messaging the later one stays, unless
// they say that they are two devices.
function parameters_of(protocol, room, device) {
  if (protocol === 'simple') return { room };
  return protocol === 'messaging' ? { device_id: device } : {};
}

const room_id = ({ address }) => (address.startsWith('#') ? address.slice(1) : undefined);
const is_made = (place) => ![undefined, LOBBY.id].includes(room_id(place));

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
  const clients = [];
  for (const protocol of protocols) {
    const parameters = parameters_of(protocol, room, 'looks on');
    clients.push(await stage[protocol](index, user, { ...presence_of(kind), parameters }));
  }
  if (room === LOBBY.id) {
    clients[protocols.indexOf('messaging')].send(fill(ENTER.messaging, place));
  }
  await hear(stage, brings, clients);
  await frames_until_now(stage, brings, clients);
  return Object.fromEntries(protocols.map((protocol, i) => [protocol, clients[i]]));
}

// ---- a row -----------------------------------------------------------------------------------------

// The message that the row is about.
async function say_about(stage, row, scenery) {
  const { about, place, here, there, names } = scenery;
  if (!about) return undefined;
  const [author, other, index] = row.theirs ? ['reader', 'maker', there] : ['maker', 'reader', here];
  if (is_made(place)) await enter(stage, index, author, place);
  const values = values_of(place, names[author], names[other], names[other]);
  return (await say(stage, about, index, author, 'about', values)).id;
}

// Who does it, as far as they are there before it. Who is to say what they received leaves the
// proof of it to that.
async function come_in(stage, row, act, { protocol, where, place, here, about, names }) {
  const member = is_made(place) ? row.kind !== 'room.entered' && !row.from : row.inside && act !== GOES;
  if (member) await enter(stage, here, 'maker', place);
  if (act === COMES || act.surface) return null;
  const receives = row.kind === 'message.delivered';
  const parameters = parameters_of(protocol, room_id(place));
  const maker = await stage[protocol](here, 'maker', { ...presence_of(), parameters, auto_pong: !receives });
  if (protocol === 'concord' || (protocol === 'simple' && !is_made(place)) || (member && where === 'lobby')) {
    await published(stage, LOBBY_CHANNEL, 'room.entered', maker.user);
  }
  if (row.kind === 'presence.offline') {
    await published(stage, inbox(names.reader), 'presence.online', maker.user);
  }
  if (row.theirs && where === 'dialog' && about !== 'rooms') {
    await maker.until((frame) => texts_of(frame).includes('about'));
    if (about === 'chat' && !receives) {
      await published(stage, inbox(names.reader), 'message.delivered', maker.user);
    }
  }
  return maker;
}

async function do_it(stage, act, maker, { protocol, here, values }) {
  if (act === COMES) {
    await stage[protocol](here, 'maker', presence_of());
  } else if (act === GOES) {
    await maker.close();
  } else if (act.surface) {
    const { surface, method, path, body, as } = act;
    const identity = Object.fromEntries(Object.entries(as).map(([name, value]) => [name, fill(value, values)]));
    await stage.rest(here, surface, identity).ok(method, fill(path, values), body && fill(body, values));
  } else {
    maker.send(fill(act, values));
  }
}

async function uuid_in(stage, user) {
  return (await stage.redis.hash(`parley:user:{${user}}:profile`)).uuid;
}

// `by`: who makes it, as the row has it; `about`: how what it is about was sent; `own`: the other
// connections of who does it look on.
export async function play(stage, row, { by, where, here = 0, about, own = false }) {
  const there = 1 - here;
  const protocol = by.split(',')[0];
  const act = row.by[by];
  const names = { maker: stage.name('maker'), reader: stage.name('reader'), host: stage.name('host'), server: 'server' };
  const looks_on = own ? 'maker' : 'reader';
  await empty_house(stage);

  const place = await PLACES[where](stage, there);
  const scenery = { protocol, about, where, place, here, there, names };
  const about_id = await say_about(stage, row, scenery);
  const clients = await look_on(stage, there, looks_on, place, {
    kind: row.kind,
    except: own && by === 'simple' ? 'simple' : undefined,
    outside: row.outside,
  });
  const maker = await come_in(stage, row, act, scenery);
  const values = {
    ...values_of(place, names.maker, names.reader, names[looks_on]),
    reader: names.reader,
    host: names.host,
    about: about_id,
    reader_uuid: await uuid_in(stage, names.reader),
    from_uuid: await uuid_in(stage, names.maker),
  };
  const channel = row.channel ? fill(row.channel, values) : place.brings ?? inbox(names[looks_on]);
  // Where nobody hears the place any more, they hear of themselves.
  const ends = row.channel || row.kind === 'room.deleted' ? inbox(names[looks_on]) : channel;
  await frames_until_now(stage, ends, Object.values(clients));

  const before = await unsayable(stage.nodes[there], row.kind);
  await do_it(stage, act, maker, { ...scenery, values });
  const { id, ts, from, to, origin } = await published(stage, channel, row.kind, names[row.from ?? 'maker'], row.says && fill(row.says, values));
  if (row.kind === 'message.sent') assert.equal(origin.protocol, protocol);
  Object.assign(values, { id, ts, seconds: Math.floor(ts / 1000), from_num: from.num, from_uuid: from.uuid, made: to?.num });
  const seen = await frames_until_now(stage, ends, Object.values(clients));
  const counted = await unsayable(stage.nodes[there], row.kind);
  compare(own ? row.own : row.shown, { protocols: Object.keys(clients), seen, before, counted, values, protocol });
  if (row.unread !== undefined && where === 'dialog') await look_later(stage, row, here);
}

function compare(table, { protocols, seen, before, counted, values, protocol }) {
  const are = {};
  const should_be = {};
  protocols.forEach((name, i) => {
    const golden = table[`${name} from ${protocol}`] ?? table[name];
    should_be[name] = { frames: golden ? [fill(golden, values)] : [], unsayable: golden === null ? 1 : 0 };
    are[name] = { frames: seen[i], unsayable: counted[name] - before[name] };
  });
  assert.deepEqual(are, should_be);
}

// What waits for the reader is shown as it is now, to those who come for it.
async function look_later(stage, row, index) {
  for (const protocol of ['messaging', 'chat']) {
    const client = await stage[protocol](index, 'reader', presence_of());
    await hear(stage, inbox(client.user), [client]);
    const [frames] = await frames_until_now(stage, inbox(client.user), [client]);
    const texts = frames.flatMap((text) => texts_of(JSON.parse(text)));
    assert.deepEqual(texts, row.unread === null ? [] : [row.unread], `unread in ${protocol}`);
  }
}
