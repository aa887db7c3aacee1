// The doors by which something can be asked for: the five protocols' frames, the original REST
// surfaces, the native one. Each answers with 'ok' or the code of the error.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import {
  ChatClient,
  ConcordClient,
  MessagingClient,
  RefusedError,
  RoomsClient,
  SimpleClient,
} from '../lib/client.js';
import { uuid_of } from '../lib/uuid.js';
import { waitFor } from '../lib/wait.js';

const errors = readFileSync(new URL('../../proto/base/errors.def', import.meta.url), 'utf8');
const rows = [...errors.matchAll(/"(\w+)", (\d{3}),/g)];
const STATUS = Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]));

// What each door calls what is told more finely elsewhere.
const SHARED = { not_in_room: 'forbidden', no_such_user: 'not_found', bad_key: 'unauthorized', no_key: 'unauthorized' };
const NAMES = {
  rooms: {},
  'REST of rooms': { unauthorized: 'no_key' },
};

export function told_by(door, code) {
  return (NAMES[door] ?? SHARED)[code] ?? code;
}

// ---- REST ------------------------------------------------------------------------------------

const SURFACES = { 'REST of concord': 'concord', 'REST of rooms': 'rooms', 'native REST': 'native' };

// 'ok' or the code, whose status must be that of the answer.
export async function outcome_of(api, method, path, body, query) {
  const { status, body: answer } = await api.call(method, path, body, { query, bad: true });
  if (status < 300) return 'ok';
  assert.equal(status, STATUS[answer.error], `${method} ${path}: ${status} ${JSON.stringify(answer)}`);
  return answer.error;
}

// ---- frames ----------------------------------------------------------------------------------

const CLIENTS = {
  simple: [SimpleClient, 'username'],
  messaging: [MessagingClient, 'client_id'],
  chat: [ChatClient, 'user'],
  concord: [ConcordClient, 'user'],
  rooms: [RoomsClient, 'user'],
};

const code_of = (frame) => (frame.type === 'error' ? (frame.code ?? frame.error) : null);

// Sends what is answered with an error alone, and waits for one, or for what shows that it was done.
export async function attempt(client, frame, is_done) {
  client.send(frame);
  return waitFor(
    () => `an error, or what ${JSON.stringify(frame)} causes`,
    async () => client.frames.map(({ json }) => code_of(json)).find(Boolean) ?? ((await is_done()) && 'ok'),
  );
}

// A publication on a channel.
const published = (stage, channel, kind, user) => () =>
  stage.watch.find(channel, (event) => event.kind === kind && event.from.id === user.id).length > 0;

export const say = {
  simple: async (client, { room }) =>
    (await client.say_and_wait('hello', { to: `#${room.id}` })).error ?? 'ok',
  messaging: async (client, { room }) => {
    client.put({ id: 1, rid: `#${room.id}`, text: 'hello' });
    const { errors } = await client.until_keeping((frame) => frame.sent || frame.errors);
    return errors ? errors[0].code : 'ok';
  },
  chat: (client, { room }) => ask(client, 'new', { chatId: `#${room.id}`, message: 'hello' }),
  concord: (client, { stage, room, asker }) =>
    attempt(
      client,
      { type: 'chat_written', channelId: room.num, threadId: null, sentAt: 1, content: 'hello' },
      published(stage, `parley:room:{${room.id}}`, 'message.sent', asker),
    ),
  rooms: (client, { stage, room, asker }) =>
    attempt(
      client,
      { type: 'message', room_id: room.uuid, content: 'hello' },
      published(stage, `parley:room:{${room.id}}`, 'message.sent', asker),
    ),
};

export async function ask(client, request, payload) {
  return (await client.ask(request, payload)).error ?? 'ok';
}

// ---- who comes by them -----------------------------------------------------------------------

// Users that only this scene knows, with credentials. `as(door, who, act)` lets one of them, or
// the operator, or nobody, act at a door: `act` gets what stands for them there.
export class Company {
  people = {};
  rounds = 0;

  constructor(stage, admin) {
    this.stage = stage;
    this.operator = stage.rest(0, 'native', { bearer: admin });
    this.admin = admin;
  }

  // The same again: other users in their place.
  async add(...names) {
    const round = ++this.rounds;
    await Promise.all(names.map(async (short) => {
      const id = this.stage.name(`${short}-${round}`);
      const { num } = await this.operator.ok('POST', '/api/v1/users', { id });
      const credential = (kind) => this.operator.ok('POST', '/api/v1/tokens', { user: id, kind });
      const [{ token }, { token: key }] = await Promise.all([credential('token'), credential('key')]);
      this.people[short] = { id, num, uuid: uuid_of('user', id), token, key };
    }));
  }

  credential(who, kind) {
    if (who === 'nobody') return undefined;
    return who === 'operator' ? this.admin : this.people[who][kind];
  }

  async as(door, who, act) {
    const name = SURFACES[door];
    if (name) {
      const identity = name === 'rooms' && who !== 'operator'
        ? { key: this.credential(who, 'key') }
        : { bearer: this.credential(who, 'token') };
      return act((...request) => outcome_of(this.stage.rest(1, name, identity), ...request));
    }
    const [kind, parameter] = CLIENTS[door];
    const id = this.people[who]?.id ?? who;
    const parameters = { [parameter]: undefined, token: this.credential(who, 'token') };
    try {
      const client = this.stage.keep(await kind.open(this.stage.nodes[1], id, { parameters }));
      const outcome = await act(client);
      await client.close();
      return outcome;
    } catch (error) {
      if (error instanceof RefusedError && error.status === 401) return 'unauthorized';
      throw error;
    }
  }
}

export const is_rest = (door) => door in SURFACES;
