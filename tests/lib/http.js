// HTTP by hand: one request, one answer, no connection kept. And a client of the REST
// surfaces, whose answers are held against their documents (openapi.js).

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { surface } from './openapi.js';
import { PATIENCE_MS } from './wait.js';

export function http(node_url, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(node_url),
      { path, method, headers, agent: false, timeout: PATIENCE_MS },
      (incoming) => {
        const chunks = [];
        incoming.on('data', (chunk) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer to ${method} ${path}`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function query_text(query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

// A client of one REST surface ("native", "concord", "rooms") on a node (a Gateway).
//
//   const api = new Rest(node, 'concord');
//   const { token } = await api.ok('POST', '/api/tokens', { username, password });
//   const alice = api.with({ bearer: token });
//   await alice.refused(403, 'DELETE', '/api/channels/1');
//
// `bearer`: for Authorization; `key`: for rooms' ?key=; `user`: for ?user=. A body is an object;
// a string is sent as it stands. What is sent must be in the document, unless it is a string
// or the options say `bad`; what comes back must be in any case, and what was accepted, too.
export class Rest {
  constructor(node, name, identity = {}) {
    Object.assign(this, { node, name, identity });
    this.surface = surface(name);
  }

  with(identity) {
    return new Rest(this.node, this.name, identity);
  }

  on(node) {
    return new Rest(node, this.name, this.identity);
  }

  // {status, headers, body}: the body parsed, null where there is none.
  async call(method, path, body, { query = {}, headers = {}, bad = false } = {}) {
    const { bearer, key, user } = this.identity;
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    const found = raw ? [] : this.surface.request_faults({ method, path, query, body });
    const what = `${method} ${path}${query_text(query)}`;
    if (found.length && !bad) {
      this.#fail(`${what} is not marked as bad, and is not in`, found, JSON.stringify(body) ?? '');
    }
    const payload = body === undefined || raw ? body : JSON.stringify(body);
    const answer = await http(this.node.url, path + query_text({ key, user, ...query }), {
      method,
      headers: {
        ...(bearer && { authorization: `Bearer ${bearer}` }),
        ...(payload !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(payload),
        }),
        ...headers,
      },
      body: payload,
    });
    const { status, body: text } = answer;
    const faults = this.surface.response_faults({ method, path }, { ...answer, text });
    if (status < 300) faults.push(...found.map((fault) => `was accepted, although ${fault}`));
    if (faults.length) this.#fail(`the answer to ${what} is not as in`, faults, `${status} ${text}`);
    return { status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) };
  }

  // It succeeds. The body of the answer.
  async ok(method, path, body, options) {
    const answer = await this.call(method, path, body, options);
    const told = `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`;
    assert.ok(answer.status >= 200 && answer.status < 300, told);
    return answer.body;
  }

  // It is refused with that status. The body of the answer.
  async refused(status, method, path, body, options) {
    const answer = await this.call(method, path, body, options);
    const told = `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`;
    assert.equal(answer.status, status, told);
    return answer.body;
  }

  #fail(what, faults, text) {
    throw new Error(`${what} ${this.surface.file}:\n${faults.map((each) => `    ${each}\n`).join('')}` +
      `    in ${text.slice(0, 500)}`);
  }
}
