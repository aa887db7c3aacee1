// The native REST API's document must mean what its codec does: each case of
// tests/transcripts/native/codec.json, which tests/unit/proto/test_native_http.c holds the codec
// against, is held against proto/native.openapi.json too.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { surface } from './openapi.js';

const options = { timeout: 20000 };
const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const { requests, answers } = JSON.parse(read('../transcripts/native/codec.json'));
const native = surface('native');

// What a schema finds wrong with a body, as the codec does. What else is refused is none of the
// body's fault, or, where a password is missing, only without the operator's token.
const FAULTS_OF_BODIES = ['MALFORMED', 'USER_ID_MISSING'];

function parts(text) {
  const [method, target] = text.replace(/^admin /, '').split(' ');
  const [path, query = ''] = target.split('?');
  return { method, path, query: Object.fromEntries(new URLSearchParams(query)) };
}

test('native: a request is refused as malformed, or it is in the document', options, () => {
  let refused = 0;
  for (const { request, body, refused: err } of requests) {
    const { method, path, query } = parts(request);
    const found = native.request_faults({ method, path, query, body });
    const what = `${request} ${JSON.stringify(body) ?? ''}`;
    if (err === 'PASSWORD_MISSING') continue;
    if (!FAULTS_OF_BODIES.includes(err)) {
      assert.deepEqual(found, [], what);
    } else if (!Object.keys(query).length) {
      assert.notDeepEqual(found, [], `the document takes ${what}`);
      refused++;
    }
  }
  assert.ok(refused > 50);
});

test('native: every response of the codec is in the document', options, () => {
  for (const { request, status, answer } of answers) {
    const whole = answer === 'native.openapi.json';
    const text = whole ? read('../../proto/native.openapi.json') : (JSON.stringify(answer) ?? '');
    const headers = answer === undefined ? {} : { 'content-type': 'application/json' };
    assert.deepEqual(native.response_faults(parts(request), { status, headers, text }), [], request);
  }
});

test('native: every operation is in some case, with each way in which it succeeds', options, () => {
  const seen = answers.map(({ request, status }) => {
    const { method, path } = parts(request);
    return `${native.find(method, path).operation.pointer} ${status}`;
  });
  for (const { pointer, value } of native.operations) {
    for (const status of Object.keys(value.responses).filter((each) => each < 300)) {
      assert.ok(seen.includes(`${pointer} ${status}`), `${pointer} ${status}`);
    }
  }
});
