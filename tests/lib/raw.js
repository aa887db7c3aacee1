// A WebSocket client by hand, for what a real library refuses to send. What it gets is held
// against the document of its protocol (contract.js); what it sends is its own affair.

import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import { Contract } from './contract.js';
import { PATIENCE_MS, pause, within } from './wait.js';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

// Between pieces that are to arrive one by one: here time is what is tested.
const PIECE_GAP_MS = 10;

// The bytes of one frame. `announce` lies about the length.
export function frame_bytes(payload, options = {}) {
  const { opcode = OPCODE.text, fin = true, masked = true, rsv = 0, announce } = options;
  const body = Buffer.from(payload);
  const length = announce ?? body.length;
  const head = [((fin ? 0x80 : 0) | (rsv << 4) | opcode) & 0xff];
  const mask_bit = masked ? 0x80 : 0;
  if (length < 126) head.push(mask_bit | length);
  else if (length < 65536) head.push(mask_bit | 126, length >> 8, length & 0xff);
  else {
    const wide = Buffer.alloc(8);
    wide.writeBigUInt64BE(BigInt(length));
    head.push(mask_bit | 127, ...wide);
  }
  if (!masked) return Buffer.concat([Buffer.from(head), body]);
  const mask = randomBytes(4);
  for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3];
  return Buffer.concat([Buffer.from(head), mask, body]);
}

export class RawClient {
  frames = []; // {opcode, fin, payload}
  #buffer = Buffer.alloc(0);
  #contract;
  #changed = () => {};
  head = null;

  // Sends the request's head (`request`: all of it, in pieces); resolves when the
  // answer's head is there. `protocol` as in client.js.
  async open(node, path, { headers = {}, version = 13, request, protocol } = {}) {
    this.#contract = new Contract(path, { name: protocol, client: `raw ${path}` });
    this.socket = createConnection({ port: node.port, host: '127.0.0.1', noDelay: true });
    this.ended = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.on('error', () => {});
    this.socket.on('data', (bytes) => this.#read(bytes));
    this.socket.once('close', () => this.#changed());
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${node.port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      `Sec-WebSocket-Version: ${version}`,
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ];
    for (const piece of request ?? [`${lines.join('\r\n')}\r\n\r\n`]) {
      this.write(piece);
      await pause(request ? PIECE_GAP_MS : 0);
    }
    await this.#until(() => this.head !== null, 'the answer to the upgrade');
    if (this.status === 101) this.#contract.connected(path);
    return this;
  }

  get status() {
    return Number(this.head?.split(' ')[1]);
  }

  write(bytes) {
    this.socket.write(bytes);
  }

  send(payload, options) {
    this.write(frame_bytes(payload, options));
  }

  // The next data frame (or one of `opcode`), others dropped.
  async next(opcode = OPCODE.text, patience_ms = PATIENCE_MS) {
    for (;;) {
      await this.#until(() => this.frames.length > 0, `a frame with opcode ${opcode}`, patience_ms);
      this.#contract.check();
      const frame = this.frames.shift();
      if (frame.opcode === opcode) return frame;
    }
  }

  async next_json(matches = () => true) {
    for (;;) {
      const json = JSON.parse((await this.next()).payload.toString('utf8'));
      if (matches(json)) return json;
    }
  }

  // The code of the server's close frame, which is answered as RFC 6455, 7.1.2 wants.
  async close_code(patience_ms) {
    const frame = await this.next(OPCODE.close, patience_ms);
    this.send(frame.payload, { opcode: OPCODE.close });
    return frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 1005;
  }

  async close() {
    this.socket?.destroy();
  }

  dump() {
    return '';
  }

  async #until(condition, what, patience_ms = PATIENCE_MS) {
    const deadline = Date.now() + patience_ms;
    while (!condition()) {
      if (this.socket.destroyed) throw new Error(`the connection ended while waiting for ${what}`);
      await within(
        Math.max(1, deadline - Date.now()),
        what,
        new Promise((resolve) => {
          this.#changed = resolve;
        }),
      );
    }
  }

  #read(bytes) {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    if (this.head === null) {
      const end = this.#buffer.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.head = this.#buffer.toString('latin1', 0, end);
      this.#buffer = this.#buffer.subarray(end + 4);
    }
    if (this.status === 101) while (this.#read_frame());
    this.#changed();
  }

  #read_frame() {
    const buffer = this.#buffer;
    if (buffer.length < 2) return false;
    if (buffer[1] & 0x80) throw new Error('the server masked a frame');
    let length = buffer[1] & 0x7f;
    let at = 2;
    if (length === 126) {
      if (buffer.length < 4) return false;
      length = buffer.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (buffer.length < 10) return false;
      length = Number(buffer.readBigUInt64BE(2));
      at = 10;
    }
    if (buffer.length < at + length) return false;
    const payload = Buffer.from(buffer.subarray(at, at + length));
    this.#buffer = buffer.subarray(at + length);
    const frame = { opcode: buffer[0] & 0x0f, fin: Boolean(buffer[0] & 0x80), payload };
    this.frames.push(frame);
    if (frame.fin && frame.opcode === OPCODE.text) this.#contract.received(payload.toString('utf8'));
    return true;
  }
}
