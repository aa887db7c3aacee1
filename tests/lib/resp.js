// A small Redis client (RESP2): commands in order, and publications.

import { createConnection } from 'node:net';

export class RespError extends Error {}

export class RespClient {
  #socket;
  #pending = [];
  #buffer = Buffer.alloc(0);
  #closed = false;
  on_message = null; // (channel, payload) of message and pmessage
  on_line = null; // what is said unasked, as MONITOR does
  on_close = null;

  static connect(port, host = '127.0.0.1') {
    return new Promise((resolve, reject) => {
      const socket = createConnection({ port, host, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new RespClient(socket));
      });
    });
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#read(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      for (const { reject } of this.#pending) reject(new RespError('connection to Redis lost'));
      this.#pending = [];
      this.on_close?.();
    });
  }

  get closed() {
    return this.#closed;
  }

  // One command; its reply, or RespError.
  command(...words) {
    if (this.#closed) return Promise.reject(new RespError('connection to Redis lost'));
    const parts = words.map((word) => Buffer.from(String(word)));
    const bytes = [Buffer.from(`*${parts.length}\r\n`)];
    for (const part of parts) bytes.push(Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n'));
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject });
      this.#socket.write(Buffer.concat(bytes));
    });
  }

  // A hash as an object.
  async hash(key) {
    const flat = await this.command('HGETALL', key);
    const object = {};
    for (let i = 0; i < flat.length; i += 2) object[flat[i]] = flat[i + 1];
    return object;
  }

  // Every key of a pattern, sorted.
  async keys(pattern) {
    const found = [];
    let cursor = '0';
    do {
      const [next, some] = await this.command('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000);
      found.push(...some);
      cursor = next;
    } while (cursor !== '0');
    return [...new Set(found)].sort();
  }

  close() {
    this.#socket.destroy();
  }

  #read(bytes) {
    this.#buffer = this.#buffer.length ? Buffer.concat([this.#buffer, bytes]) : bytes;
    for (;;) {
      const parsed = parse(this.#buffer, 0);
      if (!parsed) return;
      this.#buffer = this.#buffer.subarray(parsed.end);
      this.#take(parsed.value);
    }
  }

  #take(value) {
    if (Array.isArray(value) && value[0] === 'pmessage') {
      this.on_message?.(value[2], value[3]);
    } else if (Array.isArray(value) && value[0] === 'message') {
      this.on_message?.(value[1], value[2]);
    } else if (this.#pending.length) {
      const { resolve, reject } = this.#pending.shift();
      if (value instanceof RespError) reject(value);
      else resolve(value);
    } else {
      this.on_line?.(value);
    }
  }
}

// One reply from `at` on, or null while it is incomplete.
function parse(buffer, at) {
  const line_end = buffer.indexOf('\r\n', at);
  if (line_end < 0) return null;
  const line = buffer.toString('utf8', at + 1, line_end);
  const next = line_end + 2;
  switch (String.fromCharCode(buffer[at])) {
    case '+':
      return { value: line, end: next };
    case '-':
      return { value: new RespError(line), end: next };
    case ':':
      return { value: Number(line), end: next };
    case '$': {
      const length = Number(line);
      if (length < 0) return { value: null, end: next };
      if (buffer.length < next + length + 2) return null;
      return { value: buffer.toString('utf8', next, next + length), end: next + length + 2 };
    }
    case '*': {
      const length = Number(line);
      if (length < 0) return { value: null, end: next };
      const value = [];
      let end = next;
      for (let i = 0; i < length; i++) {
        const item = parse(buffer, end);
        if (!item) return null;
        value.push(item.value);
        end = item.end;
      }
      return { value, end };
    }
    default:
      throw new Error(`not RESP: ${line}`);
  }
}
