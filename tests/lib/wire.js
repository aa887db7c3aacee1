// HTTP by hand: a connection that writes whatever a test wants, and keeps what comes back.

import { createConnection } from 'node:net';
import { waitFor, within } from './wait.js';

export class Wire {
  received = '';
  closed = false;

  constructor(node) {
    this.socket = createConnection({ port: node.port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (bytes) => { this.received += bytes.toString('latin1'); });
    this.socket.on('error', () => {});
    this.ended = new Promise((resolve) => { this.socket.once('close', resolve); });
    this.ended.then(() => { this.closed = true; });
  }

  write(bytes) {
    this.socket.write(bytes);
    return this;
  }

  // Waits until what came back matches.
  until(pattern) {
    return waitFor(() => `${pattern} on the wire; there is ${this.received.slice(0, 300)}`, () =>
      this.received.match(pattern));
  }

  // Waits until the server closes; gives the answers until then.
  async end(patience_ms = 5000) {
    await within(patience_ms, () => `the end of the connection; there is ${this.received.slice(0, 300)}`, this.ended);
    return this.answers();
  }

  // {status, head, body} of each response so far, by its Content-Length; throws where what came
  // back is no sequence of responses. The last one may be cut short.
  answers() {
    const found = [];
    let rest = this.received;
    while (rest) {
      const end = rest.indexOf('\r\n\r\n');
      const head = end < 0 ? rest : rest.slice(0, end);
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]);
      if (!status) throw new Error(`no response: ${rest.slice(0, 200)}`);
      if (end < 0) return found;
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      if (status >= 200) found.push({ status, head, body: rest.slice(end + 4, end + 4 + length) });
      rest = rest.slice(end + 4 + (status >= 200 ? length : 0));
    }
    return found;
  }
}
