// The page that people read, proto/bridge.md, says what the table has.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PROTOCOLS, TABLE } from './table.js';

const page = readFileSync(new URL('../../proto/bridge.md', import.meta.url), 'utf8');

// kind -> protocol -> what the page says.
function rows_of(text) {
  const lines = text.split('\n').map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
  const rows = lines.filter((cells) => cells.length === PROTOCOLS.length + 1 && cells[0].endsWith('`'));
  return rows.map(([event, ...cells]) => {
    const said = PROTOCOLS.map((protocol, i) => [protocol, cells[i]]);
    return [/`(.*)`$/.exec(event)[1], Object.fromEntries(said)];
  });
}

// What a protocol calls a frame of its own.
function name_of(frame) {
  const filled = frame.replace(/\{(\w+)\}/g, (_, name) => (name === 'to' ? '' : '1'));
  const { type, eventType, messages } = JSON.parse(filled);
  return messages ? 'an item' : eventType ?? type;
}

const page_rows = new Map(rows_of(page));

test('the page has every kind of event, and no other', () => {
  assert.deepEqual([...page_rows.keys()].sort(), [...new Set(TABLE.map(({ kind }) => kind))].sort());
});

for (const { event, kind, shown } of TABLE) {
  test(`the page says how ${event} (${kind}) is shown`, () => {
    for (const protocol of PROTOCOLS) {
      const said = page_rows.get(kind)[protocol];
      if (shown[protocol] === undefined) assert.equal(said, 'not told', protocol);
      else if (shown[protocol] === null) assert.equal(said, '—', protocol);
      else assert.equal(said.replaceAll('`', '').startsWith(name_of(shown[protocol])), true, `${protocol}: ${said}`);
    }
  });
}
