// What is kept of messages: of an ephemeral one nothing anywhere, at any time; of one that was
// deleted, edited or read, its text is in no key afterwards, and goes from the append-only file
// when Redis writes that anew.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';
import { PLACES, enter, frames_until_now, look_on, say, texts_of, values_of } from './scenery.js';
import { PROTOCOLS } from './table.js';

const world = use_world({ nodes: 2, redis: { aof: 'always' }, node: { flags: ['--presence-grace-ms', 20] } });

// The files that Redis wrote which hold the text.
function files_with(stage, text) {
  const { folder } = stage.redis;
  return readdirSync(folder, { recursive: true }).filter((name) => {
    const path = join(folder, name);
    return statSync(path).isFile() && readFileSync(path).includes(text);
  });
}

async function assert_nowhere(stage, text) {
  assert.equal(await stage.text_in_redis(text), null, 'it is in a key');
  assert.deepEqual(files_with(stage, text), [], 'it is on disk');
  assert.ok(!stage.world.logs().includes(text), 'it is in a log');
}

// The append-only file, as long as what is so now takes.
async function write_anew(stage) {
  const persistence = async () => (await stage.redis.command('INFO', 'persistence')).toString();
  await stage.redis.command('CONFIG', 'SET', 'rdbcompression', 'no');
  await stage.redis.command('BGREWRITEAOF');
  await waitFor('the append-only file is written anew', async () => {
    const info = await persistence();
    return info.includes('aof_rewrite_in_progress:0') && info.includes('aof_rewrite_scheduled:0');
  });
  assert.match(await persistence(), /aof_last_bgrewrite_status:ok/);
}

async function assert_gone(stage, text) {
  assert.equal(await stage.text_in_redis(text), null, 'it is in a key');
  await write_anew(stage);
  assert.deepEqual(files_with(stage, text), [], 'it is on disk');
}

// But for receipts: what was said before may be received meanwhile.
async function keys_of(stage) {
  return (await stage.redis.keys('*')).filter((key) => !key.endsWith(':receipts')).sort();
}

async function unread_is_empty(stage, user) {
  await waitFor(`nothing is unread of ${user}`, async () => {
    return !(await stage.redis.command('LLEN', `parley:user:{${user}}:unread`));
  });
}

async function shown_by_all(clients, text) {
  for (const client of Object.values(clients)) {
    await client.until((frame) => texts_of(frame).some((shown) => shown?.includes(text)));
  }
}

scene(world, 'what is kept is found, in a key and on disk', async (stage) => {
  const text = `kept ${stage.suffix}`;
  const place = await PLACES.lobby(stage);
  await say(stage, 'chat', 0, 'maker', text, values_of(place, stage.name('maker')));
  assert.ok(await stage.text_in_redis(text));
  assert.notDeepEqual(files_with(stage, text), []);
});

// ---- ephemeral: what rooms sends -----------------------------------------------------------------

for (const where of ['lobby', 'channel', 'den', 'dialog']) {
  scene(world, `what rooms says in the ${where} leaves nothing, whoever is shown it`, async (stage) => {
    const place = await PLACES[where](stage, 1);
    const values = values_of(place, stage.name('maker'), stage.name('reader'));
    const clients = await look_on(stage, 1, 'reader', place);
    const maker = await stage.rooms(0, 'maker');
    if (place.brings) await maker.enter(place.room);
    await maker.say_and_wait(place.room, `first ${stage.suffix}`);
    await shown_by_all(clients, `first ${stage.suffix}`);
    const keys = await keys_of(stage);

    const text = `ephemeral ${stage.suffix}`;
    const { message_id } = await maker.say_and_wait(place.room, text);
    await maker.say_and_wait(place.room, text); // nothing tells a repeated one
    await shown_by_all(clients, text);
    clients.rooms.read(message_id);
    const read = await clients.chat.ask('read', { chatId: values.chat, messageId: message_id });
    assert.equal(read.messageId, message_id);
    await frames_until_now(stage, place.brings ?? `parley:user:{${clients.rooms.user}}`, Object.values(clients));
    await assert_nowhere(stage, text);
    assert.deepEqual(await keys_of(stage), keys, 'there are other keys than before');
  });
}

scene(world, 'what rooms says to somebody who is away leaves nothing, and is not shown later', async (stage) => {
  const place = await PLACES.dialog(stage, 1);
  const text = `unheard ${stage.suffix}`;
  await say(stage, 'rooms', 0, 'maker', text, values_of(place, stage.name('maker'), stage.name('reader')));
  await assert_nowhere(stage, text);
  const clients = await look_on(stage, 1, 'reader', place);
  for (const { seen } of Object.values(clients)) assert.ok(!JSON.stringify(seen).includes(text));
});

for (const protocol of PROTOCOLS) {
  scene(world, `what ${protocol} says in a room that keeps nothing leaves nothing`, async (stage) => {
    const place = await PLACES.den(stage, 1);
    const clients = await look_on(stage, 1, 'reader', place);
    await enter(stage, 0, 'maker', place);
    const text = `den ${stage.suffix}`;
    await say(stage, protocol, 0, 'maker', text, values_of(place, stage.name('maker')));
    await shown_by_all(clients, text);
    await assert_nowhere(stage, text);
  });
}

// ---- deleted and edited -----------------------------------------------------------------------------

for (const where of ['lobby', 'channel', 'dialog']) {
  for (const protocol of ['simple', 'messaging', 'chat', 'concord']) {
    scene(world, `what ${protocol} said in the ${where} is gone when it is edited, and when it is deleted`, async (stage) => {
      const place = await PLACES[where](stage, 1);
      const values = values_of(place, stage.name('maker'), stage.name('reader'));
      const said = `said ${stage.suffix}`;
      const { id } = await say(stage, protocol, 0, 'maker', said, values);
      const editor = await stage.chat(1, 'maker');
      const edited = `edited ${stage.suffix}`;
      const change = { chatId: values.address, messageId: id };
      assert.equal((await editor.ask('edit', { ...change, message: edited })).messageId, id);
      assert.equal(await stage.text_in_redis(said), null);
      assert.ok(await stage.text_in_redis(edited));
      assert.equal((await editor.ask('delete', change)).messageId, id);
      await assert_gone(stage, said);
      await assert_gone(stage, edited);
    });
  }
}

// ---- until read -------------------------------------------------------------------------------------

for (const from of ['simple', 'messaging']) {
  for (const to of PROTOCOLS) {
    scene(world, `what ${from} sent is gone when ${to} has read it`, async (stage) => {
      const text = `until read ${stage.suffix}`;
      // Not by PLACES.dialog: there the reader uses messaging, and entries wait for that.
      const values = values_of({}, stage.name('maker'), stage.name('reader'));
      const { id } = await say(stage, from, 0, 'maker', text, values);
      assert.ok(await stage.text_in_redis(text));
      const reader = await stage[to](1, 'reader');
      const frame = await reader.until((each) => texts_of(each).includes(text));
      if (to === 'messaging') reader.mark(frame.messages.at(-1).id);
      if (to === 'chat') await reader.ask('read', { chatId: stage.name('maker'), messageId: id });
      await unread_is_empty(stage, reader.user);
      await assert_gone(stage, text);
    });
  }
}
