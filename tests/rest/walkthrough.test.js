// The REST walk-throughs of concord and rooms with curl (concord.sh, rooms.sh), on one node; what
// each step did is seen by WebSockets of the other, in the protocol's own frames.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ConcordClient, RoomsClient } from '../lib/client.js';
import { surface } from '../lib/openapi.js';
import { within } from '../lib/wait.js';
import { scene, use_world } from '../lib/world.js';

const world = use_world({ nodes: 2 });
const here = new URL('.', import.meta.url).pathname;

// A walk-through on its way.
class Walk {
  answers = []; // {method, path, status, body}
  told = []; // what else it says, split at its tabs
  done = [];

  constructor(script, node) {
    this.process = spawn(`${here}${script}.sh`, [node.url], { env: { ...process.env, WALK_WAITS: '1' } });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    this.complaint = '';
    this.process.stderr.setEncoding('utf8').on('data', (text) => { this.complaint += text; });
    this.process.stdin.on('error', () => {}); // it ended: told by its status
    this.status = new Promise((resolve) => { this.process.once('close', resolve); });
  }

  // The next step that is done; null when all are.
  async step() {
    if (this.done.length) this.process.stdin.write('go on\n');
    for (;;) {
      const { value: line, done: ended } = await within(20000, `${this.done.at(-1)} to be over`, this.lines.next());
      if (ended) break;
      const [what, ...parts] = line.split('\t');
      if (what === 'asked') this.#take(...parts);
      else if (what === 'done') return this.done[this.done.push(parts[0]) - 1];
      else this.told.push([what, ...parts]);
    }
    assert.equal(await this.status, 0, `behind "${this.done.at(-1)}": ${this.complaint}`);
    return null;
  }

  // Every answer is held against the document of its surface.
  #take(method, target, status, type, text) {
    const [path] = target.split('?');
    const name = path.startsWith('/api/v1/') ? 'native' : path.startsWith('/api/') ? 'concord' : 'rooms';
    const answer = { status: Number(status), headers: { 'content-type': type }, text };
    assert.deepEqual(surface(name).response_faults({ method, path }, answer), [], `${method} ${path}: ${text}`);
    this.answers.push({ method, path, status: answer.status, body: text && JSON.parse(text) });
  }

  // The body of the newest answer to `method` and a path like this that went well.
  answer(method, path) {
    return this.answers.findLast((each) => each.method === method && path.test(each.path) && each.status < 300).body;
  }

  end() {
    this.process.kill();
  }
}

// Plays the script. `begin` connects clients, when its first step is done; `steps` says for each
// of the others which frames each client is shown then, or with which code it is closed.
async function walk(stage, script, begin, steps) {
  const walking = new Walk(script, stage.nodes[0]);
  try {
    const first = await walking.step();
    const clients = await begin(walking);
    const expected = steps(walking, clients);
    for (let step; (step = await walking.step()); ) {
      assert.ok(step in expected, `nobody knows what "${step}" does`);
      for (const [name, seen] of Object.entries(expected[step]())) {
        if (!Array.isArray(seen)) await clients[name].expect_close(seen);
        else for (const frame of seen) assert.deepEqual(await clients[name].next(), frame, `${name}: ${step}`);
      }
    }
    assert.deepEqual(walking.done, [first, ...Object.keys(expected)]);
    for (const client of Object.values(clients)) {
      if (client.is_open) await client.round_trip();
      client.assert_silent();
    }
  } finally {
    walking.end();
  }
}

scene(world, 'concord: register, token, channel, chat, edit, reaction, search, delete', async (stage) => {
  const begin = async ({ told }) => {
    const clients = {};
    for (const [, name, token] of told.filter(([what]) => what === 'token')) {
      const options = { parameters: { user: undefined, token } };
      const client = await ConcordClient.open(stage.nodes[1], name, options);
      clients[name.split('-')[1]] = stage.keep(client);
    }
    // One who is nobody's friend, and hears what is public all the same.
    clients.carol = await stage.concord(1, 'carol');
    return clients;
  };
  await walk(stage, 'concord', begin, (walking, clients) => {
    const all = (...frames) => Object.fromEntries(Object.keys(clients).map((name) => [name, frames]));
    const channel = () => walking.answer('POST', /channels$/);
    const where = (chat) => ({ chatId: chat.id, channelId: channel().id, threadId: null });
    const chat = () => walking.answer('PATCH', /chats/);
    const sent = () => ({ type: 'chat_sent', chat: walking.answer('POST', /chats$/) });
    const reacted = (reactions) => ({ type: 'chat_reactions_updated', ...where(chat()), reactions });
    return {
      'a channel is made': () => all({ type: 'channel_created', channel: channel() }),
      'a chat is sent': () => all(sent()),
      'the chat is edited': () => all({ type: 'chat_edited', ...where(chat()), content: 'hello, bears' }),
      'the chat is reacted to': () => all(reacted({ '😂': 1 })),
      'the reaction is taken back': () => all(reacted({})),
      'another one is sent, and both are found': () => all(sent()),
      'the first chat is deleted': () => all({ type: 'chat_deleted', ...where(chat()) }),
      'the channel is deleted': () => all({ type: 'channel_deleted', channelId: channel().id }),
    };
  });
});

scene(world, 'rooms: user, key, room, invite, enter, kick, ban, admins, owner', async (stage) => {
  const begin = async ({ told }) => {
    const clients = {};
    for (const [, name, id, key] of told.filter(([what]) => what === 'key')) {
      const options = { parameters: { user: undefined, key } };
      const client = stage.keep(await RoomsClient.open(stage.nodes[1], name, options));
      clients[name] = Object.assign(client, { uuid: id });
    }
    return clients;
  };
  await walk(stage, 'rooms', begin, (walking, { alice, bob }) => {
    const room_id = () => walking.answer('POST', /^\/room$/).room_id;
    const about = (type, user, more) => ({ type, user_id: user.uuid, room_id: room_id(), ...more });
    const exit = () => about('exit', bob);
    const kicked = (message, permanent) => ({
      alice: [exit()],
      bob: [exit(), { type: 'kick', room_id: room_id(), message, permanent }],
    });
    const enter = () => about('enter', bob);
    const invite = () => about('invite', alice); // by whom
    const comes = () => ({ alice: [enter()], bob: [invite(), enter()] });
    return {
      'a closed room is made': () => ({ alice: [about('enter', alice)] }),
      'bob is invited': () => ({ bob: [invite()] }),
      'bob has entered': () => ({ alice: [enter()], bob: [enter()] }),
      'bob is kicked': () => kicked('be kind', false),
      'bob is invited again, and comes back': comes,
      'bob is banned': () => kicked('', true),
      'the ban is lifted, and bob is there': comes,
      'bob was an admin': () => ({}),
      'bob is the owner': () => ({}),
      'the key of alice is revoked': () => ({ alice: 4401 }),
    };
  });
});
