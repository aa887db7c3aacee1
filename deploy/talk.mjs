// Talks to a node from a terminal.
//
//   node deploy/talk.mjs URL               what comes is printed, what is typed is sent; a line
//                                         that is no JSON is said in the lobby (simple only).
//                                         When the input ends: waits for the answers, and goes.
//   node deploy/talk.mjs --check URL URL   sends messages across two nodes: exit status 0 when
//                                         all of them arrived

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

// The client library that the tests use: theirs, or the distribution's (node-ws).
function library() {
  const require = createRequire(new URL('../tests/package.json', import.meta.url));
  try {
    return require('ws');
  } catch {
    return require('/usr/share/nodejs/ws');
  }
}
const { WebSocket } = library();

const QUIET_MS = 500; // so long after the last frame there is nothing more to wait for
const PATIENCE_MS = 10_000;

function talk(url) {
  const socket = new WebSocket(url);
  const typed = createInterface({ input: process.stdin });
  let early = []; // typed before the connection stood; then null
  let number = 0;
  let ended = false;
  let leaving = null;
  const leave = () => {
    clearTimeout(leaving);
    leaving = setTimeout(() => socket.close(1000), QUIET_MS);
  };
  const say = (line) => {
    if (line.trim() === '') return;
    const frame = line.trimStart().startsWith('{')
      ? line
      : JSON.stringify({ type: 'send_message', payload_id: String(++number), message: line });
    socket.send(frame);
  };
  typed.on('line', (line) => (early ? early.push(line) : say(line)));
  typed.on('close', () => {
    ended = true;
    if (!early) leave();
  });
  socket.on('open', () => {
    early.forEach(say);
    early = null;
    if (ended) leave();
  });
  socket.on('message', (data) => {
    console.log(data.toString());
    if (leaving) leave();
  });
  socket.on('error', (error) => console.error(error.message));
  socket.on('close', (code, reason) => {
    if (!leaving) console.error(`closed: ${code} ${reason}`);
    process.exit(code === 1000 ? 0 : 1);
  });
}

// A client whose frames can be waited for.
class Client {
  static connect(name, url) {
    return new Promise((resolve, reject) => {
      const client = new Client();
      Object.assign(client, { name, frames: [], looking: () => {}, socket: new WebSocket(url) });
      client.socket.on('open', () => resolve(client));
      client.socket.on('error', reject);
      client.socket.on('message', (data) => {
        client.frames.push(JSON.parse(data.toString()));
        client.looking();
      });
    });
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  sees(what, matches) {
    return new Promise((resolve, reject) => {
      const patience = setTimeout(
        () => reject(new Error(`${this.name} did not see ${what}, but ${JSON.stringify(this.frames)}`)),
        PATIENCE_MS,
      );
      this.looking = () => {
        const frame = this.frames.find(matches);
        if (!frame) return;
        clearTimeout(patience);
        console.log(`  ${this.name} saw ${JSON.stringify(frame)}`);
        resolve(frame);
      };
      this.looking();
    });
  }

  async close() {
    const closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.socket.close(1000);
    await closed;
  }
}

async function check(first, second) {
  console.log(`in the lobby, from ${first} to ${second}:`);
  const alice = await Client.connect('alice', `${first}/simple?username=alice`);
  const bob = await Client.connect('bob', `${second}/simple?username=bob`);
  await alice.sees("bob's coming", (each) => each.type === 'user_connected' && each.username === 'bob');
  alice.send({ type: 'send_message', payload_id: '1', message: 'hello across the nodes' });
  await alice.sees('the reply', (each) => each.type === 'reply' && each.payload_id === '1' && each.error === null);
  await bob.sees('the message', (each) => each.type === 'message_sent' && each.message === 'hello across the nodes');

  console.log(`to somebody who is away, kept and fetched from ${second}, from another protocol:`);
  alice.send({ type: 'send_message', payload_id: '2', to: '31', message: 'for when you are back' });
  await alice.sees('the reply', (each) => each.type === 'reply' && each.payload_id === '2' && each.error === null);
  const away = await Client.connect('31', `${second}/messaging?client_id=31`);
  const { messages } = await away.sees('what was unread', (each) => each.messages?.[0].text === 'for when you are back');
  away.send({ read: [{ id: messages[0].id }] });

  await Promise.all([alice.close(), bob.close(), away.close()]);
  console.log('all of it arrived');
}

const [option, first, second] = process.argv.slice(2);
if (option === '--check' && second) {
  check(first, second).then(
    () => process.exit(0),
    (error) => {
      console.error(error.message);
      process.exit(1);
    },
  );
} else if (option && !option.startsWith('-')) {
  talk(option);
} else {
  console.error('usage: node deploy/talk.mjs URL | --check URL URL');
  process.exit(2);
}
