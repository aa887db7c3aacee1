// Plays a row of the table: sets its stage, lets it happen, and compares what each protocol shows.
//
// `here` is the node of who does it, `there` that of who looks on: one user, the reader, by five
// connections.

import assert from 'node:assert/strict';
import {
  LOBBY_CHANNEL,
  PLACES,
  empty_house,
  enter,
  fill,
  frames_until_now,
  hear,
  inbox,
  is_made,
  look_on,
  parameters_of,
  presence_of,
  published,
  room_id,
  say,
  texts_of,
  unsayable,
  values_of,
} from './scenery.js';
import { COMES, GOES } from './table.js';

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

// Makes the event. `client`: the maker's, where there is one by now.
export async function act_out(stage, act, { client, come, here, values }) {
  if (act === COMES) {
    await come();
  } else if (act === GOES) {
    await client.close();
  } else if (act.surface) {
    const { surface, method, path, body, as } = act;
    const identity = Object.fromEntries(Object.entries(as).map(([name, value]) => [name, fill(value, values)]));
    await stage.rest(here, surface, identity).ok(method, fill(path, values), body && fill(body, values));
  } else {
    client.send(fill(act, values));
  }
}

// What braces stand for that is known when it has happened.
export function values_in({ id, ts, from, to }) {
  return { id, ts, seconds: Math.floor(ts / 1000), from_num: from.num, from_uuid: from.uuid, made: to?.num };
}

async function uuid_in(stage, user) {
  return (await stage.redis.hash(`parley:user:{${user}}:profile`)).uuid;
}

// Everything up to the event. `channel` brings it; by `ends` those who look on hear of the end,
// which where nobody hears the place any more is that of their own.
async function set_stage(stage, row, act, scenery, own) {
  const { where, here, there, names } = scenery;
  const place = await PLACES[where](stage, there);
  Object.assign(scenery, { place });
  const about = await say_about(stage, row, scenery);
  const looks_on = own ? 'maker' : 'reader';
  const clients = await look_on(stage, there, looks_on, place, {
    kind: row.kind,
    except: own && scenery.by === 'simple' ? 'simple' : undefined,
    outside: row.outside,
  });
  const maker = await come_in(stage, row, act, scenery);
  const { reader, host } = names;
  const values = {
    ...values_of(place, names.maker, reader, names[looks_on]),
    ...{ reader, host, about },
    reader_uuid: await uuid_in(stage, reader),
    from_uuid: await uuid_in(stage, names.maker),
  };
  const channel = row.channel ? fill(row.channel, values) : place.brings ?? inbox(names[looks_on]);
  const ends = row.channel || row.kind === 'room.deleted' ? inbox(names[looks_on]) : channel;
  await frames_until_now(stage, ends, Object.values(clients));
  return { clients, maker, values, channel, ends };
}

// `by`: who makes it, as the row has it; `about`: how what it is about was sent; `own`: the other
// connections of who does it look on.
export async function play(stage, row, { by, where, here = 0, about, own = false }) {
  const there = 1 - here;
  const protocol = by.split(',')[0];
  const act = row.by[by];
  const names = { server: 'server' };
  for (const role of ['maker', 'reader', 'host']) names[role] = stage.name(role);
  if (/^(room|presence)\./.test(row.kind)) await empty_house(stage); // others still go
  const scenery = { by, protocol, about, where, here, there, names };
  const { clients, maker, values, channel, ends } = await set_stage(stage, row, act, scenery, own);

  const before = await unsayable(stage.nodes[there], row.kind);
  const come = () => stage[protocol](here, 'maker', presence_of());
  await act_out(stage, act, { client: maker, come, here, values });
  const text = row.says && fill(row.says, values);
  const envelope = await published(stage, channel, row.kind, names[row.from ?? 'maker'], text);
  if (row.kind === 'message.sent') assert.equal(envelope.origin.protocol, protocol);
  Object.assign(values, values_in(envelope));
  const seen = await frames_until_now(stage, ends, Object.values(clients));
  const counted = await unsayable(stage.nodes[there], row.kind);

  const protocols = Object.keys(clients);
  compare(own ? row.own : row.shown, { protocols, seen, before, counted, values, protocol });
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
