// One user at one connection: says things, marks what they read, comes back whenever the
// connection has gone, and writes all of it into the history.

import { random } from '../lib/random.js';
import { pause } from '../lib/wait.js';
import { TONGUES } from './tongues.js';

const WINDOW = 12; // items without an answer
const ANSWER_MS = 20000; // an answer, a refusal or a close comes sooner
const ECHO_MS = 5000; // so late nobody is told any more that replicas were missing
const LOST_MS = 5000; // so late nobody waits for one's own message as the answer
const HANDSHAKE_MS = 3000;
const NAME = /^[\w-]+\/\d+/; // what every text begins with

export class Actor {
  client = null;
  online = new Map(); // what this connection was told of contacts,
  there = new Map(); // and of who attends the lobby
  outstanding = new Map(); // id -> item
  seconds = 0;
  #made = 0;
  #barrier = false; // what failed is sent again before anything new
  #readable = [];
  #waits = null; // the client on which it sends again what was refused, once nothing is under way
  #echoed = []; // {id, at_ms}: what it said and was shown
  #marks = []; // not known to be carried out
  #next = null; // a connection that takes over, or null; promised

  // `play` has: world, history, book, nodes_of_clients, unread, single, over.
  constructor(play, { user, protocol, room = 'lobby', targets = [], index }) {
    Object.assign(this, { play, user, protocol, room, targets, index });
    this.tongue = TONGUES[protocol];
    this.random = random(play.seed * 1000 + index);
    this.book = play.book;
  }

  get is_connected() {
    return Boolean(this.client?.is_open);
  }

  // Whether the lobby is told of this one's coming and going, and this one of others'.
  get attends() {
    if (this.protocol === 'simple') return this.room === 'lobby';
    return this.book.rooms.get('lobby').members.includes(this.user);
  }

  get is_told() {
    return this.attends && ['simple', 'rooms'].includes(this.protocol);
  }

  // Until the play is over: connected as much as can be.
  async live() {
    for (let turn = 0; !this.play.over; turn++) {
      const client = (await this.#next) ?? (await this.#connect());
      this.#next = null;
      if (!client) return;
      this.#begin(client, `${this.protocol} ${this.user}, connection ${turn} (${client.where})`);
      if (this.play.over) client.close();
      this.closed = await client.closed;
      this.#end();
    }
  }

  // Speaks `rate` times a second while the play wants it.
  async speak(rate) {
    while (this.play.sending) {
      await pause((1000 / rate) * (0.5 + this.random.number()));
      if (!this.play.sending) break;
      this.#sweep();
      if (this.is_connected && !this.#barrier && this.outstanding.size < WINDOW) this.#say();
    }
  }

  // From now on no order is owed among what is under way, and what is said until the function that
  // this gives is called.
  unorder() {
    const [oldest] = this.outstanding.values();
    const first = oldest?.number ?? this.#made;
    return () => this.play.history.unorder(this.user, first, this.#made - 1);
  }

  // Everything said has an outcome.
  get is_settled() {
    this.#sweep();
    return this.outstanding.size === 0;
  }

  // Another connection of the same name; the protocol says which of the two stays.
  async take_over() {
    if (!this.is_connected || this.#next) return;
    // At once: the old connection may be closed before the new one is known to be open.
    this.#next = this.#connect(1);
    const next = await this.#next;
    if (!next) this.#next = null;
    else if (this.play.over) next.close();
  }

  // Marks what is readable, but for the last `keep`.
  mark(keep) {
    while (this.tongue.mark && this.is_connected && this.#readable.length > keep) {
      const entry = this.#readable.shift();
      this.#marks.push(entry);
      this.tongue.mark(this.client, entry);
    }
  }

  async #connect(tries = Infinity) {
    for (let i = 0; i < tries && !this.play.over; i++) {
      const at = this.random.below(this.play.world.nodes.length);
      const node = this.play.world.nodes[at];
      const by_proxy = this.random.below(2) === 1;
      if (node?.running) {
        try {
          const read = this.play.history.read_by(this.user);
          const door = by_proxy ? this.play.doors[at] : node;
          const client = await this.tongue.open(door, this, HANDSHAKE_MS);
          Object.assign(client, { at, by_proxy, read, where: `${node.id}${by_proxy ? ' by proxy' : ''}` });
          return client;
        } catch (error) {
          this.play.refused(error.status ?? error.code ?? error.message);
        }
      }
      await pause(20 + this.random.below(100));
    }
    return null;
  }

  #begin(client, label) {
    const show = this.play.history.connection(this.user, label, client.read);
    this.play.journal(`${label} is open`);
    this.client = client;
    this.label = label;
    this.online = new Map();
    this.there = new Map();
    this.#readable = [];
    this.#marks = [];
    client.on_frame = (frame) => this.#hear(frame, show);
    for (const { json } of client.frames.splice(0)) client.on_frame(json);
    this.#barrier = this.outstanding.size > 0;
    for (const item of this.outstanding.values()) this.#send(item);
  }

  #end() {
    const { code, reason } = this.closed;
    this.play.journal(`${this.label} was closed with ${code} ${reason}`);
    this.play.ended(code);
    this.#doubt();
    for (const item of this.outstanding.values()) item.marks = [];
    if (!this.tongue.resends) this.#abandon_all();
    this.#unsure();
  }

  #say() {
    const to = this.random.pick(this.targets);
    const number = this.#made++;
    const id = `${this.user}/${number}`;
    const { keep, members } = to.room ? this.book.rooms.get(to.room) : { keep: 'log', members: [to.user] };
    const stored = this.tongue.keeps && keep === 'log';
    const owed = stored ? members.filter((user) => user !== this.user && this.play.is_owed(user, to)) : [];
    const item = { id, number, to, owed, text: stored ? id : `${id} ${this.play.ephemeral}`, marks: this.#marks.splice(0) };
    this.play.history.say(id, to.room ? `#${to.room}` : to.user);
    this.outstanding.set(id, item);
    this.#send(item);
  }

  #send(item) {
    item.sent_ms = Date.now();
    this.play.journal(`${this.label} says ${item.id} to ${item.to.user ?? `#${item.to.room}`}`);
    item.refused = false;
    if (this.is_connected) this.tongue.say(this.client, item, this);
  }

  #hear(frame, show) {
    const heard = this.tongue.hear(frame, this.client, this);
    for (const text of heard.shown ?? []) {
      const name = NAME.exec(text)?.[0];
      if (name) show(name);
      if (name && this.tongue.own && this.outstanding.has(name)) {
        this.#answered(name);
        this.#echoed.push({ id: name, at_ms: Date.now() });
      }
    }
    for (const id of heard.answers ?? []) this.#answered(id);
    for (const refusal of heard.refused ?? []) this.#refused(refusal);
    for (const [user, is_online] of heard.online ?? []) {
      this.online.set(user, is_online);
      this.play.journal(`${this.label} is told that ${user} is ${is_online ? 'online' : 'offline'}`);
    }
    for (const [user, is_there] of heard.there ?? []) {
      if (this.there.get(user) === is_there) {
        this.play.history.faults.push(`${this.label} was told twice that ${user} has ${is_there ? 'come to' : 'left'} the lobby`);
      }
      this.there.set(user, is_there);
      this.play.journal(`${this.label} is told that ${user} has ${is_there ? 'come to' : 'left'} the lobby`);
    }
    for (const mark of heard.marked ?? []) this.#carried_out(this.#marks.filter((entry) => entry.mark === mark));
    for (const mark of heard.unmarked ?? []) this.#unmark(mark);
    this.#readable.push(...(heard.readable ?? []));
    // No use in asking again at once what was refused.
    if (!heard.unmarked?.length) this.mark(this.play.unread);
  }

  #answered(id) {
    const item = this.outstanding.get(id);
    if (!item) return; // sent twice on the way through a failure
    this.outstanding.delete(id);
    this.play.history.acknowledge(id, item.owed);
    this.play.journal(`${this.label}: ${id} is acknowledged`);
    // One link carries out what one session asks in order: the marks in front are in effect.
    if (this.play.single) this.#carried_out(item.marks);
    if (!this.outstanding.size) this.#barrier = false;
  }

  #refused({ id, code }) {
    this.play.journal(`${this.label}: ${id} is refused with ${code}`);
    if (!this.play.may_refuse.has(code)) this.play.history.faults.push(`${this.label}: ${id} was refused with ${code}`);
    if (!this.tongue.resends) {
      this.#doubt();
      this.#abandon_all();
      this.#unsure();
      return;
    }
    const item = this.outstanding.get(id);
    if (!item) return;
    item.refused = true;
    this.#doubt();
    this.#barrier = true;
    if (this.random.below(2)) this.client.cut();
    else this.#again(this.client);
  }

  // On the same connection, once nothing is under way.
  async #again(client) {
    if (this.#waits === client) return;
    this.#waits = client;
    do {
      await pause(200 + this.random.below(800));
      if (this.client !== client || !client.is_open) return;
    } while ([...this.outstanding.values()].some(({ refused }) => !refused));
    this.#waits = null;
    for (const item of this.outstanding.values()) this.#send(item);
  }

  #doubt() {
    const [oldest] = this.outstanding.values();
    if (oldest) this.play.history.doubt(this.user, oldest.number, this.#made - 1);
  }

  #abandon_all() {
    for (const { id } of this.outstanding.values()) this.play.history.abandon(id);
    this.outstanding.clear();
  }

  // Where replicas are waited for, who is only shown what it said is told behind it that they were too few.
  #unsure() {
    if (!this.play.history.lossy) return;
    const from_ms = Date.now() - ECHO_MS;
    for (const { id, at_ms } of this.#echoed.splice(0)) if (at_ms > from_ms) this.play.history.take_back(id);
  }

  // What has no outcome after so long.
  #sweep() {
    const [oldest] = this.outstanding.values();
    if (!oldest || !this.is_connected) return;
    const age_ms = Date.now() - oldest.sent_ms;
    if (!this.tongue.resends && age_ms > LOST_MS) {
      this.play.history.abandon(oldest.id);
      this.outstanding.delete(oldest.id);
    } else if (age_ms > ANSWER_MS) {
      this.play.history.faults.push(`${this.label}: no answer to ${oldest.id} within ${ANSWER_MS} ms`);
      this.client.cut();
    }
  }

  #carried_out(entries) {
    for (const { text, refused } of entries) {
      const name = NAME.exec(text)?.[0];
      if (name && !refused) this.play.history.mark_read(this.user, name);
    }
    this.#marks = this.#marks.filter((entry) => !entries.includes(entry));
  }

  #unmark(mark) {
    const everywhere = [this.#marks, ...[...this.outstanding.values()].map(({ marks }) => marks)].flat();
    for (const entry of everywhere) {
      if (entry.mark !== mark || entry.refused) continue;
      entry.refused = true;
      this.#readable.push({ ...entry, refused: false });
    }
    this.#marks = this.#marks.filter((entry) => !entry.refused);
  }
}
