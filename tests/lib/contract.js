// Every frame against the AsyncAPI document of its protocol (proto/<name>.asyncapi.json).
//
// A connection has a Contract, which its client shows each frame, both ways. What the server
// sends must be one of the messages that it may send and, where it answers something, one of
// the replies to that. What the client sends must be one of the messages that the server takes,
// but where the test says that it is bad on purpose.
//
// Faults gather until the test is over: check_frames, of the scene, the transcript, the world.

import { documented, fault_finder, pointer_to, read_document, resolve } from './schema.js';

export const PROTOCOLS = documented('asyncapi');

// What the test sent longest ago is forgotten: nobody answers that late.
const REMEMBERED = 10000;

const faults = [];

export function take_frame_faults() {
  return faults.splice(0);
}

// Throws when any frame since the last time was not as its document says.
export function check_frames() {
  const found = take_frame_faults();
  if (found.length) {
    throw new Error(`frames are not as the documents in proto/ say:\n${found.slice(0, 10).join('\n')}`);
  }
}

// Faults of a test that never asked for them.
process.on('exit', () => {
  if (!faults.length) return;
  console.error(`frames are not as the documents in proto/ say:\n${faults.slice(0, 10).join('\n')}`);
  process.exitCode = 1;
});

class Message {
  constructor(file, name) {
    const { value } = resolve(file, pointer_to('components', 'messages', name));
    this.name = name;
    this.additive = value['x-additive'] === true;
    this.examples = (value.examples ?? []).map(({ payload }) => payload);
    this.properties = value.payload.properties ?? {};
    this.required = new Set(value.payload.required);
    this.faults = fault_finder(file, pointer_to('components', 'messages', name, 'payload'));
    // "$message.payload#/id": the member by which an answer finds its question.
    this.correlation = value.correlationId?.location.split('#/')[1];
  }

  // Does the frame have the values by which this message is told from others? `names`: of
  // those members.
  resembles(frame, names) {
    return names.every((name) => {
      const schema = this.properties[name];
      const values = schema && (schema.enum ?? ('const' in schema ? [schema.const] : null));
      return !values || values.includes(frame?.[name]);
    });
  }

  correlates(frame) {
    const value = this.correlation && frame[this.correlation];
    return value === undefined || value === null ? null : JSON.stringify(value);
  }
}

export class Protocol {
  taken = new Map(); // message -> Set of messages that may answer it
  sent = new Set(); // messages of the server

  constructor(name) {
    this.name = name;
    this.file = `${name}.asyncapi.json`;
    const { channels, operations, components } = read_document(this.file);
    const [channel] = Object.values(channels);
    this.paths = [channel.address, ...(channel['x-aliases'] ?? [])];
    this.messages = new Map(
      Object.keys(components.messages).map((each) => [each, new Message(this.file, each)]),
    );
    // "type", and what else tells messages apart.
    this.hallmarks = [...this.messages.values()].flatMap(({ properties }) =>
      Object.keys(properties).filter((each) => 'const' in properties[each]),
    );
    this.hallmarks = [...new Set(this.hallmarks)];
    for (const operation of Object.values(operations)) this.#add(operation);
    const [id] = Object.keys(channels);
    this.query_faults = fault_finder(this.file, pointer_to('channels', id, 'bindings', 'ws', 'query'));
  }

  #add({ action, messages, reply }) {
    const named = (list = []) =>
      list.map(({ $ref }) => this.messages.get(resolve(this.file, $ref).pointer.split('/').pop()));
    const answers = named(reply?.messages);
    for (const message of [...(action === 'send' ? named(messages) : []), ...answers]) {
      this.sent.add(message);
    }
    if (action !== 'receive') return;
    for (const message of named(messages)) {
      this.taken.set(message, new Set([...(this.taken.get(message) ?? []), ...answers]));
    }
  }

  // Those of `messages` that the frame may be, by the names in it.
  like(messages, frame) {
    return [...messages].filter((message) => message.resembles(frame, this.hallmarks));
  }
}

// Which of `messages` a frame is: {message}, or {faults} where it is none, as that one says which
// comes closest: whose faults lie deepest, and are the fewest.
export function identify(messages, frame) {
  let closest = { depth: 0, faults: ['no message is called so'] };
  for (const message of messages) {
    const found = message.faults(frame);
    if (!found.length) return { message, faults: [] };
    const depth = Math.min(...found.map((fault) => fault.split(' ')[0].split('/').length));
    const nearer = depth - closest.depth || closest.faults.length - found.length;
    if (nearer > 0) closest = { depth, faults: found.map((fault) => `as ${message.name}: ${fault}`) };
  }
  return { message: null, faults: closest.faults };
}

const known = new Map();

// Undefined where there is no name.
export function protocol(name) {
  if (name && !known.has(name)) known.set(name, new Protocol(name));
  return known.get(name);
}

function protocol_at(path, subprotocols) {
  const offered = subprotocols.map((each) => /^parley\.(\w+)\.v1$/.exec(each)?.[1]);
  const chosen = path === '/' && offered.find((name) => PROTOCOLS.includes(name));
  return chosen || PROTOCOLS.find((name) => protocol(name).paths.includes(path));
}

export class Contract {
  #protocol;
  #client;
  #fault = null; // the first one
  #asked = new Map(); // what is to be answered -> Set of messages that may do it

  // For a connection to `target`, a path with its query, that offers `subprotocols`. `name`:
  // of the protocol, where the path tells it not; false: of none of ours. `client` names the
  // connection.
  constructor(target, { subprotocols = [], name, client = target } = {}) {
    const [path] = target.split('?');
    this.#client = client;
    this.#protocol = name === false ? null : protocol(name ?? protocol_at(path, subprotocols));
  }

  // Throws when a frame was not as the document says, so that nobody waits for a good one.
  check() {
    if (this.#fault) throw new Error(`frames are not as the documents in proto/ say:\n${this.#fault}`);
  }

  // The server let in whoever asked with this query.
  connected(target) {
    if (this.#protocol === undefined) {
      throw new Error(`the test has to say which protocol is at ${target} (option \`protocol\`)`);
    }
    if (!this.#protocol) return;
    const query = Object.fromEntries(new URL(target, 'ws://node').searchParams);
    this.#note('was let in', this.#protocol.query_faults(query), JSON.stringify(query));
  }

  // A text frame came from the server. Gives it parsed; null where it is not JSON.
  received(text, binary = false) {
    if (!this.#protocol) return JSON.parse(text);
    let frame = null;
    try {
      frame = JSON.parse(text);
    } catch {
      this.#note('got', ['it is not JSON'], text);
      return null;
    }
    const found = this.#misfits(frame);
    if (binary) found.push('it is binary');
    this.#note('got', found, text);
    return frame;
  }

  // The client sends `frame`, an object or a text; a text may be anything. Throws where an
  // object is no message that the server takes, and the test does not call it `bad`.
  sending(frame, bad = typeof frame === 'string') {
    if (!this.#protocol) return;
    let parsed = frame;
    if (typeof frame === 'string') {
      try {
        parsed = JSON.parse(frame);
      } catch {
        return;
      }
    }
    const alike = this.#protocol.like(this.#protocol.taken.keys(), parsed);
    const { message, faults: found } = identify(alike, parsed);
    if (message) this.#remember(message, parsed);
    else if (!bad) {
      const what = JSON.stringify(frame).slice(0, 500);
      throw new Error(`${this.#client} is to send what ${this.#protocol.file} does not know, and it ` +
        `is not marked as bad:\n  ${found.join('\n  ')}\n  in ${what}`);
    }
  }

  #remember(message, frame) {
    const key = message.correlates(frame);
    if (key === null) return;
    const answers = [...(this.#asked.get(key) ?? []), ...this.#protocol.taken.get(message)];
    this.#asked.delete(key);
    this.#asked.set(key, new Set(answers));
    if (this.#asked.size > REMEMBERED) this.#asked.delete(this.#asked.keys().next().value);
  }

  // What is wrong with a frame of the server's. The answer to what was asked must be one that
  // this question can have.
  #misfits(frame) {
    const alike = this.#protocol.like(this.#protocol.sent, frame);
    const allowed = alike.filter((message) => {
      const answers = this.#asked.get(message.correlates(frame));
      return !answers || answers.has(message);
    });
    const { faults: found } = identify(allowed, frame);
    if (!found.length || allowed.length === alike.length) return found;
    const { message } = identify(alike, frame);
    return message ? [`it is ${message.name}, which is no answer to that`, ...found] : found;
  }

  #note(what, found, text) {
    if (!found.length) return;
    const fault = `  ${this.#client} ${what} what ${this.#protocol.file} does not know:\n` +
      `${found.map((each) => `    ${each}\n`).join('')}    in ${text.slice(0, 500)}`;
    this.#fault ??= fault;
    faults.push(fault);
  }
}
