// Chromium without a window, by its DevTools protocol: opens a page, and evaluates what a test asks
// for in it.

import WebSocket from 'ws';
import { Child, temporary_folder } from '../lib/process.js';
import { PATIENCE_MS, waitFor, within } from '../lib/wait.js';

const PROGRAM = process.env.PARLEY_CHROMIUM ?? 'chromium';

export class Browser {
  problems = []; // what the page complained about: exceptions, and what its policy forbade
  #waiting = new Map();
  #asked = 0;

  static async open(url) {
    const browser = new Browser();
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
    const data = `--user-data-dir=${temporary_folder('browser')}`;
    browser.child = new Child('chromium', PROGRAM, [...flags, data, '--remote-debugging-port=0', 'about:blank']);
    const { host } = await browser.#listening();
    const pages = await (await fetch(`http://${host}/json/list`)).json();
    await browser.#attach(pages.find(({ type }) => type === 'page').webSocketDebuggerUrl);
    await browser.#ask('Runtime.enable');
    await browser.#ask('Log.enable');
    await browser.#ask('Page.enable');
    await browser.#ask('Page.navigate', { url });
    await browser.until('document.readyState', (state) => state === 'complete');
    return browser;
  }

  // The value of an expression in the page; a promise is waited for.
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.#ask('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
    return result.value;
  }

  // Waits until its value `fits`, and gives that.
  async until(expression, fits) {
    let last;
    return waitFor(
      () => `${expression} fits; it is ${JSON.stringify(last)}`,
      async () => {
        last = await this.evaluate(expression);
        return fits(last) ? { last } : null;
      },
    ).then(({ last: value }) => value);
  }

  async close() {
    this.socket?.close();
    await this.child.kill();
  }

  async #listening() {
    const said = () => /DevTools listening on (ws:\S+)/.exec(this.child.lines.join('\n'));
    const found = await waitFor(() => `${PROGRAM} listens\n${this.child.log()}`, said, PATIENCE_MS * 4);
    return new URL(found[1]);
  }

  async #attach(url) {
    this.socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
    this.socket.on('message', (text) => this.#take(JSON.parse(text)));
  }

  #take({ id, method, params, result, error }) {
    if (id !== undefined) {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(new Error(error.message));
      else resolve(result);
    }
    if (method === 'Runtime.exceptionThrown') this.problems.push(params.exceptionDetails.exception?.description);
    if (method === 'Log.entryAdded' && params.entry.source === 'security') this.problems.push(params.entry.text);
  }

  #ask(method, params = {}) {
    const id = ++this.#asked;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.socket.send(JSON.stringify({ id, method, params }));
    return within(PATIENCE_MS * 2, `the answer to ${method}`, answer);
  }
}
