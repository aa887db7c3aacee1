// The crowd of cluster/crowd.js, as a process.

import { Child } from './process.js';
import { waitFor } from './wait.js';

const script = new URL('../cluster/crowd.js', import.meta.url).pathname;

export class Crowd {
  constructor(count, tag, nodes) {
    this.count = count;
    this.child = new Child(`crowd ${tag}`, process.execPath, [script, count, tag, ...nodes.map(({ port }) => port)].map(String));
  }

  // Where things stand: {open, lost, refused, codes, waits}.
  get state() {
    const line = this.child.lines.findLast((text) => text.startsWith('{'));
    return line ? JSON.parse(line) : { open: 0, lost: 0, refused: 0, codes: {}, waits: [0, 0, 0] };
  }

  // All of them are connected, after at least `lost` ends of connections.
  async whole(lost, patience_ms) {
    await waitFor(
      () => `all ${this.count} of the crowd are there: ${JSON.stringify(this.state)}`,
      () => this.state.open === this.count && this.state.lost >= lost,
      patience_ms,
    );
  }

  async stop() {
    if (this.child.running) await this.child.kill();
  }
}
