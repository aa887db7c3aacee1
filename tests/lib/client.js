// WebSocket clients, one class a protocol, on the `ws` library. Frames that arrive
// wait in `frames` until a test takes them. Each one, both ways, is held against the
// document of its protocol (contract.js).

import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { Contract } from './contract.js';
import { uuid_of } from './uuid.js';
import { PATIENCE_MS, within } from './wait.js';

// The room that is always there.
export const LOBBY = { id: 'lobby', num: 1, uuid: uuid_of('room', 'lobby') };

// The door said no: `status` is the HTTP status.
export class RefusedError extends Error {
  constructor(status, body) {
    super(`the upgrade was refused with ${status} ${body}`);
    this.status = status;
    this.body = body;
  }
}

function query(parameters) {
  const pairs = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return pairs.length ? `?${pairs.join('&')}` : '';
}

export class Client {
  frames = []; // {text, json, binary}
  seen = []; // every frame since the beginning, for error messages
  pings = 0; // the server's, which ask for a proof of receipt or of life
  on_frame = null; // called with each parsed frame; it then does not wait in `frames`
  #waiting = null;

  // Resolves when the connection is open; RefusedError otherwise. `protocol` names the one
  // that is spoken where the path does not tell; false: none of ours.
  open(node, path, parameters, options = {}) {
    const { protocols = [], headers, auth, auto_pong = true, protocol, handshake_ms = PATIENCE_MS } = options;
    this.name ??= path;
    const target = `${path}${query(parameters)}`;
    this.contract = new Contract(target, { subprotocols: protocols, name: protocol, client: this.name });
    const socket = new WebSocket(`${node.ws}${target}`, protocols, {
      headers,
      auth,
      perMessageDeflate: false,
      autoPong: auto_pong,
      handshakeTimeout: handshake_ms,
    });
    this.socket = socket;
    socket.on('message', (data, binary) => this.#take(data, binary));
    socket.on('ping', () => this.pings++);
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.close_code = code;
        resolve({ code, reason: reason.toString() });
        this.#waiting?.();
      });
    });
    return new Promise((resolve, reject) => {
      socket.once('open', () => {
        try {
          this.contract.connected(target);
          resolve(this);
        } catch (error) {
          reject(error);
        }
      });
      socket.on('error', reject);
      socket.once('unexpected-response', (_, response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', () => {});
        response.on('close', () => {
          socket.terminate();
          reject(new RefusedError(response.statusCode, Buffer.concat(chunks).toString()));
        });
      });
    });
  }

  get is_open() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  // An object as JSON; a string or bytes as they are. `bad`: the object is no frame of the
  // protocol, on purpose.
  send(frame, { bad } = {}) {
    const raw = typeof frame === 'string' || Buffer.isBuffer(frame);
    if (!Buffer.isBuffer(frame)) this.contract.sending(frame, bad);
    this.socket.send(raw ? frame : JSON.stringify(frame));
  }

  // The next frame, whatever it is, parsed.
  async next(patience_ms = PATIENCE_MS) {
    return (await this.next_frame(patience_ms)).json;
  }

  // The same with its text: {text, json, binary}.
  async next_frame(patience_ms = PATIENCE_MS) {
    const deadline = Date.now() + patience_ms;
    while (this.frames.length === 0) {
      this.contract.check();
      if (this.close_code !== undefined) {
        throw new Error(`${this.name} was closed with ${this.close_code} while a frame was expected`);
      }
      await within(
        Math.max(1, deadline - Date.now()),
        () => `a frame for ${this.name}; seen so far:\n${this.dump()}`,
        new Promise((resolve) => {
          this.#waiting = resolve;
        }),
      );
    }
    this.contract.check();
    return this.frames.shift();
  }

  // Takes frames until one `matches`, and returns that.
  async until(matches, patience_ms = PATIENCE_MS) {
    const deadline = Date.now() + patience_ms;
    for (;;) {
      const frame = await this.next(Math.max(1, deadline - Date.now()));
      if (matches(frame)) return frame;
    }
  }

  // The same, but the frames before it stay where they are.
  async until_keeping(matches, patience_ms = PATIENCE_MS) {
    const held = [];
    const deadline = Date.now() + patience_ms;
    try {
      for (;;) {
        const frame = await this.next(Math.max(1, deadline - Date.now()));
        if (matches(frame)) return frame;
        held.push({ json: frame, text: JSON.stringify(frame) });
      }
    } finally {
      this.frames.unshift(...held);
    }
  }

  // The WebSocket's own ping went there and back: what the server had sent before
  // has arrived.
  async round_trip() {
    await within(
      PATIENCE_MS,
      `a pong for ${this.name}`,
      new Promise((resolve) => {
        this.socket.once('pong', resolve);
        this.socket.ping('test');
      }),
    );
  }

  // Nothing is waiting to be looked at.
  assert_silent(why = '') {
    assert.deepEqual(
      this.frames.map((frame) => frame.json),
      [],
      `${this.name} got what it should not have${why && `: ${why}`}`,
    );
  }

  async expect_close(code, patience_ms = PATIENCE_MS) {
    const closed = await within(
      patience_ms,
      () => `the close of ${this.name} with ${code}; seen:\n${this.dump()}`,
      this.closed,
    );
    assert.equal(closed.code, code, `${this.name} was closed with ${closed.code} ${closed.reason}`);
    return closed;
  }

  // Stops reading from the socket, and goes on.
  pause() {
    this.socket.pause();
  }

  resume() {
    this.socket.resume();
  }

  // Closes in good order, and waits until it is done.
  async close() {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.close(1000);
    else if (this.socket.readyState !== WebSocket.CLOSING) this.socket.terminate();
    const grace = setTimeout(() => this.socket.terminate(), 2000);
    await this.closed;
    clearTimeout(grace);
  }

  // As a pulled cable: no close frame.
  async cut() {
    this.socket.terminate();
    await this.closed;
  }

  dump() {
    return this.seen
      .slice(-20)
      .map((frame) => `    ${this.name} < ${frame.text.slice(0, 300)}`)
      .join('\n');
  }

  // What a protocol's client keeps from the test: false drops the frame.
  concerns() {
    return true;
  }

  #take(data, binary) {
    const text = data.toString('utf8');
    const json = this.contract.received(text, binary);
    const frame = { text, binary, json };
    this.seen.push(frame);
    if (this.seen.length > 1000) this.seen.splice(0, 500);
    if (!json || !this.concerns(json)) return;
    if (this.on_frame) {
      this.on_frame(frame.json, frame);
      return;
    }
    this.frames.push(frame);
    this.#waiting?.();
  }
}

export class SimpleClient extends Client {
  #payloads = 0;

  // `cast`, a Set of user names: comings and goings of others are none of this
  // test's business (the grace period lets them trickle in from an earlier one).
  static async open(node, user, { cast = null, parameters = {}, path = '/simple', ...options } = {}) {
    const client = new SimpleClient();
    client.name = `simple ${user}`;
    client.user = user;
    client.cast = cast;
    const spoken = { protocol: 'simple', ...options };
    return client.open(node, path, { username: user, ...parameters }, spoken);
  }

  concerns(frame) {
    const presence = frame.type === 'user_connected' || frame.type === 'user_disconnected';
    return !presence || this.cast === null || this.cast.has(frame.username);
  }

  // Sends, and returns the payload_id. `options` are those of send.
  say(message, more = {}, options = {}) {
    const payload_id = more.payload_id ?? `p${++this.#payloads}`;
    this.send({ type: 'send_message', message, ...more, payload_id }, options);
    return payload_id;
  }

  // Sends, and takes frames until its reply; gives the reply.
  async say_and_wait(message, more = {}, options = {}) {
    const payload_id = this.say(message, more, options);
    return this.until((frame) => frame.type === 'reply' && frame.payload_id === payload_id);
  }

  // Takes the own arrival, which every newcomer is shown.
  async arrived() {
    return this.until((frame) => frame.type === 'user_connected' && frame.username === this.user);
  }

  async message(matches = () => true, patience_ms) {
    return this.until((frame) => frame.type === 'message_sent' && matches(frame), patience_ms);
  }

  // Every command of this session before this one has been carried out: the answers
  // of Redis come in order. Its own frames are taken, all others stay.
  async settle() {
    const payload_id = `settle-${++this.#payloads}`;
    const text = `settle ${payload_id}`;
    this.say(text, { to: `nobody-${this.user}`, payload_id });
    await this.until_keeping((frame) => frame.type === 'message_sent' && frame.message === text);
    await this.until_keeping((frame) => frame.type === 'reply' && frame.payload_id === payload_id);
  }
}

export class MessagingClient extends Client {
  #settled = 0;

  static async open(node, id, { parameters = {}, path = '/messaging', ...options } = {}) {
    const client = new MessagingClient();
    client.name = `messaging ${id}`;
    client.id = id;
    client.user = String(id);
    const spoken = { protocol: 'messaging', ...options };
    return client.open(node, path, { client_id: id, ...parameters }, spoken);
  }

  // Sends items; `sid` is added where missing.
  put(...items) {
    this.send({ send: items.map((item) => ({ sid: this.id, ...item })) });
  }

  // The next section of this name, frames of other sections left where they are.
  async section(name, patience_ms = PATIENCE_MS) {
    const { [name]: found, ...others } = await this.until_keeping(
      (json) => name in json,
      patience_ms,
    );
    if (Object.keys(others).length) this.frames.unshift({ json: others, text: '' });
    return found;
  }

  // Sends one item and waits until it is stored.
  async put_and_wait(item) {
    this.put(item);
    const sent = await this.section('sent');
    assert.deepEqual(
      sent.map(({ id, rid }) => ({ id, rid })),
      [{ id: item.id, rid: item.rid }],
    );
  }

  // The next `count` messages, however many frames they come in.
  async messages(count, patience_ms = PATIENCE_MS) {
    const got = [];
    const deadline = Date.now() + patience_ms;
    while (got.length < count) {
      got.push(...(await this.section('messages', Math.max(1, deadline - Date.now()))));
    }
    assert.equal(got.length, count, `more messages than expected: ${JSON.stringify(got)}`);
    return got;
  }

  mark(...items) {
    this.send({ read: items.map((item) => (typeof item === 'object' ? item : { id: item })) });
  }

  // Every command of this session before this one has been carried out: the answers
  // of Redis come in order. Its own frames are taken, all others stay.
  async settle() {
    const id = `settle-${++this.#settled}`;
    this.put({ id, rid: `nobody-${this.user}` });
    await this.until_keeping((frame) => frame.sent?.some((item) => item.id === id));
  }
}

export class ChatClient extends Client {
  #requests = 0;

  // `presence`: whether comings and goings of contacts are this test's business.
  static async open(node, user, { presence = false, parameters = {}, path = '/chat', ...options } = {}) {
    const client = new ChatClient();
    client.name = `chat ${user}`;
    client.user = user;
    client.presence = presence;
    const spoken = { protocol: 'chat', ...options };
    return client.open(node, path, { user, ...parameters }, spoken);
  }

  concerns(frame) {
    return this.presence || !['online', 'offline'].includes(frame.eventType);
  }

  // Sends a request, and returns its id.
  request(payloadType, payload, id = `r${++this.#requests}`) {
    this.send({ type: 'request', timestamp: 1, id, payloadType, payload });
    return id;
  }

  // The same, and gives the payload of its response; frames before it stay.
  async ask(payloadType, payload, id) {
    const asked = this.request(payloadType, payload, id);
    const answers = (frame) => frame.type === 'response' && frame.id === asked;
    return (await this.until_keeping(answers)).payload;
  }

  // Sends a message, and gives its messageId.
  async say(chatId, message, more = {}, id) {
    const { messageId, ...rest } = await this.ask('new', { chatId, message, ...more }, id);
    assert.ok(messageId, JSON.stringify(rest));
    return messageId;
  }

  // The payload of the next event of this type; other frames stay.
  async event(eventType, matches = () => true) {
    const fits = (frame) => frame.eventType === eventType && matches(frame.payload);
    return (await this.until_keeping(fits)).payload;
  }
}

export class ConcordClient extends Client {
  // `presence` as in chat.
  static async open(node, user, { presence = false, parameters = {}, path = '/client', ...options } = {}) {
    const client = new ConcordClient();
    client.name = `concord ${user}`;
    client.user = user;
    client.presence = presence;
    const spoken = { protocol: 'concord', ...options };
    return client.open(node, path, { user, ...parameters }, spoken);
  }

  concerns(frame) {
    return this.presence || frame.type !== 'user_status_updated';
  }

  write(channelId, content, threadId = null) {
    this.send({ type: 'chat_written', channelId, threadId, sentAt: 1, content });
  }

  // The same, and gives the chat as everyone is shown it; frames before it stay.
  async write_and_wait(channelId, content, threadId) {
    this.write(channelId, content, threadId);
    return this.chat((chat) => chat.content === content);
  }

  react(chatId, reaction, adding = true) {
    this.send({ type: 'chat_reaction', chatId, reaction, adding });
  }

  type_in(channelId, threadId = null) {
    this.send({ type: 'chat_typing', channelId, threadId, sentAt: 1 });
  }

  // The next chat that was sent; other frames stay.
  async chat(matches = () => true) {
    const fits = (frame) => frame.type === 'chat_sent' && matches(frame.chat);
    return (await this.until_keeping(fits)).chat;
  }
}

export class RoomsClient extends Client {
  // `cast` as in simple.
  static async open(node, user, { cast = null, parameters = {}, path = '/rooms', ...options } = {}) {
    const client = new RoomsClient();
    client.name = `rooms ${user}`;
    client.user = user;
    client.uuid = uuid_of('user', user);
    client.cast = cast;
    const spoken = { protocol: 'rooms', ...options };
    return client.open(node, path, { user, ...parameters }, spoken);
  }

  concerns(frame) {
    if (this.cast === null || (frame.type !== 'enter' && frame.type !== 'exit')) return true;
    return [...this.cast].some((name) => uuid_of('user', name) === frame.user_id);
  }

  say(room_id, content) {
    this.send({ type: 'message', content, room_id });
  }

  // The same, and gives the message as everyone is shown it; frames before it stay.
  async say_and_wait(room_id, content) {
    this.say(room_id, content);
    return this.message((frame) => frame.content === content);
  }

  read(message_id) {
    this.send({ type: 'read', message_id });
  }

  // Enters, and waits until that is told.
  async enter(room_id = LOBBY.uuid) {
    this.send({ type: 'enter', room_id });
    return this.until_keeping((frame) => frame.type === 'enter' && frame.user_id === this.uuid);
  }

  // The next message; other frames stay.
  async message(matches = () => true) {
    return this.until_keeping((frame) => frame.type === 'message' && matches(frame));
  }
}
