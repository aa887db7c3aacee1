// A crowd of connections in a process of its own: messaging clients that say nothing, by hand and
// as cheap as can be, so that thousands of them leave the machine to those who are measured. Whoever
// is cut off comes back at once, on another node.
//
//   node crowd.js COUNT TAG PORT OTHER-PORT...
//
// They begin on the first port. Each line that it prints is where things stand, as JSON:
// {open, lost, refused, codes: {code: how often closed so}, waits: [p50, p99, max]}; `waits` are
// milliseconds from a connection's end to its next one. It ends when it is killed.

import { createConnection } from 'node:net';

const IN_FLIGHT = 128; // at the beginning
const LOOK_MS = 100;
const AGAIN_MS = 100; // where nobody listens

const [count, tag, ...ports] = process.argv.slice(2);
const state = { open: 0, lost: 0, refused: 0, codes: {} };
const waits = [];
let begun = 0;

const pick = (list) => list[Math.floor(Math.random() * list.length)];

// One client for ever. `index` is its name; `lost_at`: when its connection ended.
function connect(index, port, lost_at) {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
  let open = false;
  let again_ms = 0;
  socket.on('error', () => {
    again_ms = AGAIN_MS;
  });
  socket.on('connect', () => {
    socket.write(
      `GET /messaging?client_id=${tag}-${index} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
  });
  socket.on('data', (bytes) => {
    if (open) {
      take(socket, bytes);
    } else if (bytes.toString('latin1', 9, 12) === '101') {
      open = true;
      state.open++;
      if (lost_at) waits.push(Date.now() - lost_at);
      else begin_next();
    } else {
      state.refused++;
      const [, seconds] = /retry-after: (\d+)/i.exec(bytes.toString('latin1')) ?? [];
      again_ms = 1000 * Number(seconds ?? 1);
    }
  });
  socket.on('close', () => {
    if (open) {
      state.open--;
      state.lost++;
      lost_at = Date.now();
    }
    const other = pick(ports.filter((each) => each !== port));
    setTimeout(() => connect(index, other, lost_at), again_ms);
  });
}

// The server sends nothing but pings and, at the end, a close, each in a read of its own.
function take(socket, bytes) {
  const opcode = bytes[0] & 0x0f;
  const length = bytes[1];
  if (opcode === 9) socket.write(Buffer.concat([Buffer.from([0x8a, 0x80 | length, 0, 0, 0, 0]), bytes.subarray(2, 2 + length)]));
  if (opcode !== 8) return;
  const code = length >= 2 ? bytes.readUInt16BE(2) : 1005;
  state.codes[code] = (state.codes[code] ?? 0) + 1;
  socket.end(Buffer.from([0x88, 0x82, 0, 0, 0, 0, bytes[2], bytes[3]]));
}

function begin_next() {
  if (begun < count) connect(begun++, ports[0], 0);
}

setInterval(() => {
  const sorted = [...waits].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  console.log(JSON.stringify({ ...state, waits: [at(0.5), at(0.99), at(1)] }));
}, LOOK_MS);
for (let i = 0; i < IN_FLIGHT; i++) begin_next();
