// What is unread, between protocols: who may mark it, and what becomes of it elsewhere.

import assert from 'node:assert/strict';
import { waitFor } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';
import { frames_until_now, say, texts_of, values_of } from './scenery.js';

const world = use_world({ nodes: 2, node: { flags: ['--presence-grace-ms', 20] } });

const inbox = (user) => `parley:user:{${user}}`;
const values = (stage) => values_of({}, stage.name('maker'), stage.name('reader'));

async function is_read(stage, user) {
  await waitFor(`nothing is unread of ${user}`, async () => {
    return !(await stage.redis.command('LLEN', `${inbox(user)}:unread`));
  });
}

scene(world, 'what waits is shown in whichever protocol comes first, and in all that are there', async (stage) => {
  await say(stage, 'messaging', 0, 'maker', 'waits', values(stage));
  const simple = await stage.simple(1, 'reader');
  assert.equal((await simple.message()).message, 'waits');
  await is_read(stage, simple.user);
  const messaging = await stage.messaging(0, 'reader');
  await say(stage, 'messaging', 1, 'maker', 'to both', values(stage));
  assert.equal((await simple.message()).message, 'to both');
  assert.equal((await messaging.messages(1))[0].text, 'to both');
});

for (const from of ['simple', 'messaging']) {
  scene(world, `rooms may mark as read what ${from} sent, and is not told that it is gone`, async (stage) => {
    const reader = await stage.rooms(1, 'reader');
    const { id } = await say(stage, from, 0, 'maker', 'gone soon', values(stage));
    await reader.message(({ message_id }) => message_id === id);
    await is_read(stage, reader.user);
    reader.read(id);
    reader.send({ type: 'ping', time: 1 });
    assert.deepEqual(await reader.next(), { type: 'pong', time: 1 });
  });
}

scene(world, 'what was deleted before it was read is unread no more in chat', async (stage) => {
  const reader = await stage.chat(1, 'reader');
  const maker = await stage.chat(0, 'maker');
  const kept = await maker.say(reader.user, 'kept');
  const messageId = await maker.say(reader.user, 'not kept');
  const unread = async () => (await reader.ask('getChat', { chatId: maker.user })).unreadCount;
  await reader.event('new', ({ message }) => message === 'not kept');
  assert.equal(await unread(), 2);
  await maker.ask('delete', { chatId: reader.user, messageId });
  await reader.event('delete');
  assert.equal(await unread(), 1);
  assert.equal((await reader.ask('getChat', { chatId: maker.user })).lastId, kept);
});

for (const from of ['simple', 'messaging']) {
  scene(world, `who sent by ${from} is told nothing of its being received and read by messaging`, async (stage) => {
    const reader = await stage.messaging(1, 'reader');
    await say(stage, from, 0, 'maker', 'read me', values(stage));
    const maker = await stage.chat(0, 'maker');
    const [item] = await reader.messages(1);
    reader.mark(item.id);
    await is_read(stage, reader.user);
    const [frames] = await frames_until_now(stage, inbox(maker.user), [maker]);
    assert.deepEqual(frames.flatMap((text) => texts_of(JSON.parse(text))), []);
    assert.deepEqual(frames, []);
  });
}
