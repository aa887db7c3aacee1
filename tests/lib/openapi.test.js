// What holds REST answers against their documents, seen to find what is wrong.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { Rest } from './http.js';
import { SURFACES, surface } from './openapi.js';

const options = { timeout: 20000 };
const uuid = '6ba7b811-9dad-11d1-80b4-00c04fd40001';
const json = { 'content-type': 'application/json; charset=utf-8' };

// What is wrong with this answer to that request.
function faults(name, request, status, body, headers = json) {
  const [method, path] = request.split(' ');
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return surface(name).response_faults({ method, path }, { status, headers, text });
}

for (const name of SURFACES) {
  test(`${name}: every answer that the document has is described, and refused where it has more`, options, () => {
    const { operations } = surface(name);
    assert.ok(operations.length > 10);
    for (const { method, template, value } of operations) {
      const path = template.replaceAll(/\{\w+\}/g, 'x');
      for (const [status, response] of Object.entries(value.responses)) {
        const empty = !response.content && !response.$ref;
        const found = faults(name, `${method} ${path}`, Number(status), empty ? 'more' : '"less"');
        assert.notDeepEqual(found, [], `${method} ${template} ${status}`);
        if (empty) assert.deepEqual(faults(name, `${method} ${path}`, Number(status), '', {}), []);
      }
      assert.match(faults(name, `${method} ${path}`, 418, '').join(), /418 is no status of/);
    }
  });
}

test('answers: status, type, body, method, path', options, () => {
  const user = { username: 'alice', user_id: uuid };
  assert.deepEqual(faults('rooms', `GET /user/${uuid}`, 200, user), []);
  assert.match(faults('rooms', `GET /user/${uuid}`, 200, { ...user, key: 'x' }).join(), /additional properties: key/);
  assert.match(faults('rooms', `GET /user/${uuid}`, 200, user, {}).join(), /content type is missing/);
  assert.match(faults('rooms', `GET /user/${uuid}`, 200, '').join(), /the body is not JSON/);
  assert.match(faults('rooms', `GET /user/${uuid}`, 204, '').join(), /204 is no status/);
  assert.deepEqual(faults('rooms', `GET /user/${uuid}`, 404, { error: 'no_such_user' }), []);
  assert.match(faults('rooms', `GET /user/${uuid}`, 404, { error: 'nobody' }).join(), /\/error must be equal/);
  assert.deepEqual(faults('rooms', `PUT /room/${uuid}/users`, 204, '', {}), []);
  assert.match(faults('rooms', `PUT /room/${uuid}/users`, 204, '{}').join(), /there is a body/);
  assert.deepEqual(faults('rooms', `PATCH /user/${uuid}`, 405, { error: 'bad_method' }), []);
  assert.match(faults('rooms', `PATCH /user/${uuid}`, 404, { error: 'bad_method' }).join(), /404 is no status/);
  assert.throws(() => faults('rooms', 'GET /users', 404, ''), /no path like \/users/);
  assert.deepEqual(faults('concord', 'POST /api/users/register', 200, { id: 7, username: 'alice' }), []);
  assert.match(faults('concord', 'GET /api/users/register', 200, {}).join(), /200 is no status/);
});

test('requests: body and query', options, () => {
  const found = (request) => surface('concord').request_faults(request).join();
  const post = { method: 'POST', path: '/api/channels' };
  assert.equal(found({ ...post, body: { name: 'Den' } }), '');
  assert.match(found({ ...post, body: {} }), /required property 'name'/);
  assert.match(found(post), /needs a body/);
  assert.equal(found({ method: 'GET', path: '/api/chats', query: { query: 'x', threadId: -1 } }), '');
  assert.match(found({ method: 'GET', path: '/api/chats', query: { quary: 'x' } }), /\?quary is no parameter/);
  assert.match(found({ method: 'GET', path: '/api/self', body: {} }), /takes no body/);
  assert.match(found({ method: 'PUT', path: '/api/self' }), /does not know PUT/);
  const put = { method: 'GET', path: `/room/${uuid}`, query: { key: 'x' } };
  assert.deepEqual(surface('rooms').request_faults(put), []);
});

test('a client: what it sends, and what it makes of the answer', options, async () => {
  const seen = [];
  let answer = { status: 200, body: { id: 7, username: 'alice' } };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      seen.push({ ...request, url: request.url, headers: request.headers, text: String(Buffer.concat(chunks)) });
      response.writeHead(answer.status, json);
      response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const node = { url: `http://127.0.0.1:${server.address().port}` };
  const api = new Rest(node, 'concord');
  const account = { username: 'alice', password: 'secret' };
  assert.deepEqual(await api.ok('POST', '/api/users/register', account), answer.body);
  assert.deepEqual(JSON.parse(seen[0].text), account);
  await assert.rejects(api.refused(400, 'POST', '/api/users/register', account), /200/);
  await assert.rejects(api.call('POST', '/api/users/register', {}), /not marked as bad[^]*'username'/);
  await assert.rejects(api.call('POST', '/api/users/register', {}, { bad: true }), /was accepted, although/);
  await assert.rejects(api.call('GET', '/api/everything'), /no path like/);
  answer = { status: 403, body: { error: 'forbidden', message: 'not allowed' } };
  const alice = api.with({ bearer: 'abc' });
  assert.equal((await alice.refused(403, 'DELETE', '/api/channels/1')).error, 'forbidden');
  assert.equal(seen.at(-1).headers.authorization, 'Bearer abc');
  await assert.rejects(alice.ok('DELETE', '/api/channels/1'), /403 \{"error":"forbidden"/);
  await assert.rejects(alice.call('POST', '/api/tokens', account), /403 is no status of POST \/api\/tokens/);
  const rooms = new Rest(node, 'rooms', { key: 'k' });
  answer = { status: 204 };
  assert.equal(await rooms.ok('PUT', `/room/${uuid}/users`, { user_id: uuid }), null);
  assert.equal(seen.at(-1).url, `/room/${uuid}/users?key=k`);
  answer = { status: 400, body: { error: 'malformed_json' } };
  await rooms.refused(400, 'PUT', `/room/${uuid}/users`, '{"user_id"');
  assert.equal(seen.at(-1).text, '{"user_id"');
  server.close();
});
